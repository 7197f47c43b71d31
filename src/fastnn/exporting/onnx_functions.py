"""Activations in ONNX's operators of opset 17.

Some operators have no kernel for float64 in ONNX Runtime: there they are composed of those that have one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol


class NodeWriter(Protocol):
    """What takes the nodes of a graph."""

    double: bool  # whether numbers are float64

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node; returns the name of its output."""

    def number(self, value: float) -> str:
        """The name of a constant."""

    def cast(self, x: str, to: str) -> str:
        """x as `"float"`, `"double"`, `"int64"`, or `"real"`: the model's own type."""


Function = Callable[..., str]  # (writer, x, *params) -> name of y


def _one(operator: str, *names: str, **attributes: float) -> Function:
    """One operator; parameters become attributes of these names."""

    def write(to: NodeWriter, x: str, *params: float) -> str:
        return to.node(operator, x, **attributes, **dict(zip(names, params, strict=True)))

    return write


def _linear_map(to: NodeWriter, x: str, scale: float, shift: float) -> str:
    scaled = x if scale == 1 else to.node("Mul", x, to.number(scale))
    return scaled if shift == 0 else to.node("Add", scaled, to.number(shift))


def _clip(to: NodeWriter, x: str, low: float, high: float) -> str:
    bounds = [to.number(low), to.number(high)] if high < math.inf else [to.number(low)]
    return to.node("Clip", x, *bounds)


def _where_positive(to: NodeWriter, x: str, above: str, below: str) -> str:
    return to.node("Where", to.node("Less", to.number(0.0), x), above, below)


def _expm1_below(to: NodeWriter, x: str, factor: float, divisor: float = 1.0) -> str:
    """factor · (exp(min(x, 0) / divisor) - 1)."""
    below = to.node("Min", x, to.number(0.0))
    if divisor != 1:
        below = to.node("Div", below, to.number(divisor))
    return to.node("Mul", to.node("Sub", to.node("Exp", below), to.number(1.0)), to.number(factor))


def _celu(to: NodeWriter, x: str, alpha: float) -> str:
    if not to.double:
        return to.node("Celu", x, alpha=alpha)
    return _where_positive(to, x, x, _expm1_below(to, x, alpha, alpha))


def _elu(to: NodeWriter, x: str, alpha: float) -> str:
    if not to.double:
        return to.node("Elu", x, alpha=alpha)
    return _where_positive(to, x, x, _expm1_below(to, x, alpha))


def _selu(to: NodeWriter, x: str) -> str:
    alpha, scale = 1.6732632423543772848, 1.0507009873554804934
    if not to.double:
        return to.node("Selu", x, alpha=alpha, gamma=scale)
    return _where_positive(to, x, to.node("Mul", x, to.number(scale)), _expm1_below(to, x, alpha * scale))


def _clipped_relu(to: NodeWriter, x: str, slope: float, limit: float, threshold: float) -> str:
    if slope == threshold == 0:
        return _clip(to, x, 0.0, limit)
    above = x if limit == math.inf else to.node("Min", x, to.number(limit))
    below = _linear_map(to, x, 1.0, -threshold)
    below = to.node("Mul", below, to.number(slope))
    return to.node("Where", to.node("Less", to.number(threshold), x), above, below)


def _gelu(to: NodeWriter, x: str) -> str:
    """x · (1 + erf(x / √2)) / 2."""
    inner = to.node("Div", x, to.number(math.sqrt(2)))
    erf = to.cast(to.node("Erf", to.cast(inner, "float")), "real") if to.double else to.node("Erf", inner)
    return to.node("Mul", to.node("Mul", x, to.node("Add", erf, to.number(1.0))), to.number(0.5))


def _gelu_tanh(to: NodeWriter, x: str) -> str:
    """x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2."""
    cube = to.node("Mul", to.node("Mul", to.node("Mul", x, x), x), to.number(0.044715))
    tanh = to.node("Tanh", to.node("Mul", to.node("Add", x, cube), to.number(math.sqrt(2 / math.pi))))
    return to.node("Mul", to.node("Mul", x, to.node("Add", tanh, to.number(1.0))), to.number(0.5))


