"""Comparisons of symbolic tensors, and the choice between them. Truth is 1 and falsehood 0, in the model's dtype."""

from __future__ import annotations

import math
from typing import Any

from fastnn.layers import merging
from fastnn.layers.graph import Tensor
from fastnn.layers.operations import NUMBERS, Function, add, maximum, minimum, multiply, subtract

TRUTHS = ("positive", "not_negative", "is_zero")


class Where(merging.Merge):
    """The first input where the second is not 0, else 0: nothing of it goes through there, nor of its gradient.

    Args:
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Where()([np.array([[1.0, np.nan]]), np.array([[1.0, 0.0]])])
    array([[1., 0.]])
    """

    operation = "where"
    exactly_two = True


def greater(a: Any, b: Any) -> Any:
    """1 where a > b, else 0. Comparisons look at a - b: infinities of one sign are not told apart."""
    return Function("positive")(subtract(a, b))


def greater_equal(a: Any, b: Any) -> Any:
    """1 where a >= b, else 0."""
    return Function("not_negative")(subtract(a, b))


def less(a: Any, b: Any) -> Any:
    """1 where a < b, else 0."""
    return greater(b, a)


def less_equal(a: Any, b: Any) -> Any:
    """1 where a <= b, else 0."""
    return greater_equal(b, a)


def equal(a: Any, b: Any) -> Any:
    """1 where a = b, else 0."""
    return Function("is_zero")(subtract(a, b))


def not_equal(a: Any, b: Any) -> Any:
    """0 where a = b, else 1."""
    return logical_not(equal(a, b))


def logical_not(x: Any) -> Any:
    """1 where x is 0, else 0."""
    return Function("is_zero")(x)


def logical_and(a: Any, b: Any) -> Any:
    """1 where neither is 0, else 0."""
    return multiply(truth(a), truth(b))


def logical_or(a: Any, b: Any) -> Any:
    """0 where both are 0, else 1."""
    return maximum(truth(a), truth(b))


def truth(x: Any) -> Any:
    """1 where x is not 0, else 0."""
    if not isinstance(x, Tensor):
        return float(bool(x))
    layer = None if x.node is None else x.node.layer
    if isinstance(layer, Function) and layer.function in TRUTHS:
        return x
    return logical_not(logical_not(x))


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition is not 0, else b."""
    if not isinstance(condition, Tensor):
        raise NotImplementedError(
            "Argument `condition` must be a symbolic tensor where what it chooses from is. "
            f"Received: condition={type(condition).__name__}"
        )
    return add(_where(condition, a), _where(logical_not(condition), b))


def _where(condition: Tensor, x: Any) -> Any:
    """x where the condition is not 0, else 0."""
    if isinstance(x, Tensor):
        return Where()([x, condition])
    chosen = multiply(truth(condition), x)
    infinite = isinstance(x, NUMBERS) and not math.isfinite(x)  # and 0 times it is not 0
    return Where()([chosen, condition]) if infinite else chosen


def clip(x: Any, low: Any, high: Any) -> Any:
    """x within low and high."""
    return minimum(maximum(x, low), high)


def zeros_like(x: Tensor) -> Any:
    """0 in the shape of x, whatever x is."""
    return Where()([x, logical_not(x)])


def ones_like(x: Tensor) -> Any:
    """1 in the shape of x, whatever x is."""
    return add(zeros_like(x), 1.0)
