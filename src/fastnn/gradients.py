"""Gradients by a model's inputs: its forward pass and the way back as one program, in inference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import data, prediction
from fastnn._structure import flatten, pack, transform
from fastnn.compiled import Compiled
from fastnn.data import Arrays
from fastnn.layers.graph import Graph, Tensor
from fastnn.loss_steps import emit_loss
from fastnn.program import Builder
from fastnn.records import Value

BATCH_BYTES = 1 << 20  # of a batch's values and gradients, about: they are gone through once for each number
MAX_PROGRAMS = 4  # kept by a model


class Derivatives:
    """The compiled gradients of a model's outputs by its inputs. Threads that ask at once have a program each.

    Args:
        model: The model, built.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.programs: dict[Any, list[Compiled]] = {}  # by what they are made for; those that nobody is using

    def of_outputs(self, x: list[Any], of: Any, every: bool) -> tuple[Any, Any]:
        """The gradients of what `of` chooses, by each input.

        Args:
            x: Checked samples of each input.
            of: What is differentiated: see `Differentiable.input_gradient`.
            every: Whether it may be more than one number a sample.

        Returns:
            The structure of what is differentiated, with its shapes; and, for each input, an array of shape
            `(samples, numbers, *shape of the input)`.
        """
        labels = isinstance(of, (np.ndarray, list))
        if labels:
            of = self._checked_labels(np.asarray(of), len(x[0]))
        elif of is not None and not callable(of):
            of = self._checked_index(of)
        feeds = [*x, of] if labels else x

        def emit(builder: Builder, inputs: list[Value]) -> None:
            outputs = self.model.emit(builder, pack(self.model.input_structure, inputs))
            chosen = self._chosen_by_label(builder, outputs) if labels else self._chosen(builder, outputs, of)
            builder.returned = transform(lambda value: value.shape, chosen)
            numbers = sum(math.prod(value.shape) for value in flatten(chosen))
            if numbers > 1 and not every:
                raise ValueError(
                    "Argument `of` must choose one number of each sample: an index, class numbers, or a function such "
                    f"as lambda y: fastnn.ops.sum(y, axis=-1); for all numbers, use `jacobian`. Received: of={of!r}, "
                    f"which is {numbers} numbers"
                )
            for value in flatten(chosen):
                builder.pull(value)

        key = "labels" if labels else of
        return self._run((key, every), feeds, emit)

    def of_losses(self, arrays: Arrays, heads: list[Any], factors: list[float]) -> Any:
        """The gradients of each sample's own loss, by each input.

        Args:
            arrays: Samples and targets, checked.
            heads: The outputs that are trained, in the order of the targets.
            factors: Factors of their losses.
        """

        def emit(builder: Builder, inputs: list[Value]) -> None:
            outputs = flatten(self.model.emit(builder, pack(self.model.input_structure, inputs)))
            by_name = dict(zip(self.model.output_names, outputs, strict=True))
            builder.returned = None
            for head, shape in zip(heads, arrays.target_shapes, strict=True):
                if head.loss is not None:
                    emit_loss(builder, head, by_name[head.name], builder.feed(shape), of_samples=True)
                else:
                    builder.feed(shape)

        key = ("losses", tuple(head.loss for head in heads), tuple(factors), tuple(arrays.target_shapes))
        return self._run(key, [*arrays.x, *arrays.y], emit)[1]

    # --- what is differentiated ---

    def _checked_index(self, of: Any) -> int:
        """The place, among the numbers of a sample of the output, that an index means."""
        shapes = self.model.result_shapes
        index = of if isinstance(of, tuple) else (of,)
        whole = all(hasattr(i, "__index__") and not isinstance(i, bool) for i in index)
        if len(shapes) != 1 or not whole:
            raise ValueError(
                "Argument `of` must be an index into a sample of the output, an array of class numbers, or a function "
                f"of the outputs; of a model with several outputs, a function. Received: of={of!r}"
            )
        (shape,) = shapes
        if len(index) != len(shape) or any(not -n <= int(i) < n for i, n in zip(index, shape, strict=True)):
            raise ValueError(
                f"Argument `of` must be an index into a sample of the output, of shape {shape}. Received: of={of!r}"
            )
        return int(np.ravel_multi_index([int(i) % n for i, n in zip(index, shape, strict=True)], shape))

    def _chosen(self, builder: Builder, outputs: Any, of: Any) -> Any:
        if of is None:
            return outputs
        if callable(of):
            return self._composed(builder, outputs, of)
        (value,) = flatten(outputs)
        return builder.reshape(builder.rearrange(value, np.array([of])), ())

    def _composed(self, builder: Builder, outputs: Any, function: Callable[..., Any]) -> Any:
        values = flatten(outputs)
        tensors = [Tensor((None, *value.shape), builder.dtype, recorded=False) for value in values]
        returned = function(pack(outputs, list(tensors)))
        for tensor in flatten(returned):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "Argument `of` must return what layers, fastnn.ops and arithmetic make of the outputs. "
                    f"Received: {type(tensor).__name__}"
                )
        return pack(returned, Graph(tensors, flatten(returned)).lower(builder, values))

    def _checked_labels(self, labels: np.ndarray, samples: int) -> np.ndarray:
        shapes = self.model.result_shapes
        if len(shapes) != 1 or len(shapes[0]) != 1 or labels.shape != (samples,):
            raise ValueError(
                "Argument `of` as an array must hold a class number for each sample, of a model with one output of "
                f"shape (samples, classes). Received: shape={labels.shape} for {samples} samples and outputs of shapes "
                f"{[(None, *shape) for shape in shapes]}"
            )
        labels = data.as_data(labels, "of")
        data.check_labels(labels, shapes[0][0], "of")
        return labels

    def _chosen_by_label(self, builder: Builder, outputs: Any) -> Value:
        (value,) = flatten(outputs)
        label, one_hot = builder.feed((1,)), Value((1, *value.shape))
        builder.add("one_hot", [label], one_hot)
        return builder.reduce(builder.binary("multiply", value, builder.reshape(one_hot, value.shape)), 0, "sum")

    # --- programs ---

    def _run(self, key: Any, feeds: list[Any], emit: Callable[[Builder, list[Value]], None]) -> tuple[Any, Any]:
        samples = len(feeds[0])
        rows = prediction.rows_within(self.model, BATCH_BYTES // 2)
        capacity = min(1 << (samples - 1).bit_length(), rows)
        if (key, capacity) not in self.programs and len(self.programs) >= MAX_PROGRAMS:
            self.programs.clear()
        idle = self.programs.setdefault((key, capacity), [])
        try:  # as in `Predictor`
            compiled = idle.pop()
        except IndexError:
            compiled = self._compile(capacity, emit)
        gradients = self._differentiate(compiled, feeds)
        if len(idle) < MAX_PROGRAMS:
            idle.append(compiled)
        return compiled.builder.returned, gradients

    def _compile(self, capacity: int, emit: Callable[[Builder, list[Value]], None]) -> Compiled:
        builder = Builder(self.model.dtype, by_inputs=True)
        emit(builder, [builder.feed(shape, differentiated=True) for shape in self.model.sample_shapes])
        return builder.finish(capacity)

    def _differentiate(self, compiled: Compiled, feeds: list[Any]) -> list[np.ndarray]:
        program, samples = compiled.program, len(feeds[0])
        shape = (samples, max(compiled.builder.pulls, 1))
        gradients, results = [], 0
        for array, by_input, sample in zip(feeds, compiled.by_inputs, self.model.sample_shapes, strict=False):
            assert len(array) == samples
            if by_input:
                gradients.append(np.empty((*shape, *sample), self.model.dtype))
                program.bind_result(results, gradients[-1])
                results += 1
            else:  # it leads nowhere
                gradients.append(np.zeros((*shape, *sample), self.model.dtype))
        program.bind(feeds)
        try:
            program.start(samples, min(program.capacity, samples))
            steps = -(-samples // min(program.capacity, samples))
            done = 0
            while done < steps:
                done += program.run(done, steps - done, prediction.SLICE)
        finally:
            program.release()
        return gradients
