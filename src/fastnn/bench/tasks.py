"""What a child process measures: a training, a cold start, memory, predictions, kernels."""

from __future__ import annotations

import contextlib
import importlib.metadata
import time
from typing import Any

import numpy as np

from . import process_memory
from .cases import CASES, Case

FEWEST_EPOCHS = 3
MOST_EPOCHS = 4096
BLOCK = 2e-3  # seconds: calls are timed so many together


def versions(distributions: list[str]) -> dict[str, str]:
    """Versions of those that are installed, by name."""
    result = {}
    for name in distributions:
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result


def long_enough(trainer: Any, seconds: float) -> list[float]:
    """Seconds of each epoch of one call that lasts about this long; shorter calls before it are warm-up."""
    epochs = 1
    while True:
        result: list[float] = trainer.train(epochs)
        total = sum(result)
        if epochs >= MOST_EPOCHS or (total >= 0.7 * seconds and epochs >= FEWEST_EPOCHS):
            return result
        enough = round(seconds * epochs / max(total, 1e-9))
        epochs = min(max(enough, FEWEST_EPOCHS), 16 * epochs, MOST_EPOCHS)


def train(peer: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Seconds of epochs, of the first one, and whether the loss falls."""
    case = Case.of(request["case"])
    x, y = case.data()
    before = case.mean_loss(case.weights(), x, y)
    built = time.perf_counter()
    trainer = peer.Trainer(case, x, y)
    trainer.train(1)
    warm = time.perf_counter()
    after = case.mean_loss(trainer.weights(), x, y)
    seconds = long_enough(trainer, request["seconds"])
    return {
        "seconds": seconds,
        "first_epoch_seconds": warm - built,
        "loss_before": before,
        "loss_after_one_epoch": after,
        "loss_at_end": case.mean_loss(trainer.weights(), x, y),
        "versions": versions(request["distributions"]),
    }


def start(peer: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Seconds from the start of the process to the end of its first step."""
    case = Case.of(request["case"]).cut(1)
    x, y = case.data()
    peer.Trainer(case, x, y).train(1)
    return {
        "seconds": time.monotonic() - request["started"],
        "import_seconds": request["import_seconds"],
        "versions": versions(request["distributions"]),
    }


def memory(peer: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Bytes that training takes at most, beyond what the process has with the library, warm, and the data.

    Warm, since the code of a large library is read from its files while it trains for the first time: 85 MB of PyTorch.
    """
    case, small = Case.of(request["case"]), CASES["seed"].cut(2)
    trainer_of = getattr(peer, "FrugalTrainer", peer.Trainer)
    trainer_of(small, *small.data()).train(2)
    x, y = case.data()
    before = process_memory.forget_peak()
    trainer = trainer_of(case, x, y)
    trainer.train(2)
    return {"bytes": process_memory.peak() - before, "versions": versions(request["distributions"])}


def predict(peer: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Seconds of a prediction, for each way of asking the peer for one."""
    case = Case.of(request["case"])
    x = case.data()[0][: request["rows"]]
    expected = case.outputs(case.weights(), x)
    predictor = peer.Predictor(case)
    given = predictor.prepare(x)
    result = {}
    with getattr(predictor, "within", contextlib.nullcontext)():
        for name, call in predictor.calls().items():
            np.testing.assert_allclose(np.asarray(call(given)), expected, rtol=0, atol=1e-4)
            result[name] = seconds_of(lambda call=call: call(given), request["seconds"])
    return {"seconds": result, "versions": versions(request["distributions"])}


def seconds_of(call: Any, seconds: float) -> float:
    """Seconds of a call: the median over blocks of calls, after a warm-up."""
    many = 1
    while (took := block(call, many)) < BLOCK:
        many *= 2
    blocks = max(5, round(seconds / took))
    return float(np.median([block(call, many) for _ in range(blocks)])) / many


def block(call: Any, many: int) -> float:
    """Seconds of so many calls."""
    begin = time.perf_counter()
    for _ in range(many):
        call()
    return time.perf_counter() - begin


def kernels(peer: None, request: dict[str, Any]) -> dict[str, Any]:
    """Seconds of pairs of kernels, NumPy's and fastnn's."""
    from .kernel_pairs import pairs

    return {"rows": [pair.timed(request["seconds"]) for pair in pairs() if pair.id in set(request["ids"])]}


TASKS = {"train": train, "start": start, "memory": memory, "predict": predict, "kernels": kernels}
