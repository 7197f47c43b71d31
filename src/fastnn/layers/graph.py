"""Models as graphs: what calling a layer on a symbolic tensor records, and the order in which it is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastnn._arrays import standardize_dtype
from fastnn._structure import flatten, pack, transform
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import tracing

BatchShape = tuple[Any, ...]  # (None, ...): the batch axis comes first


class Tensor:
    """A value of a model to be: what `Input` returns, and what calling a layer on such a value returns.

    It stands for an array, knows its shape and dtype, and has no elements. Arithmetic on it (`+ - * /`, slices,
    comparisons but `==`) is a layer, too.

    Args:
        shape: Its shape, the batch axis first: `(None, 8)`.
        dtype: Its dtype; `None` until a layer has one.
        node: The call it comes from; `None` for the inputs of a layer that is being traced.
        recorded: Whether it belongs to a model, not to a trace.

    Attributes:
        known_dtype: Its dtype, as soon as a layer has one; `None` before.
        data_dtype: The dtype that an `Input` of integers was given, which data are converted from; else `None`.
        over_batch: `"mean"` or `"sum"` where it stands for that over the batch, too, which is taken last: what a loss
            is, and nothing can be made of it but sums and multiples.

    Example:

    >>> from fastnn import layers
    >>> x = layers.Input((8,))
    >>> y = layers.Dense(3)(x)
    >>> y.shape
    (None, 3)
    """

    __slots__ = ("data_dtype", "known_dtype", "node", "over_batch", "recorded", "shape")

    def __init__(self, shape: BatchShape, dtype: Any = None, node: Node | None = None, recorded: bool = True) -> None:
        self.shape = tuple(shape)
        self.known_dtype: np.dtype | None = None if dtype is None else standardize_dtype(dtype)
        self.data_dtype: np.dtype | None = None
        self.node = node
        self.recorded = recorded
        self.over_batch: str | None = None

    @property
    def dtype(self) -> np.dtype:
        """Its dtype; that of `config.floatx()` where no layer has one yet."""
        return self.data_dtype or self.known_dtype or standardize_dtype(None)

    @property
    def ndim(self) -> int:
        """Number of axes, the batch axis included."""
        return len(self.shape)

    @property
    def name(self) -> str:
        """Name of the layer it comes from."""
        return "keras_tensor" if self.node is None else self.node.layer.name

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape}, dtype={self.dtype.name}, name={self.name}>"

    # --- arithmetic, which is layers ---

    def __fastnn__(self, name: str, *args: Any) -> Any:
        """What functions of `fastnn.ops` hand over to, where an argument is a symbolic tensor."""
        from fastnn.layers import comparisons, draws, functions, operations, places

        rooms = (operations, comparisons, functions, places, draws)
        return getattr(next(room for room in rooms if hasattr(room, name)), name)(*args)

    def __add__(self, other: Any) -> Any:
        return self.__fastnn__("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.__fastnn__("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.__fastnn__("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.__fastnn__("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.__fastnn__("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.__fastnn__("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.__fastnn__("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.__fastnn__("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.__fastnn__("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.__fastnn__("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return self.__fastnn__("matmul", self, other)

    def __neg__(self) -> Any:
        return self.__fastnn__("negative", self)

    def __abs__(self) -> Any:
        return self.__fastnn__("function", "absolute", self)

    def __gt__(self, other: Any) -> Any:
        return self.__fastnn__("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return self.__fastnn__("greater_equal", self, other)

    def __lt__(self, other: Any) -> Any:
        return self.__fastnn__("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self.__fastnn__("less_equal", self, other)

    def __and__(self, other: Any) -> Any:
        return self.__fastnn__("logical_and", self, other)

    def __or__(self, other: Any) -> Any:
        return self.__fastnn__("logical_or", self, other)

    def __invert__(self) -> Any:
        return self.__fastnn__("logical_not", self)

    def __getitem__(self, index: Any) -> Any:
        return self.__fastnn__("getitem", self, index)

    # NumPy must not take a symbolic tensor for an array of objects, nor Python for a truth value.
    __array_ufunc__ = None

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "A symbolic tensor has no elements: NumPy's functions, and those of fastnn.ops that are NumPy's own, do "
            "not take it. Use layers, other functions of fastnn.ops, arithmetic on it, or a layer with `forward` and "
            f"`backward` in NumPy. Received: {self!r}"
        )

    def __bool__(self) -> bool:
        raise TypeError(f"A symbolic tensor is neither true nor false. Received: {self!r}")

    def __iter__(self) -> Any:
        raise TypeError(f"A symbolic tensor cannot be iterated over. Received: {self!r}")


class Node:
    """One call of a layer: what went in, what came out, and whether it was told to behave as in training."""

    __slots__ = ("inputs", "layer", "outputs", "structure", "training")

    def __init__(self, layer: Any, inputs: Any, structure: Any, shapes: Sequence[BatchShape], training: Any) -> None:
        self.layer = layer
        self.inputs = inputs
        self.structure = structure  # of the outputs; its leaves mean nothing
        self.training: bool | None = training
        given = self.parents
        recorded = all(tensor.recorded for tensor in given)
        self.outputs = [Tensor(shape, layer._dtype, self, recorded) for shape in shapes]
        over_batch = self._over_batch()
        for tensor in self.outputs:
            tensor.over_batch = over_batch

    def _over_batch(self) -> str | None:
        """What the outputs are over the batch: linear layers alone can take what stands for its mean or sum."""
        kinds = {tensor.over_batch for tensor in self.parents}
        kind = next((kind for kind in kinds if kind is not None), None)
        if kind is None:
            return None
        # A sample's own summand counts once in a mean, but as often as there are samples in a sum.
        if kind not in self.layer.linear_over or kinds - {None, kind} or (kind == "sum" and None in kinds):
            raise NotImplementedError(
                f"What `ops.{kind}` makes of a whole batch is taken last, and only sums and multiples can be made of "
                "it: name the axes of a sample, as in `axis=-1`, where something else shall be. "
                f"Received: {type(self.layer).__name__} of it"
            )
        return kind

    @property
    def parents(self) -> list[Tensor]:
        """The tensors that went in."""
        return [tensor for tensor in flatten(self.inputs) if isinstance(tensor, Tensor)]

    @property
    def result(self) -> Any:
        """What the call returned: a tensor, or a structure of them."""
        return pack(self.structure, list(self.outputs))


class Graph:
    """The calls between some inputs and some outputs, in the order in which they are computed.

    Args:
        inputs: Symbolic tensors.
        outputs: Symbolic tensors that come from them.

    Attributes:
        nodes: The calls. Each comes after those it depends on.
        layers: The layers, each once, in the order of Keras: those far from the outputs first.

    Raises:
        ValueError: An output depends on an input that is not among `inputs`, or on itself.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.nodes: list[Node] = []
        self.seen: dict[Any, int] = {}  # when the walk from the outputs met each layer
        self._walk()
        self.layers = self._by_depth()

    def _walk(self) -> None:
        """Depth first from the outputs, without recursion: a model may be thousands of layers deep."""
        known = {id(tensor) for tensor in self.inputs}
        done: set[int] = set()
        entered: set[int] = set()
        stack: list[tuple[Tensor, bool]] = [(tensor, False) for tensor in reversed(self.outputs)]
        while stack:
            tensor, leaving = stack.pop()
            node = tensor.node
            if leaving and node is not None:
                if id(node) not in done:
                    done.add(id(node))
                    self.nodes.append(node)
                continue
            if id(tensor) in known:
                if node is not None:
                    self.seen.setdefault(node.layer, len(self.seen))
                continue
            if node is None or not node.parents:
                raise ValueError(
                    f"The outputs depend on an input that is not among the inputs of the model: {tensor!r}. "
                    f"Received: inputs={self.inputs}, outputs={self.outputs}"
                )
            if id(node) in entered:
                if id(node) not in done:  # it is still being walked through
                    raise ValueError(
                        "A model cannot have a cycle: what a layer is called on must not come from its own output. "
                        f"Received: {tensor!r}, which is computed from itself"
                    )
                continue
            entered.add(id(node))
            self.seen.setdefault(node.layer, len(self.seen))
            stack.append((tensor, True))
            stack.extend((parent, False) for parent in reversed(node.parents))

    def _by_depth(self) -> list[Any]:
        """Layers by their longest way to an output, longest first; then as the walk from the outputs met them."""
        depths: dict[Any, int] = {}
        node_depths: dict[int, int] = {}
        inputs = [tensor.node for tensor in self.inputs if tensor.node is not None]
        for node in [*reversed(self.nodes), *inputs]:
            depth = max(node_depths.get(id(node), 0), depths.get(node.layer, 0))
            depths[node.layer] = node_depths[id(node)] = depth
            for parent in node.parents:
                if parent.node is not None:
                    node_depths[id(parent.node)] = max(depth + 1, node_depths.get(id(parent.node), 0))
        order = {layer: (-depth, self.seen.get(layer, 0)) for layer, depth in depths.items()}
        return sorted(depths, key=lambda layer: order[layer])

    def lower(self, builder: Builder, values: Iterable[Value]) -> list[Value]:
        """Emits the steps of all calls; returns the values of the outputs."""
        made: dict[int, Value] = {id(tensor): value for tensor, value in zip(self.inputs, values, strict=True)}
        for node in self.nodes:
            given = transform(lambda tensor: made[id(tensor)], node.inputs)
            with builder.behaving(node.training):
                returned = flatten(node.layer.emit(builder, given))
            made.update((id(tensor), value) for tensor, value in zip(node.outputs, returned, strict=True))
        return [made[id(tensor)] for tensor in self.outputs]


class UntraceableError(ValueError):
    """A function does not compose one symbolic tensor of others: it wants NumPy's arrays, or is mistaken."""


def trace(function: Callable[..., Any], builder: Builder, values: Sequence[Value]) -> tuple[Value, str | None]:
    """Emits the steps of a function of symbolic tensors.

    Args:
        function: Composes one tensor of as many as there are values.
        builder: Takes the steps.
        values: What the tensors stand for.

    Returns:
        The value, and what is taken of it over the batch: see `Tensor.over_batch`.

    Raises:
        UntraceableError: The function is not one of symbolic tensors; nothing was emitted.
    """
    tensors = [Tensor((None, *value.shape), builder.dtype, recorded=False) for value in values]
    token = tracing.set(True)
    try:
        returned = function(*tensors)
    except (TypeError, AttributeError, ValueError, NotImplementedError) as error:
        raise UntraceableError(str(error)) from error
    finally:
        tracing.reset(token)
    if not isinstance(returned, Tensor):
        raise UntraceableError(f"It returns {type(returned).__name__}, nothing made of its arguments by fastnn.ops.")
    return Graph(tensors, [returned]).lower(builder, values)[0], returned.over_batch
