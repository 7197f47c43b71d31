"""Callbacks: which hooks are called and with what, and what each of the built-in ones does."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fastnn import callbacks
from fastnn.callbacks import (
    Callback,
    CallbackList,
    ConvergenceStopping,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from fastnn.variables import Variable

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]
BATCH_HOOKS = {
    "wants_train_batches": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "wants_test_batches": ("on_test_batch_begin", "on_test_batch_end"),
    "wants_predict_batches": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class FakeModel:
    """As much of a model as callbacks see: one weight, which each epoch sets to the epoch's number."""

    def __init__(self, learning_rate: float = 0.5) -> None:
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=learning_rate)
        self.trainable_variables = [Variable(np.zeros((2, 3), np.float32)), Variable(np.zeros(3, np.float32))]
        self.metrics: list[Any] = []
        self.history: Any = None

    def get_weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.trainable_variables]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        for variable, value in zip(self.trainable_variables, weights, strict=True):
            variable.assign(value)

    def weight(self) -> float:
        return float(self.trainable_variables[0][0, 0])


def run(model: FakeModel, callback: Any, epochs: Iterable[dict[str, float]], first: int = 0) -> History:
    """The loop of `fit`, with these logs."""
    listeners = CallbackList(callback, add_history=True, model=model, verbose=0, epochs=99, steps=1)
    model.stop_training = False
    listeners.on_train_begin()
    logs: dict[str, float] = {}
    for epoch, logs in enumerate(epochs, first):
        listeners.on_epoch_begin(epoch)
        model.trainable_variables[0].value[...] = epoch
        listeners.on_epoch_end(epoch, dict(logs))
        if model.stop_training:
            break
    listeners.on_train_end(logs)
    return model.history


def losses(*values: float, name: str = "val_loss") -> list[dict[str, float]]:
    return [{name: value} for value in values]


def test_public_names() -> None:
    for name in callbacks.__all__:
        assert issubclass(getattr(callbacks, name), Callback)


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(callbacks.__path__)])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"fastnn.callbacks.{name}")).failed == 0


