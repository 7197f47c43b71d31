"""Constraints."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import constraints

W = np.array([[3.0, 0.3, 0.0], [4.0, -0.4, 0.0]], np.float32)  # columns of norms 5, 0.5, 0


def norms(w: np.ndarray, axis: object = 0) -> np.ndarray:
    return np.sqrt(np.square(w).sum(axis=axis))


def test_max_norm() -> None:
    w = constraints.MaxNorm(2)(W)
    np.testing.assert_allclose(norms(w), [2.0, 0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(w[:, 1], W[:, 1], rtol=1e-6)
    np.testing.assert_allclose(norms(constraints.MaxNorm(1.0, axis=[0, 1])(W), None), 1.0, rtol=1e-6)


def test_unit_norm() -> None:
    np.testing.assert_allclose(norms(constraints.UnitNorm()(W)), [1.0, 1.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(norms(constraints.UnitNorm(axis=1)(W), 1), [1.0, 1.0], rtol=1e-6)


def test_min_max_norm() -> None:
    np.testing.assert_allclose(norms(constraints.MinMaxNorm(1.0, 2.0)(W)), [2.0, 1.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(norms(constraints.MinMaxNorm(1.0, 2.0, rate=0.5)(W)), [3.5, 0.75, 0.0], rtol=1e-6)


def test_non_neg() -> None:
    np.testing.assert_array_equal(constraints.NonNeg()(W), np.maximum(W, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kind", [constraints.MaxNorm, constraints.MinMaxNorm, constraints.NonNeg, constraints.UnitNorm]
)
def test_dtype_and_argument_stay(kind: type, dtype: str) -> None:
    w = W.astype(dtype)
    before = w.copy()
    assert kind()(w).dtype == dtype
    np.testing.assert_array_equal(w, before)
    assert kind()(w).shape == w.shape


@pytest.mark.parametrize(
    "constraint",
    [
        constraints.Constraint(),
        constraints.MaxNorm(3, axis=1),
        constraints.MinMaxNorm(0.1, 0.2, 0.3, 1),
        constraints.NonNeg(),
        constraints.UnitNorm(axis=1),
    ],
)
def test_configuration(constraint: constraints.Constraint) -> None:
    again = constraints.deserialize(constraints.serialize(constraint))
    assert type(again) is type(constraint)
    assert again.get_config() == constraint.get_config()


@pytest.mark.parametrize("name", ["max_norm", "MaxNorm", "min_max_norm", "non_neg", "NonNeg", "unit_norm"])
def test_get(name: str) -> None:
    assert isinstance(constraints.get(name), constraints.Constraint)


def test_get_nothing_and_nonsense() -> None:
    assert constraints.get(None) is None
    assert constraints.get(abs) is abs
    with pytest.raises(ValueError, match=r"Unknown constraint name.*'max_norm'.*Received: 'maxnrm'"):
        constraints.get("maxnrm")
