"""Class numbers into rows of zeros and ones, and vectors into vectors of length one."""

from __future__ import annotations

from typing import Any

import numpy as np


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """Divides vectors by their norms. Vectors of norm zero stay as they are.

    Args:
        x: The array that holds them.
        axis: The axis along which they lie.
        order: Order of the norm: 2 for the Euclidean one.

    Returns:
        A new array of the same shape: float32 for float32, else float64.

    Example:

    >>> print(normalize(np.array([[3.0, 4.0], [0.0, 0.0]])))
    [[0.6 0.8]
     [0.  0. ]]
    """
    array = np.asarray(x)
    if array.dtype.kind not in "buif" or array.ndim == 0:
        raise ValueError(
            f"Argument `x` must be an array of real numbers. Received: dtype={array.dtype}, shape={array.shape}"
        )
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    norms = np.linalg.norm(array, order, axis, keepdims=True)
    return array / np.where(norms == 0, norms.dtype.type(1), norms)


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Turns class numbers into rows that are 1 at the class's place and 0 elsewhere.

    Args:
        x: Class numbers, integers from 0 to `num_classes - 1`, of any shape. A last axis of length 1 is dropped.
        num_classes: Number of classes. By default one more than the greatest class number.

    Returns:
        A float64 array with an axis of length `num_classes` behind those of `x`.

    Raises:
        ValueError: `x` holds something that is not a class number.

    Example:

    >>> print(to_categorical([0, 2, 1]))
    [[1. 0. 0.]
     [0. 0. 1.]
     [0. 1. 0.]]
    """
    array = np.asarray(x)
    if array.dtype.kind not in "buif":
        raise ValueError(f"Argument `x` must hold class numbers. Received: an array of dtype {array.dtype}")
    if array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if num_classes is not None and (
        isinstance(num_classes, bool) or not isinstance(num_classes, (int, np.integer)) or num_classes < 1
    ):
        raise ValueError(
            f"Argument `num_classes` must be an integer >= 1 or None. Received: num_classes={num_classes!r}"
        )
    if array.size == 0 and num_classes is None:
        raise ValueError("Argument `num_classes` must be given where `x` is empty. Received: num_classes=None")
    wrong = ~(array >= 0) | (array != np.floor(array))  # NaN is not >= 0
    if num_classes is not None:
        wrong |= array >= num_classes
    else:
        wrong |= array == np.inf
    if wrong.any():
        last = "" if num_classes is None else f" to {num_classes - 1}"
        raise ValueError(
            f"Argument `x` must hold class numbers, integers from 0{last}. Received: {array[wrong].flat[0]}"
        )
    labels = array.astype(np.intp)
    classes = int(labels.max()) + 1 if num_classes is None else int(num_classes)
    rows = np.zeros((labels.size, classes))
    rows[np.arange(labels.size), labels.ravel()] = 1.0
    return rows.reshape(*labels.shape, classes)
