"""Gradients of whole models in float64 against central differences of their loss: every layer, activation and loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import layers, losses
from fastnn.layers import Layer
from fastnn.models import Sequential
from fastnn.optimizers import SGD
from fastnn.regularizers import L1L2

ROWS, INPUTS, UNITS = 6, 4, 3
STEP = 1e-5  # of differences: their error, about STEP² + 1e-16 / STEP, is far below TOLERANCE
TOLERANCE = 2e-8
ACTIVATIONS = [
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "hard_sigmoid", "tanh", "softplus",
    "softsign", "exponential", "mish", "relu6", "softmax",
]  # fmt: skip
LOSSES: dict[str, Callable[[], Any]] = {
    "mean_squared_error": losses.MeanSquaredError,
    "mean_absolute_error": losses.MeanAbsoluteError,
    "huber": lambda: losses.Huber(0.5),
    "binary_crossentropy": losses.BinaryCrossentropy,
    "binary_crossentropy_smoothed": lambda: losses.BinaryCrossentropy(label_smoothing=0.2),
    "binary_crossentropy_logits": lambda: losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
    "categorical_crossentropy": losses.CategoricalCrossentropy,
    "categorical_crossentropy_smoothed": lambda: losses.CategoricalCrossentropy(label_smoothing=0.2),
    "categorical_crossentropy_logits": lambda: losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
    "sparse_categorical_crossentropy": losses.SparseCategoricalCrossentropy,
    "sparse_categorical_crossentropy_logits": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
    "sum": lambda: losses.MeanSquaredError(reduction="sum"),
}
LAYERS: dict[str, Callable[[], list[Layer]]] = {
    "dense": lambda: [layers.Dense(5, "tanh")],
    "dense_without_bias": lambda: [layers.Dense(5, "tanh", use_bias=False)],
    "two_dense": lambda: [layers.Dense(5, "tanh"), layers.Dense(7, "sigmoid")],
    "wide_dense": lambda: [layers.Dense(37, "tanh"), layers.Dense(19, "softplus")],
    "activation": lambda: [layers.Dense(5), layers.Activation("gelu")],
    "softmax_inside": lambda: [layers.Dense(5, "softmax"), layers.Dense(5, "tanh")],
    "dropout": lambda: [layers.Dense(5, "tanh"), layers.Dropout(0.4, seed=1)],
    "dropout_first": lambda: [layers.Dropout(0.4, seed=1), layers.Dense(5, "tanh"), layers.Dropout(0.2, seed=2)],
    "batch_normalization": lambda: [layers.Dense(5), layers.BatchNormalization(), layers.Activation("tanh")],
    "batch_normalization_first": lambda: [layers.BatchNormalization(), layers.Dense(5, "tanh")],
    "batch_normalization_last": lambda: [layers.Dense(5, "tanh"), layers.BatchNormalization(epsilon=0.1)],
    "batch_normalization_bare": lambda: [layers.Dense(5), layers.BatchNormalization(center=False, scale=False)],
    "batch_normalization_frozen": lambda: [layers.Dense(5), layers.BatchNormalization(trainable=False)],
    "normalization": lambda: [
        layers.Dense(5, "tanh"), layers.Normalization(mean=0.3, variance=2.0), layers.Dense(4, "elu")
    ],
    "flatten": lambda: [layers.Dense(5, "tanh"), layers.Flatten(), layers.Dense(4, "tanh")],
    "frozen_dense": lambda: [layers.Dense(5, "tanh"), layers.Dense(4, "tanh", trainable=False)],
    "regularized": lambda: [
        layers.Dense(5, "tanh", kernel_regularizer=L1L2(0.1, 0.2), bias_regularizer=L1L2(0.1, 0.2)),
        layers.Dense(4, "softplus", activity_regularizer=L1L2(0.1, 0.2)),
    ],
    "python": lambda: [layers.Dense(5, "tanh"), Rotation(), layers.Dense(4, "tanh")],
}  # fmt: skip


class Rotation(Layer):
    """y = x · matrix, in Python."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.matrix = self.add_weight((input_shape[-1], input_shape[-1]), name="matrix")

    def forward(self, x: NDArray) -> NDArray:
        self.x = x.copy()
        return x @ self.matrix.value

    def backward(self, dy: NDArray) -> tuple[NDArray, list[NDArray]]:
        return dy @ self.matrix.value.T, [np.tensordot(self.x, dy, (range(dy.ndim - 1), range(dy.ndim - 1)))]


def _model(
    hidden: Sequence[Layer], activation: str | None, loss: Any, input_shape: tuple[int, ...], size: float = 0.6
) -> Sequential:
    model = Sequential([layers.Input(input_shape), *hidden, layers.Dense(UNITS, activation)], dtype="float64")
    rng = np.random.default_rng(5)
    for variable in model.trainable_weights:
        variable.assign(rng.normal(0.1, size, variable.shape))
    model.compile(SGD(1.0), loss)
    return model


