"""Settings by Keras's names: the dtype of what names none."""

from __future__ import annotations

from typing import Any

from fastnn import _arrays
from fastnn._refused import refuser

__all__ = ["epsilon", "floatx", "set_epsilon", "set_floatx"]

__getattr__ = refuser("fastnn.config")

_EPSILON = 1e-7  # compiled into the kernels


def floatx() -> str:
    """Returns the dtype of layers and models that name none.

    >>> floatx()
    'float32'
    """
    return _arrays.floatx().name


def set_floatx(value: Any) -> None:
    """Sets the dtype of what names none and is made or built from now on; what has weights keeps theirs.

    Args:
        value: `"float32"` or `"float64"`.

    Raises:
        ValueError: `value` is another dtype.

    Example:

    >>> from fastnn import Sequential, layers
    >>> set_floatx("float64")
    >>> Sequential([layers.Input((2,)), layers.Dense(1)]).dtype.name
    'float64'
    >>> set_floatx("float32")
    """
    if value is None:
        raise ValueError(f"Argument `value` must be 'float32' or 'float64'. Received: value={value!r}")
    _arrays.set_floatx(_arrays.standardize_dtype(value))


def epsilon() -> float:
    """Returns the number that keeps losses and metrics from dividing by 0 and from the logarithm of 0.

    >>> epsilon()
    1e-07
    """
    return _EPSILON


def set_epsilon(value: float) -> None:
    """Takes no other number than `epsilon()`, which is compiled into the kernels.

    Args:
        value: 1e-7.

    Raises:
        NotImplementedError: `value` is another number. Layers and optimizers have an argument `epsilon` of their own.
    """
    if value != _EPSILON:
        raise NotImplementedError(
            "The epsilon of losses and metrics is 1e-7, in compiled code. Layers and optimizers take an `epsilon` of "
            f"their own. Received: value={value!r}"
        )
