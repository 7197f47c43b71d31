"""Further functions along an axis, by Keras's names: NumPy's on arrays, layers on symbolic tensors.

Of symbolic tensors the axis is one of a sample, and results are in the model's dtype, numbers of places and truths too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.ops.arithmetic import max, mean, min, multiply, negative, subtract, sum
from fastnn.ops.comparisons import equal, not_equal
from fastnn.ops.places import swapaxes


def _axis(x: Any, axis: Any) -> int:
    """The axis of a symbolic tensor, from 1 on."""
    at = axis + x.ndim if isinstance(axis, int) and axis < 0 else axis
    if isinstance(axis, bool) or not isinstance(at, int) or not 1 <= at < x.ndim:
        raise ValueError(f"Argument `axis` must be an axis of a sample, behind the batch's. Received: axis={axis!r}")
    return at


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean, each element weighed; weights are of the shape of x, or a vector along the axis.

    >>> print(average([[1.0, 3.0]], axis=1, weights=[3.0, 1.0]))
    [1.5]
    """
    if not hasattr(x, "__fastnn__"):
        return np.average(np.asarray(x), axis, weights)
    if weights is None:
        return mean(x, axis)
    at = _axis(x, axis)
    factors = np.asarray(weights, np.float64)
    factors = factors / factors.sum(axis=None if factors.ndim == 1 else at, keepdims=factors.ndim > 1)
    if factors.ndim == 1:
        factors = factors.reshape([-1 if place == at else 1 for place in range(1, x.ndim)])
        factors = np.broadcast_to(factors, x.shape[1:])
    return sum(multiply(x, factors), at)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product along an axis, or of all.

    >>> print(prod([[2.0, 3.0]], axis=1))
    [6.]
    """
    if hasattr(x, "__fastnn__"):
        return x.__fastnn__("prod", x, _axis(x, axis), keepdims)
    return np.prod(np.asarray(x), tuple(axis) if isinstance(axis, list) else axis, dtype, keepdims=keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all are true.

    >>> all([[True, False]], axis=1)
    array([False])
    """
    return _truths(np.all, min, x, axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether one is true.

    >>> any([[True, False]], axis=1)
    array([ True])
    """
    return _truths(np.any, max, x, axis, keepdims)


def _truths(function: Callable[..., Any], extreme: Callable[..., Any], x: Any, axis: Any, keepdims: bool) -> Any:
    if hasattr(x, "__fastnn__"):
        return extreme(not_equal(x, 0.0), axis, keepdims)
    return function(np.asarray(x), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the largest is along an axis, or in x as a vector: the first of several.

    >>> argmax([[1.0, 3.0, 2.0]], axis=1)
    array([1])
    """
    if not hasattr(x, "__fastnn__"):
        return np.argmax(np.asarray(x), axis, keepdims=keepdims)
    at = _axis(x, axis)
    length = x.shape[at]
    backward = np.arange(length, 0, -1.0).reshape([-1 if place == at else 1 for place in range(1, x.ndim)])
    largest = equal(x, max(x, at, keepdims=True))
    return subtract(length, max(multiply(largest, np.broadcast_to(backward, x.shape[1:])), at, keepdims))


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the smallest is along an axis, or in x as a vector: the first of several.

    >>> argmin([[3.0, 1.0, 2.0]], axis=1)
    array([1])
    """
    if not hasattr(x, "__fastnn__"):
        return np.argmin(np.asarray(x), axis, keepdims=keepdims)
    return argmax(negative(x), axis, keepdims)


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Each element and those before it along an axis, added up.

    >>> print(cumsum([[1.0, 2.0, 3.0]], axis=1))
    [[1. 3. 6.]]
    """
    if not hasattr(x, "__fastnn__"):
        return np.cumsum(np.asarray(x), axis, dtype)
    at, last = _axis(x, axis), x.ndim - 1
    turned = x if at == last else swapaxes(x, at, last)
    length = x.shape[at]
    sums = x.__fastnn__("matmul", turned, np.triu(np.ones((length, length))))
    return sums if at == last else swapaxes(sums, at, last)
