"""The script that users of Keras start with, and what `fit` and `evaluate` do with samples, weights and callbacks."""

from __future__ import annotations

import copy
import gc
import re
from typing import Any

import numpy as np
import pytest

from fastnn import metrics
from fastnn.callbacks import Callback, History
from fastnn.layers import Dense, Dropout, Input
from fastnn.models import Sequential
from fastnn.optimizers import SGD, Adam
from fastnn.random import set_random_seed
from fastnn.regularizers import L2
from small_models import assert_same_weights, blobs, classifier, twins

pytestmark = pytest.mark.usefixtures("repeatable")


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
