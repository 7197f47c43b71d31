"""Scaling of features to mean zero and variance one, learned from data beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder, Value, required
from fastnn.variables import Variable


class Normalization(Layer):
    """Scales features by a given mean and variance, or by those that `adapt` found: `(x - mean) / sqrt(variance)`.

    Args:
        axis: The axis of features, each of which has a mean and a variance: the last.
        mean: The mean, a number or an array; with `variance`, in place of `adapt`.
        variance: The variance.
        invert: Whether to undo the scaling instead: not supported.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., features)`. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0], [2.0]]))
    >>> layer(np.array([[3.0]]))
    array([[2.]], dtype=float32)
    """

    def __init__(
        self, axis: int | None = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if axis not in (-1, None):
            raise NotImplementedError(f"Argument `axis` must be -1 or None. Received: axis={axis}")
        if invert:
            raise NotImplementedError("Argument `invert` must be False. Received: invert=True")
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Arguments `mean` and `variance` must be given together. Received: mean={mean}, variance={variance}"
            )
        self.axis = axis
        self._given = None if mean is None else (np.asarray(mean, np.float64), np.asarray(variance, np.float64))
        self.mean: Variable | None = None
        self.variance: Variable | None = None
        self._adapted = mean is not None

    def build(self, input_shape: Shape) -> None:
        shape = input_shape[-1:]
        self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
        self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")
        if self._given is not None:
            self._set(*self._given)

    def _set(self, mean: np.ndarray, variance: np.ndarray) -> None:
        for weight, given in ((self.mean, mean), (self.variance, variance)):
            weight = required(weight, "weights")
            weight.assign(np.broadcast_to(given, weight.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ValueError(f"Layer '{self.name}' takes inputs of rank 2 or more. Received: rank 1")
        return input_shape

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns mean and variance of the features of `data`, in one pass in float64.

        Args:
            data: Array of shape `(samples, ..., features)`.
            batch_size: Without effect.
            steps: Without effect.
        """
        data = np.asarray(data) if hasattr(data, "dtype") else as_float(data, np.float64)
        if data.ndim < 2 or data.size == 0 or data.dtype.kind not in "buif":
            raise ValueError(
                "Argument `data` must be an array of real numbers of shape (samples, ..., features), not empty. "
                f"Received: shape={data.shape}, dtype={data.dtype}"
            )
        self.ensure_built(data.shape[1:])
        axes = None if self.axis is None else tuple(range(data.ndim - 1))
        self._set(data.mean(axis=axes, dtype=np.float64), data.var(axis=axes, dtype=np.float64))
        self._adapted = True

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.normalization(x, required(self.mean, "a mean"), required(self.variance, "a variance"), 1e-7)

    def get_config(self) -> dict[str, Any]:
        mean, variance = (None, None) if self._given is None else (value.tolist() for value in self._given)
        return {**super().get_config(), "axis": self.axis, "mean": mean, "variance": variance}
