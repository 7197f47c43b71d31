"""Gradients of whole models in float64 against central differences of their loss: every layer, activation and loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import layers, losses
from fastnn.layers import Layer
from fastnn.models import Model, Sequential
from fastnn.optimizers import SGD
from fastnn.regularizers import L1L2

ROWS, INPUTS, UNITS = 6, 4, 3
STEP = 1e-5  # of differences: their error, about STEP² + 1e-16 / STEP, is far below TOLERANCE
TOLERANCE = 2e-8
ACTIVATIONS = [
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "hard_sigmoid", "tanh", "softplus",
    "softsign", "exponential", "mish", "relu6", "softmax", "log_softmax", "celu", "hard_shrink", "hard_silu",
    "hard_tanh", "log_sigmoid", "soft_shrink", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh_shrink",
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
# Losses that need no trial with every activation and layer: what they share with the ones above is tried there.
MORE_LOSSES: dict[str, tuple[str | None, Callable[[], Any]]] = {
    "percentage_error": (None, losses.MeanAbsolutePercentageError),
    "logarithmic_error": ("softplus", losses.MeanSquaredLogarithmicError),
    "log_cosh": (None, losses.LogCosh),
    "pinball": (None, lambda: losses.Pinball(0.8)),
    "quantiles": (None, lambda: losses.Pinball([0.1, 0.5, 0.9])),
    "poisson": ("exponential", losses.Poisson),
    "kl_divergence": ("softmax", losses.KLDivergence),
    "cosine_similarity": (None, losses.CosineSimilarity),
    "hinge": ("tanh", losses.Hinge),
    "squared_hinge": ("tanh", losses.SquaredHinge),
    "categorical_hinge": (None, losses.CategoricalHinge),
    "pos_weight": ("sigmoid", lambda: losses.BinaryCrossentropy(pos_weight=3.0)),
    "pos_weight_apart": ("softmax", lambda: losses.BinaryCrossentropy(pos_weight=[0.5, 2.0, 3.0])),
    "pos_weight_logits": (None, lambda: losses.BinaryCrossentropy(from_logits=True, pos_weight=[0.5, 2.0, 3.0])),
    "binary_focal": ("sigmoid", lambda: losses.BinaryFocalCrossentropy(apply_class_balancing=True, gamma=1.5)),
    "binary_focal_apart": ("softmax", losses.BinaryFocalCrossentropy),
    "binary_focal_logits": (None, lambda: losses.BinaryFocalCrossentropy(from_logits=True, label_smoothing=0.1)),
    "categorical_focal": ("softmax", lambda: losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.5, 0.7])),
    "categorical_focal_apart": ("sigmoid", lambda: losses.CategoricalFocalCrossentropy(label_smoothing=0.1)),
    "categorical_focal_logits": (None, lambda: losses.CategoricalFocalCrossentropy(from_logits=True, gamma=1.5)),
    "generalized": ("softmax", losses.CategoricalGeneralizedCrossEntropy),
    "generalized_apart": ("sigmoid", lambda: losses.CategoricalGeneralizedCrossEntropy(0.7)),
    "mean_with_sample_weight": (None, lambda: losses.MeanSquaredError(reduction="mean_with_sample_weight")),
    "ignore_class": ("softmax", lambda: losses.SparseCategoricalCrossentropy(ignore_class=1)),
    "ignore_class_logits": (None, lambda: losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)),
    "ignore_class_weighted": (
        "softmax", lambda: losses.SparseCategoricalCrossentropy(ignore_class=1, reduction="mean_with_sample_weight")
    ),
}  # fmt: skip
LAYERS: dict[str, Callable[[], list[Layer]]] = {
    "dense": lambda: [layers.Dense(5, "tanh")],
    "dense_without_bias": lambda: [layers.Dense(5, "tanh", use_bias=False)],
    "two_dense": lambda: [layers.Dense(5, "tanh"), layers.Dense(7, "sigmoid")],
    "wide_dense": lambda: [layers.Dense(37, "tanh"), layers.Dense(19, "softplus")],
    "activation": lambda: [layers.Dense(5), layers.Activation("gelu")],
    "softmax_inside": lambda: [layers.Dense(5, "softmax"), layers.Dense(5, "tanh")],
    "rectifiers": lambda: [
        layers.Dense(5), layers.LeakyReLU(), layers.Dense(5), layers.ELU(0.5), layers.Dense(5),
        layers.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.2),
    ],
    "prelu": lambda: [layers.Dense(5), layers.PReLU(), layers.Dense(21), layers.PReLU(shared_axes=-1)],
    "softmax_layer": lambda: [layers.Dense(5), layers.Softmax(), layers.Dense(4, "tanh")],
    "dropout": lambda: [layers.Dense(5, "tanh"), layers.Dropout(0.4, seed=1)],
    "dropout_first": lambda: [layers.Dropout(0.4, seed=1), layers.Dense(5, "tanh"), layers.Dropout(0.2, seed=2)],
    "feature_scale": lambda: [layers.FeatureScale(), layers.Dense(21, "tanh"), layers.FeatureScale()],
    "einsum_dense": lambda: [layers.EinsumDense("...a,ab->...b", 21, "tanh", "b")],
    "noise": lambda: [
        layers.Dense(5, "tanh"), layers.GaussianNoise(0.3, seed=3), layers.AlphaDropout(0.3, seed=4),
        layers.Dense(5, "tanh"), layers.GaussianDropout(0.3, seed=5),
    ],
    "activity_regularization": lambda: [layers.Dense(5, "tanh"), layers.ActivityRegularization(0.1, 0.2)],
    "batch_normalization": lambda: [layers.Dense(5), layers.BatchNormalization(), layers.Activation("tanh")],
    "batch_normalization_first": lambda: [layers.BatchNormalization(), layers.Dense(5, "tanh")],
    "batch_normalization_last": lambda: [layers.Dense(5, "tanh"), layers.BatchNormalization(epsilon=0.1)],
    "batch_normalization_bare": lambda: [layers.Dense(5), layers.BatchNormalization(center=False, scale=False)],
    "batch_normalization_frozen": lambda: [layers.Dense(5), layers.BatchNormalization(trainable=False)],
    "batch_normalization_of_axis_1": lambda: [layers.Dense(5), layers.BatchNormalization(1), layers.Activation("tanh")],
    "layer_normalization": lambda: [layers.Dense(21), layers.LayerNormalization(), layers.Dense(5, "tanh")],
    "rms_normalization": lambda: [layers.Dense(21), layers.RMSNormalization(), layers.Dense(5, "tanh")],
    "group_normalization": lambda: [layers.Dense(22), layers.GroupNormalization(2), layers.Dense(5, "tanh")],
    "unit_normalization": lambda: [layers.Dense(21), layers.UnitNormalization(), layers.Dense(5, "tanh")],
    "bare_normalizations": lambda: [
        layers.Dense(6), layers.LayerNormalization(center=False, scale=False), layers.Dense(6),
        layers.GroupNormalization(3, center=False), layers.Dense(6), layers.GroupNormalization(-1, scale=False),
    ],
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
    x = rng.normal(size=(ROWS, *model.input_shape[1:]))
    rows = (ROWS, *model.output_shape[1:-1])
    if loss.sparse:
        labels = rng.integers(UNITS, size=rows)
        labels.flat[:2] = getattr(loss, "ignore_class", None) or 0, 2
        return x, labels
    if "entropy" in loss.name or "hinge" in loss.name or loss.name == "kl_divergence":
        return x, np.eye(UNITS)[rng.integers(UNITS, size=rows)]
    if loss.name == "poisson":
        return x, rng.integers(4, size=(*rows, UNITS))
    return x, rng.normal(size=(ROWS, *loss.target_shape(model.output_shape[1:])))


def _assert_gradient(model: Sequential, x: NDArray, y: NDArray, weight: NDArray | None = None) -> None:
    """One step of gradient descent at rate 1 moves every weight by its derivative of the loss."""
    variables = model.trainable_weights
    before = [variable.numpy() for variable in model.weights]

    def back() -> None:
        model.set_weights(before)
        model.optimizer.iterations = 0  # the counter of random streams too: the same masks each time

    def loss() -> float:
        value = float(np.ravel(model.train_on_batch(x, y, sample_weight=weight))[0])  # of all outputs together
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


def test_masks_shared_along_axes() -> None:
    hidden = [
        layers.Dense(5, "tanh"), layers.SpatialDropout1D(0.4, seed=1), layers.Dense(5, "tanh"),
        layers.Dropout(0.4, (None, None, 1), seed=2), layers.Dense(5, "tanh"),
        layers.AlphaDropout(0.4, (1, 1, 5), seed=3),
    ]  # fmt: skip
    made = LOSSES["mean_squared_error"]()
    model = _model(hidden, None, made, (3, INPUTS))
    _assert_gradient(model, *_data(model, made))


def test_normalizations_of_several_axes() -> None:
    hidden = [
        layers.Dense(5), layers.LayerNormalization([1, 2]), layers.Dense(6, "tanh"), layers.RMSNormalization((-2, -1)),
        layers.Dense(6, "tanh"), layers.UnitNormalization([1, 2]), layers.GroupNormalization(3),
    ]  # fmt: skip
    made = LOSSES["mean_squared_error"]()
    model = _model(hidden, None, made, (3, INPUTS))
    _assert_gradient(model, *_data(model, made))


@pytest.mark.parametrize("pooling", [layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D, layers.Flatten])
def test_embeddings(pooling: Callable[[], Layer]) -> None:
    """Ids that stand several times in a batch, and ids that stand nowhere."""
    made = LOSSES["mean_squared_error"]()
    model = _model([layers.Embedding(9, 5), pooling(), layers.Dense(5, "tanh")], None, made, (7,))
    _, y = _data(model, made)
    _assert_gradient(model, np.random.default_rng(1).integers(7, size=(ROWS, 7)), y)


def test_one_table_used_twice() -> None:
    made = LOSSES["mean_squared_error"]()
    table = layers.Embedding(9, 5, dtype="float64")
    first, second = layers.Input((3,), dtype="float64"), layers.Input((2,), dtype="float64")
    pooled = [layers.GlobalAveragePooling1D()(table(x)) for x in (first, second)]
    model = Model([first, second], [layers.Dense(UNITS)(x) for x in pooled])
    model.compile(SGD(1.0), [made, made])
    rng = np.random.default_rng(1)
    x = [rng.integers(7, size=(ROWS, n)) for n in (3, 2)]
    _assert_gradient(model, x, [rng.normal(size=(ROWS, UNITS)) for _ in range(2)])


def test_ensembles() -> None:
    """Members that share their input, members that have their own, and an equation over two axes."""
    hidden = [
        layers.BatchEnsembleDense(21, 3, "tanh"), layers.BatchEnsembleDense(5, 3, "tanh"),
        layers.EinsumDense("abc,bcd->ad", 6, "tanh", "d"),
    ]  # fmt: skip
    made = LOSSES["mean_squared_error"]()
    model = _model([layers.Dense(6, "tanh"), *hidden], None, made, (INPUTS,))
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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MORE_LOSSES)
def test_more_losses(name: str, weighted: bool) -> None:
    last, loss = MORE_LOSSES[name][0], MORE_LOSSES[name][1]()
    weight = np.array([0.0, 1.0, 2.5, 0.3, 1.0, 4.0]) if weighted else None
    for input_shape in ((INPUTS,), (2, INPUTS)):
        model = _model([layers.Dense(5, "tanh")], last, loss, input_shape)
        _assert_gradient(model, *_data(model, loss), weight=weight)


def test_gaussian_negative_log_likelihood() -> None:
    loss = losses.GaussianNegativeLogLikelihood()
    model = Sequential([layers.Input((INPUTS,)), layers.Dense(5, "tanh"), layers.Dense(4)], dtype="float64")
    model.compile(SGD(1.0), loss)
    _assert_gradient(model, *_data(model, loss))


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
