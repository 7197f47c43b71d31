"""Which epoch's weights are kept, and when no better ones are to be hoped for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.callbacks import Callback

EPOCHS = 9  # over which losses are averaged: few rows to validate with make those of single epochs noisy
SHARE = 25  # epochs in training for one over which losses are averaged: of 20, a mean of 9 takes in how it began


class BestEpoch(Callback):
    """Scores the network after every epoch, and gives it back its best weights in the end.

    The best are those after the epochs whose losses are the smallest in the mean: this did better, on the data sets of
    docs/tables.md, than the smallest loss, or the best score, of one epoch.

    Args:
        score: Returns `val_score`, of which more is better, and `val_loss`.
        patience: Epochs without better ones after which training stops; `None`: it does not.
        epochs: Epochs in training, at most.

    Attributes:
        best: The score of the best epoch, and `None` before there is one.
        best_epoch: Its number.
    """

    def __init__(self, score: Callable[[], dict[str, float]], patience: int | None, epochs: int) -> None:
        super().__init__()
        self.score = score
        self.patience = patience
        self._averaged = min(EPOCHS, max(1, epochs // SHARE))
        self.best: float | None = None
        self.best_epoch = 0
        self._losses: list[float] = []
        self._best_loss = float("inf")
        self._weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        scores = self.score()
        if logs is not None:
            logs.update(scores)
        self._losses = [*self._losses, scores["val_loss"]][-self._averaged :]
        loss = float(np.mean(self._losses))
        if self.best is None or loss < self._best_loss:
            self.best, self.best_epoch, self._best_loss = scores["val_score"], epoch, loss
            self._weights = self.model.get_weights()
        elif self.patience is not None and epoch - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def get_state(self) -> dict[str, Any]:
        kept = ("best", "best_epoch", "_losses", "_best_loss", "_weights")
        return {name: getattr(self, name) for name in kept}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._weights:
            self.model.set_weights(self._weights)
