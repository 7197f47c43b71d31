"""Areas under the curves that a moving threshold draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._arrays import as_rows
from fastnn.losses.rows import EPSILON, aligned
from fastnn.metrics.confusion import ratio
from fastnn.metrics.folded import row_weights
from fastnn.metrics.metric import Metric

_CURVES = {"roc": "ROC", "pr": "PR", "prgain": "PRGAIN"}
_SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(Metric):
    """Area under a curve that predictions draw as the threshold moves from 1 to 0.

    (Davis and Goadrich 2006, "The Relationship Between Precision-Recall and ROC Curves".)

    Its state is two histograms of the predictions, of those whose target is not 0 and of those whose target is: bucket
    `b` counts what lies above threshold `b` and not above the next.

    Args:
        num_thresholds: How many thresholds, evenly spread, approximate the curve; at least 2.
        curve: `"ROC"` (true positive rate over false positive rate), `"PR"` (precision over recall) or `"PRGAIN"`.
        summation_method: How the area between two thresholds is found: `"interpolation"`, `"minoring"` (at the lower of
            both heights) or `"majoring"` (at the higher).
        name: Its name.
        dtype: As for every `Metric`.
        thresholds: Thresholds of one's own between 0 and 1; 0 and 1 are added.
        multi_label: Whether each column has a curve of its own; the result is then the mean of the areas.
        num_labels: Columns, if `multi_label`. By default those of the first batch.
        label_weights: Weights of the columns.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.

    Raises:
        ValueError: An argument is none of these.

    >>> AUC()([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        if str(curve).lower() not in _CURVES:
            raise ValueError(f"Argument `curve` must be one of {tuple(_CURVES.values())}. Received: curve={curve!r}")
        if str(summation_method).lower() not in _SUMMATIONS:
            raise ValueError(
                f"Argument `summation_method` must be one of {_SUMMATIONS}. Received: "
                f"summation_method={summation_method!r}"
            )
        if thresholds is None and not num_thresholds > 1:
            raise ValueError(f"Argument `num_thresholds` must be > 1. Received: num_thresholds={num_thresholds!r}")
        if num_labels and not multi_label:
            raise ValueError(
                f"Argument `num_labels` is for `multi_label=True`. Received: num_labels={num_labels}, multi_label=False"
            )
        self.curve = _CURVES[str(curve).lower()]
        self.summation_method = str(summation_method).lower()
        self.num_thresholds = num_thresholds if thresholds is None else len(thresholds) + 2
        even = np.linspace(0.0, 1.0, self.num_thresholds)
        inner = even[1:-1] if thresholds is None else np.sort(np.asarray(thresholds, np.float64))
        if inner.size and not (inner[0] >= 0.0 and inner[-1] <= 1.0):
            raise ValueError(f"Argument `thresholds` must hold values from 0 to 1. Received: thresholds={thresholds!r}")
        self._own_thresholds = thresholds is not None
        self._thresholds = np.concatenate([[-EPSILON], inner, [1.0 + EPSILON]])
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float64)
        self.from_logits = from_logits
        # The kernel counts all columns alike, between even thresholds, and takes probabilities.
        if (
            not multi_label
            and label_weights is None
            and not from_logits
            and np.allclose(inner, even[1:-1], atol=EPSILON)
        ):
            self.kernel, self.params = "auc", (float(self.num_thresholds),)
        self._columns = (num_labels or 0) if multi_label else 1
        self.state = np.zeros(2 * self.num_thresholds * self._columns)

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, from just below 0 to just above 1."""
        return self._thresholds.tolist()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets: 0 or not.
            y_pred: Predictions, from 0 to 1.
            sample_weight: Factors of the rows, or of the elements.

        Raises:
            ValueError: The shapes do not fit.
        """
        y_true, y_pred = aligned(y_true, y_pred)
        if y_pred.ndim == 1:
            y_true, y_pred = y_true[:, None], y_pred[:, None]
        weight = None if sample_weight is None else np.asarray(sample_weight, y_pred.dtype)
        by_element = weight is not None and weight.ndim == y_pred.ndim and weight.shape[-1] > 1
        if self.kernel is not None:
            if by_element:
                y_true, y_pred = y_true[..., None], y_pred[..., None]
            rows = None if weight is None else row_weights(weight, y_pred.shape[:-1])
            _kernels.metric(self.kernel, self.state, as_rows(y_pred), as_rows(y_true), rows, self.params)
            return
        if weight is not None and not by_element:
            weight = row_weights(weight, y_pred.shape[:-1])[:, None]
        self._fold(as_rows(y_true), as_rows(y_pred), 1.0 if weight is None else weight.reshape(-1, weight.shape[-1]))

    def _fold(self, y_true: np.ndarray, y_pred: np.ndarray, weight: Any) -> None:
        if self.multi_label and not self._columns:
            self._columns = self.num_labels = y_pred.shape[1]
            self.state = np.zeros(2 * self.num_thresholds * self._columns)
        if self.multi_label and y_pred.shape[1] != self._columns:
            raise ValueError(
                f"Argument `y_pred` must have {self._columns} columns, one for each label. Received: {y_pred.shape[1]}"
            )
        if self.label_weights is not None and not self.multi_label:
            weight = weight * self.label_weights
        if self.from_logits:
            y_pred = _kernels.activation("sigmoid", y_pred)
        thresholds = self._thresholds.astype(y_pred.dtype)
        bucket = np.maximum(np.searchsorted(thresholds, np.clip(y_pred, 0.0, 1.0)) - 1, 0)
        column = np.arange(y_pred.shape[1]) if self.multi_label else 0
        place = (bucket + self.num_thresholds * (y_true == 0)) * self._columns + column
        weights = np.broadcast_to(np.asarray(weight, np.float64), place.shape)
        self.state += np.bincount(place.reshape(-1), weights.reshape(-1), minlength=self.state.size)

    def _confusion(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """True and false positives, true and false negatives at each threshold: [thresholds, columns]."""
        histograms = self.state.reshape(2, self.num_thresholds, self._columns)
        positive = np.cumsum(histograms[:, ::-1], axis=1)[:, ::-1]
        negative = histograms.sum(axis=1, keepdims=True) - positive
        return positive[0], positive[1], negative[1], negative[0]

    def result(self) -> float:
        """Returns the area, or 0 if there was nothing to draw a curve with."""
        if not self._columns:
            return 0.0
        tp, fp, tn, fn = self._confusion()
        if self.curve == "PR" and self.summation_method == "interpolation":
            area = self._interpolated_pr(tp, fp, fn)
        else:
            area = self._riemann(*self._points(tp, fp, tn, fn))
        if self.multi_label and self.label_weights is not None:
            total = self.label_weights.sum()
            return float((area * self.label_weights).sum() / total) if total else 0.0
        return float(area.mean())

    def _points(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.curve == "ROC":
            return ratio(fp, fp + tn), ratio(tp, tp + fn)
        if self.curve == "PR":
            return ratio(tp, tp + fn), ratio(tp, tp + fp)
        odds = ratio(tp + fn, tn + fp)
        recall_gain = np.where(tp == 0, 0.0, 1.0 - odds * ratio(fn, tp))
        precision_gain = np.where(tp == 0, 1.0, 1.0 - odds * ratio(fp, tp))
        return np.maximum(recall_gain, 0.0), precision_gain

    def _riemann(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        else:
            heights = (np.minimum if self.summation_method == "minoring" else np.maximum)(y[:-1], y[1:])
        return np.sum((x[:-1] - x[1:]) * heights, axis=0)

    @staticmethod
    def _interpolated_pr(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
        """Precision between two thresholds is not linear in recall (Davis and Goadrich, 2006): true positives are."""
        p = tp + fp
        dtp = tp[:-1] - tp[1:]
        slope = ratio(dtp, np.maximum(p[:-1] - p[1:], 0))
        intercept = tp[1:] - slope * p[1:]
        both = (p[:-1] > 0) & (p[1:] > 0)
        growth = np.where(both, ratio(p[:-1], np.maximum(p[1:], 0)), 1.0)
        return np.sum(ratio(slope * (dtp + intercept * np.log(growth)), np.maximum(tp[1:] + fn[1:], 0)), axis=0)

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        if self._own_thresholds:
            config["thresholds"] = self.thresholds[1:-1]
        return config
