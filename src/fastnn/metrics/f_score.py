"""F-scores: weighted harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn.losses.rows import EPSILON
from fastnn.metrics.metric import Metric

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall: `(1 + beta²) · p · r / (beta² · p + r)`, class by class.

    (van Rijsbergen 1979, "Information Retrieval".)

    Args:
        average: What becomes of the scores of the classes: `None`, an array of them; `"macro"`, their mean;
            `"weighted"`, their mean weighted by how many targets each has; `"micro"`, one score of all classes
            together.
        beta: How much recall counts beside precision.
        threshold: Above it, a prediction stands for its class. By default the largest prediction of a row does.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: An argument is none of these.

    >>> FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [1, 0], [1, 0]], [[0.2, 0.6], [0.9, 0.8], [0.6, 0.2]]).round(4)
    array([0.7143, 0.8333])
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in _AVERAGES:
            raise ValueError(f"Argument `average` must be one of {_AVERAGES}. Received: average={average!r}")
        if not isinstance(beta, float) or not beta > 0.0:
            raise ValueError(f"Argument `beta` must be a float > 0. Received: beta={beta!r}")
        if threshold is not None and (not isinstance(threshold, float) or not 0.0 < threshold <= 1.0):
            raise ValueError(
                f"Argument `threshold` must be a float > 0 and at most 1. Received: threshold={threshold!r}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets, of shape `(rows, classes)`: 1 for the class, or for each of them, else 0.
            y_pred: Predictions, of the same shape.
            sample_weight: Factors of the rows.

        Raises:
            ValueError: The shapes do not fit.
        """
        y_pred = as_float(y_pred, self.dtype, name="y_pred")
        y_true = as_float(y_true, self.dtype, name="y_true")
        if y_pred.ndim != 2 or y_pred.shape != y_true.shape:
            raise ValueError(
                "Arguments `y_true` and `y_pred` must have one shape, (rows, classes). Received: "
                f"y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
            )
        if self.threshold is None:
            predicted = (y_pred >= y_pred.max(axis=-1, keepdims=True)) & (np.abs(y_pred) > 1e-9)
        else:
            predicted = y_pred > self.dtype.type(self.threshold)
        said, true = predicted.astype(np.float64), y_true.astype(np.float64)
        terms = np.stack([said * true, said * (1 - true), (1 - said) * true])
        if sample_weight is not None:
            weight = as_float(sample_weight, np.float64, name="sample_weight").reshape(-1)
            if weight.shape != y_pred.shape[:1]:
                raise ValueError(
                    f"Argument `sample_weight` must have shape {y_pred.shape[:1]}. Received: {np.shape(sample_weight)}"
                )
            terms = terms * weight[:, None]
        sums = terms.sum(axis=1)
        if self.average == "micro":
            sums = sums.sum(axis=1, keepdims=True)
        if not self.state.size:
            self.state = np.zeros(sums.size)
        if sums.size != self.state.size:
            raise ValueError(
                f"Argument `y_pred` must have {self.state.size // 3} columns, as in earlier batches. Received: "
                f"y_pred.shape={y_pred.shape}"
            )
        self.state += sums.reshape(-1)

    def result(self) -> Any:
        """Returns the score; without an average, an array of the classes' scores."""
        if not self.state.size:
            return 0.0
        tp, fp, fn = self.state.reshape(3, -1)
        precision, recall = tp / (tp + fp + EPSILON), tp / (tp + fn + EPSILON)
        squared = self.beta**2
        scores = (1 + squared) * precision * recall / (squared * precision + recall + EPSILON)
        if self.average is None:
            return scores
        if self.average == "weighted":
            return float((scores * (tp + fn)).sum() / ((tp + fn).sum() + EPSILON))
        return float(scores.mean())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, class by class.

    Args:
        average: What becomes of the scores of the classes: `None`, an array of them; `"macro"`, their mean;
            `"weighted"`, their mean weighted by how many targets each has; `"micro"`, one score of all classes
            together.
        threshold: Above it, a prediction stands for its class. By default the largest prediction of a row does.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: An argument is none of these.

    >>> round(F1Score("macro", 0.5)([[1, 1], [1, 0], [1, 0]], [[0.2, 0.6], [0.9, 0.8], [0.6, 0.2]]), 4)
    0.7333
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
