"""What is composed of the other functions, by Keras's names: on arrays, and on symbolic tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._arrays import floatx
from fastnn.ops.activations import relu, sigmoid, softplus
from fastnn.ops.arithmetic import (
    absolute,
    add,
    cos,
    divide,
    exp,
    log,
    max,
    maximum,
    mean,
    multiply,
    negative,
    of_two,
    power,
    sin,
    sqrt,
    square,
    squeeze,
    subtract,
    sum,
)
from fastnn.ops.arrays import norm
from fastnn.ops.comparisons import equal, where

true_divide = divide


def reciprocal(x: Any) -> Any:
    """1 / x.

    >>> print(reciprocal([2.0, 4.0]))
    [0.5  0.25]
    """
    return power(x, -1) if hasattr(x, "__fastnn__") else np.reciprocal(np.asarray(x, float_of(x)))


def rsqrt(x: Any) -> Any:
    """1 / √x.

    >>> print(rsqrt([4.0, 16.0]))
    [0.5  0.25]
    """
    return reciprocal(sqrt(x))


def log2(x: Any) -> Any:
    """The logarithm to the base 2.

    >>> print(log2([1.0, 8.0]))
    [0. 3.]
    """
    return divide(log(x), math.log(2)) if hasattr(x, "__fastnn__") else np.log2(np.asarray(x))


def log10(x: Any) -> Any:
    """The logarithm to the base 10.

    >>> print(log10([1.0, 100.0]))
    [0. 2.]
    """
    return divide(log(x), math.log(10)) if hasattr(x, "__fastnn__") else np.log10(np.asarray(x))


def exp2(x: Any) -> Any:
    """2 to the power of x.

    >>> print(exp2([3.0]))
    [8.]
    """
    return exp(multiply(x, math.log(2))) if hasattr(x, "__fastnn__") else np.exp2(np.asarray(x))


def sinh(x: Any) -> Any:
    """The hyperbolic sine.

    >>> print(sinh([0.0]))
    [0.]
    """
    if not hasattr(x, "__fastnn__"):
        return np.sinh(np.asarray(x))
    return multiply(subtract(exp(x), exp(negative(x))), 0.5)


def cosh(x: Any) -> Any:
    """The hyperbolic cosine.

    >>> print(cosh([0.0]))
    [1.]
    """
    if not hasattr(x, "__fastnn__"):
        return np.cosh(np.asarray(x))
    return multiply(add(exp(x), exp(negative(x))), 0.5)


def tan(x: Any) -> Any:
    """The tangent.

    >>> print(tan([0.0]))
    [0.]
    """
    return divide(sin(x), cos(x)) if hasattr(x, "__fastnn__") else np.tan(np.asarray(x))


def logaddexp(x1: Any, x2: Any) -> Any:
    """log(exp(x1) + exp(x2)), without its overflow.

    >>> print(logaddexp([1000.0], [1000.0]))
    [1000.69314718]
    """
    if not any(hasattr(x, "__fastnn__") for x in (x1, x2)):
        return of_two("", np.logaddexp, x1, x2)
    apart = negative(absolute(subtract(x1, x2)))
    return add(maximum(x1, x2), softplus(apart))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(Σ exp(x)) along an axis, or all, without its overflow; of a symbolic tensor along one axis of a sample.

    >>> print(logsumexp([[1000.0, 1000.0]], axis=-1))
    [1000.69314718]
    """
    largest = max(x, axis, keepdims=True)
    if not hasattr(x, "__fastnn__"):
        largest = np.where(np.isfinite(largest), largest, 0)
    total = add(log(sum(exp(subtract(x, largest)), axis, keepdims=True)), largest)
    return total if keepdims else squeeze(total, axis)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean square distance from the mean, along axes; of a symbolic tensor along axes of a sample.

    >>> print(var([[1.0, 3.0]], axis=-1))
    [1.]
    """
    if hasattr(x, "__fastnn__"):
        return mean(square(subtract(x, mean(x, axis, keepdims=True))), axis, keepdims)
    return np.var(np.asarray(x), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The square root of `var`.

    >>> print(std([[1.0, 3.0]], axis=-1))
    [1.]
    """
    return sqrt(var(x, axis, keepdims))


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts along an axis: so many equal ones, or those between indices; of a symbolic tensor not the batch's.

    Raises:
        ValueError: There are no so many equal parts.

    >>> [part.tolist() for part in split([[1.0, 2.0, 3.0, 4.0]], 2, axis=-1)]
    [[[1.0, 2.0]], [[3.0, 4.0]]]
    """
    if not hasattr(x, "__fastnn__"):
        return np.split(np.asarray(x), indices_or_sections, axis)
    at = axis + x.ndim if axis < 0 else axis
    if not 1 <= at < x.ndim:
        raise ValueError(f"Argument `axis` must be an axis of a sample, not the batch's. Received: axis={axis}")
    length = x.shape[at]
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1 or length % indices_or_sections:
            raise ValueError(
                f"Argument `indices_or_sections` must divide the axis, of length {length}. "
                f"Received: indices_or_sections={indices_or_sections}"
            )
        width = length // indices_or_sections
        ends = list(range(width, length + 1, width))
    else:
        ends = [*(int(end) for end in indices_or_sections), length]
    before = (slice(None),) * at
    return [x[(*before, slice(first, end))] for first, end in zip([0, *ends], ends, strict=False)]


def normalize(x: Any, axis: int = -1, order: Any = 2, epsilon: float | None = None) -> Any:
    """Vectors along an axis, divided by their lengths; a length below `epsilon`, by default 1e-7, counts as that.

    >>> print(normalize([[3.0, 4.0]]))
    [[0.6 0.8]]
    """
    return divide(x, maximum(norm(x, order, axis, keepdims=True), 1e-7 if epsilon is None else epsilon))


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """x1 / x2, and 0 where x2 is 0.

    >>> print(divide_no_nan([1.0, 1.0], [2.0, 0.0]))
    [0.5 0. ]
    """
    if not hasattr(x2, "__fastnn__"):
        x2 = np.asarray(x2)
        inverse = np.divide(1.0, x2, out=np.zeros(x2.shape, float_of(x2)), where=x2 != 0)[()]
        return multiply(x1, inverse)
    zero = equal(x2, 0.0)
    return where(zero, 0.0, divide(x1, add(x2, zero)))


def stop_gradient(variable: Any) -> Any:
    """The same, but no gradient goes back through it.

    >>> print(stop_gradient([1.0, 2.0]))
    [1. 2.]
    """
    return variable.__fastnn__("stop_gradient", variable) if hasattr(variable, "__fastnn__") else np.asarray(variable)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half along an axis times the sigmoid of the second.

    (Dauphin et al. 2017, "Language Modeling with Gated Convolutional Networks".)

    >>> print(glu([[3.0, 0.0]]))
    [[1.5]]
    """
    value, gate = split(x, 2, axis)
    return multiply(value, sigmoid(gate))


