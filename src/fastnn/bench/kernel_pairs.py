"""Each kernel and the NumPy that a careful user would write, in pairs: on the same arrays, compared before timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastnn import _kernels, ops

from . import numpy_kernels

Array = np.ndarray[Any, Any]
Side = Callable[[], Any]
REST = 0.12  # seconds: OpenBLAS's threads look for more work for 0.1 s after a product, and keep the cores from others
WARM = 0.03  # seconds: a turn of those who have rested, for threads and caches are cold at first
BLOCK = 1e-3  # seconds: calls are timed so many together, and the sides take turns

DTYPES = ("float32", "float64")
SIDES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
# rows x inputs x units
DENSE = [f"{side}x{side}x{side}" for side in SIDES] + [f"32x{side}x{side}" for side in SIDES if side != 32]
ELEMENTS = ("8", "64", "512", "2048", "256x256", "2048x2048")
ROWS = ("8x8", "32x10", "64x64", "128x512", "512x2048")

# name of the kernel -> the function for users and its arguments, where they are not of that name
USERS: dict[str, tuple[str, dict[str, Any]]] = {
    "gelu_tanh": ("gelu", {"approximate": True}),
    "sigmoid_binary_crossentropy": ("binary_crossentropy", {"from_logits": True}),
    "softmax_categorical_crossentropy": ("categorical_crossentropy", {"from_logits": True}),
    "softmax_sparse_categorical_crossentropy": ("sparse_categorical_crossentropy", {"from_logits": True}),
}
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


@dataclass(frozen=True)
class Pair:
    """A kernel on arrays of one size.

    Args:
        kernel: Its name in tables.
        dtype: `"float32"` or `"float64"`.
        size: The sides of its arrays, as text: `128x512`.
        prepare: Makes the arrays; returns NumPy's side and fastnn's.
        terms: Numbers that are added up for one element of a result.
        threaded: Whether NumPy's side may use threads: they are left time to come to rest.
    """

    kernel: str
    dtype: str
    size: str
    prepare: Callable[[], tuple[Side, Side]]
    terms: int = 1
    threaded: bool = False

    @property
    def id(self) -> str:
        """Its name among all pairs."""
        return f"{self.kernel} {self.dtype} {self.size}"

    @property
    def sides(self) -> tuple[int, ...]:
        """The sides of its arrays."""
        return shape_of(self.size)

    def checked(self) -> tuple[Side, Side]:
        """NumPy's side and fastnn's, once both were seen to compute the same."""
        numpy, fastnn = self.prepare()
        allowed = (64 + 2 * self.terms) * float(np.finfo(self.dtype).eps)
        for one, two in zip(_flat(numpy()), _flat(fastnn()), strict=True):
            np.testing.assert_allclose(one, two, rtol=allowed, atol=allowed, err_msg=self.id)
        return numpy, fastnn

    def timed(self, seconds: float) -> dict[str, Any]:
        """Microseconds of both sides, the best of many blocks of calls: whatever else runs only ever adds.

        Args:
            seconds: How long to measure, both sides together.
        """
        sides = self.checked()
        many = [_fitting(side) for side in sides]
        best = [float("inf")] * 2
        end = time.perf_counter() + seconds
        rounds = 0
        while rounds < 3 or time.perf_counter() < end:
            for i, side in enumerate(sides):
                if self.threaded:
                    time.sleep(REST)
                turn = _turn(side, many[i], WARM if self.threaded else 0)
                best[i] = min(best[i], turn / many[i])
            rounds += 1
        numpy, fastnn = (round(value * 1e6, 4) for value in best)
        return {"kernel": self.kernel, "dtype": self.dtype, "size": self.size, "numpy": numpy, "fastnn": fastnn}


def _block(call: Side, many: int) -> float:
    begin = time.perf_counter()
    for _ in range(many):
        call()
    return time.perf_counter() - begin


def _turn(call: Side, many: int, seconds: float) -> float:
    """The best of the blocks that fit into a time; of two at least, or of one where there is none."""
    times, end = [_block(call, many)], time.perf_counter() + seconds
    while seconds and (len(times) < 2 or time.perf_counter() < end):
        times.append(_block(call, many))
    return min(times)


def _fitting(call: Side) -> int:
    """Calls that fill a block."""
    many = 1
    while _block(call, many) < BLOCK:
        many *= 2
    return many


def shape_of(size: str) -> tuple[int, ...]:
    """`(128, 512)` of `"128x512"`."""
    return tuple(int(side) for side in size.split("x"))


def _function_of(name: str, suffix: str = "") -> Callable[..., Any]:
    function, arguments = USERS.get(name, (name, {}))
    return partial(getattr(ops, function + suffix), **arguments) if arguments else getattr(ops, function + suffix)


def _flat(result: Any) -> tuple[Array, ...]:
    return tuple(np.copy(part) for part in result) if isinstance(result, tuple) else (np.copy(result),)


# --- dense -----------------------------------------------------------------------------------------------------------


def _dense_arrays(dtype: str, size: str) -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(0)
    rows, inputs, units = shape_of(size)
    x, w, b = (rng.normal(size=shape).astype(dtype) for shape in [(rows, inputs), (inputs, units), (units,)])
    return x, w, b, np.empty((rows, units), dtype)


def _linear(dtype: str, size: str) -> tuple[Side, Side]:
    x, w, b, y = _dense_arrays(dtype, size)
    return lambda: numpy_kernels.linear(x, w, b, y), lambda: ops.linear(x, w, b, out=y)


def _linear_relu(dtype: str, size: str) -> tuple[Side, Side]:
    x, w, b, y = _dense_arrays(dtype, size)
    return lambda: numpy_kernels.linear_relu(x, w, b, y), lambda: ops.linear(x, w, b, "relu", y)


def _linear_relu_backward(dtype: str, size: str) -> tuple[Side, Side]:
    x, w, b, y = _dense_arrays(dtype, size)
    ops.linear(x, w, b, "relu", y)
    dy = np.asarray(np.random.default_rng(1).normal(size=y.shape), dtype)
    dz, mask = np.empty_like(y), np.empty(y.shape, bool)
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty_like(b)
    return (
        lambda: numpy_kernels.linear_relu_backward(dy, x, w, y, dx, dw, db, dz, mask),
        lambda: ops.linear_backward(dy, x, w, y, "relu", dx=dx, dw=dw, db=db),
    )


# --- activations -----------------------------------------------------------------------------------------------------


def _activation(name: str, dtype: str, size: str) -> tuple[Side, Side]:
    x = np.random.default_rng(0).normal(size=shape_of(size)).astype(dtype)
    y, t, u = (np.empty_like(x) for _ in range(3))
    plain, function = getattr(numpy_kernels, name), _function_of(name)
    return lambda: plain(x, y, t, u), lambda: function(x, out=y)


def _activation_backward(name: str, dtype: str, size: str) -> tuple[Side, Side]:
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=shape_of(size)).astype(dtype) for _ in range(2))
    source = x if _kernels.activation_needs_input(name) else _kernels.activation(name, x)
    dx, t, u = (np.empty_like(x) for _ in range(3))
    mask = np.empty(x.shape, bool)
    plain, function = getattr(numpy_kernels, f"{name}_backward"), _function_of(name, "_backward")
    return lambda: plain(dy, source, dx, t, u, mask), lambda: function(dy, source, out=dx)


def _softmax(name: str, dtype: str, size: str) -> tuple[Side, Side]:
    x = np.random.default_rng(0).normal(size=shape_of(size)).astype(dtype)
    y, row = np.empty_like(x), np.empty((len(x), 1), dtype)
    plain, function = getattr(numpy_kernels, name), getattr(ops, name)
    return lambda: plain(x, y, row), lambda: function(x, out=y)


def _softmax_backward(name: str, dtype: str, size: str) -> tuple[Side, Side]:
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=shape_of(size)).astype(dtype) for _ in range(2))
    y, dx, row = getattr(ops, name)(x), np.empty_like(x), np.empty((len(x), 1), dtype)
    plain, function = getattr(numpy_kernels, f"{name}_backward"), getattr(ops, f"{name}_backward")
    return lambda: plain(dy, y, dx, row), lambda: function(dy, y, out=dx)


# --- losses and updates ----------------------------------------------------------------------------------------------


def _loss(name: str, dtype: str, size: str) -> tuple[Side, Side]:
    rng, shape = np.random.default_rng(0), shape_of(size)
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
    plain, function = getattr(numpy_kernels, name), _function_of(name)
    return lambda: plain(y, p, dp, t, u), lambda: function(y, p, out=dp)


def _update(name: str, dtype: str, size: str) -> tuple[Side, Side]:
    rng = np.random.default_rng(0)
    g, start = (rng.normal(size=shape_of(size)).astype(dtype) for _ in range(2))
    ours, theirs = start.copy(), start.copy()
    count, _ = _kernels.update_names()[name]
    our_slots, their_slots = ([np.zeros_like(g) for _ in range(count)] for _ in range(2))
    t, u = np.empty_like(g), np.empty_like(g)
    scalars, plain = UPDATES[name], getattr(numpy_kernels, name)

    def fastnn() -> Array:
        _kernels.update(name, ours, g, our_slots, scalars)
        return ours

    return lambda: plain(theirs, g, their_slots, scalars, t, u), fastnn


# --- all of them -----------------------------------------------------------------------------------------------------


def kernels() -> Iterator[tuple[str, tuple[str, ...], Callable[[str, str], tuple[Side, Side]]]]:
    """Names of kernels, the sizes they are measured at, and what makes a pair of a dtype and a size.

    Kernels that `numpy_kernels` has not are not among them.
    """
    dense = tuple(DENSE)
    yield "linear", dense, _linear
    yield "linear relu", dense, _linear_relu
    yield "linear relu backward", dense, _linear_relu_backward
    without = {"linear"} | ({"gelu"} if numpy_kernels.erf is None else set())  # NumPy has no erf of its own
    activations = [name for name in _kernels.activation_names() if hasattr(numpy_kernels, name) and name not in without]
    for suffix, make in (("", _activation), (" backward", _activation_backward)):
        for name in activations:
            yield name + suffix, ELEMENTS, partial(make, name)
    for suffix, make in (("", _softmax), (" backward", _softmax_backward)):
        for name in ("softmax", "log_softmax"):
            yield name + suffix, ROWS, partial(make, name)
    for name in _kernels.loss_names():
        if hasattr(numpy_kernels, name):
            yield name, ROWS, partial(_loss, name)
    for name in _kernels.update_names():
        if name in UPDATES:
            yield name, ELEMENTS, partial(_update, name)


def pairs() -> Iterator[Pair]:
    """All pairs."""
    for kernel, sizes, make in kernels():
        for size in sizes:
            shape = shape_of(size)
            terms = sum(shape[:2]) if len(shape) == 3 else shape[-1] if sizes is ROWS else 1
            for dtype in DTYPES:
                yield Pair(kernel, dtype, size, partial(make, dtype, size), terms, len(shape) == 3)
