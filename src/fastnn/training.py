"""Training: what `compile` settles, the programs made from it, and the loop over epochs.

Python runs here once an epoch (and about twenty times a second, to draw progress and hear Ctrl-C); the steps run in C.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from fastnn import data, losses, metrics, optimizers
from fastnn.program import Builder, Compiled
from fastnn.random import draw_seed
from fastnn.variables import Variable

SLICE = 0.05  # seconds in C between two looks at signals and progress


class Training:
    """What `compile` settled: an optimizer, a loss, metrics; and the programs that train and test with them.

    Args:
        model: The model, built: it lends `lower`, shapes, dtype and variables.
        optimizer: Optimizer or its name.
        loss: Loss or its name.
        compiled_metrics: Metrics or their names.
        weighted_metrics: The same, to be weighted by sample weights.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Any,
        compiled_metrics: Sequence[Any] | None,
        weighted_metrics: Sequence[Any] | None,
    ) -> None:
        self.model = model
        self.optimizer = optimizers.get(optimizer)
        self.loss_identifier = loss
        losses.resolve(loss, 1)  # unknown names are told now, not at the first fit
        self.metric_identifiers = _as_list(compiled_metrics, "metrics")
        self.weighted_identifiers = _as_list(weighted_metrics, "weighted_metrics")
        for identifier in (*self.metric_identifiers, *self.weighted_identifiers):
            metrics.resolve(identifier, 1, 1, False)
        self.loss: Any = None
        self.settled = False
        self.metrics: list[Any] = []
        self.weighted: list[Any] = []
        self.programs: dict[Any, Compiled] = {}
        self.lock = threading.RLock()  # callbacks of `fit` may evaluate

    @property
    def arguments(self) -> tuple[Any, Any, list[Any], list[Any]]:
        """What it was made from, the model aside: what a model needs to make one that has met no data."""
        return self.optimizer, self.loss_identifier, self.metric_identifiers, self.weighted_identifiers

    def settle(self, y: Any) -> None:
        """Chooses the loss and the metrics that fit the output and the targets; at the first data they meet."""
        if self.settled:
            return
        width = self.model.output_shape[-1] if self.model.output_shape else 1
        shape = np.shape(y)
        rank = len(self.model.output_shape) + 1
        target_width = shape[-1] if len(shape) == rank else 0
        if self.loss_identifier is None:
            raise ValueError(
                "A model needs a loss to be trained or evaluated: pass one to compile(loss=...). Received: loss=None"
            )
        loss = losses.resolve(self.loss_identifier, width, target_width)
        if loss.reduction not in ("sum_over_batch_size", "mean", "sum"):
            raise ValueError(
                "A loss to train with is reduced by 'sum_over_batch_size', 'mean' or 'sum'. "
                f"Received: reduction={loss.reduction!r}"
            )
        self.loss = loss
        self.weighted = [metrics.resolve(i, width, target_width, loss.sparse) for i in self.weighted_identifiers]
        self.metrics = [metrics.resolve(i, width, target_width, loss.sparse) for i in self.metric_identifiers]
        self.settled = True

    # --- programs ---

    def _key(self, mode: str, batch: int, target: tuple[int, ...], weighted: bool) -> Any:
        flags = tuple(variable.trainable for variable in self.model.variables)
        layers = tuple(layer.trainable for layer in self.model.layers)
        return mode, batch, target, weighted, flags, layers

    def program(self, mode: str, batch: int, target_shape: tuple[int, ...], weighted: bool) -> Compiled:
        """The compiled program for `"train"` or `"test"`, made where there is none yet."""
        key = self._key(mode, batch, target_shape, weighted)
        if key not in self.programs:
            self._forget(mode)
            self.programs[key] = self._compile(mode, batch, target_shape, weighted)
        return self.programs[key]

    def _forget(self, mode: str) -> None:
        """Keeps two programs of a mode at most: the usual batch and the odd one."""
        keys = [key for key in self.programs if key[0] == mode]
        for key in keys[:-1]:
            del self.programs[key]

    def _compile(self, mode: str, batch: int, target_shape: tuple[int, ...], weighted: bool) -> Compiled:
        model, optimizer = self.model, self.optimizer
        builder = Builder(model.dtype, training=mode == "train")
        prediction = model.lower(builder, builder.feed(model.input_shape))
        target = builder.feed(target_shape)
        weight = builder.feed((*model.output_shape[:-1], 1)) if weighted else None
        if mode == "train":
            optimizer.build(model.trainable_variables)
            builder.update = {
                "name": optimizer.kernel,
                "clip_value": optimizer.clipvalue or 0,
                "clip_norm": optimizer.clipnorm or 0,
                "global_clip_norm": optimizer.global_clipnorm or 0,
            }
            builder.slots_of = lambda variable: [slot.value for slot in optimizer.slots_of(variable)]
            builder.decays = optimizer.decays
        builder.loss(self.loss, prediction, target, weight)
        for metric in self.metrics:
            builder.metric(metric, prediction, target)
        for metric in self.weighted:
            builder.metric(metric, prediction, target, weight)
        return builder.finish(batch)

    # --- batches ---

    def arrays(self, x: Any, y: Any, sample_weight: Any, finite: bool) -> Arrays:
        """Checks a data set against the model and the loss."""
        settled = self.settled
        y = data.as_data(y, "y")
        self.settle(y)
        try:
            return self._checked(x, y, sample_weight, finite)
        except Exception:
            if not settled:  # what was chosen for wrong targets must not stay
                self.settled, self.loss, self.metrics, self.weighted = False, None, [], []
            raise

    def _checked(self, x: Any, y: Any, sample_weight: Any, finite: bool) -> Arrays:
        model = self.model
        x = data.as_inputs(x, model.input_shape)
        y, target_shape = data.as_targets(y, model.output_shape, self.loss.sparse)
        data.check_same_length(x, y, "x", "y")
        weights = data.as_weights(sample_weight, y, model.output_shape[:-1], None, self.loss.sparse)
        if finite:
            data.check_finite(x, "x")
            data.check_finite(y, "y")
            if weights is not None:
                data.check_finite(weights, "sample_weight")
            if self.loss.sparse:
                data.check_labels(y, model.output_shape[-1])
        return Arrays(x, y, weights, target_shape)

    def weigh_classes(self, arrays: Arrays, class_weight: Any) -> None:
        """Multiplies the weights of samples by those of their classes."""
        rows = self.model.output_shape[:-1]
        arrays.weights = data.as_weights(arrays.weights, arrays.y, rows, class_weight, self.loss.sparse)

    def bind(self, compiled: Compiled, arrays: Arrays) -> None:
        program = compiled.program
        program.bind_feed(0, arrays.x, "x")
        program.bind_feed(1, arrays.y, "y")
        if arrays.weights is not None:
            program.bind_feed(2, arrays.weights, "sample_weight")

    def train_program(self, arrays: Arrays, batch_size: int) -> Compiled:
        if not self.model.trainable_variables:
            raise ValueError(
                "The model has no trainable weights, so there is nothing to train. Received: a model whose layers all "
                "have trainable=False, or no weights"
            )
        if self.optimizer.kernel is None:
            raise NotImplementedError(f"The optimizer has no kernel. Received: {self.optimizer}")
        batch = min(batch_size, len(arrays.x))
        return self.program("train", batch, arrays.target_shape, arrays.weights is not None)

    def run_epoch(
        self, compiled: Compiled, arrays: Arrays, batch_size: int, order: Any, by_batch: bool
    ) -> Generator[int, None, None]:
        """Trains for one epoch; yields the number of steps done, now and then (`by_batch`: after each one)."""
        program, optimizer = compiled.program, self.optimizer
        batch_size = min(batch_size, len(arrays.x))
        steps = -(-len(arrays.x) // batch_size)
        first = optimizer.iterations
        scalars = optimizer.scalars(np.arange(first, first + steps))
        self.bind(compiled, arrays)
        try:
            program.start(len(arrays.x), batch_size, order, scalars, iteration=first)
            done = 0
            while done < steps:
                if by_batch and done:  # a callback may have changed weights or the learning rate
                    scalars[done] = optimizer.scalars(np.array([first + done]))[0]
                    program.refresh()
                done += program.run(done, 1 if by_batch else steps - done, SLICE)
                optimizer.iterations = first + done
                yield done
        finally:
            program.release()

    def run_test(self, arrays: Arrays, batch_size: int, by_batch: bool) -> Generator[tuple[Compiled, int], None, None]:
        """Evaluates; yields the number of steps done, now and then (`by_batch`: after each one)."""
        batch_size = min(batch_size, len(arrays.x))
        steps = -(-len(arrays.x) // batch_size)
        compiled = self.program("test", batch_size, arrays.target_shape, arrays.weights is not None)
        self.reset_metrics()
        self.bind(compiled, arrays)
        try:
            compiled.program.start(len(arrays.x), batch_size)
            done = 0
            while done < steps:
                done += compiled.program.run(done, 1 if by_batch else steps - done, SLICE)
                yield compiled, done
        finally:
            compiled.program.release()

    # --- results ---

    @property
    def metrics_names(self) -> list[str]:
        """The metrics' names, made different from each other as Keras does."""
        times: dict[str, int] = {}
        names: list[str] = []
        for metric in (*self.metrics, *self.weighted):
            name = metric.name
            if name in times and len(names) >= len(self.metrics):
                name = f"weighted_{name}"
            times[name] = times.get(name, 0) + 1
            names.append(name if times[name] == 1 else f"{name}_{times[name] - 1}")
        return names

    def reset_metrics(self) -> None:
        for metric in (*self.metrics, *self.weighted):
            metric.reset_state()

    def _penalty(self) -> float:
        """The regularizers of all weights that learn."""
        regularized = (v for v in self.model.trainable_variables if v.regularizer is not None)
        return sum(float(variable.regularizer(variable.value)) for variable in regularized)

    def logs(self, compiled: Compiled) -> dict[str, float]:
        """Loss and metrics since the start of the epoch: the loss first, then the metrics as `compile` named them."""
        loss_sum, samples = compiled.program.totals
        logs = {"loss": loss_sum / samples if samples else 0.0}
        if not compiled.builder.learning:  # a training step adds them itself
            logs["loss"] += self._penalty()
        for name, metric in zip(self.metrics_names, (*self.metrics, *self.weighted), strict=True):
            logs[name] = float(metric.result())
        return logs


class Arrays:
    """A data set, checked: inputs, targets, weights or `None`, and the shape of one target."""

    __slots__ = ("target_shape", "weights", "x", "y")

    def __init__(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, target_shape: tuple[int, ...]) -> None:
        self.x, self.y, self.weights, self.target_shape = x, y, weights, target_shape

    def split(self, share: float) -> tuple[Arrays, Arrays]:
        """Splits off the last samples, `share` of them, as Keras's `validation_split` does: views, no copies."""
        at = data.split_at(len(self.x), share)
        parts = (slice(None, at), slice(at, None))
        first, second = (
            Arrays(self.x[part], self.y[part], None if self.weights is None else self.weights[part], self.target_shape)
            for part in parts
        )
        return first, second


def _as_list(identifiers: Any, name: str) -> list[Any]:
    if identifiers is None:
        return []
    if isinstance(identifiers, (list, tuple)):
        return list(identifiers)
    raise ValueError(f"Argument `{name}` must be a list. Received: {name}={identifiers!r}")


def fit(
    training: Training,
    arrays: Arrays,
    validation: Arrays | None,
    *,
    batch_size: int,
    epochs: int,
    initial_epoch: int,
    shuffle: bool,
    callbacks: Any,
    validation_batch_size: int,
    validation_freq: Any,
) -> None:
    """The loop over epochs."""
    model = training.model
    random = np.random.default_rng(draw_seed())
    with training.lock:
        compiled = training.train_program(arrays, batch_size)
        model.stop_training = False
        callbacks.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            training.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            order = random.permutation(len(arrays.x)) if shuffle else None
            logs = _train_epoch(training, compiled, arrays, batch_size, order, callbacks)
            if validation is not None and _validates(epoch, validation_freq):
                for name, value in _test(training, validation, validation_batch_size, callbacks).items():
                    logs[f"val_{name}"] = value
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        callbacks.on_train_end(logs)


def _train_epoch(
    training: Training, compiled: Compiled, arrays: Arrays, batch_size: int, order: Any, callbacks: Any
) -> dict[str, float]:
    by_batch = callbacks.wants_train_batches
    if by_batch:
        callbacks.on_train_batch_begin(0)
    steps = -(-len(arrays.x) // batch_size)
    # Closed at once where a callback raises: left to the garbage collector, it would end in the midst of another fit.
    with closing(training.run_epoch(compiled, arrays, batch_size, order, by_batch)) as epoch:
        for done in epoch:
            if by_batch:
                callbacks.on_train_batch_end(done - 1, training.logs(compiled))
                if training.model.stop_training:
                    break
                if done < steps:
                    callbacks.on_train_batch_begin(done)
            if callbacks.wants_progress:
                callbacks.on_progress(done, training.logs(compiled))
    return training.logs(compiled)


def _validates(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def evaluate(training: Training, arrays: Arrays, batch_size: int, callbacks: Any) -> dict[str, float]:
    """Loss and metrics over a data set."""
    with training.lock:
        return _test(training, arrays, batch_size, callbacks, callbacks.wants_progress)


def _test(
    training: Training, arrays: Arrays, batch_size: int, callbacks: Any, progress: bool = False
) -> dict[str, float]:
    by_batch = callbacks.wants_test_batches
    steps = -(-len(arrays.x) // batch_size)
    logs: dict[str, float] = {}
    callbacks.on_test_begin()
    if by_batch:
        callbacks.on_test_batch_begin(0)
    with closing(training.run_test(arrays, batch_size, by_batch)) as batches:  # as in _train_epoch
        for compiled, done in batches:
            logs = training.logs(compiled)
            if by_batch:
                callbacks.on_test_batch_end(done - 1, logs)
                if done < steps:
                    callbacks.on_test_batch_begin(done)
            if progress:
                callbacks.on_progress(done, logs)
    callbacks.on_test_end(logs)
    return logs


def variables_of(layers: Sequence[Any]) -> list[Variable]:
    """All weights of some layers, in order, each once."""
    seen: dict[int, Variable] = {}
    for layer in layers:
        for variable in layer.weights:
            seen.setdefault(id(variable), variable)
    return list(seen.values())
