"""Writing the records of a program into a `_kernels.Program`, which runs without Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _kernels
from fastnn._log import DEBUG, log
from fastnn.records import LOSSES, Rates, Record, Value, required
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.program import Builder


class Compiled:
    """A program, and the numbers by which it knows its inputs, outputs, parameters and losses.

    Attributes:
        program: The `_kernels.Program`.
        losses: Numbers of the steps of its outputs' losses.
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
        log(
            DEBUG,
            "compiled a program of %d steps for %d samples at once, with %d bytes of memory",
            len(builder.records),
            capacity,
            self.program.arena_bytes,
        )

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
            learns = builder.learns(variable)
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
        if record.op in LOSSES and record not in self.builder.added_losses:
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
            learning = [variable for variable in record.variables if self.builder.learns(variable)]
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
