"""Losses as functions: one value for each row, nothing averaged over the batch."""

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


def aligned_sparse(y_true: Any, y_pred: Any, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Returns class numbers, with a last axis of length 1, and predictions with `axis` moved to the end.

    Raises:
        ValueError: The shapes do not fit, or `y_true` holds anything but class numbers.
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
    check_labels(y_true, y_pred.shape[-1])
    return np.ascontiguousarray(y_true[..., None]), y_pred


def _to_the_end(array: np.ndarray, axis: int) -> np.ndarray:
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ValueError(f"Argument `axis` must be an integer. Received: axis={axis!r}")
    if array.ndim == 0 or axis in (-1, array.ndim - 1):
        return np.ascontiguousarray(array) if array.ndim else array
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"Argument `axis` must be an axis of `y_pred`. Received: axis={axis}, shape={array.shape}")
    return np.ascontiguousarray(np.moveaxis(array, axis, -1))


def _rows(kernel: str, y_true: np.ndarray, y_pred: np.ndarray, params: tuple[float, ...] = ()) -> Any:
    row_loss, _ = _kernels.loss(kernel, as_rows(y_pred), as_rows(y_true), None, params, 1.0, False)
    return np.asarray(row_loss).reshape(y_pred.shape[:-1])[()]


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
    return _rows("mean_squared_error", *aligned(y_true, y_pred))


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
    return _rows("mean_absolute_error", *aligned(y_true, y_pred))


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
    return _rows("huber", *aligned(y_true, y_pred), (float(delta),))


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Returns the mean over `axis` of `-y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred)`.

    Args:
        y_true: Targets, 0 or 1 or between.
        y_pred: Predictions, of the same shape: probabilities or, with `from_logits`, logits.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.
        axis: The axis of the mean.

    Raises:
        ValueError: The shapes differ.

    >>> print(binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4))
    [0.6931]
    """
    y_true, y_pred = aligned(y_true, y_pred, axis)
    if from_logits:
        return _rows("sigmoid_binary_crossentropy", y_true, y_pred, (float(label_smoothing),))
    return _rows("binary_crossentropy", y_true, y_pred, (float(label_smoothing), EPSILON))


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Returns `-sum(y_true · log(y_pred))` over `axis`.

    Args:
        y_true: Targets: a probability for each class.
        y_pred: Predictions, of the same shape: probabilities (which are first divided by their sum) or, with
            `from_logits`, logits.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        axis: The axis of the classes.

    Raises:
        ValueError: The shapes differ.

    >>> print(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4))
    [0.6931]
    """
    y_true, y_pred = aligned(y_true, y_pred, axis)
    if from_logits:
        return _rows("softmax_categorical_crossentropy", y_true, y_pred, (float(label_smoothing),))
    return _rows("categorical_crossentropy", y_true, y_pred, (float(label_smoothing), EPSILON))


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """Returns `-log(y_pred)` at the class that `y_true` names.

    Args:
        y_true: Targets: class numbers, of the shape of `y_pred` without `axis`, or with length 1 there.
        y_pred: Predictions: probabilities (which are first divided by their sum) or, with `from_logits`, logits.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        ignore_class: Only `None` is supported: give such rows a sample weight of zero.
        axis: The axis of the classes.

    Raises:
        ValueError: The shapes do not fit, or `y_true` holds anything but class numbers.

    >>> print(sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(4))
    [0.6931]
    """
    refuse_ignore_class(ignore_class)
    y_true, y_pred = aligned_sparse(y_true, y_pred, axis)
    if from_logits:
        return _rows("softmax_sparse_categorical_crossentropy", y_true, y_pred)
    return _rows("sparse_categorical_crossentropy", y_true, y_pred, (0.0, EPSILON))


def refuse_ignore_class(ignore_class: int | None) -> None:
    if ignore_class is not None:
        raise NotImplementedError(
            "Argument `ignore_class` is not supported: give the rows of that class a sample weight of zero. Received: "
            f"ignore_class={ignore_class!r}"
        )
