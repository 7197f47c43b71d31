"""What a model lowers to can be exported, whatever a layer emits: no step is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastnn.exporting import c, c_functions, description, onnx_functions, onnx_steps

NATIVE = Path(__file__).parents[2] / "src" / "fastnn" / "_native"
# Steps of learning, which no prediction has, and those that are refused by name.
OF_LEARNING = {
    "activity_regularization",
    "branch",
    "counted_loss",
    "counted_value_loss",
    "loss",
    "metric",
    "python_loss",
    "value_loss",
    "zero",
    "pull",
}
FOLDED = {"folded_dense", "normalized_dense", "sparse_dense"}  # what a program makes of others when it is written
REFUSED = {"python", *description.RANDOM}


def written(path: str, pattern: str) -> set[str]:
    """Names in a source that lists what there is."""
    return set(re.findall(pattern, (NATIVE / path).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_step_can_be_exported() -> None:
    steps = written("steps.c", r"&fastnn_(\w+)_op,") - OF_LEARNING - FOLDED - REFUSED
    assert steps == set(c.STEPS)
    assert steps == set(onnx_steps.STEPS)


def test_every_activation_can_be_exported() -> None:
    activations = written("activations_table.inc.h", r'^    \{"(\w+)",')
    assert activations == set(c_functions._ACTIVATIONS)
    assert activations == set(onnx_functions.FUNCTIONS)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(
        NotImplementedError, match=r"A step must be one of \['dense'\] to be exported. Received: 'other'"
    ):
        description.chosen({"dense": 1}, "other", "A step")


def test_names_are_given_once() -> None:
    name = description.Names("[a-z0-9]")
    assert [name("a/b"), name("a.b"), name("a_b_2"), name("")] == ["a_b", "a_b_2", "a_b_2_2", "_"]