class TestCallbackList:
    def test_every_hook_reaches_every_callback(self) -> None:
        calls: list[tuple[str, Any]] = []

        class Recorder(Callback):
            pass

        for hook in HOOKS:
            setattr(Recorder, hook, lambda self, *args, _hook=hook, **kwargs: calls.append((_hook, args, kwargs)))
        listeners = CallbackList([Recorder(), [Recorder()]])
        for hook in HOOKS:
            calls.clear()
            numbered = "epoch" in hook or "batch" in hook
            getattr(listeners, hook)(*((3,) if numbered else ()), {"loss": 1.0})
            assert [call[0] for call in calls] == [hook, hook]
            _, args, kwargs = calls[0]
            assert [*args, *kwargs.values()] == ([3] if numbered else []) + [{"loss": 1.0}]
            assert ("logs" in kwargs) == ("batch" in hook)

    @pytest.mark.parametrize("hook", [name for name in HOOKS if name.startswith("on_train_batch")])
    def test_batch_hooks_have_a_short_name(self, hook: str) -> None:
        seen = []
        callback = LambdaCallback(**{hook.replace("train_", ""): lambda batch, logs=None: seen.append(batch)})
        getattr(CallbackList(callback), hook)(7)
        assert seen == [7]

    def test_no_logs_are_empty_logs(self) -> None:
        seen: list[Any] = []
        listeners = CallbackList(LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(logs)))
        listeners.on_epoch_begin(0)
        assert seen == [{}]

    def test_names_are_in_order_and_the_callers_logs_stay(self) -> None:
        given = {"val_loss": 1.0, "loss": 2.0, "accuracy": 3.0}
        seen: list[Any] = []

        def add(epoch: int, logs: dict[str, float]) -> None:
            logs["added"] = 4.0

        model = FakeModel()
        CallbackList(
            [LambdaCallback(on_epoch_end=add), LambdaCallback(on_epoch_end=lambda e, logs: seen.append(list(logs)))],
            model=model,
        ).on_epoch_end(0, given)
        assert seen == [["accuracy", "loss", "val_loss", "added"]]
        assert list(given) == ["val_loss", "loss", "accuracy"]

    @pytest.mark.parametrize("question, hooks", BATCH_HOOKS.items())
    def test_listens_to_batches_only_if_somebody_does(self, question: str, hooks: tuple[str, ...]) -> None:
        quiet = [EarlyStopping(), ReduceLROnPlateau(), LearningRateScheduler(lambda e: 0.1), LambdaCallback()]
        quiet += [TerminateOnNaN(), ConvergenceStopping(1e-3), History(), Callback()]
        assert not getattr(CallbackList(quiet), question)
        for hook in HOOKS:
            subclass = type("Subclass", (EarlyStopping,), {hook: lambda self, *args, **kwargs: None})
            grandchild = type("Grandchild", (subclass,), {})
            function = LambdaCallback(**{hook: lambda *args, **kwargs: None})
            for listener in (subclass(), grandchild(), function):
                assert getattr(CallbackList([*quiet, listener]), question) == (hook in hooks), hook

    def test_a_hook_set_later_is_seen(self) -> None:
        callback = Callback()
        listeners = CallbackList(callback)
        assert not listeners.wants_train_batches
        callback.on_train_batch_end = lambda batch, logs=None: None  # type: ignore[method-assign]
        assert listeners.wants_train_batches

    def test_nothing_is_drawn_without_a_bar(self) -> None:
        listeners = CallbackList(History())
        assert not listeners.wants_progress
        listeners.on_progress(1, {"loss": 1.0})

    def test_model_and_params_reach_all(self) -> None:
        model, first, second = FakeModel(), Callback(), Callback()
        listeners = CallbackList(first, add_history=True, model=model, verbose=1, epochs=3, steps=2)
        listeners.append(second)
        params = {"verbose": 1, "epochs": 3, "steps": 2}
        for callback in (first, second, model.history):
            assert callback.model is model
            assert callback.params == params
        assert model.history is listeners.history

    def test_one_history(self) -> None:
        own, model = History(), FakeModel()
        listeners = CallbackList([own], add_history=True, model=model)
        assert listeners.callbacks == [own]
        assert model.history is own

    def test_lists_are_flattened(self) -> None:
        first, second = Callback(), Callback()
        assert CallbackList(CallbackList([first, (second,)])).callbacks == [first, second]
        assert CallbackList(None).callbacks == CallbackList([]).callbacks == []

    @pytest.mark.parametrize("wrong", [5, "EarlyStopping", [lambda epoch, logs: None], {"a": Callback()}])
    def test_refuses(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=r"`callbacks`.*Received: "):
            CallbackList(wrong)

    def test_a_class_is_not_a_callback(self) -> None:
        with pytest.raises(TypeError, match="forget to call the class"):
            CallbackList([EarlyStopping])

    def test_an_error_in_a_callback_comes_through(self) -> None:
        def fail(epoch: int, logs: Any) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            run(FakeModel(), LambdaCallback(on_epoch_end=fail), losses(1.0))


class TestHistory:
    def test_keeps_all(self) -> None:
        history = run(FakeModel(), None, [{"loss": 2.0, "accuracy": 0.5}, {"loss": 1.0, "accuracy": 0.75}], first=3)
        assert history.epoch == [3, 4]
        assert history.history == {"loss": [2.0, 1.0], "accuracy": [0.5, 0.75]}
        assert history.params == {"verbose": 0, "epochs": 99, "steps": 1}

    def test_a_loss_that_comes_now_and_then(self) -> None:
        history = run(FakeModel(), None, [{"loss": 2.0}, {"loss": 1.0, "val_loss": 3.0}])
        assert history.history == {"loss": [2.0, 1.0], "val_loss": [3.0]}

    def test_repr(self) -> None:
        assert repr(History()) == "<History of 0 epochs>"
        assert repr(run(FakeModel(), None, losses(2.0, 0.123456))) == "<History of 2 epochs: val_loss=0.1235>"


