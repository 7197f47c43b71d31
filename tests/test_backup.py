"""Training that is killed and run again ends as training that never was: weights, slots, history, decisions."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import Sequential, callbacks, layers, saving, utils

SCRIPT = '''
import sys
import numpy as np
from fastnn import Sequential, callbacks, layers, optimizers, utils

folder, save_freq, kind = sys.argv[1], sys.argv[2], sys.argv[3]
utils.set_random_seed(5)
model = Sequential([
    layers.Input((6,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.3),
    layers.GaussianNoise(0.1), layers.Dense(3, "softmax"),
])
schedule = optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
model.compile(optimizers.Adam(schedule if kind == "schedule" else 0.02, gradient_accumulation_steps=2, use_ema=True),
              "sparse_categorical_crossentropy", metrics=["accuracy", "sparse_categorical_crossentropy"])
rng = np.random.default_rng(1)
x = rng.normal(size=(90, 6)).astype("float32")
y = (np.abs(x).argmax(axis=1) % 3)

class Noisy(utils.PyDataset):
    """Augments with NumPy's global generator."""
    def __len__(self):
        return 6
    def __getitem__(self, at):
        part = slice(15 * at, 15 * at + 15)
        return x[part] + 0.01 * np.random.normal(size=(15, 6)), y[part]

def generator():
    own = np.random.default_rng(3)
    while True:
        part = own.integers(0, 90, 15)
        yield x[part], y[part]

watching = [
    callbacks.EarlyStopping("val_loss", patience=6, restore_best_weights=True),
    callbacks.ModelCheckpoint(folder + "/best.safetensors", save_best_only=True, monitor="val_loss"),
    callbacks.CSVLogger(folder + "/log.csv"),
    callbacks.BackupAndRestore(folder + "/backup", save_freq="epoch" if save_freq == "epoch" else int(save_freq)),
]
if kind != "schedule":
    watching.append(callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=0.02))
    watching.append(callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.97))
given = dict(x=x, y=y, batch_size=15)
if kind == "dataset":
    given = dict(x=Noisy())
if kind == "generator":
    given = dict(x=generator(), steps_per_epoch=7)
history = model.fit(**given, epochs=14, validation_data=(x[:30], y[:30]), callbacks=watching, verbose=0)
np.savez(folder + "/end.npz", *model.get_weights(), *[v.numpy() for v in model.optimizer.variables],
         *[np.array(v) for _, v in sorted(history.history.items())])
