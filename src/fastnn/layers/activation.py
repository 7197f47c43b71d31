"""Activations as layers, and how any layer emits its activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn import activations
from fastnn.layers.layer import Layer
from fastnn.program import Builder
from fastnn.records import Value


def emit_activation(builder: Builder, x: Value, activation: Callable, layer: str) -> Value:
    """Emits the step of an activation function that has one."""
    kernel = activations.kernel_of(activation)
    if kernel is None:
        raise NotImplementedError(
            f"The activation of layer '{layer}' has no step: write a Layer with `forward` and `backward` instead. "
            f"Received: activation={activation!r}"
        )
    return builder.activation(x, kernel, activations.kernel_params(activation))


class Activation(Layer):
    """Applies an activation function to its input.

    Args:
        activation: Activation function, or its name.
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
