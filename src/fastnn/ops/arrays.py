"""Arrays as Keras's functions make and turn them: NumPy's on arrays, layers on symbolic tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.ops.arithmetic import absolute, concatenate, expand_dims, max, sqrt, square, sum
from fastnn.ops.comparisons import not_equal


def shape(x: Any) -> tuple[Any, ...]:
    """The shape; of a symbolic tensor with `None` for the batch's axis.

    >>> shape([[1.0, 2.0]])
    (1, 2)
    """
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype. A symbolic tensor stays in its model's, and `"bool"` makes 1 of all that is not 0.

    Raises:
        NotImplementedError: A symbolic tensor shall become integers.

    >>> print(cast([True, False], "float32"))
    [1. 0.]
    """
    wanted = np.dtype(dtype)
    if not hasattr(x, "__fastnn__"):
        return np.asarray(x).astype(wanted)
    if wanted.kind == "b":
        return not_equal(x, 0.0)
    if wanted.kind != "f":
        raise NotImplementedError(f"A symbolic tensor holds real numbers, or truths. Received: dtype={dtype!r}")
    return x


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """x as an array; a symbolic tensor is one.

    >>> convert_to_tensor([1.0, 2.0])
    array([1., 2.])
    """
    if dtype is not None:
        return cast(x, dtype)
    return x if hasattr(x, "__fastnn__") else np.asarray(x)


def convert_to_numpy(x: Any) -> np.ndarray:
    """x as an array of NumPy; a symbolic tensor has no elements.

    >>> convert_to_numpy([1.0, 2.0])
    array([1., 2.])
    """
    return np.asarray(x)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """0 in the shape of x.

    >>> print(zeros_like([1.0, 2.0]))
    [0. 0.]
    """
    return x.__fastnn__("zeros_like", x) if hasattr(x, "__fastnn__") else np.zeros_like(np.asarray(x), dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """1 in the shape of x.

    >>> print(ones_like([1.0, 2.0]))
    [1. 1.]
    """
    return x.__fastnn__("ones_like", x) if hasattr(x, "__fastnn__") else np.ones_like(np.asarray(x), dtype)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Arrays along a new axis; of symbolic tensors not the first, which is the batch's.

    >>> print(stack([[1.0, 2.0], [3.0, 4.0]], axis=1))
    [[1. 3.]
     [2. 4.]]
    """
    if any(hasattr(part, "__fastnn__") for part in x):
        return concatenate([expand_dims(part, axis) for part in x], axis)
    return np.stack([np.asarray(part) for part in x], axis)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The length of vectors along an axis; of a symbolic tensor by `ord` 2 (or `None`), 1 or infinity.

    Raises:
        NotImplementedError: `x` is a symbolic tensor, and `ord` or `axis` something else.

    >>> print(norm([[3.0, 4.0]], axis=-1))
    [5.]
    """
    if not hasattr(x, "__fastnn__"):
        return np.linalg.norm(np.asarray(x), ord, tuple(axis) if isinstance(axis, list) else axis, keepdims)
    if not isinstance(axis, int) or ord not in (None, "euclidean", 1, 2, np.inf):
        raise NotImplementedError(
            "Arguments `ord` and `axis` of a symbolic tensor's norm must be 1, 2 or infinity, and one axis. "
            f"Received: ord={ord!r}, axis={axis!r}"
        )
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    if ord == np.inf:
        return max(absolute(x), axis, keepdims)
    return sqrt(sum(square(x), axis, keepdims))
