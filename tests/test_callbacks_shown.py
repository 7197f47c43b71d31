"""Callbacks that show training elsewhere (tqdm, TensorBoard), and evaluation with running means of the weights."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import callbacks, layers, optimizers
from fastnn.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(64, 4))
Y = X.sum(axis=1, keepdims=True)


def _model(optimizer: Any = "sgd", metrics: Any = ("mae",)) -> Any:
    model = Sequential([layers.Input((4,)), layers.Dense(3, "relu", name="hidden"), layers.Dense(1, name="out")])
    model.compile(optimizer, "mse", metrics=list(metrics))
    return model


# --- tqdm -------------------------------------------------------------------------------------------------------------


def test_tqdm_takes_the_place_of_the_usual_lines(capsys: pytest.CaptureFixture) -> None:
    model, shown = _model(), io.StringIO()
    bar = callbacks.TqdmCallback(file=shown, mininterval=0)
    history = model.fit(X, Y, epochs=3, initial_epoch=1, validation_data=(X, Y), callbacks=[bar])
    assert capsys.readouterr().out == ""
    last = shown.getvalue().split("\r")[-1]
    assert "3/3" in last
    for name in ("loss", "mae", "val_loss", "val_mae"):
        assert f"{name}=" in last
    assert f"loss={history.history['loss'][-1]:.3g}" in last
    for run in (lambda: model.evaluate(X, Y, callbacks=bar), lambda: model.predict(X, callbacks=bar)):
        shown.truncate(0)
        run()
        assert "2/2" in shown.getvalue()
    assert capsys.readouterr().out == ""


def test_tqdm_listens_to_no_batches_and_follows_a_generator() -> None:
    shown = io.StringIO()
    listeners = callbacks.CallbackList(callbacks.TqdmCallback(file=shown), add_progbar=True)
    assert listeners.wants_progress
    assert not listeners.wants_train_batches
    assert not listeners.may_change_model
    assert [type(each) for each in listeners.callbacks] == [callbacks.TqdmCallback]
    _model().fit(((X, Y) for _ in range(5)), callbacks=[callbacks.TqdmCallback(steps=True, file=shown, mininterval=0)])
    assert "1/1" in shown.getvalue()


# --- running means of the weights -------------------------------------------------------------------------------------


class _Seen(callbacks.Callback):
    """The weights at the end of each epoch and at each validation."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[Any] = []
        self.tests: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(self.model.get_weights())

    def on_test_begin(self, logs: Any = None) -> None:
        self.tests.append(self.model.get_weights())


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_validation_sees_the_means_and_training_the_weights(swap_on_epoch: bool) -> None:
    def fit(*given: Any) -> tuple[Any, Any, _Seen]:
        model = _model(optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9))
        model.set_weights([np.full(weight.shape, 0.3) for weight in model.weights])
        seen = _Seen()
        history = model.fit(X, Y, epochs=4, shuffle=False, validation_data=(X, Y), callbacks=[*given, seen], verbose=0)
        return model, history.history, seen

    plain, plain_history, plain_seen = fit()
    swapped, history, seen = fit(callbacks.SwapEMAWeights(swap_on_epoch))
    assert history["loss"] == plain_history["loss"]  # training is the same
    for one, other in zip(plain.get_weights(), swapped.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # both end with the means
    assert history["val_loss"] != plain_history["val_loss"]
    for one, other in zip(seen.tests[-1], swapped.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # the last validation saw them too
    for one, other in zip(seen.epochs[0], seen.tests[0] if swap_on_epoch else plain_seen.epochs[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not swapped.optimizer.averages_in_place


def test_the_means_stay_when_training_stops_early() -> None:
    model = _model(optimizers.SGD(0.05, use_ema=True))
    stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1))
    model.fit(X, Y, epochs=9, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True), stop], verbose=0)
    for weight, mean in zip(model.trainable_weights, model.optimizer._model_variables_moving_average, strict=True):
        np.testing.assert_array_equal(weight, mean)


def test_prediction_with_the_means_leaves_the_weights() -> None:
    model = _model(optimizers.SGD(0.05, use_ema=True))
    model.fit(X, Y, verbose=0)
    model.train_on_batch(X, Y)
    weights, means = model.get_weights(), [v.numpy() for v in model.optimizer._model_variables_moving_average]
    swap = callbacks.SwapEMAWeights()
    y = model.predict(X, callbacks=[swap], verbose=0)
    for now, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)
    model.set_weights(means)
    np.testing.assert_array_equal(model.predict(X, verbose=0), y)


