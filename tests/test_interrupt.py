"""Ctrl-C in a long epoch: heard at once, and the model stays usable."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest

from fastnn import layers
from fastnn.models import Sequential


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_an_interrupted_epoch_leaves_a_usable_model():
    assert threading.current_thread() is threading.main_thread()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4096, 64)).astype("float32"), rng.integers(0, 4, 4096)
    model = Sequential([layers.Dense(256, activation="tanh"), layers.Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[:64], y[:64], verbose=0)
    before = model.get_weights()
    rung = []

    def interrupt(number, frame):
        rung.append(time.perf_counter())
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        many, labels = np.tile(x, (100, 1)), np.tile(y, 100)
        with pytest.raises(KeyboardInterrupt):
            model.fit(many, labels, batch_size=8, epochs=1000, verbose=0)
        heard = time.perf_counter()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert heard - rung[0] < 5  # after the handler ran, the stack unwinds at once; generous, for a machine under load
    assert not all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert np.isfinite(model.evaluate(x, y, verbose=0))
    model.fit(x, y, verbose=0)
