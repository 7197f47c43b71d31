"""Classes and functions of one's own that are registered by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import Sequential, activations, layers, ops, saving, utils


@pytest.fixture(autouse=True)
def _none_stay() -> Iterator[None]:
    yield
    saving.get_custom_objects().clear()


def test_registered_objects_load_by_themselves(tmp_path: Path) -> None:
    @saving.register_keras_serializable("mine")
    class Doubled(layers.Dense):
        pass

    @utils.register_keras_serializable("mine", "bent")
    def steep(x: Any) -> Any:
        return activations.sigmoid(4 * x)

    model = Sequential([layers.Input((3,)), Doubled(4, activation=steep), Doubled(2)])
    names = ["m.safetensors", "m.keras"]
    for name in names:
        model.save(tmp_path / name)
        again = saving.load_model(tmp_path / name)
        assert [type(layer) for layer in again.layers] == [Doubled, Doubled]
        np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    assert saving.get_registered_name(steep) == "mine>bent"
    assert saving.get_registered_object("mine>Doubled") is Doubled
    saving.get_custom_objects().clear()
    for name in names:
        with pytest.raises(saving.FileError, match=r"Unknown layer name.*Received: 'Doubled'"):
            saving.load_model(tmp_path / name)
        own = {"mine>Doubled": Doubled, "steep": steep}  # by either name
        assert type(saving.load_model(tmp_path / name, own).layers[-1]) is Doubled
    with pytest.raises(ValueError, match="must have a `get_config`"):
        saving.register_keras_serializable()(object)


def test_a_registered_loss_is_found(tmp_path: Path) -> None:
    @utils.register_keras_serializable()
    def cubic(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)

    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", cubic)
    x, y = np.ones((4, 3)), np.zeros((4, 1))
    for name in ("model.safetensors", "model.keras"):
        model.save(tmp_path / name)
        assert saving.load_model(tmp_path / name).evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_names_of_a_scope_and_of_a_module() -> None:
    def steep(x: Any) -> Any:
        return 4 * x

    with utils.custom_object_scope({"steep": steep}):
        assert saving.get_registered_object("steep") is activations.get("steep") is steep
    assert saving.get_registered_object("steep", module_objects={"steep": steep}) is steep
    assert saving.get_registered_object("steep") is None
    with pytest.raises(ValueError, match=r"must have a `get_config`.*Received: <class 'int'>"):
        saving.register_keras_serializable()(int)
