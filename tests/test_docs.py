"""The Python of the pages in `docs` is run, page by page, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
RUN_ELSEWHERE = {"exchange"}  # by a test that has what it takes: compilers and other programs

# A block of Python, and the block of text after it, if there is one: what it prints.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem not in RUN_ELSEWHERE], ids=lambda page: page.stem)
def test_python_of_a_page_runs(
    page: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
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
    assert sum(text.count("```text") for name, text in texts.items() if name not in RUN_ELSEWHERE) == sum(
        bool(printed) for name, text in texts.items() if name not in RUN_ELSEWHERE for _, printed in BLOCK.findall(text)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("pages/") or (page.parent / target).exists(), target
