"""Losses with their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import _kernels


def mean_squared_error(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`mean((y_pred - y_true)²)` of each row, and its gradient by the predictions.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        scale: A further factor of the gradient; `1 / rows` makes it that of the mean loss.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`, of the dtype `y_pred` is computed in; the gradient is
        None where it is not wanted.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.mean_squared_error([[0.0, 1.0]], [[2.0, 1.0]])
    (array([2.]), array([[2., 0.]]))
    """
    return row_losses("mean_squared_error", y_true, y_pred, sample_weight, (), scale, gradient, out)


def mean_absolute_error(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`mean(|y_pred - y_true|)` of each row, and its gradient by the predictions.

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
    >>> ops.mean_absolute_error([[0.0, 1.0]], [[2.0, 1.0]])
    (array([1.]), array([[0.5, 0. ]]))
    """
    return row_losses("mean_absolute_error", y_true, y_pred, sample_weight, (), scale, gradient, out)


def huber(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    delta: float = 1.0,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """Mean over each row of `e²/2` where `e = |y_pred - y_true| <= delta`, else `delta·e - delta²/2`; and its gradient.

    Args:
        y_true: Targets, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: a row is what lies along the last axis.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        delta: The error from which on the loss grows no longer with the square.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit.

    Example:

    >>> from fastnn import ops
    >>> ops.huber([[0.0, 1.0]], [[3.0, 1.0]])
    (array([1.25]), array([[0.5, 0. ]]))
    """
    return row_losses("huber", y_true, y_pred, sample_weight, (delta,), scale, gradient, out)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """Mean over each row of `-y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred)`, and its gradient.

    Args:
        y_true: Targets, 0 or 1 or between, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., n)`: probabilities, which are kept 1e-7 from 0 and 1; or logits.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., n)`.

    Raises:
        ValueError: If shapes do not fit, or `label_smoothing` is not between 0 and 1.

    Example:

    >>> from fastnn import ops
    >>> losses, gradient = ops.binary_crossentropy([[1.0]], [[0.0]], from_logits=True)
    >>> losses.round(4), gradient
    (array([0.6931]), array([[-0.5]]))
    """
    name = "sigmoid_binary_crossentropy" if from_logits else "binary_crossentropy"
    return row_losses(name, y_true, y_pred, sample_weight, _smoothing(label_smoothing), scale, gradient, out)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`-sum(y_true · log(y_pred))` of each row, and its gradient.

    Args:
        y_true: Targets, a probability for each class, of the shape of `y_pred`.
        y_pred: Predictions, of shape `(..., classes)`: probabilities, which are divided by their sum and kept 1e-7 from
            0 and 1; or logits.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., classes)`.

    Raises:
        ValueError: If shapes do not fit, or `label_smoothing` is not between 0 and 1.

    Example:

    >>> from fastnn import ops
    >>> losses, gradient = ops.categorical_crossentropy([[0.0, 1.0]], [[0.0, 0.0]], from_logits=True)
    >>> losses.round(4), gradient
    (array([0.6931]), array([[ 0.5, -0.5]]))
    """
    name = "softmax_categorical_crossentropy" if from_logits else "categorical_crossentropy"
    return row_losses(name, y_true, y_pred, sample_weight, _smoothing(label_smoothing), scale, gradient, out)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    from_logits: bool = False,
    *,
    scale: float = 1.0,
    gradient: bool = True,
    out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """`-log(y_pred)` of each row at the class that `y_true` names, and its gradient.

    Args:
        y_true: Class numbers, of the shape of `y_pred` without its last axis or with length 1 there.
        y_pred: Predictions, of shape `(..., classes)`: probabilities, which are divided by their sum and kept 1e-7 from
            0 and 1; or logits.
        sample_weight: Factors of the rows, of shape `(...)`, in their losses and gradients; None for one.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        scale: A further factor of the gradient.
        gradient: Whether the gradient is wanted.
        out: Array that receives the gradient; may be `y_pred`.

    Returns:
        `(losses, gradient)` of shapes `(...)` and `(..., classes)`.

    Raises:
        ValueError: If shapes do not fit, or `y_true` holds anything but class numbers.

    Example:

    >>> from fastnn import ops
    >>> losses, gradient = ops.sparse_categorical_crossentropy([1], [[0.0, 0.0]], from_logits=True)
    >>> losses.round(4), gradient
    (array([0.6931]), array([[ 0.5, -0.5]]))
    """
    name = "softmax_sparse_categorical_crossentropy" if from_logits else "sparse_categorical_crossentropy"
    return row_losses(name, y_true, y_pred, sample_weight, (), scale, gradient, out, sparse=True)


