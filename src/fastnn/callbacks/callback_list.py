"""Several callbacks that are called as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastnn.callbacks.callback import Callback, Logs, overrides
from fastnn.callbacks.history import History
from fastnn.callbacks.progbar_logger import ProgbarLogger
from fastnn.callbacks.progress_callback import ProgressCallback


class CallbackList(Callback):
    """Calls several callbacks as one, and knows which hooks anyone listens to.

    A loop of one's own may use it as `fit` does. It need not call the hooks for batches unless `wants_train_batches`
    (or `wants_test_batches`, `wants_predict_batches`) says so, nor `on_progress` unless `wants_progress` does.

    Args:
        callbacks: A callback, or a list of them, or `None`.
        add_history: Whether to add a `History` if there is none.
        add_progbar: Whether to add a `ProgbarLogger` if nothing else shows progress.
        model: The model.
        **params: What is being run: see `Callback`.

    Raises:
        TypeError: Something among `callbacks` is not a callback.

    Example:

    >>> from fastnn.callbacks import LambdaCallback
    >>> seen = []
    >>> listeners = CallbackList(LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"])))
    >>> listeners.wants_train_batches
    False
    >>> listeners.on_epoch_end(0, {"loss": 0.5})
    >>> seen
    [0.5]
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = list(_flatten(callbacks))
        self._history = self._last(History)
        shown = self._last(ProgressCallback)
        # Last, so that they see what the others put into the logs.
        if add_history and self._history is None:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and shown is None:
            self.callbacks.append(ProgbarLogger())
        self._put_in_order()
        self.set_model(model)
        self.set_params(params)

    def _last(self, kind: type) -> Any:
        return next((callback for callback in reversed(self.callbacks) if isinstance(callback, kind)), None)

    def append(self, callback: Callback) -> None:
        """Adds a callback."""
        for added in _flatten(callback):
            self.callbacks.append(added)
            if self._model is not None:
                added.set_model(self._model)
            if self.params:
                added.set_params(self.params)
        self._history = self._last(History)
        self._put_in_order()

    def _put_in_order(self) -> None:
        self.callbacks.sort(key=lambda callback: callback.comes_last)
        for callback in self.callbacks:
            if hasattr(callback, "others"):
                callback.others = self.callbacks

    def set_params(self, params: dict[str, Any] | None) -> None:
        super().set_params(params)
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model: Any) -> None:
        if model is None:
            return
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    @property
    def history(self) -> History | None:
        """The `History` among the callbacks."""
        return self._history

    @property
    def wants_train_batches(self) -> bool:
        """Whether anyone listens to the batches of training."""
        return self._wants("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")

    @property
    def wants_test_batches(self) -> bool:
        """Whether anyone listens to the batches of evaluation and validation."""
        return self._wants("on_test_batch_begin", "on_test_batch_end")

    @property
    def wants_predict_batches(self) -> bool:
        """Whether anyone listens to the batches of prediction."""
        return self._wants("on_predict_batch_begin", "on_predict_batch_end")

    @property
    def wants_progress(self) -> bool:
        """Whether anything is drawn while an epoch, an evaluation or a prediction runs."""
        return any(isinstance(callback, ProgressCallback) and callback.draws for callback in self.callbacks)

    @property
    def may_change_model(self) -> bool:
        """Whether any callback does more than keep and show the logs, and so may change the model or its optimizer."""
        return any(
            type(callback) is not History and not isinstance(callback, ProgressCallback) for callback in self.callbacks
        )

    def _wants(self, *hooks: str) -> bool:
        return any(overrides(callback, hook) for callback in self.callbacks for hook in hooks)

    def on_progress(self, step: int, logs: Logs | None = None) -> None:
        """Draws how far the loop has come. To be called now and then, some twenty times a second.

        Args:
            step: Number of steps done.
            logs: Loss and metrics since the start of the epoch.
        """
        logs = _in_order(logs)
        for callback in self.callbacks:
            if isinstance(callback, ProgressCallback) and callback.draws:
                callback.on_progress(step, logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_batch_begin(batch, logs=logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_test_begin(logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_test_batch_begin(batch, logs=logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs=logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_predict_begin(logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_predict_end(logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_predict_batch_begin(batch, logs=logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _in_order(logs)
        for callback in self.callbacks:
            callback.on_predict_batch_end(batch, logs=logs)


def _in_order(logs: Logs | None) -> Logs:
    """A copy for the callbacks to share and add to, its names in the order that Keras shows them in."""
    return dict(sorted(logs.items())) if logs else {}


def _flatten(callbacks: Any) -> Iterator[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, (list, tuple)):
        for callback in callbacks:
            yield from _flatten(callback)
    elif isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
    elif isinstance(callbacks, Callback):
        yield callbacks
    else:
        hint = " Did you forget to call the class?" if isinstance(callbacks, type) else ""
        raise TypeError(
            "Argument `callbacks` must be a callback, an instance of `fastnn.callbacks.Callback`, or a list of them."
            f"{hint} Received: {callbacks!r}"
        )
