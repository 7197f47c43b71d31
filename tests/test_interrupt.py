"""Ctrl-C while C runs: it is heard within a tenth of a second, and the model goes on being usable."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import fastnn
from fastnn.callbacks import Callback
from fastnn.layers import Dense, Input
from fastnn.models import Sequential

# Slow: a build for sanitizers would still be getting ready when the timer rings.
pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system"),
    pytest.mark.slow,
]

PROMISED = 0.1  # seconds
GENEROUS = 100 * PROMISED  # on a machine that others use too
AFTER = 0.5  # seconds into the call: in the midst of its one epoch


@pytest.fixture
def timer() -> Iterator[Callable[[float], None]]:
    """Does to this process what Ctrl-C does, later."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)

    def start(seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    yield start
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _model(units: int = 64) -> Sequential:
    model = Sequential([Input((32,)), Dense(units, "tanh"), Dense(units, "tanh"), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def _many(samples: int) -> tuple[NDArray, NDArray]:
    """A data set that takes long and no memory."""
    return np.broadcast_to(np.float32(0.5), (samples, 32)), np.broadcast_to(np.float32(1), (samples, 1))


@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize("batch_size", [8, 256, 4096])
def test_fit(batch_size: int, verbose: int, timer: Callable[[float], None]) -> None:
    x, y = _many(200_000 * batch_size)
    model = _model()
    model.train_on_batch(x[:4], y[:4])
    before = model.get_weights()
    timer(AFTER)
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=batch_size, shuffle=False, check_finite=False, verbose=verbose)
    assert time.perf_counter() - start < AFTER + GENEROUS
    _assert_usable(model, before)


def test_evaluate_and_predict(timer: Callable[[float], None]) -> None:
    x, y = _many(200_000_000)
    model = _model()
    expected = model.predict(x[:3], verbose=0)
    for use in (
        lambda: model.evaluate(x, y, check_finite=False, verbose=0),
        lambda: model.predict(x, verbose=0),
    ):
        timer(AFTER)
        start = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            use()
        assert time.perf_counter() - start < AFTER + GENEROUS
        np.testing.assert_array_equal(model.predict(x[:3], verbose=0), expected)
        assert len(model.evaluate(x[:3], y[:3], verbose=0)) == 2


@pytest.mark.parametrize("looked_at", ["x", "y"])
def test_looking_through_the_data(looked_at: str, timer: Callable[[float], None]) -> None:
    model = Sequential([Input((32,)), Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = _many(40_000_000_000)
    timer(AFTER)
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, shuffle=False, check_finite=looked_at == "x", verbose=0)
    assert time.perf_counter() - start < AFTER + GENEROUS
    assert model.optimizer.iterations == 0


def test_fit_with_a_callback_for_batches(timer: Callable[[float], None]) -> None:
    class Counting(Callback):
        count = 0

        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            self.count += 1

    x, y = _many(32 * 200_000)
    model = _model()
    before = model.get_weights()
    counting = Counting()
    timer(AFTER)
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, shuffle=False, check_finite=False, verbose=0, callbacks=[counting])
    assert time.perf_counter() - start < AFTER + GENEROUS
    assert counting.count <= model.optimizer.iterations <= counting.count + 1
    _assert_usable(model, before)


def test_one_large_step(timer: Callable[[float], None]) -> None:
    """It is left amid its rows, before any weight has moved: a step of seconds need not be waited for."""

    class Ringing(Callback):
        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            timer(0.005)

    x, y = np.broadcast_to(np.float32(0.5), (6000, 32)), np.broadcast_to(np.float32(1), (6000, 1))
    model = _model(512)
    model.add(Dense(512, "tanh"))
    model.add(Dense(1))
    model.compile("adam", "mse")
    before = model.get_weights()
    threads = fastnn.get_num_threads()
    fastnn.set_num_threads(1)  # of one the step takes long enough anywhere
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, batch_size=6000, shuffle=False, verbose=0, callbacks=[Ringing()])
    finally:
        fastnn.set_num_threads(threads)
    assert model.optimizer.iterations == 0
    for weights, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, expected)
    model.fit(x[:50], y[:50], epochs=2, verbose=0)
    assert np.isfinite(model.evaluate(x[:50], y[:50], verbose=0))


def _assert_usable(model: Sequential, before: list[NDArray]) -> None:
    steps = model.optimizer.iterations
    assert steps > 1
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    assert not np.array_equal(before[0], model.get_weights()[0])
    x = np.random.default_rng(0).normal(size=(50, 32))
    y = x[:, :1]
    loss = model.evaluate(x, y, verbose=0)[0]
    model.fit(x, y, epochs=30, batch_size=10, verbose=0)
    assert model.optimizer.iterations == steps + 30 * 5
    assert model.evaluate(x, y, verbose=0)[0] < loss