def _smoothing(label_smoothing: float) -> tuple[float]:
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be between 0 and 1. Received: label_smoothing={label_smoothing}")
    return (label_smoothing,)


def row_losses(
    kernel: str,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    params: tuple[float, ...],
    scale: float,
    gradient: bool,
    out: np.ndarray | None,
    sparse: bool = False,
) -> tuple[Any, np.ndarray | None]:
    """What a kernel makes of rows as users give them: their losses and the gradient."""
    if sample_weight is None:
        plain = _kernels.plain_loss(kernel, y_pred, y_true, params, scale, gradient, out)
        if plain is not None:
            return plain
    prediction = _kernels.prepared(y_pred, "y_pred")
    shape = prediction.shape
    if not shape or not shape[-1]:
        raise ValueError(f"y_pred must have shape (..., n) with n > 0. Received: y_pred.shape={shape}")
    target = _kernels.prepared(y_true, "y_true", prediction)
    wanted = (*shape[:-1], 1) if sparse else shape
    if target.shape != wanted and not (sparse and target.shape == shape[:-1]):
        raise ValueError(f"y_true must have shape {wanted} to fit y_pred. Received: y_true.shape={target.shape}")
    if sparse and target.size:
        low, high, whole = _kernels.value_range(target.reshape(-1))
        if not (low >= 0 and high < shape[-1] and whole):
            raise ValueError(
                f"y_true must hold class numbers, integers from 0 to {shape[-1] - 1}. "
                f"Received: values from {low} to {high}"
            )
    weight = None
    if sample_weight is not None:
        weight = _kernels.prepared(sample_weight, "sample_weight", prediction)
        if weight.shape != shape[:-1]:
            raise ValueError(
                f"sample_weight must have shape {shape[:-1]} to fit y_pred. "
                f"Received: sample_weight.shape={weight.shape}"
            )
        weight = weight.reshape(-1)
    rows = prediction.reshape(-1, shape[-1])
    target = target.reshape(rows.shape[0], wanted[-1])
    into = None if out is None else _gradient_rows(out, gradient, prediction, target, weight)
    losses, dx = _kernels.loss(kernel, rows, target, weight, params, scale, gradient, None, into)
    losses = losses.reshape(shape[:-1])[()]
    if dx is None:
        return losses, None
    if out is None:
        return losses, dx.reshape(shape)
    if into is None:
        out[...] = dx.reshape(shape)
    return losses, out


def _gradient_rows(
    out: np.ndarray, gradient: bool, prediction: np.ndarray, target: np.ndarray, weight: np.ndarray | None
) -> np.ndarray | None:
    """The rows of `out` if the gradient can be computed right there, else None."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array. Received: {type(out).__name__}")
    if not gradient:
        raise ValueError("out must be None where no gradient is wanted. Received: an array")
    if out.shape != prediction.shape:
        raise ValueError(f"out must have shape {prediction.shape}. Received: shape={out.shape}")
    if not out.flags.writeable:
        raise ValueError("out must be writable. Received: a read-only array")
    if not np.can_cast(prediction.dtype, out.dtype, "same_kind"):
        raise TypeError(f"out must be able to hold {prediction.dtype}. Received: dtype={out.dtype}")
    direct = (
        out.dtype == prediction.dtype
        and out.flags.carray
        and not np.may_share_memory(out, target)
        and (weight is None or not np.may_share_memory(out, weight))
        and (out.ctypes.data == prediction.ctypes.data or not np.may_share_memory(out, prediction))
    )
    return out.reshape(-1, out.shape[-1]) if direct else None
