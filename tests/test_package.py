"""The package's face: what it exports, and how little its import costs."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
from fastnn import _kernels
from fastnn._info import EXTRAS

PACKAGE = Path(fastnn.__file__).parent


def test_every_public_name_is_there() -> None:
    for name in fastnn.__all__:
        assert getattr(fastnn, name) is not None
        assert name in dir(fastnn)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = fastnn.nonsense


def test_import_loads_submodules_only_when_used() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); import fastnn; "
        "print(*sorted(set(sys.modules) - before)); fastnn.layers; print('fastnn.layers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, used = done.stdout.splitlines()
    ours = {name for name in loaded.split() if name.startswith("fastnn")}
    assert ours == {"fastnn", "fastnn._kernels", "fastnn._version"}
    assert used == "True"


def test_extras_that_messages_name_are_there() -> None:
    """In messages and in what `show_versions` looks for; pyproject.toml has the one list."""
    project = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.search(r"^\[project\.optional-dependencies\]\n(.*?)^\[", project, re.MULTILINE | re.DOTALL)
    assert lists
    extras = set(re.findall(r"^([\w-]+) = \[", lists[1], re.MULTILINE))
    named = {
        (path.name, name)
        for path in PACKAGE.rglob("*.py")
        for names in re.findall(r"fastnn-cpu\[([\w,-]+)\]", path.read_text(encoding="utf-8"))
        for name in names.split(",")
    }
    assert len(named) > 10
    assert {(path, name) for path, name in named if name not in extras} == set()
    required = set(re.findall(r'"([\w-]+)(?:\[[^\]]*\])?[>=]', lists[1]))
    assert set(EXTRAS) - required == set()


def test_the_stub_names_what_the_compiled_module_has() -> None:
    stub = ast.parse((PACKAGE / "_kernels.pyi").read_text(encoding="utf-8"))
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            check_signature(node, getattr(_kernels, node.name))
        if isinstance(node, ast.ClassDef):
            made = getattr(_kernels, node.name)
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name != "__new__"]
            assert {name for name in vars(made) if not name.startswith("_")} == {item.name for item in methods}
            for item in methods:
                if not item.decorator_list:  # no property
                    check_signature(item, getattr(made, item.name))
    functions = {name for name, value in vars(_kernels).items() if inspect.isroutine(value)}
    functions = {name for name in functions if getattr(_kernels, name).__module__ == "fastnn._kernels"}
    assert {name for name in functions if not name.startswith("_")} == {
        node.name for node in stub.body if isinstance(node, ast.FunctionDef)
    }


def check_signature(node: ast.FunctionDef, function: object) -> None:
    names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
    assert names == list(inspect.signature(function).parameters), node.name  # type: ignore[arg-type]
