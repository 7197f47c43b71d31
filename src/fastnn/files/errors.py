"""The error for files that are not what they should be."""

from __future__ import annotations

import os
from typing import Any


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
