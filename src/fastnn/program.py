"""Lowering: layers, losses and metrics become the steps of one compiled program.

Layers speak to a `Builder` in values and shapes; it keeps what they emit as plain records, simplifies them (an
activation moves into the product before it, a sigmoid or softmax into the loss after it), and writes the rest into a
`_kernels.Program`, which runs without Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fastnn import _kernels
from fastnn.variables import Variable

Shape = tuple[int, ...]
LOSSES = (
    "loss",
    "counted_loss",
    "value_loss",
    "counted_value_loss",
    "python_loss",
    "activity_regularization",
)  # the ops whose result is minimized
ENDS = (*LOSSES, "pull")  # where the way back begins
Thing = TypeVar("Thing")


def required(thing: Thing | None, what: str) -> Thing:
    """Returns what may be missing at other times, but not now.

    Raises:
        ValueError: It is missing.
    """
    if thing is None:
        raise ValueError(f"There must be {what} by now. Received: None")
    return thing


class Value:
    """What one step hands on to others: rows of numbers, `shape` of them to a sample.

    A view (`base` is set) is another value's memory under another shape; with a `column`, some columns of it; as a
    branch, the same with a gradient of its own.
    """

    __slots__ = ("base", "column", "gradient", "index", "is_branch", "shape", "sparse", "uses")

    def __init__(
        self, shape: Shape, base: Value | None = None, column: int | None = None, is_branch: bool = False
    ) -> None:
        self.shape = shape
        self.base = base
        self.column = column
        self.is_branch = is_branch
        self.sparse = False  # an input that comes as a sparse matrix, and is read by products alone
        self.gradient = False  # decided when the program is written
        self.index: int | None = None
        self.uses = 0

    @property
    def root(self) -> Value:
        return self if self.base is None else self.base.root

    @property
    def width(self) -> int:
        return self.shape[-1] if self.shape else 1

    @property
    def rows_per_sample(self) -> int:
        return math.prod(self.shape[:-1])


class Record:
    """A step to be: the op, its values, its variables, and whatever else the op takes."""

    __slots__ = ("index", "inputs", "op", "output", "settings", "variables")

    def __init__(
        self,
        op: str,
        inputs: Sequence[Value | None],
        output: Value | None = None,
        variables: Sequence[Variable | None] = (),
        **settings: Any,
    ) -> None:
        self.op = op
        self.inputs: list[Value | None] = list(inputs)
        self.output = output
        self.variables = tuple(variables)
        self.settings = settings
        self.index: int | None = None  # of the step in the program
        for value in self.inputs:
            if value is not None:
                value.root.uses += 1

    @property
    def x(self) -> Value:
        """The first input, of an op that has one."""
        return required(self.inputs[0], "a first input")

    @property
    def y(self) -> Value:
        """The output, of an op that has one."""
        return required(self.output, "an output")


class Rates:
    """The rates of a step, one for each batch.

    Args:
        of: Returns the rates of batches by their numbers.
        highest: What none may be above.
        layer: Whose they are, for messages.
    """

    def __init__(self, of: Callable[[np.ndarray], np.ndarray], highest: float, layer: str) -> None:
        self.of, self.highest, self.layer = of, highest, layer

    def __call__(self, batches: np.ndarray) -> np.ndarray:
        rates = np.asarray(self.of(batches), np.float64)
        wrong = ~((rates >= 0) & (rates <= self.highest))
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"The schedule of the rate of layer '{self.layer}' must give numbers in [0, {self.highest:g}]. "
                f"Received: {rates[at]} for batch {batches[at]}"
            )
        return rates


class Updates(NamedTuple):
    """What an optimizer asks of a program; by default nothing: gradients are kept, and no weight changes.

    Attributes:
        kernels: Names of the updates of its rules; none where Python updates.
        rule_of: The number of the rule of a variable.
        arrays_of: Slots, accumulator and average of a variable, by the names that `_kernels.Program.parameter` has.
        settings: Arguments of `_kernels.Program.set_update`.
        python: Updates variables in place, given the number of the batch, and gradients with their variables.
    """

    kernels: Sequence[str] = ()
    rule_of: Callable[[Variable], int | None] = lambda variable: None
    arrays_of: Callable[[Variable], dict[str, Any]] = lambda variable: {}
    settings: Mapping[str, Any] = MappingProxyType({})
    python: Callable[[int, list[tuple[np.ndarray, Variable]]], None] | None = None


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
        self.pulls = 0  # numbers of a sample that are differentiated one after the other
        self.records: list[Record] = []
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
        if self.by_inputs:
            return
        self.add("activity_regularization", [x], params=(l1, l2))

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
        self._decide_gradients()
        self._multiply_sparse()
        if not self.differentiates:
            self._fold_normalizations()
        self._fuse_activations()
        self._branch()
        return Compiled(self, capacity)

    def _learns(self, variable: Variable | None) -> bool:
        return self.learning and variable is not None and variable.trainable

    def _decide_gradients(self) -> None:
        """A value has a gradient if anything before it learns, and if it leads to a loss."""
        for record in self.records:
            if record.output is not None:
                record.output.root.gradient |= any(x is not None and x.root.gradient for x in record.inputs) or any(
                    self._learns(variable) for variable in record.variables
                )
        leading: set[int] = set()
        for record in reversed(self.records):
            if record.op in ENDS:
                leading.add(id(record.x.root))
            elif record.output is not None and id(record.output.root) in leading:
                leading.update(id(x.root) for x in record.inputs if x is not None)
        values = [value for record in self.records for value in (*record.inputs, record.output)]
        for value in (*self.feeds, *values):
            if value is not None and id(value.root) not in leading:
                value.root.gradient = False

    def _branch(self) -> None:
        """Where several steps pass a gradient back to one value, all but the last write to branches of it.

        The last step is the first on the way back: it writes, and the branches are added after it. An activity
        regularization adds by itself; if it is all there is, it adds to zeros.
        """
        passing: dict[int, list[tuple[Record, int]]] = {}
        for record in self.records:
            if record.op in ENDS:
                differentiable = [0]
            elif record.output is not None and record.output.root.gradient:
                differentiable = list(range(len(record.inputs)))
            else:
                continue
            for at in differentiable:
                x = record.inputs[at]
                if x is not None and x.root.gradient:
                    passing.setdefault(id(x.root), []).append((record, at))
        first: list[Record] = []  # branches of the inputs
        after: dict[int, list[Record]] = {}  # branches of what a step puts out
        zeros: list[Record] = []
        producer = {id(record.output.root): id(record) for record in self.records if record.output is not None}
        for root, consumers in passing.items():
            writing = [(record, at) for record, at in consumers if record.op != "activity_regularization"]
            if not writing:
                zeros.append(Record("zero", [consumers[0][0].x.root]))
            behind = after.setdefault(producer[root], []) if root in producer else first
            for record, at in writing[:-1]:
                trunk = required(record.inputs[at], "an input")
                record.inputs[at] = Value(trunk.shape, trunk, is_branch=True)
                behind.append(Record("branch", [trunk, record.inputs[at]]))
        steps = [step for record in self.records for step in (record, *after.get(id(record), ()))]
        self.records = [*first, *steps, *zeros]

    def _multiply_sparse(self) -> None:
        """A sparse input that dense steps alone read is read where it lies; others are made rows batch by batch."""
        for number, value in enumerate(self.feeds):
            if not value.sparse:
                continue
            reading = [
                record for record in self.records if any(x is not None and x.root is value for x in record.inputs)
            ]
            value.sparse = len(value.shape) == 1 and value.uses == len(reading)
            value.sparse = value.sparse and all(r.op == "dense" and r.inputs[0] is value for r in reading)
            if value.sparse:
                for record in reading:
                    record.op, record.settings = "sparse_dense", {"length": number}

    def _fold_normalizations(self) -> None:
        """A normalization by moving statistics becomes part of the dense step before it, where nobody else looks."""
        kept: list[Record] = []
        dense: dict[int, Record] = {}  # by the value that they put out
        for record in self.records:
            before = dense.get(id(record.inputs[0])) if record.op == "moving_normalization" else None
            if before is not None and before.y.uses == 1:
                before.op, before.output = "normalized_dense", record.output
                before.variables += record.variables
                before.settings["epsilon"] = record.settings["epsilon"]
                continue
            kept.append(record)
            if record.op == "dense":
                dense[id(record.output)] = record
        self.records = kept

    def _fuse_activations(self) -> None:
        """y = f(x · w + b) in one step, where nothing else looks at x · w + b."""
        kept: list[Record] = []
        for record in self.records:
            before = kept[-1] if kept else None
            if (
                before is not None
                and before.op in ("dense", "normalized_dense", "feature_dense", "sparse_dense")
                and record.op == "activation"
                and record.inputs[0] is before.output
                and before.y.uses == 1
                and "activation" not in before.settings
                and not (record.y.gradient and _kernels.activation_needs_input(record.settings["activation"]))
            ):
                before.output = record.output
                before.settings.update(record.settings)
            else:
                kept.append(record)
        self.records = kept


class Compiled:
    """A program, and the numbers by which it knows its inputs, outputs, parameters and losses.

    Attributes:
        program: The `_kernels.Program`.
        losses: Numbers of its loss steps.
        learning: The variables that learn.
        by_inputs: Which feeds have a gradient to hand out, where that was asked for.
    """

    def __init__(self, builder: Builder, capacity: int) -> None:
        self.dtype = builder.dtype
        self.builder = builder
        self.program = _kernels.Program(builder.dtype)
        self.parameters: dict[int, int] = {}
        self.learning: list[Variable] = []
        self.losses: list[int] = []
        self.schedules: list[Rates] = []
        self.by_inputs: list[bool] = []
        updates = builder.updates
        self.program.set_update(**updates.settings, python=self._python_update(updates.python))
        for kernel in updates.kernels:
            self.program.rule(kernel)
        for value in builder.feeds:
            self.program.feed(self._value(value), unread=value.sparse)
        for record in builder.records:
            self._write(record)
        for value in builder.results:
            self.program.result(self._value(value))
        if builder.by_inputs:
            self.program.set_pulls(max(builder.pulls, 1))
            self.by_inputs = [value.gradient for value in builder.feeds]  # others have none, or lead nowhere
            for value in builder.feeds:
                if value.gradient:
                    self.program.result(self._value(value), gradient=True)
        self.program.finish(capacity)

    def _value(self, value: Value) -> int:
        if value.index is None:
            if value.base is None:
                value.index = self.program.value(value.rows_per_sample, value.width, value.gradient)
            elif value.is_branch:
                value.index = self.program.branch(self._value(value.base))
            elif value.column is not None:
                value.index = self.program.columns(self._value(value.base), value.column, value.width)
            else:
                value.index = self.program.view(self._value(value.base), value.rows_per_sample, value.width)
        return value.index

    def _parameter(self, variable: Variable, keep: bool) -> int:
        if id(variable) not in self.parameters:
            builder = self.builder
            learns = builder._learns(variable)
            regularizer = variable.regularizer if learns else None
            self.parameters[id(variable)] = self.program.parameter(
                variable.value,
                learns,
                l1=getattr(regularizer, "l1", 0.0),
                l2=getattr(regularizer, "l2", 0.0),
                per_sample=getattr(regularizer, "per_sample", False),
                rule=builder.updates.rule_of(variable) if learns else None,
                keep=keep and learns,
                **(builder.updates.arrays_of(variable) if learns else {}),
            )
            if learns:
                self.learning.append(variable)
            if hasattr(regularizer, "gradient"):
                self._regularize(self.parameters[id(variable)], variable, regularizer)
            if learns and variable.constraint is not None:
                self._constrain(self.parameters[id(variable)], variable, variable.constraint)
        return self.parameters[id(variable)]

    def _regularize(self, parameter: int, variable: Variable, regularizer: Any) -> None:
        shape = (-1, variable.shape[-1])

        def run(is_forward: bool) -> None:
            w = variable.numpy()
            gradient = np.asarray(regularizer.gradient(w))
            if gradient.shape != w.shape:
                raise ValueError(
                    f"`gradient(w)` of a regularizer must have the shape of w, {w.shape}. Received: {gradient.shape} "
                    f"from {regularizer!r}"
                )
            self.program.penalize(parameter, float(regularizer(w)), gradient.reshape(shape))

        self.program.regularize(parameter, run)

    def _constrain(self, parameter: int, variable: Variable, constraint: Callable[[np.ndarray], Any]) -> None:
        bounds = getattr(constraint, "bounds", lambda ndim: None)(variable.ndim)
        if bounds is not None:
            self.program.constrain(parameter, *bounds)
            return

        def run(is_forward: bool) -> None:
            variable.assign(constraint(variable.value.copy()))

        self.program.constrain(parameter, "python", python=run)

    def _write(self, record: Record) -> None:
        settings = dict(record.settings)
        forward, backward = settings.pop("forward", None), settings.pop("backward_call", None)
        fold, python_loss = settings.pop("fold", None), settings.pop("python_loss", None)
        rates = settings.pop("rates", None)
        if rates is not None:
            settings["scheduled"] = True
            self.schedules.append(rates)
        inputs = [None if x is None else self._value(x) for x in record.inputs]
        output = None if record.output is None else self._value(record.output)
        keep = record.op == "python"
        parameters = [None if v is None else self._parameter(v, keep) for v in record.variables]
        if forward is not None:
            settings["python"] = self._python_layer(record, forward, backward)
        elif fold is not None:
            settings["python"] = self._python_metric(record, fold)
        elif python_loss is not None:
            settings["python"] = self._python_loss(record, python_loss)
        learns = record.output is not None and record.output.root.gradient
        if record.op in ("activity_regularization", "branch", "zero", "pull"):
            learns = record.x.root.gradient
        record.index = self.program.step(record.op, inputs, output, parameters, backward=learns, **settings)
        if record.op in LOSSES and record.op != "activity_regularization":
            self.losses.append(record.index)

    # --- steps written in Python: closures over views of the program's memory ---

    def _shaped(self, value: Value, gradient: bool = False) -> np.ndarray:
        return self.program.array(self._value(value), gradient).reshape(-1, *value.shape)

    def _python_layer(
        self, record: Record, forward: Callable[[np.ndarray], Any], backward: Callable[[np.ndarray], Any] | None
    ) -> Callable[[bool], None]:
        x, y = record.x, record.y

        def run(is_forward: bool) -> None:
            if is_forward:
                self._shaped(y)[...] = forward(self._shaped(x))
                return
            returned = required(backward, "a `backward`")(self._shaped(y, gradient=True))
            dx, gradients = returned if isinstance(returned, tuple) else (returned, ())
            if x.root.gradient:
                self._shaped(x, gradient=True)[...] = dx
            learning = [variable for variable in record.variables if self.builder._learns(variable)]
            if not learning:  # whatever was returned for weights that stay as they are
                return
            for variable, gradient in zip(learning, gradients, strict=True):
                kept = self.program.gradient(self.parameters[id(variable)])
                kept[...] = np.asarray(gradient).reshape(kept.shape)

        return run

    def _python_metric(self, record: Record, fold: Callable[..., Any]) -> Callable[[bool], None]:
        prediction, target, weight = record.x, required(record.inputs[1], "a target"), record.inputs[2]

        def run(is_forward: bool) -> None:
            weights = None if weight is None else self._shaped(weight)[..., 0].copy()
            fold(self._shaped(target).copy(), self._shaped(prediction).copy(), weights)

        return run

    def _python_loss(self, record: Record, loss: Any) -> Callable[[bool], None]:
        prediction, target, weight = record.x, required(record.inputs[1], "a target"), record.inputs[2]

        def run(is_forward: bool) -> None:
            y_pred = self._shaped(prediction)
            row_loss, gradient = loss.loss_and_gradient(self._shaped(target).copy(), y_pred.copy())
            rows = self.program.row_losses(required(record.index, "a step"))
            weights = 1.0 if weight is None else self.program.array(self._value(weight))
            rows[...] = np.asarray(row_loss).reshape(-1, 1) * weights
            if prediction.root.gradient:
                scale = record.settings["loss_weight"]
                if not record.settings["sum_reduction"]:
                    scale = scale / len(rows)
                into = self.program.array(self._value(prediction), True)
                into[...] = np.asarray(gradient).reshape(into.shape) * weights * scale

        return run

    def rates(self, batches: np.ndarray) -> np.ndarray | None:
        """The rates of the steps that have another one for each batch, `(batches, steps)`; `None` where none has."""
        return np.stack([rates(batches) for rates in self.schedules], axis=1) if self.schedules else None

    def gradients(self) -> list[np.ndarray]:
        """The kept gradients of `learning`: views."""
        kept = [self.program.gradient(self.parameters[id(variable)]) for variable in self.learning]
        return [gradient.reshape(v.shape) for gradient, v in zip(kept, self.learning, strict=True)]

    def _python_update(
        self, update: Callable[[int, list[tuple[np.ndarray, Variable]]], None] | None
    ) -> Callable[[bool], None] | None:
        if update is None:
            return None

        def run(is_forward: bool) -> None:
            update(self.program.iteration, list(zip(self.gradients(), self.learning, strict=True)))

        return run
