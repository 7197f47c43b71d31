"""What is running: versions, instruction set, threads, compiler."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

import numpy as np

from fastnn import _kernels
from fastnn._version import __version__


def facts() -> dict[str, str]:
    """Facts about this installation, by name, in the order in which they are printed."""
    return {
        "fastnn": __version__,
        "ISA": f"{_kernels.isa()} (available: {', '.join(_kernels.available_isas())})",
        "threads": str(_kernels.get_num_threads()),
        "compiler": _kernels.compiler(),
        "NumPy": np.__version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
    }


def _print(text: str) -> None:
    sys.stdout.write(text)


def show_versions(write: Callable[[str], object] = _print) -> None:
    """Prints what a bug report needs: versions, instruction set, threads, compiler.

    Args:
        write: Called with each line. Standard output by default.

    >>> show_versions(lambda line: None)
    """
    values = facts()
    width = max(map(len, values))
    for name, value in values.items():
        write(f"{name:<{width}}  {value}\n")
