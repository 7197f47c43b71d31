"""Layers that run on NumPy arrays in front of a model."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


class InFront(Layer):
    """Base class of layers that are called on data, and whose results go into a model.

    Strings and 64-bit hashes are no numbers that a compiled program holds, so these layers have no steps in it; in
    Keras they run outside of compiled code too, on every backend but TensorFlow.
    """

    def __call__(self, inputs: Any, training: bool | None = None) -> np.ndarray:
        """Computes the layer's output.

        Args:
            inputs: An array, or what NumPy makes one of: lists, a scalar, a column of a table.
            training: Without effect.
        """
        parts = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        if any(isinstance(part, Tensor) for part in parts[:2]):
            self._refuse()
        return self.call(inputs)

    def call(self, inputs: Any) -> np.ndarray:
        """y = f(x), on NumPy arrays."""
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        self._refuse()

    def lower(self, builder: Builder, x: Value) -> Value:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotImplementedError(
            f"A {type(self).__name__} runs in front of a model, whose program holds numbers only: call it on the data, "
            f"x = layer(x), and train the model on what it returns. Received: layer '{self.name}' inside a model"
        )
