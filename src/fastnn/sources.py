"""Where the batches of training and evaluation come from: arrays, which C runs through, or Python, one by one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np

from fastnn.compiled import Compiled
from fastnn.data import Arrays
from fastnn.optimizers.known_scalars import KnownScalars
from fastnn.random import draw_seed
from fastnn.records import required
from fastnn.training import Training


class InMemory:
    """The source of batches that arrays are: an epoch of them runs in C.

    Args:
        training: What was compiled.
        arrays: The data.
        batch_size: Samples in a step.
        shuffle: Whether to draw a new order of the samples for every epoch.
    """

    def __init__(self, training: Training, arrays: Arrays, batch_size: int, shuffle: bool = False) -> None:
        self.training = training
        self.arrays = arrays
        self.batch_size = min(batch_size, len(arrays))
        self.seed = draw_seed() if shuffle else None
        self.steps: int | None = -(-len(arrays) // self.batch_size)
        self.compiled: Compiled | None = None
        self.known: KnownScalars | None = None
        self.revision = -1  # of the optimizer, whose groups of weights the program follows

    def prepare(self, unchanged: bool) -> None:
        """Makes the program to train with; `unchanged`: nobody changes the optimizer on the way."""
        self._compile()
        self.known = KnownScalars(self.training.optimizer, trusted=unchanged)

    def train(self, epoch: int, by_batch: bool, begun: Mapping[str, Any] | None = None) -> Generator[int, None, None]:
        """Trains for one epoch; yields the number of steps done, now and then (`by_batch`: after each one).

        Args:
            epoch: Its number.
            by_batch: Whether to yield after each step.
            begun: The state of an epoch that was left in its midst, to go on with; `None`: it begins.
        """
        order = None if self.seed is None else (self.seed, epoch)
        if self.training.optimizer.revision != self.revision:
            self._compile()
        compiled = required(self.compiled, "a program")
        return self.training.run_epoch(compiled, self.arrays, self.batch_size, order, by_batch, self.known, begun)

    def _compile(self) -> None:
        self.compiled = self.training.train_program(self.arrays, self.batch_size)
        self.revision = self.training.optimizer.revision

    def get_state(self, done: int) -> dict[str, Any]:
        """What it takes to go on in another process.

        Args:
            done: Steps of the present epoch that are done; 0 between epochs.
        """
        return {"seed": self.seed, "epoch": self.training.progress(self.compiled, done) if done else None}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes the order of the samples from what `get_state` returned."""
        self.seed = state["seed"]

    def test(self, by_batch: bool) -> Generator[int, None, None]:
        """Evaluates; yields the number of steps done, now and then (`by_batch`: after each one)."""
        for compiled, done in self.training.run_test(self.arrays, self.batch_size, by_batch):
            self.compiled = compiled
            yield done

    def logs(self) -> dict[str, Any]:
        """Losses and metrics since the start of the epoch."""
        return self.training.logs(required(self.compiled, "a program"))


class Streamed:
    """The source of batches that a generator, a data loader or a `PyDataset` is: Python hands over each of them.

    Args:
        training: What was compiled.
        batches: The batches.
        arrays_of: Makes `Arrays` of a batch, checked.
    """

    def __init__(self, training: Training, batches: Any, arrays_of: Callable[[Any], Arrays]) -> None:
        self.training = training
        self.batches = batches
        self.arrays_of = arrays_of
        self.compiled: Compiled | None = None
        self.before: Any = 0.0  # totals of the batches of this epoch that are done

    @property
    def steps(self) -> int | None:
        """Batches in an epoch, where that is known."""
        steps: int | None = self.batches.num_batches
        return steps

    def prepare(self, unchanged: bool) -> None:
        """Nothing: programs are made for the batches that come."""

    def train(self, epoch: int, by_batch: bool, begun: Mapping[str, Any] | None = None) -> Generator[int, None, None]:
        """Trains on every batch of an epoch; yields the number of steps done.

        Args:
            epoch: Its number.
            by_batch: Without effect: a step is a batch.
            begun: The state of an epoch that was left in its midst, to go on with; `None`: it begins.
        """
        self.before, self.compiled, first = 0.0, None, 0
        if begun is not None:
            self.before, first = np.asarray(begun["totals"]), int(begun["done"])
            self.training.restore_metrics(begun)
        for done, batch in enumerate(self.batches.epoch(first), first + 1):
            arrays = self.arrays_of(batch)
            compiled = self._next(self.training.train_program(arrays, len(arrays)))
            for _ in self.training.run_epoch(compiled, arrays, len(arrays)):
                pass
            yield done
        if self.compiled is None:  # nothing was left of an epoch that was gone on with
            arrays = self.arrays_of(self.batches.first)
            self.compiled = self.training.train_program(arrays, len(arrays))

    def test(self, by_batch: bool) -> Generator[int, None, None]:
        """Evaluates every batch; yields the number of steps done."""
        self.before, self.compiled = 0.0, None
        self.training.reset_metrics()
        for done, batch in enumerate(self.batches.epoch(), 1):
            arrays = self.arrays_of(batch)
            compiled = self._next(self.training.program("test", len(arrays), arrays))
            for _ in self.training.run_test(arrays, len(arrays), False, reset=False):
                pass
            assert compiled is self.compiled
            yield done

    def get_state(self, done: int) -> dict[str, Any]:
        """What it takes to go on in another process, where the batches come again as they did.

        Args:
            done: Steps of the present epoch that are done; 0 between epochs.
        """
        state: dict[str, Any] = {"batches": self.batches.get_state(bool(done)), "epoch": None}
        if done:
            state["epoch"] = self.training.progress(self.compiled, done)
            state["epoch"]["totals"] = self._totals()
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Reads on to where the batches were when `get_state` was asked."""
        self.batches.set_state(state["batches"])

    def _totals(self) -> Any:
        return self.before if self.compiled is None else self.before + self.training.totals(self.compiled)

    def _next(self, compiled: Compiled) -> Compiled:
        self.before = self._totals()
        self.compiled = compiled
        return compiled

    def logs(self) -> dict[str, Any]:
        """Losses and metrics since the start of the epoch."""
        return self.training.logs(required(self.compiled, "a batch"), self.before)
