"""Prediction: the forward pass of a model as a program, run in batches that stay in cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn._kernels import get_num_threads
from fastnn._structure import flatten, flatten_shapes, pack, transform
from fastnn.adapters import CSRRows
from fastnn.compiled import Compiled
from fastnn.program import Builder
from fastnn.random import draw_seed

FEW_ROWS = 64  # served by a program of its own
MAX_ROWS = 4096  # of a batch
BATCH_BYTES = 1 << 23  # of a batch's values, about
MAX_PROGRAMS = 4  # kept by a model
SLICE = 0.05  # seconds in C between two looks at signals


class Predictor:
    """The compiled forward pass of a model, without losses. Threads that call it at once have a program each.

    Args:
        model: The model, built.

    Attributes:
        few: The `_kernels.Program` that serves few rows at once, when one was made.
        rows: How many rows a batch has at most.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.programs: dict[Any, list[Compiled]] = {}  # by what they are made for; those that nobody is using
        self.few: Any = None
        self.rows = rows_within(model, BATCH_BYTES)

    def __call__(self, x: list[Any], training: bool = False, out: np.ndarray | None = None) -> Any:
        """Computes the model's outputs for all samples.

        Args:
            x: Checked samples of each input.
            training: Whether layers behave as in training; statistics of the batch are then those of all samples.
            out: Where the output goes, for a model with one.

        Returns:
            Arrays, in the structure of the model's outputs.

        Raises:
            ValueError: `out` is not an array that the output fits.
        """
        samples = len(x[0])
        y = self._results(samples, out)
        if out is not None and self._is_read(out, x):  # while results are computed
            y = [np.empty_like(out)]
        sparse = tuple([isinstance(array, CSRRows) for array in x])
        capacity = self._capacity(samples, training)
        idle = self._idle(capacity, training, sparse)
        # No lock, which a child of fork() might inherit from a thread that it has not: `pop` and `append` are atomic.
        try:
            compiled = idle.pop()
        except IndexError:
            compiled = self._compile(capacity, training, sparse)
        program = compiled.program
        program.bind(x)
        for at, array in enumerate(y):
            program.bind_result(at, array)
        try:
            batch = min(program.capacity, samples)
            steps = -(-samples // batch)
            program.start(samples, batch, iteration=draw_seed() if training else 0)
            done = 0
            while done < steps:
                done += program.run(done, steps - done, SLICE)
        finally:
            program.release()
        if out is not None and y[0] is not out:
            out[...] = y[0]
            y = [out]
        result = pack(compiled.builder.returned, list(y))
        matrix = isinstance(result, np.ndarray) and result.ndim == 2
        if self.few is None and matrix and not training and samples <= FEW_ROWS and not any(sparse):
            self.few = program  # and nothing else: who calls `predict_few` need not ask whether it is in use
        elif len(idle) < get_num_threads():
            idle.append(compiled)
        return result

    def _is_read(self, out: np.ndarray, x: list[Any]) -> bool:
        weights = [variable.value for variable in self.model.weights]
        return any(np.may_share_memory(a, out) for a in (*x, *weights) if isinstance(a, np.ndarray))

    def _results(self, samples: int, out: np.ndarray | None) -> list[np.ndarray]:
        shapes = [(samples, *shape) for shape in self.model.result_shapes]
        if out is None:
            return [np.empty(shape, self.model.dtype) for shape in shapes]
        if len(shapes) != 1:
            raise ValueError(f"Argument `out` is for a model with one output. Received: a model with {len(shapes)}")
        is_array = isinstance(out, np.ndarray)
        fits = is_array and out.shape == shapes[0] and out.dtype == self.model.dtype
        if not fits or not out.flags.carray:
            received = f"{out.shape}, {out.dtype}" if is_array else repr(out)
            if is_array and not out.flags.writeable:
                received += ", read-only"
            if is_array and not out.flags.c_contiguous:
                received += f", with strides {out.strides}"
            if is_array and not out.flags.aligned:
                received += ", not aligned"
            raise ValueError(
                f"Argument `out` must be a writable, aligned, C-contiguous array of shape {shapes[0]} and dtype "
                f"{self.model.dtype.name}. Received: {received}"
            )
        return [out]

    def _capacity(self, samples: int, training: bool) -> int:
        if training:
            return samples
        # Powers of two: few programs serve all lengths.
        return min(max(FEW_ROWS, 1 << (samples - 1).bit_length()), self.rows)

    def _idle(self, capacity: int, training: bool, sparse: tuple[bool, ...]) -> list[Compiled]:
        flags = tuple([layer.trainable for layer in self.model.deep_layers()])
        key = (capacity, training and self._batches(), flags, sparse)
        if key not in self.programs and len(self.programs) >= MAX_PROGRAMS:
            self.programs.clear()
        return self.programs.setdefault(key, [])

    def _batches(self) -> int:
        """How many the optimizer has seen: behaving as in training may depend on it. One more than none."""
        return 1 + (int(self.model.optimizer.batches) if self.model.compiled else 0)

    def _compile(self, capacity: int, training: bool, sparse: tuple[bool, ...]) -> Compiled:
        builder = Builder(self.model.dtype, training=training, learning=False)
        builder.batches = self._batches() - 1
        shapes = self.model.sample_shapes
        feeds = [builder.feed(shape, sparse=some) for shape, some in zip(shapes, sparse, strict=True)]
        returned = self.model.emit(builder, pack(self.model.input_structure, feeds))
        builder.returned = transform(lambda value: None, returned)
        for value in flatten(returned):
            builder.result(value)
        return builder.finish(capacity)


def rows_within(model: Any, memory: int) -> int:
    """How many samples of a batch have values, of all layers, that need about so many bytes."""
    shapes = [shape for layer in model.deep_layers() for shape in flatten_shapes(layer.output_shape or ())]
    elements = sum(math.prod(shape[1:]) for shape in shapes) + sum(map(math.prod, model.sample_shapes))
    return min(MAX_ROWS, max(1, memory // (model.dtype.itemsize * max(elements, 1))))
