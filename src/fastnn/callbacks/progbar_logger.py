"""The progress lines of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import Any

from fastnn.callbacks.callback import Logs
from fastnn.callbacks.progress_callback import ProgressCallback
from fastnn.utils.progress import Progbar, can_redraw, print_message


class ProgbarLogger(ProgressCallback):
    """Shows progress, losses and metrics on standard output. `fit`, `evaluate` and `predict` add one by themselves.

    With `verbose=1` (or `"auto"`) a bar is drawn in place while an epoch runs, where standard output is a terminal or
    a notebook; elsewhere there is one plain line for each epoch. With `verbose=2` there is one line without a bar.
    Drawing does not listen to batches: the loop calls `on_progress` now and then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.epochs = 1
        self.target: int | None = None
        self.progbar: Progbar | None = None
        self._in_fit = False
        self._seen = 0

    def set_params(self, params: dict[str, Any] | None) -> None:
        super().set_params(params)
        params = params or {}
        verbose = params.get("verbose", 1)
        if isinstance(verbose, str) and verbose == "auto":
            verbose = 1
        if not isinstance(verbose, int) or verbose not in (0, 1, 2):
            raise ValueError(f"Argument `verbose` must be 0, 1, 2 or 'auto'. Received: verbose={verbose!r}")
        self.verbose = int(verbose)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    @property
    def draws(self) -> bool:
        """Whether anything is drawn before the end of a line."""
        return self.verbose == 1 and can_redraw()

    def on_progress(self, step: int, logs: Logs | None = None) -> None:
        self._seen = step
        if self.progbar is not None and self.verbose == 1:
            self.progbar.update(step, (logs or {}).items(), finalize=False)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.verbose and self.epochs > 1:
            print_message(f"Epoch {epoch + 1}/{self.epochs}")
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._in_fit:  # the validation of an epoch is part of its line
            self._start()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._start()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(logs)

    def _start(self) -> None:
        self._seen = 0
        # The values are those of the whole epoch so far. Whoever calls says how often: a shorter interval drops none.
        self.progbar = Progbar(self.target, verbose=self.verbose, interval=0.02, stateless_metrics=())

    def _finish(self, logs: Logs | None) -> None:
        if self.progbar is None:
            return
        if self.target is None:
            self.progbar.target = self.target = self._seen
        self.progbar.update(self.target, (logs or {}).items(), finalize=True)
        self.progbar = None
