"""Arrays that show when a kernel writes beyond its output, or minds where its input lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from fastnn import _kernels

REALS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
MARK = -7777.0
GUARD = 32


def edges(dtype: type) -> list[int]:
    """Lengths at which a loop over vectors changes its course, and some primes."""
    lanes = _kernels.lanes(dtype)
    return sorted({0, 1, 2, 3, 7, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 1, 37, 4 * lanes + 3})


class Guarded:
    """A copy of an array, a few elements off any vector's alignment, with marked memory on both sides."""

    def __init__(self, values: ArrayLike, dtype: type, offset: int = 1) -> None:
        values = np.asarray(values, dtype)
        self.buffer = np.full(values.size + 2 * GUARD + offset, MARK, dtype)
        self.inside = slice(GUARD + offset, GUARD + offset + values.size)
        self.array: NDArray[Any] = self.buffer[self.inside].reshape(values.shape)
        self.array[...] = values

    def check(self) -> None:
        """Fails if anything outside the array was written."""
        assert (self.buffer[: self.inside.start] == MARK).all()
        assert (self.buffer[self.inside.stop :] == MARK).all()


def assert_close(got: ArrayLike, wanted: ArrayLike, dtype: type, units: float, magnitude: ArrayLike = 0.0) -> None:
    """|got - wanted| <= units · epsilon · max(|wanted|, magnitude); NaNs and infinities in the same places."""
    got, wanted = np.asarray(got, np.longdouble), np.asarray(wanted, np.longdouble)
    assert got.shape == wanted.shape
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(got[~finite], wanted[~finite])
    allowed = units * np.finfo(dtype).eps * np.maximum(np.abs(wanted), magnitude)
    excess = np.where(finite, np.abs(got - np.where(finite, wanted, got)) - allowed, -1)
    worst = np.unravel_index(excess.argmax(), excess.shape) if excess.size else ()
    assert not (excess > 0).any(), f"at {worst}: {got[worst]}, expected {wanted[worst]} ± {allowed[worst]}"
