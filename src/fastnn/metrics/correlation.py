"""How targets and predictions go together: correlations, and the share of the variance that is explained."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import as_float, squeeze_or_expand_to_same_rank
from fastnn.losses.rows import EPSILON, aligned
from fastnn.metrics.metric import MeanMetricWrapper, Metric
from fastnn.warnings import DataWarning, warn

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Returns the correlation of targets and predictions along `axis`.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.
        axis: The axis along which they are compared.

    >>> print(pearson_correlation([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]).round(4))
    [1.     0.9934]
    """
    y_true, y_pred = aligned(y_true, y_pred, axis)
    y_true, y_pred = (y - y.mean(axis=-1, keepdims=True) for y in (y_true, y_pred))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.mean(
            (y_true / y_true.std(axis=-1, keepdims=True)) * (y_pred / y_pred.std(axis=-1, keepdims=True)), axis=-1
        )


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Returns how near to the identity targets and predictions are related along `axis` (Lin, 1989): 1 is best.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.
        axis: The axis along which they are compared.

    >>> print(concordance_correlation([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]).round(4))
    [0.9756 0.9877]
    """
    y_true, y_pred = aligned(y_true, y_pred, axis)
    mean = y_pred.mean(axis=-1, keepdims=True)
    apart = np.square(y_true.mean(axis=-1, keepdims=True) - mean)
    norm = y_true.var(axis=-1, keepdims=True) + y_pred.var(axis=-1, keepdims=True) + apart
    return np.mean(2 * (y_true - mean) * (y_pred - mean) / (norm + y_pred.dtype.type(EPSILON)), axis=-1)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of the correlations of targets and predictions along an axis: by default, within each row.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        axis: The axis along which they are compared.

    >>> round(PearsonCorrelation()([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]), 4)
    0.9967
    """

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype.name, "axis": self.axis}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of how near to the identity targets and predictions are related: by default, within each row.

    (Lin 1989, "A Concordance Correlation Coefficient to Evaluate Reproducibility".)

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        axis: The axis along which they are compared.

    >>> round(ConcordanceCorrelation()([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]), 4)
    0.9816
    """

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype.name, "axis": self.axis}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)


class R2Score(Metric):
    """The share of the targets' variance that predictions explain: `1 - sum((y_true - y_pred)²) / (n · variance)`.

    Args:
        class_aggregation: What becomes of the scores of the columns: `"uniform_average"`, their mean;
            `"variance_weighted_average"`, weighted by the targets' variances; `None`, an array of them.
        num_regressors: How many inputs the model has, to adjust the score for; 0 for no adjustment.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: An argument is none of these.

    >>> round(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]), 4)
    0.5714
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"Argument `class_aggregation` must be one of {_AGGREGATIONS}. Received: "
                f"class_aggregation={class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"Argument `num_regressors` must be >= 0. Received: num_regressors={num_regressors!r}")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = 0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets, of shape `(rows, columns)`.
            y_pred: Predictions, of the same shape.
            sample_weight: Factors of the rows, or of the elements.

        Raises:
            ValueError: The shapes do not fit.
        """
        y_pred = as_float(y_pred, np.float64, name="y_pred")
        y_true = as_float(y_true, np.float64, name="y_true")
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        if y_pred.ndim != 2 or y_pred.shape != y_true.shape:
            raise ValueError(
                "Arguments `y_true` and `y_pred` must have one shape, (rows, columns). Received: "
                f"y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
            )
        weight = as_float(1.0 if sample_weight is None else sample_weight, np.float64, name="sample_weight")
        weight = np.broadcast_to(weight[:, None] if weight.ndim == 1 else weight, y_true.shape)
        sums = (weight * np.stack([y_true, y_true**2, (y_true - y_pred) ** 2, np.ones_like(y_true)])).sum(axis=1)
        if not self.state.size:
            self.state = np.zeros(sums.size)
        if sums.size != self.state.size:
            raise ValueError(
                f"Argument `y_pred` must have {self.state.size // 4} columns, as in earlier batches. Received: "
                f"y_pred.shape={y_pred.shape}"
            )
        self.state += sums.reshape(-1)
        self.num_samples += y_true.size

    def result(self) -> Any:
        """Returns the score, NaN if nothing has been added; without an aggregation, an array of the columns' scores."""
        if not self.state.size:
            return float("nan")
        total, squares, residual, count = self.state.reshape(4, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = squares - total * total / count
            scores = 1 - residual / spread
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation == "variance_weighted_average":
                score: Any = float((spread * scores).sum() / spread.sum())
            else:
                score = scores if self.class_aggregation is None else float(scores.mean())
        return self._adjusted(score)

    def _adjusted(self, score: Any) -> Any:
        free = self.num_samples - self.num_regressors - 1
        if not self.num_regressors:
            return score
        if free <= 0:
            warn(
                f"The score is not adjusted: there are {self.num_regressors} regressors and only {self.num_samples} "
                "numbers.",
                DataWarning,
            )
            return score
        return 1 - (1 - score) * (self.num_samples - 1) / free

    def reset_state(self) -> None:
        super().reset_state()
        self.num_samples = 0

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
