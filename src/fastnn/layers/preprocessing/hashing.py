"""Categories into a given number of bins, by hashes."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn.layers.layer import Shape
from fastnn.layers.preprocessing.encoding import check_mode, encode, encoded_shape, refuse_sparse
from fastnn.layers.preprocessing.in_front import InFront
from fastnn.layers.preprocessing.tokens import as_tokens


def as_salt(salt: Any) -> tuple[int, int] | None:
    """Returns the two numbers of a salt, given as one or two; `None` for none."""
    if salt is None:
        return None
    numbers = (salt, salt) if isinstance(salt, (int, np.integer)) else tuple(salt) if np.iterable(salt) else ()
    if len(numbers) != 2 or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) for n in numbers):
        raise ValueError(f"Argument `salt` must be an integer, or two. Received: salt={salt!r}")
    return int(numbers[0]), int(numbers[1])


def hash_tokens(tokens: list[Any], salt: tuple[int, int] | None) -> np.ndarray:
    """The 64-bit hash of each token, a string or an integer; integers are hashed as their decimal digits."""
    return _kernels.hash_bytes([str(token).encode() for token in tokens], salt)


class Hashing(InFront):
    """Puts categories into bins by their hashes: no vocabulary, but different ones may meet in a bin.

    (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning".)

    The hash is FarmHash's Fingerprint64, or with a salt SipHash-2-4: the same bins as in Keras, on every machine.
    Integers are hashed as their decimal digits; floats are cut to integers first.

    Args:
        num_bins: Number of bins.
        mask_value: A category that gets bin 0 for itself; `None` for none.
        salt: An integer, or two, that makes another hash function.
        output_mode: `"int"`: bin numbers; `"one_hot"`, `"multi_hot"`, `"count"`: as in `CategoryEncoding`.
        sparse: Not supported: `False`.
        **kwargs: `name`, and `dtype`: that of the output; by default `"int64"` for bin numbers, else `"float32"`.

    Input shape: any. Output shape: that of the input, or as in `CategoryEncoding`.

    Example:

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"]])
    array([[1],
           [0],
           [1]])
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        output_mode = check_mode(output_mode)
        self.output_dtype, kwargs["dtype"] = output_dtypes(kwargs.pop("dtype", None), output_mode)
        super().__init__(**kwargs)
        refuse_sparse(sparse)
        self.num_bins = as_bins(num_bins)
        self.mask_value = mask_value
        self.salt = as_salt(salt)
        self.output_mode = output_mode

    def call(self, inputs: Any) -> np.ndarray:
        tokens, shape = as_tokens(inputs, "inputs")
        masks = self.mask_value is not None and self.num_bins > 1
        bins = (hash_tokens(tokens, self.salt) % np.uint64(self.num_bins - masks)).astype(np.int64)
        if masks:
            masked = np.fromiter((token == self.mask_value for token in tokens), bool, len(tokens))
            bins = np.where(masked, 0, bins + 1)
        return encode(bins.reshape(shape), self.output_mode, self.num_bins, self.output_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dtype": self.output_dtype.name,
            "num_bins": self.num_bins,
            "salt": None if self.salt is None else list(self.salt),
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
        }


def as_bins(num_bins: Any) -> int:
    """Returns the number of bins."""
    if isinstance(num_bins, bool) or not hasattr(num_bins, "__index__") or int(num_bins) < 1:
        raise ValueError(f"Argument `num_bins` must be a positive integer. Received: num_bins={num_bins!r}")
    return int(num_bins)


def output_dtypes(dtype: Any, output_mode: str) -> tuple[np.dtype, Any]:
    """Returns the dtype of the output, and what is left of it for `Layer`: `None` where it is no float."""
    if output_mode != "int":
        return np.dtype(dtype or np.float32), dtype
    if dtype is None:
        dtype = np.int64
    if np.dtype(dtype) not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise ValueError(
            f"Argument `dtype` must be 'int32' or 'int64' where output_mode is 'int'. Received: dtype={dtype!r}"
        )
    return np.dtype(dtype), None
