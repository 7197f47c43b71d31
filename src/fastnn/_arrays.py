"""What eager calls do with their arguments before C sees them."""

from __future__ import annotations

from typing import Any

import numpy as np

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_default = [_FLOATS[0]]


def floatx() -> np.dtype:
    """Returns the dtype of what names none."""
    return _default[0]


def set_floatx(dtype: np.dtype) -> None:
    """Sets the dtype of what names none."""
    _default[0] = dtype


def standardize_dtype(dtype: Any) -> np.dtype:
    """Returns the dtype of computations, `floatx()` where none is named; raises for all but float32 and float64."""
    if dtype is None:
        return floatx()
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):  # a policy, in a configuration of Keras's
        dtype = dtype["config"].get("name")
    try:
        standard = np.dtype(dtype)
    except TypeError:
        standard = None
    if standard is None or standard not in _FLOATS:  # None is float64 to NumPy
        if isinstance(dtype, str) and ("mixed" in dtype or "float16" in dtype):
            raise ValueError(
                "Argument `dtype` must be 'float32' or 'float64': arithmetic in 16 bits is no faster on CPUs. "
                f"Received: dtype={dtype!r}"
            )
        raise ValueError(f"Argument `dtype` must be 'float32' or 'float64'. Received: dtype={dtype!r}")
    return standard


def as_float(x: Any, dtype: Any = None, name: str = "x") -> np.ndarray:
    """Returns `x` as an aligned, C-contiguous array of float32 or float64; without a copy where it is one already.

    Args:
        x: An array or anything that NumPy makes one of.
        dtype: The dtype wanted. By default float64 stays float64 if it comes as an array, and all else, Python's
            numbers and lists included, becomes float32.
        name: The name of the argument, for messages.

    Raises:
        TypeError: `x` does not hold real numbers.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"Argument `{name}` must hold real numbers (bool, integer or float). Received: an array of dtype "
            f"{array.dtype} and shape {array.shape}"
        )
    if dtype is None:
        carried = hasattr(x, "dtype") and array.dtype.kind == "f" and array.dtype.itemsize >= 8
        dtype = np.float64 if carried else np.float32
    return np.require(array, dtype=dtype, requirements=["C", "A"])


def as_rows(array: np.ndarray) -> np.ndarray:
    """Returns the matrix whose rows are the last axis of `array`."""
    return array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)


def squeeze_or_expand_to_same_rank(
    x1: np.ndarray, x2: np.ndarray, expand_rank_1: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Gives two arrays whose ranks differ by one the same rank, if the longer one ends in an axis of length 1.

    A vector gains that axis (unless `expand_rank_1` is off); in every other case the longer array loses it.
    """
    if x1.ndim == x2.ndim + 1 and x1.shape[-1] == 1:
        if x2.ndim == 1 and expand_rank_1:
            return x1, x2[:, None]
        return x1[..., 0], x2
    if x2.ndim == x1.ndim + 1 and x2.shape[-1] == 1:
        if x1.ndim == 1 and expand_rank_1:
            return x1[:, None], x2
        return x1, x2[..., 0]
    return x1, x2


def check_labels(labels: np.ndarray, classes: int, name: str = "y_true") -> None:
    """Raises `ValueError` unless every label is a class number, 0 ... classes - 1."""
    # NaN fails the comparison, so it is caught too.
    wrong = ~((labels >= 0) & (labels < classes) & (labels == np.floor(labels)))
    if wrong.any():
        raise ValueError(
            f"Argument `{name}` must hold class numbers, integers from 0 to {classes - 1}, where `y_pred` has "
            f"{classes} classes. Received: {labels[wrong].flat[0]}"
        )
