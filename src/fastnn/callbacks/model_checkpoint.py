"""Files of the model, now and then, while it is trained."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastnn.callbacks.callback import Logs
from fastnn.callbacks.monitor_callback import MonitorCallback
from fastnn.files import hdf5, tensors
from fastnn.utils.progress import print_message
from fastnn.warnings import TrainingWarning, warn

_WEIGHTS = (".weights.h5", ".safetensors")
_MODELS = (".keras", ".safetensors")


class ModelCheckpoint(MonitorCallback):
    """Writes the model, or its weights, to a file: after every epoch, or every so many batches, or when it got better.

    A file is written whole or not at all: a crash leaves what was there before.

    Args:
        filepath: The file. `{epoch}` in it, `{batch}` and names of the logs become their values, as in
            `"{epoch:02d}-{val_loss:.2f}.safetensors"`. Ends in `.safetensors` or, for Keras, in `.keras`
            (`.weights.h5` for weights alone).
        monitor: Name of the loss or metric, as in the logs.
        verbose: 1 says what it writes, 0 does not.
        save_best_only: Whether to write only what is better than all before.
        save_weights_only: Whether to write weights alone.
        mode: `"min"` where less is better, `"max"` where more is, `"auto"` to tell from the metric.
        save_freq: `"epoch"`, or a number of batches. Counting batches costs speed: Python runs between any two.
        initial_value_threshold: The value to be better than at first.

    Raises:
        ValueError: An argument has no sense.
        ImportError: The library for the file is not installed; better now than after the first epoch.

    Example:

    >>> callback = ModelCheckpoint("best.safetensors", monitor="loss", save_best_only=True)
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = checked_frequency(save_freq)
        endings = _WEIGHTS if save_weights_only else _MODELS
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"Argument `filepath` must end in {' or '.join(map(repr, endings))} with "
                f"save_weights_only={save_weights_only}. Received: filepath={self.filepath!r}"
            )
        if self.filepath.endswith(".safetensors"):
            tensors.library()
        else:
            hdf5.library()
        self._epoch = 0
        self._batches = 0  # since it last wrote
        if self.save_freq != "epoch":  # only then does anyone listen to batches
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _on_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save(self._epoch, batch, logs or {})

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self._batches = state["best"], state["batches"]

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._wants(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise IsADirectoryError(f"Argument `filepath` must be a file's, not a folder's. Received: {path!r}")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        known = {**logs, "epoch": epoch + 1}
        if batch is not None:
            known.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**known)
        except KeyError as error:
            raise KeyError(
                f"Argument `filepath` names {error}, which is not in the logs. Received: filepath={self.filepath!r}, "
                f"logs of {sorted(known)}"
            ) from None

    def _wants(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            if self.verbose > 0:
                print_message(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            warn(f"Can save best model only with {self.monitor} available.", TrainingWarning)
            return True
        if np.ndim(current) > 0:
            warn(
                "Can save best model only when `monitor` is a scalar value. "
                f"Received: {current}. Falling back to `save_best_only=False`.",
                TrainingWarning,
            )
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        better = self._is_improvement(current, self.best)
        if self.verbose > 0:
            said = f"improved from {before} to {current:.5f}, saving model to {path}"
            said = said if better else f"did not improve from {before}"
            print_message(f"\nEpoch {epoch + 1}: {self.monitor} {said}")
        if better:
            self.best = current
        return better


def checked_frequency(save_freq: Any) -> Any:
    """`"epoch"` or a number of batches; raises `ValueError` for anything else."""
    number = isinstance(save_freq, (int, np.integer)) and not isinstance(save_freq, bool) and save_freq >= 1
    if save_freq != "epoch" and not number:
        raise ValueError(
            f"Argument `save_freq` must be 'epoch' or a positive number of batches. Received: save_freq={save_freq!r}"
        )
    return save_freq
