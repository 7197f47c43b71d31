"""Epochs of a perceptron: batches in the orders that scikit-learn draws, of arrays and of sparse matrices."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from fastnn.compiled import Compiled
from fastnn.records import required
from fastnn.sklearn.objectives import Objective
from fastnn.sources import InMemory
from fastnn.training import Arrays, KnownScalars, Training

CHUNK_BYTES = 1 << 26  # of a sparse matrix, made dense at a time


class Epochs(InMemory):
    """Arrays, as a source of batches.

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

    def __len__(self) -> int:
        return len(self.arrays)

    def prepare(self, epochs: int, unchanged: bool) -> None:
        self.compiled = self.training.train_program(self.arrays, self.batch_size)
        if self.steady:
            self.known = KnownScalars(self.training.optimizer, required(self.steps, "steps") * epochs)

    def next_order(self) -> np.ndarray | None:
        """Draws the order of the next epoch, from that of the last, as scikit-learn does."""
        if self.random_state is not None:
            drawn = np.arange(len(self))
            self.random_state.shuffle(drawn)
            self.order = drawn if self.order is None else self.order[drawn]
        return self.order

    def train(self, epoch: int, by_batch: bool, begun: Mapping[str, Any] | None = None) -> Generator[int, None, None]:
        compiled, order = required(self.compiled, "a program"), self.next_order()
        return self.training.run_epoch(
            compiled, self.arrays, self.batch_size, None, by_batch, self.known, begun, order=order
        )

    def totals(self) -> tuple[float, float, float]:
        """Sums over the samples of the epoch: of what is minimized, of the loss alone, of ones."""
        program = required(self.compiled, "a program").program
        loss_sum, samples = program.totals
        return loss_sum, program.loss_total(required(self.compiled, "a program").losses[0]), samples

    def logs(self) -> dict[str, Any]:
        """The loss, penalty included, in scikit-learn's units; and metrics that a user may have added."""
        minimized, loss, samples = self.totals()
        logs = super().logs()
        logs["loss"] = (minimized - (self.objective.factor - self.objective.told) * loss) / samples if samples else 0.0
        return logs


class SparseEpochs(Epochs):
    """The rows of a sparse matrix, made dense for some batches at a time.

    Args:
        matrix: A matrix of SciPy's, in CSR format.
        arrays: Its first rows, dense, with the targets and weights of all.
        *arguments: As for `Epochs`.
    """

    def __init__(self, matrix: Any, training: Training, objective: Objective, arrays: Arrays, *arguments: Any) -> None:
        self.matrix = matrix
        super().__init__(training, objective, arrays, *arguments)
        self.batch_size = min(arguments[0], len(self))
        self.steps = -(-len(self) // self.batch_size)
        self.before = np.zeros(3)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def prepare(self, epochs: int, unchanged: bool) -> None:
        self.compiled = self._program(self.batch_size)
        if self.steady:
            self.known = KnownScalars(self.training.optimizer, required(self.steps, "steps") * epochs)

    def _program(self, batch_size: int) -> Compiled:
        return self.training.program("train", batch_size, self.arrays)

    def train(self, epoch: int, by_batch: bool, begun: Mapping[str, Any] | None = None) -> Generator[int, None, None]:
        order, self.before = self.next_order(), np.zeros(3)
        dtype = self.training.model.dtype
        chunk = self.batch_size * max(1, CHUNK_BYTES // (self.batch_size * self.matrix.shape[1] * dtype.itemsize))
        for first in range(0, len(self), chunk):
            if first:
                self.before = self.before + super().totals()
            rows = slice(first, first + chunk) if order is None else order[first : first + chunk]
            arrays = Arrays(
                [dense_rows(self.matrix, rows, dtype)],
                [y[rows] for y in self.arrays.y],
                [None if weights is None else weights[rows] for weights in self.arrays.weights],
                self.arrays.target_shapes,
            )
            compiled = required(self.compiled, "a program")
            for done in self.training.run_epoch(compiled, arrays, self.batch_size, None, by_batch, self.known):
                yield first // self.batch_size + done

    def totals(self) -> tuple[float, float, float]:
        minimized, loss, samples = (self.before + super().totals()).tolist()
        return minimized, loss, samples


def dense_rows(matrix: Any, rows: Any, dtype: Any) -> np.ndarray:
    """Some rows of a sparse matrix in CSR format, as an array."""
    return np.asarray(matrix[rows].astype(dtype, copy=False).toarray())
