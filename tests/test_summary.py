"""What `summary` prints, line by line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastnn.layers import BatchNormalization, Dense, Input
from fastnn.models import Sequential

pytestmark = pytest.mark.usefixtures("repeatable")


SUMMARY = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ dense (Dense)                        │ (None, 10)                  │              90 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ batch_normalization                  │ (None, 10)                  │              40 │
│ (BatchNormalization)                 │                             │                 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense_1 (Dense)                      │ (None, 1)                   │              11 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 141 (564.00 B)
 Trainable params: 121 (484.00 B)
 Non-trainable params: 20 (80.00 B)
"""
UNBUILT = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ dense (Dense)                        │ ?                           │     0 (unbuilt) │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ a_name_that_is_far_too_long_for_its… │ ?                           │     0 (unbuilt) │
│ (Dense)                              │                             │                 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 0 (0.00 B)
 Trainable params: 0 (0.00 B)
 Non-trainable params: 0 (0.00 B)
"""


def test_summary(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    model = Sequential([Input((8,)), Dense(10), BatchNormalization(), Dense(1)])
    model.summary()
    assert capsys.readouterr().out == SUMMARY
    texts: list[str] = []
    model.summary(print_fn=texts.append)
    assert texts == [SUMMARY]
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((4, 8)), np.ones(4))
    model.summary(show_trainable=True, line_length=60, layer_range=["dense", "batch"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines[1]) == 60
    assert next(line for line in lines if "dense (Dense)" in line).rstrip("│ ").endswith("N")
    assert "dense_1" not in "".join(lines)
    assert " Trainable params: 31 (124.00 B)" in lines
    assert " Non-trainable params: 110 (440.00 B)" in lines
    assert any(line.startswith(" Optimizer params: 64 ") for line in lines)
    monkeypatch.setenv("COLUMNS", "80")
    model.summary()
    assert len(capsys.readouterr().out.splitlines()[1]) == 76


def test_summary_of_an_unbuilt_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    Sequential([Dense(10), Dense(1, name="a_name_that_is_far_too_long_for_its_column")]).summary()
    assert capsys.readouterr().out == UNBUILT
    Sequential().summary()
    assert " Total params: 0 (0.00 B)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [{"line_length": 8}, {"positions": [0.5, 1.0]}, {"layer_range": ["dense"]}, {"layer_range": ["a", "b"]}],
)
def test_summary_refuses(arguments: dict[str, Any]) -> None:
    model = Sequential([Input((8,)), Dense(1)])
    with pytest.raises(ValueError, match="Received: "):
        model.summary(**arguments)
