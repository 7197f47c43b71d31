"""Models as graphs: several inputs and outputs, merging, sharing, nesting, arithmetic; and their gradients."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastnn import Model, ops
from fastnn import layers as L
from fastnn.layers.layer import Layer
from fastnn.losses import Loss
from fastnn.models import Sequential, clone_model
from fastnn.optimizers import SGD
from fastnn.utils import set_random_seed

STEP = 1e-6
RNG = np.random.default_rng(4)
A, B = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 5))


def two(join: Callable[..., Any]) -> Model:
    a, b = L.Input((5,), dtype="float64", name="a"), L.Input((5,), dtype="float64", name="b")
    hidden = L.Dense(4, "tanh")
    return Model([a, b], L.Dense(3)(join(hidden(a), L.Dense(4, "tanh")(b), hidden(b))))


class Residual(Layer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = L.Dense(units, "tanh")

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight((input_shape[-1],), "ones", name="gain")
        self.mix = self.add_weight((input_shape[-1], input_shape[-1]), name="mix")

    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, self.mix) * self.gain + self.dense(inputs) + inputs


JOINS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b, c: L.Add()([a, b, c]),
    "subtract": lambda a, b, c: L.add([L.subtract([a, b]), c]),
    "multiply": lambda a, b, c: L.Multiply()([a, b, c]),
    "average": lambda a, b, c: L.Average()([a, b, c]),
    "maximum": lambda a, b, c: L.Maximum()([a, b, c]),
    "minimum": lambda a, b, c: L.Minimum()([a, b, c]),
    "concatenate": lambda a, b, c: L.Concatenate()([a, b, c, a]),
    "dot": lambda a, b, c: L.Concatenate()([L.Dot(1)([a, b]), L.Dot(1, normalize=True)([b, c])]),
    "broadcast": lambda a, b, c: L.Multiply()([a, L.Dense(1)(b)]) + c,
    "arithmetic": lambda a, b, c: (2 * a - 1) / (b * b + 3.0) - c / 2 + 1 / (c**2 + 1.5) + abs(a) ** 3,
    "functions": lambda a, b, c: ops.exp(-a) + ops.log(ops.square(b) + 1.0) + ops.sqrt(c * c + 0.1) + ops.gelu(a),
    "slices": lambda a, b, c: L.Concatenate()([a[:, 1:3], b[:, ::-1], c[:, :1]]),
    "reductions": lambda a, b, c: L.Concatenate()(
        [ops.mean(a, -1, keepdims=True), ops.sum(b, 1, keepdims=True), ops.max(c, -1, keepdims=True)]
    ),
    "shapes": lambda a, b, c: L.Flatten()(
        L.Permute((2, 1))(L.Reshape((2, 2))(a)) + L.RepeatVector(2)(b[:, :2]) + L.Reshape((1, 1))(c[:, :1])
    ),
    "middle": lambda a, b, c: (
        L.Flatten()(L.Concatenate(axis=1)([L.Reshape((2, 2))(a), L.Reshape((2, 2))(b)])) + L.Dense(8)(c)
    ),
    "composed": lambda a, b, c: Residual(4)(Residual(4)(a) + b) + c,
    "nested": lambda a, b, c: Sequential([L.Dense(3, "tanh"), L.Dense(4)])(a) + L.Identity()(b) + c,
}  # fmt: skip


def check_gradient(model: Model, x: Any, y: Any, loss: Any = "mse") -> None:
    """One step of gradient descent at rate 1 moves every weight by its derivative of the loss."""
    model.compile(SGD(1.0), loss)
    before = model.get_weights()
    model.train_on_batch(x, y)
    gradients = [b - a for b, a in zip(before, model.get_weights(), strict=True)]
    rng = np.random.default_rng(8)
    for at, weights in enumerate(before):
        direction = rng.normal(size=weights.shape)
        losses = []
        for sign in (1, -1):
            model.set_weights([w + sign * STEP * direction if i == at else w for i, w in enumerate(before)])
            losses.append(np.ravel(model.test_on_batch(x, y))[0])
        slope = (losses[0] - losses[1]) / (2 * STEP)
        found = (gradients[at] * direction).sum()
        assert found == pytest.approx(slope, rel=1e-5, abs=1e-7), model.weights[at].path
    model.set_weights(before)


@pytest.mark.parametrize("name", JOINS)
def test_gradients(name: str) -> None:
    model = two(JOINS[name])
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0.1, 0.5, w.shape) for w in model.weights])
    check_gradient(model, [A, B], RNG.normal(size=(6, 3)))


def test_values_beside_numpy() -> None:
    a, b = L.Input((5,), dtype="float64", name="a"), L.Input((5,), dtype="float64", name="b")
    model = Model({"a": a, "b": b}, [2 * a + b * 3 - 1, L.Concatenate()([a, b]), ops.relu(a), (a / b)[:, 1]])
    total, both, positive, column = model({"b": B, "a": A})
    np.testing.assert_allclose(total, 2 * A + 3 * B - 1, rtol=1e-14)
    np.testing.assert_array_equal(both, np.hstack([A, B]))
    np.testing.assert_array_equal(positive, np.maximum(A, 0))
    np.testing.assert_allclose(column, (A / B)[:, 1])


def test_several_outputs_and_losses() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 5)).astype("float32")
    y = {"number": x @ rng.normal(size=(5, 1)), "kind": rng.integers(3, size=200)}
    inputs = L.Input((5,))
    hidden = L.Dense(8, "relu")(inputs)
    outputs = {
        "number": L.Dense(1, name="number")(hidden),
        "kind": L.Dense(3, "softmax", name="kind")(hidden),
    }
    model = Model(inputs, outputs)
    model.compile(
        "adam",
        loss={"number": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"number": 2.0, "kind": 0.5},
        metrics={"kind": ["accuracy"]},
    )
    history = model.fit(x, y, epochs=3, verbose=0).history
    assert set(history) == {"loss", "number_loss", "kind_loss", "kind_accuracy"}
    total = 2 * np.array(history["number_loss"]) + 0.5 * np.array(history["kind_loss"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-5)
    predicted = model.predict(x, verbose=0)
    assert predicted["number"].shape == (200, 1)
    assert predicted["kind"].shape == (200, 3)
    values = model.evaluate(x, y, verbose=0, return_dict=True)
    assert values["number_loss"] == pytest.approx(np.mean((predicted["number"] - y["number"]) ** 2), rel=1e-5)
    weighted = model.evaluate(x, y, verbose=0, sample_weight={"kind": np.zeros(200)}, return_dict=True)
    assert weighted["kind_loss"] == 0
    assert weighted["number_loss"] == pytest.approx(values["number_loss"])


def test_an_output_without_a_loss_does_not_learn() -> None:
    inputs = L.Input((5,))
    hidden = L.Dense(4, "relu")(inputs)
    model = Model(inputs, [L.Dense(1, name="one")(hidden), L.Dense(2, name="two")(hidden)])
    model.compile("adam", loss={"one": "mse"})
    before = model.get_layer("two").get_weights()
    model.fit(A, {"one": A[:, :1]}, verbose=0)
    for old, new in zip(before, model.get_layer("two").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_shared_layers_have_their_weights_once() -> None:
    model = two(JOINS["add"])
    assert len(model.weights) == 6
    assert [layer.name for layer in model.layers][:2] == ["a", "b"]


@pytest.mark.parametrize("name", [name for name in JOINS if name not in ("composed", "functions")])
def test_configuration_and_copies(name: str) -> None:
    model = two(JOINS[name])
    expected = model([A, B])
    again = Model.from_config(model.get_config(), {"Residual": Residual})
    again.set_weights(model.get_weights())
    for other in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other([A, B]), expected)


def test_layers_of_a_trained_model_are_used_again() -> None:
    base = Sequential([L.Input((5,)), L.Dense(4, "relu", name="first"), L.Dense(2)])
    features = Model(base.input, base.layers[0].output)
    np.testing.assert_allclose(
        features(A), np.maximum(A @ base.layers[0].kernel.value + base.layers[0].bias.value, 0), rtol=1e-5
    )
    features.trainable = False
    model = Sequential([features, L.Dense(1)])
    model.compile("adam", "mse")
    before = base.layers[0].get_weights()
    model.fit(A, A[:, :1], verbose=0)
    np.testing.assert_array_equal(base.layers[0].get_weights()[0], before[0])


def test_a_subclass_with_call() -> None:
    class Net(Model):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = [L.Dense(8, "relu"), L.Dropout(0.1)]
            self.head = L.Dense(1)

        def call(self, inputs: Any, training: bool = False) -> Any:
            for block in self.blocks:
                inputs = block(inputs)
            return self.head(inputs)

    set_random_seed(1)
    model = Net()
    model.compile(SGD(0.02), "mse")
    before = model.evaluate(A, A[:, :1], verbose=0)
    model.fit(A, A[:, :1], epochs=100, verbose=0)
    assert model.evaluate(A, A[:, :1], verbose=0) < 0.7 * before
    assert len(model.weights) == 4
    assert model.predict(A, verbose=0).shape == (6, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a, b: Model(a, L.Add()([a, b])), "not among the inputs"),
        (lambda a, b: L.Concatenate(1)([L.Reshape((5, 1))(a), L.Reshape((1, 5))(b)]), "equal shapes"),
        (lambda a, b: L.Add()([a, L.Dense(3)(b)]), "broadcast together"),
        (lambda a, b: L.Add()(a), "list of inputs"),
        (lambda a, b: L.Subtract()([a, b, a]), "exactly 2"),
        (lambda a, b: Model(A, B), "symbolic tensors"),
        (lambda a, b: np.exp(a), "NumPy|operand"),
        (lambda a, b: bool(a), "neither true nor false"),
        (lambda a, b: L.Reshape((3,))(a), "number of elements"),
        (lambda a, b: L.Permute((1, 3)), "each once"),
        (lambda a, b: L.Dense(3)([a, A]), "either symbolic tensors or arrays"),
    ],
)
def test_mistakes(make: Callable[..., Any], message: str) -> None:
    a, b = L.Input((5,)), L.Input((5,))
    with pytest.raises((ValueError, TypeError), match=message):
        make(a, b)


def test_arrays_by_unknown_names_are_refused() -> None:
    model = two(JOINS["add"])
    model.compile("adam", "mse")
    for x in ({"a": A}, {"a": A, "b": B, "c": A}, [A], [A, B, A], [A, B[:3]]):
        with pytest.raises(ValueError, match="Received"):
            model.fit(x, A[:, :3], verbose=0)


def _distance(y_true: Any, y_pred: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(y_true - y_pred), axis=-1) + 0.1)


class Distance(Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return _distance(y_true, y_pred)


@pytest.mark.parametrize("loss", [_distance, Distance()])
@pytest.mark.parametrize("shape", [(5,), (2, 5)])
def test_a_loss_composed_of_ops_is_traced(loss: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    x, y, weight = rng.normal(size=(6, *shape)), rng.normal(size=(6, *shape[:-1], 3)), rng.uniform(size=6)
    model = Sequential([L.Input(shape), L.Dense(4, "tanh"), L.Dense(3)], dtype="float64")
    check_gradient(model, x, y, loss)
    rows = _distance(y, model.predict(x, verbose=0))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(rows.mean())
    weighted = rows * weight.reshape(-1, *(1,) * (len(shape) - 1))
    assert model.evaluate(x, y, verbose=0, sample_weight=weight) == pytest.approx(weighted.mean())


def test_a_loss_that_averages_everything_is_the_mean_of_the_rows() -> None:
    y = RNG.normal(size=(6, 5))
    model = Sequential([L.Input((5,)), L.Dense(5)], dtype="float64")
    model.compile("sgd", lambda y_true, y_pred: ops.mean(ops.square(y_true - y_pred)))
    assert model.evaluate(A, y, verbose=0) == pytest.approx(np.mean((model.predict(A, verbose=0) - y) ** 2))


def test_a_clone_has_weights_of_its_own() -> None:
    model = two(JOINS["nested"])
    clone = clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone([A, B]), model([A, B]))
    clone.set_weights([w + 1 for w in model.get_weights()])
    assert np.abs(clone([A, B]) - model([A, B])).max() > 0.1
    with pytest.raises(ValueError, match="`model`"):
        clone_model(L.Dense(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arithmetic_with_an_array_is_in_the_dtype_of_the_model(dtype: str) -> None:
    x = L.Input((3,), dtype=dtype)
    third = np.array([1 / 3, 2 / 3, 1.0])
    y = Model(x, x * third + third).predict(np.ones((2, 3)), verbose=0)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, np.tile(2 * third, (2, 1)), rtol=4 * np.finfo(dtype).eps)


def test_a_graph_with_a_cycle_is_refused() -> None:
    x = L.Input((3,))
    hidden = L.Dense(3)(x)
    y = L.Add()([x, hidden])
    hidden.node.inputs = y  # no call makes one
    with pytest.raises(ValueError, match=r"cannot have a cycle.*Received: <Tensor .*computed from itself"):
        Model(x, y)


def test_a_layer_in_itself_is_refused() -> None:
    class Holding(Layer):
        def __init__(self) -> None:
            super().__init__(name="outer")
            self.dense = L.Dense(3, name="inner")
            self.dense.parent = self

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    class Mine(Model):
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.dense, self.me = L.Dense(3), self

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    x = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"weakref\.ref.*Received: outer > inner > outer"):
        Holding()(x)
    mine = Mine()
    mine.compile("sgd", "mse")
    for use in (mine.predict, lambda x: mine.fit(x, x), lambda x: setattr(mine, "trainable", False)):
        with pytest.raises(ValueError, match="Received: mine > mine"):
            use(x)


def test_a_sequential_model_is_not_added_to_itself() -> None:
    inner = Sequential([L.Dense(3)], name="in")
    outer = Sequential([inner], name="out")
    for layer, way in ((inner, "in > in"), (outer, "in > out > in")):
        with pytest.raises(ValueError, match=f"Received: {way}"):
            inner.add(layer)
    assert outer(np.ones((2, 3), np.float32)).shape == (2, 3)


def test_what_a_layer_was_called_on_first() -> None:
    dense = L.Dense(2)
    with pytest.raises(AttributeError, match="no such call"):
        _ = dense.output
    x, z = L.Input((3,)), L.Input((3,))
    first = dense(x)
    dense(z)
    assert dense.output is first
    assert dense.input is x


def test_the_order_of_what_evaluate_returns() -> None:
    x = L.Input((3,))
    model = Model(x, {"b": L.Dense(1)(x), "a": L.Dense(1)(x)})
    targets = {"a": np.ones((4, 1)), "b": np.full((4, 1), 5.0)}
    for loss, losses in (({"b": "mse", "a": "mse"}, ["b_loss", "a_loss"]), ("mse", ["a_loss", "b_loss"])):
        model.compile("sgd", loss, metrics={"b": ["mae", "mse"], "a": "mae"})
        by_name = model.evaluate(np.ones((4, 3)), targets, verbose=0, return_dict=True)
        names = ["loss", *losses, "a_mae", "b_mae", "b_mse"]
        assert model.metrics_names == names
        assert model.evaluate(np.ones((4, 3)), targets, verbose=0) == [by_name[name] for name in names]
    alone = Model(x, L.Dense(1)(x))
    alone.compile("sgd", "mse", metrics=["mae", "mse"], weighted_metrics=["mae", "mape"])
    alone.evaluate(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert alone.metrics_names == ["loss", "mae", "mse", "mape", "weighted_mae"]
