"""True and false, positives and negatives: counts at thresholds, and the ratios of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._arrays import as_float, as_rows, squeeze_or_expand_to_same_rank
from fastnn.losses.rows import EPSILON
from fastnn.metrics.folded import row_weights
from fastnn.metrics.metric import Metric

TP, FP, TN, FN = range(4)
LOWEST = -1e10  # what a prediction that is not among the top k becomes, as in Keras


class Confusion(Metric):
    """Base class of metrics that count true and false positives and negatives at thresholds.

    The state holds the four counts at every threshold, or, where a kernel counts, its histograms.

    Args:
        thresholds: A threshold, or several, from 0 to 1; a prediction above it stands for 1.
        top_k: How many of a row's predictions, the largest, may stand for 1 at all.
        class_id: The only column that counts.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: A threshold is not from 0 to 1.
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        if thresholds is None:
            self.thresholds = [0.5 if top_k is None else LOWEST]
        else:
            self.thresholds = checked_thresholds(thresholds)
        self._even = is_even(self.thresholds)
        self._order = np.argsort(self.thresholds, kind="stable")
        if self.thresholds == [0.5] and class_id is None and top_k is None:
            # Between three even thresholds of the area under a curve there are two buckets: up to 0.5, and above.
            self.kernel, self.params = "auc", (3.0,)
            self.state = np.zeros(6)
        else:
            self.state = np.zeros(4 * len(self.thresholds))

    @property
    def counts(self) -> np.ndarray:
        """True positives, false positives, true negatives and false negatives at the thresholds: [4, thresholds]."""
        if self.kernel is None:
            return self.state.reshape(4, -1)
        (below, above, _), (wrong_below, wrong_above, _) = self.state.reshape(2, 3)
        return np.array([[above], [wrong_above], [wrong_below], [below]])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets: 0 or not.
            y_pred: Predictions, from 0 to 1.
            sample_weight: Factors of the rows, or of the elements.

        Raises:
            ValueError: The shapes do not fit.
        """
        y_true, y_pred, weight = self._selected(y_true, y_pred, sample_weight)
        if self.kernel is not None:
            rows = None if weight is None else np.ascontiguousarray(weight.reshape(-1))
            shape = (-1, 1) if weight is not None else as_rows(y_pred).shape
            _kernels.metric(self.kernel, self.state, y_pred.reshape(shape), y_true.reshape(shape), rows, self.params)
            return
        passed = self._passed(y_pred.reshape(-1))
        positive = y_true.reshape(-1) != 0
        weights = np.ones(positive.shape) if weight is None else weight.reshape(-1).astype(np.float64)
        size = len(self.thresholds) + 1
        counts = self.counts
        for kind, right, wrong in ((positive, TP, FN), (~positive, FP, TN)):
            histogram = np.bincount(passed[kind], weights[kind], minlength=size)
            above = np.cumsum(histogram[::-1])[::-1][1:]
            counts[right, self._order] += above
            counts[wrong, self._order] += histogram.sum() - above

    def _selected(
        self, y_true: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        y_pred = as_float(y_pred, self.dtype, name="y_pred")
        y_true = as_float(y_true, self.dtype, name="y_true")
        y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
        if y_pred.shape != y_true.shape:
            raise ValueError(
                f"Arguments `y_true` and `y_pred` must have the same shape. Received: y_true.shape={y_true.shape}, "
                f"y_pred.shape={y_pred.shape}"
            )
        weight = None if sample_weight is None else as_float(sample_weight, self.dtype, name="sample_weight")
        if weight is not None and (weight.ndim < y_pred.ndim or weight.shape != y_pred.shape):
            shape = y_pred.shape[:-1] if y_pred.ndim > 1 else y_pred.shape
            weight = row_weights(weight, shape).reshape(shape)
            weight = weight[..., None] if y_pred.ndim > 1 else weight
        if self.top_k is not None:
            y_pred = _top(y_pred, self.top_k)
        if self.class_id is not None:
            if y_pred.ndim < 2:
                raise ValueError(
                    "Argument `y_pred` must have a column for each class where `class_id` is given. Received: "
                    f"y_pred.shape={y_pred.shape}"
                )
            column = (..., [self.class_id])
            y_true, y_pred = y_true[column], y_pred[column]
            weight = weight if weight is None or weight.shape[-1] == 1 else weight[column]
        return y_true, y_pred, None if weight is None else np.broadcast_to(weight, y_pred.shape)

    def _passed(self, y_pred: np.ndarray) -> np.ndarray:
        """How many thresholds, in rising order, each prediction is above."""
        if self._even:  # in Keras's own arithmetic, which counts
            steps = y_pred.dtype.type(len(self.thresholds) - 1)
            passed = np.ceil(np.clip(y_pred, 0.0, 1.0) * steps)
            return np.where(np.isnan(passed), 0, passed).astype(np.int64)
        passed = np.searchsorted(np.sort(np.asarray(self.thresholds, y_pred.dtype)), y_pred, side="left")
        return np.where(np.isnan(y_pred), 0, passed)

    def _result(self, values: np.ndarray) -> Any:
        return float(values[0]) if len(values) == 1 else values.copy()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


def checked_thresholds(thresholds: float | Sequence[float]) -> list[float]:
    """Returns a list of thresholds.

    Raises:
        ValueError: One is not from 0 to 1.
    """
    listed: list[Any] = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    if not listed or not all(isinstance(t, (int, float, np.number)) and 0 <= t <= 1 for t in listed):
        raise ValueError(f"Argument `thresholds` must hold values from 0 to 1. Received: thresholds={thresholds!r}")
    return [float(t) for t in listed]


def is_even(thresholds: Sequence[float]) -> bool:
    """Whether thresholds are evenly spread from 0 to 1."""
    count = len(thresholds)
    return count > 2 and np.allclose(thresholds, np.arange(count) / (count - 1), atol=EPSILON)


def ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=np.asarray(b) != 0)


def _top(y_pred: np.ndarray, k: int) -> np.ndarray:
    """The predictions with all but the k largest of a row, the first of equals, put below every threshold."""
    chosen = np.argsort(-y_pred, axis=-1, kind="stable")[..., :k]
    kept = np.full_like(y_pred, LOWEST)
    np.put_along_axis(kept, chosen, np.take_along_axis(y_pred, chosen, axis=-1), axis=-1)
    return kept


class _Count(Confusion):
    which = TP

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(thresholds, None, None, name, dtype)

    def result(self) -> Any:
        """Returns the count; with several thresholds, an array of counts."""
        return self._result(self.counts[self.which])


class TruePositives(_Count):
    """The weighted number of targets other than 0 that are predicted so.

    Args:
        thresholds: A threshold, or several, from 0 to 1; 0.5 by default. A prediction above it stands for 1.
        name: Its name.
        dtype: As for every `Metric`.

    >>> TruePositives()([0, 1, 1], [0.6, 0.7, 0.2])
    1.0
    """

    which = TP


class FalsePositives(_Count):
    """The weighted number of targets of 0 that are predicted to be 1.

    Args:
        thresholds: A threshold, or several, from 0 to 1; 0.5 by default. A prediction above it stands for 1.
        name: Its name.
        dtype: As for every `Metric`.

    >>> FalsePositives()([0, 1, 1], [0.6, 0.7, 0.2])
    1.0
    """

    which = FP


class TrueNegatives(_Count):
    """The weighted number of targets of 0 that are predicted so.

    Args:
        thresholds: A threshold, or several, from 0 to 1; 0.5 by default. A prediction above it stands for 1.
        name: Its name.
        dtype: As for every `Metric`.

    >>> TrueNegatives(thresholds=[0.5, 0.65])([0, 1, 1], [0.6, 0.7, 0.2])
    array([0., 1.])
    """

    which = TN


class FalseNegatives(_Count):
    """The weighted number of targets other than 0 that are predicted to be 0.

    Args:
        thresholds: A threshold, or several, from 0 to 1; 0.5 by default. A prediction above it stands for 1.
        name: Its name.
        dtype: As for every `Metric`.

    >>> FalseNegatives()([0, 1, 1], [0.6, 0.7, 0.2])
    1.0
    """

    which = FN


class Precision(Confusion):
    """The share of what is predicted to be 1 that is so: `tp / (tp + fp)`.

    Args:
        thresholds: A threshold, or several, from 0 to 1; 0.5 by default, or none if `top_k` is given. A prediction
            above it stands for 1.
        top_k: How many of a row's predictions, the largest, may stand for 1 at all.
        class_id: The only column that counts.
        name: Its name.
        dtype: As for every `Metric`.

    >>> round(Precision()([0, 1, 1, 1], [0.6, 0.7, 0.8, 0.2]), 4)
    0.6667
    """

    def result(self) -> Any:
        """Returns the share, 0 if there is nothing; with several thresholds, an array."""
        counts = self.counts
        return self._result(ratio(counts[TP], counts[TP] + counts[FP]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}


class Recall(Confusion):
    """The share of what is 1 that is predicted so: `tp / (tp + fn)`.

    Args:
        thresholds: A threshold, or several, from 0 to 1; 0.5 by default, or none if `top_k` is given. A prediction
            above it stands for 1.
        top_k: How many of a row's predictions, the largest, may stand for 1 at all.
        class_id: The only column that counts.
        name: Its name.
        dtype: As for every `Metric`.

    >>> round(Recall()([0, 1, 1, 1], [0.6, 0.7, 0.8, 0.2]), 4)
    0.6667
    """

    def result(self) -> Any:
        """Returns the share, 0 if there is nothing; with several thresholds, an array."""
        counts = self.counts
        return self._result(ratio(counts[TP], counts[TP] + counts[FN]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}
