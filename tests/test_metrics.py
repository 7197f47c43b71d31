"""Metrics: what each row counts, and how rows fold into a state."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from fastnn import _kernels
from kernel_arrays import REALS, assert_close, edges

ACCURACIES = [
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "top_k_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
]
MEANS = [*ACCURACIES, *reference.LOSSES]
PARAMS = {"binary_accuracy": (0.25,), "huber": (0.75,)}

Real = NDArray[np.floating]


def inputs(name: str, m: int, n: int, dtype: type, rng: np.random.Generator) -> tuple[Real, Real]:
    """Predictions with ties among them, and targets that some of them hit."""
    halves = name == "gaussian_negative_log_likelihood"
    prediction = rng.integers(1, 8, size=(m, 2 * n if halves else n)) / 8
    classes = rng.integers(n, size=m)
    if "sparse" in name or "generalized" in name:
        target = classes[:, None]
    elif name == "shared_pinball":
        target = rng.integers(1, 8, size=(m, 1)) / 8
    elif name == "mean_absolute_percentage_error":
        target = rng.integers(1, 8, size=(m, n)) / 8
    elif "categorical" in name:
        target = np.eye(n)[classes]
    elif name == "accuracy":
        target = rng.integers(1, 8, size=(m, n)) / 8
    else:
        target = rng.integers(2, size=(m, n))
    return prediction.astype(dtype), np.asarray(target, dtype)


def fold(name: str, prediction: Real, target: Real, weight: Real | None = None, params: tuple[float, ...] = ()) -> Real:
    state = np.zeros(2)
    _kernels.metric(name, state, prediction, target, weight, params)
    return state


def test_every_metric_is_tested() -> None:
    assert sorted(_kernels.metric_names()) == sorted([*MEANS, "auc"])


@REALS
@pytest.mark.parametrize("name", MEANS)
def test_means(name: str, dtype: type, rng: np.random.Generator) -> None:
    params = (2.0,) if "top_k" in name else PARAMS.get(name, ())
    for n in edges(dtype)[1:]:
        for m in (0, 1, 63, 64, 67):
            prediction, target = inputs(name, m, n, dtype, rng)
            for weight in (None, rng.integers(4, size=m).astype(dtype)):
                state = fold(name, prediction, target, weight, params)
                wanted = reference.metric(name, [0, 0], prediction, target, weight, params, dtype)
                assert state[1] == wanted[1]
                if name in reference.LOSSES:
                    assert_close(state[0], wanted[0], dtype, 16 + n, 1 + 4 * m)
                elif "categorical" in name:
                    assert state[0] == wanted[0]
                else:
                    assert_close(state[0], wanted[0], dtype, m)  # each row rounds its mean


@REALS
@pytest.mark.parametrize("name", MEANS)
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_do_not_matter(name: str, weighted: bool, dtype: type, rng: np.random.Generator) -> None:
    for n in (1, 3, 40):
        prediction, target = inputs(name, 150, n, dtype, rng)
        weight = rng.uniform(0, 2, 150).astype(dtype) if weighted else None
        whole, parts = fold(name, prediction, target, weight), np.zeros(2)
        for start, stop in [(0, 1), (1, 70), (70, 70), (70, 150)]:
            here = slice(start, stop)
            _kernels.metric(name, parts, prediction[here], target[here], weight[here] if weighted else None)
        np.testing.assert_array_equal(parts, whole)


@REALS
def test_the_first_of_equals_is_the_largest(dtype: type) -> None:
    for n in edges(dtype)[2:]:
        for hot in range(n):
            prediction = np.zeros((1, n), dtype)
            prediction[0, hot:] = 1
            for guess in {hot, max(hot - 1, 0), n - 1}:
                hits = fold("sparse_categorical_accuracy", prediction, np.array([[guess]], dtype))[0]
                assert hits == (guess == hot)


@REALS
def test_nan_is_never_the_largest(dtype: type) -> None:
    for n in (2, 40):
        prediction = np.zeros((1, n), dtype)
        prediction[0, 0], prediction[0, 1] = np.nan, -1
        best = 1 if n == 2 else 2
        assert fold("sparse_categorical_accuracy", prediction, np.array([[best]], dtype))[0] == 1
        prediction[...] = np.nan
        assert fold("sparse_categorical_accuracy", prediction, np.array([[1]], dtype))[0] == 0
        assert fold("sparse_top_k_categorical_accuracy", prediction, np.array([[1]], dtype))[0] == 0
        prediction[...] = -np.inf
        assert fold("sparse_categorical_accuracy", prediction, np.array([[0]], dtype))[0] == 1


@REALS
def test_a_number_that_names_no_class_is_a_miss(dtype: type) -> None:
    prediction = np.ones((3, 4), dtype)
    target = np.array([[-1], [4], [np.nan]], dtype)
    for name in ("sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"):
        np.testing.assert_array_equal(fold(name, prediction, target), [0, 3])


@REALS
def test_top_k_counts_what_is_larger(dtype: type) -> None:
    prediction = np.array([[0.1, 0.4, 0.2, 0.3]] * 4, dtype)
    target = np.arange(4, dtype=dtype)[:, None]
    for k, hits in [(1, 1), (2, 2), (3, 3), (4, 4), (9, 4)]:
        np.testing.assert_array_equal(
            fold("sparse_top_k_categorical_accuracy", prediction, target, None, (k,)), [hits, 4]
        )
        dense = np.eye(4, dtype=dtype)
        np.testing.assert_array_equal(fold("top_k_categorical_accuracy", prediction, dense, None, (k,)), [hits, 4])


@REALS
def test_binary_accuracy_is_strict_at_the_threshold(dtype: type) -> None:
    prediction = np.array([[0.5], [0.75], [0.25]], dtype)
    for target, hits in [([[0], [1], [0]], 3), ([[1], [1], [1]], 1)]:
        np.testing.assert_array_equal(fold("binary_accuracy", prediction, np.array(target, dtype)), [hits, 3])


@REALS
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("count", [2, 3, 200])
def test_auc_buckets(n: int, count: int, dtype: type, rng: np.random.Generator) -> None:
    prediction = rng.uniform(0, 1, (83, n)).astype(dtype)
    prediction[:6, 0] = 0, 1, 0.5, 1e-9, 1 - 1e-7, 0.25
    target = rng.integers(2, size=(83, n)).astype(dtype)
    weight = rng.integers(1, 4, size=83).astype(dtype)
    state, filled_up = np.zeros(2 * count), np.zeros(400)
    _kernels.metric("auc", state, prediction, target, weight, (count,))
    np.testing.assert_array_equal(state, reference.auc_buckets(prediction, target, weight, count))
    assert state.sum() == n * weight.sum()
    _kernels.metric("auc", filled_up, prediction, target)
    assert filled_up.sum() == 83 * n

    # the counts above each threshold, from their definition
    thresholds = reference.auc_thresholds(count)
    positives = np.cumsum(state[:count][::-1])[::-1]
    for b in range(count):
        above = prediction.astype(np.float64) > thresholds[b]
        assert positives[b] == (weight[:, None] * above * (target != 0)).sum()


@REALS
def test_auc_takes_what_is_no_probability(dtype: type) -> None:
    state = np.zeros(6)
    prediction = np.array([[-3], [7], [np.nan], [np.inf], [-np.inf]], dtype)
    _kernels.metric("auc", state, prediction, np.ones((5, 1), dtype), None, (3,))
    np.testing.assert_array_equal(state, [3, 2, 0, 0, 0, 0])
