"""Models as Keras users write them: what is built when, what is trained, evaluated and predicted, and on which data."""

from __future__ import annotations

import copy
import gc
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastnn
from fastnn import layers, losses, metrics
from fastnn._registry import reset_names
from fastnn.callbacks import Callback, History
from fastnn.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Input, InputLayer, Layer
from fastnn.models import Model, Sequential
from fastnn.optimizers import SGD, Adam
from fastnn.random import set_random_seed
from fastnn.regularizers import L2


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    set_random_seed(3)
    reset_names()


@pytest.fixture
def _threads() -> Iterator[None]:
    before = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(before)


def classifier(dtype: str | None = None) -> Sequential:
    model = Sequential([Input((5,)), Dense(7, "tanh"), Dense(3, "softmax")], dtype=dtype)
    model.compile(Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def twins(make: Callable[[], Sequential]) -> tuple[Sequential, Sequential]:
    """Two models with the same weights."""
    first, second = make(), make()
    second.set_weights(first.get_weights())
    return first, second


def blobs(rng: np.random.Generator, samples: int = 100) -> tuple[NDArray, NDArray]:
    y = rng.integers(3, size=samples)
    return rng.normal(size=(samples, 5)) + y[:, None], y


def assert_same_weights(first: Sequential, second: Sequential) -> None:
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# --- the script that Keras users start with ---


def test_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"np": np}
    exec(
        """
from fastnn.models import Sequential
from fastnn.layers import Dense
model = Sequential()
model.add(Dense(10, input_dim=8, activation='relu'))
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
x = np.random.random((1000, 8))
y = np.random.randint(2, size=(1000, 1))
history = model.fit(x, y, epochs=10, batch_size=32)
""",
        namespace,
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == [f"Epoch {epoch}/10" for epoch in range(1, 11)]
    for line in lines[1::2]:
        assert re.fullmatch(r"32/32 ━{20} \d+s \d+[um]?s/step - accuracy: 0\.\d{4} - loss: \d\.\d{4}", line), line
    history = namespace["history"]
    assert isinstance(history, History)
    assert history.epoch == list(range(10))
    assert set(history.history) == {"accuracy", "loss"}
    assert all(len(values) == 10 and np.isfinite(values).all() for values in history.history.values())
    assert history.history["loss"][-1] < history.history["loss"][0]
    model, x, y = (namespace[name] for name in ["model", "x", "y"])
    predicted = model.predict(x, verbose=0)
    assert predicted.dtype == np.float32
    assert predicted.shape == (1000, 1)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == pytest.approx(((predicted > 0.5) == y).mean())
    assert loss == pytest.approx(-np.log(np.where(y == 1, predicted, 1 - predicted)).mean(), rel=1e-5)


@pytest.mark.parametrize("verbose", ["auto", 0, 1, 2])
def test_progress_lines(verbose: Any, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = blobs(rng)
    model = classifier()
    model.fit(x, y, epochs=2, verbose=verbose, validation_split=0.2)
    model.evaluate(x, y, verbose=verbose)
    model.predict(x, verbose=verbose)
    out = capsys.readouterr().out
    if verbose == 0:
        assert out == ""
        return
    for part in (
        "Epoch 1/2",
        "Epoch 2/2",
        "3/3",
        "4/4",
        " - accuracy: ",
        " - loss: ",
        " - val_accuracy: ",
        " - val_loss: ",
    ):
        assert part in out
    assert ("━" in out) == (verbose != 2)


# --- building ---


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


# --- weights ---


def test_get_and_set_weights(rng: np.random.Generator) -> None:
    model = Sequential([Input((4,)), Dense(3), BatchNormalization(), Dense(2, use_bias=False)])
    names = [variable.path for variable in model.weights]
    assert names == [
        "dense/kernel", "dense/bias", "batch_normalization/gamma", "batch_normalization/beta",
        "batch_normalization/moving_mean", "batch_normalization/moving_variance", "dense_1/kernel",
    ]  # fmt: skip
    wanted = [rng.normal(size=variable.shape).astype(np.float32) for variable in model.weights]
    model.set_weights(wanted)
    for given, got in zip(wanted, model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, got)
    model.get_weights()[0][...] = 0  # a copy
    np.testing.assert_array_equal(model.get_weights()[0], wanted[0])
    assert [variable.path for variable in model.non_trainable_weights] == names[4:6]
    assert len(model.trainable_weights) == 5
    model.layers[1].set_weights([np.ones(3), np.zeros(3), np.zeros(3), np.ones(3)])
    np.testing.assert_array_equal(model.get_weights()[2], np.ones(3))


def test_weights_are_live(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    model.fit(x, y, verbose=0)
    layer = model.layers[-1]
    view = layer.kernel.value
    before = model.predict(x, verbose=0)
    layer.kernel[...] = 0
    layer.bias[...] = [0, 1, 0]
    expected = np.tile(np.exp([0, 1, 0]) / np.exp([0, 1, 0]).sum(), (100, 1))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model(x), expected, rtol=1e-6)
    assert not np.allclose(before, expected)
    layer.kernel += 1  # all classes alike: nothing moves
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    model.fit(x, y, verbose=0)
    assert view is layer.kernel.value
    assert not np.array_equal(view, np.ones_like(view))
    loss = model.evaluate(x, y, verbose=0)[0]
    hidden = model.layers[0].kernel
    hidden[0] *= 5
    assert model.evaluate(x, y, verbose=0)[0] != loss


def test_weights_written_between_batches_count(rng: np.random.Generator) -> None:
    class Zero(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for variable in self.model.weights:
                variable[...] = 0

    x, y = blobs(rng)
    model = classifier()
    logs = model.fit(x, y, verbose=0, callbacks=[Zero()], shuffle=False).history
    first = classifier()
    set_random_seed(3)
    assert all(not weights.any() for weights in model.get_weights())
    assert first.count_params() == model.count_params()
    expected = [np.log(3)] * 3  # with zeros, every class has the same probability
    assert logs["loss"][0] * 100 - 32 * expected[0] * 2 - 4 * expected[0] > 0


def test_trainable(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    assert not np.array_equal(before[2], after[2])
    assert [variable.path for variable in model.trainable_weights] == ["dense_1/kernel", "dense_1/bias"]
    assert next(variable.path for variable in model.weights) == "dense/kernel"
    model.layers[0].trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(after[0], model.get_weights()[0])
    model.trainable = False
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == 4
    with pytest.raises(ValueError, match="no trainable weights"):
        model.fit(x, y, verbose=0)
    assert len(model.evaluate(x, y, verbose=0)) == 2


# --- training ---


def test_results_of_all_the_ways_agree(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    predicted = model.predict(x, verbose=0)
    for other in (
        model.predict(x, batch_size=7, verbose=0), model.predict_on_batch(x), model(x), model(x, training=True),
        np.concatenate([model(x[:1]), model(x[1:38]), model(x[38:])]),
    ):  # fmt: skip
        np.testing.assert_array_equal(predicted, other)
    loss = -np.log(predicted[np.arange(100), y]).mean()
    accuracy = (predicted.argmax(axis=1) == y).mean()
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), [loss, accuracy], rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=7, verbose=0), [loss, accuracy], rtol=1e-5)
    np.testing.assert_allclose(model.test_on_batch(x, y), [loss, accuracy], rtol=1e-5)
    by_name = model.evaluate(x, y, verbose=0, return_dict=True)
    assert by_name == {"loss": pytest.approx(loss, rel=1e-5), "accuracy": pytest.approx(accuracy)}
    assert model.metrics_names == ["loss", "accuracy"]
    np.testing.assert_allclose(model.train_on_batch(x, y), [loss, accuracy], rtol=1e-5)
    assert model.test_on_batch(x, y, return_dict=True)["loss"] < loss


def test_a_model_built_by_fit_keeps_what_compile_settled(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = Sequential([Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, verbose=0)
    assert model.metrics_names == ["loss", "accuracy"]
    assert [type(metric) for metric in model.metrics] == [metrics.SparseCategoricalAccuracy]


def test_fit_is_train_on_batch_after_train_on_batch(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    first, second = twins(classifier)
    first.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for start in range(0, 100, 32):
            second.train_on_batch(x[start : start + 32], y[start : start + 32])
    assert_same_weights(first, second)
    assert first.optimizer.iterations == second.optimizer.iterations == 8


def test_the_order_of_samples(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    first, second = twins(classifier)
    order = rng.permutation(100)
    first.fit(x[order], y[order], shuffle=False, verbose=0)
    second.fit(x, y, shuffle=False, verbose=0)
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])
    third, fourth = twins(classifier)
    for model in (third, fourth):
        set_random_seed(11)
        model.fit(x, y, epochs=3, verbose=0)
    assert_same_weights(third, fourth)
    set_random_seed(12)
    fifth = classifier()
    fifth.set_weights(twins(classifier)[0].get_weights())
    fifth.fit(x, y, epochs=3, verbose=0)
    assert not np.array_equal(fifth.get_weights()[0], third.get_weights()[0])


def test_every_epoch_sees_every_sample_once(rng: np.random.Generator) -> None:
    """At a learning rate of 0, the losses of an epoch are those of all samples, in whatever order."""
    x, y = blobs(rng)
    model = classifier()
    model.compile(SGD(0.0), "sparse_categorical_crossentropy")
    expected = model.evaluate(x, y, verbose=0)
    losses_of_epochs = model.fit(x, y, epochs=3, batch_size=7, verbose=0).history["loss"]
    np.testing.assert_allclose(losses_of_epochs, expected, rtol=1e-6)


def test_set_random_seed_repeats_a_run(rng: np.random.Generator) -> None:
    x, y = blobs(rng)

    def run() -> tuple[Sequential, dict]:
        set_random_seed(123)
        model = Sequential([Dense(7, "relu"), Dropout(0.5), Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model, model.fit(x, y, epochs=3, verbose=0).history

    (first, history), (second, repeated) = run(), run()
    assert_same_weights(first, second)
    assert history == repeated


def test_initial_epoch_and_epochs(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    assert model.fit(x, y, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
    assert model.optimizer.iterations == 2 * 4
    assert model.fit(x, y, epochs=2, initial_epoch=2, verbose=0).history == {}


def test_validation(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    first, second = twins(classifier)
    split = first.fit(x, y, validation_split=0.25, epochs=2, shuffle=False, verbose=0).history
    given = second.fit(x[:75], y[:75], validation_data=(x[75:], y[75:]), epochs=2, shuffle=False, verbose=0).history
    assert split == given
    assert set(split) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert_same_weights(first, second)
    last = second.evaluate(x[75:], y[75:], verbose=0)
    assert [given["val_loss"][-1], given["val_accuracy"][-1]] == pytest.approx(last, rel=1e-12)
    weight = rng.uniform(size=25)
    weighted = second.fit(x[:75], y[:75], validation_data=(x[75:], y[75:], weight), verbose=0).history["val_loss"]
    assert weighted[0] == pytest.approx(second.evaluate(x[75:], y[75:], sample_weight=weight, verbose=0)[0], rel=1e-12)
    every_other = second.fit(x, y, validation_data=(x, y), epochs=5, validation_freq=2, verbose=0).history
    assert len(every_other["loss"]) == 5
    assert len(every_other["val_loss"]) == 2


def test_class_weights_are_sample_weights_of_classes(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    by_class = {0: 0.3, 1: 1.0, 2: 2.5}
    weight = np.array([by_class[label] for label in y])

    def make() -> Sequential:
        return classifier("float64")

    first, second = twins(make)
    history = first.fit(x, y, class_weight=by_class, shuffle=False, epochs=2, verbose=0).history
    assert history == second.fit(x, y, sample_weight=weight, shuffle=False, epochs=2, verbose=0).history
    assert_same_weights(first, second)
    one_hot, numbers = twins(make)
    one_hot.compile(Adam(0.01), "categorical_crossentropy")
    one_hot.fit(x, np.eye(3)[y], class_weight=by_class, shuffle=False, epochs=2, verbose=0)
    numbers.fit(x, y, class_weight=by_class, shuffle=False, epochs=2, verbose=0)
    for one, other in zip(one_hot.get_weights(), numbers.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, 1e-9, 1e-12)
    both, product = twins(make)
    extra = rng.uniform(size=100)
    both.fit(x, y, class_weight=by_class, sample_weight=extra, shuffle=False, verbose=0)
    product.fit(x, y, sample_weight=extra * weight, shuffle=False, verbose=0)
    assert_same_weights(both, product)


def test_class_weights_do_not_weigh_validation(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    history = model.fit(x, y, class_weight={0: 9.0, 2: 0.1}, validation_split=0.3, verbose=0).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[70:], y[70:], verbose=0)[0], rel=1e-12)


def test_a_sample_of_weight_two_counts_as_two(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 50)
    times = rng.integers(0, 4, size=50)
    repeated = np.repeat(np.arange(50), times)

    def make() -> Sequential:
        model = classifier("float64")
        model.compile(SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
        return model

    first, second = twins(make)
    # A weighted loss is divided by the number of samples, so that of the repeated ones weighs as much more.
    second.compile(SGD(0.1 * len(repeated) / 50), "sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, plain, weighted = first.train_on_batch(x, y, sample_weight=times)
    expected_loss, expected = second.train_on_batch(x[repeated], y[repeated])
    assert loss * 50 == pytest.approx(expected_loss * len(repeated), rel=1e-12)
    assert weighted == pytest.approx(expected, rel=1e-12)
    assert plain != weighted
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, 1e-10, 1e-12)


def test_penalties_are_part_of_every_loss(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    plain = classifier("float64")
    model = Sequential(
        [Input((5,)), Dense(7, "tanh", kernel_regularizer=L2(0.1)), Dense(3, "softmax", bias_regularizer="l1")],
        dtype="float64",
    )
    model.set_weights(plain.get_weights())
    model.layers[1].bias[...] = plain.layers[1].bias[...] = [1, -2, 0]
    model.compile(SGD(0.0), "sparse_categorical_crossentropy")
    expected = plain.evaluate(x, y, verbose=0)[0] + 0.1 * (model.layers[0].kernel.value ** 2).sum() + 0.01 * 3
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-12)
    assert model.train_on_batch(x, y) == pytest.approx(expected, rel=1e-12)
    assert model.fit(x, y, verbose=0, validation_data=(x, y)).history == {
        "loss": [pytest.approx(expected, rel=1e-12)], "val_loss": [pytest.approx(expected, rel=1e-12)],
    }  # fmt: skip


def test_callbacks_may_use_the_model(rng: np.random.Generator) -> None:
    class Curious(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.predict(x[:3], verbose=0)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["again"] = self.model.evaluate(x, y, verbose=0)[0]

    x, y = blobs(rng)
    first, second = twins(classifier)
    history = first.fit(x, y, validation_data=(x, y), shuffle=False, epochs=2, callbacks=[Curious()], verbose=0).history
    assert history["again"] == history["val_loss"]
    second.fit(x, y, shuffle=False, epochs=2, verbose=0)
    assert_same_weights(first, second)


def test_stop_training(rng: np.random.Generator) -> None:
    class Stop(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1

    x, y = blobs(rng)
    model = classifier()
    assert model.fit(x, y, epochs=5, callbacks=[Stop()], verbose=0).epoch == [0]
    assert model.optimizer.iterations == 2


def test_an_exception_in_a_callback_leaves_a_usable_model(rng: np.random.Generator) -> None:
    class Broken(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                raise RuntimeError("broken")

    x, y = blobs(rng)
    model = classifier()
    with pytest.raises(RuntimeError, match="broken") as kept:  # with the frames of the fit
        model.fit(x, y, callbacks=[Broken()], verbose=0)
    assert model.optimizer.iterations == 2

    class Forget(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            nonlocal kept
            kept = None
            gc.collect()

    first, second = copy.deepcopy(model), model
    first.fit(x, y, shuffle=False, verbose=0)
    second.fit(x, y, shuffle=False, callbacks=[Forget()], verbose=0)
    assert kept is None
    assert_same_weights(first, second)


# --- data of every kind ---


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


# --- what users write in Python ---


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


# --- metrics, copies, summary ---


def test_metrics_of_a_classifier(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    for targets, loss in ((y, "sparse_categorical_crossentropy"), (np.eye(3)[y], "categorical_crossentropy")):
        model = Sequential([Input((5,)), Dense(3, "softmax")])
        model.compile("sgd", loss, metrics=["accuracy", loss])
        found = model.evaluate(x, targets, verbose=0, return_dict=True)
        predicted = model.predict(x, verbose=0)
        assert list(found) == sorted(["loss", "accuracy", loss])
        assert found["accuracy"] == pytest.approx((predicted.argmax(axis=1) == y).mean())
        assert found[loss] == pytest.approx(found["loss"], rel=1e-5)


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


SUMMARY = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ dense (Dense)                        │ (None, 10)                  │              90 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ batch_normalization                  │ (None, 10)                  │              40 │
│ (BatchNormalization)                 │                             │                 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense_1 (Dense)                      │ (None, 1)                   │              11 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 141 (564.00 B)
 Trainable params: 121 (484.00 B)
 Non-trainable params: 20 (80.00 B)
"""
UNBUILT = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ dense (Dense)                        │ ?                           │     0 (unbuilt) │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ a_name_that_is_far_too_long_for_its… │ ?                           │     0 (unbuilt) │
│ (Dense)                              │                             │                 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 0 (0.00 B)
 Trainable params: 0 (0.00 B)
 Non-trainable params: 0 (0.00 B)
"""


def test_summary(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    model = Sequential([Input((8,)), Dense(10), BatchNormalization(), Dense(1)])
    model.summary()
    assert capsys.readouterr().out == SUMMARY
    texts: list[str] = []
    model.summary(print_fn=texts.append)
    assert texts == [SUMMARY]
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((4, 8)), np.ones(4))
    model.summary(show_trainable=True, line_length=60, layer_range=["dense", "batch"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines[1]) == 60
    assert next(line for line in lines if "dense (Dense)" in line).rstrip("│ ").endswith("N")
    assert "dense_1" not in "".join(lines)
    assert " Trainable params: 31 (124.00 B)" in lines
    assert " Non-trainable params: 110 (440.00 B)" in lines
    assert any(line.startswith(" Optimizer params: 64 ") for line in lines)
    monkeypatch.setenv("COLUMNS", "80")
    model.summary()
    assert len(capsys.readouterr().out.splitlines()[1]) == 76


def test_summary_of_an_unbuilt_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    Sequential([Dense(10), Dense(1, name="a_name_that_is_far_too_long_for_its_column")]).summary()
    assert capsys.readouterr().out == UNBUILT
    Sequential().summary()
    assert " Total params: 0 (0.00 B)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [{"line_length": 8}, {"positions": [0.5, 1.0]}, {"layer_range": ["dense"]}, {"layer_range": ["a", "b"]}],
)
def test_summary_refuses(arguments: dict[str, Any]) -> None:
    model = Sequential([Input((8,)), Dense(1)])
    with pytest.raises(ValueError, match="Received: "):
        model.summary(**arguments)


@pytest.mark.parametrize("name", ["train_step", "test_step", "compute_loss"])
def test_a_method_that_keras_would_train_by_is_not_passed_over(name: str) -> None:
    model = type("Own", (Sequential,), {name: lambda self, *arguments: None})([Input((2,)), Dense(1)])
    assert model.predict(np.ones((3, 2)), verbose=0).shape == (3, 1)
    with pytest.raises(NotImplementedError, match=rf"train_on_batch.*Received: model 'own.*' .* with {name}$"):
        model.compile("sgd", "mse")
    assert not model.compiled


def test_compile_takes_no_running_names() -> None:
    reset_names()
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse", metrics=["AUC"])
    assert metrics.AUC().name == "auc"
