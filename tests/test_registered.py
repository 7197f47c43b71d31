"""Classes and functions of one's own that are registered by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import Sequential, activations, layers, losses, ops, saving, utils


@pytest.fixture(autouse=True)
def _none_stay() -> Iterator[None]:
    yield
    saving.get_custom_objects().clear()


def test_files_find_a_registered_layer_and_loss(tmp_path: Path) -> None:
    @saving.register_keras_serializable(package="mine")
    class Doubled(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return 2 * inputs

    @utils.register_keras_serializable()
    def cubic(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)

    model = Sequential([layers.Input((3,)), Doubled(), layers.Dense(1)])
    model.compile("sgd", cubic)
    assert layers.serialize(model.layers[0])["registered_name"] == "mine>Doubled"
    x, y = np.ones((4, 3)), np.zeros((4, 1))
    for name in ("model.safetensors", "model.keras"):
        model.save(tmp_path / name)
        again = saving.load_model(tmp_path / name)
        np.testing.assert_array_equal(again(x), model(x))
        assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_names() -> None:
    def steep(x: Any) -> Any:
        return 4 * x

    saving.register_keras_serializable("mine", "very_steep")(steep)
    assert saving.get_registered_name(steep) == "mine>very_steep"
    assert saving.get_registered_object("mine>very_steep") is saving.get_registered_object("very_steep") is steep
    assert activations.get("very_steep") is steep
    with utils.custom_object_scope({"very_steep": len}):
        assert saving.get_registered_object("very_steep") is len
    assert saving.get_registered_object("nobody", module_objects={"nobody": steep}) is steep
    with pytest.raises(ValueError, match=r"has a `get_config`\. Received: <class 'int'>"):
        saving.register_keras_serializable()(int)
    with pytest.raises(ValueError, match="Unknown loss name"):
        losses.get("nobody")
