"""The Python of the pages in `docs` is run, page by page, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))

# A block of Python, and the block of text after it, if there is one: what it prints.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_of_a_page_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": page.stem}
    for number, (code, printed) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
        exec(compile(code, f"{page.name}, block {number}", "exec"), names)
        output = capsys.readouterr().out
        if printed or "verbose=0" in code:
            assert output == printed


def test_there_is_python_to_run() -> None:
    texts = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}
    with_code = {name for name, text in texts.items() if BLOCK.search(text)}
    assert with_code >= {"start", "from_keras", "from_scikit_learn", "from_pytorch", "from_numpy", "extending"}
    assert sum(text.count("```text") for text in texts.values()) == sum(
        bool(printed) for text in texts.values() for _, printed in BLOCK.findall(text)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("pages/") or (page.parent / target).exists(), target
