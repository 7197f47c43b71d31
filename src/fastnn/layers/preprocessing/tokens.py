"""What lookups and hashes take for categories: strings and integers, in any container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from fastnn.layers.preprocessing.encoding import as_array, as_whole


def as_strings(x: Any, name: str, encoding: str = "utf-8") -> tuple[list[str], tuple[int, ...]]:
    """Returns the strings in `x`, end to end, and its shape; bytes are decoded.

    Raises:
        TypeError: Something in it is no string.
    """
    array = as_array(x, name)
    strings = array.ravel().tolist()
    if array.dtype.kind == "S":
        strings = [string.decode(encoding) for string in strings]
    elif array.dtype.kind == "O":
        strings = [string.decode(encoding) if isinstance(string, bytes) else string for string in strings]
        for string in strings:
            if not isinstance(string, str):
                raise TypeError(f"Argument `{name}` must hold strings. Received: {string!r} among them")
    elif array.dtype.kind not in "UT" and array.size:
        raise TypeError(f"Argument `{name}` must hold strings. Received: an array of dtype {array.dtype}")
    return strings, array.shape


def as_tokens(x: Any, name: str) -> tuple[list[Any], tuple[int, ...]]:
    """Returns the strings or integers in `x`, end to end, and its shape."""
    array = as_array(x, name)
    if array.dtype.kind == "b":
        return ["true" if flag else "false" for flag in array.ravel().tolist()], array.shape
    if array.dtype.kind in "uif":
        return as_whole(array, name).ravel().tolist(), array.shape
    return as_strings(array, name)


def batches_of(data: Any, steps: int | None) -> Iterator[Any]:
    """Yields the batches that `adapt` is to see: those of an iterable, or an array as the only one.

    Args:
        data: An array, a list or a column of a table: one batch; any other iterable: its elements, at most `steps`.
        steps: How many batches of an iterable to read; `None` for all.
    """
    if isinstance(data, (list, tuple, str, bytes)) or hasattr(data, "__array__") or not isinstance(data, Iterable):
        yield data
    else:
        yield from islice(data, steps)
