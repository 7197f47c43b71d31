"""Losses of margins: classes are -1 and 1, and a prediction is to lie on its side of zero, well away from it."""

from __future__ import annotations

from typing import Any

from fastnn.losses.loss import Loss
from fastnn.losses.rows import aligned, row_losses


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean(max(1 - y_true · y_pred, 0))` over the last axis.

    Args:
        y_true: Targets, -1 or 1; a 0 counts as -1.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(hinge([[1.0, -1.0]], [[0.5, 0.5]]))
    [1.]
    """
    return row_losses("hinge", *aligned(y_true, y_pred))[0]


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Returns `mean(max(1 - y_true · y_pred, 0)²)` over the last axis.

    Args:
        y_true: Targets, -1 or 1; a 0 counts as -1.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(squared_hinge([[1.0, -1.0]], [[0.5, 0.5]]))
    [1.25]
    """
    return row_losses("squared_hinge", *aligned(y_true, y_pred))[0]


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Returns `max(negative - positive + 1, 0)` over the last axis.

    There `positive = sum(y_true · y_pred)` and `negative = max((1 - y_true) · y_pred)`.

    Args:
        y_true: Targets: 1 for the class, 0 for the others.
        y_pred: Predictions, of the same shape.

    Raises:
        ValueError: The shapes differ.

    >>> print(categorical_hinge([[0.0, 1.0]], [[0.5, 0.25]]))
    [1.25]
    """
    return row_losses("categorical_hinge", *aligned(y_true, y_pred))[0]


class Hinge(Loss):
    """The mean of `max(1 - y_true · y_pred, 0)`; targets are -1 and 1, and a 0 counts as -1.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(Hinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.0
    """

    kernel = "hinge"

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)


class SquaredHinge(Loss):
    """The mean of `max(1 - y_true · y_pred, 0)²`; targets are -1 and 1, and a 0 counts as -1.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.25
    """

    kernel = "squared_hinge"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class CategoricalHinge(Loss):
    """The mean over rows of how far the best wrong class comes within 1 of the right one.

    (Crammer and Singer 2001, "On the Algorithmic Implementation of Multiclass Kernel-Based Vector Machines".)

    That is `max(negative - positive + 1, 0)` with `positive = sum(y_true · y_pred)` and
    `negative = max((1 - y_true) · y_pred)`.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
    1.25
    """

    kernel = "categorical_hinge"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)
