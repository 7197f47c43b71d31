"""ONNX files as they are read: nothing in them is believed before it was looked at."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from fastnn.exporting.onnx_graph import LARGEST, onnx_module
from fastnn.files.errors import printable

NEWEST_OPSET = 26  # that this was written for
DOMAINS = ("", "ai.onnx")
MOST_NODES = 10_000
OFTEN = 4  # times that the same numbers in a file beside the model may be weights
MOST_ELEMENTS = 1 << 24  # of a sample, and of what is computed from constants


def open_onnx(source: Any) -> tuple[Any, str | None]:
    """Reads a file.

    Args:
        source: A path, the bytes of a file, or an `onnx.ModelProto`.

    Returns:
        The `onnx.ModelProto`, and the folder in which its weights may be, too.

    Raises:
        ValueError: It is not an ONNX file.
        FileNotFoundError: It is not there.
    """
    onnx = onnx_module()
    if isinstance(source, onnx.ModelProto):
        return source, None
    folder = None
    if isinstance(source, (bytes, bytearray, memoryview)):
        content, name = bytes(source), "bytes"
    else:
        try:
            path = os.fspath(source)
        except TypeError:
            raise TypeError(
                "Argument `source` must be a path, the bytes of an ONNX file or an onnx.ModelProto. "
                f"Received: {type(source).__name__}"
            ) from None
        folder, name = os.path.dirname(os.path.realpath(path)), str(path)
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size >= LARGEST:
                raise ValueError(
                    "An ONNX file holds less than 2 GB: larger weights must be in files beside it. "
                    f"Received: {name!r} of {os.fstat(file.fileno()).st_size} bytes"
                )
            content = file.read()
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except Exception as error:  # of protobuf's own kinds
        raise ValueError(f"The file is no ONNX file, or a damaged one: {error}. Received: {name!r}") from None
    if not proto.graph.node and not proto.graph.output:
        raise ValueError(f"The file is no ONNX file, or a damaged one: it has no graph. Received: {name!r}")
    return proto, folder


def dtype_of(kind: int) -> np.dtype:
    """NumPy's dtype for one of ONNX's.

    Raises:
        ValueError: There is none, or it is none of those that networks of dense layers are made of.
    """
    onnx = onnx_module()
    known = {
        onnx.TensorProto.FLOAT: np.float32,
        onnx.TensorProto.DOUBLE: np.float64,
        onnx.TensorProto.INT32: np.int32,
        onnx.TensorProto.INT64: np.int64,
        onnx.TensorProto.BOOL: np.bool_,
    }
    if kind not in known:
        names = {value: name for name, value in onnx.TensorProto.DataType.items()}
        raise ValueError(
            "Tensors must be of the types float, double, int32, int64 or bool: convert the model first. "
            f"Received: {names.get(kind, kind)}"
        )
    return np.dtype(known[kind])


def array_of(tensor: Any, folder: str | None) -> np.ndarray:
    """The array in a `TensorProto`.

    Args:
        tensor: The tensor.
        folder: Where files with more weights may be; `None` for nowhere.

    Raises:
        ValueError: What it says of itself does not fit what it holds.
    """
    onnx = onnx_module()
    dtype = dtype_of(tensor.data_type)
    shape = tuple(tensor.dims)
    if any(length < 0 for length in shape):
        raise ValueError(f"Lengths must not be negative. Received: tensor '{tensor.name}' of shape {shape}")
    count = math.prod(shape)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return _external(tensor, count, dtype, folder).reshape(shape)
    if tensor.HasField("raw_data"):
        there = len(tensor.raw_data) // dtype.itemsize
        fits = len(tensor.raw_data) == count * dtype.itemsize
    else:
        there = max(len(getattr(tensor, field)) for field in ("float_data", "double_data", "int32_data", "int64_data"))
        fits = there == count
    if not fits:
        raise ValueError(
            f"A tensor must hold as many numbers as its shape says, {count}. "
            f"Received: tensor '{tensor.name}' of shape {shape} with {there}"
        )
    return np.asarray(onnx.numpy_helper.to_array(tensor))


def _external(tensor: Any, count: int, dtype: np.dtype, folder: str | None) -> np.ndarray:
    """Numbers in a file beside the model: in its folder, and in no other."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise ValueError(
            "Weights in files of their own can be read where the model is a file, too: pass its path. "
            f"Received: tensor '{tensor.name}' in '{location}'"
        )
    path = _inside(folder, location)
    if path is None or not os.path.isfile(path):
        raise ValueError(
            "Weights in files of their own must be in the folder of the model. "
            f"Received: tensor '{tensor.name}' in '{location}'"
        )
    try:
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", count * dtype.itemsize))
    except ValueError:
        offset = length = -1
    if offset < 0 or length != count * dtype.itemsize or offset + length > os.path.getsize(path):
        raise ValueError(
            f"A tensor must hold as many numbers as its shape says, {count}. "
            f"Received: tensor '{tensor.name}' of shape {tuple(tensor.dims)} at {entries} of "
            f"a file of {os.path.getsize(path)} bytes"
        )
    return np.fromfile(path, dtype.newbyteorder("<"), count, offset=offset).astype(dtype)


