"""Models as documents: architecture, input shape and what `compile` settled, in what JSON can say, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from fastnn import losses, metrics, optimizers
from fastnn._registry import custom_object_scope
from fastnn._structure import is_shape
from fastnn.files.errors import shortened
from fastnn.files.tensors import plain
from fastnn.models.configuration import deserialize_layer, serialize_layer

# What a configuration may not ask for: before anything is made, for memory is soon asked for and never given back.
MOST_NESTING = 64
MOST_ELEMENTS = 1 << 28  # of a sample
MOST_COUNT = 1 << 24
_SHAPES = ("shape", "batch_shape", "input_shape", "build_input_shape", "target_shape")
_COUNTS = ("num_thresholds", "num_bins", "num_tokens", "n", "num_classes", "k", "ns_steps", "units", "members")


def describe(model: Any) -> dict[str, Any]:
    """Returns the document of a model, as `model.to_json()` writes it.

    Raises:
        NotImplementedError: A layer or the model has no configuration.
        TypeError: A configuration holds what JSON cannot say.
    """
    shape = model.input_shape if model.built else None
    described = {
        **serialize_layer(model),
        "build_config": {"input_shape": shape},
        "compile_config": compile_config(model),
    }
    return dict(json.loads(json.dumps(described, default=plain)))


def make(described: Any, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """Makes the model that a document describes, without trust in it.

    Args:
        described: What `describe` returned, or Keras's equivalent.
        custom_objects: Classes and functions of one's own by name.
        compile: Whether to compile the model as the described one was.

    Raises:
        ValueError: It describes no model.
    """
    check(described)
    if not isinstance(described, dict) or not isinstance(described.get("config"), dict):
        raise ValueError(f"It describes no model. Received: {str(described)[:80]}")
    with custom_object_scope(custom_objects):
        model = deserialize_layer(described)
        if not hasattr(model, "compile_from_config"):
            raise ValueError(f"It describes a layer, and no model. Received: {described.get('class_name')!r}")
        shape = (described.get("build_config") or {}).get("input_shape")
        if not model.built and shape:
            model.build(_tuples(shape))
        if compile and described.get("compile_config"):
            model.compile_from_config(described["compile_config"])
    return model


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes the model that `model.to_json()` described, compiled as it was, with weights of its own.

    Args:
        json_string: What `to_json` returned.
        custom_objects: Classes and functions of one's own by name.

    Raises:
        ValueError: It describes no model.

    Example:

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((8,)), layers.Dense(3)])
    >>> model_from_json(model.to_json()).count_params()
    27
    """
    try:
        described = json.loads(json_string)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"Argument `json_string` must be JSON: {error}. Received: {str(json_string)[:80]!r}") from None
    try:
        return make(described, custom_objects, compile=True)
    except Exception as error:  # whatever the wrong thing in the wrong place made of it
        if isinstance(error, ValueError) and "Received: " in str(error):
            raise
        raise ValueError(
            f"Argument `json_string` must describe a model: {type(error).__name__}: {shortened(str(error))} "
            f"Received: {str(json_string)[:80]!r}"
        ) from error


def compile_config(model: Any) -> dict[str, Any] | None:
    """Returns the arguments of `compile`, in the form that Keras writes them in; `None` where it was not called."""
    if not model.compiled:
        return None
    optimizer, loss, loss_weights, compiled, weighted = model._training.arguments
    return {
        "optimizer": optimizers.serialize(optimizer),
        "loss": _serialized(losses.serialize, loss),
        "loss_weights": loss_weights,
        "metrics": _serialized(metrics.serialize, compiled) or None,
        "weighted_metrics": _serialized(metrics.serialize, weighted) or None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": "auto",
    }


def compile_from(model: Any, config: Mapping[str, Any]) -> None:
    """Compiles a model from what `compile_config` returned."""
    model.compile(
        optimizer=optimizers.get(config.get("optimizer") or "rmsprop"),
        loss=_deserialized(losses.deserialize, config.get("loss")),
        loss_weights=config.get("loss_weights"),
        metrics=_deserialized(metrics.deserialize, config.get("metrics")),
        weighted_metrics=_deserialized(metrics.deserialize, config.get("weighted_metrics")),
    )


def _serialized(serialize: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, dict) and "class_name" not in structure:
        return {key: _serialized(serialize, part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_serialized(serialize, part) for part in structure]
    return structure if isinstance(structure, dict) else serialize(structure)


def _deserialized(deserialize: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, dict) and "class_name" in structure:
        return deserialize(structure)
    if isinstance(structure, dict):
        return {key: _deserialized(deserialize, part) for key, part in structure.items()}
    if isinstance(structure, list):
        return [_deserialized(deserialize, part) for part in structure]
    return structure  # a name: `compile` knows it, and what it stands for may depend on the data


def _tuples(shape: Any) -> Any:
    """Lists that JSON has made of shapes, as tuples."""
    if is_shape(shape):
        return tuple(shape)
    if isinstance(shape, dict):
        return {key: _tuples(part) for key, part in shape.items()}
    return [_tuples(part) for part in shape]


def check(config: Any, depth: int = 0, key: str = "") -> None:
    """Looks through a configuration that came from a file, before anything is made of it.

    Raises:
        ValueError: It is nested too deep, names a file to read, or asks for more memory than any model has.
    """
    if depth > MOST_NESTING:
        raise ValueError(f"Its configuration is nested deeper than {MOST_NESTING} levels.")
    if isinstance(config, dict):
        for name, part in config.items():
            check(part, depth + 1, name)
    elif isinstance(config, list):
        if key in _SHAPES and all(isinstance(length, int) or length is None for length in config):
            if math.prod(abs(length or 1) for length in config) > MOST_ELEMENTS:
                raise ValueError(f"Its configuration asks for samples of shape {config}.")
        else:
            for part in config:
                check(part, depth + 1, key)
    elif key == "vocabulary" and isinstance(config, str):
        raise ValueError(f"Its configuration names the file {config!r}, and a file may not have others read.")
    elif key in _COUNTS and isinstance(config, (int, float)) and abs(config) > MOST_COUNT:
        raise ValueError(f"Its configuration asks for {key}={config}.")
