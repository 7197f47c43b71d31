"""The tables of Keras's names agree with the package and with the page that is written from them."""

from __future__ import annotations

import importlib

import pytest

import keras_names

MODULES = {names.module: names for names in keras_names.MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_each_name_is_in_one_table(module: str) -> None:
    names = [name for name, _, _ in MODULES[module].tables()]
    assert names
    assert sorted(names) == sorted(set(names))
    assert set(MODULES[module].coming.split()) <= {n for n, table, _ in MODULES[module].tables() if table != "refused"}


@pytest.mark.parametrize("module", MODULES)
def test_fastnn_has_the_names_that_it_is_said_to_have(module: str) -> None:
    public = importlib.import_module(MODULES[module].package)
    assert [name for name in MODULES[module].expected() if not hasattr(public, name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_fastnn_refuses_the_others_with_a_hint(module: str) -> None:
    public = importlib.import_module(MODULES[module].package)
    for name, table, hint in MODULES[module].tables():
        if table == "refused":
            with pytest.raises(ImportError, match=f"has no {name}") as raised:
                exec(f"from {MODULES[module].package} import {name}")
            assert str(raised.value).endswith(hint)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = public.nonsense


def test_refused_modules_are_refused_with_their_hints() -> None:
    for name in ("datasets", "datasets.mnist", "applications", "preprocessing.image", "mixed_precision"):
        with pytest.raises(ImportError, match=rf"fastnn has no {name.partition('.')[0]}\. \w"):
            importlib.import_module(f"fastnn.{name}")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'fastnn\.nonsense'"):
        importlib.import_module("fastnn.nonsense")


def test_a_refused_name_in_a_configuration_is_refused_with_the_same_hint() -> None:
    layers = importlib.import_module("fastnn.layers")
    with pytest.raises(ValueError, match=r"has no Conv2D\. It is for images: .* Received: 'Conv2D'"):
        layers.deserialize({"class_name": "Conv2D", "config": {}})


def test_the_page_is_what_the_tables_make() -> None:
    assert keras_names.PAGE.read_text(encoding="utf-8") == keras_names.page(), "run: python tests/keras_names.py"
