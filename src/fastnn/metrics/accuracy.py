"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn.losses.rows import aligned, aligned_sparse
from fastnn.metrics.folded import FoldedMean


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Returns 1 for each element where `y_pred > threshold` agrees with `y_true`, else 0.

    Args:
        y_true: Targets, 0 or 1.
        y_pred: Predictions.
        threshold: Above it, a prediction stands for 1.

    >>> print(binary_accuracy([[1.0, 0.0]], [[0.6, 0.7]]))
    [[1. 0.]]
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ((y_pred > threshold) == y_true).astype(np.float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1 for each row whose largest prediction is where its largest target is, else 0.

    Args:
        y_true: Targets: a probability for each class.
        y_pred: Predictions.

    >>> print(categorical_accuracy([[0, 1]], [[0.2, 0.8]]))
    [1.]
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return (y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)).astype(np.float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1 for each row whose largest prediction is at the class that its target names, else 0.

    Args:
        y_true: Targets: class numbers.
        y_pred: Predictions.

    >>> print(sparse_categorical_accuracy([1], [[0.2, 0.8]]))
    [1.]
    """
    y_true, y_pred = aligned_sparse(y_true, y_pred)
    return (y_true[..., 0] == y_pred.argmax(axis=-1)).astype(np.float32)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Returns 1 for each row whose prediction for the true class is among the `k` largest, else 0.

    Args:
        y_true: Targets: a probability for each class.
        y_pred: Predictions.
        k: How many predictions count.

    >>> print(top_k_categorical_accuracy([[0, 1, 0]], [[0.5, 0.3, 0.2]], k=2))
    [1.]
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return _in_top_k(y_true.argmax(axis=-1)[..., None], y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """Returns 1 for each row whose prediction for the class that its target names is among the `k` largest, else 0.

    Args:
        y_true: Targets: class numbers.
        y_pred: Predictions.
        k: How many predictions count.
        from_sorted_ids: Whether predictions are class numbers, the likeliest first.

    >>> print(sparse_top_k_categorical_accuracy([1], [[0.5, 0.3, 0.2]], k=2))
    [1.]
    >>> print(sparse_top_k_categorical_accuracy([7], [[4, 7, 9]], k=2, from_sorted_ids=True))
    [1.]
    """
    if from_sorted_ids:
        y_pred = as_float(y_pred, np.float64, name="y_pred")
        y_true = as_float(y_true, np.float64, name="y_true").reshape(*y_pred.shape[:-1], 1)
        return (y_true == y_pred[..., :k]).any(axis=-1).astype(np.float32)
    y_true, y_pred = aligned_sparse(y_true, y_pred)
    return _in_top_k(y_true.astype(np.int64), y_pred, k)


def _in_top_k(classes: np.ndarray, y_pred: np.ndarray, k: int) -> Any:
    larger = np.sum(y_pred > np.take_along_axis(y_pred, classes, axis=-1), axis=-1)
    return (larger < k).astype(np.float32)


class Accuracy(FoldedMean):
    """How often predictions equal targets.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> Accuracy()([[1.0], [2.0]], [[1.0], [3.0]])
    0.5
    """

    kernel = "accuracy"
    elementwise = True

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class BinaryAccuracy(FoldedMean):
    """How often predictions, taken for 1 above a threshold and for 0 elsewhere, equal targets.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        threshold: The threshold.

    >>> BinaryAccuracy()([[1.0], [0.0]], [[0.6], [0.7]])
    0.5
    """

    kernel = "binary_accuracy"
    elementwise = True

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold
        self.params = (float(threshold),)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class CategoricalAccuracy(FoldedMean):
    """How often the largest prediction is where the largest target is.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])
    0.5
    """

    kernel = "categorical_accuracy"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class SparseCategoricalAccuracy(FoldedMean):
    """How often the largest prediction is at the class that the target names.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]])
    0.5
    """

    kernel = "sparse_categorical_accuracy"
    sparse = True

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class TopKCategoricalAccuracy(FoldedMean):
    """How often the prediction for the true class is among the `k` largest.

    Args:
        k: How many predictions count.
        name: Its name.
        dtype: As for every `Metric`.

    >>> TopKCategoricalAccuracy(k=2)([[0, 1, 0], [0, 0, 1]], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    0.5
    """

    kernel = "top_k_categorical_accuracy"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = _checked_k(k)
        self.params = (float(k),)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


class SparseTopKCategoricalAccuracy(FoldedMean):
    """How often the prediction for the class that the target names is among the `k` largest.

    Args:
        k: How many predictions count.
        name: Its name.
        dtype: As for every `Metric`.
        from_sorted_ids: Whether predictions are class numbers, the likeliest first.

    >>> SparseTopKCategoricalAccuracy(k=2)([1, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    0.5
    """

    kernel: str | None = "sparse_top_k_categorical_accuracy"
    sparse = True

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.from_sorted_ids = from_sorted_ids
        if from_sorted_ids:
            self.kernel = None
        self.k = _checked_k(k)
        self.params = (float(k),)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.from_sorted_ids:
            self._add(sparse_top_k_categorical_accuracy(y_true, y_pred, self.k, True), sample_weight)
        else:
            super().update_state(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "k": self.k}
        return {**config, "from_sorted_ids": True} if self.from_sorted_ids else config


def _checked_k(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"Argument `k` must be an integer >= 1. Received: k={k!r}")
    return int(k)
