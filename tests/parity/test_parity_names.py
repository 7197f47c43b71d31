"""Every name that Keras exports is in a table; what is called the same is called with the same arguments."""

from __future__ import annotations

import importlib
import inspect
import itertools
from typing import Any

import numpy as np
import pytest

import keras_names
from beside import keras, names_of, table_of

MODULES = [names.module for names in keras_names.MODULES]

# Arguments that would have nothing to act on here: quantization, sparse and symbolic tensors, several machines.
LEFT_OUT = {
    *("gptq_unpacked_column_size", "lora_alpha", "lora_rank", "quantization_config"),
    *("initial",),  # of `ops.max` and `ops.min`
    *("max_shard_size", "preferred_backend"),
    *("input_tensor", "optional", "ragged", "sparse", "tensor"),
    *("renorm", "renorm_clipping", "renorm_momentum", "synchronized"),
}
STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


# Those whose arguments are told in the table itself.
OTHERWISE = {"Layer", "Loss", "Optimizer", "Regularizer"}
OTHERWISE |= {f"ops.{name}_crossentropy" for name in ("binary", "categorical", "sparse_categorical")}
OTHERWISE |= {"ops.gelu", "ops.matmul", "Variable"}
SAME = [
    (module, name)
    for module in MODULES
    for name in names_of(module, "same", "differs")
    if not {name, f"{module}.{name}"} & OTHERWISE
]


def of_keras(module: str) -> Any:
    found = keras
    for part in filter(None, module.split(".")):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("module", MODULES)
def test_the_tables_hold_what_keras_exports(module: str) -> None:
    exported = {name for name in dir(of_keras(module)) if not name.startswith("_")}
    tables = next(names for names in keras_names.MODULES if names.module == module)
    assert {name for name, _, _ in tables.tables()} == exported


@pytest.mark.parametrize(("module", "name"), SAME)
def test_arguments_have_the_names_the_order_and_the_defaults_of_keras(module: str, name: str) -> None:
    theirs = getattr(of_keras(module), name)
    if inspect.ismodule(theirs):
        return
    ours = getattr(importlib.import_module(table_of(module).package), name)
    if ours.__module__.startswith("numpy"):
        assert ours is getattr(np, name)
        return
    accepted = inspect.signature(ours).parameters
    theirs = [each for each in inspect.signature(theirs).parameters.values() if each.kind not in STARRED]
    wanted = {each.name: each.default for each in theirs if each.name not in LEFT_OUT}
    assert [argument for argument in wanted if argument not in accepted] == []
    assert {argument: accepted[argument].default for argument in wanted} == wanted
    by_place = [
        each.name
        for each in itertools.takewhile(lambda each: each.name not in LEFT_OUT, theirs)
        if each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    assert list(accepted)[: len(by_place)] == by_place
