"""Stopping when the weights have come to rest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn._kernels import max_abs_difference
from fastnn.callbacks.callback import Callback, Logs
from fastnn.utils.progress import print_message


class ConvergenceStopping(Callback):
    """Stops training when, over one epoch, no trainable weight or bias has moved by more than `tol`.

    So descent goes on until the weights change by less than a threshold, or the epochs run out. Adds `max_change`, the
    greatest change of any trainable weight over the epoch, to the logs; it keeps a copy of the weights to tell.

    Args:
        tol: The greatest change that counts as none; in the weights' own unit, so it belongs to a learning rate.
        verbose: 1 says when it stops, 0 does not.

    Attributes:
        stopped_epoch: Number of the epoch at whose end training was stopped, or `None`.
        max_change: The greatest change over the last epoch, or `None` before there is one.

    Raises:
        ValueError: `tol` is not a number, or less than 0.

    Example:

    >>> callback = ConvergenceStopping(tol=1e-4)
    """

    def __init__(self, tol: float, verbose: int = 0) -> None:
        super().__init__()
        number = isinstance(tol, (int, float, np.integer, np.floating)) and not isinstance(tol, bool)
        if not number or not 0 <= tol < math.inf:
            raise ValueError(f"Argument `tol` must be a finite number >= 0. Received: tol={tol!r}")
        self.tol = float(tol)
        self.verbose = verbose
        self.stopped_epoch: int | None = None
        self.max_change: float | None = None
        self._before: list[tuple[Any, np.ndarray]] = []  # the weights that this training changes, and their values

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.stopped_epoch = None
        self.max_change = None
        self._before = [(variable, variable.value.copy()) for variable in self.model.trainable_variables]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        change = 0.0
        for variable, before in self._before:
            moved = max_abs_difference(variable.value, before)
            if moved > change or math.isnan(moved):  # a NaN stays: weights that are no numbers have not come to rest
                change = moved
            np.copyto(before, variable.value)
        self.max_change = change
        if logs is not None:
            logs["max_change"] = change
        if change <= self.tol:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def get_state(self) -> dict[str, Any]:
        return {"stopped_epoch": self.stopped_epoch, "max_change": self.max_change, "before": self._before}

    def set_state(self, state: dict[str, Any]) -> None:
        self.stopped_epoch, self.max_change = state["stopped_epoch"], state["max_change"]
        self._before = state["before"]

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._before = []
        if self.stopped_epoch is not None and self.verbose > 0:
            print_message(f"Epoch {self.stopped_epoch + 1}: no weight moved by more than {self.tol:g}, stopping")
