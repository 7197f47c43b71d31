"""Every example in a docstring is run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

import pytest

import fastnn

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fastnn.__path__, "fastnn.")
    if not module.name.endswith(("__main__", "._kernels")) and ".bench.peers." not in module.name  # which need the peer
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


PUBLIC = (
    "activations callbacks config constraints initializers layers losses metrics models ops optimizers "
    "optimizers.schedules random regularizers utils wrappers"
)


@pytest.mark.parametrize("room", PUBLIC.split())
def test_every_public_name_has_an_example(room: str) -> None:
    module = importlib.import_module(f"fastnn.{room}")
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    things = [getattr(module, name) for name in names]
    own = [thing for thing in things if getattr(thing, "__module__", "").startswith(module.__name__)]
    assert own
    assert [thing for thing in own if not re.search(">>>|```", thing.__doc__ or "")] == []


def test_examples_of_the_compiled_functions() -> None:
    from fastnn import _kernels

    runner = doctest.DocTestRunner()
    for name, function in vars(_kernels).items():
        if not name.startswith("_") and callable(function):
            example = doctest.DocTestParser().get_doctest(function.__doc__ or "", {}, name, None, None)
            runner.run(example)
    assert runner.summarize().failed == 0
    assert runner.summarize().attempted > 0
