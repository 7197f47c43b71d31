"""Feed-forward neural networks on CPUs, fast, behind the API that Keras users know.

Submodules are loaded when they are first used, so that `import fastnn` costs little more than `import numpy`.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from fastnn._kernels import get_num_threads, set_num_threads
from fastnn._version import __version__

if TYPE_CHECKING:
    from fastnn import (
        activations,
        callbacks,
        constraints,
        exchange,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        regularizers,
        saving,
        utils,
    )
    from fastnn import backend as backend
    from fastnn import config as config
    from fastnn import plotting as plotting
    from fastnn import random as random
    from fastnn import sklearn as sklearn
    from fastnn import tabular as tabular
    from fastnn import warnings as warnings
    from fastnn import wrappers as wrappers
    from fastnn._info import show_versions
    from fastnn.initializers import Initializer
    from fastnn.layers import Input, Layer
    from fastnn.losses import Loss
    from fastnn.metrics import Metric
    from fastnn.models import Model, Sequential
    from fastnn.optimizers import Optimizer
    from fastnn.regularizers import Regularizer
    from fastnn.variables import Variable

__all__ = [
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "callbacks",
    "constraints",
    "exchange",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_versions",
    "utils",
]

# submodules that need an extra, or would hide a module of Python's: no part of `from fastnn import *`
_FACES = ("plotting", "sklearn", "tabular", "warnings", "wrappers")
_ASIDE = ("backend", "config", "random")  # nor are these: their names are other things in many a script
# name -> the submodule that defines it
_BORROWED = {
    "Initializer": "initializers",
    "Input": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variables",
    "show_versions": "_info",
}


if not TYPE_CHECKING:  # which would believe that there is every name

    def __getattr__(name: str) -> Any:
        if name in _BORROWED:
            value = getattr(importlib.import_module(f"fastnn.{_BORROWED[name]}"), name)
        elif name in __all__ or name in _FACES or name in _ASIDE:
            value = importlib.import_module(f"fastnn.{name}")
        else:
            return importlib.import_module("fastnn._refused").refuser("fastnn")(name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


class _Threadpoolctl:
    """On `sys.meta_path`: has fastnn registered with threadpoolctl when that is imported; imports nothing itself."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "threadpoolctl":
            return None
        sys.meta_path.remove(cls)  # the others are asked from there
        try:
            return importlib.import_module("fastnn._threadpoolctl").find_spec()
        finally:
            sys.meta_path.insert(0, cls)


class _Refused:
    """On `sys.meta_path`, last: has modules of Keras's that are refused say what to use instead."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name.startswith("fastnn."):
            importlib.import_module("fastnn._refused").refuse_module(name)


sys.meta_path.insert(0, _Threadpoolctl)
sys.meta_path.append(_Refused)
if "threadpoolctl" in sys.modules:
    importlib.import_module("fastnn._threadpoolctl").register(sys.modules["threadpoolctl"])
