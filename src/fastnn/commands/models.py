"""`fastnn convert` and `fastnn inspect`: models in files of any format."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastnn import saving, state
from fastnn.commands.running import say
from fastnn.exchange import from_onnx
from fastnn.files import archives, trusting_nothing
from fastnn.files.errors import printable
from fastnn.files.hdf5 import Hdf5File
from fastnn.files.tensors import TensorFile
from fastnn.models.keras_files import WEIGHTS as KERAS_WEIGHTS

READ = (".safetensors", ".keras", ".onnx")
INSPECTED = (*READ, ".weights.h5")
WRITTEN = (".safetensors", ".keras", ".weights.h5", ".onnx", ".c")
Arrays = Mapping[str, tuple[np.dtype, tuple[int, ...]]]


def add_commands(commands: Any) -> None:
    """Adds the two commands to those of a parser."""
    text = "write a model in another format"
    convert = commands.add_parser(
        "convert",
        help=text,
        description=f"{text.capitalize()}. The ends of the names say which: {', '.join(READ)} are read, "
        f"{', '.join(WRITTEN)} are written ({WRITTEN[2]}: the weights alone).",
    )
    convert.add_argument("source", type=_ending_in(READ), metavar="FROM", help="the model, such as a.keras")
    convert.add_argument("destination", type=_ending_in(WRITTEN), metavar="TO", help="the new file, such as b.onnx")
    convert.set_defaults(run=_convert)

    text = "show what a file holds: architecture, weights, optimizer"
    show = commands.add_parser("inspect", help=text, description=f"{text.capitalize()}.")
    show.add_argument("file", type=_ending_in(INSPECTED), metavar="FILE", help=f"a model: {', '.join(INSPECTED)}")
    show.set_defaults(run=_inspect)


def _ending_in(endings: tuple[str, ...]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not text.endswith(endings):
            raise argparse.ArgumentTypeError(f"expected a name that ends in {', '.join(endings)}. Received: {text}")
        return text

    return checked


def read(path: str) -> Any:
    """The model that a file holds."""
    return from_onnx(path) if path.endswith(".onnx") else saving.load_model(path)


def _convert(arguments: argparse.Namespace) -> int:
    source, destination = arguments.source, arguments.destination
    if os.path.exists(source) and os.path.exists(destination) and os.path.samefile(source, destination):
        raise ValueError(f"A model cannot be converted onto itself. Received: {source} and {destination}")
    model = read(source)
    if source.endswith(".safetensors") and "tabular" in TensorFile(source).document:
        say(f"{source}: the network is converted, without what it knows of the table's columns")
    if destination.endswith((".onnx", ".c")):
        model.export(destination, format=destination.rpartition(".")[2])
    elif destination.endswith(".weights.h5"):
        model.save_weights(destination)
    else:
        model.save(destination)
    print(f"{destination}: {_count(model.count_params(), 'parameter')}, {_bytes(os.path.getsize(destination))}")
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    path = arguments.file
    written_by = ""
    if path.endswith(".safetensors"):
        file = TensorFile(path)
        arrays: Arrays = {name: (file.dtype(name), file.shape(name)) for name in file.names}
        document: Mapping[str, Any] = file.document
        model = _model_of(path) if document.get("kind") == "model" else None
        written_by = f", written by {printable(document.get('written_by', ''))}"
    elif path.endswith(".onnx"):
        model = from_onnx(path)
        arrays, document = _held(model)
    else:
        arrays, document = _keras_weights(path)
        model = _model_of(path) if path.endswith(".keras") else None
        if model is not None:
            arrays, document = _held(model)
    with trusting_nothing(path):
        weights = [name for name in document.get("weights", ()) if name in arrays]
        kind = printable(document.get("kind", ""))
    slots = [name for name in arrays if name.startswith("optimizer/")]
    print(f"{path}: {kind or 'arrays'}, {_bytes(os.path.getsize(path))}{written_by}\n")
    if model is not None:
        model.summary(print_fn=print)
        print()
    _listed("Weights", weights, arrays)
    if "optimizer" in document:
        print()
        kind = f" ({type(model.optimizer).__name__})" if model is not None and model.compiled else ""
        _listed(f"Optimizer{kind}", slots, arrays)
    shown = {*weights, *(slots if "optimizer" in document else ())}
    others = [name for name in arrays if name not in shown]
    if others:
        print()
        _listed("Others", others, arrays)
    return 0


def _held(model: Any) -> tuple[Arrays, Mapping[str, Any]]:
    """What a model holds, and what it is."""
    held, document = state.collected(model, "model")
    return {name: (array.dtype, array.shape) for name, array in held.items()}, document


def _keras_weights(path: str) -> tuple[Arrays, Mapping[str, Any]]:
    """What one of Keras's files holds, and what it is."""
    archived = path.endswith(".keras")
    content = archives.read(path, {KERAS_WEIGHTS: None})[KERAS_WEIGHTS] if archived else None
    with Hdf5File(path, content) as file:
        arrays = file.listed()
    kept = "optimizer/vars/"
    document: dict[str, Any] = {"kind": "model" if archived else "weights"}
    document["weights"] = [name for name in arrays if not name.startswith(kept)]
    return arrays, {**document, **({"optimizer": {}} if any(name.startswith(kept) for name in arrays) else {})}


def _model_of(path: str) -> Any:
    """The model of a file, or `None` where it needs classes of its user's own."""
    try:
        return saving.load_model(path, check_finite=False)
    except saving.FileError as error:
        say(f"fastnn: warning: the architecture is not shown. {error}")
        return None


def _listed(title: str, names: list[str], arrays: Mapping[str, tuple[np.dtype, tuple[int, ...]]]) -> None:
    numbers = sum(int(np.prod(arrays[name][1])) for name in names)
    print(f"{title}: {_count(len(names), 'array')}, {_count(numbers, 'number')}")
    width = max((len(printable(name)) for name in names), default=0)
    for name in names:
        dtype, shape = arrays[name]
        print(f"  {printable(name):<{width}}  {dtype!s:<7}  {shape}")


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _bytes(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
