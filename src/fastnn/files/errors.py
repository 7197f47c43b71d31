"""The error for files that are not what they should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST_TEXT = 1000  # characters of a problem


class FileError(ValueError):
    """A file cannot be what it was opened as: cut short, damaged, hostile, or of a version yet to come.

    Whatever was to be loaded into stays as it was.

    Args:
        path: The file.
        problem: What is wrong with it.

    >>> raise FileError("m.safetensors", "it is cut short")
    Traceback (most recent call last):
        ...
    fastnn.files.errors.FileError: The file 'm.safetensors' cannot be loaded: it is cut short
    """

    def __init__(self, path: Any, problem: str) -> None:
        super().__init__(path, problem)
        self.path = os.fspath(path)
        self.problem = problem

    def __str__(self) -> str:
        return f"The file {self.path!r} cannot be loaded: {self.problem}"


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
        raise FileError(path, shortened(text.strip()) or type(error).__name__) from error


@contextmanager
def naming(path: Any) -> Iterator[None]:
    """Errors within it about what a file holds say which file that is; `None` is none."""
    try:
        yield
    except FileError:
        raise
    except ValueError as error:
        if path is None:
            raise
        raise FileError(path, str(error)) from error
    except NotImplementedError as error:
        if path is None:
            raise
        raise NotImplementedError(f"The file {os.fspath(path)!r} cannot be loaded: {error}") from error


def shortened(text: str) -> str:
    """A text without its middle, where it is long: what was received stands at its end."""
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 300]} ... {text[-300:]}"


def printable(text: Any, most: int = 200) -> str:
    """A text out of a file for a line of a terminal: without what would steer one, and not endless.

    >>> printable("a\\n\\x1b[31mb")
    'a??[31mb'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:most])
