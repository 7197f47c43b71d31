"""ONNX Runtime: a session over the network's graph, with all optimizations."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from ..cases import Case

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh"}


def graph_of(case: Case) -> bytes:
    """The network as an ONNX file."""
    if case.activation not in ACTIVATIONS or case.normalization:
        raise NotImplementedError(f"no graph is made here for {case.setting}")
    weights = case.weights()
    nodes, given = [], "x"
    for i in range(0, len(weights), 2):
        last = i + 2 == len(weights)
        made = "y" if last else f"z{i}"
        nodes.append(helper.make_node("Gemm", [given, f"w{i}", f"w{i + 1}"], [made]))
        given = made
        if not last:
            nodes.append(helper.make_node(ACTIVATIONS[case.activation], [made], [f"h{i}"]))
            given = f"h{i}"
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])]
        for name, width in (("x", case.sizes[0]), ("y", case.sizes[-1]))
    )
    constants = [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)]
    graph = helper.make_graph(nodes, "network", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


class Predictor:
    def __init__(self, case: Case) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self.outputs = case.sizes[-1]
        self.session = onnxruntime.InferenceSession(graph_of(case), options, providers=["CPUExecutionProvider"])

    def prepare(self, x: np.ndarray) -> np.ndarray:
        self.bound = self.session.io_binding()
        self.y = np.empty((len(x), self.outputs), x.dtype)
        self.values = [onnxruntime.OrtValue.ortvalue_from_numpy(a) for a in (x, self.y)]  # the arrays' own memory
        self.bound.bind_ortvalue_input("x", self.values[0])
        self.bound.bind_ortvalue_output("y", self.values[1])
        return x

    def _run_bound(self, x: np.ndarray) -> np.ndarray:
        """Of the array that was bound."""
        self.session.run_with_iobinding(self.bound)
        return self.y

    def calls(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        run = self.session.run
        return {"run(x)": lambda x: run(["y"], {"x": x})[0], "run_with_iobinding": self._run_bound}
