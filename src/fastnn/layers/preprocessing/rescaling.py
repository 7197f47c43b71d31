"""Scaling by constants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable


class Rescaling(Layer):
    """Multiplies by a constant and adds another: `x * scale + offset`.

    Args:
        scale: The factor: a number, or an array that fits the last axes of a sample.
        offset: What is added: the same.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> Rescaling(1 / 128, offset=-1)(np.array([[0, 128, 192]], np.uint8))
    array([[-1. ,  0. ,  0.5]], dtype=float32)
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in (("scale", scale), ("offset", offset)):
            if np.asarray(value).dtype.kind not in "buif":
                raise ValueError(
                    f"Argument `{name}` must be a number or an array of numbers. Received: {name}={value!r}"
                )
        self.scale = scale
        self.offset = offset
        self._factors: list[Variable] = []  # constants, and none of the layer's weights

    def build(self, input_shape: Shape) -> None:
        rank = max(np.ndim(self.scale), np.ndim(self.offset))
        shape = input_shape[1:][-1:] if rank < 2 else input_shape[1:]
        try:
            arrays = [np.broadcast_to(np.asarray(value, np.float64), shape) for value in (self.scale, self.offset)]
        except ValueError:
            raise ValueError(
                f"Arguments `scale` and `offset` must fit samples of shape {input_shape[1:]}. "
                f"Received: shapes {np.shape(self.scale)} and {np.shape(self.offset)}"
            ) from None
        self._factors = [Variable(array.reshape(-1), dtype=self.dtype, trainable=False) for array in arrays]

    def lower(self, builder: Builder, x: Value) -> Value:
        flat = builder.reshape(x, (math.prod(x.shape),)) if self._factors[0].size > x.width else x
        y = Value(flat.shape)
        builder.add("rescaling", [flat], y, self._factors)
        return builder.reshape(y, x.shape)

    def get_config(self) -> dict[str, Any]:
        scale, offset = (np.asarray(value).tolist() for value in (self.scale, self.offset))
        return {**super().get_config(), "scale": scale, "offset": offset}