class TestEarlyStopping:
    @pytest.mark.parametrize(
        "arguments, values, stopped",
        [
            # Where Keras stops: `stopped` is the number of the last epoch; the last of all where it never stops.
            ({}, (3, 2, 2, 1), 2),
            ({"patience": 1}, (3, 2, 2, 1), 2),
            ({"patience": 2}, (3, 2, 2, 2, 1), 3),
            ({"patience": 2}, (3, 2, 2.5, 1, 1, 1, 1), 5),
            ({"patience": 3}, (1, 1, 1), 2),
            ({"min_delta": 0.5}, (3, 2.6, 2.4), 1),
            ({"min_delta": -0.5}, (3, 2.6, 2.4), 1),
            ({"mode": "max"}, (1, 2, 3, 3, 4), 3),
            ({"mode": "min"}, (1, 2, 3), 1),
            ({"baseline": 0.5, "patience": 2}, (1, 0.9, 0.8, 0.7), 3),
            ({"baseline": 0.85, "patience": 2}, (1, 0.8, 0.8, 0.8), 3),
            ({"start_from_epoch": 2}, (1, 2, 3, 4, 5), 3),
            ({"start_from_epoch": 2, "patience": 2}, (1, 2, 3, 4, 5), 4),
            ({"patience": 0}, (math.nan, 1, 2), 2),
            ({"patience": 2}, (1, math.nan, math.nan, 0), 2),
        ],
    )
    def test_stops(self, arguments: dict[str, Any], values: tuple[float, ...], stopped: int) -> None:
        model = FakeModel()
        callback = EarlyStopping(**arguments)
        assert run(model, callback, losses(*values)).epoch[-1] == stopped
        assert callback.stopped_epoch == (stopped if model.stop_training else 0)

    def test_never_at_the_first_epoch(self) -> None:
        model = FakeModel()
        run(model, EarlyStopping(patience=0, baseline=0.0), losses(1.0))
        assert not model.stop_training

    def test_restores_the_best_weights(self) -> None:
        model = FakeModel()
        callback = EarlyStopping(patience=2, restore_best_weights=True)
        run(model, callback, losses(3, 1, 2, 2, 0))
        assert model.weight() == 1
        assert callback.best == 1
        assert callback.best_epoch == 1

    def test_restores_them_when_the_epochs_run_out(self) -> None:
        model = FakeModel()
        run(model, EarlyStopping(patience=10, restore_best_weights=True), losses(3, 1, 2))
        assert model.weight() == 1

    def test_restores_the_best_even_if_none_beats_the_baseline(self) -> None:
        model = FakeModel()
        run(model, EarlyStopping(patience=3, restore_best_weights=True, baseline=0.0), losses(3, 1, 2, 2, 2, 2))
        assert model.weight() == 1

    def test_keeps_the_last_weights_otherwise(self) -> None:
        model = FakeModel()
        run(model, EarlyStopping(patience=1), losses(3, 1, 2))
        assert model.weight() == 2

    def test_serves_several_runs(self) -> None:
        callback = EarlyStopping(patience=1)
        assert len(run(FakeModel(), callback, losses(1, 2, 3)).epoch) == 2
        assert len(run(FakeModel(), callback, losses(9, 8, 7)).epoch) == 3
        assert callback.stopped_epoch == 0

    def test_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        run(FakeModel(), EarlyStopping(verbose=1, restore_best_weights=True), losses(1, 2))
        assert capsys.readouterr().out == (
            "Epoch 2: early stopping\nRestoring model weights from the end of the best epoch: 1.\n"
        )
        run(FakeModel(), EarlyStopping(restore_best_weights=True), losses(1, 2))
        assert capsys.readouterr().out == ""

    def test_warns_of_a_metric_that_is_not_there(self) -> None:
        model = FakeModel()
        with pytest.warns(UserWarning, match=r"`val_loss`, which is not available. Available metrics: accuracy, loss"):
            run(model, EarlyStopping(), [{"loss": 1.0, "accuracy": 0.5}])
        assert not model.stop_training

    def test_warns_of_an_unknown_mode(self) -> None:
        with pytest.warns(UserWarning, match="mode 'least' is unknown"):
            assert EarlyStopping(mode="least").mode == "auto"


