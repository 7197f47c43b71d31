"""Arithmetic as functions, by Keras's names: NumPy's on arrays, layers on symbolic tensors.

With these a `call` of a layer or model, or a loss, is written once and works on both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def as_operand(x: Any) -> Any:
    """x as an array; numbers of Python's stay: they take on the dtype of what they meet."""
    return x if isinstance(x, (bool, int, float)) else np.asarray(x)


def of_two(name: str, function: Callable[..., Any], a: Any, b: Any) -> Any:
    """A function of two operands: NumPy's, or that of this name of symbolic tensors."""
    for operand in (a, b):
        if hasattr(operand, "__fastnn__"):
            return operand.__fastnn__(name, a, b)
    return function(as_operand(a), as_operand(b))


def _of_one(kernel: str, function: Callable[..., Any], x: Any) -> Any:
    return x.__fastnn__("function", kernel, x) if hasattr(x, "__fastnn__") else function(np.asarray(x))


def _along(name: str, function: Callable[..., Any], x: Any, axis: Any, keepdims: bool) -> Any:
    if hasattr(x, "__fastnn__"):
        return x.__fastnn__("reduce", name, x, axis, keepdims)
    return function(np.asarray(x), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)


def add(x1: Any, x2: Any) -> Any:
    """x1 + x2.

    >>> print(add([1.0, 2.0], 1.0))
    [2. 3.]
    """
    return of_two("add", np.add, x1, x2)


def subtract(x1: Any, x2: Any) -> Any:
    """x1 - x2.

    >>> print(subtract([1.0, 2.0], 1.0))
    [0. 1.]
    """
    return of_two("subtract", np.subtract, x1, x2)


def multiply(x1: Any, x2: Any) -> Any:
    """x1 · x2.

    >>> print(multiply([1.0, 2.0], 3.0))
    [3. 6.]
    """
    return of_two("multiply", np.multiply, x1, x2)


def divide(x1: Any, x2: Any) -> Any:
    """x1 / x2.

    >>> print(divide([1.0, 2.0], 2.0))
    [0.5 1. ]
    """
    return of_two("divide", np.divide, x1, x2)


def power(x1: Any, x2: Any) -> Any:
    """x1 to the power of x2; of symbolic tensors NaN for negative x1, unless x2 is a whole number, not a tensor.

    >>> print(power([1.0, 2.0], 3))
    [1. 8.]
    """
    return of_two("power", np.power, x1, x2)


def maximum(x1: Any, x2: Any) -> Any:
    """The larger of both, element by element.

    >>> print(maximum([1.0, 5.0], 3.0))
    [3. 5.]
    """
    return of_two("maximum", np.maximum, x1, x2)


def minimum(x1: Any, x2: Any) -> Any:
    """The smaller of both, element by element.

    >>> print(minimum([1.0, 5.0], 3.0))
    [1. 3.]
    """
    return of_two("minimum", np.minimum, x1, x2)


def negative(x: Any) -> Any:
    """-x.

    >>> print(negative([1.0, -2.0]))
    [-1.  2.]
    """
    return x.__fastnn__("negative", x) if hasattr(x, "__fastnn__") else np.negative(np.asarray(x))


def absolute(x: Any) -> Any:
    """The absolute value.

    >>> print(absolute([1.0, -2.0]))
    [1. 2.]
    """
    return _of_one("absolute", np.absolute, x)


abs = absolute


def square(x: Any) -> Any:
    """x².

    >>> print(square([1.0, -2.0]))
    [1. 4.]
    """
    return _of_one("square", np.square, x)


def sqrt(x: Any) -> Any:
    """√x.

    >>> print(sqrt([1.0, 4.0]))
    [1. 2.]
    """
    return _of_one("square_root", np.sqrt, x)


def exp(x: Any) -> Any:
    """e to the power of x.

    >>> print(exp([0.0]))
    [1.]
    """
    return _of_one("exponential", np.exp, x)


