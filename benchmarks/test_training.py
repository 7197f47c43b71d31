"""Every peer that is installed here takes the steps of every case, and takes the same ones."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fastnn.bench.cases import CASES, PREDICTED, VARIANTS, Case
from fastnn.bench.peers import PREDICTORS, TRAINERS

STEPS = 16  # in an epoch, at most
ALL_CASES = [*CASES.values(), *VARIANTS.values()]
# Where a peer is another algorithm, or draws weights of its own.
OTHER_STEPS = {"sklearn"}
# Where Adam's epsilon is added to the corrected root, which tells where a slope is next to nothing.
OTHER_EPSILON = {"torch"}


def peer_module(peer: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's own
        try:
            return importlib.import_module(f"fastnn.bench.peers.{peer}")
        except ModuleNotFoundError as error:
            pytest.skip(f"no module {error.name}")


def trainer_of(peer: str, case: Case) -> Any:
    x, y = case.data()
    try:
        return peer_module(peer).Trainer(case, x, y)
    except NotImplementedError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("peer", ["fastnn", "numpy", "torch"])
@pytest.mark.parametrize("name", ["seed", "mnist"])
def test_epoch(benchmark: BenchmarkFixture, name: str, peer: str) -> None:
    case = CASES[name].cut(STEPS)
    benchmark.group = f"{case.name}, {case.network}: {case.steps} steps"
    trainer = trainer_of(peer, case)
    trainer.train(2)
    benchmark.pedantic(trainer.train, args=(1,), rounds=10, warmup_rounds=2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", [peer for peer in TRAINERS if peer not in ("numpy", "torch_compile")])
@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_peers_take_the_same_steps(case: Case, peer: str) -> None:
    """From the same weights, over an epoch that one batch covers, shuffling changes nothing: the weights agree.

    They agree with NumPy's, or where that has no such layers with fastnn's; with dropout, only that it learns is seen.
    """
    case = case.cut(1)
    if case.sizes[0] > 1024:
        pytest.skip("only worth the wait with a clock")
    trainer = trainer_of(peer, case)
    x, y = case.data()
    before = case.mean_loss(case.weights(), x, y)
    trainer.train(3)
    if peer in OTHER_STEPS:
        return
    assert case.mean_loss(trainer.weights(), x, y) < before
    if case.dropout:
        return
    other = trainer_of("fastnn" if case.normalization else "numpy", case)
    other.train(3)
    for a, b, start in zip(trainer.weights(), other.weights(), case.weights(), strict=True):
        moved = float(np.abs(b - start).max())
        if case.normalization and moved < 1e-4:
            continue  # the bias of sums that are normalized has no slope
        assert moved > 1e-6
        # All but the few whose slope is next to nothing, as Adam makes whole steps of them.
        share = 0.5 if peer in OTHER_EPSILON and case.optimizer == "adam" else 0.95
        assert np.quantile(np.abs(a - b), share) < 0.02 * moved


@pytest.mark.parametrize("peer", ["numpy", "torch"])
def test_frugal_trainers_take_the_same_steps(peer: str) -> None:
    case = replace(CASES["rl"], samples=200)  # of which the last batch has eight
    module, weights = peer_module(peer), []
    for kind in (module.Trainer, module.FrugalTrainer):
        if peer == "torch":
            module.torch.manual_seed(0)
        trainer = kind(case, *case.data())
        trainer.train(2)
        weights.append(trainer.weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", PREDICTORS)
def test_peers_predict_the_same(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if peer == "torch_compile":
        pytest.skip("compiles for long")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    x = PREDICTED.data()[0][:5]
    predictor = peer_module(peer).Predictor(PREDICTED)
    given = predictor.prepare(x)
    expected = PREDICTED.outputs(PREDICTED.weights(), x)
    with getattr(predictor, "within", contextlib.nullcontext)():
        for call in predictor.calls().values():
            np.testing.assert_allclose(np.asarray(call(given)), expected, rtol=0, atol=1e-5)
