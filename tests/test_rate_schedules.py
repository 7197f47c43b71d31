"""Rates of dropout that follow a schedule: each batch of training has its own."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from fastnn import callbacks, layers, optimizers
from fastnn.layers.layer import Layer
from fastnn.models import Sequential
from fastnn.optimizers.schedules import LearningRateSchedule, PiecewiseConstantDecay, PolynomialDecay

X = np.ones((40, 50), np.float32)


class _Seen(Layer):
    """What comes by, batch by batch."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Any] = []

    def forward(self, x: Any) -> Any:
        self.batches.append(x.copy())
        return x

    def backward(self, dy: Any) -> Any:
        return dy


def _model(dropout: Any, optimizer: Any = "sgd") -> tuple[Any, _Seen]:
    seen = _Seen()
    model = Sequential([layers.Input((50,)), dropout, seen, layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model, seen


def _steps(*values: float) -> PiecewiseConstantDecay:
    return PiecewiseConstantDecay(list(range(len(values) - 1)), list(values))


@pytest.mark.parametrize("by_batch", [False, True])
def test_each_batch_has_its_rate(by_batch: bool) -> None:
    rates = [0.0, 0.5, 0.9, 0.25, 1.0]
    model, seen = _model(layers.Dropout(_steps(*rates), seed=1))
    listening = [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if by_batch else None
    model.fit(X, np.zeros(40), batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=listening)
    assert len(seen.batches) == 10
    for batch, rate in zip(seen.batches, [*rates, *[1.0] * 5], strict=True):
        assert abs((batch == 0).mean() - rate) < 0.1
        kept = batch[batch != 0]
        np.testing.assert_allclose(kept, 1 / (1 - rate) if rate < 1 else 0, rtol=1e-6)
    assert (model.predict(X, verbose=0) == model.predict(X, verbose=0)).all()
    np.testing.assert_array_equal(seen.batches[-1], X)  # no dropout in prediction


def test_a_constant_schedule_is_the_constant() -> None:
    found = []
    for rate in (0.3, PolynomialDecay(0.3, 10, 0.3)):
        model, seen = _model(layers.Dropout(rate, seed=7), optimizers.SGD(0.0))
        model.fit(X, np.zeros(40), batch_size=8, shuffle=False, verbose=0)
        found.append(seen.batches)
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(
    "made", [lambda r: layers.SpatialDropout1D(r, seed=3), lambda r: layers.Dropout(r, (None, 1, 5), seed=3)]
)
def test_masks_that_axes_share(made: Any) -> None:
    seen = _Seen()
    model = Sequential([layers.Input((10, 5)), made(_steps(0.5, 0.8)), seen, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((400, 10, 5)), np.zeros(400), batch_size=200, shuffle=False, verbose=0)
    for batch, rate in zip(seen.batches, (0.5, 0.8), strict=True):
        assert (batch == batch[:, :1]).all()
        assert abs((batch == 0).mean() - rate) < 0.06
        np.testing.assert_allclose(batch[batch != 0], 1 / (1 - rate), rtol=1e-6)


def test_gaussian_dropout() -> None:
    model, seen = _model(layers.GaussianDropout(_steps(0.0, 0.2, 0.5), seed=3))
    model.fit(X, np.zeros(40), batch_size=14, shuffle=False, verbose=0)
    for batch, rate in zip(seen.batches, (0.0, 0.2, 0.5), strict=True):
        assert abs(batch.std() - np.sqrt(rate / (1 - rate))) < 0.1


def test_where_training_goes_on_the_schedule_does() -> None:
    model, seen = _model(layers.Dropout(_steps(0.0, 0.0, 0.9, 0.9), seed=1))
    for _ in range(4):
        model.train_on_batch(X, np.zeros(40))
    shares = [(batch == 0).mean() for batch in seen.batches]
    assert shares[0] == shares[1] == 0
    assert min(shares[2:]) > 0.8
    seen.batches.clear()
    model(X, training=True)  # by hand: as the next batch of training would be
    assert (seen.batches[-1] == 0).mean() > 0.8
    assert (layers.Dropout(_steps(0.5, 0.0), seed=1)(X, training=True) == 0).mean() > 0.4  # by itself: as the first


def test_with_an_optimizer_in_python_and_one_that_sees_all() -> None:
    class Own(optimizers.Optimizer):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            variable.value[...] -= learning_rate * gradient

    model, seen = _model(layers.Dropout(_steps(0.0, 0.9), seed=1), Own(0.01))
    model.fit(X, np.zeros(40), batch_size=20, shuffle=False, verbose=0)
    assert [(batch == 0).mean() > 0.5 for batch in seen.batches] == [False, True]
    model = Sequential([layers.Input((50,)), layers.Dropout(_steps(0.1, 0.2), seed=1), layers.Dense(1)])
    model.compile(optimizers.LBFGS(max_iterations=3), "mse")
    model.fit(X, np.zeros(40), epochs=2, verbose=0)


def test_copies_and_configurations() -> None:
    for layer in (
        layers.Dropout(PolynomialDecay(0.5, 100, 0.1), seed=1),
        layers.GaussianDropout(PolynomialDecay(0.5, 9)),
    ):
        twin = layers.deserialize(layers.serialize(layer))
        assert twin.get_config() == layer.get_config()
        assert twin.rate(50) == layer.rate(50)
    model, _ = _model(layers.Dropout(_steps(0.1, 0.2)))
    pickle.loads(pickle.dumps(model)).fit(X, np.zeros(40), verbose=0)


def test_what_is_refused() -> None:
    class Rising(LearningRateSchedule):
        def __call__(self, step: Any) -> float:
            return 0.4 * step

    model, _ = _model(layers.Dropout(Rising(), name="drop"))
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"layer 'drop' must give numbers in \[0, 1\]\. Received: 1\.2.* for batch 3"):
        model.fit(X, np.zeros(40), batch_size=8, verbose=0)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    for made in (layers.AlphaDropout, layers.GaussianNoise):
        with pytest.raises(ValueError, match="must be a number in"):
            made(_steps(0.1, 0.2))
