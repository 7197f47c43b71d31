"""Writes the README's section on speed, and its pictures, from the results that are kept in `benchmarks/results`.

python benchmarks/readme_tables.py            rewrites the section and draws the pictures; needs matplotlib
python benchmarks/readme_tables.py --check    only says whether the section is up to date (exit code 1 where not)

A result may hold all sections or some of them: each section is taken from the newest result that has it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.bench.figures import figure, ratio, steady, times

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
RESULTS = HERE / "results"
PICTURES = RESULTS / "pictures"
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"
MEASURE = (
    "Figures depend on the machine, so measure yours: `python -m pip install '.[bench]' && python -m fastnn bench`,\n"
    "with `--quick` for a first look. [benchmarks/README.md](benchmarks/README.md) says what is measured, and how\n"
    "each peer is run."
)


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def provenance(result: dict[str, Any]) -> str:
    """What a section was measured on and with."""
    e = result["environment"]
    commit = (e["commit"] or "unknown")[:12]
    versions: dict[str, str] = {}
    for peer in result.get("peers", {}).values():
        versions |= {k: v for k, v in peer["versions"].items() if k not in ("fastnn-cpu", "numpy")}
    with_versions = f" {', '.join(f'{k} {v}' for k, v in versions.items())}." if versions else ""
    return (
        f"{e['cpu']}, {e['cores']} cores, {e['isa']}, {e['threads']} threads, {e['compiler']}, Python {e['python']}, "
        f"NumPy {e['numpy']}, fastnn {e['fastnn']} at {commit}, {e['date'][:10]}.{with_versions}"
    )


def peers_in(result: dict[str, Any], tables: list[dict[str, Any]]) -> list[str]:
    """Names of the peers that have figures, in the order of the result."""
    return [name for name in result["peers"] if any(r["peer"] == name for table in tables for r in table["results"])]


def heads(result: dict[str, Any], names: list[str]) -> list[str]:
    labels = [result["peers"][name]["label"] for name in names]
    return [f"**{label}**" if name == "fastnn" else label for name, label in zip(names, labels, strict=True)]


def cell(found: dict[str, Any] | None, own: dict[str, Any] | None, key: str) -> str:
    """A figure, and how many times fastnn's it is where that can be said."""
    if found is None:
        return "–"
    if own is None or found["peer"] == "fastnn":
        return f"**{figure(found, key)}**" if found["peer"] == "fastnn" else figure(found, key)
    compared = ratio(found, own, key)
    return figure(found, key) + ("" if compared is None else f" ({times(compared)}×)")


def of_peer(table: dict[str, Any], name: str) -> dict[str, Any] | None:
    return next((r for r in table["results"] if r["peer"] == name), None)


def training(result: dict[str, Any], section: str = "training") -> list[str]:
    """The table of whole trainings: a row a network, a column a peer."""
    cases = result[section]
    names = peers_in(result, cases)
    varied = section == "variants"
    lines = [
        "**Training**, microseconds a step, and in brackets how many times as long as fastnn's. Float32, Adam,"
        if not varied
        else "**Other shapes, activations, optimizers and layers**, microseconds a step; float32, ReLU, Adam else,",
        "shuffled mini-batches, after a warm-up epoch; every peer on the same data, at its best, in its own process.",
        "Where the rounds of a run differ by more than half, both ends are shown, and nothing is compared.",
        "",
        row(["network", "batch", *heads(result, names)]),
        row(["---", "--:", *("--:" for _ in names)]),
    ]
    for case in cases:
        network = ", ".join(text for text in (case["network"], case["setting"]) if text)
        own = of_peer(case, "fastnn")
        cells = [cell(of_peer(case, name), own, "us_per_step") for name in names]
        lines.append(row([network, str(case["batch"]), *cells]))
    rates = []
    for case in cases:
        own = of_peer(case, "fastnn")
        if own is not None and own["share_of_peak"] is not None and steady(own, "us_per_step"):
            rates.append(f"{case['network']} {own['gflops']:.3g} GFLOP/s ({100 * own['share_of_peak']:.0f}%)")
    if rates and not varied:
        peaks = [case["peak_gflops"]["all_cores"] for case in cases]
        lines += [
            "",
            "fastnn's rate, its matrix products divided by the time of a whole step, and that as a part of the peak of",
            f"multiply-add units ({min(peaks):.0f} to {max(peaks):.0f} GFLOP/s then): {', '.join(rates)}.",
        ]
    return lines


