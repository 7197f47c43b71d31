"""Models and weights in files, and back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastnn import _kernels, state
from fastnn._version import __version__
from fastnn.files import FileError, tensors
from fastnn.files.tensors import TensorFile
from fastnn.models import description
from fastnn.state import Stored
from fastnn.variables import Variable, left_empty

CONSTANTS = 1 << 24  # bytes of variables that no file holds: made from configurations
_KEEPING = "'.safetensors', or '.keras' for Keras"


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: Any = None, **kwargs: Any) -> None:
    """Writes a model to a file: architecture, weights, what `compile` was given, and the state of the optimizer.

    The file is written whole or not at all: a crash leaves what was there before.

    Args:
        model: The model.
        filepath: The file. Ends in `.safetensors`, the format of its own; or in `.keras`, for Keras (the extra
            `keras-files`).
        overwrite: Whether to replace a file that is there already.
        zipped: Without effect.
        **kwargs: None are known.

    Raises:
        ValueError: The name ends otherwise.
        FileExistsError: The file is there, and is not to be replaced.
        NotImplementedError: A layer or the model has no configuration.

    Example:

    >>> import os, tempfile
    >>> from fastnn import Sequential, layers
    >>> path = os.path.join(tempfile.mkdtemp(), "m.safetensors")
    >>> save_model(Sequential([layers.Input((8,)), layers.Dense(3)]), path)
    >>> load_model(path).count_params()
    27
    """
    if kwargs:
        raise ValueError(f"Unknown arguments for save_model. Received: {kwargs}")
    path = _to_write(filepath, overwrite)
    if path.endswith(".keras"):
        from fastnn.models import keras_files

        keras_files.save_model(model, path)
        return
    if not path.endswith(".safetensors"):
        raise ValueError(f"Argument `filepath` must end in {_KEEPING}. Received: filepath={path!r}")
    arrays, document = _state_of(model, "model")
    document["model"] = description.describe(model)
    tensors.write(path, arrays, document)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    check_finite: bool = True,
) -> Any:
    """Makes the model that a file holds.

    No code of the file's is run: objects of one's own come from `custom_objects` alone. A large file is mapped into
    memory, which takes no time, and which processes that load it share.

    Args:
        filepath: What `model.save` wrote, or a `.keras` archive of Keras's (the extra `keras-files`).
        custom_objects: Classes and functions of one's own by name.
        compile: Whether to compile the model as the saved one was, with the state of its optimizer.
        safe_mode: Without effect: nothing else is done.
        check_finite: Whether to look for NaN and infinity among the weights.

    Raises:
        FileError: The file is damaged, is none of these, or names what is not known.
        OSError: It cannot be read.
    """
    path = os.fspath(filepath)
    with open(path, "rb") as file:
        head = file.read(4)
    if head == b"PK\x03\x04":
        from fastnn.models import keras_files

        return keras_files.load_model(path, custom_objects, compile, check_finite)
    if head == b"\x89HDF":
        raise FileError(path, "it is an HDF5 file: give weights to `model.load_weights`, and save models as '.keras'")
    file = TensorFile(path)
    if file.document.get("kind") != "model":
        raise FileError(path, f"it holds {file.document.get('kind')!r}, and no model: see `model.load_weights`")
    with trusting_nothing(path), left_empty(file.size + CONSTANTS):
        model = description.make(file.document["model"], custom_objects, compile)
        _fill(model, file, check_finite, compile)
    return model


@contextmanager
def trusting_nothing(path: Any) -> Iterator[None]:
    """Whatever goes wrong within it, the file is to blame."""
    try:
        yield
    except FileError:
        raise
    except RecursionError as error:
        raise FileError(path, "its configuration is nested too deep") from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
        raise FileError(path, text.strip()[:1000] or type(error).__name__) from error


# --- weights alone ---


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights of a model, and the state of its optimizer, to a file: whole or not at all.

    Args:
        model: The model.
        filepath: The file. Ends in `.safetensors`; or in `.weights.h5`, for Keras (the extra `keras-files`).
        overwrite: Whether to replace a file that is there already.
    """
    path = _to_write(filepath, overwrite)
    if path.endswith(".weights.h5"):
        from fastnn.models import keras_files

        keras_files.save_weights(model, path)
        return
    if not path.endswith(".safetensors"):
        raise ValueError(
            f"Argument `filepath` must end in '.safetensors', or '.weights.h5' for Keras. Received: filepath={path!r}"
        )
    model._check_built("weights")
    arrays, document = _state_of(model, "weights")
    tensors.write(path, arrays, document)


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, *, check_finite: bool = True
) -> None:
    """Gives a model the weights of a file, all or none; and its optimizer the state there, where that fits.

    Weights find theirs by name where both have the same names, else by their order.

    Args:
        model: The model.
        filepath: What `save_weights` or `save` wrote; or `.weights.h5` or `.keras` of Keras's.
        skip_mismatch: Whether to leave out, with a warning, what does not fit the model.
        by_name: Whether names alone count, and those that only one side has are left as they are.
        check_finite: Whether to look for NaN and infinity.

    Raises:
        ValueError: The model does not fit the file.
        FileError: The file is damaged, or none of these.
    """
    path = os.fspath(filepath)
    model._check_built("weights")
    with open(path, "rb") as opened:
        head = opened.read(4)
    if head in (b"PK\x03\x04", b"\x89HDF"):
        from fastnn.models import keras_files

        keras_files.load_weights(model, path, skip_mismatch, by_name, check_finite)
        return
    file = TensorFile(path)
    with trusting_nothing(path):
        stored = _stored(file, "weights", check_finite, copied=True)
    pairs = state.matched(state.named_weights(model), stored, skip_mismatch, by_name)
    arrays = [(variable, stored.array(name)) for name, variable in pairs.items()]  # all are read before one is written
    slots: list[tuple[Variable, np.ndarray]] = []
    if model.compiled and len(pairs) == len(stored.names) and not by_name:
        with trusting_nothing(path):
            slots = _slots(model, file, check_finite, copied=True)
    for variable, array in [*arrays, *slots]:
        variable.assign(array)


