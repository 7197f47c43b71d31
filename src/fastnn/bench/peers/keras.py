"""Keras on JAX: one `fit`, compiled by XLA, several steps in a call; `predict` and `predict_on_batch`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from ..cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, MOMENTUM, OUTPUT_ACTIVATION, Case

STEPS = 32  # in a compiled call: small networks take four fifths of the time of 8; 128 were no faster
LOSSES = {"bce": "binary_crossentropy", "mse": "mean_squared_error", "ce": "sparse_categorical_crossentropy"}


def model_of(case: Case) -> Any:
    """The network, with its first weights."""
    if case.dtype == "float64":
        import jax

        jax.config.update("jax_enable_x64", True)
        keras.config.set_floatx("float64")
    model = keras.Sequential([keras.Input((case.sizes[0],))])
    *hidden, outputs = case.sizes[1:]
    for units in hidden:
        if case.normalization:
            model.add(keras.layers.Dense(units))
            model.add(keras.layers.BatchNormalization())
            model.add(keras.layers.Activation(case.activation))
        else:
            model.add(keras.layers.Dense(units, activation=case.activation))
        if case.dropout:
            model.add(keras.layers.Dropout(case.dropout))
    model.add(keras.layers.Dense(outputs, activation=OUTPUT_ACTIVATION[case.loss]))
    model.set_weights(case.weights())
    return model


class Marks(keras.callbacks.Callback):
    """Notes when each epoch ends."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.marks.append(time.perf_counter())


class Trainer:
    steps = STEPS

    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        self.case, self.x, self.y = case, x, y
        self.model = model_of(case)
        optimizer: Any = keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)
        if case.optimizer == "momentum":
            optimizer = keras.optimizers.SGD(LEARNING_RATE, MOMENTUM)
        self.model.compile(
            optimizer=optimizer, loss=LOSSES[case.loss], jit_compile=True, steps_per_execution=self.steps
        )

    def train(self, epochs: int) -> list[float]:
        marks = Marks()
        self.model.fit(self.x, self.y, batch_size=self.case.batch, epochs=epochs, verbose=0, callbacks=[marks])
        return np.diff(marks.marks).tolist()

    def weights(self) -> list[np.ndarray]:
        return self.model.get_weights()


class FrugalTrainer(Trainer):
    """Holds one batch at a time."""

    steps = 1


class Predictor:
    def __init__(self, case: Case) -> None:
        import jax

        jax.config.update("jax_cpu_enable_async_dispatch", False)  # faster for a prediction, slower for `fit`
        self.model = model_of(case)

    def prepare(self, x: np.ndarray) -> np.ndarray:
        return x

    def calls(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        return {
            "predict(x)": lambda x: self.model.predict(x, batch_size=len(x), verbose=0),
            "predict_on_batch(x)": self.model.predict_on_batch,
        }
