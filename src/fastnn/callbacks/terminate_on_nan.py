"""Stopping when the loss is no number any more."""

from __future__ import annotations

import math

from fastnn.callbacks.callback import Callback, Logs
from fastnn.utils.progress import print_message


class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite.

    It looks at the end of each epoch. The loss of an epoch is the mean over its batches, and one batch without a
    finite loss is enough to leave it without one, so none is missed; and the epochs run without Python in between.

    Args:
        raise_error: Whether to raise an error instead, so that `on_train_end` of the callbacks is not called.

    Raises:
        RuntimeError: In training, where `raise_error` is set and the loss is NaN or infinite.

    Example:

    >>> callback = TerminateOnNaN()
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"The loss is NaN or infinite at the end of epoch {epoch + 1}. Received: loss={loss}")
        print_message(f"Epoch {epoch + 1}: Invalid loss, terminating training")
        self.model.stop_training = True
