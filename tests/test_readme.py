"""The README's Python is run, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_of_the_readme_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(compile(BLOCKS[number], f"README.md, block {number}", "exec"), names)
    output = capsys.readouterr().out
    if number == 0:
        assert "Epoch 10/10" in output
    elif "model" in names:
        assert names["model"].history.history["kind_loss"]  # type: ignore[attr-defined]
    elif "classifier" in names:
        assert names["classifier"].score(names["x"] / 16, names["y"]) > 0.97  # type: ignore
    else:
        expected = names["x"] @ names["w"] + names["b"]  # type: ignore[operator]
        assert abs(names["y"] - expected).max() < 1e-4  # type: ignore[operator]