class TestAutomaticMode:
    @pytest.mark.parametrize(
        "name, more_is_better",
        [
            ("loss", False),
            ("val_loss", False),
            ("val_dense_loss", False),
            ("accuracy", True),
            ("val_acc", True),
            ("val_binary_accuracy", True),
            ("sparse_top_k_categorical_accuracy", True),
            ("auc", True),
            ("auc_1", True),
            ("val_precision", True),
            ("mean_squared_error", False),
            ("val_mae", False),
            ("binary_crossentropy", False),
            ("false_positives", False),
            ("true_positives", True),
        ],
    )
    def test_by_name(self, name: str, more_is_better: bool) -> None:
        rising = run(FakeModel(), EarlyStopping(monitor=name), losses(1, 2, 3, name=name))
        falling = run(FakeModel(), EarlyStopping(monitor=name), losses(3, 2, 1, name=name))
        assert (len(rising.epoch) == 3) == more_is_better
        assert (len(falling.epoch) == 3) != more_is_better

    def test_by_the_metrics_class(self) -> None:
        model = FakeModel()
        model.metrics = [type("AUC", (), {"name": "roc"})()]
        assert len(run(model, EarlyStopping(monitor="val_roc"), losses(1, 2, 3, name="val_roc")).epoch) == 3

    @pytest.mark.parametrize("direction, epochs", [("up", 3), ("down", 2)])
    def test_by_the_metrics_own_word(self, direction: str, epochs: int) -> None:
        model = FakeModel()
        model.metrics = [SimpleNamespace(name="accuracy", _direction=direction)]
        assert len(run(model, EarlyStopping(monitor="accuracy"), losses(1, 2, 3, name="accuracy")).epoch) == epochs

    def test_by_the_librarys_metrics(self) -> None:
        from fastnn import metrics

        model = FakeModel()
        for name, more_is_better in (("accuracy", True), ("auc", True), ("mse", False), ("mae", False)):
            model.metrics = [metrics.resolve(name, 1, 1, False)]
            monitor = model.metrics[0].name
            rising = run(model, EarlyStopping(monitor=monitor), losses(1, 2, 3, name=monitor))
            assert (len(rising.epoch) == 3) == more_is_better

    def test_unknown(self) -> None:
        with pytest.raises(ValueError, match="Received: monitor='wobble', mode='auto'"):
            run(FakeModel(), EarlyStopping(monitor="wobble"), losses(1, 2, name="wobble"))
        assert len(run(FakeModel(), EarlyStopping("wobble", mode="max"), losses(1, 2, name="wobble")).epoch) == 2


