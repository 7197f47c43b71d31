"""ONNX files that are damaged, hostile, or no ONNX files: one clear error each, soon, and nothing else happens."""

from __future__ import annotations

import contextlib
import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import networks
from fastnn.exchange import from_onnx, to_onnx
from test_onnx_import import DATA, graph

REFUSED = (ValueError, NotImplementedError)


def dense() -> Any:
    return to_onnx(networks.make("dense")[0])


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "none.onnx")
    with pytest.raises(
        TypeError, match=r"must be a path, the bytes of an ONNX file or an onnx.ModelProto. Received: int"
    ):
        from_onnx(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content", [b"", b"no ONNX", b"\x00" * 64, b"\xff" * 64, pickle.dumps(os.getcwd), b"PK\x03\x04"]
)
def test_files_of_other_kinds(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"is no ONNX file, or a damaged one.*m\.onnx"):
        from_onnx(tmp_path / "m.onnx")


def test_every_truncated_file_is_refused_or_whole() -> None:
    content = dense().SerializeToString()
    for length in range(0, len(content), 7):
        with pytest.raises(REFUSED):
            from_onnx(content[:length])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(DATA.glob("*.onnx"))), st.data())
def test_damaged_files_are_models_or_refused(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(*REFUSED):
        from_onnx(bytes(content))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(networks.NAMES), st.data())
def test_changed_graphs_are_models_or_refused(name: str, data: st.DataObject) -> None:
    """Nodes that are left out, twice there, wired otherwise, of another operator; numbers of another size."""
    proto = to_onnx(networks.make(name)[0])
    nodes, numbers = proto.graph.node, proto.graph.initializer
    names = [*(each.name for each in numbers), *(name for node in nodes for name in node.output), "x", ""]
    for _ in range(data.draw(st.integers(1, 3))):
        node = nodes[data.draw(st.integers(0, len(nodes) - 1))]
        change = data.draw(st.sampled_from(["input", "operator", "attribute", "dims", "twice", "output"]))
        if change == "input" and node.input:
            node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from(names))
        elif change == "operator":
            node.op_type = data.draw(
                st.sampled_from(["Gemm", "MatMul", "Gather", "Reshape", "Slice", "Concat", "Where"])
            )
        elif change == "attribute" and node.attribute:
            node.attribute[0].i = data.draw(st.sampled_from([-(2**63), -1, 0, 1, 2**31, 2**63 - 1]))
        elif change == "dims" and numbers:
            chosen = numbers[data.draw(st.integers(0, len(numbers) - 1))]
            chosen.dims[:] = data.draw(st.lists(st.sampled_from([-1, 0, 1, 2, 6, 2**40]), max_size=3))
        elif change == "twice":
            nodes.append(node)
        elif change == "output":
            node.output[0] = data.draw(st.sampled_from(names))
    with contextlib.suppress(*REFUSED):
        from_onnx(proto)


