"""Intersection over union of classes, from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn.losses.rows import EPSILON
from fastnn.metrics.metric import Metric
from fastnn.warnings import DataWarning, warn


class IoU(Metric):
    """The mean over some classes of `tp / (tp + fp + fn)`: intersection over union.

    (Jaccard 1912, "The Distribution of the Flora in the Alpine Zone".)

    Targets or predictions outside the classes are left out.

    Args:
        num_classes: How many classes there are.
        target_class_ids: The numbers of the classes that count.
        name: Its name.
        dtype: By default, as in Keras, sample weights are cut to whole numbers; with a float dtype they are not.
        ignore_class: A class, among the targets, whose elements are left out.
        sparse_y_true: Whether targets are class numbers; else the largest along `axis` stands for its class.
        sparse_y_pred: The same of predictions.
        axis: The axis of the classes, where there is one.

    Raises:
        ValueError: A target class is not among the classes.

    >>> round(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        integral = dtype is None or str(dtype).startswith(("int", "uint"))
        super().__init__(None if integral else dtype, name)
        self._integral = integral
        if not target_class_ids or not all(0 <= c < num_classes for c in target_class_ids):
            raise ValueError(
                f"Argument `target_class_ids` must hold class numbers from 0 to {num_classes - 1}. Received: "
                f"target_class_ids={target_class_ids!r}"
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.state = np.zeros(num_classes * num_classes)

    @property
    def total_cm(self) -> np.ndarray:
        """The confusion matrix: the weight of what is of a class (row) and predicted to be of a class (column)."""
        return self.state.reshape(self.num_classes, self.num_classes)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: Factors of the elements.

        Raises:
            ValueError: The shapes do not fit.
        """
        true = self._classes(y_true, self.sparse_y_true, "y_true")
        predicted = self._classes(y_pred, self.sparse_y_pred, "y_pred")
        if true.shape != predicted.shape:
            raise ValueError(
                "Arguments `y_true` and `y_pred` must have as many elements as each other. Received: "
                f"y_true.shape={np.shape(y_true)}, y_pred.shape={np.shape(y_pred)}"
            )
        weight = self._weights(sample_weight, true.shape)
        counted = (true >= 0) & (true < self.num_classes) & (predicted >= 0) & (predicted < self.num_classes)
        if self.ignore_class is not None:
            counted &= true != self.ignore_class
        at = true[counted] * self.num_classes + predicted[counted]
        self.state += np.bincount(at, weight[counted], minlength=self.state.size)

    def _classes(self, y: Any, sparse: bool, name: str) -> np.ndarray:
        array = as_float(y, np.float64, name=name)
        classes = array if sparse else array.argmax(axis=self.axis)
        return np.nan_to_num(classes, nan=-1.0).astype(np.int64).reshape(-1)

    def _weights(self, sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
        if sample_weight is None:
            return np.ones(shape)
        weight = as_float(sample_weight, np.float64, name="sample_weight")
        if self._integral:
            if (weight != np.trunc(weight)).any():
                warn("Sample weights are cut to whole numbers: pass a float `dtype` to keep them.", DataWarning)
            weight = np.trunc(weight)
        try:
            return np.broadcast_to(weight.reshape(-1) if weight.ndim else weight, shape)
        except ValueError:
            raise ValueError(
                f"Argument `sample_weight` must have a weight for each of {shape[0]} elements. Received: "
                f"sample_weight.shape={weight.shape}"
            ) from None

    def result(self) -> float:
        """Returns the mean of the classes that have occurred, or 0."""
        matrix = self.total_cm
        intersection = np.diag(matrix)
        union = matrix.sum(axis=0) + matrix.sum(axis=1) - intersection
        intersection, union = intersection[self.target_class_ids], union[self.target_class_ids]
        there = union > 1e-9
        shares = np.where(there, intersection / (union + EPSILON), 0.0)
        return float(shares.sum() / (there.sum() + EPSILON))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {
            **config,
            "dtype": None if self._integral else config["dtype"],
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


def _without(config: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in names}


class BinaryIoU(IoU):
    """The mean of the intersections over unions of two classes, 1 where a prediction reaches a threshold, and 0.

    Args:
        target_class_ids: The classes that count.
        threshold: From here on a prediction stands for 1.
        name: Its name.
        dtype: As for `IoU`.

    Raises:
        ValueError: A target class is neither 0 nor 1.

    >>> round(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_float(y_pred, np.float32, name="y_pred")
        super().update_state(y_true, y_pred >= np.float32(self.threshold), sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = _without(super().get_config(), "num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**config, "threshold": self.threshold}


class MeanIoU(IoU):
    """The mean over all classes of `tp / (tp + fp + fn)`.

    Args:
        num_classes: How many classes there are.
        name: Its name.
        dtype: As for `IoU`.
        ignore_class: A class, among the targets, whose elements are left out.
        sparse_y_true: Whether targets are class numbers; else the largest along `axis` stands for its class.
        sparse_y_pred: The same of predictions.
        axis: The axis of the classes, where there is one.

    >>> round(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "target_class_ids")


class OneHotIoU(IoU):
    """`IoU` of targets, and by default predictions, that have a column for each class.

    Args:
        num_classes: How many classes there are.
        target_class_ids: The numbers of the classes that count.
        name: Its name.
        dtype: As for `IoU`.
        ignore_class: A class, among the targets, whose elements are left out.
        sparse_y_pred: Whether predictions are class numbers.
        axis: The axis of the classes.

    >>> round(OneHotIoU(2, [0])([[1, 0], [0, 1], [1, 0]], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of targets, and by default predictions, that have a column for each class.

    Args:
        num_classes: How many classes there are.
        name: Its name.
        dtype: As for `IoU`.
        ignore_class: A class, among the targets, whose elements are left out.
        sparse_y_pred: Whether predictions are class numbers.
        axis: The axis of the classes.

    >>> round(OneHotMeanIoU(2)([[1, 0], [0, 1], [1, 0]], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), 4)
    0.1667
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")
