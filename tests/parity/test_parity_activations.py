"""Activations: values, and gradients through a training step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beside import DTYPES, close, fastnn, floatx, keras, names_of, together, without_lookups
from steps import Case, check, keras_steps

# Settings beyond the defaults.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "celu": [{"alpha": 0.5}],
    "elu": [{"alpha": 0.5}],
    "gelu": [{"approximate": True}],
    "glu": [{"axis": 0}],
    "hard_shrink": [{"threshold": 0.2}],
    "leaky_relu": [{"negative_slope": 0.5}],
    "log_softmax": [{"axis": 0}],
    "relu": [{"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.3}, {"max_value": 1.0}],
    "soft_shrink": [{"threshold": 0.2}],
    "softmax": [{"axis": 0}],
    "squareplus": [{"b": 1.0}],
    "threshold": [{"threshold": 0.5, "default_value": -0.25}],
}
NO_STEP = {"glu"}
NAMES = sorted(without_lookups(names_of("activations", "same")))
CASES = {
    name + "".join(f"-{argument}={value}" for argument, value in settings.items()): (name, settings)
    for name in NAMES
    for settings in ([{}] if name != "threshold" else []) + SETTINGS.get(name, [])
}


def function(library: Any, case: str) -> Callable:
    name, settings = CASES[case]
    found = getattr(library.activations, name)
    return functools.partial(found, **settings) if settings else found


@functools.cache
def inputs() -> np.ndarray:
    x = np.random.default_rng(0).normal(scale=3.0, size=(30, 14))
    x[0, :] = [-1e3, 1e3, -88.0, 88.0, 0.0, -0.0, 1e-30, -30.0, 30.0, -3.0, 3.0, 6.0, -1.0, 1.0]
    return x


@pytest.fixture(scope="module")
def values() -> dict[str, dict[str, np.ndarray]]:
    # Eagerly, a number at a time, Keras would do the same: activations know no batches.
    return {
        dtype: together({case: function(keras, case) for case in CASES}, inputs().astype(dtype)) for dtype in DTYPES
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_values(case: str, dtype: str, values: dict[str, dict[str, np.ndarray]]) -> None:
    x = inputs().astype(dtype)
    received, expected = function(fastnn, case)(x), values[dtype][case]
    assert received.dtype == x.dtype
    small = np.abs(expected) < 100.0
    close(received[small], expected[small], dtype)
    close(received[~small], expected[~small], dtype)


# What a layer can have as its activation: all but those that work along another axis or change the width.
TRAINED = [case for case, (name, settings) in CASES.items() if "axis" not in settings and name not in NO_STEP]
STEPS = {
    case: Case(lambda k, case=case: [k.layers.Dense(4, activation=function(k, case)), k.layers.Dense(2)])
    for case in TRAINED
}


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    return keras_steps(STEPS, "float64")


@pytest.mark.parametrize("case", STEPS)
def test_gradients(case: str, steps: dict[str, Any]) -> None:
    check(STEPS[case], steps[case], "float64")


def test_sparsemax_is_a_distribution_which_it_is_not_in_keras() -> None:
    x = np.random.default_rng(0).normal(size=(5, 6))
    close(fastnn.activations.sparsemax(x).sum(axis=-1), np.ones(5), "float64")
    assert abs(np.asarray(keras.activations.sparsemax(x)).sum(axis=-1) - 1).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_identifiers(name: str) -> None:
    for library in (keras, fastnn):
        found = getattr(library.activations, name)
        assert library.activations.get(name) is found
        assert library.activations.serialize(found) == keras.activations.serialize(getattr(keras.activations, name))
    assert fastnn.activations.get(None) is fastnn.activations.linear


def test_lists_of_numbers_and_whole_numbers_become_floats_as_in_keras() -> None:
    with floatx("float32"):
        for x in ([1.0, -2.0], np.array([1, -2]), np.array([True, False])):
            assert (
                fastnn.activations.relu(x).dtype
                == np.asarray(keras.activations.sigmoid(np.asarray(x, "float32"))).dtype
            )
