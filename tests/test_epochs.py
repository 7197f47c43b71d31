"""What fit does once an epoch: a new order of the samples, and the scalars of the coming steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastnn import callbacks, layers, optimizers
from fastnn.models import Sequential
from fastnn.optimizers import schedules
from fastnn.utils import set_random_seed

X = np.random.default_rng(0).normal(size=(700, 3)).astype("float32")
Y = X[:, :1] ** 2


def fitted(optimizer: Any, listener: callbacks.Callback | None, epochs: int = 4) -> list[np.ndarray]:
    """Weights after training; a listener of the user's own makes fit ask the optimizer anew for every epoch."""
    set_random_seed(1)
    model = Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=2, epochs=epochs, verbose=0, callbacks=listener)
    model.fit(X, Y, batch_size=300, epochs=2 * epochs, verbose=0, callbacks=listener)
    return model.get_weights()


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: optimizers.Adam(1e-2),
    "schedule": lambda: optimizers.Adam(schedules.ExponentialDecay(1e-2, 100, 0.9)),
    "decay": lambda: optimizers.SGD(schedules.CosineDecay(1e-2, 3000), momentum=0.9, weight_decay=1e-3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scalars_known_ahead_are_those_of_each_epoch(name: str) -> None:
    ahead, anew = fitted(OPTIMIZERS[name](), None), fitted(OPTIMIZERS[name](), callbacks.Callback())
    assert all(np.array_equal(a, b) for a, b in zip(ahead, anew, strict=True))


def test_a_callable_learning_rate_is_asked_for_every_epoch() -> None:
    rates = iter([0.1, 0.0, 0.0, 0.1, 0.1])
    asked: list[float] = []

    def rate() -> float:
        asked.append(next(rates))
        return asked[-1]

    model = Sequential([layers.Dense(1)])
    model.compile(optimizers.SGD(rate), "mse")
    losses = model.fit(X, Y, batch_size=len(X), epochs=5, verbose=0).history["loss"]
    assert asked == [0.1, 0.0, 0.0, 0.1, 0.1]
    assert losses[0] > losses[1] == pytest.approx(losses[2]) == pytest.approx(losses[3])
    assert losses[3] > losses[4]


def test_a_learning_rate_changed_between_fits() -> None:
    model = Sequential([layers.Dense(1)])
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.fit(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def orders(epochs: int, shuffle: bool = True, fits: int = 1) -> np.ndarray:
    """Numbers of the samples in the order in which each epoch saw them."""
    seen: list[np.ndarray] = []

    def loss(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(y_true[:, 0].copy())
        return np.zeros(len(y_true), "float32"), np.zeros_like(y_pred)

    model = Sequential([layers.Dense(1)])
    model.compile("sgd", loss)
    for _ in range(fits):
        model.fit(np.zeros((50, 1), "float32"), np.arange(50.0), 8, epochs=epochs, shuffle=shuffle, verbose=0)
    return np.concatenate(seen).astype(int).reshape(fits * epochs, 50)


def test_every_epoch_sees_every_sample_once_in_an_order_of_its_own() -> None:
    set_random_seed(3)
    first = orders(epochs=3, fits=2)
    assert (np.sort(first, axis=1) == np.arange(50)).all()
    assert len({tuple(order) for order in (*first.tolist(), range(50))}) == 7
    set_random_seed(3)
    assert np.array_equal(first, orders(epochs=3, fits=2))


def test_without_shuffling_samples_come_as_they_lie() -> None:
    assert (orders(epochs=2, shuffle=False) == np.arange(50)).all()
