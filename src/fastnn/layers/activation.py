"""Activations as layers, and how any layer emits its activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn import activations
from fastnn.layers.graph import UntraceableError, trace
from fastnn.layers.layer import Layer
from fastnn.program import Builder
from fastnn.records import Value


def emit_activation(builder: Builder, x: Value, activation: Callable, layer: str) -> Value:
    """Emits the step of an activation function that has one, or those that it composes of `fastnn.ops`."""
    kernel = activations.kernel_of(activation)
    if kernel is not None:
        return builder.activation(x, kernel, activations.kernel_params(activation))
    try:
        composed, _ = trace(activation, builder, [x])
    except UntraceableError as error:
        raise NotImplementedError(
            f"The activation of layer '{layer}' has no step, and is not composed of fastnn.ops: write a Layer with "
            f"`forward` and `backward` instead. Received: activation={activation!r}, of which a trace says: {error}"
        ) from None
    if composed.shape != x.shape:
        raise ValueError(
            f"The activation of layer '{layer}' must keep the shape of its input, {x.shape}. "
            f"Received: activation={activation!r}, which returns {composed.shape}"
        )
    return composed


class Activation(Layer):
    """Applies an activation function to its input.

    Args:
        activation: Activation function, or its name; or one composed of `fastnn.ops`: `lambda v: ops.tanh(v) * 2`.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> Activation("relu")(np.array([[-3.0, 2.0]]))
    array([[0., 2.]])
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def lower(self, builder: Builder, x: Value) -> Value:
        return emit_activation(builder, x, self.activation, self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
