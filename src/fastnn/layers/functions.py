"""Powers and waves of symbolic tensors, made of steps that are there for other things; and no way back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.layers.comparisons import Where
from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer
from fastnn.layers.operations import NUMBERS, Function, Operation, add, multiply
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable


class Wave(Operation):
    """The sine or cosine of x, element by element.

    Args:
        function: `"sin"` or `"cos"`.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Wave("cos")(np.array([[0.0]]))
    array([[1.]])
    """

    def __init__(self, function: str, **kwargs: Any) -> None:
        super().__init__(function.capitalize(), **kwargs)
        self.function = function

    def lower(self, builder: Builder, x: Value) -> Value:
        count = math.prod(x.shape)
        numbers = builder.reshape(x, (count,))
        turn = Variable(np.full((count, 1), 1 / (2 * math.pi)), dtype=builder.dtype, trainable=False)
        if self.function == "cos":
            return builder.reshape(builder.waves(numbers, turn), x.shape)
        both = builder.waves(numbers, turn, sines=True)  # exact near 0, as a cosine with a phase is not
        return builder.rearrange(both, (2 * np.arange(count) + 1).reshape(x.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function}


class StopGradient(Layer):
    """Its input, through which no gradient goes back.

    Args:
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> StopGradient()(np.array([[2.0]]))
    array([[2.]])
    """

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.stop(x)


def stop_gradient(x: Any) -> Any:
    """x, through which no gradient goes back."""
    return StopGradient()(x)


def sin(x: Any) -> Any:
    """The sine."""
    return Wave("sin")(x)


def cos(x: Any) -> Any:
    """The cosine."""
    return Wave("cos")(x)


def power(a: Any, b: Any) -> Any:
    """a to the power of b: products for whole numbers, else e to the power of b · log(a), which is NaN where a < 0."""
    if not isinstance(a, Tensor):
        if not isinstance(a, NUMBERS) or a <= 0:
            raise NotImplementedError(
                f"What is raised to a symbolic tensor must be one, or a positive number. Received: {a!r} ** {b!r}"
            )
        return Function("exponential")(multiply(b, math.log(a)))
    if not isinstance(b, NUMBERS):
        return Function("exponential")(multiply(Function("logarithm")(a), b))
    if b in (0.5, -1, 2):
        return Function({0.5: "square_root", -1: "reciprocal", 2: "square"}[float(b)])(a)
    if b == 0:
        return add(multiply(Function("is_zero")(a), 0.0), 1.0)
    if b < 0:
        return Function("reciprocal")(power(a, -b))
    if b == 1:
        return multiply(a, 1.0)
    if float(b).is_integer():
        whole = Function("square")(power(a, b // 2))
        return multiply(whole, a) if b % 2 else whole
    # At 0 the logarithm has no slope that a product with 0 survives.
    positive = add(a, Function("is_zero")(a))
    return Where()([Function("exponential")(multiply(Function("logarithm")(positive), b)), a])
