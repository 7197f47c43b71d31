"""The house has floors, and a room imports only from rooms below its own: read from the sources, not from a run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "fastnn"
NATIVE = PACKAGE / "_native"

# Lowest first. A room may import the rooms of the floors below, and those named before it on its own floor.
FLOORS = (
    ("_native", "_version", "_log", "warnings"),
    ("_kernels", "_refused", "_arrays", "_structure", "_activation", "_further_activations", "ops"),
    (
        "_registry",
        "config",
        "backend",
        "random",
        "adapters",
        "variables",
        "files",
        "records",
        "simplification",
        "compiled",
        "program",
    ),
    ("utils", "activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers"),
    ("layers",),
    ("state", "data", "prediction", "heads", "loss_steps", "training", "gradients", "sources", "loop"),
    ("callbacks", "summary", "exporting"),
    ("models",),
    ("saving", "exchange"),
    ("sklearn", "tabular", "wrappers", "plotting"),
    ("_info", "_threadpoolctl", "bench", "demo", "commands", "__main__"),
    ("__init__",),
)

# The same for C: contracts, algorithms, the table of them, and what is compiled.
C_FLOORS = (
    ("system.h",),
    ("kernels.h", "denormals.h", "hashing.h", "threads.h", "pace.h", "simd_*.h"),
    ("cuts.h", "data.h", "linear.h", "program.h", "steps.h", "run.h"),
    ("*.inc.h", "bodies.inc.h"),
    (
        "isa_*.c",
        "dispatch.c",
        "threads.c",
        "pace.c",
        "data.c",
        "hashing.c",
        "linear.c",
        "steps*.c",
        "run*.c",
        "program.c",
    ),
)

HEIGHT = {room: (floor, place) for floor, rooms in enumerate(FLOORS) for place, room in enumerate(rooms)}


def room_of(module: str) -> str:
    """The room that a module's dotted name belongs to: `fastnn.layers.dense` is in `layers`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that the code imports, functions included; what only a type checker sees is left out."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, node.module] if node.module else parents)
            # `from fastnn import layers` names a room; `from fastnn.layers import Dense` names it already
            yield from (f"{base}.{alias.name}" for alias in node.names)
        yield from imports(node, package)


def cython_imports(source: str) -> Iterator[str]:
    """The Python modules that Cython code imports."""
    for match in re.finditer(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+(\w+)|c?import\s+([\w.]+))", source, re.MULTILINE):
        base, name, plain = match.groups()
        yield plain or f"{base}.{name}"


def upward(room: str, names: Iterator[str]) -> list[str]:
    """The imports of fastnn's own among `names` that do not go down from `room`."""
    wrong = []
    for name in names:
        if name.split(".")[0] != "fastnn":
            continue
        target = room_of(name)
        if target not in HEIGHT:
            # `from fastnn import Sequential`: a name of the package itself
            target = "__init__"
        if target != room and HEIGHT[target] >= HEIGHT[room]:
            wrong.append(f"{room} imports {name}")
    return wrong


def dotted(path: Path) -> tuple[str, str]:
    """Names of the module and of the package it is in."""
    parts = ["fastnn", *path.relative_to(PACKAGE).with_suffix("").parts]
    if parts[-1] == "__init__" and len(parts) > 2:
        parts.pop()
        return ".".join(parts), ".".join(parts)
    return ".".join(parts), ".".join(parts[:-1])


PYTHON = sorted(path for path in PACKAGE.rglob("*.py") if path.is_file())


def test_every_room_is_there() -> None:
    there = {path.stem for path in (*PACKAGE.glob("*.py"), *PACKAGE.glob("*.pyx"))}
    there |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {NATIVE.name}
    assert there == set(HEIGHT)


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_python_imports_go_down(path: Path) -> None:
    module, package = dotted(path)
    room = room_of(module)
    assert room in HEIGHT, f"{room} has no place in FLOORS: give it one"
    assert upward(room, imports(ast.parse(path.read_text()), package)) == []


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.p[yx][xid]")), ids=lambda path: path.name)
def test_cython_imports_go_down(path: Path) -> None:
    room = "_kernels" if path.suffix == ".pxi" else path.stem  # what _kernels.pyx includes is part of it
    assert room in HEIGHT, f"{room} has no place in FLOORS: give it one"
    assert upward(room, cython_imports(path.read_text())) == []


def c_height(name: str) -> tuple[int, int]:
    """Where the C file lives; its own name counts before a pattern."""
    places = {pattern: (floor, place) for floor, names in enumerate(C_FLOORS) for place, pattern in enumerate(names)}
    found = [places[name]] if name in places else [place for pattern, place in places.items() if fnmatch(name, pattern)]
    assert found, f"{name} has no place in C_FLOORS: give it one"
    return found[0]


C_FILES = sorted([*NATIVE.glob("*.c"), *NATIVE.glob("*.h")])


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.name)
def test_c_includes_go_down(path: Path) -> None:
    included = re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.MULTILINE)
    assert [name for name in included if c_height(name) >= c_height(path.name)] == []


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.name)
def test_native_floor_knows_no_python(path: Path) -> None:
    assert not re.search(r"Python\.h|numpy/|\bPy[A-Z]\w+\(", path.read_text())


@pytest.mark.parametrize("path", sorted(NATIVE.glob("*.inc.h")), ids=lambda path: path.name)
def test_algorithms_name_no_instruction_set(path: Path) -> None:
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
    words = re.findall(
        r"\b(?:_mm\d*_\w+|__m(?:128|256|512)\w*|v(?:ld|st)1q?_\w+|__(?:AVX|SSE|ARM)\w*|\w+intrin\.h)", code
    )
    assert words == []


def test_a_wrong_import_is_seen() -> None:
    tree = ast.parse("def f():\n    from ..models import Model\nfrom fastnn import losses\nimport fastnn.ops\n")
    assert upward("layers", imports(tree, "fastnn.layers")) == ["layers imports fastnn.models.Model"]
    assert upward("losses", iter(["fastnn.metrics"])) == ["losses imports fastnn.metrics"]
    assert upward("ops", iter(["fastnn.Sequential"])) == ["ops imports fastnn.Sequential"]
    assert upward("_kernels", cython_imports("cimport numpy as np\nfrom fastnn.ops import linear\n")) != []
