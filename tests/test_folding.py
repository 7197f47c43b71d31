"""Batch normalization as part of the dense step before it: the same predictions, whatever changes in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import layers
from fastnn.models import Model, Sequential
from fastnn.prediction import FEW_ROWS

MANY = 700  # rows
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


def _rectified(model: Any, x: NDArray) -> NDArray:
    y = _expected(model, x)
    return np.maximum(y, 0) if isinstance(model.layers[-1], layers.ReLU) else y


STACKS: dict[str, tuple[Any, list[str]]] = {
    "behind": (lambda: [layers.Dense(5), layers.BatchNormalization(), layers.ReLU()], ["normalized_dense"]),
    "behind, then a function": (
        lambda: [
            layers.Dense(5, use_bias=False), layers.BatchNormalization(), layers.Activation("gelu"), layers.Dense(3)
        ],
        ["normalized_dense", "dense"],
    ),
    "bare": (
        lambda: [layers.Dense(37, use_bias=False), layers.BatchNormalization(center=False, scale=False)],
        ["normalized_dense"],
    ),
    "between": (lambda: [layers.Dense(5), layers.BatchNormalization(), layers.Dense(4)], ["normalized_dense", "dense"]),
    "behind a function": (
        lambda: [layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(4)],
        ["dense", "moving_normalization", "dense"],
    ),
    "twice": (
        lambda: [layers.Dense(5), layers.BatchNormalization(), layers.BatchNormalization()],
        ["normalized_dense", "moving_normalization"],
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
    expected = _rectified(model, x.astype(np.float64))
    np.testing.assert_allclose(many, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    few = np.concatenate([model.predict(x[at : at + 50], verbose=0) for at in range(0, MANY, 50)])
    np.testing.assert_array_equal(many, few)


@pytest.mark.parametrize("name", ["behind", "between"])
def test_every_later_change_counts(name: str) -> None:
    model = _randomized(Sequential([layers.Input((INPUTS,)), *STACKS[name][0]()], dtype="float64"))
    x = np.random.default_rng(1).normal(size=(MANY, INPUTS))
    before = model.predict(x, verbose=0)
    for variable in model.weights:
        variable[...] = variable.value * 1.25 + 0.01
        after, few = model.predict(x, verbose=0), model.predict(x[:40], verbose=0)
        assert np.abs(after - before).max() > 1e-3, variable.path
        np.testing.assert_array_equal(after[:40], few)
        before = after
    model.compile("sgd", "mse")
    model.fit(x, np.zeros_like(before), epochs=2, verbose=0)  # moves weights and statistics
    after = model.predict(x, verbose=0)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, _rectified(model, x), rtol=1e-11, atol=1e-11)


def test_what_others_read_too_is_not_folded() -> None:
    x = layers.Input((INPUTS,))
    dense = layers.Dense(5)(x)
    normalized = layers.BatchNormalization()(dense)
    model = _randomized(Model(x, [layers.Add()([dense, normalized]), normalized]))
    assert "normalized_dense" not in _ops(model)


def test_bits_are_those_of_two_steps() -> None:
    """A model that shows the dense layer's output, too, cannot fold the normalization."""
    x = layers.Input((INPUTS,))
    dense = layers.Dense(37)(x)
    normalized = layers.BatchNormalization()(dense)
    folded, apart = Model(x, normalized), Model(x, [dense, normalized])
    _randomized(folded)
    data = np.random.default_rng(1).normal(size=(MANY, INPUTS)).astype(np.float32)
    assert _ops(folded) == ["normalized_dense"]
    assert _ops(apart) == ["dense", "moving_normalization"]
    np.testing.assert_array_equal(folded.predict(data, verbose=0), apart.predict(data, verbose=0)[1])


def test_frozen_layers_learn_and_differentiate_as_before() -> None:
    frozen = layers.BatchNormalization(trainable=False)
    model = _randomized(
        Sequential([layers.Input((INPUTS,)), layers.Dense(5), frozen, layers.Dense(1)], dtype="float64")
    )
    model.compile("sgd", "mse")
    x = np.random.default_rng(1).normal(size=(MANY, INPUTS))
    model.fit(x, x[:, :1], verbose=0)
    assert np.isfinite(model.predict(x, verbose=0)).all()
    first, last = model.layers[0].kernel.value, model.layers[-1].kernel.value
    scale = frozen.gamma.value / np.sqrt(frozen.moving_variance.value + frozen.epsilon)
    expected = np.broadcast_to((first * scale @ last)[:, 0], x.shape)
    np.testing.assert_allclose(model.input_gradient(x), expected, rtol=1e-12)