'''
KINDS = ("schedule", "arrays", "dataset", "generator")


def run(folder: Path, save_freq: str, kind: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), save_freq, kind])


def ended(folder: Path) -> tuple[list[np.ndarray], str]:
    with np.load(folder / "end.npz") as arrays:
        return [arrays[name] for name in arrays.files], (folder / "log.csv").read_text()


@pytest.mark.parametrize("kind, save_freq", [*zip(KINDS, ["epoch", "epoch", "4", "4"], strict=True), ("arrays", "4")])
def test_killed_at_random(tmp_path: Path, kind: str, save_freq: str) -> None:
    assert run(tmp_path / "whole", "epoch", kind).wait() == 0
    draw = random.Random(f"{kind} {save_freq}")
    for _ in range(4):
        process = run(tmp_path / "killed", save_freq, kind)
        backup = tmp_path / "killed" / "backup" / "latest.safetensors"
        while not backup.exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.03))
        process.kill()
        if process.wait() == 0:  # it was done
            break
    assert process.returncode == 0 or run(tmp_path / "killed", save_freq, kind).wait() == 0
    (expected, log), (received, log_again) = ended(tmp_path / "whole"), ended(tmp_path / "killed")
    for one, other in zip(expected, received, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert log == log_again
    assert not backup.exists()


class Crash(Exception):
    pass


def crash(at: int) -> Any:
    """Raises in epoch `at`, after its batches."""

    def raising(epoch: int, logs: Any) -> None:
        if epoch == at:
            raise Crash

    return callbacks.LambdaCallback(on_epoch_end=raising)


X = np.random.default_rng(2).normal(size=(40, 3)).astype("float32")


def network(units: int = 4, seed: int = 1) -> Any:
    utils.set_random_seed(seed)
    model = Sequential([layers.Input((3,)), layers.Dense(units, "tanh", name="a"), layers.Dense(1, name="b")])
    model.compile("adam", "mse")
    return model


def fit(model: Any, *watching: Any, epochs: int = 6) -> Any:
    return model.fit(X, X[:, :1] ** 2, epochs=epochs, callbacks=list(watching), verbose=0)


def test_another_run_goes_on(tmp_path: Path) -> None:
    whole = network()
    expected = fit(whole)
    with pytest.raises(Crash):
        fit(network(), crash(3), callbacks.BackupAndRestore(tmp_path / "b"))
    again = network(seed=9)  # whatever it starts from
    seen: list[int] = []
    history = fit(
        again,
        callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False),
        callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch)),
    )
    assert seen == [3, 4, 5]
    assert history.history == expected.history
    assert history.epoch == list(range(6))
    for one, other in zip(again.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    # Nothing is left to do, and the backup stays.
    assert fit(again, callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)).history == expected.history


def test_training_that_was_stopped_is_not_gone_on_with(tmp_path: Path) -> None:
    class Ends(callbacks.Callback):
        def on_train_end(self, logs: Any = None) -> None:
            raise Crash

    stopping = callbacks.EarlyStopping("loss", min_delta=10.0, patience=2, restore_best_weights=True)
    with pytest.raises(Crash):
        fit(network(), stopping, callbacks.BackupAndRestore(tmp_path / "b"), Ends())
    again = network(seed=9)
    stopping = callbacks.EarlyStopping("loss", min_delta=10.0, patience=2, restore_best_weights=True)
    history = fit(again, stopping, callbacks.BackupAndRestore(tmp_path / "b"))
    assert history.epoch == [0, 1, 2]
    whole = network()
    fit(whole, callbacks.EarlyStopping("loss", min_delta=10.0, patience=2, restore_best_weights=True))
    for one, other in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_backup_gives_way_to_the_one_before(tmp_path: Path) -> None:
    def backup() -> Any:
        return callbacks.BackupAndRestore(tmp_path, double_checkpoint=True)

    with pytest.raises(Crash):
        fit(network(), crash(3), backup())
    damaged = (tmp_path / "latest.safetensors").read_bytes()
    (tmp_path / "latest.safetensors").write_bytes(damaged[:-40] + bytes(40))
    with pytest.warns(UserWarning, match="The backup before it is used"):
        history = fit(network(), backup())
    assert history.history == fit(network()).history
    tmp_path.mkdir()
    (tmp_path / "latest.safetensors").write_bytes(damaged[:-40] + bytes(40))
    with pytest.raises(saving.FileError, match="damaged"):
        fit(network(), backup())


def test_the_backup_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Crash):
        fit(network(), crash(2), callbacks.BackupAndRestore(tmp_path))
    other = network(units=5)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"must be those of the backup. Received: others"):
        fit(other, callbacks.BackupAndRestore(tmp_path))
    for one, kept in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, kept)


@pytest.mark.parametrize("save_freq", ["batch", 0, True, 1.5])
def test_frequencies(save_freq: Any) -> None:
    with pytest.raises(ValueError, match="`save_freq`"):
        callbacks.BackupAndRestore("b", save_freq=save_freq)
    with pytest.raises(ValueError, match="`save_freq`"):
        callbacks.ModelCheckpoint("b.safetensors", save_freq=save_freq)


def test_epochs_without_batches_stay_without() -> None:
    for quiet in (callbacks.BackupAndRestore("b"), callbacks.ModelCheckpoint("b.safetensors")):
        assert not callbacks.CallbackList(quiet).wants_train_batches
    assert callbacks.CallbackList(callbacks.BackupAndRestore("b", save_freq=3)).wants_train_batches
    with pytest.raises(ValueError, match="`backup_dir`"):
        callbacks.BackupAndRestore("")


def test_callbacks_of_ones_own_are_asked(tmp_path: Path) -> None:
    class Counts(callbacks.Callback):
        seen = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seen += 1

        def get_state(self) -> dict[str, Any]:
            return {"seen": self.seen, "half": np.full(2, self.seen / 2)}

        def set_state(self, state: dict[str, Any]) -> None:
            self.seen = state["seen"]
            np.testing.assert_array_equal(state["half"], self.seen / 2)

    with pytest.raises(Crash):
        fit(network(), callbacks.BackupAndRestore(tmp_path), Counts(), crash(4))
    counts = Counts()
    fit(network(), callbacks.BackupAndRestore(tmp_path), counts)
    assert counts.seen == 6


# --- ModelCheckpoint


def test_a_file_for_each_epoch(tmp_path: Path) -> None:
    model = network()
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}-{loss:.3f}.safetensors")
    history = fit(model, checkpoint, epochs=3)
    names = [f"{at:02d}-{loss:.3f}.safetensors" for at, loss in enumerate(history.history["loss"], 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    last = saving.load_model(tmp_path / names[-1])
    np.testing.assert_array_equal(last.predict(X, verbose=0), model.predict(X, verbose=0))
    assert last.optimizer.iterations == model.optimizer.iterations


def test_only_the_best(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "new folder" / "best.safetensors"
    values = iter([3.0, 2.0, 4.0, float("nan"), 1.0])

    class Gives(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["watched"] = next(values)

    written: list[int] = []

    class Looks(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            written.append(saving.load_model(path).optimizer.iterations // 2 if path.exists() else 0)

    best = callbacks.ModelCheckpoint(path, "watched", 1, True, mode="min", initial_value_threshold=2.5)
    fit(network(), Gives(), best, Looks(), epochs=5)
    assert written == [0, 2, 2, 2, 5]
    shown = capsys.readouterr().out
    assert "Epoch 1: watched did not improve from 2.50000" in shown
    assert f"Epoch 2: watched improved from 2.50000 to 2.00000, saving model to {path}" in shown
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available"):
        fit(network(), callbacks.ModelCheckpoint(path, save_best_only=True), epochs=1)


def test_weights_by_batches(tmp_path: Path) -> None:
    model = network()
    checkpoint = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{batch}.safetensors", save_weights_only=True, save_freq=3
    )
    fit(model, checkpoint, epochs=3)  # of two batches
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2-1.safetensors", "3-2.safetensors"]
    again = network(seed=7)
    again.load_weights(tmp_path / "3-2.safetensors")
    for one, other in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_of_files(tmp_path: Path) -> None:
    for name, weights_only in (("a.txt", False), ("a.weights.h5", False), ("a.keras", True)):
        with pytest.raises(ValueError, match="`filepath` must end in"):
            callbacks.ModelCheckpoint(name, save_weights_only=weights_only)
    with pytest.raises(KeyError, match="'auc', which is not in the logs"):
        fit(network(), callbacks.ModelCheckpoint("{auc}.safetensors"))
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(IsADirectoryError):
        fit(network(), callbacks.ModelCheckpoint(tmp_path / "a.safetensors"))
