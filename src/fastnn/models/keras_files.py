"""Keras's files: `.keras` archives, and `.weights.h5`.

An archive has the stored members `metadata.json`, `config.json` and `model.weights.h5`. In the last, the variables of a
layer are `layers/<class in snake case>[_n]/vars/<i>`, counted by class in the order of the layers; those of a layer of
a layer of one's own go by attributes; those of the optimizer are `optimizer/vars/<i>`.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import state
from fastnn._registry import to_snake_case
from fastnn.files import FileError, archives, hdf5, trusting_nothing
from fastnn.files.hdf5 import Hdf5File
from fastnn.files.tensors import MOST_HEADER
from fastnn.files.writing import replacing
from fastnn.layers.layer import Layer
from fastnn.models import description, keras_configurations
from fastnn.models.saving import CONSTANTS
from fastnn.state.names import in_attribute
from fastnn.variables import Variable, left_empty
from fastnn.warnings import FileWarning, warn

WEIGHTS = "model.weights.h5"
KERAS_VERSION = "3.15.0"  # whose archives are written
MEMBERS: dict[str, int | None] = {"metadata.json": 1 << 20, "config.json": MOST_HEADER, WEIGHTS: None}


def save_model(model: Any, path: str) -> None:
    """Writes a `.keras` archive that Keras loads, predicts the same with and trains on.

    Raises:
        NotImplementedError: The model has a part that Keras has not.
    """
    hdf5.library()
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    config = keras_configurations.exported(description.describe(model), model.dtype.name)
    content = hdf5.write(_groups(model)) if model.built else hdf5.write({})
    archives.write(
        path,
        {
            "metadata.json": json.dumps({"keras_version": KERAS_VERSION, "date_saved": now}).encode(),
            "config.json": json.dumps(config).encode(),
            WEIGHTS: content,
        },
    )


def load_model(path: str, custom_objects: Mapping[str, Any] | None, compile: bool, check_finite: bool) -> Any:
    """Makes the model of a `.keras` archive."""
    hdf5.library()
    members = archives.read(path, MEMBERS)
    with trusting_nothing(path):
        metadata, config = json.loads(members["metadata.json"]), json.loads(members["config.json"])
        version = metadata.get("keras_version")
        if not isinstance(version, str) or not version.startswith("3."):
            raise FileError(path, f"it was written by Keras {version}, and only archives of Keras 3 are known")
        with Hdf5File(path, members[WEIGHTS]) as file, left_empty(8 * len(members[WEIGHTS]) + CONSTANTS):
            model = description.make(keras_configurations.imported(config), custom_objects, compile)
            places = list(_places(model)) if model.built else []
            pairs = _pairs(file, places, skip_mismatch=False)
            for variable, place in pairs:
                variable.assign(_read(file, place, check_finite))
            if compile and model.compiled:
                for variable, array in _optimizer_pairs(model, file, check_finite):
                    variable.assign(array)
    return model


def save_weights(model: Any, path: str) -> None:
    """Writes a `.weights.h5` file."""
    model._check_built("weights")
    content = hdf5.write(_groups(model))
    with replacing(path) as file:
        file.write(content)


def load_weights(model: Any, path: str, skip_mismatch: bool, by_name: bool, check_finite: bool) -> None:
    """Gives a model the weights of a `.weights.h5` file or a `.keras` archive; all or none."""
    if by_name:
        raise ValueError(
            "Argument `by_name` goes with '.safetensors': Keras's files have no names. Received: by_name=True"
        )
    with open(path, "rb") as opened:
        archived = opened.read(2) == b"PK" or path.endswith(".keras")
    content = archives.read(path, {WEIGHTS: None})[WEIGHTS] if archived else None
    with Hdf5File(path, content) as file:
        pairs = _pairs(file, list(_places(model)), skip_mismatch)
        arrays = [(variable, _read(file, place, check_finite)) for variable, place in pairs]
        if model.compiled and not skip_mismatch:
            arrays += _optimizer_pairs(model, file, check_finite)
    for variable, array in arrays:
        variable.assign(array)


# --- where the variables of a model are in a file ---


def _places(model: Any) -> Iterator[tuple[str, str, list[Variable]]]:
    """The path, the name and the own variables of every layer, in Keras's order."""
    waiting: list[tuple[str, Any]] = [("", model)]
    seen: set[int] = set()
    while waiting:
        path, layer = waiting.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        deeper = {id(variable) for part in layer.sublayers() for variable in part.weights}
        yield f"{path}vars", layer.name, [variable for variable in layer.weights if id(variable) not in deeper]
        waiting.extend(reversed([(f"{path}{where}/", part) for where, part in _children(layer)]))


