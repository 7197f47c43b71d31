"""Rectified linear units as a layer."""

from __future__ import annotations

import functools
from typing import Any

from fastnn import activations
from fastnn.layers.activation import emit_activation
from fastnn.layers.layer import Layer
from fastnn.program import Builder
from fastnn.records import Value


def _not_negative(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ValueError(f"Argument `{name}` must be a number of at least 0. Received: {name}={value!r}")
    return value


class ReLU(Layer):
    """Applies a rectifier to its input: `max(x, 0)` with the default arguments.

    In full: `max_value` where `x >= max_value`, `x` where `threshold < x < max_value`, and
    `negative_slope * (x - threshold)` below.

    Args:
        max_value: Where the function saturates; `None` for nowhere.
        negative_slope: Slope below the threshold.
        threshold: Below it, values are damped or set to zero.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> ReLU(max_value=10.0, negative_slope=0.5)(np.array([[-10.0, -5.0, 0.0, 5.0, 20.0]]))
    array([[-5. , -2.5,  0. ,  5. , 10. ]])
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _not_negative("max_value", max_value)
        self.negative_slope = _not_negative("negative_slope", negative_slope)
        self.threshold = _not_negative("threshold", threshold)

    def lower(self, builder: Builder, x: Value) -> Value:
        activation = functools.partial(
            activations.relu,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )
        return emit_activation(builder, x, activation, self.name)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """Applies a rectifier with a small slope below zero: `x` where `x > 0`, else `negative_slope * x`.

    (Maas, Hannun and Ng 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".)

    Args:
        negative_slope: Slope below zero, not negative.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> LeakyReLU(negative_slope=0.5)(np.array([[-10.0, 0.0, 5.0]]))
    array([[-5.,  0.,  5.]])
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = _not_negative("negative_slope", negative_slope)

    def lower(self, builder: Builder, x: Value) -> Value:
        activation = functools.partial(activations.leaky_relu, negative_slope=self.negative_slope)
        return emit_activation(builder, x, activation, self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(Layer):
    """Applies exponential linear units: `x` where `x > 0`, else `alpha * (exp(x) - 1)`.

    (Clevert, Unterthiner and Hochreiter 2015, "Fast and Accurate Deep Network Learning by Exponential Linear Units".)

    Args:
        alpha: The value approached for large negative inputs, with its sign changed; not negative.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> ELU(alpha=2.0)(np.array([[-1000.0, 0.0, 5.0]]))
    array([[-2.,  0.,  5.]])
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = _not_negative("alpha", alpha)

    def lower(self, builder: Builder, x: Value) -> Value:
        return emit_activation(builder, x, functools.partial(activations.elu, alpha=self.alpha), self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}
