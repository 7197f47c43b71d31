"""Callbacks in `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn.callbacks import (
    Callback,
    ConvergenceStopping,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from fastnn.layers import Dense, Input
from fastnn.models import Sequential
from fastnn.optimizers import SGD
from fastnn.utils import set_random_seed

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]


def make_model(optimizer: Any = "sgd", loss: str = "mse", **arguments: Any) -> Any:
    set_random_seed(1)
    model = Sequential([Input((3,)), Dense(4, activation="tanh"), Dense(1)])
    model.compile(optimizer=optimizer, loss=loss, **arguments)
    return model


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(50, 3))
    return x, x @ np.array([[1.0], [-2.0], [0.5]]) + 0.1 * rng.normal(size=(50, 1))


def test_hooks_in_order(data: tuple[np.ndarray, np.ndarray]) -> None:
    calls: list[str] = []
    recorder = LambdaCallback(**{hook: lambda *args, _hook=hook, **kwargs: calls.append(_hook[3:]) for hook in HOOKS})
    model = make_model()
    model.fit(*data, batch_size=25, validation_data=data, verbose=0, callbacks=recorder)
    batch = ["train_batch_begin", "train_batch_end"]
    test = ["test_begin", *["test_batch_begin", "test_batch_end"] * 2, "test_end"]
    assert calls == ["train_begin", "epoch_begin", *batch * 2, *test, "epoch_end", "train_end"]
    calls.clear()
    model.evaluate(*data, batch_size=25, verbose=0, callbacks=recorder)
    assert calls == test
    calls.clear()
    model.predict(data[0], batch_size=25, verbose=0, callbacks=recorder)
    assert calls == [name.replace("test", "predict") for name in test]


def test_listening_to_batches_changes_no_bit(data: tuple[np.ndarray, np.ndarray]) -> None:
    quiet, heard = make_model("adam"), make_model("adam")
    batches: list[int] = []
    listener = LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    first = quiet.fit(*data, epochs=2, batch_size=8, verbose=0, shuffle=False)
    second = heard.fit(*data, epochs=2, batch_size=8, verbose=0, shuffle=False, callbacks=[listener])
    assert batches == [*range(7), *range(7)]
    assert first.history == second.history
    for a, b in zip(quiet.get_weights(), heard.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rows", [8, 3])
def test_callbacks_train_between_epochs_and_not_between_steps(rows: int, data: tuple[np.ndarray, np.ndarray]) -> None:
    def more(*given: Any, **logs: Any) -> None:
        model.train_on_batch(data[0][:rows], data[1][:rows])

    model = make_model("adam")
    before = model.get_weights()
    for hook in ("on_train_batch_begin", "on_train_batch_end"):
        with pytest.raises(RuntimeError, match=r"between two steps.*Received: "):
            model.fit(*data, batch_size=8, verbose=0, callbacks=LambdaCallback(**{hook: more}))
    model.fit(*data, batch_size=8, verbose=0, callbacks=LambdaCallback(on_epoch_end=more))
    more()
    assert any((a != b).any() for a, b in zip(model.get_weights(), before, strict=True))


def test_stops_in_the_middle_of_an_epoch(data: tuple[np.ndarray, np.ndarray]) -> None:
    batches: list[int] = []

    class StopAfterThree(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            batches.append(batch)
            self.model.stop_training = batch == 2

    model = make_model()
    history = model.fit(*data, epochs=9, batch_size=5, verbose=0, callbacks=StopAfterThree())
    assert batches == [0, 1, 2]
    assert history.epoch == [0]
    assert model.optimizer.iterations == 3


def test_early_stopping_restores(data: tuple[np.ndarray, np.ndarray]) -> None:
    model, kept = make_model(), []
    worsen = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(model.optimizer, "learning_rate", 0.05 if epoch < 3 else -0.05),
        on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()),
    )
    stopping = EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
    history = model.fit(*data, epochs=50, verbose=0, validation_data=data, callbacks=[worsen, stopping])
    assert stopping.best_epoch == int(np.argmin(history.history["val_loss"])) == len(history.epoch) - 3
    for weight, best in zip(model.get_weights(), kept[stopping.best_epoch], strict=True):
        np.testing.assert_array_equal(weight, best)
    assert model.evaluate(*data, verbose=0) == pytest.approx(stopping.best)


def test_a_schedule_is_what_trains(data: tuple[np.ndarray, np.ndarray]) -> None:
    scheduled, by_hand = make_model(), make_model()
    scheduled.fit(
        *data, epochs=3, verbose=0, shuffle=False, callbacks=LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))
    )
    for epoch in range(3):
        by_hand.optimizer.learning_rate = 0.1 / (1 + epoch)
        by_hand.fit(*data, epochs=1, verbose=0, shuffle=False)
    for a, b in zip(scheduled.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_plateau_lowers_the_rate(data: tuple[np.ndarray, np.ndarray]) -> None:

    model = make_model(SGD(0.25))
    plateau = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=100.0)
    history = model.fit(*data, epochs=3, verbose=0, callbacks=plateau)
    np.testing.assert_allclose(history.history["learning_rate"], [0.25, 0.25, 0.125])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_descends_until_the_weights_rest(dtype: str, data: tuple[np.ndarray, np.ndarray]) -> None:

    x, y = data
    model = Sequential([Input((3,), dtype=dtype), Dense(1, dtype=dtype)])
    model.compile(SGD(0.1), "mse")
    stopping = ConvergenceStopping(tol=1e-5)
    history = model.fit(x, y, epochs=5000, batch_size=50, verbose=0, callbacks=stopping)
    assert stopping.stopped_epoch == history.epoch[-1] < 4999
    assert history.history["max_change"][-1] <= 1e-5 < history.history["max_change"][-2]
    exact = np.linalg.lstsq(np.c_[x, np.ones(50)], y, rcond=None)[0]
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(np.append(kernel, bias), exact[:, 0], atol=1e-3)


def test_frozen_weights_do_not_count(data: tuple[np.ndarray, np.ndarray]) -> None:
    model = make_model()
    model.layers[-2].trainable = False
    stopping = ConvergenceStopping(tol=1e-12)
    history = model.fit(*data, epochs=2, verbose=0, callbacks=stopping)
    assert len(history.epoch) == 2
    assert all(change > 0 for change in history.history["max_change"])


def test_weights_that_are_frozen_on_the_way_are_watched_to_the_end(data: tuple[np.ndarray, np.ndarray]) -> None:
    model = make_model()
    freezing = LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(model.layers[0], "trainable", False))
    history = model.fit(*data, epochs=2, verbose=0, callbacks=[freezing, ConvergenceStopping(tol=1e-12)])
    assert len(history.history["max_change"]) == 2


def test_a_loss_that_explodes(data: tuple[np.ndarray, np.ndarray]) -> None:

    model = make_model(SGD(1e20))
    history = model.fit(*data, epochs=50, verbose=0, callbacks=TerminateOnNaN())
    assert len(history.epoch) < 50
    assert not math.isfinite(history.history["loss"][-1])


def test_early_stopping_knows_the_metrics(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    model = make_model(loss="binary_crossentropy", metrics=["accuracy", "auc"])
    model.fit(x, 1.0 * (y > 0), epochs=2, verbose=0, callbacks=[EarlyStopping("accuracy"), EarlyStopping("auc")])


def test_history_is_the_models(data: tuple[np.ndarray, np.ndarray]) -> None:
    model = make_model(metrics=["mae"])
    history = model.fit(*data, epochs=2, validation_split=0.2, verbose=0)
    assert model.history is history
    assert list(history.history) == sorted(history.history)
    assert len(history.history["val_loss"]) == 2
    assert history.params == {"verbose": 0, "epochs": 2, "steps": 2}


def test_progress_lines(data: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    model.fit(*data, epochs=2, validation_data=data)
    model.evaluate(*data)
    model.predict(data[0])
    number = r"\d\.\d{4}(?:e-\d\d)?"
    line = r"2/2 ━{20} 0s \d+(?:us|ms)/step"
    fit = rf"{line} - loss: {number} - val_loss: {number}\n"
    assert re.fullmatch(rf"Epoch 1/2\n{fit}Epoch 2/2\n{fit}{line} - loss: {number}\n{line}\n", capsys.readouterr().out)


def test_csv_logger(tmp_path: Path) -> None:
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    name = tmp_path / "log.csv"
    first = model.fit(x, y, epochs=2, verbose=0, callbacks=CSVLogger(name)).history
    second = model.fit(x, y, epochs=1, verbose=0, callbacks=CSVLogger(name, append=True)).history
    lines = name.read_text().splitlines()
    assert lines[0] == "epoch,loss,mae,val_loss,val_mae"
    for line, epoch, history, at in zip(lines[1:], (0, 1, 0), (first, first, second), (0, 1, 0), strict=True):
        *fields, no_loss, no_metric = line.split(",")
        assert [float(field) for field in fields] == [epoch, history["loss"][at], history["mae"][at]]
        assert no_loss == no_metric == "NA"


@pytest.mark.parametrize("change", [lambda model: model.add(Dense(1)), lambda model: model.pop()])
@pytest.mark.parametrize("when", ["on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_epoch_end"])
def test_layers_do_not_change_amid_fit(when: str, change: Any, data: tuple[np.ndarray, np.ndarray]) -> None:
    model = make_model()
    callback = LambdaCallback(**{when: lambda *_, **__: change(model)})
    with pytest.raises(RuntimeError, match=r"do so after `fit`, then call compile\(\) and fit\(\) again\. Received: "):
        model.fit(*data, verbose=0, validation_data=data, callbacks=[callback])
    assert len(model.layers) == 2
    model.fit(*data, verbose=0)
    change(model)
    model.compile("sgd", "mse")
    model.fit(*data, verbose=0) if len(model.layers) == 3 else model.predict(data[0], verbose=0)
