"""Embeddings of numbers: against NumPy, against differences, and how their bins come about."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import _kernels, layers, losses, optimizers
from fastnn.models import Sequential
from test_gradients import _assert_gradient
from test_input_gradient import _close, _differences

DTYPES = ("float32", "float64")
PI = np.longdouble("3.14159265358979323846264338327950288")


def _waves(x: NDArray, frequency: NDArray, phase: NDArray | None) -> NDArray:
    turns = x.astype(np.longdouble)[:, :, None] * frequency.astype(np.longdouble)
    angle = 2 * PI * (turns - np.round(turns))
    if phase is not None:
        return np.cos(angle + phase).astype(np.float64)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float64)


def _dense(z: NDArray, layer: Any) -> NDArray:
    kernel, bias = layer.kernel.numpy().astype(np.float64), layer.bias.numpy().astype(np.float64)
    y = z @ kernel + bias if layer.shared else np.einsum("sfk,fku->sfu", z, kernel) + bias
    return np.maximum(y, 0) if layer.activation.__name__ == "relu" else y


FORMS: dict[str, dict[str, Any]] = {
    "plr": {},
    "plr_lite": {"shared": True},
    "pbld": {"phases": True, "keep_input": True, "activation": None},
    "long": {"frequencies": 37, "units": 19},
    "short": {"frequencies": 1, "units": 1},
}


def _periodic(form: str, dtype: str = "float64", **settings: Any) -> Any:
    given = {"units": 5, "frequencies": 7, "scale": 0.5, **FORMS[form], **settings}
    return layers.PeriodicEmbedding(**given, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_periodic_embeddings_are_what_the_papers_say(form: str, dtype: str) -> None:
    layer = _periodic(form, dtype)
    x = np.random.default_rng(0).normal(size=(11, 3)).astype(dtype)
    y = layer(x)
    expected = _dense(_waves(x, layer.frequency.numpy(), None if layer.phase is None else layer.phase.numpy()), layer)
    if layer.keep_input:
        expected = np.concatenate([x[:, :, None], expected], axis=-1)
    assert y.shape == (11, *layer.compute_output_shape((None, 3))[1:])
    np.testing.assert_allclose(y, expected, rtol=0, atol=np.finfo(dtype).eps * 40)


@pytest.mark.parametrize("dtype", DTYPES)
def test_waves_are_exact_for_any_number_of_turns(dtype: str) -> None:
    """Errors below two units in the last place of one, however many turns there are; NaN and infinity are NaN."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-1, 1, 4000), rng.normal(size=1000) * 1e4, np.arange(-16, 17) / 8, [1e30, -1e30]])
    x = x.astype(dtype)[:, None]
    layer = layers.PeriodicEmbedding(2, 1, activation=None, shared=True, dtype=dtype)
    layer.build((None, 1))
    layer.frequency.assign([[1.0]])
    layer.kernel.assign(np.eye(2))
    layer.bias.assign(np.zeros(2))
    y = layer(x)[:, 0]
    turns = x[:, 0].astype(np.longdouble)
    turns -= np.round(turns)
    for received, expected in zip(y.T, (np.cos(2 * PI * turns), np.sin(2 * PI * turns)), strict=True):
        error = np.abs(received - expected)
        assert error.max() <= 1.2 * np.finfo(dtype).eps
        large = np.abs(expected) > 1e-3
        assert (error / np.spacing(np.abs(expected).astype(dtype)))[large].max() <= 2
    assert np.isnan(layer(np.array([[np.nan], [np.inf]], dtype))).all()


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_periodic_embeddings(form: str) -> None:
    activation = {} if form == "pbld" else {"activation": "tanh"}
    hidden = [layers.Input((3,)), layers.Dense(3), _periodic(form, **activation), layers.Flatten(), layers.Dense(2)]
    model = Sequential(hidden, dtype="float64")
    model.compile(optimizers.SGD(1.0), losses.MeanSquaredError())
    rng = np.random.default_rng(0)
    for variable in model.weights:  # slow waves: the error of differences grows with the cube of the frequency
        variable.assign(rng.normal(size=variable.shape) * (0.05 if variable.name == "frequency" else 0.4))
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    _close(model.jacobian(x), _differences(lambda x: model.predict(x, verbose=0), x))
    _assert_gradient(model, x, y)


