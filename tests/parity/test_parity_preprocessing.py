"""Layers that prepare numbers: what they learn from data and what they compute, inside a model and called on arrays.

Lookups and hashes need TensorFlow in Keras; what it gave is kept in `tests/test_lookup.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beside import DTYPES, close, fastnn, floatx, keras

RNG = np.random.default_rng(0)
DATA = RNG.normal(loc=[3.0, -200.0, 0.0], scale=[1.0, 20.0, 1e-3], size=(40, 4, 3))
NUMBERS = RNG.integers(0, 5, size=(6, 3))


def computed(library: Any, layer: Any, x: np.ndarray, dtype: str) -> Any:
    """What a model of this layer alone predicts."""
    model = library.Sequential([library.layers.Input(x.shape[1:], dtype=dtype), layer])
    return np.asarray(model(x.astype(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2), (2,)])
def test_normalization(axis: Any, invert: bool, dtype: str) -> None:
    with floatx(dtype):
        theirs = keras.layers.Normalization(axis=axis, invert=invert, dtype=dtype)
        ours = fastnn.layers.Normalization(axis=axis, invert=invert, dtype=dtype)
        theirs.adapt(DATA.astype(dtype))
        ours.adapt(DATA.astype(dtype))
        assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
        for mine, other in zip(ours.weights, theirs.weights, strict=True):
            close(mine.numpy(), other, dtype, 10)
        ours.set_weights([np.asarray(weight) for weight in theirs.weights])
        close(computed(fastnn, ours, DATA[:8], dtype), computed(keras, theirs, DATA[:8], dtype), dtype, 20)


@pytest.mark.parametrize(
    "mean, variance, axis", [(1.5, 4.0, -1), ([1.0, -2.0, 3.0], [1.0, 4.0, 0.0], -1), (2.0, 9.0, None)]
)
def test_normalization_given(mean: Any, variance: Any, axis: Any) -> None:
    settings = {"mean": mean, "variance": variance, "axis": axis}
    theirs, ours = keras.layers.Normalization(**settings), fastnn.layers.Normalization(**settings)
    x = DATA[:5].round(1)
    close(computed(fastnn, ours, x, "float32"), computed(keras, theirs, x, "float32"), "float32")
    assert len(ours.weights) == len(theirs.weights) == 0


@pytest.mark.parametrize(
    "scale, offset", [(1 / 127.5, -1), ([1.0, 2.0, 3.0], 0.5), (np.arange(12.0).reshape(4, 3), 1.0)]
)
def test_rescaling(scale: Any, offset: Any) -> None:
    theirs, ours = (library.layers.Rescaling(scale, offset) for library in (keras, fastnn))
    close(computed(fastnn, ours, DATA[:5], "float32"), computed(keras, theirs, DATA[:5], "float32"), "float32")
    close(ours(DATA[:5].astype("float32")), theirs(DATA[:5].astype("float32")), "float32")


@pytest.mark.parametrize("samples", [3, 60, 250, 5000])
@pytest.mark.parametrize("bins", [2, 4, 11])
def test_discretization_learns_the_same_boundaries(samples: int, bins: int) -> None:
    data = RNG.normal(size=(samples, 2)).astype("float32")
    theirs, ours = (library.layers.Discretization(num_bins=bins, epsilon=0.02) for library in (keras, fastnn))
    for layer in (theirs, ours):
        layer.reset_state()
        for part in np.array_split(data, 3):
            layer.update_state(part)
        layer.finalize_state()
    np.testing.assert_array_equal(ours.bin_boundaries, theirs.bin_boundaries)


X = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 2.0], [np.inf, -np.inf, np.nan, -0.0]])


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_discretization(mode: str) -> None:
    settings = {"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": mode}
    theirs, ours = (library.layers.Discretization(**settings) for library in (keras, fastnn))
    wanted = np.asarray(theirs(X.astype("float32")))
    np.testing.assert_array_equal(ours(X.astype("float32")), wanted, strict=True)
    np.testing.assert_array_equal(computed(fastnn, ours, X, "float32"), wanted)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("columns", [slice(None), slice(1)])
def test_category_encoding(mode: str, columns: slice) -> None:
    theirs, ours = (library.layers.CategoryEncoding(5, output_mode=mode) for library in (keras, fastnn))
    numbers = NUMBERS[:, columns]
    wanted = np.asarray(theirs(numbers))
    np.testing.assert_array_equal(ours(numbers), wanted, strict=True)
    np.testing.assert_array_equal(computed(fastnn, ours, numbers, "float32"), wanted)
    np.testing.assert_array_equal(ours(numbers[0]), theirs(numbers[0]), strict=True)
    if mode == "count":
        weights = RNG.random(numbers.shape).astype("float32")
        close(ours(numbers, count_weights=weights), theirs(numbers, count_weights=weights), "float32")
