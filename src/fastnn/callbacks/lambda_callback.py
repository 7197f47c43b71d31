"""Callbacks from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Makes a callback of functions.

    Args:
        on_epoch_begin: Called with `epoch, logs` before each epoch.
        on_epoch_end: Called with `epoch, logs` after each epoch.
        on_train_begin: Called with `logs` before training.
        on_train_end: Called with `logs` after training.
        on_train_batch_begin: Called with `batch, logs=logs` before each batch.
        on_train_batch_end: Called with `batch, logs=logs` after each batch.
        **kwargs: Functions for any other hook of `Callback`, by the hook's name.

    Raises:
        TypeError: There is no hook of a name, or what came for it cannot be called.

    Example:

    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any],
    ) -> None:
        super().__init__()
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in functions.items():
            if not name.startswith(("on_", "set_")) or not hasattr(Callback, name):
                raise TypeError(f"A callback has no hook of this name. Received: {name}={function!r}")
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"Argument `{name}` must be callable. Received: {name}={function!r}")
            setattr(self, name, function)
