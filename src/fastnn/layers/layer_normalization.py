"""Normalization of every sample by its own statistics, along its last axes."""

from __future__ import annotations

import math
from typing import Any

from fastnn import constraints, initializers, regularizers
from fastnn.layers.axes import are_last, sample_axes
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable


class NormalizesLastAxes(Layer):
    """What the layers of this module have in common: the axes, which must be the last ones."""

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = list(axis) if isinstance(axis, (list, tuple)) else [axis]
        if not given or any(isinstance(each, bool) or not isinstance(each, int) for each in given):
            raise TypeError(f"Argument `axis` must be an integer or several. Received: axis={axis!r}")
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def _count(self, shape: Shape) -> int:
        """How many of the last axes of a sample of this shape are normalized."""
        axes = sample_axes(self.axis, len(shape))
        if not are_last(axes, len(shape)):
            raise NotImplementedError(
                f"Layer '{self.name}' normalizes the last axes: put a Permute layer before and after it for others. "
                f"Received: axis={self.axis} for samples of shape {shape}"
            )
        return len(axes)

    def _last(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape[1:])
        return shape[len(shape) - self._count(shape) :]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._count(input_shape[1:])
        return input_shape

    def check_input_shape(self, input_shape: Shape) -> None:
        last, shape = self._last(self.input_shape), input_shape[1:]
        if self._last(input_shape) != last:
            raise ValueError(
                f"Layer '{self.name}' expects samples whose last axes are {last}. Received: samples of shape {shape}"
            )

    def _normalized(
        self, builder: Builder, x: Value, kind: str, gamma: Variable | None, beta: Variable | None, epsilon: float
    ) -> Value:
        kept = len(x.shape) - self._count(x.shape)
        rows = builder.reshape(x, (*x.shape[:kept], math.prod(x.shape[kept:])))
        return builder.reshape(builder.group_normalization(rows, kind, gamma, beta, epsilon), x.shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class LayerNormalization(NormalizesLastAxes):
    """Normalizes each sample by the mean and variance of its own features.

    `gamma · (x - mean) / sqrt(variance + epsilon) + beta`. (Ba, Kiros and Hinton 2016, "Layer Normalization".)

    Args:
        axis: The axis, or the list of axes, over which mean and variance are taken: the last ones.
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
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0], [10.0, 30.0]]))
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    def __init__(
        self,
        axis: Any = -1,
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
        if kwargs.pop("rms_scaling", False):
            raise ValueError(
                "Argument `rms_scaling` is not supported: use RMSNormalization. Received: rms_scaling=True"
            )
        super().__init__(axis, **kwargs)
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

    def build(self, input_shape: Shape) -> None:
        shape = self._last(input_shape)
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def lower(self, builder: Builder, x: Value) -> Value:
        return self._normalized(builder, x, "centred", self.gamma, self.beta, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": False,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


class RMSNormalization(NormalizesLastAxes):
    """Divides each sample by the root of the mean square of its features: `scale · x / sqrt(mean(x²) + epsilon)`.

    (Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".)

    Args:
        axis: The axis, or the list of axes, over which the mean is taken: the last ones.
        epsilon: Added to the mean square.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., features)`. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> RMSNormalization(epsilon=0.0)(np.array([[1.0, 7.0]]))
    array([[0.2, 1.4]])
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(axis, **kwargs)
        self.epsilon = float(epsilon)
        self.scale: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        self.scale = self.add_weight(self._last(input_shape), "ones", name="scale")

    def lower(self, builder: Builder, x: Value) -> Value:
        return self._normalized(builder, x, "root", self.scale, None, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


class UnitNormalization(NormalizesLastAxes):
    """Scales each sample to length one: `x / sqrt(sum(x²))`.

    Args:
        axis: The axis, or the list of axes, over which the length is taken: the last ones.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., features)`. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """

    def lower(self, builder: Builder, x: Value) -> Value:
        return self._normalized(builder, x, "unit", None, None, 1e-12)
