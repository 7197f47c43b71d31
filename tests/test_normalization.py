"""Statistics of columns and the backward pass of batch normalization."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from fastnn import _kernels
from kernel_arrays import REALS, Guarded, assert_close, edges


@REALS
def test_moments(dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype)[1:]:
        for m in (1, 2, 23, 130):
            x = Guarded(rng.normal(size=(m, n)), dtype)
            for got, wanted in zip(_kernels.moments(x.array), reference.moments(x.array), strict=True):
                assert_close(got, wanted, dtype, 8, 1)


@REALS
def test_moments_of_whole_numbers_are_exact(dtype: type, rng: np.random.Generator) -> None:
    half = rng.integers(-20, 20, size=(32, 21))
    x = np.concatenate([half, 6 - half]).astype(dtype)  # 64 rows around 3
    mean, variance = _kernels.moments(x)
    np.testing.assert_array_equal(mean, 3)
    np.testing.assert_array_equal(variance, ((x - 3) ** 2).sum(axis=0) / 64)


@REALS
def test_columns_far_from_zero_keep_their_variance(dtype: type, rng: np.random.Generator) -> None:
    """Two passes and a correction: sums of squares alone would lose everything here."""
    far = 1 / np.finfo(dtype).eps ** 0.75
    x = (far + rng.normal(size=(1000, 5))).astype(dtype)
    mean, variance = _kernels.moments(x)
    wanted_mean, wanted_variance = reference.moments(x)
    assert_close(mean, wanted_mean, dtype, 1)
    np.testing.assert_allclose(variance, wanted_variance.astype(dtype), rtol=1e-5)


@REALS
def test_a_constant_column_has_no_variance(dtype: type) -> None:
    x = np.full((7, 19), 0.1, dtype)
    mean, variance = _kernels.moments(x)
    assert_close(mean, x[0], dtype, 1)
    assert (variance >= 0).all()
    assert (variance <= np.finfo(dtype).eps ** 2).all()


@REALS
def test_nan_stays_in_its_column(dtype: type, rng: np.random.Generator) -> None:
    x = rng.normal(size=(9, 40)).astype(dtype)
    x[4, 7] = np.nan
    for result in _kernels.moments(x):
        np.testing.assert_array_equal(np.isnan(result), np.arange(40) == 7)


@REALS
def test_a_column_does_not_depend_on_its_neighbours(dtype: type, rng: np.random.Generator) -> None:
    x, dy = rng.normal(size=(2, 50, 75)).astype(dtype)
    mean, variance = _kernels.moments(x)
    inv_std = 1 / np.sqrt(variance + dtype(1e-3))
    whole = _kernels.normalization_backward(x, dy, mean, inv_std)
    for j in (0, 8, 63, 64, 74):
        column = [np.ascontiguousarray(a[..., j : j + 1]) for a in (x, dy, mean, inv_std)]
        assert _kernels.moments(column[0])[1][0] == variance[j]
        for one, other in zip(_kernels.normalization_backward(*column), whole, strict=True):
            np.testing.assert_array_equal(one[..., 0], other[..., j])


@REALS
@pytest.mark.parametrize("scaled", [False, True])
def test_backward(scaled: bool, dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype)[1:]:
        m = 29
        x, dy = rng.normal(size=(2, m, n)).astype(dtype)
        mean, variance = _kernels.moments(x)
        inv_std = (1 / np.sqrt(variance + 1e-3)).astype(dtype)
        gamma = rng.uniform(0.5, 2, n).astype(dtype) if scaled else None
        dx, sum_dy, sum_dy_xhat = _kernels.normalization_backward(x, dy, mean, inv_std, gamma)
        for got, wanted in zip((sum_dy, sum_dy_xhat), reference.normalization_sums(x, dy, mean, inv_std), strict=True):
            assert_close(got, wanted, dtype, m, 4)
        assert_close(dx, reference.normalization_backward(x, dy, mean, inv_std, gamma), dtype, 64, 1)


def test_backward_is_the_slope_of_the_forward_pass(rng: np.random.Generator) -> None:
    m, n, epsilon = 6, 3, 1e-3
    x, dy = rng.normal(size=(2, m, n))
    gamma, beta = rng.uniform(0.5, 2, (2, n))

    def forward(x: np.ndarray) -> float:
        mean, variance = _kernels.moments(x)
        inv_std = 1 / np.sqrt(variance + epsilon)
        return float((_kernels.affine(x, gamma * inv_std, beta - gamma * inv_std * mean) * dy).sum())

    mean, variance = _kernels.moments(x)
    dx, _, _ = _kernels.normalization_backward(x, dy, mean, 1 / np.sqrt(variance + epsilon), gamma)
    step = 1e-6
    for i in range(m):
        for j in range(n):
            ahead, behind = x.copy(), x.copy()
            ahead[i, j] += step
            behind[i, j] -= step
            np.testing.assert_allclose(dx[i, j], (forward(ahead) - forward(behind)) / (2 * step), rtol=1e-6, atol=1e-8)


@REALS
def test_affine(dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype):
        for m in (0, 1, 5):
            x = rng.normal(size=(m, n)).astype(dtype)
            a, b = rng.normal(size=(2, n)).astype(dtype)
            for scale, shift in [(a, b), (a, None), (None, b), (None, None)]:
                y = Guarded(np.zeros((m, n)), dtype)
                _kernels.affine(x, scale, shift, out=y.array)
                assert_close(y.array, reference.affine(x, scale, shift), dtype, 2, 4)
                y.check()
            same = Guarded(x, dtype)
            _kernels.affine(same.array, a, b, out=same.array)
            np.testing.assert_array_equal(same.array, _kernels.affine(x, a, b))