def _to_write(filepath: Any, overwrite: bool) -> str:
    path = os.fspath(filepath)
    if not isinstance(path, str):
        raise TypeError(f"Argument `filepath` must be a path. Received: filepath={filepath!r}")
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"The file is there already, and overwrite=False. Received: filepath={path!r}")
    return path


# --- what is in a file ---


def _state_of(model: Any, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a model and its optimizer, and the document that says what they are."""
    weights = state.named_weights(model) if model.built else {}
    document: dict[str, Any] = {"kind": kind, "written_by": f"fastnn {__version__}", "weights": list(weights)}
    arrays = {name: variable.value for name, variable in weights.items()}
    document["frozen_layers"] = [path for path, layer in state.layers_by_path(model) if not layer.trainable]
    document["frozen_weights"] = [name for name, v in weights.items() if not v.trainable and not v.state]
    document["streams"] = state.streams_of(model)
    if model.compiled:
        optimizer = model.optimizer
        slots = state.named_slots(optimizer, weights)
        arrays.update((name, variable.value) for name, variable in slots.items())
        names = {id(variable): name for name, variable in weights.items()}
        document["optimizer"] = {
            "variables": list(slots),
            "trained": [names[id(v)] for v in optimizer._trainable_variables if id(v) in names],
            "built": optimizer.built,
        }
    return arrays, document


def _stored(file: TensorFile, what: str, check_finite: bool, copied: bool) -> Stored:
    names = file.document[what]["variables"] if what == "optimizer" else file.document[what]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FileError(file.path, f"its list of {what} is damaged")
    missing = [name for name in names if name not in file.names]
    if missing:
        raise FileError(file.path, f"it has no array {missing[0]!r}")

    def array(name: str) -> np.ndarray:
        found = file.array(name, copied)
        if check_finite:
            finite(found, name, file.path)
        return found

    return Stored(names, file.shape, array)


def finite(array: np.ndarray, name: str, path: Any) -> None:
    """Raises `FileError` at the first NaN or infinity."""
    if array.dtype.kind == "f" and (at := _kernels.first_not_finite(np.atleast_1d(array))) is not None:
        value = np.atleast_1d(array)[at]
        raise FileError(
            path, f"the array {name!r} holds {value} at index {list(at)} (check_finite=False lets it in)"
        )


def _fill(model: Any, file: TensorFile, check_finite: bool, compile: bool) -> None:
    """Gives a model that was just made its weights, without a copy where they can be used where they lie."""
    document = file.document
    stored = _stored(file, "weights", check_finite, copied=False)
    if stored.names or model.built:
        weights = state.named_weights(model)
        if len(stored.names) != len(weights):
            raise FileError(file.path, f"it has {len(stored.names)} weights for a model with {len(weights)}")
        pairs = state.matched(weights, stored, skip_mismatch=False, by_name=False)
        for name, variable in pairs.items():
            _put(variable, stored.array(name))
        frozen = set(document.get("frozen_weights", ()))
        for name, variable in pairs.items():
            variable.trainable = name not in frozen and not variable.state
        held_still = set(document.get("frozen_layers", ()))
        for path, layer in state.layers_by_path(model):
            layer._trainable = path not in held_still
    state.set_streams(model, document.get("streams", {}))
    if compile and model.compiled and "optimizer" in document:
        for variable, array in _slots(model, file, check_finite, copied=False):
            _put(variable, array)


def _slots(
    model: Any, file: TensorFile, check_finite: bool, copied: bool
) -> list[tuple[Variable, np.ndarray]]:
    """The variables of the model's optimizer, which is built as the saved one was, each with its array in the file."""
    if "optimizer" not in file.document:
        return []
    stored = _stored(file, "optimizer", check_finite, copied)
    saved, optimizer = file.document["optimizer"], model.optimizer
    weights = state.named_weights(model)
    if saved.get("built") and not optimizer.built:
        in_order = dict(zip(file.document["weights"], weights.values(), strict=True))
        known = weights if all(name in weights for name in saved["trained"]) else in_order
        optimizer.build([known[name] for name in saved["trained"]])
    slots = list(state.named_slots(optimizer, weights).values())
    if [variable.shape for variable in slots] != [stored.shape_of(name) for name in stored.names]:
        if copied:
            return []  # another optimizer than the saved one: it starts afresh
        raise FileError(file.path, "the state of its optimizer does not fit the optimizer that it describes")
    return [(variable, stored.array(name)) for name, variable in zip(stored.names, slots, strict=True)]


def _put(variable: Variable, array: np.ndarray) -> None:
    if array.dtype == variable.dtype:
        variable.adopt(array)
    else:
        variable.assign(array)


def to_json(model: Any, **kwargs: Any) -> str:
    """Returns the architecture of a model, and what `compile` was given, as JSON: see `model_from_json`."""
    return json.dumps(description.describe(model), **kwargs)
