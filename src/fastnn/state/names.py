"""The state of a model and its optimizer: which arrays there are, and what each is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastnn.layers.layer import Layer
from fastnn.optimizers import Optimizer
from fastnn.variables import Variable

OPTIMIZER = "optimizer"  # what names of an optimizer's variables begin with


def layers_by_path(layer: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A layer or model, and all layers in it, each once, with paths that an equal model has too.

    Layers of a model are known by their names, layers that a layer of one's own holds by the attributes that they are.
    """
    seen: set[int] = {id(layer)}
    yield prefix.rstrip("/"), layer
    waiting = [_parts(layer, prefix)]
    while waiting:
        part = next(waiting[-1], None)
        if part is None:
            waiting.pop()
        elif id(part[1]) not in seen:
            seen.add(id(part[1]))
            yield part
            waiting.append(_parts(part[1], f"{part[0]}/"))


def _parts(layer: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if getattr(layer, "_graph", None) is not None or hasattr(layer, "_layers"):
        for part in layer.sublayers():
            yield f"{prefix}{part.name}", part
        return
    for name, thing in vars(layer).items():
        if name not in ("_nodes", "_eager"):
            yield from in_attribute(thing, f"{prefix}{name}")


def in_attribute(thing: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The layers in an attribute: it is one, or holds some in lists and dictionaries."""
    if isinstance(thing, Layer):
        yield path, thing
    elif isinstance(thing, (list, tuple)):
        for at, part in enumerate(thing):
            yield from in_attribute(part, f"{path}/{at}")
    elif isinstance(thing, dict):
        for key, part in thing.items():
            yield from in_attribute(part, f"{path}/{key}")


def named_weights(model: Any) -> dict[str, Variable]:
    """The weights of a model, in its order, by names such as `"dense/kernel"`."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for path, layer in layers_by_path(model):
        deeper = {id(variable) for part in layer.sublayers() for variable in part.weights}
        for variable in layer.weights if getattr(layer, "built", True) else ():
            if id(variable) not in deeper and id(variable) not in names:
                names[id(variable)] = _unique(f"{path}/{variable.name}".lstrip("/"), taken)
    return {names[id(variable)]: variable for variable in model.weights}


def named_slots(optimizer: Optimizer, weights: Mapping[str, Variable]) -> dict[str, Variable]:
    """The variables of an optimizer, in its order: `"optimizer/iteration"`, `"optimizer/dense/kernel/momentum"`.

    Args:
        optimizer: The optimizer.
        weights: The weights of its model by name.
    """
    taken = set(weights)
    known: dict[int, str] = {}
    trained = {id(variable) for variable in optimizer._trainable_variables}
    for name, weight in weights.items():
        if id(weight) not in trained:
            continue
        kept = [optimizer.average_of(weight), optimizer.accumulator_of(weight), *optimizer.slots_of(weight)]
        for slot in kept:
            if slot is not None:
                own = slot.name.removeprefix(f"{weight.path.replace('/', '_')}_")
                known[id(slot)] = f"{OPTIMIZER}/{name}/{own}"
    named = {}
    for variable in optimizer.variables:
        name = known.get(id(variable), f"{OPTIMIZER}/{variable.name}")
        named[_unique(name, taken)] = variable
    return named


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken."""
    number, unique = 0, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    taken.add(unique)
    return unique


# --- random streams ---


def streams_of(model: Any) -> dict[str, int]:
    """The streams of random numbers of layers such as `Dropout`, which they drew when they were made."""
    return {path: layer._stream for path, layer in layers_by_path(model) if hasattr(layer, "_stream")}


def set_streams(model: Any, streams: Mapping[str, Any]) -> None:
    """Gives layers the streams that `streams_of` returned for an equal model: by paths, or else in order."""
    own = {path: layer for path, layer in layers_by_path(model) if hasattr(layer, "_stream")}
    pairs = [(own[path], stream) for path, stream in streams.items() if path in own]
    if len(pairs) < len(own) == len(streams):
        pairs = list(zip(own.values(), streams.values(), strict=True))
    for layer, stream in pairs:
        layer._stream = int(stream)
