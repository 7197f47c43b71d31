"""Scaling of features to mean zero and variance one, learned from data beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn.layers.layer import Layer, Shape
from fastnn.layers.preprocessing.tokens import batches_of
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable

EPSILON = 1e-7  # the least standard deviation


class Normalization(Layer):
    """Scales features by a given mean and variance, or by those that `adapt` found: `(x - mean) / sqrt(variance)`.

    (LeCun et al. 1998, "Efficient BackProp".)

    Args:
        axis: The axis of features, each of which has a mean and a variance; or several axes that lie side by side; or
            `None` for one mean and one variance of all. The batch is axis 0.
        mean: The mean, a number or an array of the shape of these axes; with `variance`, in place of `adapt`.
        variance: The variance.
        invert: Whether to undo the scaling instead: `x * sqrt(variance) + mean`.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., features)`. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0], [2.0]]))
    >>> layer(np.array([[3.0]]))
    array([[2.]], dtype=float32)
    >>> Normalization(mean=1.0, variance=4.0, invert=True)(np.array([[0.5]]))
    array([[2.]])
    """

    _samples: int  # counted since `reset_state`, for each mean
    _mean: Any
    _squares: Any  # Σ (x - mean)²

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Arguments `mean` and `variance` must be given together. Received: mean={mean}, variance={variance}"
            )
        self.axis = () if axis is None else tuple(int(a) for a in np.atleast_1d(axis))
        self._given = None if mean is None else (np.asarray(mean, np.float64), np.asarray(variance, np.float64))
        if self._given is not None and (
            self._given[0].shape != self._given[1].shape or self._given[0].ndim > len(self.axis)
        ):
            raise ValueError(
                "Arguments `mean` and `variance` must have one shape, of at most as many axes as `axis` names. "
                f"Received: shapes {self._given[0].shape} and {self._given[1].shape}, axis={axis}"
            )
        self.invert = bool(invert)
        self.mean: Variable | None = None
        self.variance: Variable | None = None
        self.count: Variable | None = None  # of Keras's, which keeps it for old files; zero
        self._kept: tuple[int, ...] = ()  # axes that have statistics of their own, the batch being axis 0
        self.reset_state()

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(f"Argument `axis` must name axes of inputs of rank {rank}. Received: axis={self.axis}")
        self._kept = tuple(sorted({axis % rank for axis in self.axis}))
        if self._kept[:1] == (0,):
            raise ValueError(
                "Argument `axis` must not name the batch: for one mean and variance of all, pass axis=None. "
                f"Received: axis={self.axis} for inputs of rank {rank}"
            )
        if self._kept and self._kept != tuple(range(self._kept[0], self._kept[-1] + 1)):
            raise NotImplementedError(
                f"Argument `axis` must name axes that lie side by side. Received: axis={self.axis}"
            )
        shape = tuple(input_shape[axis] for axis in self._kept)
        if self._given is None:
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", trainable=False, name="count")
        else:
            try:
                mean, variance = (np.broadcast_to(given, shape) for given in self._given)
            except ValueError:
                raise ValueError(
                    f"Arguments `mean` and `variance` must fit the shape {shape} of the axes {self.axis}. "
                    f"Received: shape={self._given[0].shape}"
                ) from None
            self.mean = Variable(mean, dtype=self.dtype, trainable=False, name="mean")
            self.variance = Variable(variance, dtype=self.dtype, trainable=False, name="variance")

    def check_input_shape(self, input_shape: Shape) -> None:
        known = self.input_shape
        if known is not None and (
            len(input_shape) != len(known) or any(input_shape[axis] != known[axis] for axis in self._kept)
        ):
            raise ValueError(
                f"Layer '{self.name}' was built for samples of shape {known[1:]}. "
                f"Received: samples of shape {input_shape[1:]}"
            )

    # --- learning mean and variance ---

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns mean and variance of the features of `data`, in one pass in float64.

        Args:
            data: Array of shape `(samples, ...)`; or an iterable of such batches, or of `(x, y)`, whose x counts.
            batch_size: Without effect.
            steps: How many batches of an iterable to read.
        """
        self.reset_state()
        if isinstance(data, (list, tuple)) and all(hasattr(part, "__array__") and np.ndim(part) > 1 for part in data):
            data = iter(data)  # a list of batches; all other lists are one array
        for batch in batches_of(data, steps):
            self.update_state(batch if batch is data or not isinstance(batch, (list, tuple)) else batch[0])
        if not self._samples:
            raise ValueError("Argument `data` must hold at least one batch. Received: an iterable that ends at once")
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts one more batch in (Chan, Golub and LeVeque 1983: mean and variance of two sets joined).

        Args:
            data: Array of shape `(samples, ...)`.
        """
        if self._given is not None:
            raise ValueError(
                f"Layer '{self.name}' was given its mean and variance, so there is nothing to learn. "
                f"Received: data of type {type(data).__name__}"
            )
        data = np.asarray(data) if hasattr(data, "dtype") else as_float(data, np.float64)
        if data.ndim < 1 + bool(self.axis) or data.size == 0 or data.dtype.kind not in "buif":
            raise ValueError(
                "Argument `data` must be an array of real numbers of shape (samples, ..., features), not empty. "
                f"Received: shape={data.shape}, dtype={data.dtype}"
            )
        shape = (None, *data.shape[1:])
        self.ensure_built(shape)
        self.check_input_shape(shape)
        axes = tuple(axis for axis in range(data.ndim) if axis not in self._kept)
        samples = math.prod(data.shape[axis] for axis in axes)
        mean, variance = data.mean(axis=axes, dtype=np.float64), data.var(axis=axes, dtype=np.float64)
        total = self._samples + samples
        difference = mean - self._mean
        self._squares = self._squares + variance * samples + difference**2 * (self._samples * samples / total)
        self._mean = self._mean + difference * (samples / total)
        self._samples = total

    def finalize_state(self) -> None:
        """Makes what was counted the mean and the variance."""
        if self._samples:
            required(self.mean, "weights").assign(self._mean)
            required(self.variance, "weights").assign(self._squares / self._samples)

    def reset_state(self) -> None:
        """Forgets what was counted; mean and variance stay."""
        self._samples = 0
        self._mean = self._squares = 0.0

    # --- in a program ---

    def lower(self, builder: Builder, x: Value) -> Value:
        # As many neighbours share a mean as there are elements on the axes behind those that are kept.
        run = math.prod(x.shape[self._kept[-1] :]) if self._kept else 1
        flat = x if run == 1 and len(self._kept) < 2 else builder.reshape(x, (math.prod(x.shape),))
        y = Value(flat.shape)
        variables = [required(self.mean, "a mean"), required(self.variance, "a variance")]
        builder.add("normalization", [flat], y, variables, epsilon=EPSILON, params=(run, self.invert))
        return builder.reshape(y, x.shape)

    def get_config(self) -> dict[str, Any]:
        mean, variance = (None, None) if self._given is None else (value.tolist() for value in self._given)
        axis = self.axis or None
        return {**super().get_config(), "axis": axis, "mean": mean, "variance": variance, "invert": self.invert}
