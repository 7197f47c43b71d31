"""How `python -m sphinx -W docs build/docs` builds these pages; needs `python -m pip install '.[docs]'`."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

import fastnn

project = "fastnn"
author = "the fastnn developers"
version = release = fastnn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
default_role = "py:obj"  # `name` in a docstring is code, and a link where there is such a name
myst_heading_anchors = 3

autodoc_member_order = "groupwise"
autodoc_inherit_docstrings = False  # what a class has from its base is described there
autodoc_typehints = "none"  # docstrings say what arguments are
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Input shape", "Output shape"]

html_theme = "furo"
html_title = f"fastnn {version}"
html_show_copyright = html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}

# Documents of the repository that are pages here, too; these and the API's are written anew with every build.
DOCUMENTS = {
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "measuring.md",
    "examples/README.md": "examples.md",
}
ROOT = Path(__file__).resolve().parents[1]
PAGES, API = ROOT / "docs" / "pages", ROOT / "docs" / "api"


def modules() -> list[str]:
    """Names of the modules whose docstrings are pages: the public ones, and those within them."""
    public = [name for name in fastnn.__all__ if isinstance(getattr(fastnn, name), ModuleType)]
    others = ["backend", "config", "optimizers.schedules", "random", "variables"]
    return ["fastnn", *(f"fastnn.{name}" for name in sorted([*public, *others]))]


def relinked(text: str, folder: Path) -> str:
    """The text of a document in `folder`, its links to other files as they are from the folder of pages."""

    def target(match: re.Match[str]) -> str:
        if "://" in match[1] or match[1].startswith("#"):
            return match[0]
        path = (folder / match[1]).resolve()
        page = f"{path.stem}.md" if path.suffix == ".py" else DOCUMENTS.get(path.relative_to(ROOT).as_posix())
        return f"]({page or os.path.relpath(path, PAGES)})"

    return re.sub(r"\]\(([^)\s]+)\)", target, text)


def write_pages(app: Any) -> None:
    """Writes the pages that are made from something else, so that none can be forgotten."""
    for folder in (PAGES, API):
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    for name, page in DOCUMENTS.items():
        document = ROOT / name
        (PAGES / page).write_text(relinked(document.read_text("utf-8"), document.parent), "utf-8")
    figures = re.search(
        r"<!-- benchmarks:begin -->(.*)<!-- benchmarks:end -->", (ROOT / "README.md").read_text("utf-8"), re.S
    )
    assert figures
    (PAGES / "figures.md").write_text(f"# The figures\n{relinked(figures[1], ROOT)}", "utf-8")
    for script in (ROOT / "examples").glob("*.py"):
        docstring = ast.parse(script.read_text("utf-8")).body[0]
        assert isinstance(docstring, ast.Expr)
        about = inspect.cleandoc(ast.literal_eval(docstring.value))
        code = f"```{{literalinclude}} ../../examples/{script.name}\n:caption: {script.name}\n"
        text = f"---\norphan: true\n---\n# {about}\n\n{code}:lines: {(docstring.end_lineno or 0) + 2}-\n```\n"
        (PAGES / f"{script.stem}.md").write_text(text, "utf-8")
    for name in modules():
        module = importlib.import_module(name)
        others = [of for of in getattr(module, "__all__", ()) if getattr(module, of) is getattr(numpy, of, None)]
        members = "get_num_threads, set_num_threads, show_versions" if name == "fastnn" else ""  # others have pages
        text = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n   :members: {members}\n"
        text += f"   :exclude-members: {', '.join(others)}\n" if others else ""  # NumPy documents its own
        (API / f"{name}.rst").write_text(text, "utf-8")


def setup(app: Any) -> None:
    app.connect("builder-inited", write_pages)
