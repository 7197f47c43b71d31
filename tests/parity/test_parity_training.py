"""Whole models, trained by Keras's own `fit` and by fastnn's from the same weights: a hundred steps, not shuffled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beside import DTYPES, close, fastnn, floatx, keras, names_of
from steps import randomized

ROWS, BATCH, EPOCHS = 60, 12, 20  # five steps an epoch
# How far losses may be apart, relative, after rounding has had a hundred steps to grow.
APART = {"float32": 1e-4, "float64": 1e-9}


class Training:
    """What is trained on what, and how.

    Args:
        model: Makes the model from a module that has Keras's names.
        compiled: Makes the arguments of `compile`.
        x: Inputs.
        y: Targets.
        needs: Names of layers that must be written.
        **fitted: Arguments of `fit`.
    """

    def __init__(self, model: Any, compiled: Any, x: Any, y: Any, needs: str = "", **fitted: Any) -> None:
        self.model, self.compiled, self.x, self.y, self.fitted = model, compiled, x, y, fitted
        self.needs = needs.split()

    def run(self, library: Any, start: Any = None, **settings: Any) -> Any:
        model = self.model(library)
        if start is None:
            randomized(model)
            start = model.get_weights()
        model.set_weights(start)
        model.compile(**self.compiled(library))
        fitted = {"batch_size": BATCH, "epochs": EPOCHS, "shuffle": False, "verbose": 0, **self.fitted, **settings}
        history = model.fit(self.x, self.y, **fitted)
        return start, history.history, model.get_weights(), model.predict(self.x, verbose=0), model


def features(seed: int = 0, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, width))


def above(x: np.ndarray) -> np.ndarray:
    return (x @ np.linspace(-1, 1, 6) > 0.1 * np.sin(9 * x[:, 0])).astype(float)


X = features()
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 0.7)
BITS = above(X)
TARGETS = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
WEIGHTS = np.random.default_rng(1).uniform(0.2, 2.0, ROWS)
IDS = np.random.default_rng(2).integers(0, 7, (ROWS, 1))


def stack(*layers: Any) -> Any:
    def model(k: Any) -> Any:
        return k.Sequential([k.layers.Input((6,)), *(layer(k) for layer in layers)])

    return model


def dense(units: int, activation: Any = None, **given: Any) -> Any:
    return lambda k: k.layers.Dense(units, activation, **given)


def wide_and_deep(k: Any) -> Any:
    wide, deep = k.Input((6,), name="wide"), k.Input((3,), name="deep")
    hidden = k.layers.Dense(8, "relu")(deep)
    hidden = k.layers.Dense(6, "tanh")(hidden)
    both = k.layers.Concatenate()([wide, hidden])
    both = k.layers.Add()([k.layers.Dense(5)(both), k.layers.Dense(5)(wide)])
    return k.Model([wide, deep], k.layers.Dense(1)(both))


def two_tasks(k: Any) -> Any:
    x = k.Input((6,))
    shared = k.layers.Dense(8, "relu", name="shared")(x)
    value = k.layers.Dense(2, name="value")(shared)
    kind = k.layers.Dense(3, "softmax", name="kind")(k.layers.Dense(4, "tanh")(shared))
    return k.Model(x, {"value": value, "kind": kind})


def siamese(k: Any) -> Any:
    one, other = k.Input((6,)), k.Input((6,))
    tower = k.Sequential([k.layers.Input((6,)), k.layers.Dense(7, "relu"), k.layers.Dense(4)])
    apart = k.layers.Subtract()([tower(one), tower(other)])
    return k.Model([one, other], k.layers.Dense(1, "sigmoid")(apart))


def embedded(k: Any) -> Any:
    ids, x = k.Input((1,), dtype="int32"), k.Input((6,))
    table = k.layers.Embedding(7, 4, dtype=getattr(k, "dtype", None))  # integers do not say it
    known = k.layers.Flatten()(table(ids))
    both = k.layers.Concatenate()([known, x])
    return k.Model([ids, x], k.layers.Dense(1)(k.layers.Dense(8, "relu")(both)))


TRAININGS = {
    "binary": Training(
        stack(dense(8, "relu"), dense(4, "relu"), dense(1, "sigmoid")),
        lambda k: {
            "optimizer": k.optimizers.Adam(0.01),
            "loss": "binary_crossentropy",
            "metrics": ["accuracy", k.metrics.AUC(name="auc"), "mae"],
        },
        X,
        BITS,
        validation_data=(features(5), above(features(5))),
    ),
    "classes": Training(
        stack(dense(8, "tanh", kernel_regularizer="l2"), dense(3, "softmax")),
        lambda k: {
            "optimizer": k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy", k.metrics.SparseTopKCategoricalAccuracy(k=2)],
            "weighted_metrics": ["accuracy"],
        },
        X,
        LABELS,
        sample_weight=WEIGHTS,
        validation_split=0.2,
    ),
    "logits and classes that weigh": Training(
        stack(dense(8, "gelu"), dense(3)),
        lambda k: {
            "optimizer": k.optimizers.AdamW(k.optimizers.schedules.CosineDecay(0.02, 100), weight_decay=0.05),
            "loss": k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
            "metrics": ["accuracy", k.metrics.CategoricalCrossentropy(from_logits=True)],
        },
        X,
        np.eye(3)[LABELS],
        class_weight={0: 1.0, 1: 2.0, 2: 0.5},
    ),
    "regression with batch statistics": Training(
        stack(
            dense(8, use_bias=False),
            lambda k: k.layers.BatchNormalization(momentum=0.8),
            lambda k: k.layers.Activation("relu"),
            dense(2, kernel_constraint="unit_norm"),
        ),
        lambda k: {
            "optimizer": k.optimizers.RMSprop(0.005, clipnorm=0.5),
            "loss": k.losses.Huber(delta=0.7),
            "metrics": ["mse", k.metrics.RootMeanSquaredError()],
        },
        X,
        TARGETS,
    ),
    "epochs that end in a smaller batch": Training(
        stack(dense(8, "silu"), dense(2)),
        lambda k: {"optimizer": k.optimizers.Adam(0.01, amsgrad=True), "loss": "mae", "metrics": ["mae"]},
        X,
        TARGETS,
        batch_size=16,
        validation_split=0.25,
    ),
    "wide and deep": Training(
        wide_and_deep,
        lambda k: {"optimizer": k.optimizers.Adam(0.01), "loss": "mse", "metrics": ["mae"]},
        [X, features(3, 3)],
        TARGETS[:, :1],
        needs="Concatenate Add",
    ),
    "two tasks": Training(
        two_tasks,
        lambda k: {
            "optimizer": k.optimizers.Adam(0.01),
            "loss": {"value": "mse", "kind": "sparse_categorical_crossentropy"},
            "loss_weights": {"value": 0.5, "kind": 2.0},
            "metrics": {"value": ["mae"], "kind": ["accuracy"]},
        },
        X,
        {"value": TARGETS, "kind": LABELS},
    ),
    "siamese": Training(
        siamese,
        lambda k: {"optimizer": k.optimizers.SGD(0.05), "loss": "binary_crossentropy", "metrics": ["accuracy"]},
        [X, features(4)],
        BITS,
        needs="Subtract",
    ),
    "embedded": Training(
        embedded,
        lambda k: {"optimizer": k.optimizers.Adam(0.01), "loss": "mse"},
        [IDS, X],
        TARGETS[:, :1],
        needs="Embedding Concatenate",
    ),
}
HERE = set(names_of("layers", "same"))
READY = [name for name, training in TRAININGS.items() if set(training.needs) <= HERE]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", READY)
def test_a_hundred_steps(name: str, dtype: str) -> None:
    training = TRAININGS[name]
    with floatx(dtype):
        start, expected, weights, prediction, theirs = training.run(keras)
    _, received, ours, predicted, model = training.run(of_dtype(dtype), start)
    assert list(received) == list(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(received[key], values, rtol=APART[dtype], atol=APART[dtype] / 10, err_msg=key)
    for variable, value, wanted in zip(model.weights, ours, weights, strict=True):
        close(value, wanted, dtype, 100)
        assert variable.name in {v.name for v in theirs.weights}
    for one, wanted in zip(in_a_list(predicted), in_a_list(prediction), strict=True):
        close(one, wanted, dtype, 100)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("options", [{}, {"ema_overwrite_frequency": 7}], ids=["means", "means that overwrite"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_running_means_in_place_of_weights(dtype: str, options: dict[str, Any], swap_on_epoch: bool) -> None:
    """Validated by the means, trained with the weights; the callback behind it sees what is in the model."""
    training = Training(
        stack(dense(8, "tanh"), dense(2)),
        lambda k: {
            "optimizer": k.optimizers.SGD(0.1, momentum=0.5, use_ema=True, ema_momentum=0.8, **options),
            "loss": "mse",
            "metrics": ["mae"],
        },
        X,
        TARGETS,
        validation_split=0.2,
        epochs=6,
    )
    seen: dict[Any, list[Any]] = {}

    def run(library: Any, names: Any, start: Any = None) -> Any:
        class Seeing(names.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                seen.setdefault(names, []).append(self.model.get_weights())

        callbacks = [names.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch), Seeing()]
        return training.run(library, start, callbacks=callbacks)

    with floatx(dtype):
        start, expected, weights, _, theirs = run(keras, keras)
        evaluated = theirs.evaluate(X, TARGETS, verbose=0)
    _, received, ours, _, model = run(of_dtype(dtype), fastnn, start)
    for key, values in expected.items():
        np.testing.assert_allclose(received[key], values, rtol=APART[dtype], atol=APART[dtype] / 10, err_msg=key)
    for one, wanted in zip([ours, *seen[fastnn]], [weights, *seen[keras]], strict=True):
        for value, weight in zip(one, wanted, strict=True):
            close(value, weight, dtype, 100)
    np.testing.assert_allclose(model.evaluate(X, TARGETS, verbose=0), evaluated, rtol=APART[dtype])


def in_a_list(outputs: Any) -> list[Any]:
    return [outputs[name] for name in sorted(outputs)] if isinstance(outputs, dict) else [outputs]


def of_dtype(dtype: str) -> Any:
    """fastnn, whose models compute in `dtype`."""

    class Library:
        dtype: str
        Input = staticmethod(lambda shape, **given: fastnn.Input(shape, **{"dtype": dtype, **given}))
        Sequential = staticmethod(lambda layers: fastnn.Sequential(layers, dtype=dtype))
        Model = staticmethod(lambda inputs, outputs: fastnn.Model(inputs, outputs, dtype=dtype))

        def __getattr__(self, name: str) -> Any:
            return getattr(fastnn, name)

    library = Library()
    library.dtype = dtype
    return library
