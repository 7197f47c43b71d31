"""What layers, losses and metrics emit: values, and records of the steps between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

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
