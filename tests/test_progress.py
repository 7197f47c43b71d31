"""The progress lines: what is written, where, and how often."""

from __future__ import annotations

import io
import os
import re
import sys
from types import SimpleNamespace

import pytest

from fastnn.callbacks import CallbackList, LambdaCallback, ProgbarLogger
from fastnn.utils import Progbar, progress

BAR = "━" * 20


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)
    return clock


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stdout=terminal))  # pytest changes the stream of `sys` itself
    monkeypatch.setenv("COLUMNS", "200")
    return terminal


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> io.StringIO:
    file = io.StringIO()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stdout=file))
    return file


def visible(text: str) -> str:
    """What a terminal shows in the end."""
    shown = []
    for line in re.sub(r"\x1b\[\d+m", "", text).split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        shown.append("".join(cells).rstrip())
    return "\n".join(shown)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0s/step"),
        (1.4e-6, "1us/step"),
        (999e-6, "999us/step"),
        (1e-3, "1ms/step"),
        (0.0317, "32ms/step"),
        (1.0, "1s/step"),
        (61.2, "61s/step"),
    ],
)
def test_time_per_unit(seconds: float, text: str) -> None:
    assert progress.format_time_per_unit(seconds) == text


@pytest.mark.parametrize(
    "seconds, text", [(0.4, "0s"), (59.9, "59s"), (60, "60s"), (61, "1:01"), (3600, "60:00"), (3661.5, "1:01:01")]
)
def test_time_left(seconds: float, text: str) -> None:
    assert progress.format_time_left(seconds) == text


@pytest.mark.parametrize(
    "value, text",
    [(0.69314, "0.6931"), (12.0, "12.0000"), (-0.5, "-0.5000"), (1e-3, "1.0000e-03"), (0.0, "0.0000e+00")],
)
def test_value(value: float, text: str) -> None:
    assert progress.format_value(value) == text


def test_nan_and_infinity_have_names() -> None:
    assert progress.format_value(float("nan")).strip() == "nan"
    assert progress.format_value(float("inf")).strip() == "inf"


class TestProgbar:
    def test_a_file_gets_one_plain_line(self, file: io.StringIO, clock: Clock) -> None:
        bar = Progbar(32)
        for step in range(1, 33):
            clock.now += 0.1
            bar.update(step, [("loss", 0.5)])
        assert file.getvalue() == f"32/32 {BAR} 3s 100ms/step - loss: 0.5000\n"

    def test_a_terminal_is_drawn_again_in_place(self, terminal: Terminal, clock: Clock) -> None:
        bar = Progbar(10, stateless_metrics=())
        clock.now += 0.5
        bar.update(5, [("loss", 0.25)])
        half, rest = "━" * 10, "━" * 10
        assert terminal.getvalue() == (
            f"\r\x1b[1m 5/10\x1b[0m \x1b[32m{half}\x1b[37m{rest}\x1b[0m \x1b[1m0s\x1b[0m 100ms/step - loss: 0.2500"
        )
        clock.now += 60
        bar.update(6, [("loss", 1e-5)])
        assert visible(terminal.getvalue()) == f" 6/10 {BAR} 40s 10s/step - loss: 1.0000e-05"
        bar.update(10, [("loss", 0.125)])
        assert visible(terminal.getvalue()) == f"10/10 {BAR} 60s 6s/step - loss: 0.1250\n"

    def test_a_shorter_line_wipes_the_longer_one(self, terminal: Terminal, clock: Clock) -> None:
        bar = Progbar(10, stateless_metrics=())
        clock.now += 5000
        bar.update(1, [("loss", 12345.0)])
        clock.now += 0.16
        bar.update(9, [("loss", 0.5)])
        assert visible(terminal.getvalue()) == f" 9/10 {BAR} 0s 20ms/step - loss: 0.5000"

    def test_draws_at_most_once_in_an_interval(self, terminal: Terminal, clock: Clock) -> None:
        bar = Progbar(1000, interval=0.05)
        for step in range(1, 1000):
            clock.now += 0.001
            bar.update(step)
        assert 18 <= terminal.getvalue().count("\r") <= 20

    def test_a_narrow_terminal_sees_no_wrapped_line(
        self, terminal: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "40")
        bar = Progbar(10, stateless_metrics=())
        clock.now += 1
        bar.update(5, [("loss", 0.5), ("accuracy", 0.5)])
        assert len(visible(terminal.getvalue())) == 39
        bar.update(10, [("loss", 0.5), ("accuracy", 0.5)])
        assert visible(terminal.getvalue()).endswith("loss: 0.5000 - accuracy: 0.5000\n")

    def test_the_first_step_does_not_count(self, file: io.StringIO, clock: Clock) -> None:
        bar = Progbar(3)
        for seconds in (5.0, 0.25, 0.25):
            clock.now += seconds
            bar.add(1)
        assert file.getvalue() == f"3/3 {BAR} 6s 250ms/step\n"

    def test_averages_what_is_not_shown_as_given(self, terminal: Terminal, clock: Clock) -> None:
        bar = Progbar(10, interval=0, stateful_metrics=["last"])
        for step, value in ((1, 1.0), (4, 2.0)):
            clock.now += 1
            bar.update(step, [("mean", value), ("last", value)])
        assert visible(terminal.getvalue()).endswith("mean: 1.7500 - last: 2.0000")  # (1·1 + 3·2) / 4

    def test_one_kind_of_metrics_is_named(self) -> None:
        with pytest.raises(ValueError, match="Received: stateful_metrics"):
            Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])

    def test_unknown_target(self, terminal: Terminal, clock: Clock) -> None:
        bar = Progbar(None)
        clock.now += 1
        bar.update(2, [("loss", 0.5)])
        assert visible(terminal.getvalue()) == "      2/Unknown 1s 500ms/step - loss: 0.5000"

    def test_quiet(self, file: io.StringIO, clock: Clock) -> None:
        Progbar(1, verbose=0).update(1)
        assert file.getvalue() == ""

    def test_two_is_one_line_without_a_bar(self, file: io.StringIO, clock: Clock) -> None:
        bar = Progbar(3, verbose=2)
        for step in (1, 2, 3):
            clock.now += 0.002
            bar.update(step, [("loss", 0.5)])
        assert file.getvalue() == "3/3 - 0s - 2ms/step - loss: 0.5000\n"

    def test_more_steps_than_were_told(self, terminal: Terminal, clock: Clock) -> None:
        Progbar(2).update(3, finalize=True)
        assert visible(terminal.getvalue()) == f"3/2 {BAR} 0s 0s/step\n"


