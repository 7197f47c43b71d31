"""The history of a training, written to a file line by line."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from fastnn.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes the losses and metrics of every epoch to a file of comma-separated values; `NA` where there is none.

    Args:
        filename: The file.
        separator: What stands between two values.
        append: Whether to go on where the file ends, instead of writing it anew.

    Example:

    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "log.csv")
    >>> callback = CSVLogger(name)
    >>> callback.on_train_begin()
    >>> callback.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.75})
    >>> callback.on_train_end()
    >>> with open(name) as file:
    ...     print(file.read())
    epoch,accuracy,loss,val_accuracy,val_loss
    0,0.75,0.5,NA,NA
    <BLANKLINE>
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._file: Any = None
        self._writer: Any = None
        self._keys: list[str] = []
        self._headed = False  # whether the file has its line of names
        self._kept: int | None = None  # bytes that stay of a file that was there, once the first line is written

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._headed = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._file = open(self.filename, "a", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = None
        self._kept = None if self.append else 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        self._cut()
        if self._writer is None:
            self._keys = self._keys if self._headed and self._keys else _columns(logs)
            self._writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
            if not self._headed:
                self._writer.writerow(["epoch", *self._keys])
        values = [logs.get(key, "NA") for key in self._keys]
        self._writer.writerow([epoch, *(_written(value) for value in values)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._file is not None:
            self._cut()
            self._file.close()
        self._file = self._writer = None
        self._keys = []

    def _cut(self) -> None:
        if self._kept is not None:
            self._file.truncate(self._kept)
        self._kept = None

    def get_state(self) -> dict[str, Any]:
        return {"size": os.path.getsize(self.filename), "keys": self._keys}

    def set_state(self, state: dict[str, Any]) -> None:
        self._kept = min(state["size"], os.path.getsize(self.filename))  # what was written later is written again
        self._headed, self._keys = self._kept > 0, state["keys"]


def _columns(logs: Logs) -> list[str]:
    """Those of the file: of validation, too, which may only come in later epochs."""
    keys = sorted(logs)
    return keys if any(key.startswith("val_") for key in keys) else [*keys, *(f"val_{key}" for key in keys)]


def _written(value: Any) -> Any:
    """Arrays, of a metric that has a result for each class, as one field."""
    return value if np.ndim(value) == 0 else "[" + ", ".join(map(str, np.ravel(value).tolist())) + "]"
