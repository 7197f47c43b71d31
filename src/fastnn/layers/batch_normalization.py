"""Batch normalization."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.layers.axes import sample_axes
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable


class BatchNormalization(Layer):
    """Normalizes each feature by its mean and variance over the batch, and in inference by their moving averages.

    In training: `gamma · (x - mean) / sqrt(variance + epsilon) + beta`, with the biased variance, and
    `moving = momentum · moving + (1 - momentum) · batch`. A layer with `trainable=False` uses its moving averages in
    training too. (Ioffe and Szegedy 2015, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift".)

    Args:
        axis: The axis of features. Another one than the last costs two rearrangements, in compiled code.
        momentum: Momentum of the moving averages.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: Initializer of `beta`.
        gamma_initializer: Initializer of `gamma`.
        moving_mean_initializer: Initializer of the moving mean.
        moving_variance_initializer: Initializer of the moving variance.
        beta_regularizer: Regularizer of `beta`.
        gamma_regularizer: Regularizer of `gamma`.
        beta_constraint: Constraint of `beta`.
        gamma_constraint: Constraint of `gamma`.
        synchronized: Without effect: a batch is always seen whole.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., features)`, or with the features on another axis. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> y = BatchNormalization(epsilon=0.0)(np.array([[1.0], [3.0]]), training=True)
    >>> y.ravel()
    array([-1.,  1.])
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        for name in ("renorm", "renorm_clipping", "renorm_momentum"):
            if kwargs.pop(name, None) and name != "renorm_momentum":  # which always has a value in configurations
                raise ValueError(f"Argument `{name}` of BatchNormalization is not supported. Received: {name}=...")
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not hasattr(axis, "__index__"):
            raise ValueError(f"Argument `axis` must be an integer. Received: axis={axis!r}")
        self.axis = int(axis)
        self.synchronized = bool(synchronized)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self.moving_mean: Variable | None = None
        self.moving_variance: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        shape = (self._features(input_shape),)
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
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._features(input_shape)
        return input_shape

    def _features(self, input_shape: Shape) -> int:
        return input_shape[1 + sample_axes(self.axis, len(input_shape) - 1)[0]]

    def check_input_shape(self, input_shape: Shape) -> None:
        known = self._features(required(self.input_shape, "an input shape"))
        if self._features(input_shape) != known:
            raise ValueError(
                f"Layer '{self.name}' expects {known} features on axis {self.axis}. "
                f"Received: samples of shape {input_shape[1:]}"
            )

    def lower(self, builder: Builder, x: Value) -> Value:
        (axis,) = sample_axes(self.axis, len(x.shape))
        if math.prod(x.shape[axis + 1 :]) == 1:
            y = self._normalize(builder, builder.reshape(x, x.shape[: axis + 1]))
            return builder.reshape(y, x.shape)
        features_last = np.moveaxis(np.arange(math.prod(x.shape)).reshape(x.shape), axis, -1)
        y = self._normalize(builder, builder.rearrange(x, features_last))
        return builder.rearrange(y, np.argsort(features_last, axis=None).reshape(x.shape))

    def _normalize(self, builder: Builder, x: Value) -> Value:
        return builder.batch_normalization(
            x,
            self.gamma,
            self.beta,
            required(self.moving_mean, "a moving mean"),
            required(self.moving_variance, "a moving variance"),
            self.momentum,
            self.epsilon,
            training=builder.training and self.trainable,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "synchronized": self.synchronized,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
