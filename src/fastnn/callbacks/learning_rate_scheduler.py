"""A learning rate for each epoch, from a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.callbacks.callback import Callback, Logs
from fastnn.utils.progress import print_message


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch. Adds `learning_rate` to the logs.

    Args:
        schedule: A function of the epoch's number (from 0) and the learning rate so far, or of the epoch's number
            alone, that returns the new learning rate.
        verbose: 1 says what it sets, 0 does not.

    Raises:
        ValueError: In training, where `schedule` returns something that is not a number.

    Example:

    >>> def schedule(epoch, learning_rate):
    ...     return learning_rate if epoch < 10 else learning_rate * 0.9
    >>> callback = LearningRateScheduler(schedule)
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"Argument `schedule` must be callable. Received: schedule={schedule!r}")
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
        if np.ndim(rate) != 0 or np.asarray(rate).dtype.kind not in "iuf":
            raise ValueError(f"The function `schedule` must return a float. Received: {rate!r}")
        rate = float(rate)
        optimizer.learning_rate = rate
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a function in C that does not tell
        return True
    return True
