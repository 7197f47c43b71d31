"""Prediction: the forward pass of a model as a program, run in batches that stay in cache."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from fastnn.program import Builder, Compiled
from fastnn.random import draw_seed

FEW_ROWS = 64  # served by a program of its own
MAX_ROWS = 4096  # of a batch
BATCH_BYTES = 1 << 23  # of a batch's values, about
MAX_PROGRAMS = 4  # kept by a model
SLICE = 0.05  # seconds in C between two looks at signals


class Predictor:
    """The compiled forward pass of a model, without losses; one call at a time.

    Args:
        model: The model, built.

    Attributes:
        few: The `_kernels.Program` that serves few rows at once, when one was made.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.programs: dict[Any, Compiled] = {}
        self.few: Any = None
        self.lock = threading.Lock()

    def __call__(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Computes the model's output for all samples.

        Args:
            x: Checked samples.
            training: Whether layers behave as in training; statistics of the batch are then those of all samples.
        """
        y = np.empty((len(x), *self.model.output_shape), self.model.dtype)
        with self.lock:
            compiled = self._program(len(x), training)
            program = compiled.program
            if not training and len(x) <= FEW_ROWS:
                self.few = program
            program.bind_feed(0, x, "x")
            program.bind_result(0, y)
            try:
                batch = min(program.capacity, len(x))
                steps = -(-len(x) // batch)
                program.start(len(x), batch, iteration=draw_seed() if training else 0)
                done = 0
                while done < steps:
                    done += program.run(done, steps - done, SLICE)
            finally:
                program.release()
        return y

    def _program(self, rows: int, training: bool) -> Compiled:
        capacity = rows
        if not training:
            # Powers of two: few programs serve all lengths.
            capacity = min(max(FEW_ROWS, 1 << (rows - 1).bit_length()), self._most_rows())
        key = (capacity, training, tuple(layer.trainable for layer in self.model.layers))
        if key not in self.programs:
            builder = Builder(self.model.dtype, training=training, learning=False)
            builder.result(self.model.lower(builder, builder.feed(self.model.input_shape)))
            if len(self.programs) >= MAX_PROGRAMS:
                self.programs.clear()
            self.programs[key] = builder.finish(capacity)
        return self.programs[key]

    def _most_rows(self) -> int:
        shapes = [self.model.input_shape, *(layer.output_shape for layer in self.model.layers)]
        bytes_per_sample = self.model.dtype.itemsize * sum(math.prod(shape) for shape in shapes)
        return min(MAX_ROWS, max(1, BATCH_BYTES // bytes_per_sample))
