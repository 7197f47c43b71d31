"""Layers, losses and metrics that users write in Python, beside those in C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import losses, metrics
from fastnn.layers import Dense, Input, Layer
from fastnn.models import Model, Sequential
from fastnn.optimizers import SGD, Adam
from small_models import blobs, twins

pytestmark = pytest.mark.usefixtures("repeatable")


class PythonDense(Layer):
    """A dense layer with tanh, written with NumPy."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*input_shape[:-1], self.units)

    def forward(self, x: NDArray) -> NDArray:
        self.x = x.copy()
        self.y = np.tanh(x @ self.kernel.value + self.bias.value)
        return self.y

    def backward(self, dy: NDArray) -> tuple[NDArray, list[NDArray]]:
        dz = dy * (1 - self.y**2)
        return dz @ self.kernel.value.T, [self.x.T @ dz, dz.sum(axis=0)]


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_layer_written_in_python(place: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=(50, 5))
    y = rng.normal(size=(50, 3))

    def make(at: str) -> Sequential:
        built = [Dense(7, "tanh"), Dense(6, "tanh"), Dense(3, "tanh")]
        index = {"first": 0, "middle": 1, "last": 2, "none": None}[at]
        if index is not None:
            built[index] = PythonDense(built[index].units)
        model = Sequential([Input((5,)), *built], dtype="float64")
        model.compile(Adam(0.01, clipnorm=0.5), "mse", metrics=["mae"])
        return model

    python, compiled = make(place), make("none")
    python.set_weights(compiled.get_weights())
    histories = [
        model.fit(x, y, epochs=3, shuffle=False, verbose=0, validation_split=0.2).history
        for model in (python, compiled)
    ]
    for name in histories[0]:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-10)
    for one, other in zip(python.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, 1e-9, 1e-12)
    np.testing.assert_allclose(python.predict(x, verbose=0), compiled.predict(x, verbose=0), rtol=1e-9)


