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
    """Weights after training; a listener of the user's own, who may change the optimizer, makes fit watch it."""
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


CHANGES: dict[str, Callable[[Any], Any]] = {
    "rate": lambda optimizer: setattr(optimizer, "learning_rate", 1e-3),
    "rate in place": lambda optimizer: optimizer.learning_rate.value.fill(1e-3),
    "beta": lambda optimizer: setattr(optimizer, "beta_1", 0.5),
    "decay": lambda optimizer: setattr(optimizer, "weight_decay", 0.1),
    "schedule in place": lambda optimizer: setattr(optimizer.weight_decay, "initial_learning_rate", 0.2),
}


@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_callback_changes_counts_from_the_next_step(change: str, batches: bool) -> None:
    """As where the change comes between two calls of fit, or of train_on_batch: after many steps known ahead."""

    def made() -> Sequential:
        set_random_seed(1)
        model = Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])
        decay = schedules.ExponentialDecay(1e-2, 100, 0.9) if "schedule" in change else 1e-2
        model.compile(optimizers.AdamW(1e-2, weight_decay=decay), "mse")
        return model

    def at(time: int) -> None:
        if time == 9:
            CHANGES[change](heard.optimizer)

    heard, told = made(), made()
    hook = "on_train_batch_end" if batches else "on_epoch_end"
    listener = callbacks.LambdaCallback(**{hook: lambda number, logs: at(number)})
    x, y = X[:100], Y[:100]
    heard.fit(x, y, batch_size=5, epochs=1 if batches else 12, shuffle=False, verbose=0, callbacks=listener)
    parts = [slice(first, first + 5) for first in range(0, 100, 5)]
    for number, part in enumerate(parts if batches else [slice(100)] * 12):
        if batches:
            told.train_on_batch(x[part], y[part])
        else:
            told.fit(x, y, batch_size=5, shuffle=False, verbose=0)
        if number == 9:
            CHANGES[change](told.optimizer)
    assert all(np.array_equal(a, b) for a, b in zip(heard.get_weights(), told.get_weights(), strict=True))


def test_groups_that_a_callback_makes_count_from_the_next_epoch() -> None:
    def made() -> Sequential:
        set_random_seed(1)
        model = Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])
        model.compile(optimizers.SGD(1e-2), "mse")
        return model

    def change(epoch: int, logs: Any) -> None:
        if epoch == 1:
            heard.optimizer.set_group("bias", learning_rate_multiplier=0.0)

    heard, told = made(), made()
    heard.fit(X, Y, epochs=4, shuffle=False, verbose=0, callbacks=callbacks.LambdaCallback(on_epoch_end=change))
    told.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    told.optimizer.set_group("bias", learning_rate_multiplier=0.0)
    told.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(heard.get_weights(), told.get_weights(), strict=True))


def test_scalars_are_computed_ahead_until_the_optimizer_changes() -> None:
    asked: list[int] = []

    class Counting(optimizers.Adam):
        def tables(self, batches: np.ndarray) -> list[np.ndarray]:
            asked.append(len(batches))
            return super().tables(batches)

    def change(epoch: int, logs: Any) -> None:
        if epoch in (8, 9):
            model.optimizer.beta_2 = 0.9

    model = Sequential([layers.Dense(1)])
    model.compile(Counting(), "mse")
    model.fit(X, Y, batch_size=70, epochs=40, verbose=0, callbacks=callbacks.LambdaCallback(on_epoch_end=change))
    assert asked == [10, 40, 160, 10, 10, 40, 160, 640]
