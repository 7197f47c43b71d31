"""ONNX's operators on NumPy arrays: for what is constant, and for finding out what a few operators compute together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.exchange.onnx_file import check_size, dtype_of

Attributes = dict[str, Any]


def _sigmoid(x: Any) -> Any:
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x)))


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[float])(x)


def _cast(x: Any, a: Attributes) -> Any:
    return np.asarray(x).astype(dtype_of(a["to"]))


def _clip(x: Any, a: Attributes, low: Any = None, high: Any = None) -> Any:
    low = a.get("min") if low is None else low
    high = a.get("max") if high is None else high
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _divide(x: Any, y: Any) -> Any:
    if np.asarray(x).dtype.kind in "iu":  # towards zero, as in C
        return np.trunc(np.divide(x, y)).astype(np.asarray(x).dtype)
    return np.divide(x, y)


def _ramp(x: Any, a: Attributes) -> Any:
    return np.clip(a.get("alpha", 0.2) * np.asarray(x) + a.get("beta", 0.5), 0, 1)


# Element by element: what makes one of several.
ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Abs": lambda a, x: np.abs(x),
    "Add": lambda a, x, y: np.add(x, y),
    "And": lambda a, x, y: np.logical_and(x, y),
    "Cast": lambda a, x: _cast(x, a),
    "Clip": lambda a, x, *bounds: _clip(x, a, *bounds),
    "Div": lambda a, x, y: _divide(x, y),
    "Equal": lambda a, x, y: np.equal(x, y),
    "Erf": lambda a, x: _erf(x),
    "Exp": lambda a, x: np.exp(x),
    "Greater": lambda a, x, y: np.greater(x, y),
    "GreaterOrEqual": lambda a, x, y: np.greater_equal(x, y),
    "HardSigmoid": lambda a, x: _ramp(x, a),
    "HardSwish": lambda a, x: x * np.clip(np.asarray(x) / 6 + 0.5, 0, 1),
    "Identity": lambda a, x: x,
    "LeakyRelu": lambda a, x: np.where(np.greater(x, 0), x, a.get("alpha", 0.01) * np.asarray(x)),
    "Less": lambda a, x, y: np.less(x, y),
    "LessOrEqual": lambda a, x, y: np.less_equal(x, y),
    "Log": lambda a, x: np.log(x),
    "Max": lambda a, *xs: np.maximum.reduce(np.broadcast_arrays(*xs)),
    "Mean": lambda a, *xs: np.mean(np.broadcast_arrays(*xs), axis=0),
    "Min": lambda a, *xs: np.minimum.reduce(np.broadcast_arrays(*xs)),
    "Mul": lambda a, x, y: np.multiply(x, y),
    "Neg": lambda a, x: np.negative(x),
    "Not": lambda a, x: np.logical_not(x),
    "Or": lambda a, x, y: np.logical_or(x, y),
    "Pow": lambda a, x, y: np.power(np.asarray(x, np.float64), y).astype(np.asarray(x).dtype),
    "Reciprocal": lambda a, x: np.reciprocal(x),
    "Relu": lambda a, x: np.maximum(x, 0),
    "Sigmoid": lambda a, x: _sigmoid(x),
    "Sign": lambda a, x: np.sign(x),
    "Softplus": lambda a, x: np.logaddexp(x, 0),
    "Softsign": lambda a, x: x / (1 + np.abs(x)),
    "Sqrt": lambda a, x: np.sqrt(x),
    "Sub": lambda a, x, y: np.subtract(x, y),
    "Sum": lambda a, *xs: np.sum(np.broadcast_arrays(*xs), axis=0),
    "Tanh": lambda a, x: np.tanh(x),
    "Where": lambda a, c, x, y: np.where(c, x, y),
}

# Besides those a layer is made for, what one of x alone makes: activations of their own.
UNARY = ("Celu", "Elu", "Gelu", "Mish", "PRelu", "Selu", "Shrink", "Swish", "ThresholdedRelu")


def _integers(x: Any) -> list[int]:
    return [int(number) for number in np.asarray(x).reshape(-1)]


def _axes(a: Attributes, given: Any) -> list[int] | None:
    """Axes, which later opsets have as an input, and earlier ones as an attribute."""
    if given is not None:
        return _integers(given)
    return list(a["axes"]) if "axes" in a else None


def reshape(x: np.ndarray, a: Attributes, shape: Any) -> np.ndarray:
    """Reshape: 0 is the length that is there, -1 what is left."""
    wanted = _integers(shape)
    if not a.get("allowzero", 0):
        wanted = [x.shape[at] if length == 0 else length for at, length in enumerate(wanted)]
    return x.reshape(wanted)


def squeeze(x: np.ndarray, a: Attributes, axes: Any = None) -> np.ndarray:
    """Squeeze: without axes of length one."""
    which = _axes(a, axes)
    return x.squeeze(None if which is None else tuple(which))


def unsqueeze(x: np.ndarray, a: Attributes, axes: Any = None) -> np.ndarray:
    """Unsqueeze: with axes of length one more."""
    return np.expand_dims(x, tuple(_axes(a, axes) or ()))


def expand(x: np.ndarray, a: Attributes, shape: Any) -> np.ndarray:
    """Expand: broadcast to a shape, or to what both have together."""
    wanted = np.broadcast_shapes(x.shape, tuple(_integers(shape)))
    check_size(wanted, "An expanded tensor")
    return np.broadcast_to(x, wanted)


def tile(x: np.ndarray, a: Attributes, repeats: Any) -> np.ndarray:
    """Tile: repeated along axes."""
    times = _integers(repeats)
    check_size([x.size, *times], "A repeated tensor")
    return np.tile(x, times)


def gather(x: np.ndarray, a: Attributes, indices: Any) -> np.ndarray:
    """Gather: elements along an axis; negative indices count from the end."""
    indices = np.asarray(indices)
    axis = a.get("axis", 0)
    check_size([x.size // max(x.shape[axis], 1), indices.size], "A gathered tensor")
    return np.take(x, indices.astype(np.int64), axis)


def slices(x: np.ndarray, a: Attributes, *given: Any) -> np.ndarray:
    """Slice: from `starts` to `ends`, on some axes, by steps."""
    starts, ends, axes, steps = [*(None if part is None else _integers(part) for part in given), *[None] * 4][:4]
    starts, ends = starts or list(a["starts"]), ends or list(a["ends"])
    axes = axes or list(a.get("axes", range(len(starts))))
    parts: list[Any] = [slice(None)] * x.ndim
    for at, axis in enumerate(axes):
        step = 1 if steps is None else steps[at]
        n = x.shape[axis]
        stop = None if step < 0 and ends[at] < -n else ends[at]  # from the end back past the first
        parts[axis] = slice(starts[at], stop, step)
    return x[tuple(parts)]


def concatenate(a: Attributes, *xs: np.ndarray) -> np.ndarray:
    """Concat."""
    check_size([sum(x.size for x in xs)], "A concatenated tensor")
    return np.concatenate(xs, a["axis"])


def _constant_of_shape(x: Any, a: Attributes) -> np.ndarray:
    shape = _integers(x)
    check_size(shape, "A constant")
    value = a.get("value", np.zeros(1, np.float32))
    return np.full(shape, value.reshape(-1)[0], value.dtype)


def _range(start: Any, limit: Any, delta: Any) -> np.ndarray:
    check_size([max(0, math.ceil((limit - start) / delta))], "A range")
    return np.arange(start, limit, delta, dtype=np.asarray(start).dtype)


# What changes shapes and places only.
PLACES: dict[str, Callable[..., np.ndarray]] = {
    "Expand": expand,
    "Gather": gather,
    "Reshape": reshape,
    "Slice": slices,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": lambda x, a: np.transpose(x, a.get("perm")),
    "Unsqueeze": unsqueeze,
    "Flatten": lambda x, a: x.reshape(math.prod(x.shape[: a.get("axis", 1)]), -1),
}


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(a: Attributes, x: Any, axes: Any = None) -> Any:
        along = _axes(a, axes)
        if not along and a.get("noop_with_empty_axes", 0):
            return x
        return function(x, axis=tuple(along) if along else None, keepdims=bool(a.get("keepdims", 1)))

    return reduce


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "L1": lambda x, **along: np.sum(np.abs(x), **along),
    "L2": lambda x, **along: np.sqrt(np.sum(np.square(x), **along)),
    "Max": np.max,
    "Mean": np.mean,
    "Min": np.min,
    "Prod": np.prod,
    "Sum": np.sum,
    "SumSquare": lambda x, **along: np.sum(np.square(x), **along),
}

# What makes constants of constants, lengths most of all.
CONSTANT: dict[str, Callable[..., Any]] = {
    "Ceil": lambda a, x: np.ceil(x),
    "ConstantOfShape": lambda a, x: _constant_of_shape(x, a),
    "Floor": lambda a, x: np.floor(x),
    "Mod": lambda a, x, y: np.fmod(x, y) if a.get("fmod", 0) else np.mod(x, y),
    "Range": lambda a, *xs: _range(*(np.asarray(x).reshape(())[()] for x in xs)),
    **{f"Reduce{name}": _reduction(function) for name, function in _REDUCTIONS.items()},
    "Shape": lambda a, x: np.array(np.shape(x)[a.get("start", 0) : a.get("end")], np.int64),
    "Size": lambda a, x: np.array(np.size(x), np.int64),
}


def computed(operator: str, a: Attributes, xs: list[Any]) -> np.ndarray | None:
    """What an operator makes of constants; `None` where it is none of those that constants are computed with."""
    with np.errstate(all="ignore"):
        if operator in ELEMENTWISE:
            check_size(np.broadcast_shapes(*(np.shape(x) for x in xs if x is not None)), "A constant")
            y = np.asarray(ELEMENTWISE[operator](a, *xs))
            floating = xs and np.asarray(xs[0]).dtype.kind == "f" and y.dtype.kind == "f" and operator != "Cast"
            return y.astype(np.asarray(xs[0]).dtype) if floating else y
        if operator in PLACES:
            return PLACES[operator](np.asarray(xs[0]), a, *xs[1:])
        if operator == "Concat":
            return concatenate(a, *xs)
        return np.asarray(CONSTANT[operator](a, *xs)) if operator in CONSTANT else None
