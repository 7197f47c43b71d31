"""Functions that turn, repeat, pad and join, by Keras's names: NumPy's on arrays, layers on symbolic tensors.

Of symbolic tensors the first axis is the batch's, and stays as it is: a function that would flatten or turn it is
refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.ops.arithmetic import concatenate, multiply, subtract


def _moved(x: Any, move: Callable[[np.ndarray], np.ndarray], growth: float = 1) -> Any:
    return x.__fastnn__("moved", x, move, growth) if hasattr(x, "__fastnn__") else move(np.asarray(x))


def tile(x: Any, repeats: Any) -> Any:
    """x beside itself, so many times along each axis.

    >>> tile([[1, 2]], (1, 2))
    array([[1, 2, 1, 2]])
    """
    return _moved(x, lambda array: np.tile(array, repeats), math.prod(np.ravel(repeats).tolist()))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element so many times; without an axis, of x as a vector.

    >>> repeat([[1, 2]], 2, axis=1)
    array([[1, 1, 2, 2]])
    """
    return _moved(x, lambda array: np.repeat(array, repeats, axis), int(np.max(repeats)))


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Elements moved on along an axis, those that leave at its end to its beginning.

    >>> roll([[1, 2, 3]], 1, axis=1)
    array([[3, 1, 2]])
    """
    return _moved(x, lambda array: np.roll(array, shift, axis))


def flip(x: Any, axis: Any = None) -> Any:
    """The other way round along axes.

    >>> flip([[1, 2, 3]], axis=1)
    array([[3, 2, 1]])
    """
    return _moved(x, lambda array: np.flip(array, tuple(axis) if isinstance(axis, list) else axis))


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other places; the others keep their order.

    >>> moveaxis(np.zeros((2, 3, 4)), 1, -1).shape
    (2, 4, 3)
    """
    return _moved(x, lambda array: np.moveaxis(array, source, destination))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes, each in the other's place.

    >>> swapaxes(np.zeros((2, 3, 4)), 1, 2).shape
    (2, 4, 3)
    """
    return _moved(x, lambda array: np.swapaxes(array, axis1, axis2))


def broadcast_to(x: Any, shape: Sequence[Any]) -> Any:
    """x in this shape, axes of length one repeated; of a symbolic tensor the first length is the batch's.

    >>> broadcast_to([[1], [2]], (2, 3))
    array([[1, 1, 1],
           [2, 2, 2]])
    """
    if hasattr(x, "__fastnn__"):
        return x.__fastnn__("broadcast", x, shape)
    return np.broadcast_to(np.asarray(x), tuple(shape))


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements by their places along an axis; without one, of x as a vector.

    Of a symbolic tensor the indices are an array. Rows of a `Variable`, `axis=0`, may be numbered by a symbolic tensor.

    >>> take([[1, 2, 3]], [2, 0], axis=1)
    array([[3, 1]])
    """
    for tensor in (x, indices):
        if hasattr(tensor, "__fastnn__"):
            return tensor.__fastnn__("taken", x, indices, axis)
    return np.take(np.asarray(x), np.asarray(indices), axis)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """x with more elements around: a constant, or what `numpy.pad` makes by other modes.

    >>> pad([[1, 2]], ((0, 0), (1, 1)))
    array([[0, 1, 2, 0]])
    """
    if hasattr(x, "__fastnn__"):
        return x.__fastnn__("padded", x, pad_width, mode, constant_values)
    constants = {} if constant_values is None else {"constant_values": constant_values}
    return np.pad(np.asarray(x), pad_width, mode, **constants)  # type: ignore[call-overload]


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Each element's distance from the one before, along an axis, n times.

    >>> diff([[1, 4, 6]])
    array([[3, 2]])
    """
    if not hasattr(a, "__fastnn__"):
        return np.diff(np.asarray(a), n, axis)
    before = (slice(None),) * (axis + a.ndim if axis < 0 else axis)
    for _ in range(n):
        a = subtract(a[(*before, slice(1, None))], a[(*before, slice(None, -1))])
    return a


def hstack(xs: Sequence[Any]) -> Any:
    """Several side by side: along the second axis, or that of vectors.

    >>> hstack([[[1], [2]], [[3], [4]]])
    array([[1, 3],
           [2, 4]])
    """
    if any(hasattr(x, "__fastnn__") for x in xs):
        return concatenate(xs, axis=1)
    return np.hstack([np.asarray(x) for x in xs])


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """x2 behind x1; without an axis, both as vectors.

    >>> append([[1, 2]], [[3]], axis=1)
    array([[1, 2, 3]])
    """
    if any(hasattr(x, "__fastnn__") for x in (x1, x2)):
        if axis is None:
            raise ValueError("Argument `axis` must name an axis of a sample, not the batch's. Received: axis=None")
        return concatenate([x1, x2], axis)
    return np.append(np.asarray(x1), np.asarray(x2), axis)


def tril(x: Any, k: int = 0) -> Any:
    """Matrices, with zeros above the diagonal, or above the k-th one over it.

    >>> tril([[1, 2], [3, 4]])
    array([[1, 0],
           [3, 4]])
    """
    if hasattr(x, "__fastnn__"):
        return multiply(x, np.tril(np.ones(x.shape[1:]), k))
    return np.tril(np.asarray(x), k)


def triu(x: Any, k: int = 0) -> Any:
    """Matrices, with zeros below the diagonal, or below the k-th one over it.

    >>> triu([[1, 2], [3, 4]])
    array([[1, 2],
           [0, 4]])
    """
    if hasattr(x, "__fastnn__"):
        return multiply(x, np.triu(np.ones(x.shape[1:]), k))
    return np.triu(np.asarray(x), k)
