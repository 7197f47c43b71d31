"""Models as ONNX graphs: valid by onnx's checker, and their predictions in ONNX Runtime beside fastnn's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import networks
from fastnn import exporting, layers
from fastnn.models import Model, Sequential


def run(proto: Any, x: list[np.ndarray]) -> list[np.ndarray]:
    """What ONNX Runtime predicts."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(double)": np.float64}
    given = zip(session.get_inputs(), x, strict=True)
    return session.run(None, {of.name: array.astype(kinds[of.type]) for of, array in given})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", networks.NAMES)
def test_predicts_the_same(name: str, dtype: str) -> None:
    model, x = networks.make(name, dtype)
    expected = networks.predicted(model, x)
    proto = exporting.to_onnx(model)
    onnx.checker.check_model(proto, full_check=True)
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 17)]
    assert [of.name for of in proto.graph.input] == model.input_names
    for y, reference in zip(run(proto, x), expected, strict=True):
        assert y.dtype == reference.dtype
        assert y.shape == reference.shape
        np.testing.assert_allclose(y, reference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 3])
def test_the_batch_has_any_length(samples: int) -> None:
    model, x = networks.make("layers_on_matrices")
    (y,) = run(exporting.to_onnx(model), [x[0][:samples]])
    np.testing.assert_allclose(y, networks.predicted(model, x)[0][:samples], rtol=1e-5, atol=1e-5)


def test_names_are_those_of_the_model() -> None:
    model, _ = networks.make("named")
    graph = exporting.to_onnx(model).graph
    assert [each.name for each in graph.input] == ["int", "unused", "work"]
    assert [each.name for each in graph.output] == ["hidden", "mean value", "passed"]
    assert all(each.name.rpartition("/")[2] in ("kernel", "bias") for each in graph.initializer)


def test_ids_are_whole_numbers() -> None:
    ids = layers.Input((3,), name="ids")
    model = Model(ids, layers.Dense(2)(layers.Flatten()(layers.Embedding(5, 2)(ids))))
    (declared,) = exporting.to_onnx(model).graph.input
    assert declared.type.tensor_type.elem_type == onnx.TensorProto.INT64
    assert declared.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_a_shared_layer_is_written_once() -> None:
    x = layers.Input((3,))
    layer = layers.Dense(3)
    assert len(exporting.to_onnx(Model(x, layer(layer(x)))).graph.initializer) == 2


def test_export_as_in_keras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, x = networks.make("dense")
    model.export(tmp_path / "m.onnx", format="onnx")
    assert capsys.readouterr().out == ""
    (y,) = run(onnx.load(tmp_path / "m.onnx"), x)
    np.testing.assert_allclose(y, networks.predicted(model, x)[0], rtol=1e-5, atol=1e-5)
    model.export(str(tmp_path / "m.c"), format="c", verbose=True)
    assert capsys.readouterr().out == f"Saved artifact at '{tmp_path / 'm.c'}'.\n"
    assert "void m_predict(" in (tmp_path / "m.c").read_text()
    with pytest.raises(ValueError, match=r"Argument `format` must be one of \['c', 'onnx'\].*format='tf_saved_model'"):
        model.export(tmp_path / "m", format="tf_saved_model")
    with pytest.raises(ValueError, match=r"Unknown arguments of export.*input_signature"):
        model.export(tmp_path / "m", format="onnx", input_signature=[])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.c", "m.onnx"]


def test_a_file_stays_as_it_was_where_the_model_cannot_be_exported(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"as it was")
    x = layers.Input((2,))
    with pytest.raises(NotImplementedError, match="a step of training"):
        exporting.to_onnx(Model(x, layers.BatchNormalization()(x, training=True)), path)
    with pytest.raises(ValueError, match="before it is built"):
        exporting.to_onnx(Sequential([layers.Dense(2)]), path)
    assert path.read_bytes() == b"as it was"


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"python -m pip install 'fastnn-cpu\[onnx\]'"):
        exporting.to_onnx(networks.make("dense")[0])
