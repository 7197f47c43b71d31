"""L-BFGS, which drives the compiled loss and gradient itself."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fastnn import Sequential, constraints, layers, optimizers, random, regularizers

pytest.importorskip("scipy")


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-3), ("float64", 1e-6)])
def test_ridge_regression_is_solved(dtype: str, tolerance: float, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    dense = layers.Dense(2, use_bias=False, kernel_regularizer=regularizers.L2(0.1))
    model = Sequential([layers.Input((4,)), dense], dtype=dtype)
    model.compile(optimizers.LBFGS(tolerance=1e-9, loss_tolerance=1e-15), "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=7, verbose=0).history
    solved = np.linalg.solve(x.T @ x / y.size + 0.1 * np.eye(4), x.T @ y / y.size)
    np.testing.assert_allclose(dense.kernel.value, solved, atol=tolerance)
    loss, mae = model.evaluate(x, y, verbose=0)
    assert history["loss"] == [pytest.approx(loss, rel=1e-6)]
    assert history["mae"] == [pytest.approx(mae, rel=1e-6)]
    assert model.optimizer.iterations == 1


def test_a_network_learns_and_goes_on(rng: np.random.Generator) -> None:
    random.set_random_seed(1)
    x = rng.uniform(-1, 1, size=(100, 2))
    y = x[:, :1] * x[:, 1:]
    model = Sequential([layers.Input((2,)), layers.Dense(8, "tanh"), layers.Dropout(0.1), layers.Dense(1)])
    model.compile(optimizers.LBFGS(max_iterations=30), "mse")
    _, second = model.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert second < 0.5 * np.var(y)
    before = model.get_weights()
    assert np.isfinite(model.train_on_batch(x, y))
    assert any(not np.array_equal(w, v) for w, v in zip(before, model.get_weights(), strict=True))
    again = optimizers.deserialize(optimizers.serialize(model.optimizer))
    assert again.get_config() == model.optimizer.get_config()


def test_only_what_learns_moves(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 1))
    model = Sequential([layers.Input((3,)), layers.Dense(4, trainable=False), layers.Dense(1)])
    model.compile(optimizers.LBFGS(), "mse")
    frozen = model.layers[0].kernel.numpy()
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].kernel.value, frozen)


def test_what_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotImplementedError, match=r"use it in `fit`. Received: 1 gradients"):
        optimizers.LBFGS().apply_gradients([(np.ones(2), np.ones(2))])
    for argument in ("max_iterations", "tolerance", "loss_tolerance", "history"):
        with pytest.raises(ValueError, match=rf"`{argument}`.*Received: {argument}=0"):
            optimizers.LBFGS(**{argument: 0})
    x, y = np.ones((4, 2)), np.ones((4, 1))
    model = Sequential([layers.Input((2,)), layers.Dense(1, kernel_constraint=constraints.NonNeg())])
    model.compile(optimizers.LBFGS(), "mse")
    with pytest.raises(NotImplementedError, match=r"constraint of the variable.*Received"):
        model.fit(x, y, verbose=0)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("lbfgs", "mse")
    with pytest.raises(ImportError, match=r"fastnn-cpu\[scipy\]"):
        model.fit(x, y, verbose=0)