@pytest.mark.parametrize(
    "settings", [{"units": None}, {"units": 5}, {"units": 6, "shared": True, "activation": "tanh"}]
)
def test_gradients_of_piecewise_linear_embeddings(settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    embedding = layers.PiecewiseLinearEmbedding(num_bins=4, dtype="float64", **settings)
    embedding.adapt(rng.normal(size=(50, 3)))
    model = Sequential(
        [layers.Input((3,)), layers.Dense(3), embedding, layers.Flatten(), layers.Dense(2)], dtype="float64"
    )
    model.compile(optimizers.SGD(1.0), losses.MeanSquaredError())
    _close(model.jacobian(x), _differences(lambda x: model.predict(x, verbose=0), x))
    _assert_gradient(model, x, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pieces_fill_bin_by_bin(dtype: str) -> None:
    rng = np.random.default_rng(0)
    data = np.stack([rng.normal(size=300), rng.integers(0, 3, 300), np.full(300, 7.0), rng.integers(0, 2, 300)], axis=1)
    layer = layers.PiecewiseLinearEmbedding(num_bins=6, dtype=dtype)
    layer.adapt(data.astype(dtype))
    edges = np.quantile(data[:, 0].astype(dtype), np.linspace(0, 1, 7))
    x = np.concatenate([edges, edges - 0.01, rng.normal(size=40) * 3, [-1e6, 1e6]])
    x = np.stack([x, x, x, x], axis=1).astype(dtype)
    y = layer(x)
    expected = np.zeros((len(x), 4, 6))
    for feature, its_edges, places in ((0, edges, range(6)), (1, [0, 1, 2], [0, 5]), (3, [0, 1], [5])):
        for bin_, place in enumerate(places):
            share = (x[:, feature].astype(np.float64) - its_edges[bin_]) / (its_edges[bin_ + 1] - its_edges[bin_])
            low = -np.inf if bin_ == 0 else 0
            expected[:, feature, place] = np.clip(share, low, np.inf if bin_ == len(its_edges) - 2 else 1)
    np.testing.assert_allclose(y, expected, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)
    assert np.isnan(layer(np.full((1, 4), np.nan, dtype))[0, 0]).all()


def test_a_number_is_found_again_from_its_pieces() -> None:
    """The sum of filled bins grows with the number, without end on either side."""
    layer = layers.PiecewiseLinearEmbedding(num_bins=10, dtype="float64")
    data = np.random.default_rng(0).normal(size=(500, 1))
    layer.adapt(data)
    x = np.linspace(-9, 9, 200)[:, None]
    assert (np.diff(layer(x).sum(axis=(1, 2))) > 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_and_blocks_do_not_matter(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(700, 20)).astype(dtype), rng.normal(size=(700, 1)).astype(dtype)
    found, before = [], _kernels.get_num_threads()
    start: list[NDArray] = []
    for threads in (1, 2):
        _kernels.set_num_threads(threads)
        model = Sequential(
            [
                layers.Input((20,)),
                layers.PeriodicEmbedding(16, 24),
                layers.Flatten(),
                layers.Dense(64, "relu"),
                layers.Dense(1),
            ],
            dtype=dtype,
        )
        start = start or model.get_weights()
        model.set_weights(start)
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=350, epochs=2, shuffle=False, verbose=0)
        found.append(model.get_weights())
    _kernels.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_they_learn_what_a_dense_layer_cannot() -> None:
    """A wave of high frequency in one feature, which a network of the raw number hardly finds in so few steps."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1024, 2)).astype(np.float32)
    y = np.sin(25 * x[:, :1])
    losses_found = {}
    pieces = layers.PiecewiseLinearEmbedding(num_bins=64)
    pieces.adapt(x)
    for name, first in (
        ("raw", layers.Identity()),
        ("periodic", layers.PeriodicEmbedding(8, 32, 2.0)),
        ("pieces", pieces),
    ):
        model = Sequential([layers.Input((2,)), first, layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(1)])
        model.compile(optimizers.Adam(0.01), "mse")
        losses_found[name] = model.fit(x, y, epochs=20, verbose=0).history["loss"][-1]
    assert losses_found["periodic"] < 0.1 * losses_found["raw"]
    assert losses_found["pieces"] < 0.1 * losses_found["raw"]


@pytest.mark.parametrize("name", ["periodic", "pieces"])
def test_copies_and_configurations(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    if name == "periodic":
        layer: Any = layers.PeriodicEmbedding(4, 5, 0.3, None, True, True, True, "ones", name="wave")
    else:
        layer = layers.PiecewiseLinearEmbedding(4, 5, "relu", True, name="bins")
        layer.adapt(x)
    model = Sequential([layers.Input((3,)), layer, layers.Flatten(), layers.Dense(1)])
    twin = Sequential.from_config(model.get_config())
    assert twin.layers[0].get_config() == layer.get_config()
    twin.set_weights(model.get_weights())
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(twin.predict(x, verbose=0), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x, verbose=0), expected)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros(30), verbose=0)


def test_what_is_refused() -> None:
    for wrong in (
        {"units": 0},
        {"frequencies": 2.5},
        {"scale": 0},
        {"scale": np.inf},
        {"units": 1, "keep_input": True},
    ):
        with pytest.raises(ValueError, match=r"Received: "):
            layers.PeriodicEmbedding(**wrong)
    for wrong in ({"num_bins": 0}, {"units": True}, {"activation": "relu"}):
        with pytest.raises(ValueError, match=r"Received: "):
            layers.PiecewiseLinearEmbedding(**wrong)
    with pytest.raises(ValueError, match="inputs of rank 2"):
        layers.PeriodicEmbedding()(np.zeros((2, 3, 4)))
    layer = layers.PiecewiseLinearEmbedding(num_bins=3)
    with pytest.raises(ValueError, match=r"no bins yet: let it find some with `adapt\(data\)`"):
        layer(np.zeros((2, 3)))
    for data, message in (
        (np.zeros(3), "shape \\(samples, features\\)"),
        (np.zeros((4, 2)), "must have 3 features"),
        (np.full((4, 3), np.nan), "NaN or infinity in column 0"),
    ):
        with pytest.raises(ValueError, match=message):
            layer.adapt(data)
