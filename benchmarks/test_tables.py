"""The benchmark of tables: one short round of every model, and the document that is written from a result."""

from __future__ import annotations

import pytest

pytest.importorskip("pandas")  # which the suite itself does without

import tables


@pytest.mark.parametrize("name", ["iris", "linnerud"])
@pytest.mark.parametrize("label", [label for label in tables.MODELS if "pytabkit" not in label])
def test_every_model_is_measured(name: str, label: str) -> None:
    quick = {"fastnn": tables.ours(2, max_epochs=2), "fastnn, 1 member": tables.ours(1, max_epochs=2)}
    data, make = tables.DATA[name](), quick.get(label, tables.MODELS[label])
    found = tables.scores(data, make, folds=2)
    assert len(found["score"]) == 2
    assert ("log_loss" in found) == (name == "iris")
    assert tables.seconds(data, make, folds=2) > 0


def test_the_document_is_up_to_date() -> None:
    assert tables.main(["--check"]) == 0
