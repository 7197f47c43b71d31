"""Numeric features by the bins that they fill."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn.layers.layer import Shape
from fastnn.layers.numeric_embedding import NumericEmbedding, positive_integer
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable


class PiecewiseLinearEmbedding(NumericEmbedding):
    """Makes of each numeric feature how far it fills each of its bins; then, if asked, a dense layer.

    A bin that lies wholly below the number is 1, one wholly above 0, and the one that it is in the share of it that
    lies below; the first bin goes on below 0, and the last one above 1, so that no number is lost. The edges are
    quantiles of data, which `adapt` finds. Where a feature has fewer distinct values than bins, it has fewer bins, and
    zeros in the place of the others; a feature that never changes has zeros alone. (Gorishniy, Rubachev and Babenko
    2022, "On Embeddings for Numerical Features in Tabular Deep Learning".) Beyond Keras.

    Args:
        units: Length of each feature's vector; `None` for the bins themselves, without a dense layer.
        num_bins: Number of bins of each feature, at most.
        activation: Activation function behind the dense layer, or its name; `None` for none.
        shared: Whether all features share a kernel.
        kernel_initializer: Initializer of the kernel; by default uniform, to ±1 / √(its inputs).
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, features)`. Numbers need no scaling.

    Output shape: `(batch, features, units)`, or `(batch, features, num_bins)`.

    Example:

    >>> import numpy as np
    >>> layer = PiecewiseLinearEmbedding(num_bins=2)
    >>> layer.adapt(np.array([[0.0], [1.0], [2.0], [3.0], [10.0]]))
    >>> layer(np.array([[1.0], [6.0]]))
    array([[[0.5, 0. ]],
    <BLANKLINE>
           [[1. , 0.5]]], dtype=float32)
    """

    def __init__(
        self,
        units: int | None = None,
        num_bins: int = 48,
        activation: Any = None,
        shared: bool = False,
        kernel_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        self.num_bins = positive_integer("num_bins", num_bins)
        self.has_dense = units is not None
        units = self.num_bins if units is None else positive_integer("units", units)
        super().__init__(units, activation, shared, kernel_initializer, **kwargs)
        if not self.has_dense and activation is not None:
            raise ValueError(f"An `activation` goes with `units`. Received: activation={activation!r}, units=None")
        self.left: Variable | None = None
        self.factor: Variable | None = None
        self.low: Variable | None = None
        self.high: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        shape = (input_shape[-1], self.num_bins)
        self.left, self.factor, self.low, self.high = (
            self.add_weight(shape, "zeros", trainable=False, name=name) for name in ("left", "factor", "low", "high")
        )
        if self.has_dense:
            self._build_dense(input_shape[-1], self.num_bins, self.units)

    def adapt(self, data: Any) -> None:
        """Takes quantiles of the data for the edges of the bins.

        Args:
            data: Array of shape `(samples, features)`, without NaN.

        Raises:
            ValueError: It has another shape, or holds NaN or infinity. Edges stay as they were.
        """
        array = as_float(data, name="data")
        if array.ndim != 2 or not array.size:
            raise ValueError(
                f"Argument `data` must be an array of shape (samples, features). Received: shape={array.shape}"
            )
        if self.built and self.input_shape is not None and array.shape[1] != self.input_shape[-1]:
            raise ValueError(
                f"Argument `data` must have {self.input_shape[-1]} features, as the layer '{self.name}' has. "
                f"Received: shape={array.shape}"
            )
        shape = array.shape[1], self.num_bins
        left, factor, low, high = (np.zeros(shape) for _ in range(4))
        for feature, column in enumerate(array.T):
            if not np.isfinite(column).all():
                raise ValueError(f"Argument `data` must be finite. Received: NaN or infinity in column {feature}")
            edges = np.unique(np.quantile(column, np.linspace(0, 1, self.num_bins + 1)).astype(self.dtype))
            bins = len(edges) - 1
            if not bins:
                continue
            # The last bin is the last number, however many bins there are: its end is open.
            places = [*range(bins - 1), self.num_bins - 1]
            left[feature, places] = edges[:-1]
            factor[feature, places] = 1 / np.diff(edges.astype(np.float64))
            high[feature, places] = 1
            low[feature, places[0]] = -np.inf
            high[feature, places[-1]] = np.inf
        self.ensure_built((None, array.shape[1]))
        for variable, value in ((self.left, left), (self.factor, factor), (self.low, low), (self.high, high)):
            required(variable, "edges").assign(value)

    def lower(self, builder: Builder, x: Value) -> Value:
        left, factor, low, high = (
            required(variable, "edges") for variable in (self.left, self.factor, self.low, self.high)
        )
        if not factor.value.any():
            raise ValueError(
                f"Layer '{self.name}' has no bins yet: let it find some with `adapt(data)`. Received: a call before "
                "that"
            )
        y = builder.pieces(x, left, factor, low, high)
        return self._emit_dense(builder, y) if self.has_dense else y

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "units": self.units if self.has_dense else None, "num_bins": self.num_bins}
