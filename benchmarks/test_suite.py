"""The command itself: one very short round of every section, with whatever peers are installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastnn import __main__ as command_line
from fastnn.bench.command import SECTIONS

SHORT = ["--quick", "--rounds", "1", "--seconds", "0.02"]
WORDS = {
    "training": ["--cases", "seed"],
    "variants": ["--cases", "odd", "float64"],
    "kernels": ["--kernels", "linear", "tanh"],
}


@pytest.mark.parametrize("name", SECTIONS)
def test_section(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "result.json"
    words = ["bench", "--group", name, *SHORT, *WORDS.get(name, []), "--json", str(file)]
    assert command_line.main([*words, "--peers", "numpy", "sklearn", "onnxruntime"]) == 0
    measured = capsys.readouterr().out
    assert f"== {SECTIONS[name].title}" in measured
    assert "lack of time" not in measured
    assert json.loads(file.read_text(encoding="utf-8"))[name]
    assert command_line.main(["bench", "--show", str(file)]) == 0
    assert capsys.readouterr().out == measured
