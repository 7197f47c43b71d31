"""Regularizers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastnn import Sequential, layers, losses, optimizers, random, regularizers

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


@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_shared_out_over_the_samples(weighted: bool) -> None:
    x = np.zeros((5, 2), np.float32)  # whose loss has no gradient
    weights = np.array([1.0, 2.0, 1.0, 3.0, 1.0]) if weighted else np.ones(5)
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    penalty = regularizers.L2PerSample(0.5)
    model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="ones", kernel_regularizer=penalty)])
    model.compile(optimizers.SGD(0.25), loss)
    history = model.fit(x, x[:, :1], batch_size=4, shuffle=False, sample_weight=weights, verbose=0).history
    first = 1 - 0.25 / weights[:4].sum()  # 4 samples, then one
    np.testing.assert_allclose(model.get_weights()[0], np.full((2, 1), first - 0.25 * first), rtol=1e-6)
    expected = (4 / weights[:4].sum() * 1 + 1 * first**2) / 5
    assert history["loss"] == pytest.approx([expected])
    assert model.evaluate(x, x[:, :1], verbose=0) == pytest.approx((0.75 * first) ** 2 / 5)
    assert penalty([[1.0, 1.0]]) == 1.0


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


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal(mode: str, rng: np.random.Generator) -> None:
    regularizer = regularizers.OrthogonalRegularizer(0.5, mode)
    w = rng.normal(size=(4, 3))
    rows = w if mode == "rows" else w.T
    cosines = [abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b) for i, a in enumerate(rows) for b in rows[:i]]
    np.testing.assert_allclose(regularizer(w), 0.5 * np.mean(cosines), rtol=1e-12)
    slopes = np.zeros_like(w)
    for at in np.ndindex(*w.shape):
        step = np.zeros_like(w)
        step[at] = 1e-6
        slopes[at] = (regularizer(w + step) - regularizer(w - step)) / 2e-6
    np.testing.assert_allclose(regularizer.gradient(w), slopes, rtol=1e-6, atol=1e-9)
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert again.get_config() == regularizer.get_config() == {"factor": 0.5, "mode": mode}


def test_wrong_arguments_of_orthogonal() -> None:
    with pytest.raises(ValueError, match=r"`mode` must be.*Received: mode='both'"):
        regularizers.OrthogonalRegularizer(mode="both")
    with pytest.raises(ValueError, match=r"`factor`.*Received: factor=-1"):
        regularizers.OrthogonalRegularizer(-1)
    with pytest.raises(ValueError, match=r"matrices. Received.*\(2,\)"):
        regularizers.OrthogonalRegularizer()([1.0, 2.0])
    assert regularizers.OrthogonalRegularizer()([[1.0, 2.0]]) == 0.0


class Squares(regularizers.Regularizer):
    """L2, as one writes it in Python."""

    def __call__(self, x: np.ndarray) -> float:
        return 0.1 * float(np.sum(x**2))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 0.2 * x


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 0.1}, {"gradient_accumulation_steps": 2}])
def test_a_regularizer_in_python_trains_as_its_twin_in_c(options: dict, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(40, 30)), rng.normal(size=(40, 2))
    results = []
    for regularizer in (Squares(), regularizers.L2(0.1)):
        random.set_random_seed(1)
        hidden = layers.Dense(700, "tanh", kernel_regularizer=regularizer, bias_regularizer=regularizer)
        model = Sequential([layers.Input((30,)), hidden, layers.Dense(2)], dtype="float64")
        model.compile(optimizers.Adam(0.01, **options), "mse")
        history = model.fit(x, y, batch_size=9, epochs=2, verbose=0, shuffle=False).history["loss"]
        results.append([*model.get_weights(), np.array(history), np.array(model.evaluate(x, y, verbose=0))])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_a_regularizer_in_python_moves_embeddings_that_no_sample_touches() -> None:
    results = []
    for regularizer in (Squares(), regularizers.L2(0.1)):
        random.set_random_seed(1)
        rows = layers.Embedding(6, 2, embeddings_regularizer=regularizer)
        model = Sequential([layers.Input((1,)), rows, layers.Flatten(), layers.Dense(1)], dtype="float64")
        model.compile(optimizers.SGD(0.1), "mse")
        model.fit(np.array([[0.0], [1.0]]), np.ones((2, 1)), epochs=2, verbose=0, shuffle=False)
        results.append(rows.get_weights()[0])
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_regularizers_that_cannot_be_trained_with() -> None:
    class NoGradient(regularizers.Regularizer):
        def __call__(self, x: np.ndarray) -> float:
            return 1.0

    with pytest.raises(NotImplementedError, match=r"`gradient\(w\)`.*Received"):
        Sequential([layers.Input((2,)), layers.Dense(1, kernel_regularizer=NoGradient())])
    with pytest.raises(NotImplementedError, match=r"outputs.*Received"):
        layers.Dense(1, activity_regularizer=Squares())

    class Flat(Squares):
        def gradient(self, x: np.ndarray) -> np.ndarray:
            return np.zeros(3)

    model = Sequential([layers.Input((2,)), layers.Dense(1, kernel_regularizer=Flat())])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"must have the shape of w, \(2, 1\). Received: \(3,\)"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
