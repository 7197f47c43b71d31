"""Smaller steps when nothing gets better."""

from __future__ import annotations

from typing import Any

from fastnn.callbacks.callback import Logs
from fastnn.callbacks.monitor_callback import MonitorCallback, available
from fastnn.utils.progress import print_message
from fastnn.warnings import TrainingWarning, warn


class ReduceLROnPlateau(MonitorCallback):
    """Reduces the learning rate when a loss or metric has stopped getting better. Adds `learning_rate` to the logs.

    Args:
        monitor: Name of the loss or metric, as in the logs.
        factor: What the learning rate is multiplied by; less than 1.
        patience: Number of epochs without a better value after which it is reduced.
        verbose: 1 says when it reduces, 0 does not.
        mode: `"min"` where less is better, `"max"` where more is, `"auto"` to tell from the metric.
        min_delta: By how much a value must be better to count as better.
        cooldown: Number of epochs after a reduction in which nothing is counted.
        min_lr: The least learning rate.

    Raises:
        ValueError: `factor` is not between 0 and 1.

    Example:

    >>> callback = ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=0.001)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if not 0 <= factor < 1:
            raise ValueError(f"Argument `factor` must be at least 0 and less than 1. Received: factor={factor!r}")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.cooldown_counter = 0
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether a reduction is so recent that nothing is counted."""
        return self.cooldown_counter > 0

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "cooldown_counter": self.cooldown_counter, "wait": self.wait}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        current = logs.get(self.monitor)
        if current is None:
            warn(
                f"Learning rate reduction watches the metric `{self.monitor}`, which is not available. "
                f"Available metrics: {available(logs)}",
                TrainingWarning,
            )
        optimizer = self.model.optimizer
        logs["learning_rate"] = float(optimizer.learning_rate)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(optimizer, epoch):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def _reduce(self, optimizer: Any, epoch: int) -> bool:
        old = float(optimizer.learning_rate)
        if old <= self.min_lr:
            return False
        new = max(old * self.factor, self.min_lr)
        optimizer.learning_rate = new
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        return True
