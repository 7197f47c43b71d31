"""State dicts in safetensors files, without PyTorch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import networks
from fastnn import exchange
from fastnn.exchange import load_state_dict, to_state_dict
from fastnn.files import FileError


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["dense", "batch_normalization", "layer_normalization", "softmax"])
def test_round_trip(name: str, dtype: str, tmp_path: Path) -> None:
    model, x = networks.make(name, dtype)
    expected = networks.predicted(model, x)[0]
    state = to_state_dict(model, tmp_path / "m.safetensors")
    other, _ = networks.make(name, dtype)
    other.set_weights([np.full(weight.shape, 2.0) for weight in other.weights])
    for source in (state, tmp_path / "m.safetensors", str(tmp_path / "m.safetensors")):
        load_state_dict(other, source)
        np.testing.assert_array_equal(networks.predicted(other, x)[0], expected)
    assert [each.name for each in tmp_path.iterdir()] == ["m.safetensors"]


def test_the_arrays_are_the_callers_own() -> None:
    model, _ = networks.make("dense")
    state = to_state_dict(model)
    state["0.weight"][...] = 7
    assert not (model.layers[0].kernel.numpy() == 7).any()


def changed(state: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**state, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"0.bias": None}, r"Received: \[\] too many, \['0.bias'\] missing"),
        ({"more": np.zeros(3)}, r"Received: \['more'\] too many, \[\] missing"),
        ({"0.weight": np.zeros((6, 5))}, r"'0.weight' must have the shape \(5, 6\). Received: \(6, 5\)"),
        ({"0.bias": np.full(5, np.nan)}, r"'0.bias' must hold finite real numbers"),
        ({"0.bias": np.array(["a"] * 5)}, r"'0.bias' must hold finite real numbers. Received: dtype=<U1"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(changes: dict[str, Any], message: str) -> None:
    model, _ = networks.make("dense")
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        load_state_dict(model, changed({name: array + 1 for name, array in to_state_dict(model).items()}, **changes))
    for weight, kept in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, kept)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_damaged_files_change_nothing(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    model, _ = networks.make("softmax")
    before = model.get_weights()
    to_state_dict(model, folder / "m")
    content = bytearray((folder / "m").read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(0, header - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "m").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with pytest.raises(FileError, match=r"The file '.*m' cannot be loaded"):
        load_state_dict(model, folder / "m")
    for weight, kept in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_missing_files_and_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = networks.make("dense")
    with pytest.raises(FileNotFoundError):
        load_state_dict(model, tmp_path / "none")
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"python -m pip install 'fastnn-cpu\[files\]'"):
        to_state_dict(model, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, "torch", None)
    for function in (exchange.to_torch, exchange.from_torch):
        with pytest.raises(ImportError, match=r"python -m pip install 'fastnn-cpu\[torch\]'"):
            function(model)
