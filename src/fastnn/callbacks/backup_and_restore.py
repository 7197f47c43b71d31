"""Training that a crash does not end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from fastnn import random
from fastnn._log import INFO, log
from fastnn.callbacks.callback import Callback, Logs
from fastnn.callbacks.model_checkpoint import checked_frequency
from fastnn.files import FileError, sync_folder, tensors, trusting_nothing
from fastnn.files.tensors import TensorFile
from fastnn.state import collected, named_slots, named_weights, set_streams, trees
from fastnn.warnings import FileWarning, warn


class BackupAndRestore(Callback):
    """Backs training up, and goes on from there where `fit` is called again after a crash: with the same bits.

    The backup holds weights, the optimizer's state, the order of the samples, the three random generators that
    `utils.set_random_seed` seeds, the streams of layers such as `Dropout`, losses and metrics in the midst of an epoch,
    and what other callbacks give it from `get_state` (of fastnn's own, all that remember anything: `EarlyStopping`,
    `ReduceLROnPlateau`, `ModelCheckpoint`, `CSVLogger`, `History`, ...). So a script that is killed, and run again,
    ends with the weights, the history and the decisions that it had ended with. What yields batches must yield the
    same ones again: those before the backup are read and skipped. The callback is called after all others, wherever it
    stands.

    Args:
        backup_dir: Folder for the backup. It is one training's own.
        save_freq: `"epoch"`, or a number of batches. Counting batches costs speed: Python runs between any two.
        double_checkpoint: Whether to keep the backup before the last too, for a last one that got damaged.
        delete_checkpoint: Whether to delete the backup when training is done.

    Raises:
        ValueError: An argument has no sense; or, in training, the backup is another model's.
        FileError: In training, where the backup is damaged.

    Example:

    >>> callback = BackupAndRestore("backup", delete_checkpoint=False)
    """

    comes_last = True

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError(f"Argument `backup_dir` must name a folder. Received: backup_dir={backup_dir!r}")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = checked_frequency(save_freq)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.others: list[Callback] = []  # set by the list of callbacks that this one is in
        self._batches = 0
        self._due = False
        self._amid: TensorFile | None = None  # a backup from the midst of an epoch, to go on with when that begins
        tensors.library()
        if self.save_freq != "epoch":  # only then does anyone listen to batches
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]

    @property
    def path(self) -> str:
        """The backup."""
        return os.path.join(self.backup_dir, "latest.safetensors")

    @property
    def previous_path(self) -> str:
        """The backup before the last."""
        return os.path.join(self.backup_dir, "previous.safetensors")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches, self._due, self._amid = 0, False, None
        file = self._newest()
        if file is None:
            return
        self._restore(file)
        if self.model.run.done:
            self._amid = file

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self._amid is not None:  # what callbacks do when an epoch begins, they had done when it was left
            self._restore(self._amid)
            self._amid = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch" or self._due:
            self._save()

    def _on_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches >= self.save_freq:
            self._batches = 0
            run = self.model.run
            if run.done == run.source.steps:  # the epoch ends with this batch, and a backup is smaller then
                self._due = True
            else:
                self._save()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if not self.delete_checkpoint:
            return
        for path in (self.path, self.previous_path):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        with contextlib.suppress(OSError):  # others may keep something there
            os.rmdir(self.backup_dir)

    def get_state(self) -> dict[str, Any]:
        return {"batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        self._batches = state["batches"]

    # --- files ---

    def _save(self) -> None:
        self._due = False
        arrays, document = collected(self.model, "backup")
        states = [[type(callback).__name__, callback.get_state()] for callback in self._all()]
        whole = {
            "run": self.model.run.get_state(),
            "stop_training": bool(self.model.stop_training),
            "random": random.random_state(),
            "callbacks": states,
        }
        document["training"] = trees.split(whole, "training", arrays)
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and os.path.exists(self.path):
            os.replace(self.path, self.previous_path)
            sync_folder(self.backup_dir)
        tensors.write(self.path, arrays, document)

    def _newest(self) -> TensorFile | None:
        """The backup, or the one before where that is damaged; `None` where there is none."""
        for path in (self.path, self.previous_path):
            try:
                file = TensorFile(path)
                for name in file.names:
                    file.array(name, copied=True)
            except FileNotFoundError:
                continue
            except FileError as error:
                if path == self.previous_path or not os.path.exists(self.previous_path):
                    raise
                warn(f"{error}. The backup before it is used.", FileWarning)
                continue
            return file
        return None

    def _restore(self, file: TensorFile) -> None:
        """Takes everything from a backup: weights last, so that a damaged one leaves the model as it is."""
        model = self.model
        with trusting_nothing(file.path):
            document = file.document
            if document.get("kind") != "backup":
                raise FileError(file.path, "it is no backup")
            state = trees.join(document["training"], lambda name: file.array(name, copied=True))
            names, slot_names = document["weights"], document["optimizer"]["variables"]
            arrays = [file.array(name, copied=True) for name in [*names, *slot_names]]
            built = document["optimizer"]["built"]
        weights = named_weights(model)
        if built:
            model.optimizer.build(model.trainable_variables)
        slots = named_slots(model.optimizer, weights)
        variables = [*weights.values(), *slots.values()]
        fitting = len(names) == len(weights) and len(slot_names) == len(slots)
        if not fitting or any(array.shape != v.shape for array, v in zip(arrays, variables, strict=True)):
            raise ValueError(
                "The model and its optimizer must be those of the backup. Received: others than the backup "
                f"{file.path!r} has; delete it to begin anew"
            )
        with trusting_nothing(file.path):
            random.set_random_state(state["random"])
            set_streams(model, document["streams"])
            model.run.set_state(state["run"])
            waiting = list(self._all())
            for name, own in state["callbacks"]:
                found = next((callback for callback in waiting if type(callback).__name__ == name), None)
                if found is not None:
                    waiting.remove(found)
                    found.set_state(own)
            random.set_random_state(state["random"])  # after batches that were skipped
        if state["stop_training"]:  # a callback had ended training, and only its end was missing
            model.run.epoch = (self.params or {}).get("epochs", model.run.epoch)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        log(
            INFO,
            "training goes on from epoch %d, batch %d, as %s has it",
            model.run.epoch + 1,
            model.run.done,
            file.path,
        )

    def _all(self) -> Iterator[Callback]:
        yield self
        yield from (callback for callback in self.others if callback is not self)
