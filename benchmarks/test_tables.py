"""The benchmark of tables: one short round of every model, and the document that is written from a result."""

from __future__ import annotations

import pytest

import tables


@pytest.mark.parametrize("name", ["iris", "linnerud"])
@pytest.mark.parametrize("label", tables.MODELS)
def test_every_model_is_measured(name: str, label: str) -> None:
    make = tables.ours(2, max_epochs=2) if label == "fastnn" else tables.MODELS[label]
    if label == "fastnn, 1 member":
        make = tables.ours(1, max_epochs=2)
    found = tables.measure(tables.DATA[name](), make, folds=2)
    assert len(found["score"]) == len(found["seconds"]) == 2
    assert ("log_loss" in found) == (name == "iris")


def test_the_document_is_up_to_date() -> None:
    assert tables.main(["--check"]) == 0
