"""Rectified linear units whose slopes learn."""

from __future__ import annotations

from typing import Any

from fastnn import constraints, initializers, regularizers
from fastnn.layers.axes import cut, sample_axes
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable


class PReLU(Layer):
    """Applies a rectifier whose slopes below zero learn: `x` where `x > 0`, else `alpha * x`.

    (He, Zhang, Ren and Sun 2015, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification".)

    Args:
        alpha_initializer: Initializer of the slopes.
        alpha_regularizer: Regularizer of the slopes.
        alpha_constraint: Constraint of the slopes.
        shared_axes: Axes along which the slopes are the same, counted with the batch's axis as 0.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> layer = PReLU(alpha_initializer="ones")
    >>> layer(np.array([[-2.0, 3.0]]))
    array([[-2.,  3.]])
    >>> layer.alpha.shape
    (2,)
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        given = shared_axes if isinstance(shared_axes, (list, tuple, type(None))) else [shared_axes]
        self.shared_axes = None if given is None else list(given)
        self.alpha: Variable | None = None

    def _own_axes(self, shape: Shape) -> list[int]:
        shared = sample_axes(self.shared_axes or (), len(shape), "shared_axes")
        return [axis for axis in range(len(shape)) if axis not in shared]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = input_shape[1:]
        if cut(shape, self._own_axes(shape)) is None:
            raise NotImplementedError(
                f"Argument `shared_axes` of layer '{self.name}' must leave axes that are side by side. "
                f"Received: shared_axes={self.shared_axes} for samples of shape {shape}"
            )
        return input_shape

    def build(self, input_shape: Shape) -> None:
        shape = input_shape[1:]
        own = self._own_axes(shape)
        self.alpha = self.add_weight(
            tuple(length if axis in own else 1 for axis, length in enumerate(shape)) or (1,),
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    def check_input_shape(self, input_shape: Shape) -> None:
        built, shape = required(self.input_shape, "an input shape")[1:], input_shape[1:]
        own = self._own_axes(built)
        if len(shape) != len(built) or any(shape[axis] != built[axis] for axis in own):
            raise ValueError(
                f"Layer '{self.name}' was built for samples of shape {built}, of which axes may differ that share "
                f"their slopes. Received: samples of shape {shape}"
            )

    def lower(self, builder: Builder, x: Value) -> Value:
        before, count, behind = required(cut(x.shape, self._own_axes(x.shape)), "a cut")
        y = builder.prelu(builder.reshape(x, (before, count * behind)), required(self.alpha, "slopes"))
        return builder.reshape(y, x.shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
