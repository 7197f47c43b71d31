"""Pictures of histories and of what classifiers do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, plotting, utils

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _figures() -> Iterator[None]:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def _cells(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_history_draws_a_picture_for_each_measure() -> None:
    history = callbacks.History()
    for epoch in range(3):
        history.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "accuracy": 0.5, "val_loss": 2.0})
    figure = history.plot()
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "accuracy"]
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert list(lines) == ["training", "validation"]
    np.testing.assert_array_equal(lines["training"].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(lines["training"].get_ydata(), history.history["loss"])
    assert [ax.get_ylabel() for ax in history.plot(["accuracy"]).axes] == ["accuracy"]
    with pytest.raises(ValueError, match="must name some of"):
        history.plot(["lost"])


@pytest.mark.parametrize(("frequency", "epochs"), [(2, [2, 4]), ([2, 3], [2, 3])])
def test_validation_of_some_epochs_is_drawn_where_it_was(frequency: Any, epochs: list[int]) -> None:
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    model = fastnn.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(x, y, validation_data=(x, y), validation_freq=frequency, epochs=5, verbose=0)
    training, validation = history.plot().axes[0].get_lines()
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(validation.get_xdata(), epochs)


def test_a_notebook_shows_a_history_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    history = callbacks.History()
    history.on_epoch_end(0, {"loss": 1.0})
    figure = history.plot()
    assert pyplot.fignum_exists(figure.number)
    monkeypatch.setattr(pyplot, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    assert len(pyplot.get_fignums()) == 1
    assert history.plot().axes
    assert len(pyplot.get_fignums()) == 1


def test_an_empty_history_has_no_picture() -> None:
    with pytest.raises(ValueError, match="no epochs"):
        callbacks.History().plot()


def test_pictures_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    history = callbacks.History()
    history.on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(ImportError, match=r"fastnn-cpu\[plot\]"):
        history.plot()
    with pytest.raises(ImportError, match=r"fastnn-cpu\[plot\]"):
        plotting.confusion_matrix([0, 1], [0, 1])


def test_confusion_matrix_counts_rows_of_true_classes() -> None:
    ax = plotting.confusion_matrix(["a", "a", "b", "b", "b"], ["a", "b", "b", "b", "a"])
    assert _cells(ax) == ["1", "1", "1", "2"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    shares = plotting.confusion_matrix([0, 0, 1, 1], np.array([[0.9], [0.7], [0.8], [0.2]]), normalize=True)
    assert _cells(shares) == ["0.00", "1.00", "0.50", "0.50"]


def test_confusion_matrix_keeps_named_classes_that_do_not_occur() -> None:
    ax = plotting.confusion_matrix(np.eye(3)[[0, 2]], np.eye(3)[[0, 0]], labels=["a", "b", "c"])
    assert _cells(ax) == ["1", "0", "0", "0", "0", "0", "1", "0", "0"]
    with pytest.raises(ValueError, match="name 2 classes"):
        plotting.confusion_matrix(["a", "b"], ["a", "b"], labels=["a"])
    with pytest.raises(ValueError, match="Received: 2 and 1"):
        plotting.confusion_matrix([0, 1], [0])


def test_decision_boundary_is_where_the_model_says() -> None:
    model = fastnn.Sequential([layers.Input((2,)), layers.Dense(1, "sigmoid")])
    model.set_weights([np.array([[10.0], [0.0]], np.float32), np.zeros(1, np.float32)])
    x = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    ax = plotting.decision_boundary(model, x, x[:, 0] > 0, resolution=10)
    regions = np.asarray(ax.collections[0].get_array()).reshape(10, 10)
    np.testing.assert_array_equal(regions, np.tile(np.arange(10) >= 5, (10, 1)))
    with pytest.raises(ValueError, match=r"Received: x.shape=\(4, 1\)"):
        plotting.decision_boundary(model, x[:, :1], x[:, 0] > 0)
    with pytest.raises(ValueError, match="must hold finite numbers"):
        plotting.decision_boundary(model, x * np.nan, x[:, 0] > 0)


def test_names_with_dollars_are_no_formulas() -> None:
    name = "$b_{$"
    inner = fastnn.Sequential([layers.Input((2,)), layers.Dense(1, name=name)], name=f"in {name}")
    model = fastnn.Sequential([layers.Input((2,)), inner, layers.Activation("sigmoid")])
    history = callbacks.History()
    history.history, history.epoch = {name: [1.0, 2.0]}, [0, 1]
    boundary = plotting.decision_boundary(model, [[0.0, 1.0], [1.0, 0.0]], [0, 1], resolution=5)
    boundary.get_legend().get_texts()[0].set_text(name)
    figures = [
        utils.plot_model(model, None, show_layer_names=True, expand_nested=True),
        history.plot(),
        plotting.confusion_matrix([name, "c"], ["c", name]).figure,
        boundary.figure,
    ]
    for figure in figures:
        figure.draw_without_rendering()
