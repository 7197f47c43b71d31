"""The loop over epochs, and what callbacks hear of it.

Python runs here once an epoch (and about twenty times a second, to draw progress and hear Ctrl-C); the steps run in C.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from fastnn.sources import InMemory, Streamed
from fastnn.training import Training


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
        source.prepare(
            epochs - initial_epoch, unchanged=not (callbacks.may_change_model or training.optimizer.asks_for_rates)
        )
        model.stop_training = False
        callbacks.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            training.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            # Closed at once where a callback raises: left to the garbage collector, it would end amid another fit.
            with closing(source.train(epoch, by_batch)) as running:
                _follow(training, source, running, callbacks, by_batch, draws)
            logs = source.logs()
            if validation is not None and _validates(epoch, validation_freq):
                for name, value in _test(validation, callbacks).items():
                    logs[f"val_{name}"] = value
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        if epochs > initial_epoch:
            training.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)


def _follow(
    training: Training,
    source: InMemory | Streamed,
    epoch: Generator[int, None, None],
    callbacks: Any,
    by_batch: bool,
    draws: bool,
) -> None:
    """Tells callbacks how an epoch goes."""
    if by_batch:
        callbacks.on_train_batch_begin(0)
    for done in epoch:
        if by_batch:
            callbacks.on_train_batch_end(done - 1, source.logs())
            if training.model.stop_training:
                break
            if source.steps is None or done < source.steps:
                callbacks.on_train_batch_begin(done)
        if draws:
            callbacks.on_progress(done, source.logs())


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
