"""Each kernel against the NumPy that a careful user would write, in pairs: `compare.py` makes a table of them.

Before anything is timed, both sides are run and their results compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import numpy_kernels
from fastnn import _kernels, ops

Array = np.ndarray[Any, Any]
Side = Callable[[], Any]

BY = pytest.mark.parametrize("by", ["numpy", "fastnn"])
DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])
SIDES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
ELEMENTS = pytest.mark.parametrize("size", ["8", "64", "512", "2048", "256x256", "2048x2048"])
ROWS = pytest.mark.parametrize("size", ["8x8", "32x10", "64x64", "128x512", "512x2048"])

# name of the kernel -> the function for users and its arguments, where they are not of that name
USERS: dict[str, tuple[str, dict[str, Any]]] = {
    "gelu_tanh": ("gelu", {"approximate": True}),
    "sigmoid_binary_crossentropy": ("binary_crossentropy", {"from_logits": True}),
    "softmax_categorical_crossentropy": ("categorical_crossentropy", {"from_logits": True}),
    "softmax_sparse_categorical_crossentropy": ("sparse_categorical_crossentropy", {"from_logits": True}),
}
ACTIVATIONS = [name for name in _kernels.activation_names() if name not in ("linear", "clipped_relu")]
# The scalars of every update, in the order of updates.inc.h.
UPDATES: dict[str, tuple[float, ...]] = {
    "sgd": (1.0, 1e-3),
    "momentum": (1.0, 1e-3, 0.9),
    "nesterov": (1.0, 1e-3, 0.9),
    "adam": (1.0, 1e-3, 0.1, 1e-3, 1e-7),
    "amsgrad": (1.0, 1e-3, 0.1, 1e-3, 1e-7),
    "rmsprop": (1.0, 1e-3, 0.9, 1e-7),
    "rmsprop_momentum": (1.0, 1e-3, 0.9, 1e-7, 0.9),
    "rmsprop_centered": (1.0, 1e-3, 0.9, 1e-3),
    "rmsprop_centered_momentum": (1.0, 1e-3, 0.9, 1e-3, 0.9),
}


def shape_of(size: str) -> tuple[int, ...]:
    return tuple(int(side) for side in size.split("x"))


def function_of(name: str, suffix: str = "") -> tuple[Callable[..., Any], dict[str, Any]]:
    function, arguments = USERS.get(name, (name, {}))
    return getattr(ops, function + suffix), arguments


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def measure(
    benchmark: BenchmarkFixture, kernel: str, dtype: str, size: str, by: str, numpy: Side, fastnn: Side, terms: int = 1
) -> None:
    """Times one side, after a look at whether both compute the same; where nothing is timed, of the smaller sizes only.

    `terms` are the numbers that are added up for one element of a result.
    """
    if benchmark.disabled and max(shape_of(size)) > 512:
        pytest.skip("only worth the wait with a clock")
    for one, two in zip(_flat(numpy()), _flat(fastnn()), strict=True):
        allowed = (64 + 2 * terms) * np.finfo(dtype).eps
        np.testing.assert_allclose(one, two, rtol=allowed, atol=allowed)
    benchmark.group = f"{kernel} {dtype} {size}"
    benchmark.extra_info.update(kernel=kernel, dtype=dtype, size=size, by=by)
    benchmark({"numpy": numpy, "fastnn": fastnn}[by])


def _flat(result: Any) -> tuple[Array, ...]:
    return tuple(np.copy(part) for part in result) if isinstance(result, tuple) else (np.copy(result),)


# --- dense -----------------------------------------------------------------------------------------------------------

SHAPES = [f"{side}x{side}x{side}" for side in SIDES] + [f"32x{side}x{side}" for side in SIDES if side != 32]
DENSE = pytest.mark.parametrize("size", SHAPES)  # rows x inputs x units


def dense_arrays(size: str, dtype: str, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    rows, inputs, units = shape_of(size)
    x, w, b = (rng.normal(size=shape).astype(dtype) for shape in [(rows, inputs), (inputs, units), (units,)])
    return x, w, b, np.empty((rows, units), dtype)


@BY
@DTYPE
@DENSE
def test_linear(benchmark: BenchmarkFixture, by: str, dtype: str, size: str, rng: np.random.Generator) -> None:
    x, w, b, y = dense_arrays(size, dtype, rng)
    measure(
        *(benchmark, "linear", dtype, size, by),
        lambda: numpy_kernels.linear(x, w, b, y),
        lambda: ops.linear(x, w, b, out=y),
        terms=x.shape[1],
    )


@BY
@DTYPE
@DENSE
def test_linear_relu(benchmark: BenchmarkFixture, by: str, dtype: str, size: str, rng: np.random.Generator) -> None:
    x, w, b, y = dense_arrays(size, dtype, rng)
    measure(
        *(benchmark, "linear relu", dtype, size, by),
        lambda: numpy_kernels.linear_relu(x, w, b, y),
        lambda: ops.linear(x, w, b, "relu", y),
        terms=x.shape[1],
    )


@BY
@DTYPE
@DENSE
def test_linear_relu_backward(
    benchmark: BenchmarkFixture, by: str, dtype: str, size: str, rng: np.random.Generator
) -> None:
    x, w, b, y = dense_arrays(size, dtype, rng)
    ops.linear(x, w, b, "relu", y)
    dy, dz, mask = rng.normal(size=y.shape).astype(dtype), np.empty_like(y), np.empty(y.shape, bool)
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty_like(b)
    measure(
        *(benchmark, "linear relu backward", dtype, size, by),
        lambda: numpy_kernels.linear_relu_backward(dy, x, w, y, dx, dw, db, dz, mask),
        lambda: ops.linear_backward(dy, x, w, y, "relu", dx=dx, dw=dw, db=db),
        terms=sum(x.shape),
    )


# --- activations -----------------------------------------------------------------------------------------------------


@BY
@DTYPE
@ELEMENTS
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(
    benchmark: BenchmarkFixture, name: str, by: str, dtype: str, size: str, rng: np.random.Generator
) -> None:
    plain = getattr(numpy_kernels, name)
    if name == "gelu" and numpy_kernels.erf is None:
        pytest.skip("NumPy has no erf, and there is no SciPy")
    function, arguments = function_of(name)
    x = rng.normal(size=shape_of(size)).astype(dtype)
    y, t, u = (np.empty_like(x) for _ in range(3))
    measure(*(benchmark, name, dtype, size, by), lambda: plain(x, y, t, u), lambda: function(x, **arguments, out=y))


@BY
@DTYPE
@ELEMENTS
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_backward(
    benchmark: BenchmarkFixture, name: str, by: str, dtype: str, size: str, rng: np.random.Generator
) -> None:
    plain = getattr(numpy_kernels, f"{name}_backward")
    if name == "gelu" and numpy_kernels.erf is None:
        pytest.skip("NumPy has no erf, and there is no SciPy")
    function, arguments = function_of(name, "_backward")
    x, dy = (rng.normal(size=shape_of(size)).astype(dtype) for _ in range(2))
    source = x if _kernels.activation_needs_input(name) else _kernels.activation(name, x)
    dx, t, u = (np.empty_like(x) for _ in range(3))
    mask = np.empty(x.shape, bool)
    measure(
        *(benchmark, f"{name} backward", dtype, size, by),
        lambda: plain(dy, source, dx, t, u, mask),
        lambda: function(dy, source, **arguments, out=dx),
    )


@BY
@DTYPE
@ROWS
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(
    benchmark: BenchmarkFixture, name: str, by: str, dtype: str, size: str, rng: np.random.Generator
) -> None:
    x = rng.normal(size=shape_of(size)).astype(dtype)
    y, row = np.empty_like(x), np.empty((len(x), 1), dtype)
    plain, function = getattr(numpy_kernels, name), getattr(ops, name)
    measure(*(benchmark, name, dtype, size, by), lambda: plain(x, y, row), lambda: function(x, out=y))


@BY
@DTYPE
@ROWS
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_backward(
    benchmark: BenchmarkFixture, name: str, by: str, dtype: str, size: str, rng: np.random.Generator
) -> None:
    x, dy = (rng.normal(size=shape_of(size)).astype(dtype) for _ in range(2))
    y, dx, row = getattr(ops, name)(x), np.empty_like(x), np.empty((len(x), 1), dtype)
    plain, function = getattr(numpy_kernels, f"{name}_backward"), getattr(ops, f"{name}_backward")
    measure(
        *(benchmark, f"{name} backward", dtype, size, by),
        lambda: plain(dy, y, dx, row),
        lambda: function(dy, y, out=dx),
        terms=x.shape[1],
    )


# --- losses ----------------------------------------------------------------------------------------------------------


@BY
@DTYPE
@ROWS
@pytest.mark.parametrize("name", _kernels.loss_names())
def test_loss(benchmark: BenchmarkFixture, name: str, by: str, dtype: str, size: str, rng: np.random.Generator) -> None:
    shape = shape_of(size)
    logits = name.startswith(("softmax", "sigmoid")) or "crossentropy" not in name
    p = (rng.normal(size=shape) if logits else rng.uniform(0.1, 0.9, shape)).astype(dtype)
    y: Array
    if "sparse" in name:
        y = rng.integers(shape[1], size=shape[0])
    elif "categorical" in name:
        y = np.eye(shape[1], dtype=dtype)[rng.integers(shape[1], size=shape[0])]
    else:
        y = rng.integers(2, size=shape).astype(dtype)
    dp, t, u = (np.empty_like(p) for _ in range(3))
    plain = getattr(numpy_kernels, name)
    function, arguments = function_of(name)
    measure(
        *(benchmark, name, dtype, size, by),
        lambda: plain(y, p, dp, t, u),
        lambda: function(y, p, **arguments, out=dp),
        terms=shape[1],
    )


# --- updates ---------------------------------------------------------------------------------------------------------


@BY
@DTYPE
@ELEMENTS
@pytest.mark.parametrize("name", _kernels.update_names())
def test_update(
    benchmark: BenchmarkFixture, name: str, by: str, dtype: str, size: str, rng: np.random.Generator
) -> None:
    g = rng.normal(size=shape_of(size)).astype(dtype)
    start = rng.normal(size=g.shape).astype(dtype)
    ours, theirs = start.copy(), start.copy()
    count, _ = _kernels.update_names()[name]
    our_slots, their_slots = ([np.zeros_like(g) for _ in range(count)] for _ in range(2))
    t, u = np.empty_like(g), np.empty_like(g)
    scalars = UPDATES[name]
    plain = getattr(numpy_kernels, name)

    def fastnn() -> Array:
        _kernels.update(name, ours, g, our_slots, scalars)
        return ours

    measure(*(benchmark, name, dtype, size, by), lambda: plain(theirs, g, their_slots, scalars, t, u), fastnn)
