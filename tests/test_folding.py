"""Batch normalization in the neighbouring dense layer's weights: the same predictions, whatever changes in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import layers
from fastnn.models import Model, Sequential
from fastnn.prediction import FEW_ROWS

MANY = 700  # rows, of which enough go to each input for folding to pay
INPUTS = 6


def _ops(model: Any, rows: int = MANY) -> list[str]:
    """The steps of the program that predicts so many rows."""
    model.predict(np.zeros((rows, INPUTS)), verbose=0)
    if rows <= FEW_ROWS:
        return []
    (compiled,) = [c for programs in model._predictor.programs.values() for c in programs]
    return [record.op for record in compiled.builder.records]


def _randomized(model: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(rng.uniform(0.3, 1.5, variable.shape) if variable.state else rng.normal(size=variable.shape))
    return model


def _normalized(x: NDArray, layer: Any) -> NDArray:
    y = (x - layer.moving_mean.value) / np.sqrt(layer.moving_variance.value + layer.epsilon)
    y = y * layer.gamma.value if layer.scale else y
    return y + layer.beta.value if layer.center else y


def _expected(model: Any, x: NDArray) -> NDArray:
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            x = _normalized(x, layer)
        elif isinstance(layer, layers.Dense):
            x = x @ layer.kernel.value + (layer.bias.value if layer.use_bias else 0)
        if getattr(layer, "activation", None) is not None:
            x = layer.activation(x)
    return x


STACKS: dict[str, tuple[Any, list[str]]] = {
    "behind": (lambda: [layers.Dense(5), layers.BatchNormalization(), layers.ReLU()], ["folded_dense"]),
    "behind, then a function": (
        lambda: [
            layers.Dense(5, use_bias=False), layers.BatchNormalization(), layers.Activation("gelu"), layers.Dense(3)
        ],
        ["folded_dense", "dense"],
    ),
    "before": (lambda: [layers.BatchNormalization(), layers.Dense(5, "tanh")], ["folded_dense"]),
    "bare": (
        lambda: [layers.BatchNormalization(center=False, scale=False), layers.Dense(5, use_bias=False)],
        ["folded_dense"],
    ),
    "between": (lambda: [layers.Dense(5), layers.BatchNormalization(), layers.Dense(4)], ["folded_dense", "dense"]),
    "both sides": (
        lambda: [layers.BatchNormalization(), layers.Dense(5), layers.BatchNormalization(), layers.Dense(4, "elu")],
        ["folded_dense", "folded_dense"],
    ),
    "behind a function": (
        lambda: [layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(4)],
        ["dense", "folded_dense"],
    ),
    "twice": (
        lambda: [layers.Dense(5), layers.BatchNormalization(), layers.BatchNormalization()],
        ["folded_dense", "moving_normalization"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STACKS)
def test_predictions_are_those_of_the_layers(name: str, dtype: str) -> None:
    made, ops = STACKS[name]
    model = _randomized(Sequential([layers.Input((INPUTS,)), *made()], dtype=dtype))
    x = np.random.default_rng(1).normal(size=(MANY, INPUTS)).astype(dtype)
    assert _ops(model) == ops
    many = model.predict(x, verbose=0)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    expected = _expected(model, x.astype(np.float64))
    if isinstance(model.layers[-1], layers.ReLU):
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(many, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    few = np.concatenate([model.predict(x[at : at + 50], verbose=0) for at in range(0, MANY, 50)])
    np.testing.assert_allclose(many, few, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", ["behind", "before"])
def test_every_later_change_counts(name: str) -> None:
    model = _randomized(Sequential([layers.Input((INPUTS,)), *STACKS[name][0]()], dtype="float64"))
    x = np.random.default_rng(1).normal(size=(MANY, INPUTS))
    before = model.predict(x, verbose=0)
    for variable in model.weights:
        variable[...] = variable.value * 1.25 + 0.01
        after, few = model.predict(x, verbose=0), model.predict(x[:40], verbose=0)
        assert np.abs(after - before).max() > 1e-3, variable.path
        np.testing.assert_allclose(after[:40], few, rtol=1e-12, atol=1e-12)
        before = after
    model.compile("sgd", "mse")
    model.fit(x, np.zeros_like(before), epochs=2, verbose=0)  # moves weights and statistics
    after = model.predict(x, verbose=0)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after[:40], model.predict(x[:40], verbose=0), rtol=1e-12, atol=1e-12)


def test_what_others_read_too_is_not_folded() -> None:
    x = layers.Input((INPUTS,))
    dense = layers.Dense(5)(x)
    normalized = layers.BatchNormalization()(dense)
    model = _randomized(Model(x, [layers.Add()([dense, normalized]), normalized]))
    assert "folded_dense" not in _ops(model)
    shared = layers.BatchNormalization()(x)
    model = _randomized(Model(x, [layers.Dense(2)(shared), layers.Dense(3)(shared)]))
    assert _ops(model).count("moving_normalization") == 1


def test_few_rows_and_training_are_not_folded() -> None:
    """For few rows, making the weights ready would cost more than it saves."""
    model = _randomized(Sequential([layers.Input((INPUTS,)), layers.Dense(5), layers.BatchNormalization()]))
    x = np.zeros((MANY, INPUTS))
    model.predict(x[:FEW_ROWS], verbose=0)
    assert model._few is not None
    wide = Sequential([layers.Input((200,)), layers.Dense(5), layers.BatchNormalization()])
    wide.predict(np.zeros((100, 200)), verbose=0)
    (compiled,) = [c for programs in wide._predictor.programs.values() for c in programs]
    assert [record.op for record in compiled.builder.records] == ["dense", "moving_normalization"]
    assert np.isfinite(model(x, training=True)).all()
