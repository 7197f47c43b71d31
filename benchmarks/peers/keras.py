"""Keras on JAX: one `fit`, compiled by XLA, several steps in a call."""

from __future__ import annotations

import os
import time
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, OUTPUT_ACTIVATION, Case

STEPS = 8  # in a compiled call: more was no faster, and compiles for long
LOSSES = {"bce": "binary_crossentropy", "mse": "mean_squared_error", "ce": "sparse_categorical_crossentropy"}


class Marks(keras.callbacks.Callback):
    """Notes when each epoch ends."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.marks.append(time.perf_counter())


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        self.case, self.x, self.y = case, x, y
        *hidden, outputs = case.sizes[1:]
        stack = [keras.layers.Dense(units, activation="relu") for units in hidden]
        last = keras.layers.Dense(outputs, activation=OUTPUT_ACTIVATION[case.loss])
        self.model = keras.Sequential([keras.Input((case.sizes[0],)), *stack, last])
        adam = keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)
        self.model.compile(optimizer=adam, loss=LOSSES[case.loss], jit_compile=True, steps_per_execution=STEPS)
        self.model.set_weights(case.weights())

    def train(self, epochs: int) -> list[float]:
        marks = Marks()
        self.model.fit(self.x, self.y, batch_size=self.case.batch, epochs=epochs, verbose=0, callbacks=[marks])
        return np.diff(marks.marks).tolist()

    def weights(self) -> list[np.ndarray]:
        return self.model.get_weights()
