"""What is running: versions, instruction set, threads, compiler."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

import numpy as np

from fastnn import _kernels
from fastnn._version import __version__

# What the extras bring, by the names under which they are installed.
EXTRAS = (
    "h5py",
    "keras",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pandas",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tensorboard",
    "threadpoolctl",
    "torch",
    "tqdm",
)


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
        **extras(),
    }


def extras() -> dict[str, str]:
    """Versions of the libraries that are installed of those that extras bring; none of them is imported."""
    from importlib import metadata

    found = {}
    for name in EXTRAS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _print(text: str) -> None:
    sys.stdout.write(text)


def show_versions(write: Callable[[str], object] = _print) -> None:
    """Prints what a bug report needs: versions, the extras' too, instruction set, threads, compiler.

    Args:
        write: Called with each line. Standard output by default.

    >>> show_versions(lambda line: None)
    """
    values = facts()
    width = max(map(len, values))
    for name, value in values.items():
        write(f"{name:<{width}}  {value}\n")
