"""Gradients and Jacobians by a model's inputs, in float64 against central differences of its predictions."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import layers, losses, ops
from fastnn.layers import Layer
from fastnn.models import Model, Sequential
from test_gradients import LAYERS

STEP, TOLERANCE = 1e-5, 1e-8


def _differences(function: Callable[[NDArray], NDArray], x: NDArray) -> NDArray:
    """d function / d x, sample by sample: shape (samples, *of a result, *of an input)."""
    result = function(x)
    flat = np.empty((*result.shape, x[0].size))
    for j in range(x[0].size):
        moved = np.zeros((len(x), x[0].size))
        moved[:, j] = STEP
        moved = moved.reshape(x.shape)
        flat[..., j] = (function(x + moved) - function(x - moved)) / (2 * STEP)
    return flat.reshape(*result.shape, *x.shape[1:])


def _randomized(model: Any) -> Any:
    rng = np.random.default_rng(5)
    for variable in model.weights:
        variable.assign(
            np.abs(rng.normal(0.5, 0.5, variable.shape)) if variable.state else rng.normal(0.1, 0.6, variable.shape)
        )
    return model


def _close(received: NDArray, expected: NDArray) -> None:
    assert received.shape == expected.shape
    np.testing.assert_allclose(received, expected, rtol=0, atol=TOLERANCE * (1 + np.abs(expected).max()))


def _classifier() -> Any:
    model = [layers.Input((4,)), layers.Dense(7, "tanh"), layers.Dense(3, "softmax")]
    return _randomized(Sequential(model, dtype="float64"))


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name: str) -> None:
    model = _randomized(Sequential([layers.Input((4,)), *LAYERS[name](), layers.Dense(3, "softplus")], dtype="float64"))
    x = np.random.default_rng(0).normal(size=(5, 4))
    jacobian = model.jacobian(x)
    constant = name == "bare_normalizations"  # each number is normalized by itself in the end
    assert constant or np.abs(jacobian).max() > 1e-3
    _close(jacobian, _differences(lambda x: model.predict(x, verbose=0), x))
    for number in range(3):
        np.testing.assert_array_equal(model.input_gradient(x, number), jacobian[:, number])


@pytest.mark.parametrize("first", [layers.Normalization(mean=0.3, variance=2.0), layers.Rescaling(0.5, 1.0)])
def test_what_scales_inputs_is_passed_through(first: Layer) -> None:
    model = _randomized(Sequential([layers.Input((4,)), first, layers.Dense(2, "tanh")], dtype="float64"))
    x = np.random.default_rng(0).normal(size=(5, 4))
    _close(model.jacobian(x), _differences(lambda x: model.predict(x, verbose=0), x))


def test_inputs_of_rank_three_and_float32() -> None:
    made = [layers.Input((3, 4)), layers.Dense(5, "gelu"), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    model = _randomized(Sequential(made))
    x = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32)
    jacobian = model.jacobian(x)
    assert jacobian.dtype == np.float32
    assert jacobian.shape == (6, 2, 3, 4)
    twin = Sequential.from_config({**model.get_config(), "dtype": "float64", "layers": [
        {**layer, "config": {**layer["config"], "dtype": "float64"}} for layer in model.get_config()["layers"]
    ]})  # fmt: skip
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(jacobian, twin.jacobian(x), rtol=1e-4, atol=1e-5)


def test_what_of_chooses() -> None:
    model, rng = _classifier(), np.random.default_rng(0)
    x, labels = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
    jacobian, y = model.jacobian(x), model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.input_gradient(x, -1), jacobian[:, 2])
    np.testing.assert_array_equal(model.input_gradient(x, (1,)), jacobian[:, 1])
    _close(model.input_gradient(x, labels), jacobian[np.arange(9), labels])
    _close(model.input_gradient(x, lambda y: ops.sum(y * y, axis=-1)), 2 * np.einsum("so,soi->si", y, jacobian))
    _close(model.jacobian(x, lambda y: ops.log(y[:, :2])), jacobian[:, :2] / y[:, :2, None])
    _close(model.jacobian(x, labels), jacobian[np.arange(9), labels])
    assert model.jacobian(x, 1).shape == (9, 4)


def test_a_model_with_one_number_needs_no_choice() -> None:
    model = _randomized(Sequential([layers.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(1)], dtype="float64"))
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(model.input_gradient(x), model.jacobian(x)[:, 0])


def test_several_inputs_and_outputs() -> None:
    """A value that several steps read, an output that is an input, and an input that leads nowhere."""
    shapes = {"a": (3,), "b": (2, 5), "c": (2,)}
    a, b, unused = (layers.Input(shape, name=name, dtype="float64") for name, shape in shapes.items())
    joined = layers.Concatenate()([layers.Dense(4, "tanh")(a), layers.Flatten()(b)])
    added = layers.Add()([layers.Dense(4)(joined), layers.Dense(4, "elu")(joined), layers.Dense(4)(a)])
    outputs = {"p": layers.Dense(2, name="p")(added), "q": layers.Dense(1, "sigmoid")(joined), "r": b}
    model = _randomized(Model({"a": a, "b": b, "c": unused}, outputs))
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(6, *shape)) for name, shape in shapes.items()}
    jacobian = model.jacobian(x)
    assert sorted(jacobian) == ["p", "q", "r"]
    for output, by_input in jacobian.items():
        assert sorted(by_input) == ["a", "b", "c"]
        for name, found in by_input.items():
            _close(found, _differences(lambda part: model.predict({**x, name: part}, verbose=0)[output], x[name]))  # noqa: B023
    composed = model.input_gradient(x, lambda y: ops.sum(y["p"], axis=-1) + 3 * y["q"][:, 0])
    for name, found in composed.items():
        _close(found, jacobian["p"][name].sum(axis=1) + 3 * jacobian["q"][name][:, 0])


def test_the_loss_of_each_sample() -> None:
    model, rng = _classifier(), np.random.default_rng(0)
    x, labels = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
    rows, y = np.arange(9), model.predict(x, verbose=0)
    expected = -model.jacobian(x)[rows, labels] / y[rows, labels, None]
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        model.compile("sgd", losses.SparseCategoricalCrossentropy(reduction=reduction))
        _close(model.input_gradient(x, y=labels), expected)
    model.compile("sgd", lambda y_true, y_pred: ops.mean(ops.square(y_pred - y_true), axis=-1))
    one_hot = np.eye(3)[labels]
    _close(model.input_gradient(x, y=one_hot), np.einsum("so,soi->si", 2 / 3 * (y - one_hot), model.jacobian(x)))


def test_losses_of_several_outputs_and_rows() -> None:
    x = layers.Input((3, 4), dtype="float64")
    hidden = layers.Dense(5, "tanh")(x)
    model = _randomized(Model(x, [layers.Dense(2, name="p")(hidden), layers.Dense(1, name="q")(hidden)]))
    model.compile("sgd", {"p": "mse", "q": "mae"}, loss_weights={"p": 2.0, "q": 0.5})
    rng = np.random.default_rng(0)
    data = rng.normal(size=(6, 3, 4))
    y = {"p": rng.normal(size=(6, 3, 2)), "q": rng.normal(size=(6, 3, 1))}

    def loss(x: NDArray) -> NDArray:
        p, q = model.predict(x, verbose=0)
        return 2.0 * ((p - y["p"]) ** 2).mean(axis=(1, 2)) + 0.5 * np.abs(q - y["q"]).mean(axis=(1, 2))

    _close(model.input_gradient(data, y=y), _differences(loss, data))


def test_penalties_of_outputs_are_no_part_of_it() -> None:
    plain, penalized = (
        Sequential([layers.Input((4,)), layers.Dense(3, "tanh", activity_regularizer=some), layers.Dense(1)])
        for some in (None, "l2")
    )
    penalized.set_weights(plain.get_weights())
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(penalized.input_gradient(x), plain.input_gradient(x))


def test_ids_have_no_slope() -> None:
    ids, numbers = layers.Input((2,)), layers.Input((3,))
    embedded = layers.Flatten()(layers.Embedding(5, 4)(ids))
    bins = layers.Discretization([0.0, 1.0], output_mode="one_hot")(numbers[:, :1])
    joined = layers.Concatenate()([embedded, layers.Flatten()(bins), numbers])
    model = Model([ids, numbers], layers.Dense(1)(joined))
    by_ids, by_numbers = model.input_gradient([np.ones((4, 2)), np.ones((4, 3))])
    assert not by_ids.any()
    np.testing.assert_array_equal(by_numbers, np.broadcast_to(model.layers[-1].kernel[-3:, 0], (4, 3)))


def test_a_change_of_weights_counts() -> None:
    model = Sequential([layers.Input((4,)), layers.Dense(1)])
    x = np.zeros((2, 4))
    for factor in (1.0, 2.0):
        model.layers[0].kernel[...] = factor
        np.testing.assert_array_equal(model.input_gradient(x), np.full((2, 4), factor))
    model.add(layers.Rescaling(3.0))
    np.testing.assert_array_equal(model.input_gradient(x), np.full((2, 4), 6.0))


def test_batches_and_threads_do_not_matter() -> None:
    made = [layers.Input((40,)), layers.Dense(300, "relu"), layers.Dense(300, "relu"), layers.Dense(4)]
    model = Sequential(made)
    x = np.random.default_rng(0).normal(size=(1500, 40)).astype(np.float32)
    whole = model.jacobian(x)
    parts = [model.jacobian(x[at : at + 100]) for at in range(0, 1500, 100)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(model.jacobian(x))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for each in found:
        np.testing.assert_array_equal(each, whole)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).input_gradient(x, 2), whole[:, 2])


class _Squares(Layer):
    """y = x², in Python, without a way back."""

    def forward(self, x: NDArray) -> NDArray:
        self.x = x.copy()
        return x * x


class _SquaresBothWays(_Squares):
    def backward(self, dy: NDArray) -> NDArray:
        return 2 * self.x * dy


def test_steps_in_python() -> None:
    model = _randomized(
        Sequential([layers.Input((4,)), layers.Dense(3), _SquaresBothWays(), layers.Dense(2)], dtype="float64")
    )
    x = np.random.default_rng(0).normal(size=(5, 4))
    _close(model.jacobian(x), _differences(lambda x: model.predict(x, verbose=0), x))
    one_way = Sequential([layers.Input((4,)), _Squares(), layers.Dense(2)])
    with pytest.raises(NotImplementedError, match="must implement `backward"):
        one_way.jacobian(x)
    assert one_way.predict(x, verbose=0).shape == (5, 2)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (None, "must choose one number of each sample"),
        (True, "must be an index"),
        ("label", "must be an index"),
        ({}, "must be an index"),
        (3, r"of shape \(3,\)\. Received: of=3"),
        ((0, 1), r"of shape \(3,\)\. Received: of=\(0, 1\)"),
        ([0, 1], r"a class number for each sample, .* Received: shape=\(2,\) for 9 samples"),
        (np.full(9, 7), "integers from 0 to 2. Received: values from 7 to 7"),
        (np.full(9, 0.5), "not all of them whole"),
        (lambda y: y, "which is 3 numbers"),
        (lambda y: 1.0, "must return what layers, .* Received: float"),
    ],
)
def test_what_of_must_be(of: Any, message: str) -> None:
    model = _classifier()
    model.input_gradient(np.zeros((9, 4)), 1)
    with pytest.raises((ValueError, TypeError), match=message):
        model.input_gradient(np.zeros((9, 4)), of)


def test_what_else_is_refused() -> None:
    model, x = _classifier(), np.zeros((9, 4))
    with pytest.raises(ValueError, match="must be compiled first"):
        model.input_gradient(x, y=np.zeros(9))
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="exclude each other"):
        model.input_gradient(x, 1, y=np.zeros(9))
    with pytest.raises(ValueError, match="class numbers"):
        model.input_gradient(x, y=np.full(9, 5))
    with pytest.raises(ValueError, match="to fit the model"):
        model.jacobian(np.zeros((9, 3)))
    several = Model(inputs := layers.Input((4,)), [layers.Dense(1)(inputs), layers.Dense(1)(inputs)])
    with pytest.raises(ValueError, match="of a model with several outputs, a function"):
        several.input_gradient(x, 0)
