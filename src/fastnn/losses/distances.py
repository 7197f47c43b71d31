"""Losses of distributions and of directions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.losses.loss import Loss
from fastnn.losses.rows import aligned, aligned_columns, row_losses


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Returns `sum(y_true · log(y_true / y_pred))` over the last axis; both are kept from 1e-7 to 1.

    Args:
        y_true: Targets: probabilities.
        y_pred: Predictions: probabilities, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(4))
    [0.1438]
    """
    return row_losses("kl_divergence", *aligned(y_true, y_pred))[0]


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean(y_pred - y_true · log(y_pred + 1e-7))` over the last axis.

    Args:
        y_true: Targets: counts.
        y_pred: Predictions: positive rates, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(poisson([[3.0]], [[2.0]]).round(4))
    [-0.0794]
    """
    return row_losses("poisson", *aligned(y_true, y_pred))[0]


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Returns the cosine of the angle between targets and predictions along `axis`, with its sign changed.

    A vector shorter than 1e-7 counts as that long.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.
        axis: The axis of the vectors.

    Raises:
        ValueError: The shapes differ.

    >>> print(cosine_similarity([[4.0, 3.0]], [[3.0, 4.0]]).round(4))
    [-0.96]
    """
    return row_losses("cosine_similarity", *aligned(y_true, y_pred, axis))[0]


def gaussian_negative_log_likelihood(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean((log_variance + (y_true - mean)² / exp(log_variance) + log(2π)) / 2)` over the targets of a row.

    Args:
        y_true: Targets, of shape `(..., n)`.
        y_pred: Predictions, of shape `(..., 2 · n)`: n means, then as many logarithms of variances.

    Raises:
        ValueError: The shapes do not fit.

    >>> print(gaussian_negative_log_likelihood([[1.0]], [[1.0, 0.0]]).round(4))
    [0.9189]
    """
    return GaussianNegativeLogLikelihood().call(y_true, y_pred)


class KLDivergence(Loss):
    """The mean over rows of `sum(y_true · log(y_true / y_pred))`, of probabilities, which are kept from 1e-7 to 1.

    (Kullback and Leibler 1951, "On Information and Sufficiency".)

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
    0.1438
    """

    kernel = "kl_divergence"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class Poisson(Loss):
    """The mean of `y_pred - y_true · log(y_pred + 1e-7)`: the surprise at counts, given their rates.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(Poisson()([[3.0]], [[2.0]])), 4)
    -0.0794
    """

    kernel = "poisson"

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)


class CosineSimilarity(Loss):
    """The mean over rows of the cosine between targets and predictions, with its sign changed: -1 is best.

    Args:
        axis: The axis of the vectors.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(CosineSimilarity()([[4.0, 3.0]], [[3.0, 4.0]])), 4)
    -0.96
    """

    kernel = "cosine_similarity"
    settings = ("axis",)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis


class GaussianNegativeLogLikelihood(Loss):
    """The surprise at targets, each given the mean and the variance of a normal distribution.

    For n targets, a model ends in `2 · n` columns without an activation: n means, then the n logarithms of the
    variances, which need no bounds. The loss is the mean over the targets of
    `(log_variance + (y_true - mean)² / exp(log_variance) + log(2π)) / 2`. (Nix and Weigend, Estimating the mean and
    variance of the target probability distribution, ICNN 1994.) Keras has no such loss.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(GaussianNegativeLogLikelihood()([[1.0]], [[1.0, 0.0]])), 4)
    0.9189
    """

    kernel = "gaussian_negative_log_likelihood"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "gaussian_negative_log_likelihood",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def align(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        return aligned_columns(y_true, y_pred, _half(np.shape(y_pred)))

    def target_shape(self, output_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*output_shape[:-1], _half(output_shape))


def _half(shape: tuple[int, ...]) -> int:
    if not shape or shape[-1] % 2 or not shape[-1]:
        raise ValueError(
            "Argument `y_pred` must have an even number of columns: means, then as many logarithms of variances. "
            f"Received: shape={shape}"
        )
    return shape[-1] // 2
