"""fastnn: one `fit` with its defaults; for predictions, the model as it is."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import callbacks, layers, models, optimizers

from ..cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, MOMENTUM, OUTPUT_ACTIVATION, Case

LOSSES = {"bce": "binary_crossentropy", "mse": "mean_squared_error", "ce": "sparse_categorical_crossentropy"}


def model_of(case: Case) -> Any:
    """The network, with its first weights."""
    model = models.Sequential([layers.Input((case.sizes[0],))], dtype=case.dtype)
    *hidden, outputs = case.sizes[1:]
    for units in hidden:
        if case.normalization:
            model.add(layers.Dense(units))
            model.add(layers.BatchNormalization())
            model.add(layers.Activation(case.activation))
        else:
            model.add(layers.Dense(units, activation=case.activation))
        if case.dropout:
            model.add(layers.Dropout(case.dropout))
    model.add(layers.Dense(outputs, activation=OUTPUT_ACTIVATION[case.loss]))
    model.set_weights(case.weights())
    return model


class Marks(callbacks.Callback):
    """Notes when each epoch ends."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.marks.append(time.perf_counter())


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        self.case, self.x, self.y = case, x, y
        self.model = model_of(case)
        optimizer: Any = optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)
        if case.optimizer == "momentum":
            optimizer = optimizers.SGD(LEARNING_RATE, MOMENTUM)
        self.model.compile(optimizer=optimizer, loss=LOSSES[case.loss])

    def train(self, epochs: int) -> list[float]:
        marks = Marks()
        self.model.fit(self.x, self.y, batch_size=self.case.batch, epochs=epochs, verbose=0, callbacks=[marks])
        return np.diff(marks.marks).tolist()

    def weights(self) -> list[np.ndarray]:
        return self.model.get_weights()


class Predictor:
    def __init__(self, case: Case) -> None:
        self.case = case
        self.model = model_of(case)

    def prepare(self, x: np.ndarray) -> np.ndarray:
        self.out = np.empty((len(x), self.case.sizes[-1]), x.dtype)
        return x

    def calls(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        calls = {"model(x)": self.model}
        if "out" in inspect.signature(self.model.__call__).parameters:
            calls["model(x, out=y)"] = lambda x: self.model(x, out=self.out)
        return calls | {"predict(x)": lambda x: self.model.predict(x, verbose=0)}
