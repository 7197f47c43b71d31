"""What became of each epoch."""

from __future__ import annotations

from typing import Any

from fastnn.callbacks.callback import Callback, Logs


class History(Callback):
    """Keeps the losses and metrics of every epoch. `fit` adds one by itself, and returns it.

    Attributes:
        epoch: Numbers of the epochs.
        history: The values of each loss and metric, one for each epoch, by name.
        params: What was run: `"verbose"`, `"epochs"` and `"steps"` (in an epoch).

    Example:

    >>> history = History()
    >>> history.on_train_begin()
    >>> history.on_epoch_end(0, {"accuracy": 0.5, "loss": 0.7})
    >>> history.history["loss"]
    [0.7]
    >>> history
    <History of 1 epoch: accuracy=0.5, loss=0.7>
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def get_state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "history": self.history}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch, self.history = state["epoch"], state["history"]

    def __repr__(self) -> str:
        count = len(self.epoch)
        last = ", ".join(
            f"{name}={values[-1]:.4g}" if isinstance(values[-1], float) else f"{name}={values[-1]}"
            for name, values in self.history.items()
        )
        return f"<History of {count} epoch{'' if count == 1 else 's'}{': ' if last else ''}{last}>"
