"""Arrays by name, and a document, in one safetensors file.

The arrays lie in the order of their sizes' fit: those whose bytes are a multiple of 64 come first, so that they, and
with them all that are large, begin at multiples of 64 and can be used where they lie. docs/file_format.md says more.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn.files.errors import FileError
from fastnn.files.writing import replacing
from fastnn.variables import ALIGNMENT, aligned_empty

VERSION = 1  # of the document and of what the arrays are called
DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
MOST_HEADER = 1 << 26  # bytes
MAPPED_FROM = 1 << 26  # bytes of a file from which on its arrays are used where they lie
MAPPED_ARRAY = 1 << 16  # bytes of an array for which that is worth a mapping


def library() -> Any:
    """The safetensors library.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import safetensors
    except ImportError as error:
        raise ImportError(
            "Model files need safetensors. Install the extra: python -m pip install 'fastnn-cpu[files]'"
        ) from error
    return safetensors


def write(path: Any, arrays: Mapping[str, np.ndarray], document: Mapping[str, Any]) -> None:
    """Writes arrays and a document to a file, whole or not at all.

    Args:
        path: The file.
        arrays: Arrays of float64, float32, int64, int32, uint8 or bool, by name.
        document: What JSON can say.

    Raises:
        TypeError: The document holds what JSON cannot say.
        OSError: The file cannot be written; it stays what it was.
    """
    library()  # nothing is written that could not be read again
    laid = {name: _as_laid(array) for name, array in arrays.items()}
    order = sorted(laid, key=lambda name: (laid[name].nbytes % ALIGNMENT != 0, -laid[name].nbytes, name))
    checksums = {name: zlib.crc32(_bytes_of(laid[name])) for name in order}
    whole = {**document, "format_version": VERSION, "checksums": checksums}
    header: dict[str, Any] = {"__metadata__": {"format": "fastnn", "fastnn": json.dumps(whole, default=plain)}}
    at = 0
    for name in order:
        array = laid[name]
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with replacing(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in order:
            file.write(_bytes_of(laid[name]))


def plain(thing: Any) -> Any:
    """What JSON says in place of NumPy's scalars and arrays.

    Raises:
        TypeError: The thing is something else.
    """
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, np.ndarray):
        return thing.tolist()
    raise TypeError(
        "A configuration must hold strings, numbers, lists and dictionaries, to be saved. "
        f"Received: {type(thing).__name__}, {thing!r}"
    )


def _as_laid(array: Any) -> np.ndarray:
    array = np.asarray(array)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype not in NAMES:
        raise TypeError(f"An array to be saved must be of {', '.join(map(str, NAMES))}. Received: {array.dtype}")
    return array if array.flags.c_contiguous else array.copy("C")


def _bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8).data) if array.size else memoryview(b"")


class TensorFile:
    """A file that `write` wrote, checked and mapped into memory.

    Args:
        path: The file.

    Attributes:
        document: What was written beside the arrays.
        names: Names of the arrays.
        size: Bytes of the file.

    Raises:
        FileError: It is no such file, or damaged.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Any) -> None:
        self.path = os.fspath(path)
        header = self._checked_header()
        metadata = header.pop("__metadata__", {})
        self.document = self._document(metadata.get("fastnn") if isinstance(metadata, dict) else None)
        self._entries: dict[str, tuple[np.dtype, tuple[int, ...], int]] = {}
        for name, entry in header.items():
            if entry["dtype"] not in DTYPES:
                raise FileError(path, f"the array {name!r} has the unknown dtype {entry['dtype']!r}")
            dtype = DTYPES[entry["dtype"]]
            self._entries[name] = dtype, tuple(entry["shape"]), self._start + entry["data_offsets"][0]

    def _checked_header(self) -> dict[str, Any]:
        # The library looks at the header as a whole: lengths, offsets, overlaps, holes, shapes.
        safetensors = library()
        self.size = os.stat(self.path).st_size
        with open(self.path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if self.size < 8 or length > self.size - 8:
                raise FileError(self.path, f"it is cut short, or no safetensors file: it has {self.size} bytes")
            if length > MOST_HEADER:
                raise FileError(self.path, f"its header says that it is {length} bytes long")
            try:
                with safetensors.safe_open(self.path, framework="np"):
                    pass
                header = json.loads(file.read(length))
            except Exception as error:
                raise FileError(self.path, f"it is damaged, or no safetensors file: {_first_line(error)}") from error
            self._start = 8 + length
            self._map = mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_COPY)
        return dict(header)

    def _document(self, text: Any) -> dict[str, Any]:
        if not isinstance(text, str):
            raise FileError(self.path, "it holds arrays, but was not written by fastnn: is it a state dict?")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FileError(self.path, f"its description is damaged: {_first_line(error)}") from error
        version = document.get("format_version") if isinstance(document, dict) else None
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise FileError(self.path, "its description names no version of the format")
        if version > VERSION:
            raise FileError(
                self.path, f"it is of version {version} of the format, and this fastnn knows {VERSION}: update fastnn"
            )
        if not isinstance(document.get("checksums"), dict):
            raise FileError(self.path, "its description has no checksums")
        return dict(document)

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, `KeyError` if there is none of that name."""
        return self._entries[name][1]

    def dtype(self, name: str) -> np.dtype:
        """The dtype of an array."""
        return self._entries[name][0]

    def array(self, name: str, copied: bool = False) -> np.ndarray:
        """An array: writable, 64-byte aligned, in native byte order. What is written to it never reaches the file.

        A large array of a large file is the mapped file itself: its pages are read when they are first used, shared
        with all who mapped them, and copied one by one when they are written to. All others are copies, held against
        their checksums.

        Args:
            name: Its name.
            copied: Whether to copy and check it in any case.

        Raises:
            FileError: There is none of that name, or it is damaged.
        """
        if name not in self._entries:
            raise FileError(self.path, f"it has no array {name!r}")
        dtype, shape, start = self._entries[name]
        mapped = np.frombuffer(self._map, dtype, math.prod(shape), start).reshape(shape)
        large = self.size >= MAPPED_FROM and mapped.nbytes >= MAPPED_ARRAY and os.name != "nt"
        if large and not copied and mapped.ctypes.data % ALIGNMENT == 0 and dtype.isnative:
            return mapped
        if zlib.crc32(_bytes_of(mapped)) != self.document["checksums"].get(name):
            raise FileError(self.path, f"the array {name!r} is damaged: its checksum is another one")
        array = aligned_empty(shape, dtype.newbyteorder("="))
        array[...] = mapped
        return array


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
