"""What every twin needs: long doubles, and the functions that several formulas share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Wide = NDArray[np.longdouble]


def wide(x: ArrayLike) -> Wide:
    """The same numbers as long doubles."""
    return np.asarray(x, np.longdouble)


def or_default(params: Sequence[Any], index: int, otherwise: float) -> Any:
    return params[index] if index < len(params) else otherwise


def sigmoid(x: ArrayLike) -> Wide:
    x = wide(x)
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def softplus(x: ArrayLike) -> Wide:
    x = wide(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_softmax(x: ArrayLike) -> Wide:
    """x - log Σ exp x, along the last axis."""
    x = wide(x)
    if x.shape[-1] == 0:
        return x
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(x: ArrayLike) -> Wide:
    return np.exp(log_softmax(x))
