"""Activations as layers, and how any layer emits its activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import activations
from fastnn.layers.graph import UntraceableError, trace
from fastnn.layers.layer import Layer
from fastnn.program import Builder
from fastnn.records import Value


def emit_activation(builder: Builder, x: Value, activation: Callable[..., Any], layer: str) -> Value:
    """Emits the step of an activation function that has one, or those that it composes of `fastnn.ops`.

    One that has an attribute `derivative` is a step in Python.
    """
    kernel = activations.kernel_of(activation)
    if kernel is not None:
        return builder.activation(x, kernel, activations.kernel_params(activation))
    if hasattr(activation, "derivative"):
        return builder.python(x, x.shape, *_in_python(activation, activation.derivative, layer))
    try:
        composed, _ = trace(activation, builder, [x])
    except UntraceableError as error:
        raise NotImplementedError(
            f"The activation of layer '{layer}' has no step, and is not composed of fastnn.ops: give it an attribute "
            f"`derivative`, a function of x in NumPy. Received: activation={activation!r}, not traced: {error}"
        ) from None
    if composed.shape != x.shape:
        raise ValueError(
            f"The activation of layer '{layer}' must keep the shape of its input, {x.shape}. "
            f"Received: activation={activation!r}, which returns {composed.shape}"
        )
    return composed


def _in_python(
    function: Callable[..., Any], derivative: Callable[..., Any], layer: str
) -> tuple[Callable[[np.ndarray], Any], Callable[[np.ndarray], Any]]:
    """The way forward and the way back of an activation function in NumPy."""
    inputs: list[np.ndarray] = []

    def checked(of: Callable[..., Any]) -> np.ndarray:
        y = np.asarray(of(inputs[0].copy()))
        if y.shape != inputs[0].shape:
            raise ValueError(
                f"The activation of layer '{layer}' and its derivative must keep the shape of x, {inputs[0].shape}. "
                f"Received: {y.shape} from {of!r}"
            )
        return y

    def forward(x: np.ndarray) -> np.ndarray:
        inputs[:] = [x.copy()]
        return checked(function)

    return forward, lambda dy: dy * checked(derivative)


class Activation(Layer):
    """Applies an activation function to its input.

    Args:
        activation: Activation function, or its name; or one composed of `fastnn.ops`: `lambda v: ops.tanh(v) * 2`; or
            one in NumPy that has an attribute `derivative`, the same of its derivative by x: it takes the GIL.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> Activation("relu")(np.array([[-3.0, 2.0]]))
    array([[0., 2.]])
    >>> def bump(x):
    ...     return np.exp(-x * x)
    >>> bump.derivative = lambda x: -2 * x * np.exp(-x * x)
    >>> Activation(bump)(np.array([[0.0]]))
    array([[1.]])
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def lower(self, builder: Builder, x: Value) -> Value:
        return emit_activation(builder, x, self.activation, self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
