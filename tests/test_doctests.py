"""Every example in a docstring is run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

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


def test_examples_of_the_compiled_functions() -> None:
    from fastnn import _kernels

    runner = doctest.DocTestRunner()
    for name, function in vars(_kernels).items():
        if not name.startswith("_") and callable(function):
            example = doctest.DocTestParser().get_doctest(function.__doc__ or "", {}, name, None, None)
            runner.run(example)
    assert runner.summarize().failed == 0
    assert runner.summarize().attempted > 0
