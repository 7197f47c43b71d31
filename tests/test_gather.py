"""Reading data sets of every type and layout, converted as NumPy converts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from fastnn import _kernels
from kernel_arrays import REALS, edges

TYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
SOURCES = pytest.mark.parametrize("source", TYPES)


def values(source: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Numbers of a type, its extremes among them."""
    kind = np.dtype(source)
    if kind.kind == "b":
        return rng.integers(2, size=shape).astype(bool)
    if kind.kind == "f":
        a = rng.normal(scale=100, size=shape).astype(kind)
        extremes: list[Any] = [np.finfo(kind).max, np.finfo(kind).min, np.inf, -np.inf, np.nan, -0.0, 0]
    else:
        info = np.iinfo(kind)
        a = rng.integers(info.min, info.max, size=shape, dtype=kind, endpoint=True)
        extremes = [info.max, info.min, 0, info.max - 1, 1]
    a.flat[: len(extremes)] = extremes[: a.size]
    return a


def check(a: NDArray[Any], dtype: type, order: NDArray[np.int64] | None = None) -> None:
    rows = _kernels.read_rows(a, order, dtype)
    wanted = reference.convert(a if order is None else a[order], dtype)
    np.testing.assert_array_equal(rows, wanted.reshape(len(wanted), a[0].size), strict=True)


@REALS
@SOURCES
def test_contiguous(source: str, dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype)[1:]:
        check(values(source, (5, n), rng), dtype)
    check(values(source, (333,), rng), dtype)


@REALS
@SOURCES
def test_layouts(source: str, dtype: type, rng: np.random.Generator) -> None:
    a = values(source, (14, 27), rng)
    read_only = a.copy()
    read_only.flags.writeable = False
    for view in (np.asfortranarray(a), a[:, ::2], a[::3], a[:, ::-1], a[::-1], a[2:, 5:6], a.T, read_only):
        check(view, dtype)
    check(np.broadcast_to(a[0], (6, 27)), dtype)
    check(values(source, (4, 3, 5), rng).transpose(0, 2, 1), dtype)
    check(values(source, (4, 3, 5), rng)[:, ::-2, 1:4], dtype)


@REALS
@SOURCES
def test_unaligned(source: str, dtype: type, rng: np.random.Generator) -> None:
    a = values(source, (6, 11), rng)
    records = np.zeros(6, np.dtype([("pad", "u1"), ("x", source, 11)]))
    records["x"] = a
    assert records["x"].flags.aligned == (a.itemsize == 1)
    check(records["x"], dtype)
    memory = np.zeros(a.nbytes + 1, "u1")
    memory[1:] = a.reshape(-1).view("u1")
    check(memory[1:].view(source).reshape(a.shape), dtype)


@REALS
@SOURCES
def test_order(source: str, dtype: type, rng: np.random.Generator) -> None:
    a = values(source, (40, 9), rng)
    check(a, dtype, rng.permutation(40))
    check(a, dtype, np.array([3, 3, 39, 0]))
    check(np.asfortranarray(a), dtype, rng.permutation(40))
    check(a, dtype, np.array([], np.int64))


@REALS
def test_every_half(dtype: type) -> None:
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    check(halves.reshape(256, 256), dtype)
    check(halves[::-1], dtype)
    rows = _kernels.read_rows(halves, None, dtype)
    np.testing.assert_array_equal(np.signbit(rows[:, 0]), np.signbit(halves))


@REALS
@pytest.mark.parametrize("source", ["i4", "u4", "i8", "u8"])
def test_integers_round_to_the_nearest_even(source: str, dtype: type) -> None:
    info = np.iinfo(source)
    near = [2**24, 2**25, 2**31 - 1, 2**53, 2**54, 2**62, 2**63, 2**64 - 1]
    numbers = [p + d for p in near for d in range(-3, 4) if 0 <= p + d <= info.max]
    if info.min < 0:
        numbers += [-v for v in numbers]
    check(np.array(numbers, source), dtype)
