"""Runs the kernels' benchmarks, and makes a table of fastnn beside NumPy.

python benchmarks/compare.py                        runs them all, and prints the table
python benchmarks/compare.py -k "linear and 64"     runs those that pytest's -k selects
python benchmarks/compare.py --keep kernels.json    keeps the figures as well
python benchmarks/compare.py kernels.json           prints the table of figures that were kept, or of a file that
                                                    pytest wrote with --benchmark-json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import environment

HERE = Path(__file__).resolve().parent
# (kernel, longest side up to which it holds, ratio) beyond "never slower than NumPy"
FLOORS = [("linear relu", 256, 2.0)]
BUSY = 0.3  # load at which figures of several threads mean nothing any more


def run(select: str | None, seconds: float) -> dict[str, Any]:
    """Runs the benchmarks in a process without misleading settings; returns what pytest-benchmark wrote."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", "-q", str(HERE / "test_kernels.py"), f"--benchmark-json={file}"]
        command += [f"--benchmark-max-time={seconds}", "--benchmark-warmup=on", "--benchmark-disable-gc"]
        command += ["--benchmark-warmup-iterations=10", "--benchmark-quiet", "-p", "no:cacheprovider"]
        command += ["-k", select] if select else []
        subprocess.run(command, env=environment.child_environment(environment.cores()), cwd=HERE.parent, check=True)
        return json.loads(file.read_text(encoding="utf-8"))


def figures(benchmarks: dict[str, Any]) -> list[dict[str, Any]]:
    """Pairs of times in microseconds, each the fastest round's: whatever else ran on the machine only ever adds."""
    pairs: dict[tuple[str, str, str], dict[str, float]] = {}
    for one in benchmarks["benchmarks"]:
        info = one["extra_info"]
        key = info["kernel"], info["dtype"], info["size"]
        pairs.setdefault(key, {})[info["by"]] = one["stats"]["min"] * 1e6
    return [
        {"kernel": kernel, "dtype": dtype, "size": size, **{by: round(t, 4) for by, t in times.items()}}
        for (kernel, dtype, size), times in pairs.items()
        if len(times) == 2
    ]


def floor_of(kernel: str, size: str) -> float:
    """How many times as fast as NumPy a kernel must be."""
    side = max(int(part) for part in size.split("x"))
    return max([1.0, *(ratio for name, limit, ratio in FLOORS if name == kernel and side <= limit)])


def table(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Lines of the table; a remark stands behind each ratio that is too low."""
    lines = [f"{'kernel':40} {'dtype':8} {'size':>16} {'NumPy us':>12} {'fastnn us':>12} {'ratio':>8}"]
    for row in rows:
        ratio, floor = row["numpy"] / row["fastnn"], floor_of(row["kernel"], row["size"])
        remark = "" if ratio >= floor else "  SLOWER" if ratio < 1 else f"  below {floor:g}"
        lines.append(
            f"{row['kernel']:40} {row['dtype']:8} {row['size']:>16} {row['numpy']:12.3f} {row['fastnn']:12.3f} "
            f"{ratio:8.2f}{remark}"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="The kernels beside NumPy.")
    parser.add_argument("file", nargs="?", type=Path, help="figures that were kept, or pytest-benchmark's JSON")
    parser.add_argument("-k", dest="select", help="what to run, as for pytest")
    parser.add_argument("--seconds", type=float, default=0.2, help="time for each side of each pair")
    parser.add_argument("--keep", type=Path, help="file for the figures")
    given = parser.parse_args()

    if given.file:
        result = json.loads(given.file.read_text(encoding="utf-8"))
        if "benchmarks" in result:
            result = {"rows": figures(result)}
    else:
        load = os.getloadavg()[0]
        rows = figures(run(given.select, given.seconds))
        result = {"environment": environment.describe() | {"load before": load}, "rows": rows}
        if given.keep:
            given.keep.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, value in result.get("environment", {}).items():
        print(f"{name}: {value}")
    lines = table(result["rows"])
    print("\n".join(lines))
    if result.get("environment", {}).get("load before", 0) > BUSY:
        print("The machine was busy: NumPy's threads, which wait for each other, then look far slower than they are.")
    print(f"{sum(line.endswith('SLOWER') for line in lines)} of {len(lines) - 1} slower than NumPy")


if __name__ == "__main__":
    main()
