"""A penalty on what passes through."""

from __future__ import annotations

from typing import Any

from fastnn import regularizers
from fastnn.layers.layer import Layer
from fastnn.program import Builder
from fastnn.records import Value


class ActivityRegularization(Layer):
    """Hands on its input, and adds `l1 * sum(abs(x)) + l2 * sum(x**2)`, divided by the batch's length, to the loss.

    Args:
        l1: Factor of the absolute values.
        l2: Factor of the squares.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> ActivityRegularization(l1=0.1)(np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def lower(self, builder: Builder, x: Value) -> Value:
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "l1": self.l1, "l2": self.l2}