class TestReduceLROnPlateau:
    def rates(self, values: Sequence[float], **arguments: Any) -> list[float]:
        return run(FakeModel(1.0), ReduceLROnPlateau(**arguments), losses(*values)).history["learning_rate"]

    def test_reduces_after_patience(self) -> None:
        # The logs hold the rate that the epoch was trained with.
        assert self.rates((3, 2, 2, 2, 2, 2), factor=0.5, patience=2) == [1, 1, 1, 1, 0.5, 0.5]

    def test_cooldown(self) -> None:
        rates = self.rates([1] * 8, factor=0.5, patience=1, cooldown=3)
        assert rates == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]

    def test_least_rate(self) -> None:
        assert self.rates([1] * 5, factor=0.1, patience=1, min_lr=0.05) == [1, 1, 0.1, 0.05, 0.05]

    def test_min_delta(self) -> None:
        assert self.rates((1, 0.99995, 0.9999), factor=0.5, patience=1)[-1] == 0.5
        assert self.rates((1, 0.99995, 0.9999), factor=0.5, patience=1, min_delta=0)[-1] == 1

    def test_serves_several_runs(self) -> None:
        callback = ReduceLROnPlateau(patience=1, factor=0.5)
        run(FakeModel(), callback, losses(1, 1))
        model = FakeModel(1.0)
        run(model, callback, losses(9, 8))
        assert model.optimizer.learning_rate == 1.0

    @pytest.mark.parametrize("factor", [1.0, 1.5, -0.1])
    def test_refuses(self, factor: float) -> None:
        with pytest.raises(ValueError, match=r"`factor`.*Received: factor="):
            ReduceLROnPlateau(factor=factor)

    def test_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.rates((1, 1), factor=0.5, patience=1, verbose=1)
        assert capsys.readouterr().out == "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.5.\n"

    def test_warns_of_a_metric_that_is_not_there(self) -> None:
        with pytest.warns(UserWarning, match="`val_loss`, which is not available. Available metrics: none"):
            history = run(FakeModel(), ReduceLROnPlateau(), [{}])
        assert history.history == {"learning_rate": [0.5]}


class TestLearningRateScheduler:
    @pytest.mark.parametrize("schedule", [lambda epoch, rate: rate / 2, lambda epoch: 0.5 ** (epoch + 2)])
    def test_sets_the_rate(self, schedule: Any) -> None:
        history = run(FakeModel(0.5), LearningRateScheduler(schedule), losses(1, 1, 1))
        assert history.history["learning_rate"] == [0.25, 0.125, 0.0625]

    @pytest.mark.parametrize("rate", [np.float32(0.25), np.array(0.25), 0.25])
    def test_kinds_of_numbers(self, rate: Any) -> None:
        model = FakeModel()
        run(model, LearningRateScheduler(lambda epoch: rate), losses(1))
        assert type(model.optimizer.learning_rate) is float
        assert model.optimizer.learning_rate == 0.25

    @pytest.mark.parametrize("rate", [None, "0.1", [0.1], 1j, True])
    def test_refuses(self, rate: Any) -> None:
        model = FakeModel()
        with pytest.raises(ValueError, match=r"`schedule`.*Received: "):
            run(model, LearningRateScheduler(lambda epoch, old: rate), losses(1))
        assert model.optimizer.learning_rate == 0.5

    def test_an_error_in_the_schedule_comes_through(self) -> None:
        def schedule(epoch: int, rate: float) -> float:
            return rate + "1"  # type: ignore[operator]

        with pytest.raises(TypeError, match="unsupported operand"):
            run(FakeModel(), LearningRateScheduler(schedule), losses(1))

    def test_refuses_what_cannot_be_called(self) -> None:
        with pytest.raises(TypeError, match=r"`schedule`.*Received: "):
            LearningRateScheduler(0.1)  # type: ignore[arg-type]

    def test_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        run(FakeModel(), LearningRateScheduler(lambda epoch: 0.25, verbose=1), losses(1))
        assert capsys.readouterr().out == "\nEpoch 1: LearningRateScheduler setting learning rate to 0.25.\n"


class TestLambdaCallback:
    @pytest.mark.parametrize("wrong", ["on_epoch", "model", "epoch_end"])
    def test_refuses_names(self, wrong: str) -> None:
        with pytest.raises(TypeError, match=f"Received: {wrong}="):
            LambdaCallback(**{wrong: print})

    def test_refuses_what_cannot_be_called(self) -> None:
        with pytest.raises(TypeError, match="`on_epoch_end` must be callable"):
            LambdaCallback(on_epoch_end="print")  # type: ignore[arg-type]


