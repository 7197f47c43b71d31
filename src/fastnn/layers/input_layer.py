"""The input of a model."""

from __future__ import annotations

from typing import Any

from fastnn.layers.layer import Layer, standardize_shape
from fastnn.program import Builder, Value


class InputLayer(Layer):
    """Says what samples look like, so that a model can be built before it sees data.

    Args:
        shape: Shape of one sample, without the batch axis.
        batch_size: Without effect.
        dtype: `"float32"` or `"float64"`: of the model.
        name: Its name.
        batch_shape: Shape with the batch axis, in place of `shape`.

    Example:

    >>> InputLayer((8,)).declared_input_shape
    (8,)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        *,
        batch_shape: Any = None,
        trainable: bool = True,
        input_shape: Any = None,
    ) -> None:
        if batch_shape is not None:
            shape = tuple(batch_shape)[1:]
        shape = input_shape if shape is None else shape
        if shape is None:
            raise ValueError("Argument `shape` must be given. Received: shape=None")
        super().__init__(dtype=dtype, name=name, input_shape=standardize_shape(shape), trainable=trainable)
        self.batch_size = batch_size

    def lower(self, builder: Builder, x: Value) -> Value:
        return x


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Any = None,
) -> InputLayer:
    """The first entry of a `Sequential` model: the shape of its samples.

    Args:
        shape: Shape of one sample, without the batch axis.
        batch_size: Without effect.
        dtype: `"float32"` or `"float64"`: of the model.
        name: Its name.
        batch_shape: Shape with the batch axis, in place of `shape`.

    Example:

    >>> from fastnn.layers import Dense
    >>> from fastnn.models import Sequential
    >>> Sequential([Input((8,)), Dense(1)]).count_params()
    9
    """
    return InputLayer(shape, batch_size, dtype, name, batch_shape=batch_shape)
