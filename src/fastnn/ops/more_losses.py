"""More losses with their gradients, each of a target for each prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.ops.losses import row_losses


def mean_absolute_percentage_error(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`100 · mean(|y_pred - y_true| / |y_true|)` of each row, and its gradient; `|y_true|` counts as at least 1e-7.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 3.0]])
    (array([37.5]), array([[-25. , -12.5]]))
    """
    return row_losses("mean_absolute_percentage_error", y_true, y_pred, sample_weight, (), scale, gradient, out)


def mean_squared_logarithmic_error(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`mean((log(1 + y_pred) - log(1 + y_true))²)` of each row, and its gradient; both count as at least 1e-7.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.mean_squared_logarithmic_error([[1.0]], [[1.0]])
    (array([0.]), array([[0.]]))
    """
    return row_losses("mean_squared_logarithmic_error", y_true, y_pred, sample_weight, (), scale, gradient, out)


def log_cosh(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`mean(log(cosh(y_pred - y_true)))` of each row, and its gradient, `tanh(y_pred - y_true)` over the columns.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.log_cosh([[1.0]], [[1.0]])
    (array([0.]), array([[0.]]))
    """
    return row_losses("log_cosh", y_true, y_pred, sample_weight, (), scale, gradient, out)


def poisson(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`mean(y_pred - y_true · log(y_pred + 1e-7))` of each row, and its gradient.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.poisson([[0.0, 0.0]], [[2.0, 1.0]])
    (array([1.5]), array([[0.5, 0.5]]))
    """
    return row_losses("poisson", y_true, y_pred, sample_weight, (), scale, gradient, out)


def kl_divergence(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`sum(y_true · log(y_true / y_pred))` of each row, and its gradient; both are kept from 1e-7 to 1.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.kl_divergence([[0.5, 0.5]], [[0.5, 0.5]])
    (array([0.]), array([[-1., -1.]]))
    """
    return row_losses("kl_divergence", y_true, y_pred, sample_weight, (), scale, gradient, out)


def cosine_similarity(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """The cosine between the rows of both with its sign changed, and its gradient.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.cosine_similarity([[0.0, 2.0]], [[4.0, 0.0]])
    (array([-0.]), array([[ 0.  , -0.25]]))
    """
    return row_losses("cosine_similarity", y_true, y_pred, sample_weight, (), scale, gradient, out)


def hinge(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`mean(max(1 - y_true · y_pred, 0))` of each row, and its gradient; a target of 0 counts as -1.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.hinge([[1.0, -1.0]], [[0.5, 0.5]])
    (array([1.]), array([[-0.5,  0.5]]))
    """
    return row_losses("hinge", y_true, y_pred, sample_weight, (), scale, gradient, out)


def squared_hinge(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`mean(max(1 - y_true · y_pred, 0)²)` of each row, and its gradient; a target of 0 counts as -1.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.squared_hinge([[1.0, -1.0]], [[0.5, 0.5]])
    (array([1.25]), array([[-0.5,  1.5]]))
    """
    return row_losses("squared_hinge", y_true, y_pred, sample_weight, (), scale, gradient, out)


def categorical_hinge(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`max(max((1 - y_true) · y_pred) - sum(y_true · y_pred) + 1, 0)` of each row, and its gradient.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.categorical_hinge([[0.0, 1.0]], [[0.5, 0.25]])
    (array([1.25]), array([[ 1., -1.]]))
    """
    return row_losses("categorical_hinge", y_true, y_pred, sample_weight, (), scale, gradient, out)
