"""Training: what `compile` settles, the programs made from it, and an epoch of them."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from fastnn import data, losses, metrics, optimizers
from fastnn._registry import uncounted
from fastnn._structure import flatten, pack
from fastnn.adapters import CSRRows
from fastnn.compiled import Compiled
from fastnn.data import Arrays
from fastnn.heads import SAMPLES, Head, Results, as_identifiers, check_factors, check_identifiers, listed, only
from fastnn.loss_steps import emit_loss
from fastnn.optimizers.known_scalars import KnownScalars
from fastnn.program import Builder

SLICE = 0.05  # seconds in C between two looks at signals and progress
SCALARS = 1 << 14  # steps whose learning rates and other scalars are computed ahead: a long epoch begins at once


_alive: weakref.WeakSet[Training] = weakref.WeakSet()


def _renew() -> None:
    """In a child of fork(): what threads of the parent were doing with locks and programs, nobody will end here."""
    for training in _alive:
        training.lock = threading.RLock()
        training.programs.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class Training:
    """What `compile` settled: an optimizer, losses, metrics; and the programs that train and test with them.

    Args:
        model: The model, built or not: it lends `lower`, shapes, dtype and variables.
        optimizer: Optimizer or its name.
        loss: Loss or its name; or a structure of them by outputs.
        loss_weights: Factors of the losses.
        compiled_metrics: Metrics or their names; or a structure of them by outputs.
        weighted_metrics: The same, to be weighted by sample weights.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        compiled_metrics: Any,
        weighted_metrics: Any,
    ) -> None:
        self.model = model
        self.optimizer = optimizers.get(optimizer)
        if self.optimizer is None:
            raise ValueError("Argument `optimizer` must be an optimizer or its name. Received: optimizer=None")
        for name, given in (("loss", loss), ("metrics", compiled_metrics), ("weighted_metrics", weighted_metrics)):
            check_identifiers(given, name)
        check_factors(loss_weights)
        self.loss_identifier = loss
        self.loss_weights = loss_weights
        self.metric_identifiers = as_identifiers(compiled_metrics, "metrics")
        self.weighted_identifiers = as_identifiers(weighted_metrics, "weighted_metrics")
        with uncounted():
            for identifier in flatten(loss):  # unknown names are told now, not at the first fit
                losses.resolve(identifier, 1)
            for identifier in (*flatten(self.metric_identifiers), *flatten(self.weighted_identifiers)):
                if identifier is not None:
                    metrics.resolve(identifier, 1, 1, False)
        self.settled = False
        self.programs: dict[Any, Compiled] = {}
        self.runs = 0  # epochs and evaluations that were begun
        self.amid_steps = False  # an epoch waits for a callback
        self.known = KnownScalars(self.optimizer)
        self.lock = threading.RLock()  # callbacks of `fit` may evaluate
        _alive.add(self)
        self._take(self._heads() if model.built else [])

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What it was made from, the model aside: what a model needs to make one that has met no data."""
        return (
            self.optimizer,
            self.loss_identifier,
            self.loss_weights,
            self.metric_identifiers,
            self.weighted_identifiers,
        )

    def _heads(self) -> list[Head]:
        names, shapes = self.model.output_names, self.model.result_shapes
        alone = len(names) == 1
        if alone and not isinstance(self.loss_identifier, (dict, list, tuple)):
            by_output = [self.loss_identifier]
        else:
            by_output = data.by_output(self.loss_identifier, names, "loss", every=True)
        factors = data.by_output(self.loss_weights, names, "loss_weights", every=alone)
        compiled_metrics, weighted = (
            [only(identifiers, argument, names)] if alone and not isinstance(identifiers, dict)
            else [listed(some) for some in data.by_output(identifiers or None, names, argument)]
            for identifiers, argument in (
                (self.metric_identifiers, "metrics"),
                (self.weighted_identifiers, "weighted_metrics"),
            )
        )  # fmt: skip
        heads = []
        for at, name in enumerate(names):
            factor = 1.0 if factors[at] is None else float(factors[at])
            head = Head(name, shapes[at], by_output[at], factor, compiled_metrics[at], weighted[at])
            if not alone:
                head.label, head.weight_label = f"y[{name!r}]", f"sample_weight[{name!r}]"
            heads.append(head)
        return heads

    def _take(self, heads: list[Head]) -> None:
        """Takes the outputs, as they are now: settled or not."""
        self.heads = heads
        self.results = Results(heads, self.loss_identifier)

    # --- programs ---

    def _key(self, mode: str, batch: int, arrays: Arrays) -> Any:
        flags = [variable.trainable for variable in self.model._weights]
        for layer in self.model.deep_layers():
            flags += [layer.trainable, getattr(layer, "_stream", 0)]
            flags += [variable.trainable for variable in layer._weights]
        weighted = tuple([weights is not None for weights in arrays.weights])
        sparse = tuple([isinstance(array, CSRRows) for array in arrays.x])
        return mode, batch, tuple(arrays.target_shapes), weighted, tuple(flags), self.optimizer.revision, sparse

    def program(self, mode: str, batch: int, arrays: Arrays) -> Compiled:
        """The compiled program for `"train"` or `"test"`, made where there is none yet."""
        key = self._key(mode, batch, arrays)
        if key not in self.programs:
            self._forget(mode)
            self.programs[key] = self._compile(mode, batch, arrays)
        return self.programs[key]

    def _forget(self, mode: str) -> None:
        """Keeps two programs of a mode at most: the usual batch and the odd one."""
        keys = [key for key in self.programs if key[0] == mode]
        for key in keys[:-1]:
            del self.programs[key]

    def _compile(self, mode: str, batch: int, arrays: Arrays) -> Compiled:
        model, optimizer = self.model, self.optimizer
        if mode == "train" and not model.trainable_variables:
            raise ValueError(
                "The model has no trainable weights, so there is nothing to train. Received: a model whose layers all "
                "have trainable=False, or no weights"
            )
        builder = Builder(model.dtype, training=mode == "train")
        builder.sums_losses = True
        sparse = [isinstance(array, CSRRows) for array in arrays.x]
        feeds = [builder.feed(shape, sparse=some) for shape, some in zip(model.sample_shapes, sparse, strict=True)]
        predictions = flatten(model.emit(builder, pack(model.input_structure, feeds)))
        outputs = dict(zip(model.output_names, predictions, strict=True))
        targets = [
            (builder.feed(shape), builder.feed((*head.shape[:-1], 1)) if weights is not None else None)
            for head, shape, weights in zip(self.results.trained, arrays.target_shapes, arrays.weights, strict=True)
        ]
        if mode == "train":
            optimizer.build(model.trainable_variables)
            builder.updates = optimizer.updates()
        for head, (target, weight) in zip(self.results.trained, targets, strict=True):
            if head.loss is not None:
                emit_loss(builder, head, outputs[head.name], target, weight)
        for head, (target, weight) in zip(self.results.trained, targets, strict=True):
            for metric in head.metrics:
                builder.metric(metric, outputs[head.name], target)
            for metric in head.weighted:
                builder.metric(metric, outputs[head.name], target, weight)
        return builder.finish(batch)

    # --- batches ---

    def arrays(self, x: list[Any], y: Any, sample_weight: Any, finite: bool) -> Arrays:
        """Checks a data set against the model and the losses.

        Args:
            x: Arrays of the inputs, checked.
            y: Targets, in any of the ways in which `fit` takes them.
            sample_weight: Weights, likewise.
            finite: Whether to look for NaN and infinity.
        """
        if not self.heads:
            self._take(self._heads())
        if all(head.identifiers[0] is None for head in self.heads):
            raise ValueError(
                "A model needs a loss to be trained or evaluated: pass one to compile(loss=...). Received: loss=None"
            )
        targets = self._targets(y)
        settled = self.settled
        try:
            if not settled:
                for head, target in zip(self.results.trained, targets, strict=True):
                    head.settle(target)
                self._take(self.heads)
                self.settled = True
            return self._checked(x, targets, sample_weight, finite)
        except Exception:
            if not settled:  # what was chosen for wrong targets must not stay
                self.settled = False
                for head in self.heads:
                    head.unsettle()
                self._take(self.heads)
            raise

    def _targets(self, y: Any) -> list[np.ndarray]:
        if y is None:
            raise ValueError("Argument `y` must be given. Received: y=None")
        if len(self.heads) == 1 and not isinstance(y, dict):
            return [data.as_data(data.in_a_row(y, self.model.output_names, "y")[0], "y")]
        names = self.model.output_names
        trained = self.results.trained
        if isinstance(y, dict):
            given = data.by_name(y, [head.name for head in trained], "y", known=names)
        elif len(y) == len(trained) != len(names):
            given = list(y)
        else:
            in_order = dict(zip(names, data.in_a_row(y, names, "y"), strict=True))
            given = [in_order[head.name] for head in trained]
        return [data.as_data(array, head.label) for head, array in zip(trained, given, strict=True)]

    def _checked(self, x: list[Any], targets: list[np.ndarray], sample_weight: Any, finite: bool) -> Arrays:
        checked, shapes = [], []
        for head, array in zip(self.results.trained, targets, strict=True):
            expected = head.shape if head.loss is None else head.loss.target_shape(head.shape)
            y, shape = data.as_targets(array, expected, head.sparse, head.label)
            data.check_same_length(x[0], y, "x", head.label)
            checked.append(y)
            shapes.append(shape)
        given = self._weights(sample_weight)
        weights = [
            data.as_weights(some, y, head.shape[:-1], None, head.sparse, head.weight_label)
            for head, some, y in zip(self.results.trained, given, checked, strict=True)
        ]
        if finite:
            for name, array in zip(self._labels(x), x, strict=True):
                data.check_finite(array, name, self.model.dtype)
            for head, y, some in zip(self.results.trained, checked, weights, strict=True):
                data.check_finite(y, head.label, self.model.dtype)
                if some is not None:
                    data.check_finite(some, head.weight_label, self.model.dtype)
        for head, y in zip(self.results.trained, checked, strict=True):
            if head.sparse:
                data.check_labels(y, head.shape[-1], head.label, getattr(head.loss, "ignore_class", None))
        return Arrays(x, checked, weights, shapes)

    def _labels(self, x: list[Any]) -> list[str]:
        return ["x"] if len(x) == 1 else [f"x[{name!r}]" for name in self.model.input_names]

    def _weights(self, sample_weight: Any) -> list[Any]:
        trained = self.results.trained
        names = [head.name for head in trained]
        if isinstance(sample_weight, dict):
            unknown = set(sample_weight) - set(self.model.output_names)
            if unknown:
                raise ValueError(
                    f"Argument `sample_weight` must go by the names of outputs, {self.model.output_names}. "
                    f"Received: {sorted(unknown)}"
                )
            return [sample_weight.get(name) for name in names]
        several = isinstance(sample_weight, (list, tuple)) and len(sample_weight) == len(trained) > 1
        if several and all(part is None or np.ndim(part) > 0 for part in sample_weight):
            return list(sample_weight)
        return [sample_weight] * len(trained)

    def weigh_classes(self, arrays: Arrays, class_weight: Any) -> Arrays:
        """The data set with the weights of its samples multiplied by those of their classes."""
        if class_weight is None:
            return arrays
        by_output = isinstance(class_weight, Mapping) and any(isinstance(v, Mapping) for v in class_weight.values())
        names = [head.name for head in self.results.trained]
        if by_output:
            unknown = set(class_weight) - set(names)
            if unknown:
                raise ValueError(
                    f"Argument `class_weight` must go by the names of outputs, {names}. Received: {sorted(unknown)}"
                )
        elif len(names) > 1:
            raise ValueError(
                "Argument `class_weight` of a model with several outputs must be a dictionary by the names of outputs, "
                f"{names}. Received: class_weight={class_weight!r}"
            )
        weights = [
            data.as_weights(
                before, y, head.shape[:-1], class_weight.get(head.name) if by_output else class_weight, head.sparse
            )
            for head, before, y in zip(self.results.trained, arrays.weights, arrays.y, strict=True)
        ]
        return Arrays(arrays.x, arrays.y, weights, arrays.target_shapes)

    def bind(self, compiled: Compiled, arrays: Arrays) -> None:
        """Points the program at the arrays."""
        self.runs += 1
        compiled.program.bind(arrays.feeds)

    def train_program(self, arrays: Arrays, batch_size: int) -> Compiled:
        return self.program("train", min(batch_size, len(arrays)), arrays)

    def run_epoch(
        self,
        compiled: Compiled,
        arrays: Arrays,
        batch_size: int,
        shuffle: tuple[int, int] | None = None,
        by_batch: bool = False,
        known: KnownScalars | None = None,
        begun: Mapping[str, Any] | None = None,
        order: np.ndarray | None = None,
    ) -> Generator[int, None, None]:
        """Trains for one epoch; yields the number of steps done, now and then (`by_batch`: after each one).

        Args:
            compiled: What `train_program` returned.
            arrays: The data.
            batch_size: Samples in a step, no more than there are.
            shuffle: (key, counter) of the order of the samples; `None`: as they lie.
            by_batch: Whether to yield after each step.
            known: Knows the scalars of the steps; by default, what watches the optimizer.
            begun: What `progress` returned when this epoch was left in its midst; `None`: it begins.
            order: The order of the samples itself.
        """
        if self.amid_steps:
            raise RuntimeError(
                "A callback cannot train the model between two steps of its training: let it do so in `on_epoch_end`. "
                "Received: fit or train_on_batch amid an epoch"
            )
        if self.optimizer.full_batch:
            yield from self._minimize(compiled, arrays)
            return
        program, optimizer, known = compiled.program, self.optimizer, known or self.known
        samples, counter = len(arrays), optimizer.counter
        steps = -(-samples // batch_size)
        done = ready = 0 if begun is None else int(begun["done"])
        first = counter.item() - done
        self.bind(compiled, arrays)
        try:
            program.start(samples, batch_size, order, first + done, shuffle)
            if begun is not None:
                self._go_on(compiled, begun)
            while done < steps:
                if by_batch and done:  # a callback may have changed weights or the learning rate
                    ready = done
                    program.refresh()
                if ready == done:
                    ahead = 1 if by_batch else min(steps - done, SCALARS)
                    at, ready = first + done, done + ahead
                    rates = compiled.rates(np.arange(at, at + ahead)) if compiled.schedules else None
                    tables, before = known.of(at, ahead)
                    program.set_scalars(done, tables, rates, before)
                done += program.run(done, ready - done, SLICE)
                counter[...] = first + done
                self.amid_steps = True
                yield done
                self.amid_steps = False
        finally:
            self.amid_steps = False
            program.release()

    def _minimize(self, compiled: Compiled, arrays: Arrays) -> Generator[int, None, None]:
        """An epoch of an optimizer that asks for losses and gradients itself; totals are those of the last weights."""
        program, first = compiled.program, self.optimizer.batches

        def evaluate() -> tuple[float, list[np.ndarray]]:
            program.start(len(arrays), len(arrays), iteration=first)  # anew: the same noise each time
            program.set_scalars(0, [], compiled.rates(np.array([first])))
            program.run(0, 1)
            return program.last_loss, compiled.gradients()

        self.bind(compiled, arrays)
        try:
            self.optimizer.minimize(evaluate, compiled.learning)
            self.reset_metrics()
            evaluate()
            self.optimizer.batches = first + 1
            yield 1
        finally:
            program.release()

    def run_test(
        self, arrays: Arrays, batch_size: int, by_batch: bool, reset: bool = True
    ) -> Generator[tuple[Compiled, int], None, None]:
        """Evaluates; yields the program and the number of steps done, now and then (`by_batch`: after each one)."""
        batch_size = min(batch_size, len(arrays))
        steps = -(-len(arrays) // batch_size)
        compiled = self.program("test", batch_size, arrays)
        if reset:
            self.reset_metrics()
        self.bind(compiled, arrays)
        try:
            compiled.program.start(len(arrays), batch_size)
            done = 0
            while done < steps:
                done += compiled.program.run(done, 1 if by_batch else steps - done, SLICE)
                yield compiled, done
        finally:
            compiled.program.release()

    # --- results ---

    def reset_metrics(self) -> None:
        for metric in self.results.metrics:
            metric.reset_state()

    def _penalty(self, samples: float) -> float:
        """The regularizers of all weights that learn."""
        regularized = (v for v in self.model.trainable_variables if v.regularizer is not None)
        return sum(
            float(v.regularizer(v.value)) / (samples if getattr(v.regularizer, "per_sample", False) else 1.0)
            for v in regularized
        )

    def totals(self, compiled: Compiled) -> np.ndarray:
        """Sums over the samples since the start of a run: of the loss, of ones, and of each output's loss."""
        return np.array(self._totals(compiled))

    def _totals(self, compiled: Compiled) -> list[float]:
        totals = [*compiled.program.totals]
        if len(self.heads) > 1:
            totals += [compiled.program.loss_total(step) for step in compiled.losses]
        return totals

    def progress(self, compiled: Compiled | None, done: int) -> dict[str, Any]:
        """What has been added up in an epoch of which some steps are done: for `run_epoch`, to go on from there."""
        state = {
            "done": done,
            "metrics": [[m.state.copy(), *(v.numpy() for v in m.variables)] for m in self.results.metrics],
        }
        return state if compiled is None else {**state, "totals": self.totals(compiled)}

    def restore_metrics(self, state: Mapping[str, Any]) -> None:
        """Gives the metrics what they had added up when `progress` was asked."""
        for metric, (own, *variables) in zip(self.results.metrics, state["metrics"], strict=True):
            metric.state[:] = own
            for variable, value in zip(metric.variables, variables, strict=True):
                variable.assign(value)

    def _go_on(self, compiled: Compiled, begun: Mapping[str, Any]) -> None:
        self.restore_metrics(begun)
        loss_sum, samples, *sums = np.asarray(begun["totals"]).tolist()
        compiled.program.go_on_from(loss_sum, int(samples), compiled.losses if sums else (), sums)

    def logs(self, compiled: Compiled, before: np.ndarray | None = None) -> dict[str, Any]:
        """Losses and metrics since the start of the epoch, in the order of `results.names`.

        Args:
            compiled: The program that runs, or has run.
            before: `totals` of what ran before it in the same epoch, if anything did.
        """
        totals = self._totals(compiled) if before is None else (self.totals(compiled) + before).tolist()
        logs = self.results.told(totals)
        if not compiled.builder.learning:  # a training step adds them itself
            logs["loss"] += self._penalty(totals[SAMPLES])
        return logs
