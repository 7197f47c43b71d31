"""Which weights are updated alike: by one kernel, at one learning rate, with one decay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from fastnn.optimizers import patterns
from fastnn.variables import Variable


class Rule(NamedTuple):
    """How a weight is updated.

    Attributes:
        kernel: Name of the update in C; `None` for an optimizer in Python.
        learning_rate_multiplier: Factor of the optimizer's learning rate.
        weight_decay: A number, a schedule, or `None`.
    """

    kernel: str | None
    learning_rate_multiplier: float = 1.0
    weight_decay: Any = None


class Chosen:
    """Weights that somebody has chosen, by themselves or by patterns.

    Args:
        variables: The weights.
        expressions: Regular expressions, checked.
    """

    def __init__(self, variables: Iterable[Variable] = (), expressions: Iterable[str] = ()) -> None:
        self.variables = list(variables)
        self.patterns = sorted(set(expressions))

    def __bool__(self) -> bool:
        return bool(self.variables or self.patterns)

    def has(self, variable: Variable, name: str) -> bool:
        """Whether a weight is among the variables, or a pattern is found in `name`."""
        if any(variable is chosen for chosen in self.variables):
            return True
        return any(patterns.found(pattern, name) for pattern in self.patterns)


class Group(NamedTuple):
    """What `Optimizer.set_group` was told."""

    chosen: Chosen
    learning_rate_multiplier: float
    weight_decay: Any

    @classmethod
    def of(cls, variables: Any, learning_rate_multiplier: float, weight_decay: Any) -> Group:
        """Checks the arguments of `Optimizer.set_group`."""
        if isinstance(variables, (str, Variable)):
            variables = [variables]
        variables = list(variables)
        for chosen in variables:
            if not isinstance(chosen, (str, Variable)):
                raise ValueError(
                    "Argument `variables` must hold variables, or regular expressions to find in their paths. "
                    f"Received: {chosen!r}"
                )
        multiplier = learning_rate_multiplier
        if isinstance(multiplier, bool) or not isinstance(multiplier, (int, float)) or not multiplier >= 0:
            raise ValueError(
                "Argument `learning_rate_multiplier` must be a non-negative float. Received: "
                f"learning_rate_multiplier={multiplier!r}"
            )
        expressions = patterns.checked((chosen for chosen in variables if isinstance(chosen, str)), "variables")
        chosen = Chosen((v for v in variables if isinstance(v, Variable)), expressions)
        return cls(chosen, float(multiplier), weight_decay)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of `Optimizer.set_group`: weights by their paths."""
        paths = [f"^{re.escape(variable.path)}$" for variable in self.chosen.variables]
        return {
            "variables": [*paths, *self.chosen.patterns],
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "weight_decay": self.weight_decay,
        }