def test_a_stream_without_the_bar_gets_another(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Progbar(1).update(1)
    assert raw.getvalue().decode("ascii").strip() == f"1/1 {'=' * 20} 0s 0s/step"


def test_no_standard_output(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    Progbar(1).update(1)


def test_a_notebook_is_drawn_in_place(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stdout", stream)
    bar = Progbar(2)
    clock.now += 1
    bar.update(1)
    assert stream.getvalue().startswith("\r")


def fit(verbose: object, clock: Clock, epochs: int = 2, **kwargs: object) -> CallbackList:
    """The hooks as the loop of `fit` calls them."""
    callbacks = CallbackList(add_progbar=verbose != 0, verbose=verbose, epochs=epochs, steps=32, **kwargs)
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for step in (10, 20, 32):
            clock.now += 0.05
            callbacks.on_progress(step, {"loss": 0.7, "accuracy": 0.5})
        callbacks.on_test_begin()
        callbacks.on_test_end({"loss": 0.8, "accuracy": 0.4})
        callbacks.on_epoch_end(epoch, {"loss": 0.69, "accuracy": 0.51, "val_loss": 0.8, "val_accuracy": 0.4})
    callbacks.on_train_end({})
    return callbacks


METRICS = "accuracy: 0.5100 - loss: 0.6900 - val_accuracy: 0.4000 - val_loss: 0.8000"


class TestFit:
    @pytest.mark.parametrize("verbose", [1, True, "auto"])
    def test_file(self, file: io.StringIO, clock: Clock, verbose: object) -> None:
        assert not fit(verbose, clock).wants_progress
        line = f"32/32 {BAR} 0s 5ms/step - {METRICS}\n"
        assert file.getvalue() == f"Epoch 1/2\n{line}Epoch 2/2\n{line}"

    def test_terminal(self, terminal: Terminal, clock: Clock) -> None:
        assert fit("auto", clock).wants_progress
        line = f"32/32 {BAR} 0s 5ms/step - {METRICS}\n"
        assert visible(terminal.getvalue()) == f"Epoch 1/2\n{line}Epoch 2/2\n{line}"
        assert terminal.getvalue().count("\r") == 2 * 4

    def test_one_line_an_epoch(self, terminal: Terminal, clock: Clock) -> None:
        assert not fit(2, clock).wants_progress
        line = f"32/32 - 0s - 5ms/step - {METRICS}\n"
        assert terminal.getvalue() == f"Epoch 1/2\n{line}Epoch 2/2\n{line}"

    def test_quiet(self, terminal: Terminal, clock: Clock) -> None:
        fit(0, clock)
        assert terminal.getvalue() == ""

    def test_a_single_epoch_has_no_headline(self, file: io.StringIO, clock: Clock) -> None:
        fit(1, clock, epochs=1)
        assert file.getvalue().count("\n") == 1

    @pytest.mark.parametrize("verbose", [3, -1, "on", None, 1.0])
    def test_refuses(self, verbose: object) -> None:
        with pytest.raises(ValueError, match=r"`verbose`.*Received: verbose="):
            CallbackList(add_progbar=True, verbose=verbose, epochs=1, steps=1)

    def test_nobody_listens_to_batches(self) -> None:
        callbacks = CallbackList(add_progbar=True, add_history=True, verbose=1, epochs=1, steps=1)
        assert not callbacks.wants_train_batches
        assert not callbacks.wants_test_batches
        assert not callbacks.wants_predict_batches

    def test_one_bar(self) -> None:
        own = ProgbarLogger()
        callbacks = CallbackList([own, LambdaCallback()], add_progbar=True, verbose=1, epochs=1, steps=1)
        assert [c for c in callbacks.callbacks if isinstance(c, ProgbarLogger)] == [own]


def test_evaluate_and_predict(file: io.StringIO, clock: Clock) -> None:
    callbacks = CallbackList(add_progbar=True, verbose=1, epochs=1, steps=4)
    callbacks.on_test_begin()
    clock.now += 2
    callbacks.on_test_end({"loss": 0.5, "accuracy": 1.0})
    callbacks.on_predict_begin()
    clock.now += 2
    callbacks.on_predict_end()
    assert file.getvalue() == f"4/4 {BAR} 2s 500ms/step - accuracy: 1.0000 - loss: 0.5000\n4/4 {BAR} 2s 500ms/step\n"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_a_real_terminal(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    controller, end = os.openpty()
    with os.fdopen(controller, "rb", buffering=0) as reader, os.fdopen(end, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert progress.is_terminal()
        Progbar(1).update(1)
        assert reader.read(1000).decode().endswith("0s/step\r\n")