def _children(layer: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(layer, "_layers") or getattr(layer, "_graph", None) is not None:
        yield from _numbered("layers", layer.layers)
        return
    attributes = vars(layer)
    for name in sorted(attributes, key=lambda name: name.replace("_", "~", 1) if name.startswith("_") else name):
        thing = attributes[name]
        if isinstance(thing, Layer):
            yield name, thing
        elif isinstance(thing, (list, tuple, dict)) and name not in ("_nodes", "_eager"):
            parts = [part for _, part in in_attribute(thing, name)]
            yield from _numbered(name, parts)


def _numbered(where: str, layers: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    used: dict[str, int] = {}
    for layer in layers:
        name = to_snake_case(keras_configurations.class_name(layer))
        number = used.get(name, -1) + 1
        used[name] = number
        yield f"{where}/{name}_{number}" if number else f"{where}/{name}", layer


def _groups(model: Any) -> dict[str, tuple[str, list[np.ndarray]]]:
    groups = {path: (name, [_as_keras(v) for v in variables]) for path, name, variables in _places(model)}
    if model.compiled:
        optimizer = model.optimizer
        groups["optimizer/vars"] = optimizer.name, [_as_keras(variable) for variable in optimizer.variables]
    return groups


def _as_keras(variable: Variable) -> np.ndarray:
    """Numbers that Keras keeps in 32 bits."""
    if variable.dtype == np.int64:
        return variable.value.astype(np.int32)
    if variable.ndim == 0 and variable.name == "learning_rate":
        return variable.value.astype(np.float32)
    return variable.value


def _pairs(
    file: Hdf5File, places: Sequence[tuple[str, str, list[Variable]]], skip_mismatch: bool
) -> list[tuple[Variable, tuple[str, int]]]:
    pairs: list[tuple[Variable, tuple[str, int]]] = []
    for path, name, variables in places:
        shapes = file.shapes(path) if variables else []
        if shapes != [variable.shape for variable in variables]:
            own = [variable.shape for variable in variables]
            if not skip_mismatch:
                raise ValueError(
                    f"The weights of the layer '{name}' must have the shapes that '{path}' has in the file "
                    f"{file.path!r}, {shapes}. "
                    f"Received: a layer with weights of shapes {own}"
                )
            warn(f"The layer '{name}' does not fit the file, and was left out.", FileWarning)
            continue
        pairs.extend((variable, (path, number)) for number, variable in enumerate(variables))
    return pairs


def _read(file: Hdf5File, place: tuple[str, int], check_finite: bool) -> np.ndarray:
    array = file.array(*place)
    if check_finite:
        state.finite(np.ascontiguousarray(array), "/".join(map(str, place)), file.path)
    return array


def _optimizer_pairs(model: Any, file: Hdf5File, check_finite: bool) -> list[tuple[Variable, np.ndarray]]:
    """The optimizer's variables and what the file has for them, where it was built and fits."""
    place = "optimizer/inner_optimizer/vars"  # of one that scaled the loss, for float16
    shapes = file.shapes(place)
    if not shapes:
        place = "optimizer/vars"
        shapes = file.shapes(place)
    optimizer = model.optimizer
    if not shapes:
        return []
    if shapes != [variable.shape for variable in optimizer.variables]:  # else it was saved before it was built
        optimizer.build(model.trainable_variables)
    if shapes != [variable.shape for variable in optimizer.variables]:
        warn(f"The state of the optimizer '{optimizer.name}' does not fit the file, and starts afresh.", FileWarning)
        return []
    return [(v, _read(file, (place, at), check_finite)) for at, v in enumerate(optimizer.variables)]
