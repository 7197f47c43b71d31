"""Lowering: layers, losses and metrics become the steps of one compiled program.

Layers speak to a `Builder` in values and shapes; it keeps what they emit as plain records, simplifies them (an
activation moves into the product before it, a sigmoid or softmax into the loss after it), and writes the rest into a
`_kernels.Program`, which runs without Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from fastnn import _kernels
from fastnn.variables import Variable

Shape = tuple[int, ...]
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

    A view (`base` is set) is another value's memory under another shape.
    """

    __slots__ = ("base", "gradient", "index", "shape", "uses")

    def __init__(self, shape: Shape, base: Value | None = None) -> None:
        self.shape = shape
        self.base = base
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


class Builder:
    """Collects the steps of a program.

    Args:
        dtype: `"float32"` or `"float64"`.
        training: Whether layers behave as in training, and parameters are to learn.
    """

    def __init__(self, dtype: Any, training: bool = False, learning: bool | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self.training = training
        self.learning = training if learning is None else learning
        self.records: list[Record] = []
        self.feeds: list[Value] = []
        self.results: list[Value] = []
        self.update: dict[str, Any] | None = None
        self.slots_of: Callable[[Variable], Sequence[np.ndarray]] = lambda variable: ()
        self.decays: Callable[[Variable], bool] = lambda variable: True

    # --- what layers emit ---

    def add(self, *args: Any, **settings: Any) -> Record:
        """Adds a step of any op; the methods below are the usual ways."""
        record = Record(*args, **settings)
        self.records.append(record)
        return record

    def feed(self, shape: Shape) -> Value:
        """An input: a value that is read from an array, whose samples have this shape."""
        value = Value(shape)
        self.feeds.append(value)
        return value

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
        """f(x) by the name of its kernel; `"softmax"` is over the last axis, `None` and `"linear"` are nothing."""
        if kernel is None or kernel == "linear":
            return x
        y = Value(x.shape)
        if kernel == "softmax":
            self.add("softmax", [x], y)
        else:
            self.add("activation", [x], y, activation=kernel, params=tuple(params))
        return y

    def dropout(self, x: Value, rate: float, seed: int) -> Value:
        """x with elements set to zero at `rate`, the others scaled up; x itself outside training."""
        if not self.training or rate == 0:
            return x
        y = Value(x.shape)
        self.add("dropout", [x], y, rate=rate, stream=seed)
        return y

    def normalization(self, x: Value, mean: Variable, variance: Variable, epsilon: float) -> Value:
        """(x - mean) / max(sqrt(variance), epsilon), by column."""
        y = Value(x.shape)
        self.add("normalization", [x], y, [None, None, mean, variance], epsilon=epsilon)
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

    def activity_regularization(self, x: Value, l1: float, l2: float) -> None:
        """Adds l1 · Σ|x| + l2 · Σx² to the loss."""
        self.add("activity_regularization", [x], params=(l1, l2))

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
        self, loss: Any, prediction: Value, target: Value, weight: Value | None = None, loss_weight: float = 1.0
    ) -> Record:
        """Adds a loss; it takes the place of a sigmoid or softmax before it where it can."""
        kernel, output = loss.kernel, None
        producer = next((r for r in self.records if r.output is prediction), None)
        if producer is not None and prediction.root.uses == 0:
            activation = producer.settings.get("activation", producer.op)
            if producer.op in ("activation", "softmax") and activation in loss.fused_with:
                kernel, output = loss.fused_with[activation], prediction
                self.records.remove(producer)
                prediction = producer.x
                prediction.root.uses -= 1
        settings = {"sum_reduction": loss.reduction == "sum", "loss_weight": loss_weight}
        if kernel is None:
            return self.add("python_loss", [prediction, target, weight], python_loss=loss, **settings)
        return self.add(
            "loss", [prediction, target, weight], output, loss=kernel, params=tuple(loss.params), **settings
        )

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
        self._fuse_activations()
        return Compiled(self, capacity)

    def _learns(self, variable: Variable | None) -> bool:
        return self.learning and variable is not None and variable.trainable

    def _decide_gradients(self) -> None:
        """A value has a gradient if anything before it learns."""
        for record in self.records:
            if record.output is None:
                continue
            record.output.root.gradient |= any(x is not None and x.root.gradient for x in record.inputs) or any(
                self._learns(variable) for variable in record.variables
            )

    def _fuse_activations(self) -> None:
        """y = f(x · w + b) in one step, where nothing else looks at x · w + b."""
        kept: list[Record] = []
        for record in self.records:
            before = kept[-1] if kept else None
            if (
                before is not None
                and before.op == "dense"
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
    """

    def __init__(self, builder: Builder, capacity: int) -> None:
        self.dtype = builder.dtype
        self.builder = builder
        self.program = _kernels.Program(builder.dtype)
        self.parameters: dict[int, int] = {}
        self.losses: list[int] = []
        update = builder.update
        self.program.set_update(**(update or {"name": None}))
        for value in builder.feeds:
            self.program.feed(self._value(value))
        for record in builder.records:
            self._write(record)
        for value in builder.results:
            self.program.result(self._value(value))
        self.program.finish(capacity)

    def _value(self, value: Value) -> int:
        if value.index is None:
            if value.base is None:
                value.index = self.program.value(value.rows_per_sample, value.width, value.gradient)
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
                slots=builder.slots_of(variable) if learns else (),
                l1=getattr(regularizer, "l1", 0.0),
                l2=getattr(regularizer, "l2", 0.0),
                decays=builder.decays(variable),
                keep=keep and learns,
            )
            if learns and variable.constraint is not None:
                self._constrain(self.parameters[id(variable)], variable, variable.constraint)
        return self.parameters[id(variable)]

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
        if record.op == "activity_regularization":
            learns = record.x.root.gradient
        record.index = self.program.step(record.op, inputs, output, parameters, backward=learns, **settings)
        if record.op in ("loss", "python_loss"):
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
