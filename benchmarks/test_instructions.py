"""The guard of instruction counts: what it lets pass, and that what it counts can be run."""

from __future__ import annotations

import json

import pytest

import instructions


def test_more_is_refused_and_less_is_not() -> None:
    kept = {"a": 1000, "b": 1000}
    assert instructions.compared({"a": 1020, "b": 500}, kept)[1]
    lines, well = instructions.compared({"a": 1040, "b": 1000}, kept)
    assert not well
    assert [line.endswith("MORE") for line in lines] == [True, False]
    assert not instructions.compared({"c": 1}, kept)[1]


def test_everything_that_is_counted_was_kept() -> None:
    assert set(json.loads(instructions.KEPT.read_text(encoding="utf-8"))["counts"]) == set(instructions.works())


@pytest.mark.parametrize("name", instructions.works())
def test_work_runs(name: str) -> None:
    work, many = instructions.works()[name]
    work(1)
    assert many > 1
