"""The examples run under Keras with nothing but their imports changed, and their own checks hold there too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beside import keras

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"

# What Keras has not, or not without TensorFlow.
BEYOND_KERAS = {
    "mixed_tabular": "StringLookup",
    "quantiles": "Pinball",
}
IMPORT = re.compile(r"^(from|import) fastnn\b", re.MULTILINE)


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda script: script.stem)
def test_example_is_a_script_for_keras(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    if script.stem in BEYOND_KERAS:
        assert BEYOND_KERAS[script.stem] in text
        return
    replaced, imports = IMPORT.subn(r"\1 keras", text)
    assert imports == 1
    assert "fastnn" not in replaced
    keras.utils.clear_session()
    exec(compile(replaced, str(script), "exec"), {"__name__": "__main__"})
