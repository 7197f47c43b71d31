"""Philox, the masks of dropout and the orders of samples: bit for bit, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from fastnn import _kernels
from kernel_arrays import REALS, Guarded, edges

ONES = 0xFFFFFFFF

# The vectors published with Random123: key, counter, block.
KNOWN = [
    ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES), (ONES, ONES, ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0xA4093822, 0x299F31D0),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize("key, counter, block", KNOWN)
def test_the_twin_gives_the_published_blocks(
    key: tuple[int, int], counter: tuple[int, int, int, int], block: tuple[int, int, int, int]
) -> None:
    assert reference.philox_block(key, counter) == block


def kept(first: int, key: int, counter: int, rate: float, dtype: type) -> bool:
    return bool(_kernels.dropout(np.ones(1, dtype), rate, key, counter, first)[0])


@REALS
def test_the_kernel_gives_the_published_block(dtype: type) -> None:
    """A word is known once it is kept at its own rate, and not at the next."""
    for i, word in enumerate(KNOWN[0][2]):
        assert kept(i, 0, 0, word / 2**32, dtype)
        assert not kept(i, 0, 0, (word + 1) / 2**32, dtype)


@REALS
@pytest.mark.parametrize("key", [0, 1, 0x0123456789ABCDEF, 2**64 - 1])
@pytest.mark.parametrize("counter", [0, 77, 2**32, 2**64 - 1])
@pytest.mark.parametrize("first", [0, 1, 2, 3, 61, 64, 4 * 2**32 - 90, 2**62])
def test_the_kernel_is_its_twin(key: int, counter: int, first: int, dtype: type, rng: np.random.Generator) -> None:
    x = rng.uniform(1, 2, 200).astype(dtype)
    y = _kernels.dropout(x, 0.25, key, counter, first)
    wanted = reference.dropout(x, 0.25, key, counter, first)
    np.testing.assert_array_equal(y != 0, wanted != 0)
    np.testing.assert_array_equal(y[y != 0], (x * dtype(1 / 0.75))[y != 0])


@REALS
def test_lengths_alignment_and_place(dtype: type, rng: np.random.Generator) -> None:
    x = rng.uniform(1, 2, 400).astype(dtype)
    whole = _kernels.dropout(x, 0.5, 5, 6)
    for n in [*edges(dtype), 63, 65, 127, 130]:
        for first in (0, 1, 2, 3, 17):
            here = slice(first, first + n)
            out = Guarded(np.zeros(n), dtype, offset=first)
            _kernels.dropout(x[here], 0.5, 5, 6, first, out=out.array)
            np.testing.assert_array_equal(out.array, whole[here])
            out.check()
            in_place = Guarded(x[here], dtype)
            _kernels.dropout(in_place.array, 0.5, 5, 6, first, out=in_place.array)
            np.testing.assert_array_equal(in_place.array, whole[here])


def test_both_dtypes_drop_the_same() -> None:
    x = np.ones(1000)
    one, other = _kernels.dropout(x, 0.3, 8, 9), _kernels.dropout(x.astype(np.float32), 0.3, 8, 9)
    np.testing.assert_array_equal(one != 0, other != 0)


@REALS
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1 - 2**-33])
def test_rates(rate: float, dtype: type) -> None:
    n = 100_000
    y = _kernels.dropout(np.ones(n, dtype), rate, 1, 2)
    share = (y != 0).mean()
    assert abs(share - (1 - rate)) <= 5 * np.sqrt(rate * (1 - rate) / n)
    np.testing.assert_array_equal(np.unique(y[y != 0]), [dtype(1 / (1 - rate))] if share else [])


@REALS
def test_streams_differ(dtype: type) -> None:
    x = np.ones(4000, dtype)
    masks = [_kernels.dropout(x, 0.5, key, counter) != 0 for key, counter in [(0, 0), (1, 0), (0, 1), (2**32, 0)]]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert abs((one == other).mean() - 0.5) < 0.05


@REALS
def test_what_is_dropped_is_zero_whatever_it_was(dtype: type) -> None:
    x = np.full(100, np.nan, dtype)
    y = _kernels.dropout(x, 0.5, 3, 4)
    np.testing.assert_array_equal(np.isnan(y), reference.philox_words(100, 0, 3, 4) >= 2**31)
    assert (y[~np.isnan(y)] == 0).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 255, 256, 257, 1000])
def test_a_permutation_is_its_twin(n: int) -> None:
    for key, counter in [(0, 0), (2**64 - 1, 3), (5, 2**40)]:
        np.testing.assert_array_equal(_kernels.permutation(n, key, counter), reference.permutation(n, key, counter))


def test_a_permutation_where_words_are_passed_over() -> None:
    """Some twenty words are, of 400,000: the last of a permutation tells whether the right ones were."""
    n, key, counter = 400_000, 1, 2
    order = _kernels.permutation(n, key, counter)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    words = iter(reference.philox_words(n + 100, 0, key, counter).tolist())
    passed = 0
    for places in range(1, n + 1):
        product = next(words) * places
        while product % 2**32 < 2**32 % places:
            product, passed = next(words) * places, passed + 1
    assert passed > 0
    assert order[product >> 32] == n - 1


def test_all_permutations_are_as_likely() -> None:
    counts: dict[tuple[int, ...], int] = {}
    for counter in range(24_000):
        order = tuple(_kernels.permutation(4, 9, counter).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    # Chi squared with 23 degrees of freedom is below 49.7 in 999 of 1000 cases.
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 49.7


@pytest.mark.parametrize("n", [-1, 2**32 + 1])
def test_no_permutation_of_so_many(n: int) -> None:
    with pytest.raises(ValueError, match="n must be"):
        _kernels.permutation(n, 0, 0)
