"""Pairs of categories into a given number of bins."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers.layer import Shape
from fastnn.layers.preprocessing.encoding import as_array, check_mode, encode, encoded_shape, refuse_sparse
from fastnn.layers.preprocessing.hashing import as_bins, hash_tokens, output_dtypes
from fastnn.layers.preprocessing.in_front import InFront
from fastnn.layers.preprocessing.tokens import as_tokens

START = np.uint64(0xDECAFCAFFE)  # TensorFlow's default key of crossed columns
MULTIPLIER = np.uint64(0xC6A4A7935BD1E995)  # of its fingerprint of two fingerprints


def _fold(x: np.ndarray) -> np.ndarray:
    return x ^ (x >> np.uint64(47))


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One fingerprint of two."""
    crossed = (first ^ MULTIPLIER ^ (_fold(second * MULTIPLIER) * MULTIPLIER)) * MULTIPLIER
    return _fold(_fold(crossed) * MULTIPLIER)


class HashedCrossing(InFront):
    """Puts combinations of categories into bins by their hashes: the same bins as in Keras.

    Args:
        num_bins: Number of bins.
        output_mode: `"int"`: bin numbers; `"one_hot"`: rows of zeros with a one.
        sparse: Not supported: `False`.
        name: Its name.
        dtype: That of the output; by default `"int64"` for bin numbers, else `"float32"`.
        **kwargs: Arguments of `Layer`.

    Input shape: two or more arrays of strings or integers, `(batch,)` or `(batch, 1)` each, in a list or tuple.

    Output shape: that of one input, or with `"one_hot"` `(batch, num_bins)`.

    Example:

    >>> HashedCrossing(num_bins=5)((["A", "B", "A"], [101, 101, 102]))
    array([1, 4, 3])
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        output_mode = check_mode(output_mode, ("int", "one_hot"))
        self.output_dtype, dtype = output_dtypes(dtype, output_mode)
        super().__init__(name=name, dtype=dtype, **kwargs)
        refuse_sparse(sparse)
        self.num_bins = as_bins(num_bins)
        self.output_mode = output_mode

    def call(self, inputs: Any) -> np.ndarray:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(f"Argument `inputs` must be a list of two or more arrays. Received: {inputs!r}")
        arrays = [as_array(x, "inputs") for x in inputs]
        shape = arrays[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1) or any(x.shape != shape for x in arrays):
            raise ValueError(
                "Argument `inputs` must hold arrays of one shape, (batch,) or (batch, 1). "
                f"Received: shapes {[x.shape for x in arrays]}"
            )
        crossed = np.full(arrays[0].size, START)
        for x in arrays:
            if x.dtype.kind in "bf":
                raise ValueError(
                    f"Argument `inputs` must hold strings or integers. Received: an array of dtype {x.dtype}"
                )
            tokens, _ = as_tokens(x, "inputs")
            # Integers stand for themselves here, strings for their fingerprints.
            prints = np.array(tokens, np.int64).view(np.uint64) if x.dtype.kind in "ui" else hash_tokens(tokens, None)
            crossed = _cross(crossed, prints)
        bins = (crossed % np.uint64(self.num_bins)).astype(np.int64).reshape(shape)
        return encode(bins, self.output_mode, self.num_bins, self.output_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dtype": self.output_dtype.name,
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
        }
