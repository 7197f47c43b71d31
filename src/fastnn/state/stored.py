"""The state of a model and its optimizer in files: all of it into arrays by name, and those into variables again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._version import __version__
from fastnn.files import FileError
from fastnn.files.tensors import TensorFile
from fastnn.optimizers.groups import Chosen
from fastnn.state.names import layers_by_path, named_slots, named_weights, streams_of
from fastnn.variables import Variable
from fastnn.warnings import FileWarning, warn


def collected(model: Any, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a model and its optimizer, and the document that says what they are."""
    weights = named_weights(model) if model.built else {}
    document: dict[str, Any] = {"kind": kind, "written_by": f"fastnn {__version__}", "weights": list(weights)}
    arrays = {name: variable.value for name, variable in weights.items()}
    document["frozen_layers"] = [path for path, layer in layers_by_path(model) if not layer.trainable]
    document["frozen_weights"] = [name for name, v in weights.items() if not v.trainable and not v.state]
    document["streams"] = streams_of(model)
    if model.compiled:
        optimizer = model.optimizer
        slots = named_slots(optimizer, weights)
        arrays.update((name, variable.value) for name, variable in slots.items())
        names = {id(variable): name for name, variable in weights.items()}
        document["optimizer"] = {
            "variables": list(slots),
            "trained": [names[id(v)] for v in optimizer._trainable_variables if id(v) in names],
            "built": optimizer.built,
            "undecayed": [name for name, variable in weights.items() if optimizer._is_undecayed(variable)],
        }
    return arrays, document


def stored_in(file: TensorFile, what: str, check_finite: bool, copied: bool) -> Stored:
    """The `"weights"` or the state of the `"optimizer"` that a file holds."""
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

    return Stored(file.path, names, file.shape, array)


def finite(array: np.ndarray, name: str, path: Any) -> None:
    """Raises `FileError` at the first NaN or infinity."""
    if array.dtype.kind == "f" and (at := _kernels.first_not_finite(np.atleast_1d(array))) is not None:
        value = np.atleast_1d(array)[at]
        raise FileError(path, f"the array {name!r} holds {value} at index {list(at)} (check_finite=False lets it in)")


def slots_in(model: Any, file: TensorFile, check_finite: bool, copied: bool) -> list[tuple[Variable, np.ndarray]]:
    """The variables of the model's optimizer, which is built as the saved one was, each with its array in the file.

    Args:
        model: The model, compiled.
        file: The file.
        check_finite: Whether to look for NaN and infinity.
        copied: Whether this is somebody's model, to be given copies of what fits; else it was made from the file.
    """
    if "optimizer" not in file.document:
        return []
    stored = stored_in(file, "optimizer", check_finite, copied)
    saved, optimizer = file.document["optimizer"], model.optimizer
    weights = named_weights(model)
    if saved.get("built") and not optimizer.built:
        in_order = dict(zip(file.document["weights"], weights.values(), strict=True))
        known = weights if all(name in weights for name in saved["trained"]) else in_order
        trained = [known[name] for name in saved["trained"]]
        if copied and [id(v) for v in trained] != [id(v) for v in model.trainable_variables]:
            return []
        if not copied:
            optimizer._undecayed = Chosen([known[name] for name in saved.get("undecayed", ())])
        optimizer.build(trained)
    slots = list(named_slots(optimizer, weights).values())
    if [variable.shape for variable in slots] != [stored.shape_of(name) for name in stored.names]:
        if copied:
            return []  # another optimizer than the saved one: it starts afresh
        raise FileError(file.path, "the state of its optimizer does not fit the optimizer that it describes")
    return [(variable, stored.array(name)) for name, variable in zip(stored.names, slots, strict=True)]


def put(variable: Variable, array: np.ndarray) -> None:
    """Has a variable live in an array, or take its values where the dtype is another one."""
    if array.dtype == variable.dtype:
        variable.adopt(array)
    else:
        variable.assign(array)


class Stored:
    """Arrays of a file, by name, in the order of the model that they were written from.

    Args:
        path: The file.
        names: The names.
        shape_of: The shape of an array.
        array: Reads an array.
    """

    def __init__(
        self,
        path: Any,
        names: Sequence[str],
        shape_of: Callable[[str], tuple[int, ...]],
        array: Callable[[str], np.ndarray],
    ) -> None:
        self.path = path
        self.names = list(names)
        self.shape_of = shape_of
        self.array = array


def matched(own: Mapping[str, Variable], stored: Stored, skip_mismatch: bool, by_name: bool) -> dict[str, Variable]:
    """Which variable each array is for: by names, where they are the same or `by_name` says so, else in order.

    Args:
        own: The variables by name.
        stored: The arrays.
        skip_mismatch: Whether to leave out, with a warning, arrays that fit no variable; else they are an error.
        by_name: Whether only names count, and those that only one side has are left out.

    Raises:
        ValueError: Shapes or numbers of arrays differ.
    """
    names = stored.names
    if by_name or set(names) == set(own):
        pairs = [(name, own[name]) for name in names if name in own]
    elif len(names) == len(own) or skip_mismatch:
        pairs = list(zip(names, own.values(), strict=False))
    else:
        raise ValueError(
            f"The model must have as many weights as the file {stored.path!r}, {len(names)}: {_some(names)}. "
            f"Received: a model with {len(own)}: {_some(own)}"
        )
    wrong = [(name, variable) for name, variable in pairs if stored.shape_of(name) != variable.shape]
    if wrong and not skip_mismatch:
        name, variable = wrong[0]
        raise ValueError(
            f"The weight '{variable.path}' must have the shape that '{name}' has in the file {stored.path!r}, "
            f"{stored.shape_of(name)}. Received: a weight of shape {variable.shape}"
        )
    left_out = [name for name, _ in wrong] + ([] if by_name else names[len(pairs) :])
    if left_out:
        warn(f"Weights that do not fit the model were left out: {_some(left_out)}.", FileWarning)
    return {name: variable for name, variable in pairs if stored.shape_of(name) == variable.shape}


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
