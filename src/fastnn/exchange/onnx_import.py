"""Models from ONNX graphs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn import activations, layers
from fastnn.exchange import onnx_file
from fastnn.exchange.onnx_activations import recognized
from fastnn.exchange.onnx_elementwise import WRITERS
from fastnn.exchange.onnx_file import array_of, check_graph, dtype_of, open_onnx
from fastnn.exchange.onnx_numbers import CONSTANT, ELEMENTWISE, UNARY, Attributes, computed
from fastnn.exchange.onnx_operators import OPERATORS
from fastnn.exchange.onnx_values import DEEPEST, TURNED, Item
from fastnn.exporting.description import Names
from fastnn.exporting.onnx_graph import onnx_module
from fastnn.files.errors import naming, printable
from fastnn.layers import Function
from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer
from fastnn.models import Model

KNOWN = {"Constant", *CONSTANT, *ELEMENTWISE, *UNARY, *OPERATORS, *WRITERS}
CONDITIONS = ("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or")


def from_onnx(source: Any, name: str | None = None) -> Model:
    """Makes a model of an ONNX graph: of those that PyTorch, Keras and fastnn write for networks of dense layers.

    The first axis of every input is the batch. Weights become those of `Dense`, `BatchNormalization`, `Embedding` and
    the other layers, and can be trained on; activations that an exporter has composed of several operators are
    recognized. Needs the extra `onnx`.

    Args:
        source: A path, the bytes of a file, or an `onnx.ModelProto`. Weights may be in other files of the same folder.
        name: Name of the model; by default that of the graph.

    Raises:
        ImportError: onnx is not installed.
        FileNotFoundError: The file is not there.
        ValueError: It is no ONNX file, is damaged, or does not fit together.
        NotImplementedError: The graph computes what fastnn has no layer for.

    Example:

    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> from fastnn.exchange import from_onnx, to_onnx
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3, activation="gelu")])
    >>> again = from_onnx(to_onnx(model))
    >>> [type(layer).__name__ for layer in again.layers]
    ['InputLayer', 'Dense', 'Activation']
    >>> x = np.ones((2, 4), np.float32)
    >>> bool(np.allclose(again(x), model(x)))
    True
    """
    proto, folder = open_onnx(source)
    with naming(None if folder is None else source):
        try:
            return Importer(proto, folder).model(name)
        except Exception as error:  # of what a damaged file made of NumPy, or protobuf
            if isinstance(error, (ValueError, NotImplementedError)) and "Received: " in str(error):
                raise
            raise ValueError(
                f"The ONNX graph is damaged, or does not fit together: {type(error).__name__}: {error}. "
                f"Received: graph {printable(proto.graph.name)!r}"
            ) from error


def _described(value: Item | np.ndarray | None) -> str:
    """The type of an input, and its shape."""
    if value is None:
        return "nothing"
    if isinstance(value, Item):
        return f"{value.kind} of shape {('batch', *value.shape)}"
    return f"constant {value.dtype} of shape {value.shape}"


class Importer:
    """Reads a graph node by node, and makes layers of it.

    Args:
        proto: The `onnx.ModelProto`.
        folder: Where files with more weights may be.

    Attributes:
        opset: The version of the operators.
        dtype: float32 or float64, of the model.
        batch: The length of the first axis, where the graph fixes it; else -1.
        outputs: How many outputs the present node has.
    """

    def __init__(self, proto: Any, folder: str | None) -> None:
        self.graph = proto.graph
        self.folder = folder
        self.opset = check_graph(proto, folder, KNOWN)
        self.outputs = 1
        self.batch = -1
        self.values: dict[str, Item | np.ndarray] = {}
        self.inputs: list[Tensor] = []
        self._name = Names("[A-Za-z0-9_.-]")
        self._owners: dict[int, tuple[str, np.ndarray]] = {}  # names of constants, by their ids
        self._shared: dict[Any, tuple[Layer, Any]] = {}  # layers by their class, weights and settings
        self._uses = Counter(name for node in self.graph.node for name in node.input)
        self._uses.update(output.name for output in self.graph.output)
        kinds = [each.type.tensor_type.elem_type for each in (*self.graph.input, *self.graph.output)]
        double = onnx_module().TensorProto.DOUBLE
        self.dtype = np.dtype(np.float64 if double in kinds else np.float32)

    # --- the graph ---

    def model(self, name: str | None = None) -> Model:
        """The model."""
        for tensor in self.graph.initializer:
            self._define(tensor.name, array_of(tensor, self.folder))
        if self.graph.sparse_initializer:
            raise NotImplementedError("Sparse weights cannot be imported. Received: sparse_initializer")
        for declared in self.graph.input:
            if declared.name not in self.values:  # old files list the weights among the inputs, too
                self._input(declared)
        for node in self.graph.node:
            self._node(node)
        outputs = [self._output(declared.name) for declared in self.graph.output]
        if not self.inputs or not outputs:
            raise ValueError("A graph must have inputs and outputs. Received: none")
        name = self.graph.name if name is None else name
        ends: Any = outputs if len(outputs) > 1 else outputs[0]
        begins: Any = self.inputs if len(self.inputs) > 1 else self.inputs[0]
        return Model(begins, ends, name=re.sub("[^ -.0-~]", "_", name) or None)

    def _define(self, name: str, value: Item | np.ndarray) -> None:
        if name in self.values:
            raise ValueError(f"Every tensor must be computed once. Received: '{printable(name)}' a second time")
        if isinstance(value, Item):
            value.uses = self._uses[name]
        else:
            self._owners[id(_memory(value))] = name, value
        self.values[name] = value

    def _input(self, declared: Any) -> None:
        kind = declared.type.tensor_type
        dtype = dtype_of(kind.elem_type)
        lengths = [each.dim_value if each.HasField("dim_value") else -1 for each in kind.shape.dim]
        label = printable(declared.name)
        if not lengths or any(length < 1 for length in lengths[1:]):
            shown = [each.dim_param or each.dim_value for each in kind.shape.dim]
            raise ValueError(
                f"An input must have a batch axis, and known lengths but for that. Received: '{label}' of shape {shown}"
            )
        if dtype.kind == "b":
            raise ValueError(f"An input must hold numbers. Received: '{label}' of type bool")
        self.check_size(lengths[1:])
        if lengths[0] > 0:
            self.batch = lengths[0]
        floating = dtype.kind == "f"
        tensor = layers.Input(
            tuple(lengths[1:]), dtype=self.dtype if floating else dtype, name=self._name(declared.name)
        )
        self.inputs.append(tensor)
        self._define(declared.name, self.item(tensor, "float" if floating else "int"))

    def _output(self, name: str) -> Tensor:
        found = self.values.get(name)
        if not isinstance(found, Item):
            raise ValueError(f"An output must be computed from the inputs. Received: '{printable(name)}'")
        if found.kind == "bool":
            raise NotImplementedError(f"An output must hold numbers. Received: '{printable(name)}', of conditions")
        tensor = self.tensor(found)
        if len(self.graph.output) > 1:  # the model knows its outputs by the names of layers
            return self.call(layers.Identity(name=self._name(name), dtype=self.dtype), tensor)
        return tensor

    def _node(self, node: Any) -> None:
        """Defines the outputs of a node, all of whose inputs must be known: a graph with cycles has no such order."""
        label = f"{printable(node.op_type)} '{printable(node.name or ', '.join(node.output))}'"
        inputs: list[Item | np.ndarray | None] = []
        for name in node.input:
            if name and name not in self.values:
                raise ValueError(
                    "Nodes must come after those they need, without cycles. "
                    f"Received: {label}, which needs '{printable(name)}' before it is computed"
                )
            inputs.append(self.values[name] if name else None)
        self.outputs = len(node.output)
        try:
            made = self._made(node.op_type, self._attributes(node), inputs)
        except NotImplementedError as error:
            raise NotImplementedError(f"The node {label} cannot be imported: {error}") from error
        except Exception as error:
            shown = (
                "" if "Received: " in str(error) else f". Received: {', '.join(map(_described, inputs)) or 'no inputs'}"
            )
            raise ValueError(f"The node {label} does not fit together: {error}{shown}") from error
        results = made if isinstance(made, tuple) else (made,)
        for name, value in zip(node.output, results, strict=False):
            if name:
                self._define(name, value)
        for name in node.output[len(results) :]:
            if self._uses[name]:
                raise NotImplementedError(
                    f"The node {label} cannot be imported with that many outputs. Received: '{printable(name)}'"
                )

    def _attributes(self, node: Any) -> Attributes:
        onnx = onnx_module()
        tensors = {each.name: each.t for each in node.attribute if each.type == onnx.AttributeProto.TENSOR}
        others = [each for each in node.attribute if each.name not in tensors]
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in others}
        return {**attributes, **{name: array_of(tensor, self.folder) for name, tensor in tensors.items()}}

    def _made(self, operator: str, a: Attributes, inputs: list[Any]) -> Any:
        if operator == "Constant":
            (value,) = a.values()
            return value if isinstance(value, np.ndarray) else _plain_constant(value)
        if not any(isinstance(each, Item) for each in inputs):
            y = computed(operator, a, inputs)
            if y is None:
                raise NotImplementedError("it computes something from constants alone. Received: no input of the graph")
            return y
        if operator == "Shape":
            # 0 stands for the batch: in a Reshape that is the length that is there
            whole = np.array([self.batch if self.batch > 0 else 0, *inputs[0].shape], np.int64)
            return whole[a.get("start", 0) : a.get("end")]
        if operator in OPERATORS:
            return OPERATORS[operator](self, a, *inputs)
        return self._elementwise(operator, a, inputs)

    def _elementwise(self, operator: str, a: Attributes, inputs: list[Any]) -> Item:
        """An item that waits: what uses it may find that several are one activation."""
        items = [each for each in inputs if isinstance(each, Item)]
        shapes = [each.shape for each in items]
        for each in inputs:
            if isinstance(each, np.ndarray) and operator != "PRelu" and each.size != 1:
                rank = max(len(shape) for shape in shapes)
                extra = each.ndim > rank
                if each.ndim > rank + 1 or (extra and each.shape[0] != 1):
                    raise ValueError(f"A constant must be the same for all samples. Received: shape {each.shape}")
                shapes.append(each.shape[1:] if extra else each.shape)
        if len({len(each.shape) for each in items}) > 1:
            raise ValueError(
                f"Tensors must have as many axes as each other, the batch first. Received: samples of shapes {shapes}"
            )
        shape = np.broadcast_shapes(*shapes)
        self.check_size(shape)
        kind = "bool" if operator in CONDITIONS else "float" if operator == "Where" else items[-1].kind
        if operator == "Cast":
            kind = {"f": "float", "b": "bool"}.get(dtype_of(a["to"]).kind, "int")
        whole = kind == "int" or any(each.kind == "int" for each in items)
        if whole and operator not in ("Cast", "Equal", "Identity"):
            raise NotImplementedError("whole numbers are looked up, and not computed with. Received: int")
        if operator in ("Cast", "Identity") and items[0].kind == kind:
            return items[0]
        if operator == "Cast" and items[0].kind == "int" and items[0].tensor is not None and kind == "float":
            return self.item(items[0].tensor)
        for each in items:
            if each.depth >= DEEPEST:
                self.tensor(each)
        return Item(shape, kind, None, operator, tuple(inputs), a)

    # --- what operators are written with ---

    def item(self, tensor: Tensor, kind: str = "float") -> Item:
        """What stands for a symbolic tensor."""
        return Item(tuple(tensor.shape[1:]), kind, tensor)

    def tensor(self, item: Item) -> Tensor:
        """The symbolic tensor of an item, for which layers are made now where they are not."""
        if item.tensor is None:
            item.tensor = self._written(item)
            item.depth = 0
            if tuple(item.tensor.shape[1:]) != item.shape:
                raise ValueError(f"Samples must have the shape {item.shape}. Received: {item.tensor.shape[1:]}")
        return item.tensor

    def _written(self, item: Item) -> Tensor:
        operator = item.operator or ""
        if operator == "MatMul":
            x, kernel = item.inputs
            assert isinstance(x, Item)
            assert isinstance(kernel, np.ndarray)
            return self.dense(x, kernel, None)
        found = recognized(item)
        if found is not None:
            return self.function(found.kernel, self.tensor(found.base), found.params)
        if item.kind == TURNED:
            raise NotImplementedError(f"The batch must be the first axis. Received: {item.attributes} of {operator}")
        if item.kind == "int" or operator not in WRITERS:
            raise NotImplementedError(
                f"{operator} is known as a part of activations and encodings only. Received: {operator} by itself"
            )
        return WRITERS[operator](self, item)

    def ids(self, item: Item) -> Tensor:
        """The tensor of whole numbers; where they are cut out of floats, the layers that look them up do that."""
        while item.tensor is None and item.operator == "Cast":
            (item,) = item.items
        return self.tensor(item)

    def shaped(self, item: Item, shape: tuple[int, ...]) -> Item:
        """An item whose samples have another shape."""
        if shape == item.shape:
            return item
        tensor = self.ids(item) if item.kind == "int" else self.tensor(item)
        return self.item(self.call(self.layer(layers.Reshape, target_shape=shape), tensor), item.kind)

    def layer(self, cls: Callable[..., Any], constant: Any = None, **settings: Any) -> Any:
        """Makes a layer, which is called as the constant that is its weight."""
        owner = "" if constant is None else self._owners.get(id(_memory(constant)), ("",))[0]
        found = re.fullmatch(r"(.+)[._/](?:weight|kernel|gamma|scale|embeddings|alpha)(?::0)?", owner)
        name = None if found is None else self._name(found[1])
        return cls(name=name, dtype=self.dtype.name, **settings)

    def call(self, layer: Layer, *tensors: Tensor) -> Tensor:
        """The output of a layer."""
        result: Tensor = layer(tensors[0] if len(tensors) == 1 else list(tensors))
        self.check_size(result.shape[1:])
        return result

    def function(self, kernel: str, x: Tensor, params: Sequence[float] = ()) -> Tensor:
        """An activation, by the name of its kernel."""
        params = tuple(float(number) for number in params)
        plain = not params and kernel in activations._registry.names
        layer = layers.Activation(kernel, dtype=self.dtype) if plain else Function(kernel, params, dtype=self.dtype)
        return self.call(layer, x)

    def weighted(self, layer: Layer, inputs: list[Any], weights: dict[str, np.ndarray]) -> Tensor:
        """The output of a layer with these weights; layers of the same constants are one."""
        tensors = [self.tensor(each) if isinstance(each, Item) else each for each in inputs]
        settings = {key: value for key, value in layer.get_config().items() if key != "name"}
        key = type(layer), repr(settings), tuple(tensors[0].shape), tuple(_place(w) for w in weights.values())
        if key in self._shared:
            return self.call(self._shared[key][0], *tensors)
        y = self.call(layer, *tensors)
        for name, values in weights.items():
            getattr(layer, name).assign(self.finite(values))
        self._shared[key] = layer, weights  # whose memory stays theirs as long as the key is there
        return y

    def dense(self, x: Item, kernel: np.ndarray, bias: np.ndarray | None) -> Tensor:
        """x · kernel + bias."""
        layer = self.layer(layers.Dense, kernel, units=kernel.shape[1], use_bias=bias is not None)
        return self.weighted(layer, [x], {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias})

    def with_bias(self, x: Item, bias: np.ndarray) -> Tensor | None:
        """A product and the sum with a vector in one layer, where nothing else looks at the product."""
        if x.operator != "MatMul" or x.tensor is not None or x.uses != 1 or bias.ndim > 1:
            return None
        of, kernel = x.inputs
        assert isinstance(of, Item)
        assert isinstance(kernel, np.ndarray)
        return self.dense(of, kernel, np.broadcast_to(bias, (kernel.shape[1],)))

    def finite(self, values: np.ndarray) -> np.ndarray:
        """Weights, if they are numbers."""
        if not np.isfinite(values).all():
            raise ValueError("Weights must be finite. Received: NaN or infinity among them")
        return values

    def check_size(self, shape: Sequence[int]) -> None:
        """Raises `ValueError` where samples are larger than any network of dense layers has them."""
        onnx_file.check_size(shape, "A sample")


def _memory(array: np.ndarray) -> np.ndarray:
    """The array whose memory this one looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _place(array: np.ndarray) -> Any:
    """What two arrays have in common that are the same view of the same memory."""
    return array.__array_interface__["data"][0], array.shape, array.strides


def _plain_constant(value: Any) -> np.ndarray:
    """An array of a constant's number or numbers."""
    whole = isinstance(value, int) or (not isinstance(value, float) and all(isinstance(v, int) for v in value))
    return np.asarray(value, np.int64 if whole else np.float32)