HUGE = 1 << 40
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "cycle": ("a = Relu(b) b = Relu(a) y = Add(x, b)", {}),
    "itself": ("y = Relu(y)", {}),
    "out of order": ("y = Relu(a) a = Relu(x)", {}),
    "missing": ("y = Add(x, nowhere)", {}),
    "twice": ("y = Relu(x) y = Tanh(x)", {}),
    "unknown operator": ("y = Conv(x, x)", {}),
    "control flow": ("y = If <then_branch = t () => (float z) { z = Constant<value=float{1}>() }> (x)", {}),
    "another domain": ("y = com.microsoft.FusedGemm(x, x)", {}),
    "random": ("y = RandomNormalLike(x)", {}),
    "huge input": ("y = Relu(x)", {"inputs": f"float[N,{HUGE}] x"}),
    "huge product of lengths": ("y = Relu(x)", {"inputs": f"float[N,{1 << 20},{1 << 20},{1 << 20}] x"}),
    "huge constant": (f"s = Constant<value=int64[1]{{{HUGE}}}>() c = ConstantOfShape(s) y = Add(x, c)", {}),
    "huge expansion": (
        (
            f"a = Constant<value=int64[1]{{2}}>() u = Unsqueeze(x, a) s = Constant<value=int64[3]{{1,4,{HUGE}}}>()"
            "y = Expand(u, s)"
        ),
        {},
    ),
    "huge repetition": (f"r = Constant<value=int64[2]{{1,{HUGE}}}>() y = Tile(x, r)", {}),
    "huge range": (
        (
            f"a = Constant<value=int64{{0}}>() b = Constant<value=int64{{{HUGE}}}>() c = Constant<value=int64{{1}}>()"
            "r = Range(a, b, c) y = Gather<axis=1>(x, r)"
        ),
        {},
    ),
    "range without end": (
        "a = Constant<value=int64{0}>() b = Constant<value=int64{9}>() r = Range(a, b, a) y = Gather<axis=1>(x, r)",
        {},
    ),
    "broadcast constant": (
        (
            "s = Constant<value=int64[2]{30000,1}>() a = ConstantOfShape(s) t = Constant<value=int64[2]{1,30000}>()"
            "b = ConstantOfShape(t) c = Add(a, b) y = Add(x, c)"
        ),
        {},
    ),
    "huge one-hot": (
        f"d = Constant<value=int64{{{HUGE}}}>() v = Constant<value=float[2]{{0,1}}>() y = OneHot(x, d, v)",
        {"inputs": "int64[N,2] x"},
    ),
    "unknown length": ("y = Relu(x)", {"inputs": "float[N,M] x"}),
    "no length": ("y = Relu(x)", {"inputs": "float[N,0] x"}),
    "negative length": ("y = Relu(x)", {"inputs": "float[N,-4] x"}),
    "no batch": ("y = Relu(x)", {"inputs": "float x"}),
    "half floats": ("y = Relu(x)", {"inputs": "float16[N,4] x"}),
    "strings": ("y = Identity(x)", {"inputs": "string[N,4] x"}),
    "complex numbers": ("y = Identity(x)", {"inputs": "complex64[N,4] x"}),
    "arithmetic of whole numbers": ("y = Add(x, x)", {"inputs": "int64[N,4] x"}),
    "whole numbers out of floats": ("a = Cast<to=7>(x) y = Cast<to=1>(a)", {}),
    "a condition from outside": ("c = Constant<value=bool[4]{1,0,1,0}>() z = Neg(x) y = Where(c, x, z)", {}),
    "whole numbers compared": ("c = Equal(x, x) y = Cast<to=1>(c)", {"inputs": "int64[N,4] x"}),
    "conditions": ("y = Less(x, x)", {"outputs": "bool[N,4] y"}),
    "the batch is reduced": ("y = ReduceSum(x)", {}),
    "the batch is moved": ("y = Transpose(x)", {}),
    "the batch is moved and not back": (
        "a = Transpose<perm=[1,0]>(x) i = Constant<value=int64[2,1]{1,0}>() b = GatherND(a, i) y = Relu(b)",
        {},
    ),
    "the batch is mixed": ("i = Constant<value=int64[2,1]{1,0}>() y = GatherND(x, i)", {}),
    "columns that are not there": (
        "a = Transpose<perm=[1,0]>(x) i = Constant<value=int64[1,1]{4}>() b = GatherND(a, i) y = Transpose(b)",
        {},
    ),
    "the batch is cut": (
        "s = Constant<value=int64[1]{0}>() e = Constant<value=int64[1]{1}>() y = Slice(x, s, e, s)",
        {},
    ),
    "the batch is reshaped": ("s = Constant<value=int64[2]{-1,2}>() y = Reshape(x, s)", {}),
    "the batch is chosen from": ("i = Constant<value=int64[1]{0}>() y = Gather(x, i)", {}),
    "samples mixed": ("y = Concat<axis=0>(x, x)", {}),
    "not a number": (
        "c = Constant<value=float[4]{1,2,3,4}>() z = Constant<value=float{0}>() n = Div(z, z) y = Add(x, n)",
        {},
    ),
    "shapes that do not fit": ("w = Constant<value=float[3,2]{1,2,3,4,5,6}>() y = MatMul(x, w)", {}),
    "a product of tensors": ("y = MatMul(x, x)", {}),
    "indices outside": ("i = Constant<value=int64[1]{4}>() y = Gather<axis=1>(x, i)", {}),
    "an axis outside": ("y = Softmax<axis=7>(x)", {}),
    "training": (
        "v = Constant<value=float[4]{1,1,1,1}>() y, m, s = BatchNormalization<training_mode=1>(x, v, v, v, v)",
        {},
    ),
    "a constant output": ("y = Constant<value=float[1]{1}>()", {}),
    "too few inputs": ("y = Gemm(x)", {}),
    "too many inputs": ("y = Relu(x, x)", {}),
    "an old opset": ("y = Relu(x)", {"opset": 6}),
    "an opset of the future": ("y = Relu(x)", {"opset": 1000}),
}


@pytest.mark.parametrize("case", CASES)
def test_hostile_graphs(case: str) -> None:
    body, more = CASES[case]
    with pytest.raises(REFUSED, match="Received: "):
        from_onnx(graph(body, **more))


def test_errors_name_the_node_and_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match=r"The node MatMul 'y' does not fit together: .*\(4,\)\. Received: shape"):
        from_onnx(graph("w = Constant<value=float[3,2]{1,2,3,4,5,6}>() y = MatMul(x, w)"))
    with pytest.raises(NotImplementedError, match=r"no layers for. Received: \['Conv', 'LSTM'\]"):
        from_onnx(graph("a = Conv(x, x) y = LSTM(a, a, a)"))
    with pytest.raises(ValueError, match="needs 'b' before it is computed"):
        from_onnx(graph("a = Relu(b) b = Relu(a) y = Add(x, b)"))


