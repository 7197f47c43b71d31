"""Losses of the errors of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.losses.loss import Loss
from fastnn.losses.rows import aligned, aligned_columns, number_or_columns, row_losses


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean((y_true - y_pred)²)` over the last axis.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(mean_squared_error([[0.0, 1.0]], [[1.0, 1.0]]))
    [0.5]
    """
    return row_losses("mean_squared_error", *aligned(y_true, y_pred))[0]


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean(|y_true - y_pred|)` over the last axis.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(mean_absolute_error([[0.0, 1.0]], [[3.0, 1.0]]))
    [1.5]
    """
    return row_losses("mean_absolute_error", *aligned(y_true, y_pred))[0]


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Returns `100 · mean(|y_true - y_pred| / |y_true|)` over the last axis; `|y_true|` counts as at least 1e-7.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 3.0]]))
    [37.5]
    """
    return row_losses("mean_absolute_percentage_error", *aligned(y_true, y_pred))[0]


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean((log(1 + y_true) - log(1 + y_pred))²)` over the last axis; both count as at least 1e-7.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(mean_squared_logarithmic_error([[3.0, 3.0]], [[1.0, 3.0]]).round(4))
    [0.2402]
    """
    return row_losses("mean_squared_logarithmic_error", *aligned(y_true, y_pred))[0]


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Returns the mean over the last axis of `e²/2` where `e = |y_true - y_pred| <= delta`, else `delta·e - delta²/2`.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.
        delta: The error from which on the loss grows no longer with the square.

    Raises:
        ValueError: The shapes differ.

    >>> print(huber([[0.0, 1.0]], [[3.0, 1.0]]))
    [1.25]
    """
    return row_losses("huber", *aligned(y_true, y_pred), (float(delta),))[0]


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean(log(cosh(y_pred - y_true)))` over the last axis: `e²/2` for small errors, `|e| - log 2` for large.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(log_cosh([[0.0, 0.0]], [[1.0, 0.0]]).round(4))
    [0.2169]
    """
    return row_losses("log_cosh", *aligned(y_true, y_pred))[0]


def pinball(y_true: Any, y_pred: Any, quantiles: float | Sequence[float] = 0.5) -> Any:
    """Returns the mean over the last axis of `q·e` where `e = y_true - y_pred > 0`, else `(q - 1)·e`.

    Its smallest expected value is at the quantile `q` of the targets.

    Args:
        y_true: Targets, of the shape of `y_pred`; with several quantiles, one for each row.
        y_pred: Predictions; with several quantiles, a column for each.
        quantiles: The quantile, or several, between 0 and 1.

    Raises:
        ValueError: The shapes do not fit, or a quantile is not between 0 and 1.

    >>> print(pinball([[3.0]], [[1.0]], 0.9))
    [1.8]
    >>> print(pinball([3.0], [[1.0, 5.0]], [0.25, 0.75]))
    [0.5]
    """
    return Pinball(quantiles).call(y_true, y_pred)


class MeanSquaredError(Loss):
    """The mean of `(y_true - y_pred)²`.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5
    """

    kernel = "mean_squared_error"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(Loss):
    """The mean of `|y_true - y_pred|`.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[3.0, 1.0]]))
    1.5
    """

    kernel = "mean_absolute_error"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(Loss):
    """The mean of `100 · |y_true - y_pred| / |y_true|`, where `|y_true|` counts as at least 1e-7.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 3.0]]))
    37.5
    """

    kernel = "mean_absolute_percentage_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(Loss):
    """The mean of `(log(1 + y_true) - log(1 + y_pred))²`, where both count as at least 1e-7.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(MeanSquaredLogarithmicError()([[3.0, 3.0]], [[1.0, 3.0]])), 4)
    0.2402
    """

    kernel = "mean_squared_logarithmic_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Huber(Loss):
    """The mean of `e²/2` where the error `e = |y_true - y_pred|` is at most `delta`, else of `delta·e - delta²/2`.

    (Huber 1964, "Robust Estimation of a Location Parameter".)

    Args:
        delta: The error from which on the loss grows no longer with the square.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(Huber()([[0.0, 1.0]], [[3.0, 1.0]]))
    1.25
    """

    kernel = "huber"
    settings = ("delta",)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = float(delta)
        self.params = (self.delta,)


class LogCosh(Loss):
    """The mean of `log(cosh(y_pred - y_true))`: `e²/2` for small errors, `|e| - log 2` for large ones.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(LogCosh()([[0.0, 0.0]], [[1.0, 0.0]])), 4)
    0.2169
    """

    kernel = "log_cosh"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class Pinball(Loss):
    """The loss of quantiles: the mean of `q·e` where `e = y_true - y_pred > 0`, else of `(q - 1)·e`.

    A model that is trained with several quantiles ends in a column for each of them and takes targets with one column.
    (Koenker and Bassett, Regression Quantiles, Econometrica 46, 1978.) Keras has no such loss.

    Args:
        quantiles: The quantile, or several, between 0 and 1.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    Raises:
        ValueError: A quantile is not between 0 and 1.

    >>> float(Pinball(0.75)([[3.0], [3.0]], [[1.0], [5.0]]))
    1.0
    >>> float(Pinball([0.25, 0.75])([[3.0]], [[1.0, 5.0]]))
    0.5
    """

    settings = ("quantiles",)

    def __init__(
        self,
        quantiles: float | Sequence[float] = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "pinball",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        single, self.columns = number_or_columns(quantiles, "quantiles")
        if not ((np.asarray(quantiles) > 0) & (np.asarray(quantiles) < 1)).all():
            raise ValueError(
                f"Argument `quantiles` must hold numbers between 0 and 1. Received: quantiles={quantiles!r}"
            )
        if self.columns is None:
            self.kernel, self.params, self.quantiles = "pinball", (single,), single
        else:
            self.kernel, self.quantiles = "shared_pinball", self.columns.tolist()

    def align(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        if self.columns is None:
            return aligned(y_true, y_pred)
        return aligned_columns(y_true, y_pred, 1)

    def target_shape(self, output_shape: tuple[int, ...]) -> tuple[int, ...]:
        return output_shape if self.columns is None else (*output_shape[:-1], 1)
