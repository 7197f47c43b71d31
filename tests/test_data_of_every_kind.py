"""The same numbers in every form, dtype and shape, and what a model makes of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastnn
from fastnn.layers import BatchNormalization, Dense, Dropout, Flatten, Input, Layer
from fastnn.models import Sequential
from fastnn.optimizers import SGD, Adam
from fastnn.random import set_random_seed
from small_models import assert_same_weights, blobs, classifier, twins

pytestmark = pytest.mark.usefixtures("repeatable")


@pytest.fixture
def _threads() -> Iterator[None]:
    before = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(before)


def _of_every_kind(whole: NDArray, folder: Path) -> Iterator[tuple[str, NDArray]]:
    """The same numbers, small integers, in every form that NumPy has."""
    for dtype in ("f4", "f8", "f2", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">f4", ">f8", ">i2", "longdouble"):
        yield dtype, whole.astype(dtype)
    yield "Fortran order", np.asfortranarray(whole)
    yield "Fortran order in float32", np.asfortranarray(whole, np.float32)
    strided = np.zeros((2 * len(whole), 3 * whole.shape[1]), np.float32)
    strided[::2, ::3] = whole
    yield "strided", strided[::2, ::3]
    yield "backwards", np.ascontiguousarray(whole[::-1, ::-1])[::-1, ::-1]
    unaligned = np.zeros(whole.size * 4 + 1, np.uint8)[1:].view(np.float32).reshape(whole.shape)
    unaligned[...] = whole
    yield "unaligned", unaligned
    read_only = whole.astype(np.float32)
    read_only.flags.writeable = False
    yield "read-only", read_only
    mapped = np.memmap(folder / "mapped", np.float32, "w+", shape=whole.shape)
    mapped[...] = whole
    mapped.flush()
    yield "memory-mapped", np.memmap(folder / "mapped", np.float32, "r", shape=whole.shape)
    yield "list", whole.tolist()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_numbers_give_the_same_bits(
    shuffle: bool, dtype: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    whole = rng.integers(0, 5, size=(50, 5)).astype(np.float64)
    labels = rng.integers(3, size=50)
    start = classifier(dtype).get_weights()

    def run(x: Any, y: Any) -> tuple[list[NDArray], NDArray, Any]:
        model = classifier(dtype)
        model.set_weights(start)
        set_random_seed(9)
        model.fit(x, y, epochs=2, batch_size=16, shuffle=shuffle, verbose=0)
        return model.get_weights(), model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)

    weights, predicted, evaluated = run(whole, labels)
    for kind, x in _of_every_kind(whole, tmp_path):
        before = copy.deepcopy(x)
        other_weights, other_predicted, other_evaluated = run(x, labels)
        for one, other in zip(weights, other_weights, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=kind)
        np.testing.assert_array_equal(predicted, other_predicted, err_msg=kind)
        assert evaluated == other_evaluated, kind
        np.testing.assert_array_equal(before, x, err_msg=kind)
    for kind, y in _of_every_kind(labels[:, None].astype(np.float64), tmp_path):
        for one, other in zip(weights, run(whole, y)[0], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=kind)


def test_booleans(rng: np.random.Generator) -> None:
    x = rng.integers(0, 2, size=(50, 5))
    y = x[:, :1] ^ x[:, 1:2]

    def make() -> Sequential:
        model = Sequential([Input((5,)), Dense(8, "tanh"), Dense(1, "sigmoid")])
        model.compile(Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
        return model

    first, second = twins(make)
    history = first.fit(x, y, shuffle=False, epochs=2, verbose=0).history
    assert history == second.fit(x.astype(bool), y.astype(bool), shuffle=False, epochs=2, verbose=0).history
    assert_same_weights(first, second)


@pytest.mark.usefixtures("_threads")
def test_the_same_bits_for_one_and_two_threads(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(600, 40)), rng.integers(10, size=600)

    def make() -> Sequential:
        model = Sequential(
            [
                Input((40,)), Dense(130, "relu"), BatchNormalization(), Dropout(0.3, seed=1), Dense(70, "gelu"),
                Dense(10, "softmax"),
            ]
        )  # fmt: skip
        model.compile(Adam(0.01, global_clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    start = make().get_weights()
    results = []
    for threads in (1, 2):
        fastnn.set_num_threads(threads)
        assert fastnn.get_num_threads() == threads
        model = make()
        model.set_weights(start)
        history = model.fit(x, y, batch_size=250, epochs=2, shuffle=False, verbose=0).history
        results.append((model.get_weights(), model.predict(x, verbose=0), history, model.evaluate(x, y, verbose=0)))
    for one, other in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][2:] == results[1][2:]


def test_float64(rng: np.random.Generator) -> None:
    x, _ = blobs(rng)
    for model in (
        classifier("float64"),
        Sequential([Dense(7, "tanh", dtype="float64", input_dim=5), Dense(3, "softmax")]),
        Sequential([Input((5,), dtype="float64"), Dense(7, "tanh"), Dense(3, "softmax")]),
    ):
        assert model.dtype == np.float64
        assert {variable.dtype for variable in model.weights} == {np.dtype("float64")}
        predicted = model.predict(x, verbose=0)
        assert predicted.dtype == np.float64
        w = [weights.astype(np.longdouble) for weights in model.get_weights()]
        z = np.tanh(x @ w[0] + w[1]) @ w[2] + w[3]
        expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(predicted, expected.astype(float), rtol=1e-13)


def test_dense_on_inputs_of_rank_three(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(20, 4, 5)), rng.normal(size=(20, 4, 2))

    def make(shape: tuple[int, ...]) -> Sequential:
        model = Sequential([Input(shape), Dense(7, "tanh"), Dense(2)], dtype="float64")
        model.compile(SGD(0.1), "mse", metrics=["mae"])
        return model

    deep, flat = make((4, 5)), make((5,))
    flat.set_weights(deep.get_weights())
    assert deep.output_shape == (None, 4, 2)
    assert deep.count_params() == flat.count_params()
    rows, targets = x.reshape(80, 5), y.reshape(80, 2)
    np.testing.assert_array_equal(deep.predict(x, verbose=0), flat.predict(rows, verbose=0).reshape(20, 4, 2))
    np.testing.assert_allclose(deep.evaluate(x, y, verbose=0), flat.evaluate(rows, targets, verbose=0), rtol=1e-12)
    deep.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0)
    flat.fit(rows, targets, batch_size=20, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(deep.get_weights(), flat.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, 1e-12, 1e-14)
    weight = rng.uniform(size=(20, 4))
    assert deep.evaluate(x, y, sample_weight=weight, verbose=0)[0] == pytest.approx(
        flat.evaluate(rows, targets, sample_weight=weight.ravel(), verbose=0)[0], rel=1e-12
    )


def test_flatten(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(20, 4, 5)), rng.normal(size=(20, 1))

    def make(flatten: list[Layer]) -> Sequential:
        model = Sequential([*flatten, Dense(6, "tanh"), Flatten(), Dense(1)], dtype="float64")
        model.compile(SGD(0.1), "mse")
        return model

    deep, flat = make([Input((4, 5)), Flatten()]), make([Input((20,))])
    flat.set_weights(deep.get_weights())
    for model, data in ((deep, x), (flat, x.reshape(20, 20))):
        model.fit(data, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    assert_same_weights(deep, flat)
    inner = Sequential([Input((4, 5)), Dense(3), Flatten(), Dense(2)])
    assert inner.output_shape == (None, 2)
    assert inner.layers[1].output_shape == (None, 12)
    w = inner.get_weights()
    expected = (x @ w[0] + w[1]).reshape(20, 12) @ w[2] + w[3]
    np.testing.assert_allclose(inner.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_vectors_as_inputs_and_targets(rng: np.random.Generator) -> None:
    """One number a sample, with or without an axis for it."""
    x = rng.normal(size=40)
    first, second = twins(lambda: Sequential([Input((1,)), Dense(4, "tanh"), Dense(1)]))
    for model in (first, second):
        model.compile(SGD(0.1), "mse")
    first.fit(x, 2 * x, shuffle=False, verbose=0)
    second.fit(x[:, None], 2 * x[:, None], shuffle=False, verbose=0)
    assert_same_weights(first, second)
    np.testing.assert_array_equal(first.predict(x, verbose=0), second.predict(x[:, None], verbose=0))


@pytest.mark.parametrize("samples", [1, 2, 31, 32, 33, 65])
@pytest.mark.parametrize("batch_size", [1, 32, 100])
def test_any_number_of_samples(samples: int, batch_size: int, rng: np.random.Generator) -> None:
    x, y = blobs(rng, samples)
    model = classifier()
    history = model.fit(x, y, batch_size=batch_size, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.optimizer.iterations == -(-samples // batch_size)
    assert model.predict(x, batch_size=batch_size, verbose=0).shape == (samples, 3)
    assert np.isfinite(model.evaluate(x, y, batch_size=batch_size, verbose=0)).all()


def test_dropout_and_batch_normalization_know_training_from_inference(rng: np.random.Generator) -> None:
    x, _ = blobs(rng)
    model = Sequential([Input((5,)), Dropout(0.5, seed=1)])
    np.testing.assert_array_equal(model(x), x.astype(np.float32))
    dropped = model(x, training=True)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 2 * x.astype(np.float32)[kept], rtol=1e-6)
    assert 0.35 < kept.mean() < 0.65
    model = Sequential([Input((5,)), BatchNormalization(momentum=0.5, epsilon=1e-6)], dtype="float64")
    np.testing.assert_allclose(model(x), x / np.sqrt(1 + 1e-6), rtol=1e-12)
    normalized = model(x, training=True)
    np.testing.assert_allclose(normalized.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(normalized.std(axis=0), 1, rtol=1e-5)
