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
from fastnn.files import trusting_nothing
from fastnn.files.errors import printable
from fastnn.files.tensors import TensorFile

READ = (".safetensors", ".keras", ".onnx")
WRITTEN = (".safetensors", ".keras", ".weights.h5", ".onnx", ".c")


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
    show.add_argument("file", type=_ending_in(READ), metavar="FILE", help=f"a model: {', '.join(READ)}")
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
    arrays: Mapping[str, tuple[np.dtype, tuple[int, ...]]]
    if path.endswith(".safetensors"):
        file = TensorFile(path)
        arrays, document = {name: (file.dtype(name), file.shape(name)) for name in file.names}, file.document
        model = _model_of(path, document)
    else:
        model = read(path)
        held, document = state.collected(model, "model")
        arrays = {name: (array.dtype, array.shape) for name, array in held.items()}
    with trusting_nothing(path):
        weights = [name for name in document.get("weights", ()) if name in arrays]
        kind, by = (printable(document.get(key, "")) for key in ("kind", "written_by"))
    slots = [name for name in arrays if name.startswith("optimizer/")]
    written_by = f", written by {by}" if path.endswith(".safetensors") else ""
    print(f"{path}: {kind or 'arrays'}, {_bytes(os.path.getsize(path))}{written_by}\n")
    if model is not None:
        model.summary(print_fn=print)
        print()
    _listed("Weights", weights, arrays)
    if "optimizer" in document:
        print()
        _listed(f"Optimizer ({type(model.optimizer).__name__})" if _is_compiled(model) else "Optimizer", slots, arrays)
    shown = {*weights, *(slots if "optimizer" in document else ())}
    others = [name for name in arrays if name not in shown]
    if others:
        print()
        _listed("Others", others, arrays)
    return 0


def _is_compiled(model: Any) -> bool:
    return model is not None and model.compiled


def _model_of(path: str, document: Mapping[str, Any]) -> Any:
    """The model of a file, or `None` where it holds none, or one that needs classes of its user's own."""
    if document.get("kind") != "model":
        return None
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
