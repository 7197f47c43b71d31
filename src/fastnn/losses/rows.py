"""What losses do with their arguments: one dtype, shapes that fit, rows that C can read."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._arrays import as_float, as_rows, check_labels, squeeze_or_expand_to_same_rank

EPSILON = 1e-7  # probabilities are kept this far from 0 and 1 before their logarithm is taken


def aligned(y_true: Any, y_pred: Any, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Returns targets and predictions in one dtype and of one shape, with `axis` moved to the end.

    Raises:
        ValueError: Their shapes differ by more than an axis of length 1 at the end.
    """
    y_pred = as_float(y_pred, name="y_pred")
    y_true = as_float(y_true, y_pred.dtype, name="y_true")
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"Arguments `y_true` and `y_pred` must have the same shape. Received: y_true.shape={y_true.shape}, "
            f"y_pred.shape={y_pred.shape}"
        )
    return _to_the_end(y_true, axis), _to_the_end(y_pred, axis)


def aligned_sparse(
    y_true: Any, y_pred: Any, axis: int = -1, ignore_class: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns class numbers, with a last axis of length 1, and predictions with `axis` moved to the end.

    Raises:
        ValueError: The shapes do not fit, or `y_true` holds anything but class numbers (and `ignore_class`).
    """
    y_pred = _to_the_end(as_float(y_pred, name="y_pred"), axis)
    y_true = as_float(y_true, y_pred.dtype, name="y_true")
    if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1:
        y_true = np.squeeze(y_true, axis)
    if y_pred.ndim < 1 or y_true.shape != y_pred.shape[:-1]:
        raise ValueError(
            "Argument `y_true` must have the shape of `y_pred` without its axis of classes. Received: "
            f"y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
        )
    check_labels(y_true if ignore_class is None else y_true[y_true != ignore_class], y_pred.shape[-1])
    return np.ascontiguousarray(y_true[..., None]), y_pred


def aligned_columns(y_true: Any, y_pred: Any, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns targets with `columns` along the last axis, and predictions, whose rows are as many.

    Raises:
        ValueError: The shapes do not fit.
    """
    y_pred = as_float(y_pred, name="y_pred")
    y_true = as_float(y_true, y_pred.dtype, name="y_true")
    wanted = (*y_pred.shape[:-1], columns)
    if y_true.shape != wanted and not (columns == 1 and y_true.shape == y_pred.shape[:-1]):
        raise ValueError(
            f"Argument `y_true` must have shape {wanted} to fit `y_pred`. Received: y_true.shape={y_true.shape}, "
            f"y_pred.shape={y_pred.shape}"
        )
    return y_true.reshape(wanted), y_pred


def _to_the_end(array: np.ndarray, axis: int) -> np.ndarray:
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ValueError(f"Argument `axis` must be an integer. Received: axis={axis!r}")
    if array.ndim == 0 or axis in (-1, array.ndim - 1):
        return np.ascontiguousarray(array) if array.ndim else array
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"Argument `axis` must be an axis of `y_pred`. Received: axis={axis}, shape={array.shape}")
    return np.ascontiguousarray(np.moveaxis(array, axis, -1))


def row_losses(
    kernel: str,
    y_true: np.ndarray,
    y_pred: np.ndarray,
    params: tuple[float, ...] = (),
    columns: np.ndarray | None = None,
    gradient: bool = False,
) -> tuple[Any, np.ndarray | None]:
    """Returns what a kernel makes of each row, and its gradient if that is wanted."""
    if columns is not None:
        columns = by_columns(columns, y_pred)
    rows, slope = _kernels.loss(kernel, as_rows(y_pred), as_rows(y_true), None, params, 1.0, gradient, columns=columns)
    return np.asarray(rows).reshape(y_pred.shape[:-1])[()], None if slope is None else slope.reshape(y_pred.shape)


def by_columns(columns: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Returns a parameter for each column of `y_pred`, in its dtype.

    Raises:
        ValueError: There are more or fewer columns.
    """
    if columns.shape != y_pred.shape[-1:]:
        raise ValueError(
            f"Argument `y_pred` must have {len(columns)} columns, for as many were given to the loss. Received: "
            f"y_pred.shape={y_pred.shape}"
        )
    return np.ascontiguousarray(columns, y_pred.dtype)


def number_or_columns(value: Any, name: str) -> tuple[float, np.ndarray | None]:
    """Returns a number that is the same for all columns, or one for each of them.

    Raises:
        ValueError: It is neither a number nor a list of numbers.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim > 1 or array.size == 0 or isinstance(value, (bool, str)) or not np.isfinite(array).all():
        raise ValueError(f"Argument `{name}` must be a number or a list of numbers. Received: {name}={value!r}")
    return (float(array), None) if array.ndim == 0 else (0.0, array)