def _ramp(to: NodeWriter, x: str, slope: float) -> str:
    """min(max(slope · x + 1/2, 0), 1)."""
    if not to.double:
        return to.node("HardSigmoid", x, alpha=slope, beta=0.5)
    return _clip(to, _linear_map(to, x, slope, 0.5), 0.0, 1.0)


def _hard_silu(to: NodeWriter, x: str) -> str:
    return to.node("Mul", x, _ramp(to, x, 1 / 6)) if to.double else to.node("HardSwish", x)


def _softplus(to: NodeWriter, x: str) -> str:
    if not to.double:
        return to.node("Softplus", x)
    distance = to.node("Exp", to.node("Neg", to.node("Abs", x)))
    return to.node("Add", to.node("Max", x, to.number(0.0)), to.node("Log", to.node("Add", distance, to.number(1.0))))


def _softsign(to: NodeWriter, x: str) -> str:
    if not to.double:
        return to.node("Softsign", x)
    return to.node("Div", x, to.node("Add", to.node("Abs", x), to.number(1.0)))


def _squareplus(to: NodeWriter, x: str, b: float) -> str:
    """(x + √(x² + b)) / 2."""
    root = to.node("Sqrt", to.node("Add", to.node("Mul", x, x), to.number(b)))
    return to.node("Mul", to.node("Add", x, root), to.number(0.5))


def _sparse_plus(to: NodeWriter, x: str) -> str:
    root = to.node("Max", _linear_map(to, x, 0.5, 0.5), to.number(0.0))
    return to.node("Where", to.node("Less", x, to.number(1.0)), to.node("Mul", root, root), x)


def _threshold(to: NodeWriter, x: str, threshold: float, value: float) -> str:
    if value == 0 and not to.double:
        return to.node("ThresholdedRelu", x, alpha=threshold)
    return to.node("Where", to.node("Less", to.number(threshold), x), x, to.number(value))


FUNCTIONS: dict[str, Function] = {
    "absolute": _one("Abs"),
    "celu": _celu,
    "clipped_relu": _clipped_relu,
    "elu": _elu,
    "exponential": _one("Exp"),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_shrink": _one("Shrink", "lambd", bias=0.0),
    "hard_sigmoid": lambda to, x: _ramp(to, x, 1 / 6),
    "hard_silu": _hard_silu,
    "hard_tanh": lambda to, x: _clip(to, x, -1.0, 1.0),
    "is_zero": lambda to, x: to.cast(to.node("Equal", x, to.number(0.0)), "real"),
    "leaky_relu": _one("LeakyRelu", "alpha"),
    "linear": _one("Identity"),
    "linear_map": _linear_map,
    "log_sigmoid": lambda to, x: to.node("Neg", _softplus(to, to.node("Neg", x))),
    "logarithm": _one("Log"),
    "logarithm_plus_one": lambda to, x: to.node("Log", _linear_map(to, x, 1.0, 1.0)),
    "mish": lambda to, x: to.node("Mul", x, to.node("Tanh", _softplus(to, x))),
    "not_negative": lambda to, x: to.cast(to.node("LessOrEqual", to.number(0.0), x), "real"),
    "positive": lambda to, x: to.cast(to.node("Less", to.number(0.0), x), "real"),
    "reciprocal": _one("Reciprocal"),
    "relu": _one("Relu"),
    "selu": _selu,
    "sigmoid": _one("Sigmoid"),
    "sign": _one("Sign"),
    "silu": lambda to, x: to.node("Mul", x, to.node("Sigmoid", x)),
    "soft_shrink": lambda to, x, threshold: to.node("Shrink", x, lambd=threshold, bias=threshold),
    "softplus": _softplus,
    "softsign": _softsign,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda to, x: _ramp(to, x, 0.5),
    "square": lambda to, x: to.node("Mul", x, x),
    "square_root": _one("Sqrt"),
    "squareplus": _squareplus,
    "tanh": _one("Tanh"),
    "tanh_shrink": lambda to, x: to.node("Sub", x, to.node("Tanh", x)),
    "threshold": _threshold,
}
