"""The loop over epochs, and what callbacks hear of it.

Python runs here once an epoch (and about twenty times a second, to draw progress and hear Ctrl-C); the steps run in C.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from fastnn._log import INFO, Measures, log
from fastnn.sources import InMemory, Streamed
from fastnn.training import Training


class Run:
    """A call of `fit`: what it runs over, and how far it has come. Callbacks find it as `model.run`.

    Args:
        source: Where the batches of training come from.
        validation: Where those of validation come from, if there are any.
        epoch: Number of the epoch to begin with.
        prepare: Makes the source ready to train.

    Attributes:
        epoch: Number of the epoch that runs, or of the next one where none does.
        done: Steps of it that are done.
        logs: Loss and metrics of the epoch before.
    """

    def __init__(
        self,
        source: InMemory | Streamed,
        validation: InMemory | Streamed | None,
        epoch: int,
        prepare: Callable[[], None],
    ) -> None:
        self.prepare = prepare
        prepare()
        self.source = source
        self.validation = validation
        self.epoch = epoch
        self.done = 0
        self.logs: dict[str, Any] = {}
        self.begun: Any = None  # the state of an epoch that was left in its midst

    def get_state(self) -> dict[str, Any]:
        """What it takes for another run, in another process, to go on from here."""
        validation = None if self.validation is None else self.validation.get_state(0)
        source = self.source.get_state(self.done)
        return {"epoch": self.epoch, "done": self.done, "logs": self.logs, "source": source, "validation": validation}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from where `get_state` was asked; the sources must be equal ones that have just begun."""
        self.source.set_state(state["source"])
        if self.validation is not None and state["validation"] is not None:
            self.validation.set_state(state["validation"])
        self.epoch, self.done, self.logs = state["epoch"], state["done"], state["logs"]
        self.begun = state["source"]["epoch"]
        self.prepare()  # layers may have got other streams of random numbers


def fit(
    training: Training,
    source: InMemory | Streamed,
    validation: InMemory | Streamed | None,
    *,
    epochs: int,
    initial_epoch: int,
    callbacks: Any,
    validation_freq: Any,
) -> None:
    """The loop over epochs."""
    model = training.model
    by_batch, draws = callbacks.wants_train_batches, callbacks.wants_progress
    with training.lock:
        unchanged = not (callbacks.may_change_model or training.optimizer.asks_for_rates)
        run = Run(source, validation, initial_epoch, lambda: source.prepare(unchanged))
        model.stop_training = False
        model.run = run
        callbacks.on_train_begin()
        while run.epoch < epochs:
            epoch = run.epoch
            training.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            _follow(model, run, callbacks, by_batch, draws)
            logs = source.logs()
            if validation is not None and _validates(epoch, validation_freq):
                for name, value in _test(validation, callbacks).items():
                    logs[f"val_{name}"] = value
            run.epoch, run.done, run.begun, run.logs = epoch + 1, 0, None, logs
            log(INFO, "epoch %d of %d: %s", epoch + 1, epochs, Measures(logs))
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                log(INFO, "training was stopped after epoch %d of %d", epoch + 1, epochs)
                break
        if epochs > initial_epoch:
            training.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(run.logs)


def _follow(model: Any, run: Run, callbacks: Any, by_batch: bool, draws: bool) -> None:
    """Runs an epoch, and tells callbacks how it goes."""
    source = run.source
    epoch = source.train(run.epoch, by_batch, run.begun)
    if by_batch and (source.steps is None or run.done < source.steps):
        callbacks.on_train_batch_begin(run.done)
    try:
        for done in epoch:
            run.done = done
            if by_batch:
                callbacks.on_train_batch_end(done - 1, source.logs())
                if model.stop_training:
                    break
                if source.steps is None or done < source.steps:
                    callbacks.on_train_batch_begin(done)
            if draws:
                callbacks.on_progress(done, source.logs())
    finally:  # at once where a callback raises: left to the garbage collector, it would end amid another fit
        epoch.close()


def _validates(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def evaluate(source: InMemory | Streamed, callbacks: Any) -> dict[str, float]:
    """Loss and metrics over a data set."""
    with source.training.lock:
        return _test(source, callbacks, callbacks.wants_progress)


def _test(source: InMemory | Streamed, callbacks: Any, progress: bool = False) -> dict[str, float]:
    by_batch = callbacks.wants_test_batches
    logs: dict[str, float] = {}
    callbacks.on_test_begin()
    if by_batch:
        callbacks.on_test_batch_begin(0)
    with closing(source.test(by_batch)) as batches:  # as in `fit`
        for done in batches:
            logs = source.logs()
            if by_batch:
                callbacks.on_test_batch_end(done - 1, logs)
                if source.steps is None or done < source.steps:
                    callbacks.on_test_batch_begin(done)
            if progress:
                callbacks.on_progress(done, logs)
    callbacks.on_test_end(logs)
    return logs
