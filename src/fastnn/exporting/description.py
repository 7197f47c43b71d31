"""What a model computes, as a list of steps: the source of every export.

A prediction is lowered to the records that fastnn itself runs, so that each layer is described once, and subclassed
models and layers with a `call` of their own are covered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from fastnn._structure import flatten, pack
from fastnn.program import Builder
from fastnn.records import Record, required

Chosen = TypeVar("Chosen")
RANDOM = ("batch_normalization", "dropout", "gaussian_noise", "mask")  # ops of training


class Names:
    """Names of which none is given twice.

    Args:
        allowed: A regular expression of the characters that stay; others become `_`.

    Example:

    >>> name = Names("[a-z]")
    >>> name("dense/kernel"), name("dense/kernel")
    ('dense_kernel', 'dense_kernel_2')
    """

    def __init__(self, allowed: str) -> None:
        self._other = re.compile(f"(?!{allowed}).", re.DOTALL)
        self._taken: set[str] = set()

    def __call__(self, wanted: str) -> str:
        wanted = self._other.sub("_", wanted) or "_"
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def lowered(model: Any, training: bool = False) -> Builder:
    """The steps of a model's forward pass, as its layers emit them.

    Args:
        model: A model.
        training: Whether layers behave as in training.

    Raises:
        TypeError: It is not a model.
        ValueError: It is not built.
    """
    if not hasattr(model, "input_structure"):
        raise TypeError(f"Argument `model` must be a fastnn model. Received: {type(model).__name__}")
    builder = Builder(model.dtype, training=training, learning=False)
    feeds = [builder.feed(shape) for shape in model.sample_shapes]
    for value in flatten(model.emit(builder, pack(model.input_structure, feeds))):
        builder.result(value)
    return builder


class Description:
    """A model's prediction as records.

    Args:
        model: A model, built.

    Attributes:
        name: The model's name.
        dtype: float32 or float64.
        inputs: Values of the inputs.
        outputs: Values of the outputs.
        input_names: Their names, in that order.
        output_names: Theirs.
        records: The steps, in order; each is an op of `_native/steps.c`, as `program.Builder` emits it.

    Raises:
        TypeError: It is not a model.
        ValueError: The model is not built.
        NotImplementedError: A layer computes in Python, or was called as in training.
    """

    def __init__(self, model: Any) -> None:
        builder = lowered(model)
        self.name: str = model.name
        self.dtype = builder.dtype
        self.inputs = builder.feeds
        self.outputs = builder.results
        self.input_names: list[str] = model.input_names
        self.output_names: list[str] = model.output_names
        self.records = builder.records
        for record in self.records:
            _refuse(record, model.name)


def _refuse(record: Record, model: str) -> None:
    if record.op == "python":
        layer = getattr(record.settings.get("forward"), "__self__", None)
        raise NotImplementedError(
            f"The model '{model}' can be exported where all its layers are made of compiled steps: give the layer a "
            "`call` that composes layers and fastnn.ops. "
            f"Received: layer '{getattr(layer, 'name', '?')}' of class {type(layer).__name__}, which computes in Python"
        )
    if record.op in RANDOM:
        raise NotImplementedError(
            f"The model '{model}' can be exported where all its layers predict: leave out `training=True` where they "
            f"are called. Received: a step of training, {record.op}"
        )


def factors_of(record: Record) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The vectors of a step that is y = x · scale + shift by column, as fastnn folds them: each may be absent.

    Args:
        record: A `scale`, `rescaling`, `normalization` or `moving_normalization`.
    """
    values = [None if v is None else v.value.reshape(-1).astype(np.float64) for v in record.variables]
    width = record.y.width
    if record.op in ("scale", "rescaling"):
        return values[0], values[1]
    if record.op == "normalization":
        means, variances = (required(value, "a variable") for value in values)
        run, invert = record.settings["params"]
        at = np.arange(width) // int(run) % means.size
        centre, std = means[at], np.maximum(np.sqrt(variances[at]), record.settings["epsilon"])
        return (std, centre) if invert else (1 / std, -centre / std)
    gamma, beta, mean, variance = values
    scale = 1 / np.sqrt(required(variance, "a variance") + record.settings["epsilon"])
    scale = scale if gamma is None else scale * gamma
    shift = -required(mean, "a mean") * scale
    return scale, shift if beta is None else shift + beta


_DEFAULTS: dict[str, tuple[float, ...]] = {
    "celu": (1.0,),
    "clipped_relu": (0.0, float("inf"), 0.0),
    "elu": (1.0,),
    "hard_shrink": (0.5,),
    "leaky_relu": (0.2,),
    "linear_map": (1.0, 0.0),
    "soft_shrink": (0.5,),
    "squareplus": (4.0,),
    "threshold": (0.0, 0.0),
}


def params_of(record: Record) -> tuple[float, ...]:
    """What an activation takes besides x: what the record says, or the defaults of `_native`."""
    return record.settings["params"] or _DEFAULTS.get(record.settings["activation"], ())


def chosen(table: Mapping[str, Chosen], name: str, what: str) -> Chosen:
    """What a table has for a step or an activation.

    Raises:
        NotImplementedError: It has nothing.
    """
    if name not in table:
        raise NotImplementedError(f"{what} must be one of {sorted(table)} to be exported. Received: {name!r}")
    return table[name]
