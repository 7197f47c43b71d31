"""Whole trainings against the same training written in plain NumPy, step by step, in the widest floating point type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from fastnn import activations, layers, losses, optimizers
from fastnn.models import Sequential
from fastnn.optimizers import schedules
from fastnn.regularizers import L1, L1L2, L2

Wide = NDArray[np.longdouble]
SAMPLES, BATCH, EPOCHS = 22, 8, 8  # three steps an epoch, the last of them with six samples
TOLERANCE = 1e-10  # relative; some hundred times what float64 loses in 24 steps
MASK = (1 << 64) - 1


class Twin:
    """A model in plain NumPy: it takes the layers' settings and copies of their weights, and nothing else of them.

    Args:
        model: The model, built.
        loss: Name of the loss in `reference`.
        optimizer: `(weights, gradient, memory, number of the step) -> weights`; the memory is a dictionary of its own
            for each weight.
        clip: What is done to the list of gradients before.
        params: Settings of the loss.
    """

    def __init__(
        self,
        model: Sequential,
        loss: str,
        optimizer: Callable[[Wide, Wide, dict, int], Wide],
        clip: Callable[[list[Wide]], list[Wide]] = lambda gradients: gradients,
        params: tuple[float, ...] = (),
    ) -> None:
        self.layers = model.layers
        self.weights = [{v.name: reference.wide(v.numpy()) for v in layer.weights} for layer in self.layers]
        self.memory: list[dict[str, dict]] = [{name: {} for name in weights} for weights in self.weights]
        self.loss, self.params = loss, params
        self.optimizer, self.clip = optimizer, clip
        self.iteration = 0

    def forward(self, x: Wide, training: bool) -> tuple[Wide, list[Callable[[Wide, dict], Wide]], float]:
        """(y, for each layer dy -> dx, penalty): what goes back also leaves gradients in the dictionary it is given."""
        back = []
        penalty = reference.wide(0)
        for layer, w in zip(self.layers, self.weights, strict=True):
            for variable in layer.weights:
                if variable.regularizer is not None and variable.trainable:
                    penalty += reference.regularize(w[variable.name], variable.regularizer.l1, variable.regularizer.l2)[
                        0
                    ]
            x, backward = getattr(self, type(layer).__name__)(layer, w, x, training)
            regularizer = layer.activity_regularizer
            if regularizer is not None:
                share, slope = reference.regularize(x, regularizer.l1, regularizer.l2)
                penalty += share / len(x)
                backward = _adding(slope / len(x), backward)
            back.append(backward)
        return x, back, penalty

    def step(self, x: Wide, y: Wide, weight: Wide | None) -> Wide:
        prediction, back, penalty = self.forward(x, training=True)
        rows, dy, _ = reference.loss(self.loss, prediction, y, weight, self.params, 1 / reference.wide(len(x)))
        gradients: list[dict[str, Wide]] = [{} for _ in self.layers]
        for backward, gradient in zip(reversed(back), reversed(gradients), strict=True):
            dy = backward(dy, gradient)
        places = []
        for at, layer in enumerate(self.layers):
            for variable in layer.weights:
                if not variable.trainable:
                    continue
                places.append((at, variable.name))
                if variable.regularizer is not None:
                    gradients[at][variable.name] = (
                        gradients[at][variable.name]
                        + reference.regularize(
                            self.weights[at][variable.name], variable.regularizer.l1, variable.regularizer.l2
                        )[1]
                    )
        clipped = self.clip([gradients[at][name] for at, name in places])
        for (at, name), g in zip(places, clipped, strict=True):
            self.weights[at][name] = self.optimizer(self.weights[at][name], g, self.memory[at][name], self.iteration)
        self.iteration += 1
        return rows.mean() + penalty

    def fit(self, x: Any, y: Any, epochs: int = EPOCHS, weight: Any = None) -> list[float]:
        """Trains in the order of the samples; returns the loss of each epoch."""
        history = []
        for _ in range(epochs):
            total = reference.wide(0)
            for first in range(0, len(x), BATCH):
                batch = slice(first, first + BATCH)
                w = None if weight is None else reference.wide(weight[batch])
                loss = self.step(reference.wide(x[batch]), reference.wide(y[batch]), w)
                total += loss * len(x[batch])
            history.append(float(total / len(x)))
        return history

    # --- layers: (y, dy -> dx) ---

    def Dense(self, layer: Any, w: dict, x: Wide, training: bool) -> Any:
        z = reference.gemm(x, w["kernel"], w.get("bias"))
        y, slope = _activation(layer.activation, z)

        def backward(dy: Wide, gradients: dict[str, Wide]) -> Wide:
            dx, gradients["kernel"], gradients["bias"] = reference.linear_backward(slope(dy), x, w["kernel"])
            return dx

        return y, backward

    def Activation(self, layer: Any, w: dict, x: Wide, training: bool) -> Any:
        y, slope = _activation(layer.activation, x)
        return y, lambda dy, gradients: slope(dy)

    def Dropout(self, layer: Any, w: dict, x: Wide, training: bool) -> Any:
        if not training:
            return x, lambda dy, gradients: dy
        key, iteration = layer._stream * 0x9E3779B97F4A7C15 & MASK, self.iteration

        def dropped(values: Wide) -> Wide:
            return reference.dropout(values, layer.rate, key, iteration)

        return dropped(x), lambda dy, gradients: dropped(dy)

    def Normalization(self, layer: Any, w: dict, x: Wide, training: bool) -> Any:
        w = {"mean": reference.wide(layer.mean.numpy()), "variance": reference.wide(layer.variance.numpy())}
        deviation = np.sqrt(w["variance"])
        return (x - w["mean"]) / deviation, lambda dy, gradients: dy / deviation

    def BatchNormalization(self, layer: Any, w: dict, x: Wide, training: bool) -> Any:
        if not (training and layer.trainable):
            inv_std = 1 / np.sqrt(w["moving_variance"] + layer.epsilon)
            y = w["gamma"] * (x - w["moving_mean"]) * inv_std + w["beta"]
            return y, lambda dy, gradients: dy * w["gamma"] * inv_std
        mean, variance = reference.moments(x)
        inv_std = 1 / np.sqrt(variance + layer.epsilon)
        for name, value in (("moving_mean", mean), ("moving_variance", variance)):
            w[name] = layer.momentum * w[name] + (1 - layer.momentum) * value
        gamma = w["gamma"]

        def backward(dy: Wide, gradients: dict[str, Wide]) -> Wide:
            gradients["beta"], gradients["gamma"] = reference.normalization_sums(x, dy, mean, inv_std)
            return reference.normalization_backward(x, dy, mean, inv_std, gamma)

        return gamma * (x - mean) * inv_std + w["beta"], backward


def _adding(more: Wide, backward: Callable[[Wide, dict], Wide]) -> Callable[[Wide, dict], Wide]:
    return lambda dy, gradients: backward(dy + more, gradients)


def _activation(function: Callable, z: Wide) -> tuple[Wide, Callable[[Wide], Wide]]:
    """(f(z), dy -> dz)."""
    name = activations.kernel_of(function)
    if name == "softmax":
        y = reference.softmax(z)
        return y, lambda dy: reference.softmax_backward(y, dy)
    params = activations.kernel_params(function)
    return reference.activation(name, z, params), lambda dy: dy * reference.activation_derivative(name, z, params)


# --- optimizers, as their papers and Keras's documentation have them ---


def _sgd(rate: float = 0.05, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0) -> Callable:
    def update(w: Wide, g: Wide, memory: dict, step: int) -> Wide:
        w = w * (1 - rate * decay)
        if not momentum:
            return w - rate * g
        v = memory["v"] = momentum * memory.get("v", 0) - rate * g
        return w + (momentum * v - rate * g if nesterov else v)

    return update


def _adam(
    rate: float | Callable = 0.01,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    decay: float = 0.0,
) -> Callable:
    def update(w: Wide, g: Wide, memory: dict, step: int) -> Wide:
        t = step + 1
        lr = reference.wide(rate(step) if callable(rate) else rate)
        w = w * (1 - lr * decay)
        m = memory["m"] = beta_1 * memory.get("m", 0) + (1 - reference.wide(beta_1)) * g
        v = memory["v"] = beta_2 * memory.get("v", 0) + (1 - reference.wide(beta_2)) * g**2
        if amsgrad:
            v = memory["largest"] = np.maximum(memory.get("largest", 0), v)
        alpha = lr * np.sqrt(1 - reference.wide(beta_2) ** t) / (1 - reference.wide(beta_1) ** t)
        return w - alpha * m / (np.sqrt(v) + epsilon)

    return update


def _rmsprop(
    rate: float = 0.01, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-7, centered: bool = False
) -> Callable:
    def update(w: Wide, g: Wide, memory: dict, step: int) -> Wide:
        v = memory["v"] = rho * memory.get("v", 0) + (1 - reference.wide(rho)) * g**2
        if centered:
            mean = memory["mean"] = rho * memory.get("mean", 0) + (1 - reference.wide(rho)) * g
            v = v - mean**2
        increment = rate * g / np.sqrt(v + epsilon)
        if momentum:
            increment = memory["move"] = momentum * memory.get("move", 0) + increment
        return w - increment

    return update


def _exponential(step: int) -> float:
    return 0.02 * 0.5 ** (step / 10)


def _cosine(step: int) -> float:
    return 0.02 * ((1 - 0.1) * (1 + np.cos(np.pi * min(step, 20) / 20)) / 2 + 0.1)


OPTIMIZERS = {
    "sgd": (lambda: optimizers.SGD(0.05), _sgd()),
    "sgd_decay": (lambda: optimizers.SGD(0.05, weight_decay=0.1), _sgd(decay=0.1)),
    "momentum": (lambda: optimizers.SGD(0.05, momentum=0.9), _sgd(momentum=0.9)),
    "nesterov": (lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True), _sgd(momentum=0.9, nesterov=True)),
    "nesterov_decay": (
        lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
        _sgd(momentum=0.9, nesterov=True, decay=0.1),
    ),
    "adam": (lambda: optimizers.Adam(0.01), _adam()),
    "adam_settings": (lambda: optimizers.Adam(0.01, 0.8, 0.95, 1e-3), _adam(0.01, 0.8, 0.95, 1e-3)),
    "adam_decay": (lambda: optimizers.Adam(0.01, weight_decay=0.1), _adam(decay=0.1)),
    "amsgrad": (lambda: optimizers.Adam(0.01, beta_2=0.9, amsgrad=True), _adam(beta_2=0.9, amsgrad=True)),
    "adamw": (lambda: optimizers.AdamW(0.01), _adam(decay=0.004)),
    "adam_exponential": (lambda: optimizers.Adam(schedules.ExponentialDecay(0.02, 10, 0.5)), _adam(_exponential)),
    "adam_cosine": (lambda: optimizers.Adam(schedules.CosineDecay(0.02, 20, alpha=0.1)), _adam(_cosine)),
    "rmsprop": (lambda: optimizers.RMSprop(0.01), _rmsprop()),
    "rmsprop_settings": (lambda: optimizers.RMSprop(0.01, 0.7, epsilon=1e-3), _rmsprop(0.01, 0.7, epsilon=1e-3)),
    "rmsprop_momentum": (lambda: optimizers.RMSprop(0.01, momentum=0.8), _rmsprop(momentum=0.8)),
    "rmsprop_centered": (
        lambda: optimizers.RMSprop(0.01, epsilon=1e-3, centered=True),
        _rmsprop(epsilon=1e-3, centered=True),
    ),
    "rmsprop_both": (
        lambda: optimizers.RMSprop(0.01, momentum=0.8, epsilon=1e-3, centered=True),
        _rmsprop(momentum=0.8, epsilon=1e-3, centered=True),
    ),
}


def _clip_each_norm(limit: float) -> Callable[[list[Wide]], list[Wide]]:
    return lambda gradients: [g * min(1, limit / np.sqrt((g**2).sum())) for g in gradients]


def _clip_norm_of_all(limit: float) -> Callable[[list[Wide]], list[Wide]]:
    def clip(gradients: list[Wide]) -> list[Wide]:
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        return [g * min(1, limit / norm) for g in gradients]

    return clip


CLIPPING = {
    "clipvalue": (0.01, lambda gradients: [np.clip(g, -0.01, 0.01) for g in gradients]),
    "clipnorm": (0.05, _clip_each_norm(0.05)),
    "global_clipnorm": (0.1, _clip_norm_of_all(0.1)),
}


def _mlp(*hidden: Any, units: int = 3, activation: str = "softmax", inputs: int = 5, **kwargs: Any) -> Sequential:
    """A model in float64 whose weights, biases included, are the same whenever it is made."""
    model = Sequential([layers.Input((inputs,)), *hidden, layers.Dense(units, activation, **kwargs)], dtype="float64")
    rng = np.random.default_rng(7)
    for variable in model.trainable_weights:
        variable.assign(rng.normal(0.1, 0.5, variable.shape))
    return model


def _data(rng: np.random.Generator, classes: int = 3) -> tuple[NDArray, NDArray]:
    x = rng.normal(size=(SAMPLES, 5))
    return x, np.eye(classes)[rng.integers(classes, size=SAMPLES)]


def _assert_same_training(
    model: Sequential, twin: Twin, x: NDArray, y: NDArray, weight: NDArray | None = None, targets: NDArray | None = None
) -> None:
    expected = twin.fit(x, y if targets is None else targets, weight=weight)
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0, sample_weight=weight)
    np.testing.assert_allclose(history.history["loss"], expected, rtol=TOLERANCE)
    for layer, weights in zip(model.layers, twin.weights, strict=True):
        for variable in layer.weights:
            np.testing.assert_allclose(
                variable.numpy(), weights[variable.name].astype(float), TOLERANCE, TOLERANCE, err_msg=variable.path
            )
    assert expected[-1] != expected[0]
    predicted = twin.forward(reference.wide(x), training=False)[0]
    np.testing.assert_allclose(model.predict(x, verbose=0), predicted.astype(float), TOLERANCE, TOLERANCE)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str, rng: np.random.Generator) -> None:
    make, update = OPTIMIZERS[name]
    model = _mlp(layers.Dense(7, "tanh"), layers.Dense(6, "relu"))
    model.compile(make(), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", update), *_data(rng))
    assert model.optimizer.iterations == 3 * EPOCHS


@pytest.mark.parametrize("name", CLIPPING)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_clipping(name: str, optimizer: str, rng: np.random.Generator) -> None:
    limit, clip = CLIPPING[name]
    model = _mlp(layers.Dense(7, "tanh"), layers.Dense(6, "relu"))
    if optimizer == "sgd":
        made, update = optimizers.SGD(0.5, momentum=0.5, **{name: limit}), _sgd(0.5, momentum=0.5)
    else:
        made, update = optimizers.Adam(0.01, epsilon=0.01, **{name: limit}), _adam(epsilon=0.01)
    model.compile(made, "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", update, clip), *_data(rng))


@pytest.mark.parametrize(
    ("loss", "made", "activation"),
    [
        ("categorical_crossentropy", losses.CategoricalCrossentropy, "softmax"),
        ("categorical_crossentropy", losses.CategoricalCrossentropy, "sigmoid"),
        ("softmax_categorical_crossentropy", lambda: losses.CategoricalCrossentropy(from_logits=True), None),
        ("binary_crossentropy", losses.BinaryCrossentropy, "sigmoid"),
        ("sigmoid_binary_crossentropy", lambda: losses.BinaryCrossentropy(from_logits=True), None),
        ("mean_squared_error", losses.MeanSquaredError, "tanh"),
        ("mean_absolute_error", losses.MeanAbsoluteError, None),
        ("huber", losses.Huber, "relu"),
    ],
)
def test_losses(loss: str, made: Callable, activation: str | None, rng: np.random.Generator) -> None:
    model = _mlp(layers.Dense(7, "tanh"), activation=activation)
    model.compile(optimizers.SGD(0.1), made())
    _assert_same_training(model, Twin(model, loss, _sgd(0.1)), *_data(rng))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_label_smoothing_and_sample_weights(smoothing: float, rng: np.random.Generator) -> None:
    model = _mlp(layers.Dense(7, "tanh"))
    model.compile(optimizers.SGD(0.1), losses.CategoricalCrossentropy(label_smoothing=smoothing))
    twin = Twin(model, "categorical_crossentropy", _sgd(0.1), params=(smoothing,))
    _assert_same_training(model, twin, *_data(rng), weight=rng.uniform(0, 3, SAMPLES))


@pytest.mark.parametrize("from_logits", [False, True])
def test_class_numbers(from_logits: bool, rng: np.random.Generator) -> None:
    x, y = _data(rng)
    model = _mlp(layers.Dense(7, "tanh"), activation=None if from_logits else "softmax")
    model.compile(optimizers.SGD(0.1), losses.SparseCategoricalCrossentropy(from_logits=from_logits))
    loss = "softmax_sparse_categorical_crossentropy" if from_logits else "sparse_categorical_crossentropy"
    numbers = y.argmax(axis=1)
    _assert_same_training(model, Twin(model, loss, _sgd(0.1)), x, numbers, targets=numbers[:, None])


@pytest.mark.parametrize("regularizer", [L1(0.01), L2(0.02), L1L2(0.01, 0.02)], ids=["l1", "l2", "l1_l2"])
def test_regularizers(regularizer: Any, rng: np.random.Generator) -> None:
    model = _mlp(layers.Dense(7, "tanh", kernel_regularizer=regularizer, bias_regularizer=regularizer))
    model.compile(optimizers.SGD(0.1), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _sgd(0.1)), *_data(rng))


def test_a_regularizer_counts_before_clipping(rng: np.random.Generator) -> None:
    model = _mlp(layers.Dense(7, "tanh", kernel_regularizer=L2(0.5)))
    model.compile(optimizers.SGD(0.1, global_clipnorm=0.1), "categorical_crossentropy")
    twin = Twin(model, "categorical_crossentropy", _sgd(0.1), _clip_norm_of_all(0.1))
    _assert_same_training(model, twin, *_data(rng))


@pytest.mark.parametrize("activation", ["tanh", "relu", None])
def test_an_activity_regularizer_in_the_middle(activation: str | None, rng: np.random.Generator) -> None:
    model = _mlp(layers.Dense(7, activation, activity_regularizer=L1L2(0.01, 0.02)))
    model.compile(optimizers.SGD(0.1), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _sgd(0.1)), *_data(rng))


def test_an_activity_regularizer_at_the_end(rng: np.random.Generator) -> None:
    model = _mlp(layers.Dense(7, "tanh"), activity_regularizer=L2(0.02))
    model.compile(optimizers.SGD(0.1), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _sgd(0.1)), *_data(rng))


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_dropout(rate: float, rng: np.random.Generator) -> None:
    model = _mlp(
        layers.Dropout(rate / 2, seed=3), layers.Dense(7, "tanh"), layers.Dropout(rate, seed=4), layers.Dense(6, "relu")
    )
    model.compile(optimizers.Adam(0.01), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _adam()), *_data(rng))


def test_batch_normalization(rng: np.random.Generator) -> None:
    model = _mlp(
        layers.Dense(7), layers.BatchNormalization(momentum=0.8), layers.Activation("relu"), layers.Dense(6, "tanh"),
        layers.BatchNormalization(epsilon=0.1, gamma_regularizer=L2(0.1)),
    )  # fmt: skip
    model.compile(optimizers.SGD(0.1, momentum=0.5), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _sgd(0.1, momentum=0.5)), *_data(rng))


def test_batch_normalization_at_the_start(rng: np.random.Generator) -> None:
    model = _mlp(layers.BatchNormalization(), layers.Dense(7, "tanh"))
    model.compile(optimizers.SGD(0.1), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _sgd(0.1)), *_data(rng))


def test_frozen_batch_normalization(rng: np.random.Generator) -> None:
    normalization = layers.BatchNormalization(trainable=False)
    model = _mlp(layers.Dense(7), normalization, layers.Activation("relu"))
    normalization.moving_mean.assign(rng.normal(size=7))
    normalization.moving_variance.assign(rng.uniform(0.5, 2, 7))
    model.compile(optimizers.SGD(0.1), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _sgd(0.1)), *_data(rng))


def test_normalization(rng: np.random.Generator) -> None:
    x, y = _data(rng)
    x = x * [1, 10, 0.1, 3, 1] + [0, 5, -3, 100, 1]
    normalization = layers.Normalization()
    normalization.adapt(x)
    np.testing.assert_allclose(normalization.mean.numpy(), x.mean(axis=0), rtol=1e-6)
    model = _mlp(layers.Normalization(mean=x.mean(axis=0), variance=x.var(axis=0)), layers.Dense(7, "tanh"))
    model.compile(optimizers.SGD(0.1), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _sgd(0.1)), x, y)


def test_a_frozen_layer_in_the_middle(rng: np.random.Generator) -> None:
    frozen = layers.Dense(6, "tanh", trainable=False, kernel_regularizer=L2(0.1))
    model = _mlp(layers.Dense(7, "tanh"), frozen)
    before = frozen.get_weights()
    model.compile(optimizers.Adam(0.01), "categorical_crossentropy")
    _assert_same_training(model, Twin(model, "categorical_crossentropy", _adam()), *_data(rng))
    for old, new in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_float32_follows_float64(rng: np.random.Generator) -> None:
    x, y = _data(rng)
    wide = _mlp(layers.Dense(7, "tanh"), layers.Dense(6, "relu"))
    narrow = Sequential(
        [layers.Input((5,)), layers.Dense(7, "tanh"), layers.Dense(6, "relu"), layers.Dense(3, "softmax")]
    )
    narrow.set_weights(wide.get_weights())
    for model in (wide, narrow):
        model.compile(optimizers.SGD(0.05, momentum=0.9), "categorical_crossentropy")
        model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0)
    for expected, found in zip(wide.get_weights(), narrow.get_weights(), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
