"""Counts the instructions of a few steps, predictions and kernels: a guard against regressions that noise cannot fool.

python benchmarks/instructions.py             counts, and compares with instructions.json (exit code 1 where one grew)
python benchmarks/instructions.py --update    counts, and writes instructions.json

Valgrind's callgrind runs the work with AVX2, which is the most that it knows, on one thread. Counts depend on the
compiler and on Python, so they are compared with those of the same ones alone. What is counted lies between two calls
of `getppid`, for which callgrind closes its books: once and twice the same work, so that what Python does around it
drops out of the difference.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.bench.environment import child_environment

KEPT = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.03  # of a count that was kept; what varies from run to run is below a thousandth
ISA = "avx2"


def training(name: str, steps: int) -> tuple[Callable[[int], Any], int]:
    """Steps of a case of the suite: what runs n times so many, and how many."""
    from fastnn.bench.cases import CASES
    from fastnn.bench.peers.fastnn import Trainer

    case = CASES[name]
    x, y = (np.resize(a, (2 * steps * case.batch, *a.shape[1:])) for a in case.data())
    model = Trainer(case, x, y).model

    def work(n: int) -> None:
        rows = n * steps * case.batch
        model.fit(x[:rows], y[:rows], batch_size=case.batch, shuffle=False, verbose=0)

    return work, steps


def calls(call: Callable[[], Any], many: int) -> tuple[Callable[[int], Any], int]:
    """Calls: the same."""

    def work(n: int) -> None:
        for _ in range(n * many):
            call()

    return work, many


def works() -> dict[str, tuple[Callable[[int], Any], int]]:
    """What is counted, by name."""
    from fastnn import ops
    from fastnn.bench.cases import PREDICTED
    from fastnn.bench.peers.fastnn import model_of

    random = np.random.default_rng(0)
    model = model_of(PREDICTED)
    one = random.standard_normal((1, 64), np.float32)
    x, w, b, y = (random.standard_normal(shape, np.float32) for shape in [(64, 64), (64, 64), (64,), (64, 64)])
    many = random.standard_normal(4096, np.float32)
    out = np.empty_like(many)
    return {
        "seed, a step": training("seed", 1024),
        "rl, a step": training("rl", 64),
        "one sample, model(x)": calls(lambda: model(one), 200),
        "one sample, predict(x, verbose=0)": calls(lambda: model.predict(one, verbose=0), 200),
        "linear relu, 64x64x64": calls(lambda: ops.linear(x, w, b, "relu", y), 50),
        "tanh, 4096": calls(lambda: ops.tanh(many, out=out), 50),
    }


def child() -> None:
    """What callgrind runs."""
    for work, _ in works().values():
        work(2)
        work(1)  # everything is compiled and warm
        os.getppid()
        work(1)
        os.getppid()
        work(2)
        os.getppid()


def count() -> dict[str, int]:
    """Instructions of each piece of work, by name."""
    environment = child_environment(1) | {"FASTNN_ISA": ISA, "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        books = Path(folder) / "callgrind"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={books}", "--dump-before=getppid"]
        done = subprocess.run(
            [*command, sys.executable, __file__, "--child"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"valgrind failed:\n{done.stderr[-2000:]}")
        totals = [
            int(re.findall(r"^summary: (\d+)", part.read_text(encoding="utf-8"), re.MULTILINE)[0])
            for part in sorted(books.parent.glob("callgrind.*"), key=lambda part: int(part.suffix[1:]))
        ]
    # of each piece of work: what came before, once, twice
    names = works()
    if len(totals) != 3 * len(names):
        raise SystemExit(f"expected {3 * len(names)} books of callgrind. Received: {len(totals)}")
    return {
        name: round((totals[3 * i + 2] - totals[3 * i + 1]) / per) for i, (name, (_, per)) in enumerate(names.items())
    }


def compared(found: dict[str, int], kept: dict[str, int]) -> tuple[list[str], bool]:
    """Lines of a table, and whether all is well: no count is missing, none has grown by more than the tolerance."""
    lines, well = [], True
    for name, new in found.items():
        old = kept.get(name)
        remark = "  NOT KEPT"
        if old is not None:
            change = new / old - 1
            remark = f"{100 * change:+7.1f}%" + ("  MORE" if change > TOLERANCE else "")
        well &= old is not None and new <= old * (1 + TOLERANCE)
        lines.append(f"{name:36}{new:>12,}{remark}")
    return lines, well


def main() -> int:
    parser = argparse.ArgumentParser(description="Counts instructions, and compares them with those that were kept.")
    parser.add_argument("--update", action="store_true", help="keep the counts")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child()
        return 0
    from fastnn import _kernels

    if shutil.which("valgrind") is None:
        print("SKIPPED: no valgrind")
        return 0
    if ISA not in _kernels.available_isas():
        print(f"SKIPPED: this machine has no {ISA}")
        return 0
    made_by = f"{_kernels.compiler()}, Python {sys.version_info.major}.{sys.version_info.minor}"
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if not arguments.update and kept["made_by"] != made_by:
        print(f"SKIPPED: counts of {kept['made_by']} say nothing of {made_by}")
        return 0
    found = count()
    lines, well = compared(found, kept["counts"])
    print("\n".join(lines))
    if arguments.update:
        result = {"made_by": made_by, "isa": ISA, "counts": found}
        KEPT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        return 0
    if not well:
        print(f"More than {TOLERANCE:.0%} above what was kept: make it less, or say why and run with --update.")
    return not well


if __name__ == "__main__":
    sys.exit(main())