def variants(result: dict[str, Any]) -> list[str]:
    return training(result, "variants")


def inference(result: dict[str, Any]) -> list[str]:
    """The table of predictions: a row a call, a column a number of samples."""
    tables = result["inference"]
    labels = {name: about["label"] for name, about in result["peers"].items()}
    calls = list(dict.fromkeys((r["peer"], r["call"]) for table in tables for r in table["results"]))
    lines = [
        f"**Predictions** of {tables[0]['network']}, {tables[0]['activation']}: microseconds from the call in Python",
        "to the result, and in brackets how many times as long as fastnn's `model(x)`.",
        "",
        row(["", "call", *("one sample" if t["rows"] == 1 else f"{t['rows']:,} samples" for t in tables)]),
        row(["---", "---", *("--:" for _ in tables)]),
    ]
    for peer, call in calls:
        found = [next((r for r in t["results"] if (r["peer"], r["call"]) == (peer, call)), None) for t in tables]
        cells = [cell(f, of_peer(t, "fastnn"), "us") for f, t in zip(found, tables, strict=True)]
        lines.append(row([labels[peer], f"`{call}`" if "(" in call else call, *cells]))
    return lines


def startup(result: dict[str, Any]) -> list[str]:
    """The table of cold starts."""
    table = result["startup"]
    own = of_peer(table, "fastnn")
    lines = [
        f"**Cold start**: seconds from the start of Python to the end of the first step of {table['network']}, and of",
        "that for the import, NumPy included.",
        "",
        row(["", "first step", "import"]),
        row(["---", "--:", "--:"]),
    ]
    for r in table["results"]:
        label = result["peers"][r["peer"]]["label"]
        lines.append(row([label, cell(r, own, "seconds"), figure(r, "import_seconds")]))
    return lines


def memory(result: dict[str, Any]) -> list[str]:
    """The table of memory: a row a network, a column a peer."""
    tables = result["memory"]
    names = peers_in(result, tables)
    lines = [
        "**Memory**: millions of bytes that training takes at most, beyond the library and the data; and what the",
        "weights, their gradients, Adam's moments and a batch's activations come to.",
        "",
        row(["network", "batch", "needed", *heads(result, names)]),
        row(["---", "--:", "--:", *("--:" for _ in names)]),
    ]
    for table in tables:
        own = of_peer(table, "fastnn")
        cells = [cell(of_peer(table, name), own, "megabytes") for name in names]
        lines.append(row([table["network"], str(table["batch"]), f"{table['least_megabytes']:.3g}", *cells]))
    return lines


def kernels(result: dict[str, Any]) -> list[str]:
    """The table of kernels: how many times as fast as NumPy, over all sizes."""
    groups: dict[str, dict[str, list[float]]] = {}
    for r in result["kernels"]:
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
    return lines


PARTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "training": training,
    "variants": variants,
    "inference": inference,
    "startup": startup,
    "memory": memory,
    "kernels": kernels,
}


def newest(folder: Path) -> dict[str, dict[str, Any]]:
    """By section, the newest result that has it."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    results.sort(key=lambda result: str(result["environment"]["date"]))
    return {name: result for result in results for name in PARTS if result.get(name)}


def section(results: dict[str, dict[str, Any]], pictures: Path) -> str:
    """What stands between the two marks."""
    parts = []
    for name, write in PARTS.items():
        if name not in results:
            continue
        picture = pictures / f"{name}.png"
        if picture.exists():
            shown = picture.relative_to(README.parent).as_posix()
            parts.append(f"![Microseconds by library, on a logarithmic axis: the table below as a picture]({shown})")
        parts.append("\n".join([*write(results[name]), "", provenance(results[name])]))
    return "\n\n".join([*parts, MEASURE])


def draw(results: dict[str, dict[str, Any]]) -> None:
    """Draws the pictures of the sections that have one."""
    from fastnn.bench import plots

    for name, result in results.items():
        plots.draw({name: result[name], "peers": result["peers"]}, PICTURES)


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
    results = newest(RESULTS)
    if not arguments.check:
        draw(results)
    wanted = f"{before}{BEGIN}\n{section(results, PICTURES)}\n{END}{after}"
    if wanted == text:
        return 0
    if arguments.check:
        print("README.md differs from benchmarks/results: run `python benchmarks/readme_tables.py`.", file=sys.stderr)
        return 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
