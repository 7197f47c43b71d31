"""What an ONNX graph is collected in: nodes, constants, and the tensors that values are in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.exporting.description import Description, Names
from fastnn.records import Record, Shape, Value
from fastnn.variables import Variable

AXES_AS_ATTRIBUTE = ("ReduceMax", "ReduceMean", "ReduceL2")  # in opset 17; of ReduceSum they are an input


class Writer:
    """Collects nodes and constants, and knows in which tensor each value is.

    Args:
        onnx: The package.
        description: The model.
    """

    def __init__(self, onnx: Any, description: Description) -> None:
        self.onnx = onnx
        self.description = description
        self.dtype = description.dtype
        self.double = description.dtype == np.float64
        self._name = Names(r"[A-Za-z0-9_./ -]")
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._numbers: dict[Any, str] = {}  # names of constants, by what they hold
        self._kept: list[Variable] = []  # alive as long as their ids are keys
        self.tensors: dict[int, tuple[str, Shape]] = {}  # of root values: in this tensor, whose samples have this shape
        self._views: dict[tuple[int, Shape], str] = {}
        self.parts: dict[int, list[Value]] = {}  # of a concatenation, as they come
        self.ids = self._feeds_of_ids()

    def graph(self, write: Callable[[Writer, Record], None]) -> Any:
        """The graph; `write` writes a step."""
        description = self.description
        inputs = [self._name(name) for name in description.input_names]
        outputs = [self._name(name) for name in description.output_names]
        for value, name in zip(description.inputs, inputs, strict=True):
            self.tensors[id(value)] = name, value.shape
        for record in description.records:
            write(self, record)
        self._name_outputs(inputs, outputs)
        return self.onnx.helper.make_graph(
            self._nodes,
            self._name(description.name),
            [self._declared(name, value) for name, value in zip(inputs, description.inputs, strict=True)],
            [self._declared(name, value) for name, value in zip(outputs, description.outputs, strict=True)],
            list(self._constants.values()),
        )

    def _declared(self, name: str, value: Value) -> Any:
        proto = self.onnx.TensorProto
        kind = proto.INT64 if id(value) in self.ids else proto.DOUBLE if self.double else proto.FLOAT
        return self.onnx.helper.make_tensor_value_info(name, kind, ["batch", *value.shape])

    def _feeds_of_ids(self) -> set[int]:
        """The inputs that are nothing but ids of embeddings."""
        records = self.description.records
        others = {id(x.root) for r in records if r.op != "embedding" for x in r.inputs if x is not None}
        others.update(id(value.root) for value in self.description.outputs)
        ids = {id(record.x.root) for record in records if record.op == "embedding"}
        return {id(feed) for feed in self.description.inputs if id(feed) in ids - others}

    def _name_outputs(self, inputs: list[str], outputs: list[str]) -> None:
        """Gives the tensors of the outputs their names; what is an input, or two outputs, is passed on."""
        renamed: dict[str, str] = {}
        for value, name in zip(self.description.outputs, outputs, strict=True):
            made = self.tensor(value)
            if made in inputs or made in renamed:
                self._nodes.append(self.onnx.helper.make_node("Identity", [made], [name], name=name))
            else:
                renamed[made] = name
        for node in self._nodes:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[:] = [renamed.get(name, name) for name in node.output]

    # --- what functions and steps are written with ---

    def node(self, operator: str, *inputs: str, axes: list[int] | None = None, **attributes: Any) -> str:
        """Adds a node with one output; returns the output's name."""
        if axes is not None and operator in AXES_AS_ATTRIBUTE:
            attributes["axes"] = axes
        elif axes is not None:
            inputs = (*inputs, self.array(np.array(axes, np.int64), "axes"))
        output = self._name(operator.lower())
        self._nodes.append(self.onnx.helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def number(self, value: float) -> str:
        """The name of a constant of the model's dtype."""
        return self.array(np.array(value, self.dtype), "number")

    def array(self, values: np.ndarray, wanted: str) -> str:
        """The name of a constant; equal small ones are one."""
        key = (values.dtype.str, values.shape, values.tobytes()) if values.size < 16 else object()
        if key not in self._numbers:
            self._numbers[key] = name = self._name(wanted)
            self._constants[name] = self.onnx.numpy_helper.from_array(np.asarray(values, order="C"), name)
        return self._numbers[key]

    def cast(self, x: str, to: str) -> str:
        """x as `"float"`, `"double"`, `"int64"`, or `"real"`: the model's own type."""
        proto = self.onnx.TensorProto
        kinds = {"float": proto.FLOAT, "double": proto.DOUBLE, "int64": proto.INT64}
        kinds["real"] = kinds["double" if self.double else "float"]
        return self.node("Cast", x, to=kinds[to])

    def weights(self, variable: Variable, shape: Shape | None = None) -> str:
        """The constant that a variable is; the same one wherever it is read in this shape."""
        shape = variable.shape if shape is None else shape
        if (id(variable), shape) not in self._numbers:
            self._kept.append(variable)
            name = self._name(variable.path)
            self._constants[name] = self.onnx.numpy_helper.from_array(variable.value.reshape(shape), name)
            self._numbers[id(variable), shape] = name
        return self._numbers[id(variable), shape]

    def tensor(self, value: Value, shape: Shape | None = None) -> str:
        """The tensor that a value is in, in its own shape or in another."""
        shape = value.shape if shape is None else shape
        name, there = self.tensors[id(value.root)]
        if shape == there:
            return name
        key = id(value.root), shape
        if key not in self._views:
            wanted = self.array(np.array([0, *shape], np.int64), "shape")  # 0: the batch, as it is
            self._views[key] = self.node("Reshape", name, wanted)
        return self._views[key]

    def made(self, record: Record, name: str, shape: Shape | None = None) -> None:
        """Says in which tensor the output of a step is, and of which shape its samples are there."""
        self.tensors[id(record.y.root)] = name, record.y.shape if shape is None else shape
