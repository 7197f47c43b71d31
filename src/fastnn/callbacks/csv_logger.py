"""The history of a training, written to a file line by line."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from fastnn.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes the losses and metrics of every epoch to a file of comma-separated values.

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
    epoch,accuracy,loss
    0,0.75,0.5
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

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._headed = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self._writer is None:
            self._keys = sorted(logs)
            self._writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
            if not self._headed:
                self._writer.writerow(["epoch", *self._keys])
        values = [logs.get(key, "NA") for key in self._keys]
        self._writer.writerow([epoch, *(_written(value) for value in values)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


def _written(value: Any) -> Any:
    """Arrays, of a metric that has a result for each class, as one field."""
    return value if np.ndim(value) == 0 else "[" + ", ".join(map(str, np.ravel(value).tolist())) + "]"
