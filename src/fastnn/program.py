"""Lowering: layers, losses and metrics become the steps of one compiled program.

Layers speak to a `Builder` in values and shapes; it keeps what they emit as plain records, simplifies them (an
activation moves into the product before it, a sigmoid or softmax into the loss after it), and writes the rest into a
`_kernels.Program`, which runs without Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastnn import simplification
from fastnn.compiled import Compiled
from fastnn.records import Rates, Record, Shape, Updates, Value
from fastnn.variables import Variable


class Builder:
    """Collects the steps of a program.

    Args:
        dtype: `"float32"` or `"float64"`.
        training: Whether layers behave as in training, and parameters are to learn.
        learning: Whether parameters are to learn, where that is another thing.
        by_inputs: Whether the gradients by the inputs are handed out.
    """

    def __init__(
        self, dtype: Any, training: bool = False, learning: bool | None = None, by_inputs: bool = False
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.training = training
        self.learning = training if learning is None else learning
        self.by_inputs = by_inputs
        self.batches = 0  # seen by the optimizer before, where something depends on it
        self.sums_losses = False  # whether what layers add to the loss counts
        self.pulls = 0  # numbers of a sample that are differentiated one after the other
        self.records: list[Record] = []
        self.stopping: list[Record] = []  # those of them that no gradient goes through
        self.added_losses: list[Record] = []  # those of them by which layers add to the loss
        self.feeds: list[Value] = []
        self.results: list[Value] = []
        self.returned: Any = None  # the structure in which results are handed out
        self.updates = Updates()

    @contextmanager
    def behaving(self, training: bool | None) -> Iterator[None]:
        """Within it, layers behave as in training or not as given; `None` changes nothing."""
        before, self.training = self.training, self.training if training is None else training
        try:
            yield
        finally:
            self.training = before

    # --- what layers emit ---

    def add(self, *args: Any, **settings: Any) -> Record:
        """Adds a step of any op; the methods below are the usual ways."""
        record = Record(*args, **settings)
        self.records.append(record)
        return record

    @property
    def differentiates(self) -> bool:
        """Whether anything is passed back through the steps."""
        return self.learning or self.by_inputs

    def feed(self, shape: Shape, differentiated: bool = False, sparse: bool = False) -> Value:
        """An input: a value that is read from an array, or a sparse matrix, whose samples have this shape."""
        value = Value(shape)
        value.gradient = differentiated
        value.sparse = sparse
        self.feeds.append(value)
        return value

    def pull(self, x: Value) -> None:
        """Differentiates each number of a sample of x by the inputs, one after the other."""
        self.add("pull", [x], length=self.pulls)
        self.pulls += math.prod(x.shape)

    def result(self, value: Value) -> None:
        """Makes a value an output: it is written to an array."""
        value.root.uses += 1
        self.results.append(value)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """The same elements in another shape, without a step."""
        return x if shape == x.shape else Value(shape, x)

    def dense(self, x: Value, kernel: Variable, bias: Variable | None) -> Value:
        """x · kernel + bias, along the last axis."""
        y = Value((*x.shape[:-1], kernel.shape[-1]))
        self.add("dense", [x], y, [kernel, bias])
        return y

    def activation(self, x: Value, kernel: str | None, params: Sequence[float] = ()) -> Value:
        """f(x) by the name of its kernel; `None` and `"linear"` are nothing.

        `"softmax"` and `"log_softmax"` are over the last axis, all the others element by element.
        """
        if kernel is None or kernel == "linear":
            return x
        y = Value(x.shape)
        if kernel in ("softmax", "log_softmax"):
            self.add(kernel, [x], y)
        else:
            self.add("activation", [x], y, activation=kernel, params=tuple(params))
        return y

    def prelu(self, x: Value, slopes: Variable) -> Value:
        """x where x > 0, else slope · x; each row of x holds the elements of all slopes, in their order."""
        y = Value(x.shape)
        self.add("prelu", [x], y, [slopes])
        return y

    def _rate(self, rate: Any) -> dict[str, Any]:
        """What a step takes as its rate: a number; or, for learning, the `Rates` that has one for each batch."""
        if not isinstance(rate, Rates):
            return {"rate": rate}
        return {"rates": rate} if self.learning else {"rate": float(rate(np.array([self.batches]))[0])}

    def dropout(self, x: Value, rate: float | Rates, seed: int) -> Value:
        """x with elements set to zero at `rate`, the others scaled up; x itself outside training."""
        if not self.training or rate == 0:
            return x
        y = Value(x.shape)
        self.add("dropout", [x], y, stream=seed, **self._rate(rate))
        return y

    def mask(
        self,
        x: Value,
        rate: float | Rates,
        seed: int,
        values: tuple[float, float, float] | None,
        shared: tuple[int, int, bool],
    ) -> Value:
        """x · factor + shift where kept, else `dropped`, in training.

        Args:
            x: The value.
            rate: How often elements are dropped, below 1.
            seed: Which stream of random numbers.
            values: `(factor, shift, dropped)`; `None` for `(1 / (1 - rate), 0, 0)`.
            shared: A sample is cut into `outer · n · inner` elements, of which n are drawn for: `outer`, `inner`, and
                whether the draw is the same for all samples.
        """
        if not self.training or rate == 0:
            return x
        row = self.reshape(x, (math.prod(x.shape),))
        y = Value(row.shape)
        settings = self._rate(rate)
        values = values or (1 / (1 - settings.get("rate", 0.0)), 0.0, 0.0)
        self.add("mask", [row], y, stream=seed, params=(*values, *(float(each) for each in shared)), **settings)
        return self.reshape(y, x.shape)

    def gaussian_noise(self, x: Value, stddev: float | Rates, seed: int, relative: bool) -> Value:
        """x + stddev · z, or x · (1 + stddev · z) where `relative`, with normal z; x itself outside training."""
        if not self.training or stddev == 0:
            return x
        y = Value(x.shape)
        self.add("gaussian_noise", [x], y, stream=seed, params=(float(relative),), **self._rate(stddev))
        return y

    def batch_normalization(
        self,
        x: Value,
        gamma: Variable | None,
        beta: Variable | None,
        mean: Variable,
        variance: Variable,
        momentum: float,
        epsilon: float,
        training: bool,
    ) -> Value:
        """Normalized by the batch's statistics in training, which move the given ones; else by the given ones."""
        y = Value(x.shape)
        op = "batch_normalization" if training else "moving_normalization"
        self.add(op, [x], y, [gamma, beta, mean, variance], momentum=momentum, epsilon=epsilon)
        return y

    def group_normalization(
        self,
        x: Value,
        kind: str,
        gamma: Variable | None,
        beta: Variable | None,
        epsilon: float,
        lines: int = 1,
        groups: int = 1,
    ) -> Value:
        """Each row, or each group of its columns, normalized by its own statistics.

        Args:
            x: The value. A row is `lines · groups · n` elements, of which (·, g, ·) are normalized together.
            kind: `"centred"`, `"root"` or `"unit"`, as `kernels.h` defines them.
            gamma: Factors `(groups, n)`, or None.
            beta: Summands `(groups, n)`, or None.
            epsilon: Keeps the divisor from zero.
            lines: Of a row.
            groups: Of a row.
        """
        y, statistics = Value(x.shape), Value((*x.shape[:-1], 2 * groups))
        params = (float(("centred", "root", "unit").index(kind)), float(lines), float(groups))
        self.add("group_normalization", [x, statistics], y, [gamma, beta], epsilon=epsilon, params=params)
        return y

    def scale(self, x: Value, factor: Variable | None, summand: Variable | None, width: int | None = None) -> Value:
        """x · factor + summand by column; a row is taken as often as it takes to fill `width` columns."""
        y = Value((*x.shape[:-1], width or x.width))
        self.add("scale", [x], y, [factor, summand])
        return y

    def waves(self, x: Value, frequencies: Variable, phases: Variable | None = None, sines: bool = False) -> Value:
        """cos(2π · frequencies · x + phases) for each number of x; with `sines`, the sines behind the cosines."""
        count = frequencies.shape[-1]
        y = Value((*x.shape, 2 * count if sines else count))
        self.add("waves", [x], y, [frequencies, phases], params=(float(sines),))
        return y

    def pieces(self, x: Value, left: Variable, factor: Variable, low: Variable, high: Variable) -> Value:
        """(x - left) · factor, cut to [low, high], for each number of x."""
        y = Value((*x.shape, left.shape[-1]))
        self.add("pieces", [x], y, [left, factor, low, high])
        return y

    def feature_dense(self, x: Value, kernel: Variable, bias: Variable | None) -> Value:
        """x[f] · kernel[f] + bias[f] for each row of a sample."""
        y = Value((x.shape[0], kernel.shape[-1]))
        self.add("feature_dense", [x], y, [kernel, bias])
        return y

    def embedding(self, ids: Value, table: Variable, layer: str) -> Value:
        """The rows of the table that the ids name; `layer` is named when an id has none."""
        y = Value((*ids.shape, table.shape[-1]))
        self.add("embedding", [ids], y, [table], owner=layer)
        return y

    def pooling(self, x: Value, kind: str) -> Value:
        """The `"mean"` or `"max"` of the columns of a sample's rows."""
        y = Value((x.width,))
        self.add(f"{kind}_pooling", [x], y)
        return y

    def activity_regularization(self, x: Value, l1: float, l2: float) -> None:
        """Adds l1 · Σ|x| + l2 · Σx² to the loss; nothing to what is differentiated by the inputs."""
        if self.sums_losses:
            self.added_losses.append(self.add("activity_regularization", [x], params=(l1, l2)))

    def layer_loss(self, x: Value, sums: bool) -> None:
        """Adds the mean of x over the batch to the loss, or with `sums` its sum; x holds one number a sample."""
        self.added_losses.append(self.add("value_loss", [x, None, None], loss_weight=1.0, sum_reduction=sums))

    def binary(self, operation: str, a: Value, b: Value) -> Value:
        """a ∘ b, element by element, of values of one shape: `"add"`, `"subtract"`, `"multiply"`, ..."""
        y = Value(a.shape)
        self.add("binary", [a, b], y, binary=operation)
        return y

    def linear_map(self, x: Value, scale: float, shift: float = 0.0) -> Value:
        """scale · x + shift, of numbers."""
        return self.activation(x, "linear_map", (scale, shift))

    def concatenate(self, values: Sequence[Value], axis: int) -> Value:
        """Values side by side along an axis of a sample; the other axes are equal."""
        first = values[0].shape
        axis = axis % len(first)
        outer = first[:axis]
        widths = [math.prod(value.shape[axis:]) for value in values]
        whole = Value((*outer, sum(widths)))
        for at, (value, width) in enumerate(zip(values, widths, strict=True)):
            part = Value((*outer, width), whole, column=sum(widths[:at]))
            self.add("copy", [self.reshape(value, part.shape)], part)
        length = sum(value.shape[axis] for value in values)
        return self.reshape(whole, (*outer, length, *first[axis + 1 :]))

    def reduce(self, x: Value, axis: int, operation: str, keepdims: bool = False) -> Value:
        """`"sum"`, `"mean"` or `"max"` along an axis of a sample."""
        axis = axis % len(x.shape)
        length, inner = x.shape[axis], x.shape[axis + 1 :]
        outer = x.shape[:axis]
        y = Value((*outer, math.prod(inner)))
        rate = 1 / length if operation == "mean" else 1.0
        self.add("max" if operation == "max" else "sum", [self._whole(x)], y, rate=rate, length=length)
        return self.reshape(y, (*outer, *((1,) if keepdims else ()), *inner))

    def stop(self, x: Value) -> Value:
        """x, through which no gradient goes back."""
        y = Value(x.shape)
        self.stopping.append(self.add("copy", [x], y))
        return y

    def rearrange(self, x: Value, index: np.ndarray) -> Value:
        """Elements of a sample in other places: element j is element `index[j]` of x, both flat; shape of `index`."""
        y = Value(index.shape)
        self.add("rearrange", [self._whole(x)], y, index=index.ravel())
        return y

    def _whole(self, x: Value) -> Value:
        """A sample as one row."""
        return self.reshape(x, (math.prod(x.shape),))

    def python(
        self,
        x: Value,
        shape: Shape,
        forward: Callable[[np.ndarray], Any],
        backward: Callable[[np.ndarray], Any] | None,
        variables: Sequence[Variable] = (),
    ) -> Value:
        """A step written in Python: y = forward(x); dx = backward(dy), or (dx, gradients of the variables)."""
        y = Value(shape)
        self.add("python", [x], y, variables, forward=forward, backward_call=backward)
        return y

    def loss(
        self,
        loss: Any,
        prediction: Value,
        target: Value,
        weight: Value | None = None,
        loss_weight: float = 1.0,
        sum_reduction: bool | None = None,
    ) -> Record:
        """Adds a loss; it takes the place of a sigmoid or softmax before it where it can.

        `sum_reduction`: whether it is a sum over the batch, where that is not what the loss says.
        """
        kernel, output = loss.kernel, None
        producer = next((r for r in self.records if r.output is prediction), None)
        if producer is not None and prediction.root.uses == 0:
            activation = producer.settings.get("activation", producer.op)
            if producer.op in ("activation", "softmax") and activation in loss.fused_with:
                kernel, output = loss.fused_with[activation], prediction
                self.records.remove(producer)
                prediction = producer.x
                prediction.root.uses -= 1
        sums = loss.reduction == "sum" if sum_reduction is None else sum_reduction
        settings = {"sum_reduction": sums, "loss_weight": loss_weight}
        if kernel is None:
            return self.add("python_loss", [prediction, target, weight], python_loss=loss, **settings)
        counted = loss.counted and not sums
        if counted:
            settings["by_weight"] = loss.reduction == "mean_with_sample_weight"
        return self.add(
            "counted_loss" if counted else "loss",
            [prediction, target, weight],
            output,
            loss=kernel,
            params=tuple(loss.params),
            columns=loss.columns,
            **settings,
        )

    def value_loss(
        self,
        value: Value,
        weight: Value | None = None,
        loss_weight: float = 1.0,
        sum_reduction: bool = False,
        by_weight: bool = False,
    ) -> Record:
        """Adds the losses of rows that steps have computed: the last axis of `value` is averaged."""
        settings: dict[str, Any] = {"loss_weight": loss_weight, "sum_reduction": sum_reduction}
        if by_weight:
            return self.add("counted_value_loss", [value, None, weight], by_weight=True, **settings)
        return self.add("value_loss", [value, None, weight], **settings)

    def metric(self, metric: Any, prediction: Value, target: Value, weight: Value | None = None) -> None:
        """Adds a metric, which folds each batch into its own state."""
        if metric.kernel is None:
            self.add("python", [prediction, target, weight], None, fold=metric.update_state)
        else:
            self.add(
                "metric",
                [prediction, target, weight],
                metric=metric.kernel,
                params=tuple(metric.params),
                state=metric.state,
            )

    # --- writing the program ---

    def finish(self, capacity: int) -> Compiled:
        """Writes the program for batches of up to `capacity` samples.

        Raises:
            MemoryError: There is no memory for it.
        """
        simplification.decide_gradients(self)
        simplification.multiply_sparse(self)
        if not self.differentiates:
            simplification.fold_normalizations(self)
        simplification.fuse_activations(self)
        simplification.branch(self)
        return Compiled(self, capacity)

    def learns(self, variable: Variable | None) -> bool:
        """Whether the program has a gradient for it."""
        return self.learning and variable is not None and variable.trainable
