"""Keras on its JAX backend, and what it takes to hold fastnn against it quickly.

JAX compiles every operation that it meets, for each shape anew: a hundred small checks cost a minute so. `together`
puts them into one function, which is compiled once.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import keras_names

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
REASON = "needs Keras 3 and JAX: python -m pip install '.[parity]'"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    jax = pytest.importorskip("jax", reason=REASON)
    keras = pytest.importorskip("keras", reason=REASON)

# Small graphs, each run once or a few times: the compiler's optimizations cost more than they save. It ends the process
# where it does not know a flag, so others than the releases known to have these do without.
if jax.__version_info__[:2] == (0, 10):
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    os.environ.setdefault("XLA_FLAGS", f"{flags} --xla_cpu_use_fusion_emitters=false")

# Keras on JAX rounds some float64 results to float32, as if JAX had no float64; here it has.
jax.config.update("jax_enable_x64", True)
from keras.src.backend.common import dtypes  # noqa: E402

dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"

import fastnn  # noqa: E402

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 2e-5, "float64": 1e-9}


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Keras computes in `dtype`."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(before)


def together(functions: Mapping[str, Callable], *arguments: Any) -> dict[str, Any]:
    """Returns what each of the functions returns for the arguments, as NumPy arrays; they are compiled as one."""
    compiled = jax.jit(lambda *args: {name: function(*args) for name, function in functions.items()})
    return jax.tree.map(np.asarray, compiled(*arguments))


def close(received: Any, expected: Any, dtype: str, factor: float = 1.0) -> None:
    """Asserts that arrays agree to rounding, measured by the largest element that is expected."""
    received, expected = np.asarray(received), np.asarray(expected)
    assert received.shape == expected.shape
    finite = np.abs(expected[np.isfinite(expected)])
    tolerance = factor * TOLERANCE[dtype]
    scale = float(finite.max()) if finite.size else 0.0
    np.testing.assert_allclose(received, expected, rtol=tolerance, atol=tolerance * max(scale, 1e-3))


def table_of(module: str) -> keras_names.Names:
    """The table of a module's names."""
    return next(names for names in keras_names.MODULES if names.module == module)


def names_of(module: str, *tables: str) -> list[str]:
    """The names of a module in those tables, without those that are not written yet."""
    late = () if os.environ.get("FASTNN_PARITY_COMING") else table_of(module).coming.split()
    return [name for name, table, _ in table_of(module).tables() if table in tables and name not in late]


def untried(kind: Any, tried: Iterable[Mapping[str, Any]], *aside: str) -> set[str]:
    """The arguments of a class of Keras's that no case gives, but for its name and those set aside."""
    arguments = inspect.signature(kind).parameters.values()
    named = {each.name for each in arguments if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}
    return named - {name for given in tried for name in given} - {"name", "dtype", *aside}


def without_lookups(names: Iterable[str]) -> set[str]:
    """The names without those that turn names into objects, which `test_parity_names` looks at for all modules."""
    return set(names) - {"get", "serialize", "deserialize"}


__all__ = [
    "DTYPES",
    "close",
    "fastnn",
    "floatx",
    "jax",
    "keras",
    "names_of",
    "table_of",
    "together",
    "untried",
    "without_lookups",
]
