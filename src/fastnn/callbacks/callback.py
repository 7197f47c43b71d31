"""What a callback is: hooks that do nothing until a subclass says what."""

from __future__ import annotations

from typing import Any

Logs = dict[str, Any]


class Callback:
    """Base class of callbacks, which `fit`, `evaluate` and `predict` call as they go.

    A subclass defines the hooks it needs. Those for batches cost speed: where nobody listens to batches, a whole epoch
    runs without Python; a callback that defines one of them brings Python back between any two steps.

    Attributes:
        params: What is being run: `"verbose"`, `"epochs"` and `"steps"` (in an epoch).
        model: The model. A callback ends training with `self.model.stop_training = True`.

    `logs`, which every hook gets, holds the loss and the metrics by name; those of the validation data with `val_`
    before it. What `on_epoch_end` adds to it, the callbacks after it and the history find there.

    Example:

    >>> class Losses(Callback):
    ...     def on_train_begin(self, logs=None):
    ...         self.losses = []
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.losses.append(logs["loss"])
    """

    comes_last = False  # whether the callback is called after all others, wherever it stands

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None

    def set_params(self, params: dict[str, Any] | None) -> None:
        """Takes what is being run: see `params`."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Takes the model."""
        self._model = model

    @property
    def model(self) -> Any:
        return self._model

    def get_state(self) -> dict[str, Any]:
        """What the callback remembers of the epochs so far: for `BackupAndRestore`, to go on in another process.

        A callback that remembers anything between epochs overrides it, and `set_state`.

        Returns:
            Numbers, strings and arrays, in lists and dictionaries.
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes what `get_state` returned, after `on_train_begin`.

        Args:
            state: That; tuples have become lists.
        """

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called before the first epoch of `fit`. `logs` is empty."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called after the last epoch of `fit`.

        Args:
            logs: The losses and metrics of the last epoch.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before each epoch of `fit`. `logs` is empty.

        Args:
            epoch: Number of the epoch, from 0.
            logs: Empty.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after each epoch of `fit`, and after its validation.

        Args:
            epoch: Number of the epoch, from 0.
            logs: Loss and metrics of the epoch, and of the validation data.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of `fit`. `logs` is empty.

        Args:
            batch: Number of the batch in its epoch, from 0.
            logs: Empty.
        """
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of `fit`.

        Args:
            batch: Number of the batch in its epoch, from 0.
            logs: Loss and metrics since the start of the epoch.
        """
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before `evaluate`, and before each validation in `fit`. `logs` is empty."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after `evaluate`, and after each validation in `fit`.

        Args:
            logs: Loss and metrics of the data.
        """

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of `evaluate` and of validation.

        Args:
            batch: Number of the batch, from 0.
            logs: Empty.
        """

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of `evaluate` and of validation.

        Args:
            batch: Number of the batch, from 0.
            logs: Loss and metrics since the start.
        """

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before `predict`. `logs` is empty."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after `predict`. `logs` is empty."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of `predict`.

        Args:
            batch: Number of the batch, from 0.
            logs: Empty.
        """

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of `predict`.

        Args:
            batch: Number of the batch, from 0.
            logs: Empty, or the outputs of the batch.
        """


def overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback does anything at a hook, in its class or as an attribute of its own."""
    method = getattr(callback, hook)
    return getattr(method, "__func__", None) is not getattr(Callback, hook)
