"""Numbers as vectors: what embeddings of numeric features have in common."""

from __future__ import annotations

import math
from typing import Any

from fastnn import activations, initializers
from fastnn.layers.activation import emit_activation
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable


def positive_integer(name: str, value: Any) -> int:
    """An argument that counts something."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise ValueError(f"Argument `{name}` must be a positive integer. Received: {name}={value!r}")
    return int(value)


class NumericEmbedding(Layer):
    """A row of numbers for each feature, and behind it a dense layer: one for every feature, or one for all."""

    def __init__(self, units: int, activation: Any, shared: bool, kernel_initializer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.shared = bool(shared)
        self.kernel_initializer = None if kernel_initializer is None else initializers.get(kernel_initializer)
        self.kernel: Variable | None = None
        self.bias: Variable | None = None

    def _build_dense(self, features: int, inputs: int, units: int) -> None:
        limit = 1 / math.sqrt(inputs)
        initializer = self.kernel_initializer or initializers.RandomUniform(-limit, limit)
        axes = () if self.shared else (features,)
        self.kernel = self.add_weight((*axes, inputs, units), initializer, name="kernel")
        self.bias = self.add_weight((*axes, units), initializers.RandomUniform(-limit, limit), name="bias")

    def _emit_dense(self, builder: Builder, x: Value) -> Value:
        kernel = required(self.kernel, "a kernel")
        y = (builder.dense if self.shared else builder.feature_dense)(x, kernel, self.bias)
        return emit_activation(builder, y, self.activation, self.name)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ValueError(
                f"Layer '{self.name}' takes inputs of rank 2, (batch, features). "
                f"Received: inputs of shape {input_shape}"
            )
        return (*input_shape, self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "shared": self.shared,
            "kernel_initializer": initializers.serialize(self.kernel_initializer) if self.kernel_initializer else None,
        }
