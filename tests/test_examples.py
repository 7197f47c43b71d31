"""Every script in `examples` is run in a process of its own, and asserts for itself that it learned."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_learns(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", str(script)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert any(re.search(r"\d", line) for line in done.stdout.splitlines())  # a result


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_is_short_and_ends_with_a_check(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    tree = ast.parse(text)
    last = tree.body[-1]
    assert ast.get_docstring(tree)
    assert isinstance(last, ast.Assert)
    assert last.msg is not None
    assert 30 <= len(text.splitlines()) <= 80


def test_the_table_lists_every_example_once() -> None:
    listed = re.findall(
        r"^\| \[(\w+\.py)\]\(\1\) \|", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed) == [script.name for script in SCRIPTS]
