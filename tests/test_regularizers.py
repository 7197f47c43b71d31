"""Regularizers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastnn import regularizers

W = np.array([[1.0, -2.0], [0.0, 3.0]], np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "regularizer, penalty",
    [
        (regularizers.L1(0.5), 3.0),
        (regularizers.L2(0.5), 7.0),
        (regularizers.L1L2(0.5, 0.25), 6.5),
        (regularizers.L1L2(), 0.0),
        (regularizers.Regularizer(), 0.0),
    ],
)
def test_penalty(regularizer: regularizers.Regularizer, penalty: float, dtype: str) -> None:
    result = regularizer(W.astype(dtype))
    assert isinstance(result, float)
    assert result == penalty  # small numbers: exact
    assert regularizer(W.astype(dtype).T) == penalty
    assert regularizer(W.tolist()) == penalty


def test_defaults() -> None:
    assert (regularizers.L1().l1, regularizers.L1().l2) == (0.01, 0.0)
    assert (regularizers.L2().l1, regularizers.L2().l2) == (0.0, 0.01)
    assert (regularizers.L1L2().l1, regularizers.L1L2().l2) == (0.0, 0.0)
    assert regularizers.L1(None).l1 == 0.01
    assert regularizers.L1L2(None, 1).l2 == 1.0


@pytest.mark.parametrize("factor", [-1.0, math.inf, math.nan, "1", True])
@pytest.mark.parametrize("kind", [regularizers.L1, regularizers.L2, regularizers.L1L2])
def test_wrong_factors(kind: type, factor: object) -> None:
    with pytest.raises(ValueError, match=r"Argument `l[12]` must be a non-negative float. Received: l[12]="):
        kind(factor)


@pytest.mark.parametrize("kind", [regularizers.L1, regularizers.L2, regularizers.L1L2])
def test_configuration(kind: type) -> None:
    regularizer = kind(0.125)
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert type(again) is kind
    assert again.get_config() == regularizer.get_config()


@pytest.mark.parametrize(
    "identifier, kind",
    [("l1", regularizers.L1), ("L2", regularizers.L2), ("l1_l2", regularizers.L1L2), ("L1L2", regularizers.L1L2)]
    + [("l1l2", regularizers.L1L2), (regularizers.l2, regularizers.L2), (regularizers.l1_l2(0.1), regularizers.L1L2)],
)
def test_get(identifier: object, kind: type) -> None:
    assert type(regularizers.get(identifier)) is kind


def test_get_nothing_and_nonsense() -> None:
    assert regularizers.get(None) is None
    with pytest.raises(ValueError, match=r"Unknown regularizer name.*'l2'.*Received: 'l3'"):
        regularizers.get("l3")
    with pytest.raises(ValueError, match=r"regularizer.*Received: 0.1"):
        regularizers.get(0.1)
