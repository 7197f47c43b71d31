"""Comparisons, choices and the rest that losses and layers of one's own are composed of: on arrays, and in models."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential, _kernels, layers, losses, ops
from kernel_arrays import REALS
from test_functional import check_gradient

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 4))
A[0], B[0] = [1, 0, -1, 2], [1, 0, -2, 3]  # some are equal, some zero

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "greater": ops.greater,
    "greater_equal": ops.greater_equal,
    "less": ops.less,
    "less_equal": ops.less_equal,
    "equal": ops.equal,
    "not_equal": ops.not_equal,
    "with numbers": lambda a, b: ops.logical_or(ops.logical_and(a > 0, b < 1), ops.logical_not(a >= -1)),
    "and": lambda a, b: ops.logical_and(a, b),
    "signs": lambda a, b: (a > 0) | (b <= 0) & (a < 0.5),
    "not": lambda a, b: ~(a > b),
    "where": lambda a, b: ops.where(a > b, a * 2, ops.exp(b)),
    "where, of numbers": lambda a, b: ops.where(a > b, 1.0, ops.where(b > 0, a, -2.0)),
    "where, infinite": lambda a, b: ops.where(a > b, a, -np.inf),
    "where, of a column": lambda a, b: ops.where(a[:, :1] > 0, a, b),
    "clip": lambda a, b: ops.clip(a, -0.5, 1e9) + ops.clip(b, -1e9, 0.25),
    "minimum": lambda a, b: ops.minimum(a, 0.3) * ops.maximum(b, -np.inf),
    "min": lambda a, b: ops.min(a, axis=-1, keepdims=True) + b,
    "sign": lambda a, b: ops.sign(a) * b,
    "log1p": lambda a, b: ops.log1p(a * a) + ops.log1p(1e-9 * (b + 3.0)),
    "sines": lambda a, b: ops.sin(5.0 * a) * ops.cos(b),
    "powers": lambda a, b: a**3 + ops.power(b, 7) + b**0 + ops.power(1.0 + a * a, -2) + 2**b,
    "powers that are no whole numbers": lambda a, b: ops.power(ops.abs(a), 1.5) + (1.5 + b * b) ** -0.75,
    "powers of tensors": lambda a, b: ops.power(1.5 + a * a, b),
    "reciprocals": lambda a, b: ops.reciprocal(a + 5.0) + ops.rsqrt(b * b + 1.0),
    "logarithms": lambda a, b: ops.log2(1.0 + a * a) + ops.log10(1.0 + b * b),
    "sums of exponentials": lambda a, b: ops.logaddexp(a, 2 * b) + ops.logsumexp(a, -1, keepdims=True),
    "deviations": lambda a, b: ops.var(a, -1, keepdims=True) * ops.std(b, axis=-1, keepdims=True),
    "split": lambda a, b: ops.split(a, 2, axis=-1)[0] * ops.split(b, [1, 3], -1)[1],
    "normalized": lambda a, b: ops.normalize(a + 1.0) + ops.normalize(b - 2.0, order=1),
    "divided": lambda a, b: ops.divide_no_nan(a, ops.relu(b + 3.0)),
    "gates": lambda a, b: ops.glu(a) + ops.relu6(3 * b)[:, :2] + ops.hard_swish(b)[:, 2:],
    "norm": lambda a, b: ops.stack([ops.norm(a + b, p, -1) for p in (None, 1, np.inf)], axis=1),
    "stack": lambda a, b: ops.stack([a, b], axis=-1),
    "moved": lambda a, b: ops.roll(a, 1, axis=1) * ops.flip(b, 1) + ops.tile(a[:, :2], (1, 2)),
    "repeated": lambda a, b: ops.repeat(b[:, 2:], 2, 1) * a,
    "matrices": lambda a, b: ops.matmul(a[:, :, None], b[:, None]),
    "turned": lambda a, b: ops.moveaxis(ops.tril(a[:, :, None] * b[:, None]), 2, 1),
    "swapped": lambda a, b: ops.triu(ops.swapaxes(b[..., None] + a[:, None], 1, -1), 1),
    "padded": lambda a, b: ops.pad(a, ((0, 0), (1, 2)), constant_values=-2.0) * ops.pad(b, ((0, 0), (2, 1)), "wrap"),
    "padded with infinity": lambda a, b: ops.pad(a, ((0, 0), (0, 1)), constant_values=np.inf),
    "taken": lambda a, b: ops.take(a, [[1, 1], [3, 0]], axis=1) + b[:, [[2, 3], [0, 0]]],
    "joined": lambda a, b: ops.hstack([ops.append(a, b, axis=-1), ops.diff(a, 2)]),
    "broadcast": lambda a, b: ops.broadcast_to(a[:, None], (9, 3, 4)) * b[:, None],
    "averages": lambda a, b: ops.average(a, axis=1) * ops.average(b, -1, [1.0, 2.0, 3.0, 4.0]),
    "products": lambda a, b: ops.prod(a, axis=1) + ops.prod(b[:, :2], -1, keepdims=True)[:, 0],
    "any and all": lambda a, b: ops.any(a > 1, axis=1) * 1.0 + ops.all(b > -2, axis=1) * 2.0,
    "places of extremes": lambda a, b: ops.argmax(a, axis=-1) + 0.5 * ops.argmin(b, axis=1),
    "sums": lambda a, b: ops.cumsum(a, axis=1) * b,
    "hyperbolic": lambda a, b: ops.sinh(a) + ops.cosh(b) + ops.exp2(a) + ops.tan(b / 3),
    "softmax of columns": lambda a, b: ops.softmax(ops.stack([a, b], axis=1), axis=1),
    "cast": lambda a, b: ops.cast(a > 0, "float64") + ops.cast(b, "bool"),
    "likes": lambda a, b: ops.ones_like(a / 0.5) + ops.zeros_like(b),
    "convert": lambda a, b: ops.convert_to_tensor(a, "float64") + ops.convert_to_tensor(b),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_model_computes_what_numpy_does(name: str) -> None:
    a, b = layers.Input((4,), dtype="float64"), layers.Input((4,), dtype="float64")
    y = FUNCTIONS[name](a, b)
    wanted = FUNCTIONS[name](A, B)
    found = Model([a, b], y)([A, B])
    assert y.shape[1:] == wanted.shape[1:]
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "infini" not in name])
def test_gradients(name: str) -> None:
    a, b = layers.Input((3,), dtype="float64"), layers.Input((3,), dtype="float64")
    x, z = layers.Dense(4)(a), layers.Dense(4)(b)
    y = FUNCTIONS[name](x, z)
    model = Model([a, b], layers.Dense(2)(layers.Flatten()(y)) + layers.Dense(2)(x * z))
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0.1, 0.5, w.shape) for w in model.weights])
    x, z = (rng.normal(size=(6, 3)) for _ in range(2))
    check_gradient(model, [x, z], rng.normal(size=(6, 2)))


@REALS
@pytest.mark.parametrize(
    "name, function",
    [
        ("positive", operator.gt),
        ("not_negative", operator.ge),
        ("is_zero", operator.eq),
        ("sign", lambda x, _: np.sign(x)),
    ],
)
def test_flat_kernels(name: str, function: Callable[[Any, Any], Any], dtype: type) -> None:
    """Exact, of any length; and nothing goes back through them, not even NaN."""
    for n in (1, 5, 40):
        x = np.resize(np.array([2, -0.0, 0, -3, np.nan, np.inf, -np.inf], dtype), n)
        np.testing.assert_array_equal(_kernels.activation(name, x), np.asarray(function(x, 0), dtype))
        np.testing.assert_array_equal(_kernels.activation_backward(name, x, np.full(n, np.nan, dtype)), np.zeros(n))


def test_a_table_of_ones_own_is_gathered_from_and_learns() -> None:
    class Table(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.table = self.add_weight((5, 2), "uniform")

        def call(self, inputs: Any) -> Any:
            return ops.take(self.table, inputs, axis=0)

    ids, y = np.array([[0, 3], [4, 3]]), np.ones((2, 2, 2))
    model = Sequential([layers.Input((2,), dtype="int32"), Table()])
    before = model.get_weights()[0]
    np.testing.assert_array_equal(model.predict(ids, verbose=0), before[ids])
    model.compile("sgd", "mse")
    model.train_on_batch(ids, y)
    gradient = np.zeros((5, 2))
    np.add.at(gradient, ids, 2 * (before[ids] - y) / y.size)
    np.testing.assert_allclose(model.get_weights()[0], before - 0.01 * gradient, rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 4), (1, 3, 4)])
def test_variables_of_one_element_and_of_whole_samples(shape: tuple[int, ...]) -> None:
    class Scaled(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape, "ones", name="factor")
            self.summand = self.add_weight(shape, "zeros", name="summand")

        def call(self, inputs: Any) -> Any:
            return self.summand - ops.maximum(inputs, self.summand) * self.factor

    x = layers.Input((3, 4), dtype="float64")
    model = Model(x, layers.Dense(2)(layers.Flatten()(Scaled()(layers.Dense(4)(x)))))
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    check_gradient(model, rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 2)))
    first, factor, summand = (model.layers[1].get_weights()[0], *model.layers[2].get_weights())
    values = rng.normal(size=(5, 3, 4))
    h = values @ first + model.layers[1].get_weights()[1]
    last, bias = model.layers[-1].get_weights()
    wanted = (summand - np.maximum(h, summand) * factor).reshape(5, 12) @ last + bias
    np.testing.assert_allclose(model(values), wanted, rtol=1e-12)


def test_samples_are_repeated_for_the_variables_that_they_meet() -> None:
    """The layer of a factorization machine."""

    class Pairs(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factors = self.add_weight((input_shape[-1], 3), name="factors")

        def call(self, inputs: Any) -> Any:
            products = inputs[:, :, None] * self.factors
            return 0.5 * ops.sum(ops.square(ops.sum(products, axis=1)) - ops.sum(ops.square(products), axis=1), axis=-1)

    x = layers.Input((4,), dtype="float64")
    model = Model(x, layers.Reshape((1,))(Pairs()(x)))
    rng = np.random.default_rng(4)
    (v,) = model.get_weights()
    values = rng.normal(size=(6, 4))
    wanted = ((values @ v) ** 2 - values**2 @ v**2).sum(1, keepdims=True) / 2
    np.testing.assert_allclose(model(values), wanted, rtol=1e-12)
    check_gradient(model, values, rng.normal(size=(6, 1)))


def test_one_hot_rows() -> None:
    x = layers.Input((2,), dtype="int32")
    numbers = np.array([[0, 2], [1, 1]])
    for axis in (-1, 1):
        y = ops.one_hot(x, 3, axis)
        np.testing.assert_array_equal(Model(x, y)(numbers), ops.one_hot(numbers, 3, axis))


def test_saved_and_loaded(tmp_path: Path) -> None:
    x = layers.Input((4,), dtype="float64")
    model = Model(x, ops.where(~(x > 0.5), ops.sign(x), ops.log1p(x)))
    model.save(tmp_path / "model.safetensors")
    again = fastnn.saving.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again(A), model(A))
    model = Model(x, ops.cumsum(ops.matmul(x, np.ones((4, 3))), axis=1)[:, None])
    assert model.weights == []  # an array is no weight
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(fastnn.saving.load_model(tmp_path / "model.safetensors")(A), model(A))


def test_what_is_not_chosen_has_no_gradient() -> None:
    """log(x) where x > 0: elsewhere it is NaN, and neither it nor its slope gets through."""
    x = layers.Input((3,), dtype="float64")
    h = layers.Dense(3)(x)
    model = Model(x, ops.where(h > 0, ops.log(h), 0.0))
    model.compile("sgd", "mse")
    model.train_on_batch(A[:, :3], np.zeros((9, 3)))
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_huber_of_ones_own_trains() -> None:
    def huber(y_true: Any, y_pred: Any) -> Any:
        e = y_true - y_pred
        return ops.mean(ops.where(ops.abs(e) <= 1, ops.square(e) / 2, ops.abs(e) - 0.5), axis=-1)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5))
    y = x @ rng.normal(size=(5, 2)) * 3
    histories = []
    for loss in (huber, losses.Huber()):
        fastnn.utils.set_random_seed(1)
        model = Sequential([layers.Input((5,), dtype="float64"), layers.Dense(8, "tanh"), layers.Dense(2)])
        model.compile("adam", loss)
        histories.append(model.fit(x, y, epochs=5, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-12)
    assert histories[0][-1] < histories[0][0]
    np.testing.assert_allclose(huber(y, 0 * y).mean(), losses.Huber()(y, 0 * y), rtol=1e-12)


def test_activations_composed_of_ops() -> None:
    x = layers.Input((3,), dtype="float64")
    y = layers.Dense(4, activation=lambda v: ops.tanh(v) * 2)(x)
    model = Model(x, layers.Activation(lambda v: ops.where(v > 0, v, 0.1 * v))(layers.Dense(2)(y)))
    a, b, c, d = model.get_weights()
    z = 2 * np.tanh(A[:, :3] @ a + b) @ c + d
    np.testing.assert_allclose(model.predict(A[:, :3], verbose=0), np.where(z > 0, z, 0.1 * z), rtol=1e-12)
    check_gradient(model, A[:, :3], B[:, :2])
    np.testing.assert_allclose(layers.Activation(lambda v: ops.exp(v) - 1)(A), np.exp(A) - 1, rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match=r"must keep the shape of its input, \(4,\)\. Received: activation="):
        layers.Activation(lambda v: v[:, :2])(A)
    with pytest.raises(NotImplementedError, match="is not composed of fastnn"):
        layers.Activation(np.tanh)(A)


def bump(x: np.ndarray) -> np.ndarray:
    return np.exp(-x * x)


bump.derivative = lambda x: -2 * x * np.exp(-x * x)  # type: ignore[attr-defined]


def test_activations_in_numpy_with_their_derivatives() -> None:
    x, dense = layers.Input((3,), dtype="float64"), layers.Dense(3, bump)
    model = Model(x, layers.Dense(2, bump)(dense(dense(x))))
    a, b, c, d = model.get_weights()
    z = bump(bump(bump(A[:, :3] @ a + b) @ a + b) @ c + d)
    np.testing.assert_allclose(model.predict(A[:, :3], verbose=0), z, rtol=1e-12)
    check_gradient(model, A[:, :3], B[:, :2])

    def short(x: np.ndarray) -> np.ndarray:
        return x[:, :1]

    short.derivative = short  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"must keep the shape of x, \(9, 4\)\. Received: \(9, 1\)"):
        layers.Activation(short)(A)


def test_arrays_keep_their_dtype() -> None:
    x = np.array([-1, 2], np.float32)
    for y in (ops.maximum(x, 0.0), ops.where(x > 0, x, 0.0), ops.clip(x, 0.0, 1.0), ops.add(1, x), ops.ones_like(x)):
        assert y.dtype == np.float32
    assert ops.cast(x, "int32").dtype == np.int32
    assert ops.convert_to_numpy([1.0]).dtype == np.float64
    assert ops.shape(x) == (2,)
    assert ops.shape(layers.Input((3,))) == (None, 3)


def test_a_power_of_zero_has_a_finite_slope() -> None:
    x = layers.Input((2,), dtype="float64")
    model = Model(x, ops.power(x, 1.7))
    np.testing.assert_allclose(model.input_gradient(np.array([[0.0, 1.0]]), lambda y: ops.sum(y, -1)), [[0, 1.7]])


def test_sines_stay_exact_near_zero_and_lose_what_the_argument_loses() -> None:
    x = layers.Input((4,))
    values = np.array([[1e-6, -1e-3, 50.0, -3e3]], np.float32)
    for function, beside in ((ops.sin, np.sin), (ops.cos, np.cos)):
        apart = np.abs(Model(x, function(x))(values) - beside(values.astype(float)))
        assert (apart <= 2.0**-23 * np.maximum(np.abs(values), np.abs(beside(values)))).all()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: ops.split(x, 3, -1), ValueError, "must divide the axis, of length 4"),
        (lambda x: ops.split(x, 2), ValueError, "not the batch's"),
        (lambda x: ops.squeeze(x), ValueError, "Received: axis=None"),
        (lambda x: ops.transpose(x), ValueError, "begin with 0"),
        (lambda x: ops.median(x, axis=-1), TypeError, r"fastnn\.ops that are NumPy's own, do not take it"),
        (lambda x: ops.argmax(x), ValueError, "Received: axis=None"),
        (lambda x: ops.cumsum(x, axis=0), ValueError, "behind the batch's. Received: axis=0"),
        (lambda x: ops.roll(x, 1), ValueError, "samples of a batch must stay apart"),
        (lambda x: ops.tile(x, (1, 2, 1)), ValueError, "samples of a batch must stay apart"),
        (lambda x: ops.tile(x, (1, 1 << 30)), ValueError, "Received: .* 1073741824 times that"),
        (lambda x: ops.pad(x, 1), ValueError, "Received: pad_width=1"),
        (lambda x: ops.dot(x, x), NotImplementedError, "would mix the samples"),
        (lambda x: ops.matmul(x, x), ValueError, r"layers\.Dot\(axes=1\)"),
        (lambda x: ops.append(x, x), ValueError, "Received: axis=None"),
        (lambda x: ops.take(x, x, axis=1), NotImplementedError, r"layers\.Embedding"),
        (lambda x: x[:, None, 0, 0], ValueError, "more indices than axes"),
        (lambda x: x[None], NotImplementedError, "after ':' for the batch"),
        (lambda x: ops.expand_dims(x, (1, 1)), ValueError, r"Received: axis=\(1, 1\)"),
        (lambda x: ops.power(-2.0, x), NotImplementedError, r"a positive number\. Received: -2\.0 \*\*"),
        (lambda x: ops.where([True] * 4, x, 0.0), NotImplementedError, "`condition` must be a symbolic tensor"),
        (lambda x: ops.cast(x, "int32"), NotImplementedError, "Received: dtype='int32'"),
        (lambda x: ops.norm(x, 3, -1), NotImplementedError, "Received: ord=3, axis=-1"),
        (lambda x: ops.norm(x), NotImplementedError, "Received: ord=None, axis=None"),
        (ops.convert_to_numpy, TypeError, "has no elements"),
        (lambda x: bool(x > 0), TypeError, "neither true nor false"),
        (lambda x: ops.stack([x, x]), ValueError, "axis"),
    ],
)
def test_errors(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(layers.Input((4,)))


def test_a_gradient_stops() -> None:
    x = layers.Input((4,), dtype="float64")
    model = Model(x, ops.sum(ops.stop_gradient(x) * x, axis=-1, keepdims=True))
    np.testing.assert_allclose(model(A), (A * A).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.input_gradient(A), A)
    frozen = Model(x, layers.Dense(2)(ops.stop_gradient(layers.Dense(3)(x))))
    frozen.compile("sgd", "mse")
    before = frozen.get_weights()
    frozen.fit(A, B[:, :2], verbose=0)
    moved = [bool((w != b).any()) for w, b in zip(frozen.get_weights(), before, strict=True)]
    assert moved == [False, False, True, True]


@pytest.mark.parametrize(
    "of",
    [
        lambda x, v: ops.matmul(x, ops.square(v)),
        lambda x, v: ops.matmul(x, v * 2.0),
        lambda x, v: x * v[0],
        lambda x, v: x * float(v[0, 0]),
        lambda x, v: ops.matmul(x, v / ops.sqrt(ops.sum(ops.square(v), axis=0))),
    ],
)
def test_nothing_is_made_of_variables_alone(of: Callable[[Any, Any], Any]) -> None:
    """It would be a constant of the compiled program: neither learned through nor renewed."""

    class Own(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.own = self.add_weight((3, 3), name="own")

        def call(self, inputs: Any) -> Any:
            return of(inputs, self.own)

    with pytest.raises(NotImplementedError, match=r"Compute it of the inputs.*Received: the variable '.*/own'"):
        Own()(np.ones((2, 3)))
