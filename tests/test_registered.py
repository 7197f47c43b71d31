"""Classes and functions of one's own that are registered by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import (
    Sequential,
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    regularizers,
    saving,
    utils,
)
from fastnn.optimizers import schedules


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


def test_one_order_of_names_for_all_that_looks_them_up() -> None:
    def registered(x: Any) -> Any:
        return x

    def scoped(x: Any) -> Any:
        return x

    def given(x: Any) -> Any:
        return x

    saving.get_custom_objects()["f"] = registered
    for custom, wanted in ((None, registered), ({"f": given}, given)):
        assert saving.get_registered_object("f", custom) is activations.deserialize("f", custom) is wanted
    with utils.custom_object_scope({"f": scoped, "relu": scoped}):
        assert saving.get_registered_object("f") is activations.get("f") is activations.deserialize("f") is scoped
        assert activations.get("relu") is scoped
        assert saving.get_registered_object("f", {"f": given}) is activations.deserialize("f", {"f": given}) is given
    assert activations.get("f") is registered


@pytest.mark.parametrize(
    "module", [losses, metrics, optimizers, activations, initializers, regularizers, constraints, layers, schedules]
)
def test_names_that_differ_in_case_alone_stand_for_one_thing(module: Any) -> None:
    registry = module._registry
    by_folded: dict[str, set[Any]] = {}
    for name in registry.names:
        by_folded.setdefault(name.lower(), set()).add(registry.lookup(name))
    for name, found in by_folded.items():
        if registry.ignore_case:
            assert len(found) == 1, name
        assert len({isinstance(each, type) for each in found}) == len(found)  # a function, and the class of its name


def test_classes_that_take_arguments_say_so() -> None:
    with pytest.raises(ValueError, match=r"`fastnn\.metrics\.MeanIoU\(num_classes=\.\.\.\)`\. Received: 'mean_io_u'"):
        metrics.get("mean_io_u")


@pytest.mark.parametrize("config", [5, [1], "x"])
def test_configurations_of_another_form(config: Any) -> None:
    with pytest.raises(ValueError, match=r"Received: \{'class_name': 'Adam'"):
        optimizers.deserialize({"class_name": "Adam", "config": config})
    with pytest.raises(ValueError, match=r"Received: \{'class_name': 5"):
        optimizers.get({"class_name": 5, "config": {}})
