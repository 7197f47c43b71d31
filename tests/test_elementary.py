"""exp, expm1, log, tanh, sigmoid, gelu and softplus against mpmath, in units in the last place, and where they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mpmath import mp
from numpy.typing import NDArray

from fastnn import _kernels

DTYPES = (np.float32, np.float64)
FLAT = ("sign", "positive", "not_negative", "is_zero")  # what they make of NaN: tests/test_ops_symbolic.py
Array = NDArray[Any]


@pytest.fixture(autouse=True)
def _digits() -> Any:
    with mp.workdps(60):
        yield


def arguments(dtype: type, limit: float, rng: np.random.Generator) -> Array:
    """Numbers of every magnitude up to `limit` and of both signs, dense around 1 and where exp and tanh change."""
    info = np.finfo(dtype)
    magnitudes = np.concatenate(
        [
            np.exp(rng.uniform(np.log(float(info.tiny)) + 1, np.log(limit), 300)),
            rng.uniform(0, 1, 300),
            rng.uniform(0, min(limit, 6), 300),
            rng.uniform(0, limit, 300),
            rng.uniform(0.99, 1.01, 100),
            rng.uniform(0.62, 0.63, 50),  # tanh goes from one formula to another
            (np.arange(40) + 0.5) * np.log(2) * (1 + rng.uniform(-1, 1, 40) * 4 * float(info.eps)),
        ]
    )
    magnitudes = magnitudes[magnitudes <= limit].astype(dtype)
    return np.concatenate([magnitudes, -magnitudes])


def errors(y: Array, wanted: list[Any]) -> Array:
    """|y - wanted| in units in the last place of `wanted`; 0 where that is no normal number and y is as small."""
    info = np.finfo(y.dtype)
    out = np.zeros(y.size)
    for i, (got, exact) in enumerate(zip(y.tolist(), wanted, strict=True)):
        if abs(exact) < float(info.tiny):
            assert abs(got) <= float(info.tiny), (got, exact)
            continue
        unit = mp.ldexp(1, int(mp.floor(mp.log(abs(exact), 2))) - info.nmant)
        out[i] = float(abs(mp.mpf(got) - exact) / unit)
    return out


def exact(f: Callable[[Any], Any], x: Array) -> list[Any]:
    return [f(mp.mpf(v)) for v in x.tolist()]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


# The kernel, the function, and how far it is followed in float32 and in float64: to the ends of its results.
ACTIVATIONS = [
    ("exponential", mp.exp, (88.7, 709.7)),
    ("tanh", mp.tanh, (3e38, 1e308)),
    ("sigmoid", sigmoid, (87.3, 708.3)),
    ("softplus", softplus, (87.3, 708.3)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "function", "limits"), ACTIVATIONS, ids=[a[0] for a in ACTIVATIONS])
def test_two_ulp(
    name: str, function: Callable[[Any], Any], limits: tuple[float, float], dtype: type, rng: np.random.Generator
) -> None:
    x = arguments(dtype, limits[dtype is np.float64], rng)
    off = errors(_kernels.activation(name, x), exact(function, x))
    worst = int(off.argmax())
    assert off[worst] <= 2, (x[worst], off[worst])


@pytest.mark.parametrize("dtype", DTYPES)
def test_expm1_two_ulp(dtype: type, rng: np.random.Generator) -> None:
    x = -np.abs(arguments(dtype, 1e30, rng))
    off = errors(_kernels.activation("elu", x, (1.0,)), exact(mp.expm1, x))
    assert off.max() <= 2, x[off.argmax()]


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_two_ulp(dtype: type, rng: np.random.Generator) -> None:
    # the sum of n equal rows is exactly n
    n = np.unique(np.concatenate([np.arange(1, 70), rng.integers(70, 20000, 100)]))
    y = np.array([_kernels.log_softmax(np.zeros((1, k), dtype))[0, 0] for k in n], dtype)
    off = errors(-y, exact(mp.log, n.astype(dtype)))
    assert off.max() <= 2, n[off.argmax()]

    # two probabilities whose sum is exactly 1
    p = np.concatenate([np.arange(1, 400), rng.integers(2, 2**21, 800)]) * 2.0**-21
    p = p[(p > 2e-7) & (p < 1)].astype(dtype)
    prediction = np.stack([p, 1 - p], axis=1)
    loss, _ = _kernels.loss("sparse_categorical_crossentropy", prediction, np.zeros((p.size, 1), dtype), None)
    off = errors(-np.asarray(loss, dtype), exact(mp.log, p))
    assert off.max() <= 2, p[off.argmax()]


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_is_odd_and_within_one(dtype: type, rng: np.random.Generator) -> None:
    x = np.abs(arguments(dtype, 30.0, rng))
    y = _kernels.activation("tanh", x)
    assert y.max() == 1
    np.testing.assert_array_equal(_kernels.activation("tanh", -x), -y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gelu_keeps_its_digits(dtype: type, rng: np.random.Generator) -> None:
    lowest = -12.8 if dtype is np.float32 else -37.4  # below, the part of the normal distribution is no normal number
    x = arguments(dtype, 40.0, rng)
    x = x[x > lowest]
    off = errors(_kernels.activation("gelu", x), exact(lambda v: v * mp.ncdf(v), x))
    # an error of a unit in x² / 2 is x² / 2 units of e^(-x² / 2), and above 0 that is a small part of the result
    bound = 5 + np.where(x < 0, x.astype(float) ** 2, 0)
    worst = int((off / bound).argmax())
    assert off[worst] <= bound[worst], (x[worst], off[worst])


@pytest.mark.parametrize("dtype", DTYPES)
def test_ends(dtype: type) -> None:
    inf, tiny, top = np.inf, float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    ends = {
        "exponential": [(inf, inf), (-inf, 0), (top, inf), (-top, 0), (0, 1), (tiny, 1)],
        "tanh": [(inf, 1), (-inf, -1), (top, 1), (-top, -1), (0, 0), (-0.0, -0.0), (tiny, tiny), (-tiny, -tiny)],
        "sigmoid": [(inf, 1), (-inf, 0), (top, 1), (-top, 0), (0, 0.5), (-tiny, 0.5)],
        "softplus": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (1000, 1000)],
        "elu": [(inf, inf), (-inf, -1), (-top, -1), (0, 0), (-0.0, -0.0), (-tiny, -tiny)],
        "gelu": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (0, 0)],
        "gelu_tanh": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (0, 0)],
        "silu": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (0, 0)],
        "mish": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (0, 0)],
        "softsign": [(inf, 1), (-inf, -1), (top, 1), (-top, -1), (0, 0), (-0.0, -0.0)],
        "hard_sigmoid": [(inf, 1), (-inf, 0), (top, 1), (-top, 0), (0, 0.5)],
        "hard_silu": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (0, 0)],
        "log_sigmoid": [(inf, 0), (-inf, -inf), (top, 0), (-top, -top), (-1000, -1000)],
        "squareplus": [(inf, inf), (-inf, 0), (top, top), (0, 1)],
        "sparse_plus": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (0, 0.25)],
        "celu": [(inf, inf), (-inf, -1), (-top, -1), (0, 0), (-0.0, -0.0), (-tiny, -tiny)],
        "tanh_shrink": [(inf, inf), (-inf, -inf), (top, top), (-top, -top), (0, 0)],
        "relu": [(inf, inf), (-inf, 0), (top, top), (-top, 0), (0, 0)],
    }
    for name, pairs in ends.items():
        x, wanted = (np.array(column, dtype) for column in zip(*pairs, strict=True))
        y = _kernels.activation(name, x)
        np.testing.assert_array_equal(y, wanted, err_msg=name)
        odd = np.array([v in (0.0, -0.0) for v in wanted]) & np.array([v == 0 and np.signbit(v) for v in x])
        np.testing.assert_array_equal(np.signbit(y[odd]), np.signbit(wanted[odd]), err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slopes_at_the_ends(dtype: type) -> None:
    for name in ("gelu", "gelu_tanh", "silu", "mish", "hard_silu", "sparse_plus"):
        assert _kernels.activation_needs_input(name)
        x = np.array([np.inf, np.finfo(dtype).max, 1e4, -1e4, np.finfo(dtype).min, -np.inf], dtype)
        dx = _kernels.activation_backward(name, x, np.full_like(x, 3))
        np.testing.assert_allclose(dx, [3, 3, 3, 0, 0, 0], rtol=4 * np.finfo(dtype).eps, atol=1e-30, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in _kernels.activation_names() if name not in FLAT])
def test_nan_goes_through(name: str, dtype: type) -> None:
    for n in (1, 5, 40):
        for at in {0, n // 2, n - 1}:
            x, dy = np.full(n, 0.25, dtype), np.ones(n, dtype)
            x[at] = np.nan
            y = _kernels.activation(name, x)
            assert np.isnan(y[at])
            assert np.isnan(y).sum() == 1
            dy[at] = np.nan
            dx = _kernels.activation_backward(name, np.full(n, 0.25, dtype), dy)
            assert np.isnan(dx[at])
            assert np.isnan(dx).sum() == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", _kernels.activation_names())
def test_any_length_and_place(name: str, dtype: type, rng: np.random.Generator) -> None:
    """The same bits whatever the length and the alignment, in place or not, and nothing written past the end."""
    x, dy = rng.normal(0, 3, 80).astype(dtype), rng.normal(0, 1, 80).astype(dtype)
    y, dx = _kernels.activation(name, x), _kernels.activation_backward(name, x, dy)
    for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 79):
        for start in (0, 1):
            span = slice(start, start + n)
            buffer = x.copy()
            _kernels.activation(name, buffer[span], out=buffer[span])
            np.testing.assert_array_equal(buffer[span], y[span])
            np.testing.assert_array_equal(np.delete(buffer, np.r_[span]), np.delete(x, np.r_[span]))
            buffer = dy.copy()
            _kernels.activation_backward(name, x[span], buffer[span], out=buffer[span])
            np.testing.assert_array_equal(buffer[span], dx[span])
            np.testing.assert_array_equal(np.delete(buffer, np.r_[span]), np.delete(dy, np.r_[span]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 33, 100])
def test_softmax(n: int, dtype: type, rng: np.random.Generator) -> None:
    eps = float(np.finfo(dtype).eps)
    x = (rng.normal(0, 1, (7, n)) * np.array([[0], [1], [5], [30], [1], [1], [1]])).astype(dtype)
    x[4] += 100  # without the maximum taken off, e^x of this row overflows in float32, and of the next is 0
    x[5] -= 300
    y, z = _kernels.softmax(x), _kernels.log_softmax(x)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=0, atol=(4 + n) * eps)
    for row, got, log_got in zip(x.tolist(), y.tolist(), z.tolist(), strict=True):
        top = max(row)
        total = mp.fsum(mp.exp(mp.mpf(v) - top) for v in row)
        for v, p, log_p in zip(row, got, log_got, strict=True):
            shifted = mp.mpf(v) - top
            # the rounding of x - max is an absolute error of the exponent
            bound = (4 + n + abs(shifted)) * eps
            assert abs(p - mp.exp(shifted) / total) <= bound * mp.exp(shifted) / total + np.finfo(dtype).tiny
            assert abs(log_p - (shifted - mp.log(total))) <= bound * (1 + abs(shifted - mp.log(total)))
    in_place = x.copy()
    _kernels.softmax(in_place, out=in_place)
    np.testing.assert_array_equal(in_place, y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 7, 40])
def test_softmax_ends(n: int, dtype: type) -> None:
    x = np.zeros((4, n), dtype)
    x[0, 1] = -np.inf  # impossible, the others share
    x[1, 0] = np.finfo(dtype).max  # certain
    x[2, -1] = np.nan
    x[3] = -1e30
    y, z = _kernels.softmax(x), _kernels.log_softmax(x)
    assert y[0, 1] == 0
    assert z[0, 1] == -np.inf
    np.testing.assert_allclose(np.delete(y[0], 1), 1 / (n - 1), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(y[1], np.eye(n)[0])
    assert np.isnan(y[2]).all()
    assert np.isnan(z[2]).all()
    np.testing.assert_allclose(y[3], 1 / n, rtol=4 * np.finfo(dtype).eps)
    assert np.isfinite(y[[0, 1, 3]]).all()
