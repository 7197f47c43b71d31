"""Where weights are brought back to after each update."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn._registry import Registry

_EPSILON = 1e-7  # keeps the norm of a zero vector from dividing by zero


def _norms(w: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt(np.sum(np.square(w), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=True))


def _norm_bounds(axis: Any, ndim: int, low: float, high: float, rate: float = 1.0) -> tuple[Any, ...] | None:
    """The kernel of a norm over one axis of a matrix, or of a vector, which is a matrix of one row."""
    axes = {(0, 2): "columns", (-2, 2): "columns", (1, 2): "rows", (-1, 2): "rows", (0, 1): "rows", (-1, 1): "rows"}
    kind = axes.get((axis, ndim)) if isinstance(axis, int) else None
    return None if kind is None else (kind, low, high, rate)


class Constraint:
    """Base class of constraints. A subclass defines `__call__(w)`, which returns the weights as they may be.

    >>> class Rounded(Constraint):
    ...     def __call__(self, w):
    ...         return np.round(w)
    >>> print(Rounded()(np.array([0.4, 0.6])))
    [0. 1.]
    """

    def __call__(self, w: Any) -> Any:
        """Returns the weights nearest to `w` that the constraint allows; here, `w` itself."""
        return w

    def bounds(self, ndim: int) -> tuple[Any, ...] | None:
        """What a compiled step brings weights of `ndim` axes back to: arguments of `_kernels.Program.constrain`.

        `None` if it has no kernel, and the constraint is called in Python instead.
        """
        return None

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal constraint."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Makes a constraint from what `get_config` returned."""
        return cls(**config)


class MaxNorm(Constraint):
    """Scales down weight vectors whose norm is above a limit.

    (Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", use it.)

    Args:
        max_value: The largest norm allowed.
        axis: The axis, or axes, that a norm is taken over: 0 for the weights into each unit of a `Dense` layer.

    >>> print(MaxNorm(1.0)([[3.0], [4.0]]).round(3))
    [[0.6]
     [0.8]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = as_float(w, name="w")
        norms = _norms(w, self.axis)
        return w * (np.clip(norms, 0, self.max_value) / (_EPSILON + norms))

    def bounds(self, ndim: int) -> tuple[Any, ...] | None:
        return _norm_bounds(self.axis, ndim, 0.0, self.max_value)

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Sets negative weights to zero.

    >>> print(NonNeg()([-1.0, 2.0]))
    [0. 2.]
    """

    def __call__(self, w: Any) -> Any:
        return np.maximum(as_float(w, name="w"), 0)

    def bounds(self, ndim: int) -> tuple[Any, ...] | None:
        return ("positive",)


class UnitNorm(Constraint):
    """Scales weight vectors to norm 1.

    Args:
        axis: The axis, or axes, that a norm is taken over: 0 for the weights into each unit of a `Dense` layer.

    >>> print(UnitNorm()([[3.0], [4.0]]).round(3))
    [[0.6]
     [0.8]]
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = as_float(w, name="w")
        return w / (_EPSILON + _norms(w, self.axis))

    def bounds(self, ndim: int) -> tuple[Any, ...] | None:
        return _norm_bounds(self.axis, ndim, 1.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves the norms of weight vectors towards the range from `min_value` to `max_value`.

    Args:
        min_value: The smallest norm allowed.
        max_value: The largest norm allowed.
        rate: How far a norm moves towards the range at each update: 1 all the way.
        axis: The axis, or axes, that a norm is taken over: 0 for the weights into each unit of a `Dense` layer.

    >>> print(MinMaxNorm(0.0, 1.0, rate=0.5)([[3.0], [4.0]]).round(3))
    [[1.8]
     [2.4]]
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = as_float(w, name="w")
        norms = _norms(w, self.axis)
        wanted = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (_EPSILON + norms))

    def bounds(self, ndim: int) -> tuple[Any, ...] | None:
        return _norm_bounds(self.axis, ndim, self.min_value, self.max_value, self.rate)

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
_registry = Registry("constraint", "fastnn.constraints", (Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm))


def get(identifier: Any) -> Any:
    """Returns the constraint that `identifier` stands for.

    Args:
        identifier: A name (`"non_neg"`), a constraint, a callable, a configuration, or `None`.

    Raises:
        ValueError: There is no such constraint.

    >>> get("max_norm").max_value
    2
    """
    return _registry.get(identifier)


def serialize(constraint: Any) -> Any:
    """Returns the configuration from which `deserialize` makes the constraint again.

    >>> serialize(MaxNorm(3.0))["class_name"]
    'MaxNorm'
    """
    return _registry.serialize(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the constraint that `serialize` described.

    Args:
        config: A name or a configuration.
        custom_objects: Further names, with what they stand for.

    >>> print(deserialize(serialize(NonNeg()))([-1.0, 2.0]))
    [0. 2.]
    """
    return _registry.deserialize(config, custom_objects)