def test_a_layer_in_python_that_does_not_learn_needs_no_gradients(rng: np.random.Generator) -> None:
    class Square(Layer):
        def forward(self, x: NDArray) -> NDArray:
            self.x = x.copy()
            return x * x

        def backward(self, dy: NDArray) -> NDArray:
            return 2 * self.x * dy

    x, y = blobs(rng)
    model = Sequential([Input((5,)), Dense(4), Square(), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_an_exception_in_a_python_layer_comes_out_and_leaves_a_usable_model(rng: np.random.Generator) -> None:
    class Fragile(Layer):
        broken = False

        def forward(self, x: NDArray) -> NDArray:
            if self.broken:
                raise ZeroDivisionError("fragile")
            return x

        def backward(self, dy: NDArray) -> NDArray:
            return dy

    x, y = blobs(rng)
    fragile = Fragile()
    model = Sequential([Input((5,)), Dense(4), fragile, Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    fragile.broken = True
    for use in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model(x),
    ):
        with pytest.raises(ZeroDivisionError, match="fragile"):
            use()
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    fragile.broken = False
    model.fit(x, y, verbose=0)


def test_a_layer_without_backward_says_so(rng: np.random.Generator) -> None:
    class OneWay(Layer):
        def forward(self, x: NDArray) -> NDArray:
            return x + 1

    x, y = blobs(rng)
    model = Sequential([Input((5,)), Dense(3), OneWay()])
    assert model.predict(x, verbose=0).shape == (100, 3)
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="backward"):
        model.fit(x, np.eye(3)[y], verbose=0)


def test_a_layer_with_a_backward_is_called_once_in_training(rng: np.random.Generator) -> None:
    """`backward(dy)` sees what the last `forward` kept, so two calls would get wrong gradients."""
    shared, inputs = PythonDense(5), Input((5,))
    model = Model(inputs, shared(shared(inputs)))
    x = rng.normal(size=(4, 5))
    assert model.predict(x, verbose=0).shape == (4, 5)
    model.compile("sgd", "mse")
    assert model.evaluate(x, x, verbose=0) > 0
    before = model.get_weights()
    with pytest.raises(NotImplementedError, match=r"called once.*`call`"):
        model.fit(x, x, verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def _squared(y_true: NDArray, y_pred: NDArray) -> tuple[NDArray, NDArray]:
    e = y_pred - y_true
    return (e * e).mean(axis=-1), 2 * e / e.shape[-1]


def _binary(y_true: NDArray, y_pred: NDArray) -> tuple[NDArray, NDArray]:
    loss = -(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred))
    return loss.mean(axis=-1), (y_pred - y_true) / (y_pred * (1 - y_pred)) / y_true.shape[-1]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("function", "name", "activation"),
    [(_squared, "mse", None), (_squared, "mse", "sigmoid"), (_binary, "binary_crossentropy", "sigmoid")],
)
def test_a_loss_written_in_python(
    function: Callable, name: str, activation: str | None, weighted: bool, rng: np.random.Generator
) -> None:
    x, y = rng.normal(size=(50, 5)), rng.integers(2, size=(50, 2)).astype(float)
    weight = rng.uniform(0, 2, size=50) if weighted else None

    def make() -> Sequential:
        return Sequential([Input((5,)), Dense(7, "tanh"), Dense(2, activation)], dtype="float64")

    python, compiled = twins(make)
    python.compile(Adam(0.01), function, metrics=["mae"])
    compiled.compile(Adam(0.01), name, metrics=["mae"])
    histories = [
        model.fit(x, y, epochs=3, shuffle=False, verbose=0, sample_weight=weight).history
        for model in (python, compiled)
    ]
    for metric in histories[1]:
        np.testing.assert_allclose(histories[0][metric], histories[1][metric], rtol=1e-10)
    for one, other in zip(python.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, 1e-9, 1e-12)
    np.testing.assert_allclose(
        python.evaluate(x, y, sample_weight=weight, verbose=0),
        compiled.evaluate(x, y, sample_weight=weight, verbose=0), rtol=1e-9,
    )  # fmt: skip


def test_a_loss_class_written_in_python(rng: np.random.Generator) -> None:
    class Squared(losses.Loss):
        def call(self, y_true: NDArray, y_pred: NDArray) -> NDArray:
            return _squared(y_true, y_pred)[0]

        def loss_and_gradient(self, y_true: NDArray, y_pred: NDArray) -> tuple[NDArray, NDArray]:
            return _squared(y_true, y_pred)

    x = rng.normal(size=(50, 5))
    for reduction in ("sum_over_batch_size", "sum"):
        python, compiled = twins(lambda: Sequential([Input((5,)), Dense(2)], dtype="float64"))
        python.compile(SGD(0.001), Squared(reduction=reduction))
        compiled.compile(SGD(0.001), losses.MeanSquaredError(reduction=reduction))
        for model in (python, compiled):
            model.fit(x, x[:, :2], shuffle=False, verbose=0)
        for one, other in zip(python.get_weights(), compiled.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, 1e-10, 1e-13)


def test_a_metric_written_in_python(rng: np.random.Generator) -> None:
    class Absolute(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="absolute")
            self.sums = self.add_variable((2,), "zeros", dtype="float64", name="sums")

        def update_state(self, y_true: NDArray, y_pred: NDArray, sample_weight: NDArray | None = None) -> None:
            values = np.abs(y_true - y_pred).mean(axis=-1)
            weights = np.ones(len(values)) if sample_weight is None else sample_weight
            self.sums += [(values * weights).sum(), weights.sum()]

        def result(self) -> float:
            return float(self.sums[0] / self.sums[1])

    def worst(y_true: NDArray, y_pred: NDArray) -> NDArray:
        return np.abs(y_true - y_pred).max(axis=-1)

    x, y = rng.normal(size=(50, 5)), rng.normal(size=(50, 3))
    model = Sequential([Input((5,)), Dense(3)], dtype="float64")
    model.compile(
        "sgd", "mse", metrics=["mae", Absolute(), worst], weighted_metrics=[metrics.MeanAbsoluteError(name="w")]
    )
    history = model.fit(x, y, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["absolute"], history["mae"], rtol=1e-12)
    weight = rng.uniform(size=50)
    found = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    error = np.abs(model.predict(x, verbose=0) - y)
    assert found["absolute"] == pytest.approx(error.mean(), rel=1e-12)
    assert found["mae"] == pytest.approx(error.mean(), rel=1e-12)
    assert found["worst"] == pytest.approx(error.max(axis=1).mean(), rel=1e-12)
    assert found["w"] == pytest.approx((error.mean(axis=1) * weight).sum() / weight.sum(), rel=1e-12)