def relu6(x: Any) -> Any:
    """x within 0 and 6.

    >>> print(relu6([1.0, 7.0]))
    [1. 6.]
    """
    return relu(x, max_value=6.0)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """Rows of zeros with a one where x says; of numbers outside of the classes, all zeros.

    In the dtype of a model, of a symbolic tensor.

    >>> one_hot([1, -1], 2).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    if hasattr(x, "__fastnn__"):
        return x.__fastnn__("one_hot", x, num_classes, axis)
    rows = np.asarray(x)[..., None] == np.arange(num_classes)
    return np.moveaxis(rows, -1, axis).astype(_default(dtype))


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The k largest along the last axis, the largest first, and where they are. Of arrays alone.

    >>> values, places = top_k([1.0, 3.0, 2.0], 2)
    >>> values.tolist(), places.tolist()
    ([3.0, 2.0], [1, 2])
    """
    x = np.asarray(x)
    places = np.argsort(-x, axis=-1, kind="stable")[..., :k].astype(np.int32)
    return np.take_along_axis(x, places, axis=-1), places


def is_tensor(x: Any) -> bool:
    """Whether x is an array or a symbolic tensor.

    >>> is_tensor(np.ones(2)), is_tensor([1.0])
    (True, False)
    """
    return isinstance(x, np.ndarray) or hasattr(x, "__fastnn__")


# --- arrays of one's own ---------------------------------------------------------------------------------------------


def float_of(x: Any) -> Any:
    """The dtype in which numbers are no whole ones any more."""
    return np.result_type(np.asarray(x).dtype, np.float32)


def _default(dtype: Any) -> Any:
    return floatx() if dtype is None else dtype


def zeros(shape: Sequence[int], dtype: Any = None) -> np.ndarray:
    """An array of zeros, of `config.floatx()` by default.

    >>> zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, _default(dtype))


def ones(shape: Sequence[int], dtype: Any = None) -> np.ndarray:
    """An array of ones, of `config.floatx()` by default.

    >>> ones((2,))
    array([1., 1.], dtype=float32)
    """
    return np.ones(shape, _default(dtype))


def full(shape: Sequence[int], fill_value: Any, dtype: Any = None) -> np.ndarray:
    """An array of one number, of `config.floatx()` by default.

    >>> full((2,), 3)
    array([3., 3.], dtype=float32)
    """
    return np.full(shape, fill_value, _default(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> np.ndarray:
    """Ones on a diagonal, else zeros, of `config.floatx()` by default.

    >>> eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return np.eye(N, M, k, _default(dtype))


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Numbers at equal distances, of `config.floatx()` by default.

    >>> linspace(0.0, 1.0, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.linspace(start, stop, num, endpoint, retstep, _default(dtype), axis)  # type: ignore[call-overload]
