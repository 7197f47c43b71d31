"""Embeddings: which ids are accepted, where they come from, and which rows a step computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import layers, optimizers
from fastnn.models import Sequential

ROWS, WIDTH, POSITIONS = 50, 3, 4


def model(optimizer: Any, rows: int = ROWS, **given: Any) -> Sequential:
    rng = np.random.default_rng(0)
    table = layers.Embedding(rows, WIDTH, weights=rng.normal(size=(rows, WIDTH)), name="words", **given)
    made = Sequential([layers.Input((POSITIONS,)), table, layers.Flatten(), layers.Dense(2)], dtype="float64")
    made.layers[-1].set_weights([rng.normal(size=(WIDTH * POSITIONS, 2)), np.zeros(2)])
    made.compile(optimizer, "mse")
    return made


def data(rows: int = ROWS) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(1)
    return rng.integers(rows, size=(20, POSITIONS)), rng.normal(size=(20, 2))


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float32", "float64"]
)
def test_ids_of_any_dtype(dtype: str) -> None:
    x, _ = data()
    made = model("sgd")
    expected = made.predict(x, verbose=0)
    np.testing.assert_array_equal(made.predict(x.astype(dtype), verbose=0), expected)
    np.testing.assert_array_equal(made.predict(np.asfortranarray(x.astype(dtype)), verbose=0), expected)


@pytest.mark.parametrize("bad", [ROWS, -1, 10**9])
def test_an_id_without_a_row_is_refused_at_the_door(bad: float) -> None:
    made = model("sgd")
    x, y = data()
    wrong = x.astype("float64")
    wrong[13, 2] = bad
    before = made.get_weights()
    message = rf"Layer 'words' takes ids in \[0, {ROWS}\).*Received: id .* in sample 13"
    for call in (
        lambda: made.fit(wrong, y, batch_size=4, verbose=0),
        lambda: made.evaluate(wrong, y, verbose=0),
        lambda: made.predict(wrong, verbose=0),
        lambda: made.train_on_batch(wrong, y),
        lambda: made(wrong),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for one, other in zip(made.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    made.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match=r"Received: id -3 in sample 1"):
        made.layers[0](np.array([[0, 1, 2, 3], [0, -3, 2, 3]]))


def test_fractions_are_cut_off() -> None:
    layer = layers.Embedding(4, 2)
    np.testing.assert_array_equal(layer(np.array([[0.9, 3.99, -0.5]])), layer(np.array([[0, 3, 0]])))


def test_ids_that_a_layer_computed_have_rows_or_are_nan() -> None:
    made = Sequential([layers.Input((2,)), layers.Activation("relu"), layers.Embedding(3, 2)])
    y = made.predict(np.array([[-5.0, 2.0], [1.0, 3.0]]), verbose=0)
    assert np.isnan(y).any(axis=-1).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize("rows", [ROWS, 3000])
@pytest.mark.parametrize("given", [{}, {"clipvalue": 0.01}])
def test_rows_that_no_id_names_are_left_alone_to_the_bit(rows: int, given: dict[str, Any]) -> None:
    """Against the same step with the whole table's gradient, which clipping by a norm that is never reached needs."""
    x, y = data(rows)
    sparse, dense = model(optimizers.SGD(0.5, **given), rows), model(optimizers.SGD(0.5, global_clipnorm=1e9), rows)
    if given:
        dense = model(optimizers.SGD(0.5, momentum=1e-300, **given), rows)
    start = sparse.layers[0].embeddings.numpy()
    for made in (sparse, dense):
        made.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    table = sparse.layers[0].embeddings.numpy()
    np.testing.assert_array_equal(table, dense.layers[0].embeddings.numpy())
    named = np.isin(np.arange(rows), x)
    assert given or (table[named] != start[named]).any(axis=1).all()  # clipped steps may add up to nothing
    np.testing.assert_array_equal(table[~named], start[~named])


@pytest.mark.parametrize(
    "optimizer", [optimizers.SGD(0.1, momentum=0.9), optimizers.Adam(0.1), optimizers.SGD(0.1, weight_decay=0.1)]
)
def test_moments_and_decay_go_on_without_a_gradient(optimizer: Any) -> None:
    made = model(optimizer)
    x, y = np.zeros((8, POSITIONS), int), np.ones((8, 2))
    made.fit(x, y, verbose=0)
    before = made.layers[0].embeddings.numpy()
    made.fit(x + 1, y, verbose=0)
    after = made.layers[0].embeddings.numpy()
    assert (after[0] != before[0]).any()
    assert (after[2:] != before[2:]).any() == (optimizer.weight_decay is not None)


def test_regularizer_and_constraint() -> None:
    x, y = data()
    made = model(optimizers.SGD(0.1), embeddings_regularizer="l2", embeddings_constraint="unit_norm")
    assert made.train_on_batch(x, y) > model("sgd").train_on_batch(x, y)
    np.testing.assert_allclose((made.layers[0].embeddings.value ** 2).sum(0), 1, rtol=1e-6)


def test_the_table_before_it_is_built() -> None:
    layer = layers.Embedding(3, 2)
    with pytest.raises(AttributeError, match="must be built before"):
        _ = layer.embeddings
    with pytest.raises(NotImplementedError, match="mask_zero"):
        layers.Embedding(3, 2, mask_zero=True)


def test_the_largest_of_equals_share_the_gradient() -> None:
    """As in Keras on JAX: in equal parts."""
    made = Sequential([layers.Input((2,)), layers.Embedding(3, 1), layers.GlobalMaxPooling1D()], dtype="float64")
    made.layers[0].set_weights([[[1.0], [1.0], [0.0]]])
    made.compile(optimizers.SGD(1.0), "mse")
    made.train_on_batch(np.array([[0, 1]]), np.array([[0.5]]))
    np.testing.assert_allclose(made.layers[0].embeddings.value.ravel(), [0.5, 0.5, 0.0])
