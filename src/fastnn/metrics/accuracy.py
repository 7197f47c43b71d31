"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.losses.functions import aligned, aligned_sparse
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


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Returns 1 for each row whose prediction for the class that its target names is among the `k` largest, else 0.

    Args:
        y_true: Targets: class numbers.
        y_pred: Predictions.
        k: How many predictions count.

    >>> print(sparse_top_k_categorical_accuracy([1], [[0.5, 0.3, 0.2]], k=2))
    [1.]
    """
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
        from_sorted_ids: Only `False` is supported.

    >>> SparseTopKCategoricalAccuracy(k=2)([1, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    0.5
    """

    kernel = "sparse_top_k_categorical_accuracy"
    sparse = True

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        if from_sorted_ids:
            raise NotImplementedError("Argument `from_sorted_ids` is not supported. Received: from_sorted_ids=True")
        self.k = _checked_k(k)
        self.params = (float(k),)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


def _checked_k(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"Argument `k` must be an integer >= 1. Received: k={k!r}")
    return int(k)
