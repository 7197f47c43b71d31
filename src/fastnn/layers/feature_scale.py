"""A learned factor for every feature."""

from __future__ import annotations

from typing import Any

from fastnn import constraints, initializers, regularizers
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable


class FeatureScale(Layer):
    """Multiplies each feature by a factor that learns: a soft choice of features, in front of the first dense layer.

    Beyond Keras. (Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default: Strong Pre-Tuned MLPs and Boosted
    Trees on Tabular Data", where it is RealMLP's scaling layer.)

    Args:
        scale_initializer: Initializer of the factors.
        scale_regularizer: Regularizer of the factors.
        scale_constraint: Constraint of the factors.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., features)`. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> layer = FeatureScale()
    >>> y = layer(np.array([[1.0, 2.0]]))
    >>> layer.scale[...] = [3.0, 0.5]
    >>> layer(np.array([[1.0, 2.0]]))
    array([[3., 1.]])
    """

    def __init__(
        self,
        scale_initializer: Any = "ones",
        scale_regularizer: Any = None,
        scale_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.scale_initializer = initializers.get(scale_initializer)
        self.scale_regularizer = regularizers.get(scale_regularizer)
        self.scale_constraint = constraints.get(scale_constraint)
        self.scale: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(
            tuple(input_shape[-1:]),
            self.scale_initializer,
            regularizer=self.scale_regularizer,
            constraint=self.scale_constraint,
            name="scale",
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2:
            raise ValueError(
                f"Layer '{self.name}' takes inputs of rank 2 or more. Received: inputs of shape {input_shape}"
            )
        return input_shape

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.scale(x, self.scale, None)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale_initializer": initializers.serialize(self.scale_initializer),
            "scale_regularizer": regularizers.serialize(self.scale_regularizer),
            "scale_constraint": constraints.serialize(self.scale_constraint),
        }
