"""The page about other programs: its Python is run from top to bottom, its C is compiled by the command it shows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fastnn import __main__ as command_line

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore")  # PyTorch's own
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    python = blocks("python")
    for block in python[:4]:
        exec(compile(block, "docs/exchange.md", "exec"), names)
    (main,), (compiled, commands) = blocks("c"), blocks("console")
    Path("main.c").write_text(main)
    printed = subprocess.run(compiled, shell=True, check=True, capture_output=True, text=True).stdout
    model = names["model"]
    expected = model.predict(np.array([[0.1, 0.2, 0.3, 0.4]]), verbose=0)[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose([float(number) for number in printed.split()], expected, atol=2e-6)
    for command in commands.splitlines():
        assert command_line.main(command.split()[1:]) == 0
    pytest.importorskip("torch")
    for block in python[4:]:
        exec(compile(block, "docs/exchange.md", "exec"), names)
    assert names["residual"].predict(names["x"], verbose=0).shape == (150, 4)  # type: ignore[attr-defined]
    written = {path.name for path in tmp_path.iterdir()}
    assert {"iris.c", "iris.onnx", "iris.safetensors", "residual.onnx"} <= written
