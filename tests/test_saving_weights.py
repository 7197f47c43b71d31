"""Weights alone in files, and Keras's archives by themselves: tests/parity has Keras at the other end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import Model, Sequential, layers, saving
from saved_models import MADE, X, graph, row, trained


@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5"])
def test_weights(name: str, tmp_path: Path) -> None:
    model = trained(graph)
    model.save_weights(tmp_path / name)
    other = graph()
    other.load_weights(tmp_path / name)
    for mine, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5"])
def test_weights_go_by_order_where_names_differ(name: str, tmp_path: Path) -> None:
    def network(width: int = 4, last: int = 2) -> Any:
        return Sequential([layers.Input((5,)), layers.Dense(width), layers.Dense(3), layers.Dense(last)])

    model, same, wider, deeper = network(), network(), network(width=6), network()
    deeper.add(layers.Dense(2))
    model.save_weights(tmp_path / name)
    same.load_weights(tmp_path / name)
    np.testing.assert_array_equal(same.predict(X, verbose=0), model.predict(X, verbose=0))
    before = wider.get_weights()
    with pytest.raises(ValueError, match=r"must have the shapes? that .* Received: a (weight|layer)"):
        wider.load_weights(tmp_path / name)
    for mine, theirs in zip(wider.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)  # all or none
    with pytest.raises(ValueError, match="Received"):
        deeper.load_weights(tmp_path / name)
    with pytest.warns(UserWarning, match="left out"):
        wider.load_weights(tmp_path / name, skip_mismatch=True)
    np.testing.assert_array_equal(wider.layers[-1].kernel, model.layers[-1].kernel)
    np.testing.assert_array_equal(wider.layers[0].kernel, before[0])
    with pytest.raises(ValueError, match="before it is built"):
        Sequential([layers.Dense(2)]).load_weights(tmp_path / name)


def test_weights_by_name(tmp_path: Path) -> None:
    model = Sequential([layers.Input((5,)), layers.Dense(4, name="body"), layers.Dense(3, name="head")])
    model.save_weights(tmp_path / "w.safetensors")
    other = Sequential([layers.Input((5,)), layers.Dense(4, name="body"), layers.Dense(7, name="new head")])
    other.load_weights(tmp_path / "w.safetensors", by_name=True)
    np.testing.assert_array_equal(other.layers[0].kernel, model.layers[0].kernel)
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match="have no names"):
        other.load_weights(tmp_path / "w.weights.h5", by_name=True)


def test_a_model_file_serves_as_weights(tmp_path: Path) -> None:
    model = trained(row)
    for name in ("m.safetensors", "m.keras"):
        model.save(tmp_path / name)
        other = row()
        other.load_weights(tmp_path / name)
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
        assert other.optimizer.iterations == model.optimizer.iterations
    model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(saving.FileError, match="holds 'weights', and no model"):
        saving.load_model(tmp_path / "w.safetensors")


def test_weights_reach_a_model_that_has_predicted_and_trained(tmp_path: Path) -> None:
    model, other = trained(row), trained(row)
    other.predict(X[:3], verbose=0)
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(other.predict(X[:3], verbose=0), model.predict(X[:3], verbose=0))


@pytest.mark.parametrize("make", ["row", "graph", "float64"])
def test_archives_come_back(make: str, tmp_path: Path) -> None:
    def made() -> Any:
        if make != "graph":
            return MADE[make]()
        model = graph()
        x = model.inputs[0]
        return Model(x, model.get_layer("inner")(model.get_layer("same")(x)) * 2.0)

    model = made()
    model.compile("adam", "mse")
    y = np.zeros((len(X), model.output_shape[-1]))
    model.fit(X, y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert again.optimizer.iterations == model.optimizer.iterations
