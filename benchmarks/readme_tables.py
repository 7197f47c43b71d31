"""Writes the README's section on speed from the results that are kept in `benchmarks/results`.

python benchmarks/readme_tables.py            rewrites the section
python benchmarks/readme_tables.py --check    only says whether it is up to date (exit code 1 where it is not)
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
RESULTS = HERE / "results"
UNSTEADY = 1.5  # times the fastest round's, the slowest's
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"
MEASURE = (
    "Figures depend on the machine, so measure yours:\n"
    "`python -m pip install '.[bench]' && python benchmarks/train.py`.\n"
    "[benchmarks/README.md](benchmarks/README.md) says what is measured, and how each peer is run."
)


def microseconds(value: float) -> str:
    """Three figures; whole numbers with thousands set apart from 100 up."""
    return f"{round(value, 2 - math.floor(math.log10(value))):,.0f}" if value >= 100 else f"{value:.3g}"


def times(ratio: float) -> str:
    """Two figures, and no powers of ten."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def steady(result: dict[str, Any]) -> bool:
    """Whether the rounds agree well enough for one figure to stand for them."""
    rounds = result["us_per_step_of_rounds"]
    return max(rounds) <= UNSTEADY * min(rounds)


def steps(result: dict[str, Any]) -> str:
    """Microseconds of a step; from the fastest round to the slowest where they disagree."""
    if steady(result):
        return microseconds(result["us_per_step"])
    rounds = result["us_per_step_of_rounds"]
    return f"{microseconds(min(rounds))} – {microseconds(max(rounds))}"


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def provenance(environment: dict[str, Any]) -> str:
    e = environment
    commit = (e["commit"] or "unknown")[:12]
    return (
        f"{e['cpu']}, {e['cores']} cores, {e['isa']}, {e['threads']} threads, {e['compiler']}, Python {e['python']}, "
        f"NumPy {e['numpy']}, fastnn {e['fastnn']} at {commit}, {e['date'][:10]}."
    )


def training(result: dict[str, Any]) -> list[str]:
    """The table of whole trainings: a row a network, a column a peer."""
    cases, peers = result["cases"], result["peers"]
    names = [name for name in peers if any(r["peer"] == name for case in cases for r in case["results"])]
    lines = [
        "**Training**, microseconds a step, and in brackets how many times as long as fastnn's. Float32, Adam,",
        "shuffled mini-batches, after a warm-up epoch; every peer on the same data, at its best, in its own process.",
        "Where the rounds of a run differ by more than half, both ends are shown, and nothing is compared.",
        "",
        row(["network", "batch", *(f"**{peers[n]['label']}**" if n == "fastnn" else peers[n]["label"] for n in names)]),
        row(["---", "--:", *("--:" for _ in names)]),
    ]
    for case in cases:
        found = {r["peer"]: r for r in case["results"]}
        cells = [f"{case['network']}", str(case["batch"])]
        for name in names:
            if name not in found:
                cells.append("–")
                continue
            text = steps(found[name])
            compared = name != "fastnn" and steady(found[name]) and steady(found["fastnn"])
            ratio = f" ({times(found[name]['times_fastnn'])}×)" if compared else ""
            cells.append(f"**{text}**" if name == "fastnn" else f"{text}{ratio}")
        lines.append(row(cells))
    rates = []
    for case in cases:
        own = next(r for r in case["results"] if r["peer"] == "fastnn")
        if own["share_of_peak"] is not None and steady(own):
            rates.append(f"{case['network']} {own['gflops']:.3g} GFLOP/s ({100 * own['share_of_peak']:.0f}%)")
    if rates:
        peaks = [case["peak_gflops"]["all_cores"] for case in cases]
        lines += [
            "",
            "fastnn's rate, its matrix products divided by the time of a whole step, and that as a part of the peak of",
            f"multiply-add units ({min(peaks):.0f} to {max(peaks):.0f} GFLOP/s then): {', '.join(rates)}.",
        ]
    versions: dict[str, str] = {}
    for name in names:
        versions |= {k: v for k, v in peers[name]["versions"].items() if k not in ("fastnn-cpu", "numpy")}
    with_versions = f" {', '.join(f'{k} {v}' for k, v in versions.items())}." if versions else ""
    return [*lines, "", f"{provenance(result['environment'])}{with_versions}"]


def kernels(result: dict[str, Any]) -> list[str]:
    """The table of kernels: how many times as fast as NumPy, over all sizes."""
    groups: dict[str, dict[str, list[float]]] = {}
    for r in result["rows"]:
        groups.setdefault(r["kernel"], {}).setdefault(r["dtype"], []).append(r["numpy"] / r["fastnn"])
    dtypes = sorted({dtype for group in groups.values() for dtype in group})
    lines = [
        "**Kernels**, how many times as fast as the NumPy that a careful user would write: median over sizes, and in",
        "brackets the least and the most.",
        "",
        row(["kernel", *dtypes]),
        row(["---", *("--:" for _ in dtypes)]),
    ]
    for kernel, by_dtype in groups.items():
        cells = [kernel]
        for dtype in dtypes:
            ratios = sorted(by_dtype.get(dtype, []))
            middle = ratios[len(ratios) // 2] if ratios else 0
            cells.append(f"{times(middle)} ({times(ratios[0])} – {times(ratios[-1])})" if ratios else "–")
        lines.append(row(cells))
    return [*lines, "", provenance(result["environment"])]


def section() -> str:
    """What stands between the two marks."""
    parts = [
        "\n".join(render(json.loads((RESULTS / name).read_text(encoding="utf-8"))))
        for name, render in (("training.json", training), ("kernels.json", kernels))
        if (RESULTS / name).exists()
    ]
    return "\n\n".join([*parts, MEASURE])


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the README's section on speed from the results that are kept.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where the section is old")
    arguments = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        print(f"README.md: expected {BEGIN} and {END}.", file=sys.stderr)
        return 1
    wanted = f"{before}{BEGIN}\n{section()}\n{END}{after}"
    if wanted == text:
        return 0
    if arguments.check:
        print("README.md differs from benchmarks/results: run `python benchmarks/readme_tables.py`.", file=sys.stderr)
        return 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
