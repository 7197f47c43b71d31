"""Stopping when nothing gets better."""

from __future__ import annotations

from typing import Any

from fastnn.callbacks.callback import Logs
from fastnn.callbacks.monitor_callback import MonitorCallback, available
from fastnn.utils.progress import print_message
from fastnn.warnings import TrainingWarning, warn


class EarlyStopping(MonitorCallback):
    """Stops training when a loss or metric has stopped getting better.

    (Prechelt 1998, "Early Stopping - But When?".)

    Args:
        monitor: Name of the loss or metric, as in the logs.
        min_delta: By how much a value must be better to count as better.
        patience: Number of epochs without a better value after which training stops.
        verbose: 1 says when it stops, 0 does not.
        mode: `"min"` where less is better, `"max"` where more is, `"auto"` to tell from the metric.
        baseline: Training stops, too, unless the value gets better than this within `patience` epochs.
        restore_best_weights: Whether the model gets back, at the end, its weights of the best epoch.
        start_from_epoch: Number of epochs before it starts to watch.

    Attributes:
        stopped_epoch: Number of the epoch at whose end training was stopped, or 0.
        best: The best value.
        best_epoch: Number of its epoch.

    Example:

    >>> callback = EarlyStopping(monitor="loss", patience=3)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()  # one callback may serve several calls of fit

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            # The baseline must be beaten too before patience starts anew.
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_message(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_message(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        kept = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")
        return {name: getattr(self, name) for name in kept}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """Returns the watched value, or `None` (with a warning) where the logs do not have it."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warn(
                f"Early stopping watches the metric `{self.monitor}`, which is not available. "
                f"Available metrics: {available(logs)}",
                TrainingWarning,
            )
        return value