def sin(x: Any) -> Any:
    """The sine.

    >>> print(sin([0.0]))
    [0.]
    """
    return x.__fastnn__("sin", x) if hasattr(x, "__fastnn__") else np.sin(np.asarray(x))


def cos(x: Any) -> Any:
    """The cosine.

    >>> print(cos([0.0]))
    [1.]
    """
    return x.__fastnn__("cos", x) if hasattr(x, "__fastnn__") else np.cos(np.asarray(x))


def log(x: Any) -> Any:
    """The natural logarithm.

    >>> print(log([1.0]))
    [0.]
    """
    return _of_one("logarithm", np.log, x)


def log1p(x: Any) -> Any:
    """The natural logarithm of 1 + x, without loss of digits near 0.

    >>> print(log1p([0.0]))
    [0.]
    """
    return _of_one("logarithm_plus_one", np.log1p, x)


def sign(x: Any) -> Any:
    """1, 0 or -1: the sign of x. No gradient goes through it.

    >>> print(sign([-2.0, 0.0, 3.0]))
    [-1.  0.  1.]
    """
    return _of_one("sign", np.sign, x)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum along axes; of a symbolic tensor along axes of a sample.

    >>> print(sum([[1.0, 2.0]], axis=-1))
    [3.]
    """
    return _along("sum", np.sum, x, axis, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean along axes; of a symbolic tensor along axes of a sample.

    >>> print(mean([[1.0, 2.0]], axis=-1))
    [1.5]
    """
    return _along("mean", np.mean, x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element along axes; of a symbolic tensor along axes of a sample.

    >>> print(max([[1.0, 2.0]], axis=-1))
    [2.]
    """
    return _along("max", np.max, x, axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element along axes; of a symbolic tensor along axes of a sample.

    >>> print(min([[1.0, 2.0]], axis=-1))
    [1.]
    """
    return _along("min", np.min, x, axis, keepdims)


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays side by side along an axis.

    >>> print(concatenate([[[1.0]], [[2.0]]], axis=1))
    [[1. 2.]]
    """
    for x in xs:
        if hasattr(x, "__fastnn__"):
            return x.__fastnn__("concatenate", xs, axis)
    return np.concatenate([np.asarray(x) for x in xs], axis)


def reshape(x: Any, newshape: Sequence[int]) -> Any:
    """The same elements in another shape; the first axis of a symbolic tensor stays the batch's.

    >>> print(reshape([1.0, 2.0], (2, 1)).shape)
    (2, 1)
    """
    return x.__fastnn__("reshape", x, newshape) if hasattr(x, "__fastnn__") else np.reshape(np.asarray(x), newshape)


def expand_dims(x: Any, axis: int) -> Any:
    """An axis of length one more.

    >>> print(expand_dims([1.0, 2.0], -1).shape)
    (2, 1)
    """
    return x.__fastnn__("expand_dims", x, axis) if hasattr(x, "__fastnn__") else np.expand_dims(np.asarray(x), axis)


def squeeze(x: Any, axis: int | None = None) -> Any:
    """An axis of length one less; of arrays by default all such.

    >>> print(squeeze([[1.0], [2.0]], -1).shape)
    (2,)
    """
    return x.__fastnn__("squeeze", x, axis) if hasattr(x, "__fastnn__") else np.squeeze(np.asarray(x), axis)[()]


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order; of arrays by default the last one first.

    >>> print(transpose([[1.0], [2.0]], (1, 0)).shape)
    (1, 2)
    """
    return x.__fastnn__("transpose", x, axes) if hasattr(x, "__fastnn__") else np.transpose(np.asarray(x), axes)


def dot(x1: Any, x2: Any) -> Any:
    """The matrix product; of a symbolic tensor with a variable or a matrix on its right.

    >>> print(dot([[1.0, 2.0]], [[3.0], [4.0]]))
    [[11.]]
    """
    return of_two("dot", np.dot, x1, x2)