def _inside(folder: str, location: str) -> str | None:
    """The path of a file in a folder, `None` where it is in none of its depths."""
    folder = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(folder, location))
    inside = location and not os.path.isabs(location) and os.path.commonpath([folder, path]) == folder
    return path if inside else None


def _check_external(graph: Any, folder: str) -> None:
    """Raises `ValueError` where tensors ask for many times what is in the files that their numbers are in."""
    onnx = onnx_module()
    tensors = [*graph.initializer, *(a.t for n in graph.node for a in n.attribute if a.HasField("t"))]
    asked: dict[str, int] = {}
    for tensor in tensors:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        path = _inside(folder, next((each.value for each in tensor.external_data if each.key == "location"), ""))
        if path is not None and os.path.isfile(path):
            asked[path] = asked.get(path, 0) + math.prod(tensor.dims) * dtype_of(tensor.data_type).itemsize
    for path, size in asked.items():
        there = os.path.getsize(path)
        if size > OFTEN * there:
            raise ValueError(
                f"Tensors must not have the numbers of a file more than {OFTEN} times. "
                f"Received: {size} bytes out of '{os.path.basename(path)}' of {there}"
            )


def check_size(shape: Iterable[int], what: str) -> None:
    """Raises `ValueError` where a shape has more elements than any network of dense layers."""
    shape = tuple(int(length) for length in shape)
    if math.prod(shape) > MOST_ELEMENTS:
        raise ValueError(f"{what} must have at most {MOST_ELEMENTS} elements. Received: shape {shape}")


def check_graph(proto: Any, folder: str | None, known: Collection[str]) -> int:
    """Looks whether a graph can be read at all, before any of it is.

    Args:
        proto: The `onnx.ModelProto`.
        folder: Where files with more weights may be; `None` for nowhere.
        known: The operators that can be.

    Returns:
        The version of the operators.
    """
    if proto.functions:
        raise NotImplementedError(
            "Functions of a model's own must be inlined first: onnx.inliner.inline_local_functions(model). "
            f"Received: {[function.name for function in proto.functions][:5]}"
        )
    versions = [each.version for each in proto.opset_import if each.domain in DOMAINS]
    if not versions or not 7 <= max(versions) <= NEWEST_OPSET:
        raise ValueError(f"The opset must be from 7 to {NEWEST_OPSET}. Received: {versions}")
    if len(proto.graph.node) > MOST_NODES:
        raise ValueError(f"A graph must have at most {MOST_NODES} nodes. Received: {len(proto.graph.node)}")
    unknown = sorted(
        {printable(n.op_type, 60) for n in proto.graph.node if n.domain not in DOMAINS or n.op_type not in known}
    )
    if unknown:
        raise NotImplementedError(f"The graph has operators that fastnn has no layers for. Received: {unknown[:10]}")
    if folder is not None:
        _check_external(proto.graph, folder)
    return int(max(versions))
