"""Epochs of a perceptron: batches in the orders that scikit-learn draws."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from fastnn.data import Arrays
from fastnn.records import required
from fastnn.sklearn.objectives import Objective
from fastnn.sources import InMemory
from fastnn.training import Training


class Epochs(InMemory):
    """Arrays or a sparse matrix, as a source of batches.

    Args:
        training: What was compiled.
        objective: What is minimized.
        arrays: The data.
        batch_size: Samples in a step.
        random_state: NumPy's generator, from which orders are drawn; `None`: samples as they lie.
        steady: Whether nobody changes the learning rate on the way.
    """

    def __init__(
        self, training: Training, objective: Objective, arrays: Arrays, batch_size: int, random_state: Any, steady: bool
    ) -> None:
        super().__init__(training, arrays, batch_size)
        self.objective = objective
        self.random_state = random_state
        self.steady = steady
        self.order: np.ndarray | None = None

    def prepare(self, unchanged: bool) -> None:
        super().prepare(self.steady)

    def next_order(self) -> np.ndarray | None:
        """Draws the order of the next epoch, from that of the last, as scikit-learn does."""
        if self.random_state is not None:
            drawn = np.arange(len(self.arrays))
            self.random_state.shuffle(drawn)
            self.order = drawn if self.order is None else self.order[drawn]
        return self.order

    def train(self, epoch: int, by_batch: bool, begun: Mapping[str, Any] | None = None) -> Generator[int, None, None]:
        compiled, order = required(self.compiled, "a program"), self.order if begun else self.next_order()
        return self.training.run_epoch(
            compiled, self.arrays, self.batch_size, None, by_batch, self.known, begun, order=order
        )

    def get_state(self, done: int) -> dict[str, Any]:
        state = {**super().get_state(done), "order": self.order, "random": None}
        if done:  # what is told is the loss without what it is multiplied by
            state["epoch"]["totals"] = np.append(state["epoch"]["totals"], self._loss())
        if self.random_state is not None:
            name, keys, *numbers = self.random_state.get_state(legacy=True)
            state["random"] = [name, keys.tolist(), *numbers]
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self.order = state["order"]
        if self.random_state is not None and state["random"] is not None:
            self.random_state.set_state(tuple(state["random"]))

    def _loss(self) -> float:
        """The sum over the samples of the epoch of the loss alone."""
        compiled = required(self.compiled, "a program")
        return float(compiled.program.loss_total(compiled.losses[0]))

    def logs(self) -> dict[str, Any]:
        """The loss, penalty included, in scikit-learn's units; and metrics that a user may have added."""
        minimized, samples = required(self.compiled, "a program").program.totals
        logs, multiplied = super().logs(), self.objective.factor - self.objective.told
        logs["loss"] = (minimized - multiplied * self._loss()) / samples if samples else 0.0
        return logs
