"""Comparisons, and the choice between values, by Keras's names: NumPy's on arrays, layers on symbolic tensors.

Of symbolic tensors a comparison is 1 or 0 in the model's dtype. No gradient goes through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.ops.arithmetic import as_operand, of_two


def greater(x1: Any, x2: Any) -> Any:
    """Whether x1 > x2; `x1 > x2` does the same.

    >>> print(greater([1.0, 2.0], 1.0))
    [False  True]
    """
    return of_two("greater", np.greater, x1, x2)


def greater_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 >= x2.

    >>> print(greater_equal([0.0, 1.0], 1.0))
    [False  True]
    """
    return of_two("greater_equal", np.greater_equal, x1, x2)


def less(x1: Any, x2: Any) -> Any:
    """Whether x1 < x2.

    >>> print(less([0.0, 1.0], 1.0))
    [ True False]
    """
    return of_two("less", np.less, x1, x2)


def less_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 <= x2.

    >>> print(less_equal([1.0, 2.0], 1.0))
    [ True False]
    """
    return of_two("less_equal", np.less_equal, x1, x2)


def equal(x1: Any, x2: Any) -> Any:
    """Whether both are equal; `==` of symbolic tensors asks whether they are the same one.

    >>> print(equal([1.0, 2.0], 1.0))
    [ True False]
    """
    return of_two("equal", np.equal, x1, x2)


def not_equal(x1: Any, x2: Any) -> Any:
    """Whether both differ.

    >>> print(not_equal([1.0, 2.0], 1.0))
    [False  True]
    """
    return of_two("not_equal", np.not_equal, x1, x2)


def logical_and(x1: Any, x2: Any) -> Any:
    """Whether both are true; `x1 & x2` does the same.

    >>> print(logical_and([True, False], True))
    [ True False]
    """
    return of_two("logical_and", np.logical_and, x1, x2)


def logical_or(x1: Any, x2: Any) -> Any:
    """Whether one is true; `x1 | x2` does the same.

    >>> print(logical_or([True, False], False))
    [ True False]
    """
    return of_two("logical_or", np.logical_or, x1, x2)


def logical_not(x: Any) -> Any:
    """Whether x is false; `~x` does the same.

    >>> print(logical_not([True, False]))
    [False  True]
    """
    return x.__fastnn__("logical_not", x) if hasattr(x, "__fastnn__") else np.logical_not(np.asarray(x))


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; what is not chosen gets no gradient, even where it is NaN.

    Without x1 and x2, the places where the condition holds, of arrays.

    >>> print(where([True, False], 1.0, [2.0, 3.0]))
    [1. 3.]
    """
    if x1 is None and x2 is None:
        return np.nonzero(np.asarray(condition))
    for operand in (condition, x1, x2):
        if hasattr(operand, "__fastnn__"):
            return operand.__fastnn__("where", condition, x1, x2)
    return np.where(np.asarray(condition), as_operand(x1), as_operand(x2))


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x, but not below x_min and not above x_max.

    >>> print(clip([-1.0, 0.5, 2.0], 0.0, 1.0))
    [0.  0.5 1. ]
    """
    if hasattr(x, "__fastnn__"):
        return x.__fastnn__("clip", x, x_min, x_max)
    return np.clip(np.asarray(x), as_operand(x_min), as_operand(x_max))