def test_a_validation_that_raises_loses_nothing() -> None:
    model = _model(optimizers.SGD(0.0, use_ema=True))
    before = model.get_weights()

    def raising(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("stop")

    swap = callbacks.SwapEMAWeights()
    with pytest.raises(RuntimeError):
        model.fit(
            X, Y, validation_data=(X, Y), callbacks=[swap, callbacks.LambdaCallback(on_test_begin=raising)], verbose=0
        )
    model.optimizer.learning_rate = 0.0
    model.fit(X, Y, callbacks=[callbacks.SwapEMAWeights()], verbose=0)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_allclose(now, then, rtol=1e-6)


def test_an_optimizer_without_means_is_refused() -> None:
    model = _model("sgd")
    for run in (lambda c: model.fit(X, Y, callbacks=c, verbose=0), lambda c: model.evaluate(X, Y, callbacks=c)):
        with pytest.raises(ValueError, match=r"use_ema=True\. Received: use_ema=False"):
            run([callbacks.SwapEMAWeights()])


# --- TensorBoard ------------------------------------------------------------------------------------------------------


def _written(path: Path) -> dict[str, list[tuple[int, Any]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    events = EventAccumulator(str(path), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def

    model = _model(optimizers.SGD(0.25))
    board = callbacks.TensorBoard(tmp_path, histogram_freq=2, write_steps_per_second=True)
    assert not list(tmp_path.iterdir())
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=[board], verbose=0).history
    train, validation = _written(tmp_path / "train"), _written(tmp_path / "validation")
    for name in ("loss", "mae"):
        for found, expected in ((train, history[name]), (validation, history[f"val_{name}"])):
            assert [step for step, _ in found[f"epoch_{name}"]] == [0, 1, 2]
            np.testing.assert_allclose([float(value) for _, value in found[f"epoch_{name}"]], expected, rtol=1e-6)
    assert [float(value) for _, value in train["epoch_learning_rate"]] == [0.25] * 3
    assert all(value > 0 for _, value in train["epoch_steps_per_second"])
    assert [step for step, _ in validation["evaluation_loss_vs_iterations"]] == [2, 4, 6]
    steps = [step for step, _ in train["hidden/kernel/histogram"]]
    assert steps == [0, 2]
    last = train["out/kernel/histogram"][-1][1]
    weights = model.layers[-1].kernel.numpy()
    assert last[:, 2].sum() == weights.size
    np.testing.assert_allclose([last[0, 0], last[-1, 1]], [weights.min(), weights.max()], rtol=1e-6)
    assert not any(tag.startswith("batch_") for tag in train)
    graph = keras_model_to_graph_def(json.loads(train["keras"][0][1].item()))
    assert {node.name.split("/")[-1] for node in graph.node} >= {"hidden", "out"}


def test_tensorboard_by_batches_and_evaluation_by_itself(tmp_path: Path) -> None:
    model = _model()
    board = callbacks.TensorBoard(tmp_path, update_freq=2, write_graph=False)
    assert callbacks.CallbackList(board).wants_train_batches
    assert not callbacks.CallbackList(callbacks.TensorBoard(tmp_path)).wants_train_batches
    model.fit(X, Y, batch_size=8, epochs=2, callbacks=[board], verbose=0)
    train = _written(tmp_path / "train")
    assert [step for step, _ in train["batch_loss"]] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert "keras" not in train
    loss = model.evaluate(X, Y, callbacks=[callbacks.TensorBoard(tmp_path / "alone")], verbose=0)[0]
    found = _written(tmp_path / "alone" / "validation")["evaluation_loss_vs_iterations"]
    assert [(step, pytest.approx(float(value))) for step, value in found] == [(16, loss)]


def test_tensorboard_of_a_model_without_configuration(tmp_path: Path) -> None:
    class Own(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(X, Y, callbacks=[callbacks.TensorBoard(tmp_path, histogram_freq=1)], verbose=0)
    assert "keras" not in _written(tmp_path / "train")


@pytest.mark.parametrize(
    "wrong",
    [{"write_images": True}, {"profile_batch": 2}, {"embeddings_freq": 1}, {"update_freq": 0}, {"histogram_freq": -1}],
)
def test_what_tensorboard_is_not_asked_for(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"Argument `{next(iter(wrong))}`.* Received: {next(iter(wrong))}="):
        callbacks.TensorBoard(tmp_path, **wrong)
