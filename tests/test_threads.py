"""The worker pool: results do not depend on it, and it survives what processes do."""

from __future__ import annotations

import multiprocessing
import os
import threading

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.models import Sequential
from fastnn.utils import set_random_seed


@pytest.fixture
def threads():
    """Sets the number of threads, and brings back the number there was."""
    before = fastnn.get_num_threads()
    yield fastnn.set_num_threads
    fastnn.set_num_threads(before)


def trained(seed=0, epochs=2, dtype="float32"):
    """Weights and losses of a network that is large enough to be shared out."""
    set_random_seed(seed)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(333, 70))
    y = rng.integers(0, 5, 333)
    model = Sequential(
        [
            layers.Dense(150, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(130, activation="gelu"),
            layers.Dense(5, activation="softmax"),
        ],
        dtype=dtype,
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=epochs, batch_size=113, verbose=0)
    return [*model.get_weights(), np.array(history.history["loss"]), model.predict(x, verbose=0)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_for_any_number_of_threads(threads, dtype):
    results = []
    for count in (1, 2, 3, 8):
        threads(count)
        results.append(trained(dtype=dtype))
    for other in results[1:]:
        assert same(results[0], other)


def test_one_output_column_whatever_the_blocks(threads):
    x = np.random.default_rng(0).normal(size=(2049, 64)).astype("float32")
    set_random_seed(0)
    model = Sequential([layers.Dense(300, activation="tanh"), layers.Dense(1)])
    model.build((None, 64))
    whole = []
    for count in (1, 2, 3, 8):
        threads(count)
        model.pop(), model.add(layers.Dense(1, kernel_initializer="ones"))
        whole.append(model.predict(x, verbose=0))
    assert all(np.array_equal(whole[0], other) for other in whole[1:])
    assert np.array_equal(whole[0][:1], model.predict(x[:1], verbose=0))


def _send(queue):
    queue.put(trained())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_trains_after_its_parent_did(threads, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    threads(2)
    expected = trained()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_send, args=(queue,))
    child.start()
    received = queue.get(timeout=60)
    child.join(timeout=60)
    assert child.exitcode == 0
    assert same(expected, received)
    assert same(expected, trained())  # the parent goes on


def test_several_python_threads_train_at_once(threads):
    threads(2)
    expected = {seed: trained(seed) for seed in range(4)}
    # The seeds of fastnn are the process's: only what is drawn before the threads start is theirs alone.
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(333, 70)), rng.integers(0, 5, 333)
    models = []
    for seed in range(4):
        set_random_seed(seed)
        model = Sequential([layers.Dense(150, activation="relu"), layers.Dense(5, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.build((None, 70))
        models.append(model)
    twins = [Sequential.from_config(model.get_config()) for model in models]
    for twin, model in zip(twins, models, strict=True):
        twin.compile("sgd", "sparse_categorical_crossentropy")
        twin.set_weights(model.get_weights())
        twin.fit(x, y, epochs=3, shuffle=False, verbose=0)
    workers = [
        threading.Thread(target=model.fit, args=(x, y), kwargs={"epochs": 3, "shuffle": False, "verbose": 0})
        for model in models
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for model, twin in zip(models, twins, strict=True):
        assert same(model.get_weights(), twin.get_weights())
    assert len(expected) == 4


def test_one_model_serves_many_threads(threads):
    threads(2)
    x = np.random.default_rng(0).normal(size=(64, 9)).astype("float32")
    model = Sequential([layers.Dense(16, activation="tanh"), layers.Dense(3)])
    expected = model(x)
    wrong = []

    def serve(row):
        for _ in range(200):
            if not np.array_equal(model(x[row : row + 1]), expected[row : row + 1]):
                wrong.append(row)

    workers = [threading.Thread(target=serve, args=(row,)) for row in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize("count", [0, -1])
def test_a_number_of_threads_that_cannot_be(count):
    with pytest.raises(ValueError, match="threads"):
        fastnn.set_num_threads(count)


def test_no_more_threads_than_this_process_may_use():
    if not hasattr(os, "sched_getaffinity") or any(
        name in os.environ for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS")
    ):
        pytest.skip("the number is given by the environment")
    assert 1 <= fastnn.get_num_threads() <= len(os.sched_getaffinity(0))
