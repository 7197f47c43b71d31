"""One epoch of training, beside NumPy and whatever peers are installed here: `train.py` is the full comparison."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from cases import CASES

STEPS = 16  # in an epoch, at most


@pytest.mark.parametrize("peer", ["fastnn", "numpy", "torch"])
@pytest.mark.parametrize("name", ["seed", "mnist"])
def test_epoch(benchmark: BenchmarkFixture, name: str, peer: str) -> None:
    case = CASES[name].cut(STEPS)
    benchmark.group = f"{case.name}, {case.network}: {case.steps} steps"
    x, y = case.data()
    trainer = trainer_of(peer, case, x, y)
    before = case.mean_loss(case.weights(), x, y)
    trainer.train(2)
    assert case.mean_loss(trainer.weights(), x, y) < before
    benchmark.pedantic(trainer.train, args=(1,), rounds=10, warmup_rounds=2)


def trainer_of(peer: str, case: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's own
        if peer == "torch":
            pytest.importorskip("torch")
        return importlib.import_module(f"peers.{peer}").Trainer(case, x, y)


def test_peers_take_the_same_steps() -> None:
    """From the same weights, over an epoch that one batch covers, shuffling changes nothing: the weights agree."""
    import numpy as np

    for case in CASES.values():
        case = case.cut(1)
        if case.sizes[0] > 1024:
            continue
        x, y = case.data()
        fastnn, numpy = (trainer_of(peer, case, x, y) for peer in ("fastnn", "numpy"))
        for trainer in (fastnn, numpy):
            trainer.train(3)
        for a, b, start in zip(fastnn.weights(), numpy.weights(), case.weights(), strict=True):
            moved = np.abs(b - start).max()
            assert moved > 1e-3
            np.testing.assert_allclose(a, b, rtol=0, atol=0.05 * moved)
