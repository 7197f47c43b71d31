"""Activations are recognized by their values: whatever operators an exporter has composed them of."""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from fastnn._activation import apply
from fastnn.exchange.onnx_values import Item, ancestors, between, evaluated

# The last operator of an activation that has none for itself.
LAST = ("Add", "Clip", "Div", "Max", "Min", "Mul", "Neg", "Sub", "Where")
# One of these is in every activation.
CURVED = {"Abs", "Clip", "Erf", "Exp", "HardSigmoid", "Max", "Min", "Sigmoid", "Softplus", "Sqrt", "Tanh", "Where"}
PLAIN = (
    "gelu",
    "gelu_tanh",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "log_sigmoid",
    "mish",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "tanh_shrink",
)
# kernel -> how many numbers it takes, the operators that end it, and the constants that stand there besides
WITH_PARAMS = {
    "threshold": (2, ("Where",), ()),
    "hard_shrink": (1, ("Where",), (0.0,)),
    "soft_shrink": (1, ("Add", "Where"), (0.0,)),
    "clipped_relu": (3, ("Where",), ()),
    "elu": (1, ("Where",), (0.0, 1.0)),
    "celu": (1, ("Where",), (0.0, 1.0)),
    "squareplus": (1, ("Mul",), (0.5,)),
}
PROBES = np.concatenate(
    [np.linspace(-12, 12, 97), [s * x for x in (1e-3, 0.3, 17.7, 51.0, 333.0, 1e4) for s in (-1, 1)]]
)
LEAST, MOST = 0.01, 64.0  # constants beyond are no part of these, and the probes might not tell
PRECISION = 2e-6  # constants are rounded to float32 in most files


class Activation(NamedTuple):
    """A kernel of fastnn's, its parameters, and what it is computed of."""

    kernel: str
    params: tuple[float, ...]
    base: Item


def recognized(item: Item) -> Activation | None:
    """The activation that an item is, of something that it is computed from; `None` where it is none."""
    bases = ancestors(item) if item.operator in LAST else []
    if not any(each.operator in CURVED for each in (item, *bases)):
        return None
    for base in bases:
        if base.shape != item.shape or base.kind != "float":
            continue
        values = evaluated(item, base, PROBES)
        if values is None or not np.isfinite(values).all():
            continue
        numbers, operators = between(item, base)
        if all(number == 0 or LEAST <= abs(number) <= MOST for number in numbers):
            same = np.flatnonzero(_equal(values, _plain(), PROBES))
            if len(same):
                return Activation(PLAIN[same[0]], (), base)
        if operators & {"Sqrt", "Where"}:
            found = _with_params(item, base, numbers)
            if found is not None:
                return found
    return None


@functools.cache
def _plain() -> np.ndarray:
    """A row for each of `PLAIN`: its values at the probes."""
    return np.stack([apply(kernel, PROBES) for kernel in PLAIN])


def _equal(values: np.ndarray, known: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether they are the values of each row of what is known."""
    equal: np.ndarray = (np.abs(values - known) <= PRECISION * np.maximum(1.0, np.abs(x))).all(-1)
    return equal


def _with_params(item: Item, base: Item, numbers: list[float]) -> Activation | None:
    kernels = {kernel: (count, also) for kernel, (count, last, also) in WITH_PARAMS.items() if item.operator in last}
    if not kernels or not numbers or len(numbers) > 6:
        return None
    edges = [number + step for number in numbers for step in (-0.01, -1e-4, 0.0, 1e-4, 0.01)]
    x = np.concatenate([PROBES, edges])
    values = evaluated(item, base, x)
    if values is None:
        return None
    choices = sorted({sign * number for number in numbers for sign in (1, -1)} | {0.0, math.inf})
    sizes = {abs(number) for number in numbers}
    for kernel, (count, also) in kernels.items():
        if len(sizes - set(also)) > count:
            continue
        for params in itertools.product(choices, repeat=count):
            if not sizes <= {*(abs(param) for param in params), *also}:  # a constant too small for the probes, too
                continue
            with np.errstate(all="ignore"):
                known = apply(kernel, x, params)
            if np.isfinite(known).all() and _equal(values, known, x):
                return Activation(kernel, params, base)
    return None
