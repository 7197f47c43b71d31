"""scikit-learn's multi-layer perceptron: `partial_fit` is one epoch over shuffled mini-batches."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from ..cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, MOMENTUM, Case
from . import time_epochs


def settings_of(case: Case) -> dict[str, Any]:
    """What the case is in scikit-learn's words."""
    if case.activation not in ("relu", "tanh") or case.dropout or case.normalization:
        raise NotImplementedError(f"scikit-learn has no {case.setting}")
    return {
        "hidden_layer_sizes": case.sizes[1:-1],
        "activation": case.activation,
        "solver": {"adam": "adam", "momentum": "sgd"}[case.optimizer],
        "batch_size": case.batch,
        "learning_rate_init": LEARNING_RATE,
        "beta_1": BETA_1,
        "beta_2": BETA_2,
        "epsilon": EPSILON,
        "momentum": MOMENTUM,
        "nesterovs_momentum": False,
        "alpha": 0.0,
        "random_state": 1,
    }


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y.ravel() if case.loss == "bce" else y
        self.model = (MLPRegressor if case.loss == "mse" else MLPClassifier)(**settings_of(case))
        self.first = {} if case.loss == "mse" else {"classes": np.unique(y)}

    def _epoch(self) -> float:
        self.model.partial_fit(self.x, self.y, **self.first)
        self.first = {}
        return float(self.model.loss_)

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        return [a for pair in zip(self.model.coefs_, self.model.intercepts_, strict=True) for a in pair]


class Predictor:
    def __init__(self, case: Case) -> None:
        self.model = MLPRegressor(**settings_of(case) | {"max_iter": 1})
        x = case.data()[0][:64]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            self.model.fit(x, np.zeros((len(x), case.sizes[-1]), x.dtype))
        weights = case.weights()
        self.model.coefs_, self.model.intercepts_ = weights[0::2], weights[1::2]

    def prepare(self, x: np.ndarray) -> np.ndarray:
        return x

    def calls(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        return {"predict(x)": self.model.predict}
