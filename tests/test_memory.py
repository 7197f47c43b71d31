"""Memory: the data set is never copied, predictions come in chunks, and training holds little beside what it must."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.models import Sequential
from fastnn.prediction import BATCH_BYTES

SAMPLES, WIDTH = 20_000, 64
LITTLE = 1 << 20  # bytes; the smallest data set here has more


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(2)  # each has memory of its own to pack in
    yield
    fastnn.set_num_threads(before)


def model_of(*units: int, inputs: int = WIDTH) -> Sequential:
    model = Sequential([layers.Input((inputs,)), *(layers.Dense(n, "relu") for n in units)])
    model.compile("adam", "mse")
    return model


def arenas(compiled: Any) -> int:
    """Bytes of the memory that programs have: NumPy, which is traced, does not see it."""
    return sum(each.program.arena_bytes for each in compiled)


def most_traced(work: Callable[[], Any]) -> int:
    """Bytes of Python's objects and NumPy's arrays that came with the work, at most."""
    work()  # what is made once stays
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


DATA = {
    "as it is": lambda rng: rng.normal(size=(SAMPLES, WIDTH)).astype("float32"),
    "float64": lambda rng: rng.normal(size=(SAMPLES, WIDTH)),
    "int8": lambda rng: rng.integers(0, 9, (SAMPLES, WIDTH)).astype("int8"),
    "columns": lambda rng: np.asfortranarray(rng.normal(size=(SAMPLES, WIDTH))),
    "a view": lambda rng: rng.normal(size=(SAMPLES, 2 * WIDTH))[:, ::2],
    "backwards": lambda rng: rng.normal(size=(SAMPLES, WIDTH))[::-1],
    "a column": lambda rng: np.broadcast_to(rng.normal(size=(SAMPLES, 1)), (SAMPLES, WIDTH)),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("shuffle", [True, False])
def test_no_copy_of_the_data_set(kind: str, shuffle: bool, rng: np.random.Generator) -> None:
    x = DATA[kind](rng)
    assert x.size > LITTLE
    y = x[:, :2]

    def fitted(rows: int) -> tuple[int, int]:
        model = model_of(8, 2)
        options = {"batch_size": 500, "shuffle": shuffle, "validation_split": 0.5, "verbose": 0}
        taken = most_traced(lambda: model.fit(x[:rows], y[:rows], **options))
        taken = max(taken, most_traced(lambda: model.evaluate(x[:rows], y[:rows], batch_size=500, verbose=0)))
        return taken, arenas(model._training.programs.values())

    taken, arena = fitted(SAMPLES)
    assert taken < LITTLE
    assert arena == fitted(1000)[1]


@pytest.mark.parametrize("kind", ["as it is", "int8", "a view"])
def test_predictions_come_in_chunks(kind: str, rng: np.random.Generator) -> None:
    x = DATA[kind](rng)
    model = model_of(200, 200, 200, 2)  # all of whose values would be 48 MB
    y = np.empty((SAMPLES, 2), "float32")
    for work in (lambda: model.predict(x, verbose=0), lambda: model(x, out=y)):
        assert most_traced(work) < y.nbytes + LITTLE
    programs = [each for idle in model._predictor.programs.values() for each in idle]
    assert programs
    assert arenas(programs) < len(programs) * (BATCH_BYTES + 4 * LITTLE)


@pytest.mark.parametrize(
    ("sizes", "batch"), [((784, 512, 256, 10), 128), ((1024, 1024, 1024, 16), 256), ((54, 256, 256, 7), 256)]
)
def test_what_training_holds_beside_parameters_and_moments(sizes: tuple[int, ...], batch: int) -> None:
    """A batch's values and their gradients; kernels transposed, but the first; and of each worker what it packs.

    Gradients of the parameters, which would be as much again as the parameters, are nowhere.
    """
    inputs, *units = sizes
    model = model_of(*units, inputs=inputs)
    x = np.zeros((batch, inputs), "float32")
    model.fit(x, np.zeros((batch, units[-1])), batch_size=batch, verbose=0)
    values, panel = batch * (inputs + 2 * sum(units)), 64
    transposed = sum(a * -(-b // panel) * panel for a, b in zip(units[1:], units[:-1], strict=True))
    worker = 4 * batch * max(units) + 3 * (1 << 19)
    assert arenas(model._training.programs.values()) < 4 * (values + transposed) + 2 * worker
