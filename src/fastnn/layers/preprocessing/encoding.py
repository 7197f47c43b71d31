"""From index numbers to rows of zeros and ones, and to counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.program import Builder
from fastnn.records import Value

MODES = ("int", "one_hot", "multi_hot", "count")


def check_mode(output_mode: Any, modes: tuple[str, ...] = MODES) -> str:
    """Returns the output mode, if it is one of `modes`; Keras's old names of two of them count too."""
    renamed = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
    if renamed not in modes:
        raise ValueError(f"Argument `output_mode` must be one of {modes}. Received: output_mode={output_mode!r}")
    return renamed


def refuse_sparse(sparse: Any) -> None:
    """Raises `ValueError` where a sparse output is asked for."""
    if sparse:
        raise ValueError(
            "Argument `sparse` must be False: outputs are NumPy arrays. For many tokens, use output_mode='int' and an "
            f"Embedding. Received: sparse={sparse!r}"
        )


def as_array(x: Any, name: str) -> np.ndarray:
    """Returns `x` as an array; raises `ValueError` for ragged lists."""
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ValueError(f"Argument `{name}` cannot be made an array: {error}. Received: {type(x).__name__}") from None


def as_whole(x: Any, name: str = "inputs") -> np.ndarray:
    """Returns an array of int64; floats lose what follows their point, as in Keras.

    Raises:
        TypeError: `x` does not hold real numbers.
    """
    array = as_array(x, name)
    if array.dtype.kind not in "buif":
        raise TypeError(f"Argument `{name}` must hold integers. Received: an array of dtype {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"Argument `{name}` must hold integers. Received: NaN or infinity among them")
    return array.astype(np.int64)


def encoded_shape(shape: tuple[int, ...], output_mode: str, depth: int) -> tuple[int, ...]:
    """The shape of what `encode` returns for index numbers of this shape."""
    if output_mode == "int":
        return shape
    if output_mode == "one_hot" and not (len(shape) > 1 and shape[-1] == 1):
        return (*(shape or (1,)), depth)
    return (*shape[:-1], depth)


def encode(
    indices: np.ndarray, output_mode: str, depth: int, dtype: Any, weights: np.ndarray | None = None
) -> np.ndarray:
    """Encodes index numbers. Those outside of [0, depth) leave no mark.

    Args:
        indices: Array of integers.
        output_mode: `"int"`: as they are; `"one_hot"`: a row for each of them (a last axis of length 1 is dropped);
            `"multi_hot"`: a row for each sample, 1 for every number on its last axis; `"count"`: how often each occurs.
        depth: Length of a row.
        dtype: The dtype of the result.
        weights: What each number counts for in `"count"`, an array of their shape; by default 1.

    Example:

    >>> encode(np.array([[0, 2], [1, 1]]), "count", 3, np.float32)
    array([[1., 0., 1.],
           [0., 2., 0.]], dtype=float32)
    """
    if output_mode == "int":
        return indices.astype(dtype)
    shape = encoded_shape(indices.shape, output_mode, depth)
    samples = math.prod(shape[:-1])
    per_sample = 1 if output_mode == "one_hot" else math.prod(indices.shape[-1:])
    numbers = indices.reshape(samples, per_sample)
    known = (numbers >= 0) & (numbers < depth)
    places = np.nonzero(known)[0] * depth + numbers[known]
    if output_mode == "count":
        weights = None if weights is None else weights.reshape(samples, per_sample)[known]
        rows = np.bincount(places, weights, minlength=samples * depth).astype(dtype)
    else:
        rows = np.zeros(samples * depth, dtype)
        rows[places] = 1
    return rows.reshape(shape)


def emit_encoding(builder: Builder, x: Value, output_mode: str, depth: int) -> Value:
    """Emits the step that encodes the index numbers in `x`, as `encode` does."""
    if output_mode == "int":
        return x
    if not x.shape and output_mode != "one_hot":
        raise ValueError(
            f"A layer with output_mode={output_mode!r} takes samples of several numbers, (batch, numbers). "
            "Received: samples of one"
        )
    y = Value(encoded_shape((1, *x.shape), output_mode, depth)[1:])
    builder.add(output_mode, [x], y)
    return y
