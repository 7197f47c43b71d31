"""Layers that draw: their masks and normal numbers against Philox itself, their statistics, and what shares a draw."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from fastnn import layers
from fastnn.layers import Layer

GOLDEN = 0x9E3779B97F4A7C15


def drawn(layer: Layer, x: NDArray) -> tuple[NDArray, int, int]:
    """What the layer makes of x in training, and key and counter of its draw."""
    np.random.seed(3)
    counter = int(np.random.randint(1 << 31))
    np.random.seed(3)
    return layer(x, training=True), layer._stream * GOLDEN % 2**64, counter


def words(count: int, key: int, counter: int) -> NDArray:
    return reference.philox_words(count, 0, key, counter).astype(np.float64) / 2**32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("noise_shape", "shape"),
    [
        (None, (7, 3, 50)),
        ((None, 1, None), (7, 3, 50)),
        ((None, None, 1), (7, 130, 3)),
        ((1, None, None), (7, 3, 50)),
        ((1, 1, None), (4, 3, 300)),
        ((None, 1, 1), (200, 3, 5)),
        ((None, 1, None, 1), (5, 2, 300, 3)),
        ((1, 1), (5, 4)),
    ],
)
def test_masks_are_their_words(noise_shape: Any, shape: tuple[int, ...], dtype: str) -> None:
    x = np.random.default_rng(0).uniform(1, 2, shape).astype(dtype)
    concrete = tuple(n or to for n, to in zip(noise_shape or shape, shape, strict=True))
    for layer in (layers.Dropout(0.3, noise_shape, seed=9), layers.AlphaDropout(0.3, noise_shape, seed=9)):
        layer._dtype = np.dtype(dtype)
        y, key, counter = drawn(layer, x)
        kept = np.broadcast_to(words(int(np.prod(concrete)), key, counter).reshape(concrete) >= 0.3, shape)
        if isinstance(layer, layers.AlphaDropout):
            lowest = -1.6732632423543772848 * 1.0507009873554804934
            a = ((1 - 0.3) * (1 + 0.3 * lowest**2)) ** -0.5
            expected = a * (np.where(kept, x, lowest) - lowest * 0.3)
        else:
            expected = np.where(kept, x / 0.7, 0)
        assert 0 < kept.mean() < 1 or kept.size < 30
        np.testing.assert_allclose(y, expected, rtol=8 * np.finfo(dtype).eps)


def normal(count: int, key: int, counter: int, bits: int) -> NDArray:
    """Box and Muller's numbers of the stream, in the widest precision there is."""
    raw = reference.philox_words(count + count % 2, 0, key, counter).astype(np.uint64) >> np.uint64(32 - bits)
    u, v = (raw[::2].astype(np.longdouble) + 1) / 2**bits, raw[1::2].astype(np.longdouble) / 2**bits
    pi = np.longdouble("3.14159265358979323846264338327950288")
    radius = np.sqrt(-2 * np.log(u))
    return np.stack([radius * np.cos(2 * pi * v), radius * np.sin(2 * pi * v)], axis=-1).reshape(-1)[:count]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (9, 257)])
def test_normal_numbers_are_those_of_their_words(shape: tuple[int, ...], dtype: str) -> None:
    x = np.random.default_rng(0).uniform(1, 2, shape).astype(dtype)
    tolerance = 16 * np.finfo(dtype).eps
    for layer in (layers.GaussianNoise(0.5, seed=4, dtype=dtype), layers.GaussianDropout(0.2, seed=4, dtype=dtype)):
        y, key, counter = drawn(layer, x)
        z = normal(x.size, key, counter, 24 if dtype == "float32" else 32).astype(float).reshape(shape)
        expected = x * (1 + 0.5 * z) if isinstance(layer, layers.GaussianDropout) else x + 0.5 * z
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=8 * tolerance)


BITS = {"float32": "9325042a2401da3e", "float64": "c59926fceb98a595"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_on_every_instruction_set(dtype: str) -> None:
    """The suite runs under each of them: the digest is one."""
    y, _, _ = drawn(layers.GaussianNoise(1.0, seed=4, dtype=dtype), np.zeros((50, 301), dtype))
    assert hashlib.sha256(y.tobytes()).hexdigest()[:16] == BITS[dtype]


def test_statistics() -> None:
    x = np.random.default_rng(1).normal(size=(400, 500))
    n = x.size
    z = layers.GaussianNoise(1.0, seed=1, dtype="float64")(np.zeros_like(x), training=True)
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - moment) < 5 * np.sqrt(spread / n)
    assert abs((z[:, ::2] * z[:, 1::2]).mean()) < 5 / np.sqrt(n / 2)
    y = layers.AlphaDropout(0.3, seed=1, dtype="float64")(x, training=True)
    assert abs(y.mean()) < 5 / np.sqrt(n)
    assert abs(y.var() - 1) < 0.02


def test_nothing_is_drawn_outside_training_or_at_rate_zero() -> None:
    x = np.random.default_rng(1).normal(size=(4, 5))
    for make in (layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise):
        np.testing.assert_array_equal(make(0.5)(x), x)
        np.testing.assert_array_equal(make(0.0)(x, training=True), x)
    np.testing.assert_array_equal(layers.Dropout(1.0)(x, training=True), np.zeros_like(x))


def test_two_layers_draw_two_streams() -> None:
    x = np.ones((3, 1000))
    one, other = (layers.Dropout(0.5, seed=seed)(x, training=True) for seed in (1, 2))
    assert 0.4 < (one == other).mean() < 0.6
