"""Pooling over all positions."""

from __future__ import annotations

from typing import Any

from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


class GlobalPooling1D(Layer):
    """What the pooling layers have in common: shapes and configuration."""

    kind = ""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format == "channels_first":
            raise NotImplementedError(
                "Argument `data_format` must be 'channels_last' or None: put a Permute layer before for others. "
                "Received: data_format='channels_first'"
            )
        if data_format not in (None, "channels_last"):
            raise ValueError(
                f"Argument `data_format` must be 'channels_last' or None. Received: data_format={data_format!r}"
            )
        self.data_format = "channels_last"
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(
                f"Layer '{self.name}' takes inputs of rank 3, (batch, positions, features). "
                f"Received: inputs of shape {input_shape}"
            )
        batch, _, features = input_shape
        return (batch, 1, features) if self.keepdims else (batch, features)

    def lower(self, builder: Builder, x: Value) -> Value:
        y = builder.pooling(x, self.kind)
        return builder.reshape(y, self.compute_output_shape((None, *x.shape))[1:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalAveragePooling1D(GlobalPooling1D):
    """The mean over all positions of a sample: of the embeddings of its words, for one.

    Args:
        data_format: `"channels_last"`, or `None` for the same.
        keepdims: Whether the axis of positions stays, with length 1.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, positions, features)`. Output shape: `(batch, features)`.

    Example:

    >>> import numpy as np
    >>> GlobalAveragePooling1D()(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[2., 3.]])
    """

    kind = "mean"


class GlobalMaxPooling1D(GlobalPooling1D):
    """The maximum over all positions of a sample, feature by feature.

    Args:
        data_format: `"channels_last"`, or `None` for the same.
        keepdims: Whether the axis of positions stays, with length 1.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, positions, features)`. Output shape: `(batch, features)`.

    Example:

    >>> import numpy as np
    >>> GlobalMaxPooling1D()(np.array([[[1.0, 4.0], [3.0, 2.0]]]))
    array([[3., 4.]])
    """

    kind = "max"
