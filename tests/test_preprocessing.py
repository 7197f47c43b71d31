"""Features scaled, cut into bins and encoded: kernels beside their twins, and layers in a model, alone and adapted."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import reference
from fastnn import Input, Model, Sequential, _kernels, layers
from fastnn.layers import CategoryEncoding, Dense, Discretization, Normalization, Rescaling
from kernel_arrays import REALS, edges

# --- kernels -------------------------------------------------------------------------------------------------------


@REALS
def test_bins(dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype):
        for k in (1, 2, 7, 16 * _kernels.lanes(dtype), 16 * _kernels.lanes(dtype) + 1, 900):
            boundaries = np.sort(rng.integers(-50, 50, k)).astype(dtype)  # some of them equal
            x = rng.integers(-60, 60, (3, n)).astype(dtype)
            if n:
                x[0, 0], x[1, -1], x[2, 0] = np.nan, np.inf, -np.inf
            np.testing.assert_array_equal(_kernels.discretize(x, boundaries), reference.discretize(x, boundaries))


@REALS
@pytest.mark.parametrize("count", [False, True])
def test_encodings(count: bool, dtype: type, rng: np.random.Generator) -> None:
    for depth in (1, 2, 9, 64, 65):
        for n in (0, 1, 5):
            x = rng.integers(-2, depth + 2, (7, n)).astype(dtype)
            if n:
                x[0, 0], x[1, 0], x[2, 0], x[3, 0] = np.nan, np.inf, -np.inf, depth - 0.5
            got = _kernels.encode(x, depth, count)
            np.testing.assert_array_equal(got, reference.encode(x, depth, count).astype(dtype), strict=True)


# --- in a model ----------------------------------------------------------------------------------------------------

NUMBERS = np.array([[0, 2, 2], [1, 1, 4], [3, 0, 1]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "make, x",
    [
        (lambda **k: Normalization(mean=2.0, variance=0.25, **k), NUMBERS),
        (lambda **k: Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 0.0], invert=True, **k), NUMBERS),
        (lambda **k: Rescaling(0.5, offset=[1.0, 2.0, 3.0], **k), NUMBERS),
        (lambda **k: Discretization([0.5, 1.5], **k), NUMBERS),
        (lambda **k: Discretization([0.5, 1.5], output_mode="one_hot", **k), NUMBERS),
        (lambda **k: Discretization([0.5, 1.5], output_mode="one_hot", **k), NUMBERS[:, :1]),
        (lambda **k: Discretization([0.5, 1.5], output_mode="count", **k), NUMBERS),
        (lambda **k: CategoryEncoding(5, output_mode="one_hot", **k), NUMBERS),
        (lambda **k: CategoryEncoding(5, output_mode="one_hot", **k), NUMBERS[:, :1]),
        (lambda **k: CategoryEncoding(5, output_mode="multi_hot", **k), NUMBERS),
        (lambda **k: CategoryEncoding(5, output_mode="count", **k), NUMBERS),
    ],
)
def test_a_model_computes_what_the_layer_does(make: Callable[..., Any], x: np.ndarray, dtype: str) -> None:
    wanted = make(dtype=dtype)(x)
    first = Sequential([Input(x.shape[1:], dtype=dtype), make(dtype=dtype)])
    assert first.output_shape == (None, *wanted.shape[1:])
    np.testing.assert_array_equal(first.predict(x, verbose=0), wanted.astype(dtype), strict=True)
    tensor = Input(x.shape[1:], dtype=dtype)
    np.testing.assert_array_equal(Model(tensor, make(dtype=dtype)(tensor)).predict(x, verbose=0), wanted)
    np.testing.assert_array_equal(first.predict(np.repeat(x, 300, axis=0), verbose=0), np.repeat(wanted, 300, axis=0))


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_nothing_learns_through_bins(mode: str) -> None:
    x, y = np.random.normal(size=(8, 3)), np.random.normal(size=(8, 1))
    model = Sequential(
        [Input((3,)), Dense(3), Discretization([0.0, 1.0], output_mode=mode), layers.Flatten(), Dense(1)]
    )
    model.compile("sgd", "mse")
    before = [weight.copy() for weight in model.get_weights()]
    model.fit(x, y, epochs=2, verbose=0)
    after = model.get_weights()
    for i in (0, 1):  # before the bins
        np.testing.assert_array_equal(after[i], before[i])
    assert not np.array_equal(after[2], before[2])


def test_integers_are_read_as_they_come() -> None:
    x = np.array([[3], [0], [7], [200]], np.uint8)
    model = Sequential([Input((1,)), CategoryEncoding(8, output_mode="one_hot"), Dense(2, kernel_initializer="ones")])
    np.testing.assert_array_equal(model.predict(x, verbose=0)[:, 0], [1, 1, 1, 0])  # 200 leaves no mark


def test_weights_of_an_adapted_layer_are_live() -> None:
    layer = Normalization()
    layer.adapt(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert [weight.name for weight in layer.weights] == ["mean", "variance", "count"]
    model = Sequential([Input((2,)), layer])
    np.testing.assert_allclose(model.predict(np.array([[4.0, 5.0]]), verbose=0), [[2, 0]])
    layer.adapt(np.array([[0.0, 0.0], [4.0, 2.0]]))
    np.testing.assert_allclose(model.predict(np.array([[4.0, 2.0]]), verbose=0), [[1, 1]])


def test_bins_that_are_learned_again_are_live() -> None:
    layer = Discretization(num_bins=3)
    layer.adapt(np.arange(9.0))
    model = Sequential([Input((1,)), layer])
    first = model.predict(np.array([[4.0]]), verbose=0)
    layer.adapt(np.arange(9.0) + 100)
    assert model.predict(np.array([[4.0]]), verbose=0) < first
    with pytest.raises(ValueError, match="part of a model already, with 2 boundaries"):
        layer.adapt(np.arange(2.0))


# --- learning from data --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis, reduced", [(-1, (0, 1)), (None, (0, 1, 2)), (1, (0, 2)), ((1, 2), (0,))])
def test_mean_and_variance_of_axes(axis: Any, reduced: tuple[int, ...], rng: np.random.Generator) -> None:
    data = rng.normal(5, 3, size=(20, 4, 3))
    layer = Normalization(axis=axis, dtype="float64")
    layer.adapt(data)
    np.testing.assert_allclose(layer.mean, data.mean(axis=reduced))
    np.testing.assert_allclose(layer.variance, data.var(axis=reduced))
    wanted = (data - data.mean(axis=reduced, keepdims=True)) / data.std(axis=reduced, keepdims=True)
    np.testing.assert_allclose(layer(data), wanted, rtol=1e-11, atol=1e-12)
    undone = Normalization(axis=axis, dtype="float64", invert=True)
    undone.adapt(data)
    np.testing.assert_allclose(undone(wanted), data)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("kind", [list, iter])
def test_batches_count_as_the_whole(kind: Callable[[Any], Any], pairs: bool, rng: np.random.Generator) -> None:
    data = rng.normal(1e4, 1, size=(30, 2))
    parts = np.split(data, [3, 4, 20])
    layer = Normalization(dtype="float64")
    layer.adapt(iter([(part, None) for part in parts]) if pairs else kind(parts))
    np.testing.assert_allclose(layer.mean, data.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(layer.variance, data.var(axis=0), rtol=1e-9)
    layer.reset_state()
    layer.update_state(data[:5])
    layer.finalize_state()
    np.testing.assert_allclose(layer.mean, data[:5].mean(axis=0), rtol=1e-14)


def test_one_axis_is_enough_for_a_single_mean() -> None:
    layer = Normalization(axis=None)
    layer.adapt(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(layer(np.array([1.0, 2.0, 3.0])), [-(2**0.5), -(0.5**0.5), 0], rtol=1e-6, atol=1e-7)


def test_bins_of_about_equal_size(rng: np.random.Generator) -> None:
    data = rng.exponential(size=20000).astype(np.float32)
    whole, batches = Discretization(num_bins=5), Discretization(num_bins=5)
    whole.adapt(data)
    batches.adapt(np.array_split(data, 7))
    for layer in (whole, batches):
        shares = np.bincount(layer(data), minlength=5) / len(data)
        np.testing.assert_allclose(shares, 0.2, atol=0.02)


@pytest.mark.parametrize("steps, last", [(None, 3), (2, 2)])
def test_steps_end_an_iterable(steps: int | None, last: int) -> None:
    layer = Discretization(num_bins=100)
    layer.adapt((np.array([float(i)]) for i in range(4)), steps=steps)
    assert layer.bin_boundaries is not None
    assert len(layer.bin_boundaries) == last if steps is None else last - 1


def adapted(layer: Any, data: Any) -> Any:
    layer.adapt(data)
    return layer


@pytest.mark.parametrize(
    "layer",
    [
        Rescaling(np.array([1.0, 2.0]), offset=3),
        Discretization([1.0, 2.0], output_mode="count"),
        adapted(Discretization(num_bins=3, epsilon=0.1), np.arange(20.0)),
        CategoryEncoding(9, output_mode="multi_hot", dtype="float64"),
        Normalization(mean=[1.0, 2.0], variance=[3.0, 4.0], invert=True, axis=(-1,)),
        Normalization(mean=1.0, variance=3.0, axis=None),
    ],
)
def test_layers_come_back_equal(layer: Any) -> None:
    x = np.array([[0, 1], [4, 8]])
    wanted = layer(x)
    for again in (layers.deserialize(layers.serialize(layer)), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(again(x), wanted, strict=True)
        assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Normalization(axis=3).adapt(np.zeros((2, 2))), ["`axis`", "rank 2", "(3,)"]),
        (lambda: Normalization(axis=0).adapt(np.zeros((2, 2))), ["batch", "axis=None"]),
        (lambda: Normalization().adapt(np.zeros(4)), ["`data`", "(4,)"]),
        (lambda: Normalization(axis=(1, 3)).adapt(np.zeros((2, 3, 4, 5))), ["side by side", "(1, 3)"]),
        (lambda: Normalization(mean=[1.0, 2.0], variance=1.0), ["`mean`", "`variance`", "(2,)"]),
        (lambda: Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0], axis=None), ["at most as many axes"]),
        (lambda: Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(np.zeros((1, 3))), ["fit the shape (3,)"]),
        (lambda: Normalization(mean=1.0, variance=1.0).adapt(np.zeros((1, 3))), ["nothing to learn"]),
        (lambda: Normalization().adapt(iter([])), ["`data`", "at once"]),
        (lambda: adapted(Normalization(), np.zeros((2, 3))).adapt(np.zeros((2, 4))), ["(3,)", "(4,)"]),
        (lambda: Rescaling("a"), ["`scale`", "'a'"]),
        (lambda: Rescaling([1.0, 2.0])(np.zeros((1, 3))), ["`scale`", "(3,)", "(2,)"]),
        (lambda: Discretization(), ["`bin_boundaries`", "`num_bins`"]),
        (lambda: Discretization([1.0], num_bins=2), ["either"]),
        (lambda: Discretization([2.0, 1.0]), ["ascending", "[2.0, 1.0]"]),
        (lambda: Discretization([]), ["not empty"]),
        (lambda: Discretization([1.0, np.nan]), ["ascending"]),
        (lambda: Discretization(num_bins=0), ["`num_bins`"]),
        (lambda: Discretization(num_bins=2, epsilon=0), ["`epsilon`"]),
        (lambda: Discretization([1.0], sparse=True), ["`sparse`"]),
        (lambda: Discretization(num_bins=2)([1.0]), ["no boundaries yet", "adapt"]),
        (
            lambda: Sequential([Input((1,)), Discretization(num_bins=2)]).predict(np.zeros((1, 1))),
            ["no boundaries yet"],
        ),
        (lambda: Discretization([1.0]).adapt([1.0]), ["`num_bins`"]),
        (lambda: Discretization(num_bins=2).adapt(np.zeros(0)), ["at least one number"]),
        (lambda: Discretization(num_bins=4).adapt(np.zeros(1)), ["two bins"]),
        (lambda: Discretization([1.0])(["a"]), ["`inputs`", "<U1"]),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises((ValueError, TypeError, NotImplementedError)) as raised:
        make()
    for word in ("Received", *words):
        assert word in str(raised.value)
