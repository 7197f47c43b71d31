"""Softmax as a layer."""

from __future__ import annotations

import math
from typing import Any

from fastnn.layers.axes import are_last, sample_axes
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


class Softmax(Layer):
    """Turns values into probabilities: `exp(x) / sum(exp(x))`, the sum over the last axis or several last axes.

    Args:
        axis: The axis whose values sum to one, or a list of axes: the last ones.
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
        shape = input_shape[1:]
        axes = sample_axes(self.axis, len(shape))
        if not are_last(axes, len(shape)):
            raise NotImplementedError(
                f"Argument `axis` of layer '{self.name}' must name the last axes: put a Permute layer before and after "
                f"it for others. Received: axis={self.axis} for samples of shape {shape}"
            )
        return input_shape

    def lower(self, builder: Builder, x: Value) -> Value:
        kept = len(x.shape) - len(sample_axes(self.axis, len(x.shape)))
        rows = builder.reshape(x, (*x.shape[:kept], math.prod(x.shape[kept:])))
        return builder.reshape(builder.activation(rows, "softmax"), x.shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
