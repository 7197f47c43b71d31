"""Keras's operations on symbolic tensors (`x[:, 1]`, `ops.mean(x)`, `x > 0`), which are layers here: both ways.

In a configuration of Keras's they stand among the layers of a functional model, and take numbers besides tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnn import ops
from fastnn._registry import to_snake_case
from fastnn.layers import functions, operations
from fastnn.layers.graph import Tensor


class Step(NamedTuple):
    """An operation of Keras's.

    Attributes:
        room: Which module of Keras's it is in.
        name: Name of its class.
        settings: Its configuration.
        arguments: What it is called on, of the inputs; by default on them.
    """

    room: str
    name: str
    settings: dict[str, Any]
    arguments: Callable[[list[Any]], list[Any]] = list


# --- to Keras ---

_OF_ONE = {
    "absolute": "Absolute",
    "logarithm": "Log",
    "logarithm_plus_one": "Log1p",
    "reciprocal": "Reciprocal",
    "sign": "Sign",
    "square": "Square",
    "square_root": "Sqrt",
}
_TRUTHS = {"is_zero": "Equal", "not_negative": "GreaterEqual", "positive": "Greater"}
_WITH_PARAMS = {
    "celu": ("Celu", "alpha"),
    "hard_shrink": ("HardShrink", "threshold"),
    "soft_shrink": ("SoftShrink", "threshold"),
    "squareplus": ("Squareplus", "b"),
    "threshold": ("Threshold", "threshold", "default_value"),
}


def exported(described: dict[str, Any], dtype: str) -> list[dict[str, Any]] | None:
    """What stands for a layer of a functional model in Keras's configuration; `None` where that is a layer, too.

    Args:
        described: The layer, with its calls.
        dtype: The model's.
    """
    steps = _steps(described, dtype)
    if steps is None:
        return None
    name, calls = described["name"], described["inbound_nodes"]
    made: list[dict[str, Any]] = []
    for at, step in enumerate(steps):
        left = len(steps) - 1 - at
        own = f"{name}_until_{left}" if left else name  # `_before_` is what `from_config` makes of operations
        given = [_inputs(call) for call in calls]
        if made:  # of the step before
            given = [[_reference(each[0], [made[-1]["name"], number, 0])] for number, each in enumerate(given)]
        made.append(
            {
                "module": f"keras.src.ops.{step.room}",
                "class_name": step.name,
                "config": {"name": own, **step.settings},
                "registered_name": step.name,
                "name": own,
                "inbound_nodes": [{"args": step.arguments(each), "kwargs": {}} for each in given],
            }
        )
    return made


def _inputs(call: dict[str, Any]) -> list[Any]:
    (given,) = call["args"]
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _reference(like: dict[str, Any], history: list[Any]) -> dict[str, Any]:
    return {**like, "config": {**like["config"], "keras_history": history}}


def _steps(described: dict[str, Any], dtype: str) -> list[Step] | None:
    if described.get("module") != "fastnn.layers":
        return None
    kind, config = described["class_name"], described["config"]
    if kind == "Divide":
        return [Step("numpy", "TrueDivide", {})]
    if kind == "Wave":
        return [Step("numpy", config["function"].capitalize(), {})]
    if kind == "StopGradient":
        return [Step("core", "StopGradient", {})]
    if kind == "Where":
        return [Step("numpy", "Where", {}, lambda inputs: [inputs[1], inputs[0], 0])]
    if kind == "Reduce":
        initial = {"initial": None} if config["operation"] == "max" else {}
        settings = {"axis": config["axis"], "keepdims": config["keepdims"], **initial}
        return [Step("numpy", config["operation"].capitalize(), settings)]
    if kind == "Slice":
        parts = [_slice(None, None, None), *(_slice(*p) if isinstance(p, list) else p for p in config["index"])]
        return [Step("numpy", "GetItem", {}, lambda inputs: [*inputs, parts])]
    if kind == "WithWeights":
        matrix = {"class_name": "__numpy__", "config": {"value": config["first"], "dtype": dtype}}
        return [Step("numpy", "Matmul", {}, lambda inputs: [*inputs, matrix])]
    if kind == "Rearrange":
        places = np.asarray(config["places"])
        return [
            Step("numpy", "Reshape", {"newshape": [-1, math.prod(_sample(described))]}),
            Step("numpy", "Take", {"axis": 1}, lambda inputs: [*inputs, places.reshape(-1).tolist()]),
            Step("numpy", "Reshape", {"newshape": [-1, *places.shape]}),
        ]
    return _function(config["function"], config["params"], dtype) if kind == "Function" else None


def _function(kernel: str, params: list[float], dtype: str) -> list[Step] | None:
    if kernel in _OF_ONE:
        return [Step("numpy", _OF_ONE[kernel], {})]
    if kernel in _TRUTHS:
        truth = Step("numpy", _TRUTHS[kernel], {}, lambda inputs: [*inputs, 0])
        return [truth, Step("core", "Cast", {"dtype": dtype})]
    if kernel == "gelu_tanh":
        return [Step("nn", "Gelu", {"approximate": True})]
    if kernel in _WITH_PARAMS:
        name, *arguments = _WITH_PARAMS[kernel]
        return [Step("nn", name, dict(zip(arguments, params, strict=True)))]
    return None


def _slice(start: Any, stop: Any, step: Any) -> dict[str, Any]:
    return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}


def _sample(described: dict[str, Any]) -> list[int]:
    (given,) = _inputs(described["inbound_nodes"][0])
    return list(given["config"]["shape"][1:])


# --- from Keras ---

# Functions of these names take what Keras's operations take, by the names that their configurations have.
_SAME = (
    "absolute abs exp log log1p sqrt square sign sum mean max min reshape expand_dims squeeze transpose concatenate "
    "stack norm sin cos stop_gradient logsumexp where clip greater greater_equal less less_equal equal not_equal "
    "logical_and logical_or logical_not zeros_like ones_like cast relu sigmoid tanh softplus softmax elu selu silu "
    "gelu log_softmax softsign hard_sigmoid leaky_relu celu hard_shrink soft_shrink squareplus hard_silu hard_tanh "
    "log_sigmoid sparse_plus sparse_sigmoid tanh_shrink threshold "
    "all any append argmax argmin average broadcast_to cosh cumsum diff divide_no_nan exp2 flip glu hstack log10 log2 "
    "logaddexp matmul moveaxis normalize one_hot pad prod relu6 repeat roll rsqrt sinh split std swapaxes take tan "
    "tile tril triu var"
)
_ARITHMETIC = "add subtract multiply divide true_divide negative power maximum minimum dot matmul"


def operation(described: dict[str, Any]) -> Callable[..., Any] | None:
    """What an operation of Keras's on symbolic tensors, such as `x * 2`, is here; `None` for a layer.

    Raises:
        ValueError: There is no such operation here.
    """
    module = described.get("module")
    if not isinstance(module, str) or not module.startswith("keras.src.ops"):
        return None
    name = to_snake_case(described["class_name"])
    if name in _ARITHMETIC.split():
        function = _arithmetic(name.removeprefix("true_"))
    elif name in _FURTHER:
        function = _FURTHER[name]
    elif name in _SAME.split():
        function = getattr(ops, name)
    else:
        raise ValueError(
            f"fastnn has no operation {described['class_name']!r} on symbolic tensors. "
            f"Received: {(described.get('config') or {}).get('name')!r}"
        )
    settings = {key: value for key, value in (described.get("config") or {}).items() if value is not None}
    settings.pop("name", None)
    if name != "cast":  # all else is in the model's dtype
        settings.pop("dtype", None)
    if name == "one_hot":
        settings.pop("sparse", None)

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{**settings, **kwargs})

    return call


def _arithmetic(name: str) -> Callable[..., Any]:
    function = getattr(functions if name == "power" else operations, name)
    return lambda *operands: function(*(np.asarray(each) if isinstance(each, list) else each for each in operands))


def _index(index: Any) -> Any:
    """An index that Keras has serialized."""
    if isinstance(index, (list, tuple)):
        return tuple(_index(part) for part in index)
    if isinstance(index, dict):
        kind, config = index.get("class_name"), index.get("config", {})
        if kind == "__slice__":
            return slice(config.get("start"), config.get("stop"), config.get("step"))
        if kind == "__ellipsis__":
            return Ellipsis
    return index


def _slice_of(x: Tensor, start_indices: Any, shape: Any) -> Any:
    begun = [slice(first, first + length) for first, length in zip(start_indices[1:], shape[1:], strict=True)]
    return x[(slice(None), *begun)]


_FURTHER: dict[str, Callable[..., Any]] = {
    "amax": ops.max,
    "amin": ops.min,
    "copy": lambda x: x,
    "get_item": lambda x, index: x[_index(index)],
    "reciprocal": lambda x: functions.power(x, -1),
    "slice": _slice_of,
}
