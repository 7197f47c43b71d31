"""Contracts that every layer keeps: its values, dtypes, shapes, configuration, threads; and what each refuses."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import fastnn
import reference_layers as twins
from fastnn import get_num_threads, layers, set_num_threads
from fastnn.layers import Layer
from fastnn.models import Sequential
from fastnn.optimizers import SGD


class Case(NamedTuple):
    """A layer, the shapes of samples it is tried on, and its NumPy twin: `twin(layer, x)` in inference."""

    make: Callable[..., Layer]
    twin: Callable[[Any, NDArray], NDArray]
    shapes: tuple[tuple[int, ...], ...] = ((5,), (37,), (3, 4))
    seeded: bool = False
    ids: int = 0  # inputs are whole numbers below it


CASES: dict[str, Case] = {
    "relu": Case(
        lambda **k: layers.ReLU(1.5, 0.1, 0.2, **k),
        lambda layer, x: np.where(x >= 1.5, 1.5, np.where(x >= 0.2, x, 0.1 * (x - 0.2))),
    ),
    "relu_plain": Case(layers.ReLU, lambda layer, x: np.maximum(x, 0)),
    "leaky_relu": Case(layers.LeakyReLU, lambda layer, x: np.where(x > 0, x, 0.3 * x)),
    "elu": Case(lambda **k: layers.ELU(0.5, **k), lambda layer, x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    "prelu": Case(layers.PReLU, twins.prelu),
    "prelu_shared_first": Case(lambda **k: layers.PReLU(shared_axes=[1], **k), twins.prelu, ((5,), (3, 20), (2, 3, 4))),
    "prelu_shared_last": Case(lambda **k: layers.PReLU(shared_axes=-1, **k), twins.prelu, ((5,), (3, 20), (2, 3, 4))),
    "prelu_shared_all": Case(lambda **k: layers.PReLU(shared_axes=(1, 2), **k), twins.prelu, ((3, 20),)),
    "softmax": Case(layers.Softmax, lambda layer, x: twins.softmax(x, (-1,))),
    "softmax_of_two": Case(
        lambda **k: layers.Softmax([-2, -1], **k), lambda layer, x: twins.softmax(x, (-2, -1)), ((3, 4), (2, 3, 4))
    ),
    "layer_normalization": Case(layers.LayerNormalization, twins.layer_normalization, ((5,), (37,), (3, 4), (1,))),
    "layer_normalization_of_two": Case(
        lambda **k: layers.LayerNormalization([-2, -1], **k), twins.layer_normalization, ((3, 4), (2, 3, 7))
    ),
    "rms_normalization": Case(layers.RMSNormalization, twins.rms_normalization),
    "rms_normalization_of_two": Case(
        lambda **k: layers.RMSNormalization((1, 2), 0.1, **k), twins.rms_normalization, ((3, 4), (5, 21))
    ),
    "unit_normalization": Case(layers.UnitNormalization, lambda layer, x: x / np.sqrt((x**2).sum(-1, keepdims=True))),
    "group_normalization": Case(
        lambda **k: layers.GroupNormalization(2, **k), twins.group_normalization, ((6,), (84,), (3, 4), (2, 3, 40))
    ),
    "instance_normalization": Case(
        lambda **k: layers.GroupNormalization(-1, **k), twins.group_normalization, ((3, 4), (7, 40))
    ),
    "batch_normalization": Case(
        lambda **k: layers.BatchNormalization(synchronized=True, **k), twins.batch_normalization
    ),
    "batch_normalization_of_another_axis": Case(
        lambda **k: layers.BatchNormalization(axis=2, **k),
        twins.batch_normalization,
        ((3, 4), (3, 4, 1), (3, 4, 1, 1), (2, 3, 5)),
    ),
    "embedding": Case(
        lambda **k: layers.Embedding(11, 3, **k),
        lambda layer, x: layer.embeddings.value[x.astype(int)],
        ((5,), (1,), (3, 4)),
        ids=11,
    ),
    "large_embedding": Case(
        lambda **k: layers.Embedding(5000, 37, **k),
        lambda layer, x: layer.embeddings.value[x.astype(int)],
        ((3,),),
        ids=5000,
    ),
    "feature_scale": Case(layers.FeatureScale, lambda layer, x: x * layer.scale.value),
    "batch_ensemble": Case(
        lambda **k: layers.BatchEnsembleDense(5, 3, "tanh", **k), twins.batch_ensemble, ((4,), (3, 7))
    ),
    "einsum_dense": Case(
        lambda **k: layers.EinsumDense("...x,xy->...y", 4, "tanh", "y", **k), twins.einsum_dense, ((5,), (3, 37))
    ),
    "einsum_dense_over_two": Case(
        lambda **k: layers.EinsumDense("abcd,cde->abe", (None, 6), **k), twins.einsum_dense, ((3, 4, 2),)
    ),
    "average_pooling": Case(layers.GlobalAveragePooling1D, lambda layer, x: x.mean(1), ((3, 4), (1, 40), (7, 21))),
    "max_pooling": Case(layers.GlobalMaxPooling1D, lambda layer, x: x.max(1), ((3, 4), (1, 40), (7, 21))),
    "max_pooling_kept": Case(
        lambda **k: layers.GlobalMaxPooling1D(keepdims=True, **k), lambda layer, x: x.max(1, keepdims=True), ((3, 4),)
    ),
}
NOISES: dict[str, Callable[..., Layer]] = {
    "dropout": lambda **k: layers.Dropout(0.4, **k),
    "dropout_shared": lambda **k: layers.Dropout(0.4, (None, 1), **k),
    "alpha_dropout": lambda **k: layers.AlphaDropout(0.4, **k),
    "gaussian_dropout": lambda **k: layers.GaussianDropout(0.4, **k),
    "gaussian_noise": lambda **k: layers.GaussianNoise(0.4, **k),
}
CASES |= {
    name: Case(make, lambda layer, x: x, ((5,),) if "shared" in name else Case._field_defaults["shapes"], seeded=True)
    for name, make in NOISES.items()
}
CASES["spatial_dropout"] = Case(
    lambda **k: layers.SpatialDropout1D(0.4, **k), lambda layer, x: x, ((3, 4), (7, 20)), seeded=True
)
CASES["activity_regularization"] = Case(lambda **k: layers.ActivityRegularization(0.1, 0.2, **k), lambda layer, x: x)
TRIALS = [(name, shape) for name, case in CASES.items() for shape in case.shapes]
EVERY = pytest.mark.parametrize("name, shape", TRIALS)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    count = get_num_threads()
    yield
    set_num_threads(count)


def samples(case: Case, rows: int, shape: tuple[int, ...], dtype: str = "float64") -> NDArray:
    rng = np.random.default_rng(3)
    if case.ids:
        return rng.integers(case.ids, size=(rows, *shape)).astype(dtype)
    return rng.normal(size=(rows, *shape)).astype(dtype)


def built(case: Case, shape: tuple[int, ...], dtype: str = "float64") -> Layer:
    layer = case.make(dtype=dtype)
    layer.ensure_built((None, *shape))
    rng = np.random.default_rng(4)
    for variable in layer.weights:
        variable.assign(rng.uniform(0.3, 1.5, variable.shape))
    return layer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@EVERY
def test_values(name: str, shape: tuple[int, ...], dtype: str) -> None:
    case = CASES[name]
    layer, x = built(case, shape, dtype), samples(case, 7, shape, dtype)
    y = layer(x)
    expected = case.twin(layer, x.astype(np.float64))
    assert y.dtype == dtype
    assert y.shape == (7, *layer.compute_output_shape((None, *shape))[1:]) == expected.shape
    tolerance = 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)


@EVERY
def test_no_samples(name: str, shape: tuple[int, ...]) -> None:
    layer = built(CASES[name], shape)
    assert layer(samples(CASES[name], 0, shape)).shape == (0, *layer.compute_output_shape((None, *shape))[1:])


@EVERY
def test_configuration(name: str, shape: tuple[int, ...]) -> None:
    case = CASES[name]
    layer, x = built(case, shape), samples(case, 5, shape)
    for other in (type(layer).from_config(layer.get_config()), layers.deserialize(layers.serialize(layer))):
        assert other.get_config() == layer.get_config()
        other.ensure_built((None, *shape))
        other.set_weights(layer.get_weights())
        np.testing.assert_array_equal(other(x), layer(x))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))(x), layer(x))
    assert case.make(name="mine", trainable=False).get_config()["trainable"] is False


@EVERY
def test_in_a_model(name: str, shape: tuple[int, ...]) -> None:
    """It learns between other layers, and neither threads nor blocks of rows change a bit."""
    case = CASES[name]
    x, y = samples(case, 300, shape, "float32"), np.zeros((300, 40), "float32")
    weights, predictions = [], []
    for count in (1, 2, 3):
        set_num_threads(count)
        fastnn.utils.set_random_seed(1)
        # enough work behind it to be worth sharing out
        behind = [layers.Flatten(), *(layers.Dense(40, "tanh") for _ in range(5))]
        model = Sequential([layers.Input(shape), case.make(seed=5) if case.seeded else case.make(), *behind])
        model.compile(SGD(0.1), "mse")
        model.fit(x, y, batch_size=128, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        predictions.append(model.predict(x, verbose=0))
        np.testing.assert_array_equal(model.predict(x[:3], batch_size=2, verbose=0), predictions[-1][:3])
    for one in weights[1:]:
        for a, b in zip(one, weights[0], strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.isfinite(predictions[0]).all()
    for prediction in predictions[1:]:
        np.testing.assert_array_equal(prediction, predictions[0])


def _twice(layer: Layer, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    for shape in (first, second):
        layer(np.ones((2, *shape)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.ReLU(max_value=-1.0), r"`max_value` must be a number of at least 0. Received: max_value=-1.0"),
        (lambda: layers.ReLU(negative_slope=None), "Received: negative_slope=None"),
        (lambda: layers.ReLU(threshold=-2), "Received: threshold=-2"),
        (lambda: layers.LeakyReLU(-0.1), r"`negative_slope`.*Received: negative_slope=-0.1"),
        (lambda: layers.ELU(-1.0), r"`alpha`.*Received: alpha=-1.0"),
        (lambda: layers.Softmax(0)(np.ones((2, 3))), r"`axis` must name axes.*Received: axis=0"),
        (lambda: layers.Dropout(1.5), r"`rate` must be a number in \[0, 1\]. Received: rate=1.5"),
        (lambda: layers.AlphaDropout(1.0), r"`rate` must be a number in \[0, 1\). Received: rate=1.0"),
        (lambda: layers.GaussianDropout("a"), r"Received: rate='a'"),
        (lambda: layers.GaussianNoise(-1.0), r"`stddev`.*Received: stddev=-1.0"),
        (lambda: layers.Dropout(0.5, (None, 0)), r"`noise_shape`.*Received: noise_shape=\(None, 0\)"),
        (lambda: layers.Dropout(0.5, "ab"), r"`noise_shape`.*Received: noise_shape='ab'"),
        (lambda: layers.Dropout(0.5, (None, 2))(np.ones((2, 3))), r"its length, 1 or None. Received: noise_shape"),
        (lambda: layers.SpatialDropout1D(0.5)(np.ones((2, 3))), r"rank 3.*Received: inputs of shape \(None, 3\)"),
        (lambda: layers.GroupNormalization(0), r"`groups`.*Received: groups=0"),
        (lambda: layers.GroupNormalization(3)(np.ones((2, 4))), r"must divide.*4. Received: groups=3"),
        (lambda: layers.LayerNormalization(rms_scaling=True), "use RMSNormalization"),
        (lambda: layers.LayerNormalization(2)(np.ones((2, 3))), r"`axis`.*Received: axis=2"),
        (lambda: layers.BatchNormalization(0)(np.ones((2, 3))), r"`axis`.*Received: axis=0"),
        (lambda: _twice(layers.BatchNormalization(1), (3, 4), (5, 4)), r"3 features on axis 1. Received: .*\(5, 4\)"),
        (lambda: layers.BatchNormalization("a"), r"`axis` must be an integer. Received: axis='a'"),
        (lambda: layers.Embedding(0, 3), r"`input_dim` must be a positive integer. Received: input_dim=0"),
        (lambda: layers.Embedding(3, 2.5), r"`output_dim`.*Received: output_dim=2.5"),
        (lambda: layers.Embedding(3, 2, weights=np.ones((2, 2))), r"`weights`.*\(3, 2\). Received: shape=\(2, 2\)"),
        (lambda: layers.Embedding(2**24 + 1, 1, dtype="float32").build(), r"at most 16777216 in float32.*dtype"),
        (lambda: layers.GlobalAveragePooling1D()(np.ones((2, 3))), r"rank 3.*Received: inputs of shape \(None, 3\)"),
        (lambda: layers.GlobalMaxPooling1D("first"), r"`data_format`.*Received: data_format='first'"),
        (lambda: layers.BatchEnsembleDense(0, 2), r"`units`.*Received: units=0"),
        (
            lambda: layers.BatchEnsembleDense(3, 2)(np.ones((4, 3, 5))),
            r"\(batch, 2, inputs\). Received: inputs",
        ),
        (lambda: layers.EinsumDense("ab->c", 3), r"`equation` must be of the form.*Received: equation='ab->c'"),
        (lambda: layers.EinsumDense("abc,cd->abd", (5, 3))(np.ones((2, 4, 6))), r"does not fit.*output_shape=\(5, 3\)"),
        (lambda: layers.EinsumDense("ab,bc->ac", 3)(np.ones((2, 4, 6))), r"axes of 'ab,bc->ac'. Received: inputs"),
        (lambda: layers.PReLU(shared_axes=3)(np.ones((2, 3))), r"`shared_axes`.*Received: shared_axes=\[3\]"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (layers.Dropout(0.5, (None, None, 1, None)), (2, 3, 4), r"side by side.*Received: noise_shape="),
        (layers.LayerNormalization(1), (3, 4), r"Permute.*Received: axis=1 for samples of shape \(3, 4\)"),
        (layers.RMSNormalization([1, 3]), (3, 4, 5), r"Permute.*Received: axis=\[1, 3\]"),
        (layers.GroupNormalization(2, axis=1), (4, 5), r"Permute.*Received: axis=1"),
        (layers.PReLU(shared_axes=[2]), (2, 3, 4), r"side by side.*Received: shared_axes=\[2\]"),
    ],
)
def test_refused_with_a_hint(layer: Layer, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(NotImplementedError, match=message):
        layer(np.ones((2, *shape)))


@pytest.mark.parametrize(
    ("equation", "bias_axes"), [("abc,cde->abde", None), ("abc,bd->acd", None), ("ab,cb->ac", None), ("ab,bc->ac", "a")]
)
def test_equations_that_are_not_one_product(equation: str, bias_axes: str | None) -> None:
    with pytest.raises(NotImplementedError, match=r"use Dense between Reshape and Permute.*Received: equation="):
        layers.EinsumDense(equation, (3, 4), bias_axes=bias_axes)


def test_prelu_on_another_shape() -> None:
    layer = layers.PReLU(shared_axes=[1])
    layer(np.ones((2, 3, 4)))
    assert layer(np.ones((2, 5, 4))).shape == (2, 5, 4)
    with pytest.raises(ValueError, match=r"built for samples of shape \(3, 4\).*Received: samples of shape \(3, 5\)"):
        layer(np.ones((2, 3, 5)))


def test_unit_normalization_of_nothing_is_nothing() -> None:
    """As in Keras, a length below 1e-12 counts as 1e-12."""
    x = np.array([[0.0, 0.0], [3e-13, 4e-13]])
    np.testing.assert_allclose(layers.UnitNormalization(dtype="float64")(x), [[0, 0], [0.3, 0.4]], rtol=1e-12)


def test_normalization_of_large_numbers_keeps_the_variance() -> None:
    x = np.array([[1e6, 1e6 + 1, 1e6 + 2]], np.float32)
    np.testing.assert_allclose(layers.LayerNormalization(epsilon=0.0)(x), [[-1.2247449, 0, 1.2247449]], rtol=1e-6)


def test_layers_that_normalize_check_the_last_axes() -> None:
    layer = layers.LayerNormalization()
    layer(np.ones((2, 3, 4)))
    assert layer(np.ones((2, 4))).shape == (2, 4)
    with pytest.raises(ValueError, match=r"last axes are \(4,\). Received: samples of shape \(3, 5\)"):
        layer(np.ones((2, 3, 5)))
    with pytest.raises(TypeError, match=r"`axis` must be an integer or several. Received: axis='a'"):
        layers.LayerNormalization("a")