def test_weights_that_are_no_numbers() -> None:
    for bad in (np.nan, np.inf):
        proto = dense()
        kernel = proto.graph.initializer[0]
        values = onnx.numpy_helper.to_array(kernel).copy()
        values.flat[0] = bad
        kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
        with pytest.raises(ValueError, match="Weights must be finite"):
            from_onnx(proto)


@pytest.mark.parametrize("dims", [[HUGE], [-1], [2**62, 4], [7, 5]])
def test_headers_that_lie_about_sizes(dims: list[int]) -> None:
    proto = dense()
    proto.graph.initializer[0].dims[:] = dims
    with pytest.raises(ValueError, match=r"as many numbers as its shape says|must not be negative"):
        from_onnx(proto)


@pytest.mark.parametrize(
    "entries",
    [
        {"location": "../secret"},
        {"location": "/etc/passwd"},
        {"location": "inner/../../secret"},
        {"location": "link"},
        {"location": ""},
        {"location": "."},
        {"location": "none"},
        {"location": "weights", "offset": "-4"},
        {"location": "weights", "offset": "1000000000000"},
        {"location": "weights", "length": "4000000000000"},
        {"location": "weights", "length": "nonsense"},
        {},
    ],
)
def test_weights_elsewhere_stay_there(entries: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(bytes(10_000))
    (folder / "weights").write_bytes(bytes(10_000))
    (folder / "link").symlink_to(tmp_path / "secret")
    proto = dense()
    kernel = proto.graph.initializer[0]
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        kernel.external_data.add(key=key, value=value)
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(
        ValueError, match=r"m\.onnx' cannot.*(in the folder of the model|as many numbers as its shape says)"
    ):
        from_onnx(folder / "m.onnx")


def test_weights_elsewhere_are_not_multiplied(tmp_path: Path) -> None:
    proto = dense()
    (tmp_path / "weights").write_bytes(bytes(1 << 20))
    for at in range(100):
        tensor = proto.graph.initializer.add(name=f"many{at}", data_type=TensorProto.FLOAT, dims=[1 << 18])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="./" * at + "weights")
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match=r"more than 4 times\. Received: 104857600 bytes out of 'weights' of 1048576"):
        from_onnx(tmp_path / "m.onnx")


def test_files_beyond_protobuf_are_refused_before_they_are_read(tmp_path: Path) -> None:
    with open(tmp_path / "m.onnx", "wb") as file:
        file.truncate(6 << 30)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"less than 2 GB.*m\.onnx' of 6442450944 bytes"):
        from_onnx(tmp_path / "m.onnx")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_errors_name_the_file(tmp_path: Path) -> None:
    for body, kind in (("y = Relu(y)", ValueError), ("y = Conv(x, x)", NotImplementedError)):
        onnx.save(graph(body), tmp_path / "m.onnx")
        with pytest.raises(kind, match=r"^The file '.*m\.onnx' cannot be loaded: "):
            from_onnx(tmp_path / "m.onnx")


def test_many_nodes_are_refused_before_they_are_read() -> None:
    nodes = [helper.make_node("Relu", [f"t{at}"], [f"t{at + 1}"]) for at in range(30_000)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("t0", "t30000")]
    proto = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]))
    proto.opset_import[0].version = 17
    with pytest.raises(ValueError, match=r"at most \d+ nodes. Received: 30000"):
        from_onnx(proto)


@pytest.mark.parametrize("operator", ["Relu", "Add", "Where"])
def test_long_chains_need_no_recursion(operator: str) -> None:
    count = 1500
    inputs = {"Relu": lambda at: [f"t{at}"], "Add": lambda at: [f"t{at}"] * 2, "Where": lambda at: ["c", f"t{at}", "z"]}
    nodes = [helper.make_node("Greater", ["t0", "z"], ["c"])]
    nodes += [helper.make_node(operator, inputs[operator](at), [f"t{at + 1}"]) for at in range(count)]
    zero = onnx.numpy_helper.from_array(np.float32(0), "z")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("t0", f"t{count}")]
    proto = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [zero]))
    proto.opset_import[0].version = 17
    assert from_onnx(proto).predict(np.array([[-1.0, 0.0]]), verbose=0).shape == (1, 2)


def test_functions_of_a_models_own_are_refused() -> None:
    proto = dense()
    proto.functions.add(name="mine", domain="mine")
    with pytest.raises(NotImplementedError, match=r"inlined first.*Received: \['mine'\]"):
        from_onnx(proto)


def test_the_random_numbers_of_numpy_and_the_source_stay_as_they_were() -> None:
    proto = dense()
    before = proto.SerializeToString()
    from_onnx(proto)
    assert proto.SerializeToString() == before
