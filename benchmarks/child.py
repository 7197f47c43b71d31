"""Trains one case with one peer, in a process of its own, and prints what it saw as a line of JSON.

`train.py` runs it with the Python that has the peer; it needs nothing but the peer and NumPy.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import sys
import time
from typing import Any

NOT_INSTALLED = 3
FEWEST_EPOCHS = 3
MOST_EPOCHS = 4096


def versions(distributions: list[str]) -> dict[str, str]:
    """Versions of those that are installed, by name."""
    result = {}
    for name in distributions:
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result


def measure(trainer: Any, seconds: float) -> list[float]:
    """Seconds of each epoch of one call that lasts about this long; shorter calls before it are warm-up."""
    epochs = 1
    while True:
        result = trainer.train(epochs)
        total = sum(result)
        if epochs >= MOST_EPOCHS or (total >= 0.7 * seconds and epochs >= FEWEST_EPOCHS):
            return result
        enough = round(seconds * epochs / max(total, 1e-9))
        epochs = min(max(enough, FEWEST_EPOCHS), 16 * epochs, MOST_EPOCHS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("case")
    parser.add_argument("--steps", type=int, required=True, help="at most so many in an epoch")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--distributions", nargs="*", default=[])
    arguments = parser.parse_args()

    start = time.perf_counter()
    try:
        peer = importlib.import_module(f"peers.{arguments.peer}")
    except ModuleNotFoundError as error:
        print(f"no module {error.name}", file=sys.stderr)
        return NOT_INSTALLED
    imported = time.perf_counter()

    from cases import CASES

    case = CASES[arguments.case].cut(arguments.steps)
    x, y = case.data()
    before = case.mean_loss(case.weights(), x, y)

    built = time.perf_counter()
    trainer = peer.Trainer(case, x, y)
    trainer.train(1)
    warm = time.perf_counter()
    after = case.mean_loss(trainer.weights(), x, y)

    seconds = measure(trainer, arguments.seconds)
    result = {
        "seconds": seconds,
        "import_seconds": imported - start,
        "first_epoch_seconds": warm - built,
        "loss_before": before,
        "loss_after_one_epoch": after,
        "loss_at_end": case.mean_loss(trainer.weights(), x, y),
        "versions": versions(arguments.distributions),
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
