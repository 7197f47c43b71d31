"""Normalization of groups of features."""

from __future__ import annotations

import math
from typing import Any

from fastnn import constraints, initializers, regularizers
from fastnn.layers.axes import sample_axes
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable


class GroupNormalization(Layer):
    """Normalizes each sample's groups of neighbouring features, each by its own mean and variance.

    These are taken over the group's features at all positions. With one group it is layer normalization over a whole
    sample, with as many groups as features instance normalization. (Wu and He 2018, "Group Normalization".)

    Args:
        groups: Number of groups, a divisor of the number of features; -1 for as many as there are features.
        axis: The axis of features: the last.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: Initializer of `beta`.
        gamma_initializer: Initializer of `gamma`.
        beta_regularizer: Regularizer of `beta`.
        gamma_regularizer: Regularizer of `gamma`.
        beta_constraint: Constraint of `beta`.
        gamma_constraint: Constraint of `gamma`.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., features)`. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> GroupNormalization(groups=2, epsilon=0.0)(np.array([[1.0, 3.0, 10.0, 30.0]]))
    array([[-1.,  1., -1.,  1.]])
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(f"Argument `groups` must be a positive integer, or -1. Received: groups={groups!r}")
        self.groups = groups
        self.axis = axis
        self.epsilon = float(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if sample_axes(self.axis, len(input_shape) - 1) != (len(input_shape) - 2,):
            raise NotImplementedError(
                f"Layer '{self.name}' normalizes the last axis: put a Permute layer before and after it for others. "
                f"Received: axis={self.axis} for inputs of shape {input_shape}"
            )
        if input_shape[-1] % self.groups:  # -1 divides any
            raise ValueError(
                f"Argument `groups` of layer '{self.name}' must divide the number of features, {input_shape[-1]}. "
                f"Received: groups={self.groups}"
            )
        return input_shape

    def build(self, input_shape: Shape) -> None:
        if self.scale:
            self.gamma = self.add_weight(
                tuple(input_shape[-1:]),
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                tuple(input_shape[-1:]),
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def lower(self, builder: Builder, x: Value) -> Value:
        row = builder.reshape(x, (math.prod(x.shape),))
        y = builder.group_normalization(
            row,
            "centred",
            self.gamma,
            self.beta,
            self.epsilon,
            lines=math.prod(x.shape[:-1]),
            groups=x.shape[-1] if self.groups == -1 else self.groups,
        )
        return builder.reshape(y, x.shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