class TestTerminateOnNaN:
    @pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
    def test_stops(self, loss: float, capsys: pytest.CaptureFixture[str]) -> None:
        assert len(run(FakeModel(), TerminateOnNaN(), losses(1, loss, 1, name="loss")).epoch) == 2
        assert capsys.readouterr().out == "Epoch 2: Invalid loss, terminating training\n"
        with pytest.raises(RuntimeError, match="Received: loss="):
            run(FakeModel(), TerminateOnNaN(raise_error=True), losses(loss, name="loss"))

    def test_goes_on(self) -> None:
        assert len(run(FakeModel(), TerminateOnNaN(), [{"loss": 1e300}, {}]).epoch) == 2


class TestConvergenceStopping:
    def move(self, tol: float, moves: Sequence[float], variable: int = 0) -> tuple[ConvergenceStopping, History]:
        """Epochs that move one number of one variable."""
        model = FakeModel()
        callback = ConvergenceStopping(tol)
        listeners = CallbackList(callback, add_history=True, model=model)
        listeners.on_train_begin()
        for epoch, move in enumerate(moves):
            listeners.on_epoch_begin(epoch)
            model.trainable_variables[variable].value.flat[1] += move
            listeners.on_epoch_end(epoch, {"loss": 1.0})
            if model.stop_training:
                break
        listeners.on_train_end()
        return callback, model.history

    @pytest.mark.parametrize("variable", [0, 1])
    def test_stops_when_nothing_moves_far(self, variable: int) -> None:
        callback, history = self.move(0.25, [1.0, -0.5, 0.25, 4.0], variable)
        assert history.history["max_change"] == [1.0, 0.5, 0.25]
        assert callback.stopped_epoch == 2
        assert callback.max_change == 0.25

    def test_goes_on(self) -> None:
        callback, history = self.move(0.0, [1.0, 0.5])
        assert callback.stopped_epoch is None
        assert len(history.epoch) == 2

    def test_zero_stops_at_rest(self) -> None:
        assert self.move(0.0, [1.0, 0.0, 1.0])[0].stopped_epoch == 1

    def test_may_stop_after_the_first_epoch(self) -> None:
        assert self.move(1.0, [0.5])[0].stopped_epoch == 0

    @pytest.mark.parametrize("variable", [0, 1])
    def test_nan_is_no_rest(self, variable: int) -> None:
        callback, history = self.move(10.0, [math.nan, 0.0], variable)
        assert callback.stopped_epoch is None
        assert all(math.isnan(change) for change in history.history["max_change"])

    @pytest.mark.parametrize("tol", [-1e-9, math.nan, math.inf, "0.1", None, True, [0.1]])
    def test_refuses(self, tol: Any) -> None:
        with pytest.raises(ValueError, match=r"`tol`.*Received: tol="):
            ConvergenceStopping(tol)

    @pytest.mark.parametrize("tol", [0, 1, np.float32(0.5), np.int64(2)])
    def test_kinds_of_numbers(self, tol: Any) -> None:
        assert ConvergenceStopping(tol).tol == float(tol)

    def test_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        callback = ConvergenceStopping(0.5, verbose=1)
        run(FakeModel(), callback, losses(1, 1))
        assert capsys.readouterr().out == "Epoch 1: no weight moved by more than 0.5, stopping\n"

    def test_leaves_no_copies_behind(self) -> None:
        callback, _ = self.move(0.25, [0.0])
        assert callback._before == []


def test_import_is_light() -> None:
    code = (
        "import sys, fastnn, numpy\n"
        "before = set(sys.modules)\n"
        "import fastnn.callbacks, fastnn.utils\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"asyncio", "concurrent", "multiprocessing", "pandas", "scipy", "sklearn", "matplotlib", "logging"}
    assert not heavy & set(out.split())
