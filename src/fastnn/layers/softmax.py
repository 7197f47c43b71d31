"""Softmax as a layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.layers.axes import are_last, sample_axes
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


class Softmax(Layer):
    """Turns values into probabilities: `exp(x) / sum(exp(x))`, the sum over an axis of samples or several.

    Args:
        axis: The axis whose values sum to one, or a list of axes; that of the batch is 0.
        **kwargs: Arguments of `Layer`.

    Input shape: any of rank 2 or more. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> Softmax()(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sample_axes(self.axis, len(input_shape) - 1)
        return input_shape

    def lower(self, builder: Builder, x: Value) -> Value:
        rank = len(x.shape)
        axes = sample_axes(self.axis, rank)
        others = [axis for axis in range(rank) if axis not in axes]
        places = np.arange(math.prod(x.shape)).reshape(x.shape).transpose(*others, *axes)
        rows = x if are_last(axes, rank) else builder.rearrange(x, places)
        kept = len(others)
        y = builder.activation(builder.reshape(rows, (*rows.shape[:kept], math.prod(rows.shape[kept:]))), "softmax")
        y = builder.reshape(y, rows.shape)
        return y if are_last(axes, rank) else builder.rearrange(y, np.argsort(places, axis=None).reshape(x.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