def _data(model: Sequential, loss: Any) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(ROWS, *model.input_shape))
    rows = (ROWS, *model.output_shape[:-1])
    if loss.sparse:
        return x, rng.integers(UNITS, size=rows)
    if "entropy" in loss.name:
        return x, np.eye(UNITS)[rng.integers(UNITS, size=rows)]
    return x, rng.normal(size=(*rows, UNITS))


def _assert_gradient(model: Sequential, x: NDArray, y: NDArray, weight: NDArray | None = None) -> None:
    """One step of gradient descent at rate 1 moves every weight by its derivative of the loss."""
    variables = model.trainable_weights
    before = [variable.numpy() for variable in model.weights]

    def back() -> None:
        model.set_weights(before)
        model.optimizer.iterations = 0  # the counter of random streams too: the same masks each time

    def loss() -> float:
        value = float(model.train_on_batch(x, y, sample_weight=weight))
        model.optimizer.iterations = 0
        return value

    loss()
    gradients = [b - v.numpy() for b, v in zip(before, model.weights, strict=True) if v.trainable]
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert any(np.abs(gradient).max() > 1e-3 for gradient in gradients)

    def slope(directions: list[NDArray]) -> float:
        values = []
        for sign in (1, -1):
            back()
            for variable, direction in zip(variables, directions, strict=True):
                variable.assign(variable.value + sign * STEP * direction)
            values.append(loss())
        return (values[0] - values[1]) / (2 * STEP)

    rng = np.random.default_rng(8)
    directions = [[rng.normal(size=v.shape) for v in variables] for _ in range(2)]  # all weights at once
    for at, variable in enumerate(variables):  # and each variable alone: a random direction and one element
        element = np.zeros(variable.shape)
        element.flat[rng.integers(variable.size)] = 1
        for single in (rng.normal(size=variable.shape), element):
            directions.append([single if i == at else np.zeros(v.shape) for i, v in enumerate(variables)])
    for direction in directions:
        expected = slope(direction)
        found = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True))
        size = sum((np.abs(g) * np.abs(d)).sum() for g, d in zip(gradients, direction, strict=True))
        assert abs(found - expected) <= TOLERANCE * (1 + size), (found, expected)
    back()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_with_every_loss(activation: str, loss: str) -> None:
    """The activation stands both inside and at the end, where losses from probabilities get probabilities."""
    made = LOSSES[loss]()
    probabilities = activation in ("sigmoid", "softmax") or "entropy" not in loss or "logits" in loss
    last = activation if probabilities else "softmax" if "categorical" in loss else "sigmoid"
    # Differences of exp(exp(...)) need small weights.
    model = _model([layers.Dense(5, activation)], last, made, (INPUTS,), 0.1 if activation == "exponential" else 0.6)
    _assert_gradient(model, *_data(model, made))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_with_every_loss(name: str, loss: str) -> None:
    made = LOSSES[loss]()
    last = None if "entropy" not in loss or "logits" in loss else "softmax" if "categorical" in loss else "sigmoid"
    model = _model(LAYERS[name](), last, made, (INPUTS,))
    _assert_gradient(model, *_data(model, made))


@pytest.mark.parametrize("name", sorted(set(LAYERS) - {"flatten"}))
@pytest.mark.parametrize("loss", ["mean_squared_error", "categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_every_layer_on_inputs_of_rank_three(name: str, loss: str) -> None:
    made = LOSSES[loss]()
    model = _model(LAYERS[name](), "softmax", made, (3, INPUTS))
    _assert_gradient(model, *_data(model, made))


def test_flatten_on_inputs_of_rank_three() -> None:
    made = LOSSES["mean_squared_error"]()
    model = _model(LAYERS["flatten"](), None, made, (3, INPUTS))
    _assert_gradient(model, *_data(model, made))


@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weights(loss: str) -> None:
    made = LOSSES[loss]()
    last = None if "entropy" not in loss or "logits" in loss else "softmax" if "categorical" in loss else "sigmoid"
    model = _model([layers.Dense(5, "tanh")], last, made, (INPUTS,))
    _assert_gradient(model, *_data(model, made), weight=np.array([0.0, 1.0, 2.5, 0.3, 1.0, 4.0]))


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_loss_fused_with_its_activation_is_the_same_as_apart(activation: str) -> None:
    """An activation layer that is regularized keeps the two apart."""
    made = LOSSES["binary_crossentropy" if activation == "sigmoid" else "categorical_crossentropy"]()
    fused = _model([layers.Dense(5, "tanh")], activation, made, (INPUTS,))
    apart = _model([layers.Dense(5, "tanh")], None, made, (INPUTS,))
    apart.add(layers.Activation(activation, activity_regularizer=L1L2(0.0, 0.0)))
    x, y = _data(fused, made)
    values = [model.train_on_batch(x, y) for model in (fused, apart)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    for one, other in zip(fused.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, 1e-10, 1e-12)
