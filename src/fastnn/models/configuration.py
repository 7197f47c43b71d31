"""Models as plain configurations, in the form that Keras writes them in, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn import layers
from fastnn._structure import flatten, transform
from fastnn.layers.graph import Node, Tensor
from fastnn.layers.layer import Layer
from fastnn.models import keras_operations


def get_config(model: Any) -> dict[str, Any]:
    """The configuration of a model between symbolic tensors: its layers, and the calls that connect them.

    Raises:
        NotImplementedError: The model is a subclass with a `call` of its own: its code is not configuration.
    """
    graph = model._graph
    if graph is None:
        raise NotImplementedError(
            f"A model with a `call` of its own must implement `get_config`. Received: {type(model).__name__}"
        )
    calls: dict[int, list[Node]] = {}
    inputs = [tensor.node for tensor in graph.inputs]
    for node in (*inputs, *graph.nodes):
        calls.setdefault(id(node.layer), []).append(node)
    number = {id(node): at for nodes in calls.values() for at, node in enumerate(nodes)}

    def history(tensor: Tensor) -> list[Any]:
        node = tensor.node
        assert node is not None
        return [node.layer.name, number[id(node)], [t is tensor for t in node.outputs].index(True)]

    def reference(tensor: Tensor) -> dict[str, Any]:
        config = {"shape": list(tensor.shape), "dtype": tensor.dtype.name, "keras_history": history(tensor)}
        return {"class_name": "__keras_tensor__", "config": config}

    def call(node: Node) -> dict[str, Any]:
        settings = {} if node.training is None else {"training": node.training}
        return {"args": [transform(reference, node.inputs)], "kwargs": settings}

    described = []
    for layer in graph.layers:
        config = serialize_layer(layer)
        config["name"] = layer.name
        config["inbound_nodes"] = [call(node) for node in calls[id(layer)] if node.parents]
        described.append(config)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": described,
        "input_layers": transform(history, model.input),
        "output_layers": transform(history, model.output),
    }


def serialize_layer(layer: Layer) -> dict[str, Any]:
    """The configuration of a layer or of a model that is part of another."""
    return layers.serialize(layer)


def deserialize_layer(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """A layer, or a model that is part of another, from its configuration."""
    from fastnn import models

    own = {name: getattr(models, name) for name in ("Model", "Sequential")}
    own["Functional"] = models.Model
    return layers.deserialize(config, {**own, **(custom_objects or {})})


def from_config(cls: Callable[..., Any], config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that `get_config` describes; a subclass with a `call` of its own takes the configuration whole."""
    if "input_layers" not in config:
        return cls(**config)
    waiting: list[tuple[Callable[..., Any], str, int, dict[str, Any]]] = []
    outputs: dict[tuple[str, int], list[Tensor]] = {}
    for described in config["layers"]:
        calls = described.get("inbound_nodes", [])
        name = described.get("name") or described["config"]["name"]
        operation = keras_operations.operation(described)
        called = None if operation is None else _operation_caller(operation, name)
        if called is None:
            layer = deserialize_layer(described, custom_objects)
            called = _caller(layer)
            if not calls:
                outputs[name, 0] = flatten(layer.output)
        waiting.extend((called, name, at, call) for at, call in enumerate(calls))

    def tensor(reference: Any) -> Tensor | None:
        name, number, at = reference
        found = outputs.get((name, number))
        return None if found is None else found[at]

    while waiting:
        left = []
        for called, name, at, call in waiting:
            missing: list[Any] = []

            def known(reference: Any, missing: list[Any] = missing) -> Tensor | None:
                found = tensor(reference)
                if found is None:
                    missing.append(reference)
                return found

            given, settings = (_transform_references(known, call.get(key, ())) for key in ("args", "kwargs"))
            if missing:
                left.append((called, name, at, call))
            else:
                outputs[name, at] = flatten(called(*given, **(settings or {})))
        if len(left) == len(waiting):
            raise ValueError(
                "The calls of the layers do not form a graph without cycles: "
                f"Received: calls of {sorted({name for _, name, _, _ in left})} that wait for each other"
            )
        waiting = left
    ends = [_transform_histories(tensor, config[key]) for key in ("input_layers", "output_layers")]
    return cls(*ends, name=config["name"], trainable=config.get("trainable", True))


def _caller(layer: Layer) -> Callable[..., Any]:
    def call(inputs: Any, **settings: Any) -> Any:
        # In Keras's configurations calls have further arguments, such as masks, of which there are none here.
        return layer(inputs, **{key: value for key, value in settings.items() if key == "training"})

    return call


def _operation_caller(operation: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Calls an operation on symbolic tensors, and gives the layers that it made names that no other layer has."""

    def call(*args: Any, **settings: Any) -> Any:
        result = operation(*args, **settings)
        known = {id(tensor.node) for tensor in flatten([args, settings]) if isinstance(tensor, Tensor)}
        waiting, made = [tensor.node for tensor in flatten(result)], 0
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in known:
                continue
            known.add(id(node))
            node.layer.name = f"{name}_before_{made}" if made else name
            made += 1
            waiting.extend(parent.node for parent in node.parents)
        return result

    return call


def _transform_references(tensor: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, dict):
        if structure.get("class_name") == "__keras_tensor__":
            return tensor(structure["config"]["keras_history"])
        return {key: _transform_references(tensor, part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_transform_references(tensor, part) for part in structure)
    return structure


def _transform_histories(tensor: Callable[[Any], Any], structure: Any) -> Any:
    """Like `_transform_references`, of `[name, call, output]`."""
    if isinstance(structure, dict):
        return {key: _transform_histories(tensor, part) for key, part in structure.items()}
    if len(structure) == 3 and isinstance(structure[0], str):
        return tensor(structure)
    return type(structure)(_transform_histories(tensor, part) for part in structure)
