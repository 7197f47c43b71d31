"""Flatten."""

from __future__ import annotations

import math
from typing import Any

from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


class Flatten(Layer):
    """Turns every sample into a vector. It costs nothing: the rows lie end to end already.

    Args:
        data_format: `"channels_last"`, or `None` for the same.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ...)`. Output shape: `(batch, product of the rest)`.

    Example:

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last"):
            raise ValueError(
                f"Argument `data_format` must be 'channels_last' or None. Received: data_format={data_format!r}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], math.prod(input_shape[1:]))

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.reshape(x, (math.prod(x.shape),))
