"""Progress as tqdm shows it: a widget in a notebook, a bar on a terminal."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.callbacks.callback import Logs
from fastnn.callbacks.progress_callback import ProgressCallback


class TqdmCallback(ProgressCallback):
    """Shows the progress of `fit`, `evaluate` and `predict` by tqdm, in place of the usual lines.

    One bar counts the epochs, one the steps of the epoch that runs; both show losses and metrics. It listens to no
    batches, so training stays in compiled code. Beyond Keras; it comes with the extra `tqdm`.

    Args:
        steps: Whether to show the bar of steps.
        **kwargs: Arguments of tqdm, for both bars: `ncols`, `file`, `colour`, ...

    Raises:
        ImportError: When something begins: tqdm is not installed.

    Example:

    >>> import io
    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> shown = io.StringIO()
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=3, callbacks=[TqdmCallback(file=shown)])
    >>> "3/3" in shown.getvalue()
    True
    """

    def __init__(self, steps: bool = True, **kwargs: Any) -> None:
        super().__init__()
        self.steps = bool(steps)
        self.settings = kwargs
        self._epochs: Any = None  # the bars
        self._steps: Any = None
        self._in_fit = False

    def _bar(self, what: str, total: int | None, **settings: Any) -> Any:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError(
                "TqdmCallback needs tqdm. Install the extra: python -m pip install 'fastnn-cpu[tqdm]'"
            ) from error
        return tqdm(total=total, unit=what, **{**settings, **self.settings})

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        self._in_fit = True
        self._epochs = self._bar("epoch", (self.params or {}).get("epochs"))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self._epochs is not None and epoch > self._epochs.n:  # those before `initial_epoch`
            self._epochs.update(epoch - self._epochs.n)
        self._begin_steps(leave=False)

    def on_progress(self, step: int, logs: Logs | None = None) -> None:
        if self._steps is not None:
            self._steps.set_postfix(_shown(logs), refresh=False)
            self._steps.update(step - self._steps.n)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._end_steps()
        if self._epochs is not None:
            self._epochs.set_postfix(_shown(logs), refresh=False)
            self._epochs.update(1)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False
        self._close()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._begin_steps(leave=True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._end_steps(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin_steps(leave=True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end_steps()

    def _begin_steps(self, leave: bool) -> None:
        if self.steps:
            self._steps = self._bar("step", (self.params or {}).get("steps"), leave=leave)

    def _end_steps(self, logs: Logs | None = None) -> None:
        if self._steps is not None:
            if logs:
                self._steps.set_postfix(_shown(logs), refresh=False)
            if self._steps.total is not None:
                self._steps.update(self._steps.total - self._steps.n)
            self._steps.close()
            self._steps = None

    def _close(self) -> None:
        for bar in (self._steps, self._epochs):
            if bar is not None:
                bar.close()
        self._steps = self._epochs = None


def _shown(logs: Logs | None) -> dict[str, float]:
    """The losses and metrics as numbers; those of each class or threshold by their mean, as in the usual lines."""
    return {name: float(np.mean(value)) for name, value in (logs or {}).items()}
