"""Models and weights in files, and back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import state
from fastnn._log import INFO, log
from fastnn.files import FileError, tensors, trusting_nothing
from fastnn.files.tensors import TensorFile
from fastnn.models import description
from fastnn.variables import Variable, left_empty

if TYPE_CHECKING:
    from fastnn.models.model import Model

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
    write_model(model, path, {})


def write_model(model: Any, path: str, further: Mapping[str, Any]) -> None:
    """Writes a model to a `.safetensors` file, and with it whatever else its document is to say.

    Args:
        model: The model.
        path: The file.
        further: More entries of the document, as JSON can say them.
    """
    arrays, document = state.collected(model, "model")
    document["model"] = description.describe(model)
    tensors.write(path, arrays, {**document, **further})


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    check_finite: bool = True,
) -> Model:
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

    Example:

    >>> import os, tempfile
    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((2,)), layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(os.path.join(folder, "m.safetensors"))
    ...     again = load_model(os.path.join(folder, "m.safetensors"))
    >>> bool((again.layers[0].kernel == model.layers[0].kernel).all())
    True
    """
    path = _named(filepath)
    with open(path, "rb") as opened:
        head = opened.read(4)
    log(INFO, "reading a model from %s", path)
    if path.endswith(".onnx"):
        raise FileError(path, "it is no file of fastnn's: see `fastnn.exchange.from_onnx`")
    if head == b"PK\x03\x04" or path.endswith(".keras"):
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
    arrays, document = state.collected(model, "weights")
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
    path = _named(filepath)
    model._check_built("weights")
    with open(path, "rb") as opened:
        head = opened.read(4)
    log(INFO, "reading weights from %s", path)
    if head in (b"PK\x03\x04", b"\x89HDF") or path.endswith((".keras", ".h5")):
        from fastnn.models import keras_files

        keras_files.load_weights(model, path, skip_mismatch, by_name, check_finite)
        return
    file = TensorFile(path)
    with trusting_nothing(path):
        stored = state.stored_in(file, "weights", check_finite, copied=True)
    pairs = state.matched(state.named_weights(model), stored, skip_mismatch, by_name)
    arrays = [(variable, stored.array(name)) for name, variable in pairs.items()]  # all are read before one is written
    slots: list[tuple[Variable, np.ndarray]] = []
    if model.compiled and len(pairs) == len(stored.names) and not by_name:
        with trusting_nothing(path):
            slots = state.slots_in(model, file, check_finite, copied=True)
    for variable, array in [*arrays, *slots]:
        variable.assign(array)


def _named(filepath: Any) -> str:
    try:
        return os.fsdecode(filepath)
    except TypeError:
        raise TypeError(f"Argument `filepath` must be a path. Received: filepath={filepath!r}") from None


def _to_write(filepath: Any, overwrite: bool) -> str:
    path = _named(filepath)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"The file is there already, and overwrite=False. Received: filepath={path!r}")
    return path


def _fill(model: Any, file: TensorFile, check_finite: bool, compile: bool) -> None:
    """Gives a model that was just made its weights, without a copy where they can be used where they lie."""
    document = file.document
    stored = state.stored_in(file, "weights", check_finite, copied=False)
    if stored.names or model.built:
        weights = state.named_weights(model)
        if len(stored.names) != len(weights):
            raise FileError(file.path, f"it has {len(stored.names)} weights for a model with {len(weights)}")
        pairs = state.matched(weights, stored, skip_mismatch=False, by_name=False)
        for name, variable in pairs.items():
            state.put(variable, stored.array(name))
        frozen = set(document.get("frozen_weights", ()))
        for name, variable in pairs.items():
            variable.trainable = name not in frozen and not variable.state
        held_still = set(document.get("frozen_layers", ()))
        for path, layer in state.layers_by_path(model):
            layer._trainable = path not in held_still
    state.set_streams(model, document.get("streams", {}))
    if compile and model.compiled and "optimizer" in document:
        for variable, array in state.slots_in(model, file, check_finite, copied=False):
            state.put(variable, array)


def to_json(model: Any, **kwargs: Any) -> str:
    """Returns the architecture of a model, and what `compile` was given, as JSON: see `model_from_json`."""
    return json.dumps(description.describe(model), **kwargs)
