"""Calling a model: few rows and many, of any dtype and layout, into new arrays and into the caller's own."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from fastnn import Model, layers
from fastnn.models import Sequential

WIDTH = 5


@pytest.fixture(params=["float32", "float64"])
def model(request: pytest.FixtureRequest) -> Sequential:
    model = Sequential([layers.Dense(7, activation="tanh"), layers.Dense(3, activation="softmax")], dtype=request.param)
    model.build((None, WIDTH))
    return model


def rows_of(kind: str, rows: int, rng: np.random.Generator) -> np.ndarray:
    if np.dtype(kind).kind == "f":
        return rng.normal(size=(rows, WIDTH)).astype(kind)
    return rng.integers(0, 2, size=(rows, WIDTH)).astype(kind)


@pytest.mark.parametrize("kind", ["?", "i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8", "g", ">f4", ">i2"])
def test_few_rows_are_rows_of_many(model: Sequential, kind: str, rng: np.random.Generator) -> None:
    x = rows_of(kind, 300, rng)
    whole = model(x)
    model(x[:1])  # from here on there is a program for few rows
    for rows in (1, 2, 33, 64, 65):
        for some in (slice(0, rows), slice(10, 10 + rows), slice(None, 3 * rows, 3), slice(rows - 1, None, -1)):
            np.testing.assert_array_equal(model(x[some]), whole[some], strict=True)
            np.testing.assert_array_equal(model.predict(x[some], verbose=0), whole[some], strict=True)
    fortran = np.asfortranarray(x[:9])
    np.testing.assert_array_equal(model(fortran), whole[:9])


@pytest.mark.parametrize("rows", [1, 64, 500])
def test_out_is_where_the_result_goes(model: Sequential, rows: int, rng: np.random.Generator) -> None:
    x = rows_of("f4", rows, rng)
    expected = model(x)
    for _ in range(2):  # the second time, few rows go by the fast lane
        out = np.full((rows, 3), np.nan, model.dtype)
        assert model(x, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_out_may_be_the_input(rng: np.random.Generator) -> None:
    model = Sequential([layers.Dense(WIDTH)])
    for rows in (3, 1000):
        x = rows_of("f4", rows + 1, rng)
        expected = model(x[:-1])
        assert np.shares_memory(model(x[:-1], out=x[1:]), x)
        np.testing.assert_array_equal(x[1:], expected)


def test_out_may_lie_across_an_input_of_several_blocks(rng: np.random.Generator) -> None:
    """Few rows, read and written block by block: what one block writes, the next must not read."""
    wide = 1000
    model = Sequential([layers.Input((wide,)), layers.Reshape((10, 100)), layers.Permute((2, 1)), layers.Flatten()])
    x = rng.normal(size=(100, wide)).astype("float32")
    expected = model(x[:60])
    model(x[:60], out=x[40:])
    np.testing.assert_array_equal(x[40:], expected)


@pytest.mark.parametrize("width", [30, 300])
def test_out_may_be_a_weight(width: int, rng: np.random.Generator) -> None:
    """Thirty rows go by the fast lane from the second call on."""
    model = Sequential([layers.Dense(width, "tanh"), layers.Dense(width)])
    x = rng.normal(size=(width, 4)).astype("float32")
    expected = model(x)
    kernel = model.layers[1].kernel.value
    before = kernel.copy()
    for _ in range(2):
        assert model(x, out=kernel) is kernel
        np.testing.assert_array_equal(kernel, expected)
        kernel[...] = before


@pytest.mark.parametrize(
    "out",
    [
        np.empty((2, 3), "float16"),
        np.empty((3, 3), "float32"),
        np.empty((2, 4), "float32"),
        np.empty(6, "float32"),
        np.empty((3, 2), "float32").T,
        np.empty((2, 6), "float32")[:, ::2],
        np.empty(25, "uint8")[1:].view("float32").reshape(2, 3),  # not aligned
        [[0.0] * 3] * 2,
        "y",
    ],
    ids=lambda out: f"{getattr(out, 'shape', out)}",
)
def test_an_out_that_does_not_fit_is_refused(out: Any, rng: np.random.Generator) -> None:
    model = Sequential([layers.Dense(3)])
    x = rows_of("f4", 2, rng)
    expected = model(x)
    with pytest.raises(ValueError, match=r"Argument `out` must be .* Received:"):
        model(x, out=out)
    np.testing.assert_array_equal(model(x), expected)


def test_a_read_only_out_is_refused(rng: np.random.Generator) -> None:
    model = Sequential([layers.Dense(3)])
    x = rows_of("f4", 2, rng)
    out = model(x)
    out.flags.writeable = False
    with pytest.raises(ValueError, match=r"writable.*Received: \(2, 3\), float32, read-only$"):
        model(x, out=out)


def test_a_read_only_input_is_read(rng: np.random.Generator) -> None:
    model = Sequential([layers.Dense(3)])
    x = rows_of("f4", 2, rng)
    expected = model(x)
    x.flags.writeable = False
    for _ in range(2):  # the second time by the fast lane
        np.testing.assert_array_equal(model(x), expected)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((1, WIDTH + 1), "float32"), ValueError, r"shape \('samples', 5\).*Received: shape=\(1, 6\)"),
        (np.zeros(WIDTH, "float32"), ValueError, r"Received: shape=\(5,\)"),
        (np.zeros((0, WIDTH), "float32"), ValueError, "must not be empty"),
        (np.zeros((1, 1, WIDTH), "float32"), ValueError, r"Received: shape=\(1, 1, 5\)"),
        (np.zeros((1, WIDTH), "complex64"), TypeError, "real numbers.*complex64"),
        (np.full((1, WIDTH), "a"), TypeError, "real numbers.*<U1"),
        (np.full((1, WIDTH), None), TypeError, "real numbers.*object"),
        (None, TypeError, "real numbers"),
        (1.0, ValueError, "Received: a scalar"),
    ],
)
def test_what_is_no_sample_is_refused_by_the_fast_lane_too(x: Any, error: type, message: str) -> None:
    model = Sequential([layers.Dense(3)])
    model(np.zeros((1, WIDTH), "float32"))  # from here on there is a program for few rows
    out = np.zeros((1, 3), "float32")
    for given in ({}, {"out": out}):
        with pytest.raises(error, match=message):
            model(x, **given)
    assert not out.any()


def test_a_second_array_is_not_taken_for_a_flag(rng: np.random.Generator) -> None:
    model = Sequential([layers.Dense(3)])
    x = rows_of("f4", 2, rng)
    for _ in range(2):  # the second time there is a fast lane
        with pytest.raises(TypeError, match=r"Argument `training` .* Received: an array"):
            model(x, x)
        model(x)
    np.testing.assert_array_equal(model(x, np.bool_(False)), model(x, False))


def test_out_is_for_one_output(rng: np.random.Generator) -> None:
    inputs = layers.Input((WIDTH,))
    model = Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)])
    with pytest.raises(ValueError, match="a model with one output"):
        model(rows_of("f4", 2, rng), out=np.empty((2, 2), "float32"))


def test_predict_shows_its_line_each_time(model: Sequential, rng: np.random.Generator, monkeypatch: Any) -> None:
    x = rows_of("f4", 1, rng)
    expected = model(x)
    for _ in range(3):
        stream = io.StringIO()
        monkeypatch.setattr("sys.stdout", stream)
        np.testing.assert_array_equal(model.predict(x), expected)
        assert stream.getvalue().startswith("1/1 ")
        assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("end", ["vector", "rows of one", "dict", "list"])
def test_few_rows_have_the_same_structure_each_time(end: str) -> None:
    x = layers.Input((4,))
    h = layers.Dense(4)(x)
    made = {"vector": h[:, 0], "rows of one": layers.Reshape((1, 4))(h), "dict": {"a": h}, "list": [h]}[end]
    model = Model(x, made)
    shape = {"vector": (3,), "rows of one": (3, 1, 4)}.get(end, (3, 4))
    for _ in range(3):
        for y in (model(np.ones((3, 4))), model.predict(np.ones((3, 4)), verbose=0)):
            y = {"dict": lambda y: y["a"], "list": lambda y: y[0]}.get(end, lambda y: y)(y)
            assert y.shape == shape
