"""The machine's FMA peak: independent multiply-adds on registers, in the instruction set that fastnn uses.

    python benchmarks/peak.py [--isa ISA] [--seconds S]

A C file of this folder is compiled with `$CC`, cc, gcc or clang. The best of several short windows counts: the others
were disturbed.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from environment import child_environment, cores

SOURCE = Path(__file__).with_name("peak.c")
# instruction set -> compiler flags, bytes in a vector, accumulators, constraint of a vector register
ISAS = {
    "avx512": (["-mavx512f", "-mprefer-vector-width=512"], 64, 24, "v"),
    "avx2": (["-mavx2", "-mfma"], 32, 12, "x"),
    "baseline": ([], 16, 12, "x"),
    "neon": ([], 16, 24, "w"),
}
TYPES = {"float32": "float", "float64": "double"}
WINDOW = 0.05  # seconds


@dataclass(frozen=True)
class Peak:
    """GFLOP/s on one core and on all of them."""

    one: float
    all: float


def compiler() -> list[str] | None:
    """The C compiler's command, or None where there is none."""
    command = shlex.split(os.environ.get("CC", ""))
    if command and shutil.which(command[0]):
        return command
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return [found] if found else None


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fastnn-peak-")  # gone when the process ends


@functools.cache
def _program(isa: str, dtype: str) -> Path | None:
    cc = compiler()
    if cc is None or isa not in ISAS:
        return None
    flags, size, chains, register = ISAS[isa]
    path = Path(_folder().name) / f"{isa}-{dtype}"
    defines = [f"-DREAL={TYPES[dtype]}", f"-DBYTES={size}", f"-DCHAINS={chains}", f'-DREGISTER="{register}"']
    command = [*cc, "-O3", "-std=gnu11", "-ffp-contract=fast", *flags, *defines, "-pthread", SOURCE, "-o", path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"The peak cannot be measured; {shlex.join(map(str, command))} said:\n{result.stderr}", file=sys.stderr)
        return None
    return path


def _rate(program: Path, threads: int, seconds: float) -> float:
    def window() -> float:
        command = [program, str(threads), str(WINDOW)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=child_environment(threads))
        return float(done.stdout)

    return max(window() for _ in range(max(1, round(seconds / WINDOW))))


def measure(isa: str, dtype: str = "float32", seconds: float = 0.5) -> Peak | None:
    """Measures the peak.

    Args:
        isa: Instruction set, as fastnn calls it.
        dtype: `"float32"` or `"float64"`.
        seconds: How long to measure, on one core and on all of them each.

    Returns:
        The peak, or None where there is no C compiler.
    """
    program = _program(isa, dtype)
    if program is None:
        return None
    return Peak(_rate(program, 1, seconds), _rate(program, cores(), seconds))


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the FMA peak of this machine.")
    parser.add_argument("--isa", choices=ISAS, help="instruction set (default: the one that fastnn uses)")
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each figure (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    isa = arguments.isa
    if isa is None:
        from fastnn import _kernels

        isa = _kernels.isa()
    peaks = {dtype: measure(isa, dtype, arguments.seconds) for dtype in TYPES}
    if None in peaks.values():
        print("The peak needs a C compiler.", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"isa": isa, "cores": cores()} | {k: vars(v) for k, v in peaks.items() if v}))
        return 0
    for dtype, peak in peaks.items():
        assert peak is not None
        print(f"{isa} {dtype}: one core {peak.one:.0f} GFLOP/s, {cores()} cores {peak.all:.0f} GFLOP/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
