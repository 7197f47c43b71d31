"""Small models and their data, which many tests train."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fastnn.layers import Dense, Input
from fastnn.models import Sequential
from fastnn.optimizers import Adam


def classifier(dtype: str | None = None) -> Sequential:
    model = Sequential([Input((5,)), Dense(7, "tanh"), Dense(3, "softmax")], dtype=dtype)
    model.compile(Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def twins(make: Callable[[], Sequential]) -> tuple[Sequential, Sequential]:
    """Two models with the same weights."""
    first, second = make(), make()
    second.set_weights(first.get_weights())
    return first, second


def blobs(rng: np.random.Generator, samples: int = 100) -> tuple[NDArray, NDArray]:
    y = rng.integers(3, size=samples)
    return rng.normal(size=(samples, 5)) + y[:, None], y


def assert_same_weights(first: Sequential, second: Sequential) -> None:
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
