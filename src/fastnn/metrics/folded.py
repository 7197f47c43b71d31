"""Metrics that are a mean over rows, folded in C."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._arrays import as_float, as_rows
from fastnn.losses.functions import EPSILON, aligned, aligned_sparse, refuse_ignore_class
from fastnn.metrics.metric import MeanState


class FoldedMean(MeanState):
    """A weighted mean over rows: its kernel adds batches to `total` and `count`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
    """

    kernel: str
    elementwise = False  # whether Keras weighs every element by itself, and so takes a vector for one-element rows

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: Factors of the rows.

        Raises:
            ValueError: The shapes do not fit.
        """
        y_true, y_pred = (aligned_sparse if self.sparse else aligned)(y_true, y_pred)
        weight = None if sample_weight is None else as_float(sample_weight, y_pred.dtype, name="sample_weight")
        if not self.sparse and self._has_element_rows(y_pred, weight):
            y_true, y_pred = y_true[..., None], y_pred[..., None]
        if weight is not None:
            weight = row_weights(weight, y_pred.shape[:-1])
        _kernels.metric(self.kernel, self.state, as_rows(y_pred), as_rows(y_true), weight, self.params)

    def _has_element_rows(self, y_pred: np.ndarray, weight: np.ndarray | None) -> bool:
        if y_pred.ndim <= 1:
            return self.elementwise or weight is not None
        return self.elementwise and weight is not None and weight.ndim == y_pred.ndim and weight.shape[-1] > 1


def row_weights(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns one weight for each of the rows that `shape` counts.

    Raises:
        ValueError: The weights do not fit the rows.
    """
    received = weight.shape
    if weight.ndim == len(shape) + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.ndim:
        weight = weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim))
    try:
        return np.ascontiguousarray(np.broadcast_to(weight, shape)).reshape(-1)
    except ValueError:
        raise ValueError(
            f"Argument `sample_weight` must have the shape of the rows, {shape}, or one that broadcasts to it. "
            f"Received: sample_weight.shape={received}"
        ) from None


class MeanSquaredError(FoldedMean):
    """The mean of `(y_true - y_pred)²`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    kernel = "mean_squared_error"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class RootMeanSquaredError(FoldedMean):
    """The square root of the mean of `(y_true - y_pred)²`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> RootMeanSquaredError()([[0.0, 0.0]], [[2.0, 2.0]])
    2.0
    """

    kernel = "mean_squared_error"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> float:
        """Returns the root of the mean, or 0 if nothing has been added."""
        return float(np.sqrt(super().result()))


class MeanAbsoluteError(FoldedMean):
    """The mean of `|y_true - y_pred|`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[3.0, 1.0]])
    1.5
    """

    kernel = "mean_absolute_error"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class BinaryCrossentropy(FoldedMean):
    """The mean of `-y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred)`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.

    >>> round(BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.kernel = "sigmoid_binary_crossentropy" if from_logits else "binary_crossentropy"
        self.params = (float(label_smoothing),) if from_logits else (float(label_smoothing), EPSILON)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
        }


class CategoricalCrossentropy(FoldedMean):
    """The mean over rows of `-sum(y_true · log(y_pred))`, with a probability for each class in `y_true`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        axis: The axis of the classes: only the last.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        _refuse_axis(axis)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.kernel = "softmax_categorical_crossentropy" if from_logits else "categorical_crossentropy"
        self.params = (float(label_smoothing),) if from_logits else (float(label_smoothing), EPSILON)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


class SparseCategoricalCrossentropy(FoldedMean):
    """The mean over rows of `-log(y_pred)` at the class whose number `y_true` holds.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        ignore_class: Only `None` is supported: give such rows a sample weight of zero.
        axis: The axis of the classes: only the last.

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    sparse = True

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        refuse_ignore_class(ignore_class)
        _refuse_axis(axis)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        self.kernel = "softmax_sparse_categorical_crossentropy" if from_logits else "sparse_categorical_crossentropy"
        self.params = () if from_logits else (0.0, EPSILON)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "axis": self.axis,
        }


def _refuse_axis(axis: int) -> None:
    if axis != -1:
        raise NotImplementedError(f"Argument `axis` of a metric must be -1, the last axis. Received: axis={axis!r}")
