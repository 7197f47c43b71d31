"""Models as Keras users write them: built when, of which layers, under which names; copied and described."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from fastnn import layers, metrics
from fastnn.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Input, InputLayer, Layer
from fastnn.models import Sequential
from small_models import assert_same_weights, blobs, classifier

pytestmark = pytest.mark.usefixtures("repeatable")


def test_names_shapes_and_counts() -> None:
    model = Sequential([Input((8,)), Dense(10, "relu"), Dense(1)])
    assert model.name == "sequential"
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert [variable.path for variable in model.weights] == [
        "dense/kernel",
        "dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    assert [variable.shape for variable in model.weights] == [(8, 10), (10,), (10, 1), (1,)]
    assert model.count_params() == 101
    assert [layer.count_params() for layer in model.layers] == [90, 11]
    assert model.built
    assert model.input_shape == (None, 8)
    assert model.output_shape == (None, 1)
    assert model.get_layer("dense_1") is model.get_layer(index=1) is model.layers[1]
    with pytest.raises(ValueError, match="'nobody'"):
        model.get_layer("nobody")


@pytest.mark.parametrize(
    "first",
    [
        lambda: [Input((8,)), Dense(4)],
        lambda: [Input(shape=(8,)), Dense(4)],
        lambda: [InputLayer((8,)), Dense(4)],
        lambda: [InputLayer(input_shape=(8,)), Dense(4)],
        lambda: [InputLayer(batch_shape=(None, 8)), Dense(4)],
        lambda: [Dense(4, input_shape=(8,))],
        lambda: [Dense(4, input_dim=8)],
    ],
)
def test_ways_to_give_an_input_shape(first: Callable[[], list[Layer]]) -> None:
    model = Sequential(first())
    assert model.built
    assert model.count_params() == 36
    assert len(model.layers) == 1


def test_deferred_build(rng: np.random.Generator) -> None:
    def make() -> Sequential:
        model = Sequential([Dense(7, "tanh"), Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    x, y = blobs(rng)
    assert not make().built
    with pytest.raises(ValueError, match="before it is built"):
        _ = make().weights
    by_build = make()
    by_build.build((None, 5))
    assert by_build.count_params() == 5 * 7 + 7 + 7 * 3 + 3
    for use in (
        lambda model: model.fit(x, y, verbose=0),
        lambda model: model.evaluate(x, y, verbose=0),
        lambda model: model.predict(x, verbose=0),
        lambda model: model.train_on_batch(x, y),
        lambda model: model(x),
    ):
        model = make()
        use(model)
        assert model.built
        assert model.count_params() == by_build.count_params()


def test_add_and_pop(rng: np.random.Generator) -> None:
    x, _ = blobs(rng)
    model = Sequential()
    model.add(Input((5,)))
    model.add(Dense(7, "tanh"))
    hidden = model.predict(x, verbose=0)
    assert hidden.shape == (100, 7)
    last = Dense(3)
    model.add(last)
    assert model.predict(x, verbose=0).shape == (100, 3)
    assert model.pop() is last
    np.testing.assert_array_equal(model.predict(x, verbose=0), hidden)
    model.add(Dense(2, name="other"))
    assert model.predict(x, verbose=0).shape == (100, 2)
    model.compile("sgd", "mse")
    model.fit(x, x[:, :2], verbose=0)
    empty = Sequential()
    with pytest.raises(TypeError, match="no layers"):
        empty.pop()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda model: model.add("dense"), "Only layers"),
        (lambda model: model.add(Dense(3, name="first")), "'first'"),
        (lambda model: model.add(Input((3,))), "Input"),
        (lambda model: model.add(Dense(3, dtype="float64")), "float64"),
        (lambda model: model.add(Flatten("channels_first")), "channels_first"),
        (lambda model: model.add(BatchNormalization(axis=3)), "axis=3"),
    ],
)
def test_a_layer_that_does_not_fit_is_not_added(build: Callable[[Sequential], None], message: str) -> None:
    model = Sequential([Input((4,)), Dense(4, name="first")])
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        build(model)
    assert len(model.layers) == 1
    assert model.output_shape == (None, 4)
    assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 4)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_copies_and_pickles(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    model.fit(x, y, verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
        assert other.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
        kept = model.get_weights()
        other.fit(x, y, shuffle=False, verbose=0)
        np.testing.assert_array_equal(kept[0], model.get_weights()[0])
        assert not np.array_equal(kept[0], other.get_weights()[0])
    again = copy.deepcopy(model)
    model.fit(x, y, shuffle=False, verbose=0)
    again.fit(x, y, shuffle=False, verbose=0)  # with the optimizer's slots and its number of steps
    assert_same_weights(model, again)


def test_configuration_round_trip() -> None:
    model = Sequential(
        [
            Input((4, 5)), layers.Normalization(mean=1.0, variance=2.0), Dense(7, "relu", kernel_regularizer="l2"),
            BatchNormalization(momentum=0.9), Activation("gelu"), Dropout(0.3), Flatten(), Dense(2, use_bias=False),
        ],
        name="mine",
        dtype="float64",
    )  # fmt: skip
    other = Sequential.from_config(model.get_config())
    assert other.get_config() == model.get_config()
    assert other.count_params() == model.count_params()
    assert other.dtype == np.float64
    other.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_array_equal(model(x), other(x))


@pytest.mark.parametrize("name", ["train_step", "test_step", "compute_loss"])
def test_a_method_that_keras_would_train_by_is_not_passed_over(name: str) -> None:
    model = type("Own", (Sequential,), {name: lambda self, *arguments: None})([Input((2,)), Dense(1)])
    assert model.predict(np.ones((3, 2)), verbose=0).shape == (3, 1)
    with pytest.raises(NotImplementedError, match=rf"train_on_batch.*Received: model 'own.*' .* with {name}$"):
        model.compile("sgd", "mse")
    assert not model.compiled


def test_compile_takes_no_running_names() -> None:
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse", metrics=["AUC"])
    assert metrics.AUC().name == "auc"
