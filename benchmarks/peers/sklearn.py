"""scikit-learn's multi-layer perceptron: `partial_fit` is one epoch over shuffled mini-batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Case
from peers import time_epochs


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y.ravel() if case.loss == "bce" else y
        settings: dict[str, Any] = {
            "hidden_layer_sizes": case.sizes[1:-1],
            "batch_size": case.batch,
            "learning_rate_init": LEARNING_RATE,
            "beta_1": BETA_1,
            "beta_2": BETA_2,
            "epsilon": EPSILON,
            "alpha": 0.0,
            "random_state": 1,
        }
        self.model = MLPRegressor(**settings) if case.loss == "mse" else MLPClassifier(**settings)
        self.first = {} if case.loss == "mse" else {"classes": np.unique(y)}

    def _epoch(self) -> float:
        self.model.partial_fit(self.x, self.y, **self.first)
        self.first = {}
        return float(self.model.loss_)

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        return [a for pair in zip(self.model.coefs_, self.model.intercepts_, strict=True) for a in pair]
