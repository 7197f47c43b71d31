"""Activation functions by name: options, shapes, identifiers. The kernels themselves are checked elsewhere."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import reference
from fastnn import _kernels, activations, layers

NAMES = [function.__name__ for function in activations._FUNCTIONS]
BY_ROWS = ("softmax", "log_softmax")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_ROWS])
def test_values(name: str, dtype: str, rng: np.random.Generator) -> None:
    x = (rng.normal(size=(7, 5)) * 4).astype(dtype)
    function = getattr(activations, name)
    y = function(x)
    expected = reference.activation(activations.kernel_of(function), x, activations.kernel_params(function))
    assert y.dtype == dtype
    assert y.shape == x.shape
    tolerance = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected.astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_a_known_kernel(name: str) -> None:
    kernel = activations.kernel_of(getattr(activations, name))
    assert kernel in (*_kernels.activation_names(), *BY_ROWS)


def test_relu_with_arguments() -> None:
    x = np.array([-2.0, 0.0, 0.5, 1.0, 3.0])
    assert activations.relu(x, 0.5, 2.0, 1.0).tolist() == [-1.5, -0.5, -0.25, 0.0, 2.0]
    assert activations.relu(x, max_value=1.0).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert activations.leaky_relu(x, 0.5).tolist() == [-1.0, 0.0, 0.5, 1.0, 3.0]
    assert activations.leaky_relu(x, 0.0).tolist() == [0.0, 0.0, 0.5, 1.0, 3.0]
    assert activations.elu(np.array([-1.0]), 2.0)[0] == pytest.approx(2.0 * math.expm1(-1.0))
    assert activations.gelu(x, approximate=True).tolist() != activations.gelu(x).tolist()


@pytest.mark.parametrize("name", BY_ROWS)
@pytest.mark.parametrize("shape, axis", [((5,), 0), ((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), -3)])
def test_softmax_along_any_axis(name: str, shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> None:
    x = rng.normal(size=shape)
    e = np.exp(x)
    expected = e / e.sum(axis=axis, keepdims=True)
    y = getattr(activations, name)(x, axis=axis)
    np.testing.assert_allclose(np.exp(y) if name == "log_softmax" else y, expected, rtol=1e-13)
    assert y.flags.c_contiguous


@pytest.mark.parametrize("name", BY_ROWS)
def test_softmax_refuses(name: str) -> None:
    for x, axis in ((np.zeros((2, 2)), 2), (np.float64(1.0), -1)):
        with pytest.raises(ValueError, match=rf"`axis` of {name}.*Received: axis={axis}"):
            getattr(activations, name)(x, axis=axis)
    assert getattr(activations, name)(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_ROWS])
def test_any_input(name: str, rng: np.random.Generator) -> None:
    function = getattr(activations, name)
    x = rng.normal(size=(4, 6))
    expected = function(x)
    for given in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f8")):
        before = given.copy()
        np.testing.assert_array_equal(function(given), expected)
        np.testing.assert_array_equal(given, before)
    assert np.ndim(function(1.0)) == 0
    assert function([1, 2]).dtype == "float32"
    assert function(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(TypeError, match=r"`x` must hold real numbers.*Received"):
        function(["a"])


@pytest.mark.parametrize("name", NAMES)
def test_identifiers(name: str) -> None:
    function = getattr(activations, name)
    assert activations.get(name) is function
    assert activations.get(function) is function
    assert activations.serialize(function) == name
    assert activations.deserialize(name) is function


@pytest.mark.parametrize("axis", [-1, 0])
def test_functions_without_a_step(axis: int, rng: np.random.Generator) -> None:
    x = rng.normal(size=(6, 4))
    a, b = np.split(x, 2, axis)
    np.testing.assert_allclose(activations.glu(x, axis), a / (1 + np.exp(-b)), rtol=1e-14)
    y = activations.sparsemax(x, axis)
    np.testing.assert_allclose(y.sum(axis), 1, rtol=1e-14)
    assert (y == 0).any()
    moved = np.where(y > 0, x - y, np.nan)  # by the same for every value that is left
    np.testing.assert_allclose(np.nanmin(moved, axis), np.nanmax(moved, axis), atol=1e-14)
    assert (np.where(y > 0, -np.inf, x).max(axis) <= np.nanmin(moved, axis)).all()
    for function in (activations.sparsemax, activations.threshold):
        assert activations.get(function.__name__) is function
        with pytest.raises(NotImplementedError, match="has no step"):
            layers.Activation(function)(x)
    with pytest.raises(ValueError, match="must keep the shape of its input"):
        layers.Activation("glu")(x)
    with pytest.raises(ValueError, match=r"even `axis`. Received: axis=0, x.shape=\(3,\)"):
        activations.glu(np.zeros(3), 0)


def test_other_identifiers() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get(np.sin) is np.sin
    assert activations.kernel_of(np.sin) is None
    assert activations.kernel_params(np.sin) == ()
    with pytest.raises(ValueError, match=r"Unknown activation name. Did you mean 'relu'.*Received: 'rellu'"):
        activations.get("rellu")
    with pytest.raises(ValueError, match="Received: 3"):
        activations.get(3)
    with pytest.raises(ValueError, match="neither a name"):
        activations.serialize(lambda x: x)


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        (activations.gelu, {"approximate": True}),
        (activations.gelu, {}),
        (activations.relu, {"max_value": 1.0, "negative_slope": 0.1}),
        (activations.leaky_relu, {"negative_slope": 0.3}),
        (activations.leaky_relu, {"negative_slope": 0.0}),
        (activations.elu, {"alpha": 0.5}),
        (activations.celu, {"alpha": 0.5}),
        (activations.hard_shrink, {"threshold": 0.25}),
        (activations.soft_shrink, {"threshold": 0.25}),
        (activations.squareplus, {"b": 1}),
        (activations.threshold, {"threshold": 0.5, "default_value": -1.0}),
    ],
)
def test_settings_reach_the_kernel_of_a_layer(function, settings):
    x = np.linspace(-2, 2, 12).reshape(4, 3)
    activation = functools.partial(function, **settings)
    np.testing.assert_allclose(layers.Activation(activation, dtype="float64")(x), function(x, **settings), rtol=1e-15)
