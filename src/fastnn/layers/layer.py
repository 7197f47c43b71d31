"""What a layer is: named weights, shapes, and the steps it emits into a program."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from fastnn import initializers, regularizers
from fastnn._arrays import as_float, floatx, standardize_dtype
from fastnn._registry import auto_name
from fastnn._structure import flatten, flatten_shapes, map_shapes, pack, standardize_shape, transform
from fastnn.compiled import Compiled
from fastnn.layers.given import Given
from fastnn.layers.graph import Graph, Node, Tensor
from fastnn.layers.weighted import Weighted
from fastnn.program import Builder
from fastnn.random import traced
from fastnn.records import Value, required
from fastnn.variables import Variable, assign_all, tracing, unique

Shape = tuple[Any, ...]  # the batch axis first: (None, 8)

# Layers whose `call` is being traced, the innermost last, each with what it has added to the loss.
_calls: ContextVar[tuple[tuple[Layer, list[Tensor]], ...]] = ContextVar("fastnn_calls", default=())


class Layer(Weighted):
    """Base class of layers.

    A layer of one's own overrides, as in Keras, `__init__`, `build(input_shape)`, which creates its weights, and
    `call(inputs)`, which composes layers, `fastnn.ops` and arithmetic: it is traced into the compiled program and runs
    without Python. Or, in place of `call`, it overrides `forward` and `backward`, which see NumPy arrays with the batch
    on their first axis and run as steps that take the GIL. Layers with kernels of their own override `lower`.

    Args:
        activity_regularizer: Regularizer of the output.
        trainable: Whether the weights learn.
        dtype: `"float32"` or `"float64"`; by default that of the model.
        name: Its name; by default the class's, with a number.
        input_shape: Shape of one sample, without the batch axis: a model can then be built at once.
        input_dim: The same for vectors: `input_dim=8` is `input_shape=(8,)`.

    Example:

    >>> import numpy as np
    >>> class Double(Layer):
    ...     def forward(self, x):
    ...         return 2 * x
    ...     def backward(self, dy):
    ...         return 2 * dy
    >>> Double()(np.ones((1, 3)))
    array([[2., 2., 2.]])
    """

    # Over which of "mean" and "sum" of a batch the output is linear in the input: what is taken last may be given.
    linear_over: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise ValueError(f"Unknown arguments for {type(self).__name__}. Received: {unknown}")
        if not isinstance(name, (str, type(None))) or (name and "/" in name):
            raise ValueError(f"Argument `name` must be a string without '/'. Received: name={name!r}")
        self.name = name or auto_name(type(self).__name__)
        self.activity_regularizer = regularizers.of_outputs(activity_regularizer)
        self._dtype = None if dtype is None else standardize_dtype(dtype)
        self._trainable = bool(trainable)
        self._weights: list[Variable] = []
        self.built = False
        self.input_shape: Any = None  # once built; a structure of shapes where there are several inputs
        self.output_shape: Any = None
        if input_shape is not None and input_dim is not None:
            raise ValueError(
                "Arguments `input_shape` and `input_dim` exclude each other. "
                f"Received: input_shape={input_shape}, input_dim={input_dim}"
            )
        given = input_dim if input_shape is None else input_shape
        self.declared_input_shape = None if given is None else standardize_shape(given, "input_shape")
        self._nodes: list[Node] = []  # calls on symbolic tensors
        self._eager: dict[Any, Compiled] = {}
        self._added: list[Any] = []  # to the loss, by the last call on arrays
        self._lock = threading.Lock()

    _made_with: Given | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = super().__new__(cls)
        if not cls.__module__.startswith("fastnn."):
            layer._made_with = Given(args, kwargs)
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):  # a layer that is built by hand must not be built again when it is called
            cls.build = _that_notes_it(cls.build)  # type: ignore[method-assign]

    @property
    def shown_class(self) -> str:
        """Name of the class, as tables and pictures of models have it."""
        return type(self).__name__

    # --- weights ---

    @property
    def dtype(self) -> np.dtype:
        """The dtype of weights and computation."""
        if self._dtype is None:  # that of weights stays, whatever `config.set_floatx` says later
            return next((v.dtype for v in self._weights if not v.state), standardize_dtype(None))
        return standardize_dtype(self._dtype)

    @property
    def trainable(self) -> bool:
        """Whether the weights learn; counts from the next `fit` on."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        check_nesting(self)
        self._trainable = bool(value)
        for variable in self._weights:
            variable.trainable = self._trainable and not variable.state
        for layer in self.sublayers():
            layer.trainable = value
        self._eager.clear()

    def sublayers(self) -> Iterator[Layer]:
        """The layers that are attributes of this one, or stand in lists and dictionaries that are."""
        for name, thing in vars(self).items():
            if isinstance(thing, (Layer, list, tuple, dict)) and name not in ("_nodes", "_eager"):
                yield from _layers_in(thing)

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Variable:
        """Adds a weight, or, with `trainable=False`, a state that learning leaves alone.

        Args:
            shape: Its shape.
            initializer: Its first values: an initializer or its name; by default Glorot's uniform.
            dtype: Its dtype; by default the layer's.
            trainable: Whether it may learn.
            regularizer: Regularizer or its name.
            constraint: Constraint.
            name: Its name.
        """
        if name is None:  # Keras's names, but counted in the layer, not in the process
            unnamed = sum(variable.name.startswith("variable") for variable in self._weights)
            name = f"variable_{unnamed}" if unnamed else "variable"
        variable = Variable(
            initializers.get(initializer or "glorot_uniform"),
            shape=(shape,) if isinstance(shape, int) else tuple(shape or ()),
            dtype=dtype or self.dtype,
            trainable=trainable and self._trainable,
            name=name,
            path=f"{self.name}/{name}",
            regularizer=regularizers.of_weights(regularizer),
            constraint=constraint,
        )
        variable.state = not trainable
        self._weights.append(variable)
        return variable

    @property
    def weights(self) -> list[Variable]:
        """All weights: those made to learn, then the states; the order stays when layers are frozen."""
        own = sorted(self._weights, key=lambda variable: variable.state)
        return unique([*own, *(variable for layer in self.sublayers() for variable in layer.weights)])

    def count_params(self) -> int:
        """Number of elements of all weights.

        Raises:
            ValueError: The layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"Layer '{self.name}' has no weights before it is built: call it on data, or give an input shape."
            )
        return sum(variable.size for variable in self.weights)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights, in the order of `weights`; all or none.

        Args:
            weights: Arrays of the weights' shapes.

        Raises:
            ValueError: The number of arrays or a shape is wrong.
        """
        assign_all(self.weights, weights, f"layer '{self.name}'")

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Is refused, as in Keras 3: metrics watch outputs."""
        raise NotImplementedError(
            "A layer adds no metric. Make of what is to be watched an output of the model, and give its metric to "
            f"compile(metrics=...). Received: add_metric of '{self.name}'"
        )

    # --- shapes ---

    def build(self, input_shape: Any) -> None:
        """Creates the weights, for inputs of this shape: `(None, ...)`, the batch axis first."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output, from that of the input, both with the batch axis first."""
        if not self._composes:
            return input_shape
        inputs = map_shapes(lambda shape: Tensor(shape, self._dtype, recorded=False), input_shape)
        return transform(lambda tensor: tensor.shape, self._call(inputs, False)[0])

    def ensure_built(self, input_shape: Any) -> None:
        """Builds the layer for inputs of this shape, once; later shapes must fit."""
        if self.built:
            if self._weights:
                self.check_input_shape(input_shape)
            if self.output_shape is None:  # built by hand
                self.output_shape = self.compute_output_shape(input_shape)
            return
        check_nesting(self)
        if self._dtype is None and floatx() != np.float32:
            self._dtype = floatx()  # copies and files keep it
        if self._composes:  # `call` may need what `build` makes
            self.build(input_shape)
            self.output_shape = self.compute_output_shape(input_shape)
        else:
            self.output_shape = self.compute_output_shape(input_shape)
            self.build(input_shape)
        self.input_shape = input_shape
        self.built = True

    def check_input_shape(self, input_shape: Any) -> None:
        """Raises `ValueError` where a built layer cannot take inputs of this shape."""
        if self.input_shape is None:
            return
        for shape, known in zip(flatten_shapes(input_shape), flatten_shapes(self.input_shape), strict=True):
            if shape[1:][-1:] != known[1:][-1:]:
                raise ValueError(
                    f"Layer '{self.name}' expects samples of width {known[-1]}. Received: samples of shape {shape[1:]}"
                )

    # --- steps ---

    @property
    def _composes(self) -> bool:
        """Whether the layer has a `call` of its own."""
        return type(self).call is not Layer.call

    def call(self, inputs: Any) -> Any:
        """Composes the output of layers, `fastnn.ops` and arithmetic; the inputs are symbolic tensors."""
        raise NotImplementedError(f"Layer '{self.name}' must implement `call`, `lower` or `forward`.")

    def _call(self, inputs: Any, training: bool) -> tuple[Any, list[Tensor]]:
        """What `call` returns for symbolic tensors, and what it adds to the loss."""
        call: Callable[..., Any] = self.call
        takes_training = "training" in inspect.signature(call).parameters
        losses: list[Tensor] = []
        before = _calls.get()
        if any(layer is self for layer, _ in before):
            raise ValueError(
                f"`call` of a layer must not call the layer itself. Received: '{self.name}' in its own call"
            )
        tokens = _calls.set((*before, (self, losses))), traced.set(flatten(inputs)[0]), tracing.set(True)
        try:
            returned = call(inputs, training=training) if takes_training else call(inputs)
        finally:
            _calls.reset(tokens[0])
            traced.reset(tokens[1])
            tracing.reset(tokens[2])
        check_outputs(returned, f"`call` of layer '{self.name}'")
        return returned, losses

    def add_loss(self, loss: Any) -> None:
        """Adds to the loss that the model is trained by; from within `call`.

        Args:
            loss: What `ops.mean` or `ops.sum` makes of a whole batch, or sums and multiples of such; or a list of them.

        Raises:
            ValueError: It is not called from within `call`.
            NotImplementedError: `loss` is something else.

        Example:

        >>> import numpy as np
        >>> from fastnn import Sequential, layers, ops
        >>> class Small(Layer):
        ...     def call(self, inputs):
        ...         self.add_loss(0.01 * ops.mean(ops.square(inputs)))
        ...         return inputs
        >>> model = Sequential([layers.Input((2,)), Small(), layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> round(model.evaluate(np.ones((4, 2)), np.zeros((4, 1)), verbose=0), 6)
        0.01
        """
        losses = next((losses for layer, losses in reversed(_calls.get()) if layer is self), None)
        if losses is None:
            raise ValueError(
                "`add_loss` belongs into `call`, and takes what that makes of its inputs: in a model of symbolic "
                f"tensors, put it into a layer of your own. Received: '{self.name}' outside of its call"
            )
        for one in loss if isinstance(loss, (list, tuple)) else [loss]:
            if not isinstance(one, Tensor) or one.over_batch is None:
                raise NotImplementedError(
                    "Argument `loss` must be what `fastnn.ops.mean` or `sum`, without an axis, makes of what comes "
                    "from the inputs of `call`; for a penalty on weights, give them a regularizer. "
                    f"Received: loss={one!r} in layer '{self.name}'"
                )
            losses.append(one)

    @property
    def losses(self) -> list[Any]:
        """What is added to the loss: penalties on the weights that learn, and what the last call on arrays added."""
        penalties = [v.regularizer(v.value) for v in self.weights if v.regularizer is not None and v.trainable]
        return [*penalties, *self._added]

    def lower(self, builder: Builder, x: Any) -> Any:
        """Emits the layer's steps; by default those of `call`, or one that runs `forward` and `backward`.

        Args:
            builder: Takes the steps.
            x: The `Value` of the input; where there are several, the structure in which they were given.
        """
        if self._composes:
            given = transform(lambda value: Tensor((None, *value.shape), self._dtype, recorded=False), x)
            returned, losses = self._call(given, builder.training)
            if not builder.sums_losses:
                losses = []
            values = Graph(flatten(given), [*flatten(returned), *losses]).lower(builder, flatten(x))
            outputs = len(values) - len(losses)
            for loss, value in zip(losses, values[outputs:], strict=True):
                builder.layer_loss(value, loss.over_batch == "sum")
            return pack(returned, values[:outputs])
        if not isinstance(x, Value):
            raise NotImplementedError(
                f"Layer '{self.name}' takes one input, an array. Received: {type(x).__name__} of {len(x)}"
            )
        shape = self.compute_output_shape((None, *x.shape))[1:]
        backward = self.backward if type(self).backward is not Layer.backward else None
        if backward is None and builder.differentiates:
            raise NotImplementedError(
                f"Layer '{self.name}' must implement `backward(self, dy)` to be trained with, or differentiated. "
                f"Received: a layer of class {type(self).__name__} without it"
            )
        if builder.learning and any(record.settings.get("forward") == self.forward for record in builder.records):
            raise NotImplementedError(  # its `backward(dy)` could not tell which call it is for
                f"Layer '{self.name}' must be called once in a model that trains, or have a `call` in place of "
                "`forward` and `backward`. Received: a model that calls it again"
            )
        return builder.python(x, shape, self.forward, backward, self._weights)

    def emit(self, builder: Builder, x: Any) -> Any:
        """`lower`, and what every layer has in common."""
        y = self.lower(builder, x)
        regularizer = self.activity_regularizer
        if regularizer is not None:
            for value in flatten(y):
                builder.activity_regularization(value, regularizer.l1, regularizer.l2)
        return y

    def forward(self, x: np.ndarray) -> np.ndarray:
        """y = f(x), for layers written in Python; x has shape `(batch, ...)`."""
        raise NotImplementedError(f"Layer '{self.name}' must implement `call`, `lower` or `forward`.")

    def backward(self, dy: np.ndarray) -> Any:
        """dx from dy, or `(dx, gradients of the trainable weights)`, for layers written in Python."""
        raise NotImplementedError(f"Layer '{self.name}' must implement `backward`.")

    # --- calls ---

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Computes the layer's output, building the layer first where it is not built.

        Args:
            inputs: Array of shape `(batch, ...)`; or a list, tuple or dictionary of them, for layers that take several.
                Or symbolic tensors, for the functional API.
            training: Whether to behave as in training (dropout, batch statistics); by default not for arrays, and as
                the model does for symbolic tensors.

        Returns:
            Array of shape `(batch, ...)` and of the layer's dtype; or a symbolic tensor.
        """
        given = flatten(inputs)
        if any(isinstance(thing, Tensor) for thing in given):
            return self._call_symbolically(inputs, training)
        if not given:
            raise ValueError(f"Layer '{self.name}' needs an input. Received: {inputs!r}")
        several = not isinstance(inputs, (np.ndarray, Variable)) and self._takes_several(inputs)
        if not several:
            given = [inputs]
        if self._dtype is None and not self.built and floatx() == np.float32:  # else it is that of arrays, too
            first = given[0]
            self._dtype = as_float(first).dtype if isinstance(first, np.ndarray) and first.dtype.kind == "f" else None
        arrays = [as_float(x, self.dtype) for x in given]
        if any(x.ndim < 1 for x in arrays):
            raise ValueError(f"Argument `x` must have a batch axis. Received: shape={[x.shape for x in arrays]}")
        structure = inputs if several else arrays[0]
        self.ensure_built(pack(structure, [(None, *x.shape[1:]) for x in arrays]))
        with self._lock:
            return self._run(structure, arrays, bool(training))

    def _takes_several(self, inputs: Any) -> bool:
        """Whether a list or dictionary holds several inputs: arrays; a list of lists of numbers is one."""
        return isinstance(inputs, dict) or any(isinstance(part, (np.ndarray, Variable)) for part in flatten(inputs))

    def _call_symbolically(self, inputs: Any, training: bool | None) -> Any:
        for thing in flatten(inputs):
            if not isinstance(thing, Tensor):
                raise ValueError(
                    f"Layer '{self.name}' takes either symbolic tensors or arrays. Received: {type(thing).__name__} "
                    "beside a symbolic tensor"
                )
        tensors: list[Tensor] = flatten(inputs)
        if self._dtype is None:
            self._dtype = next((tensor.known_dtype for tensor in tensors if tensor.known_dtype is not None), None)
        for tensor in tensors:
            known = tensor.known_dtype
            if known is not None and self._dtype is not None and known != self._dtype:
                raise ValueError(
                    f"All layers of a model share its dtype, {known.name}. "
                    f"Received: layer '{self.name}' of dtype {self._dtype.name}"
                )
        shapes = transform(lambda tensor: tensor.shape, inputs)
        self.ensure_built(shapes)
        returned = self.compute_output_shape(shapes)
        structure = map_shapes(lambda shape: None, returned)
        node = Node(self, inputs, structure, flatten_shapes(returned), training)
        if node.outputs[0].recorded:
            self._nodes.append(node)
        return node.result

    @property
    def input(self) -> Any:
        """The symbolic tensor, or the structure of them, that the layer was called on first."""
        return self._first_node("input").inputs

    @property
    def output(self) -> Any:
        """The symbolic tensor, or the structure of them, that calling the layer returned first."""
        return self._first_node("output").result

    def _first_node(self, what: str) -> Node:
        if not self._nodes:
            raise AttributeError(
                f"Layer '{self.name}' has an {what} when it was called on symbolic tensors. Received: no such call"
            )
        return self._nodes[0]

    def _run(self, structure: Any, arrays: list[np.ndarray], training: bool) -> Any:
        samples = len(arrays[0])
        if any(len(x) != samples for x in arrays):
            raise ValueError(
                f"Layer '{self.name}' takes arrays of as many samples each. "
                f"Received: shapes {[x.shape for x in arrays]}"
            )
        key = (tuple(x.shape for x in arrays), training)
        if key not in self._eager:
            builder = Builder(self.dtype, training=training, learning=False)
            builder.sums_losses = True
            returned = self.emit(builder, pack(structure, [builder.feed(x.shape[1:]) for x in arrays]))
            builder.returned = transform(lambda value: None, returned)
            for value in flatten(returned):
                builder.result(value)
            self._eager = {key: builder.finish(max(samples, 1))}
        compiled = self._eager[key]
        outputs = [np.empty((samples, *value.shape), self.dtype) for value in compiled.builder.results]
        if samples:
            compiled.program.bind(arrays)
            for at, y in enumerate(outputs):
                compiled.program.bind_result(at, y)
            compiled.program.start(samples, samples, iteration=np.random.randint(1 << 31) if training else 0)
            compiled.program.run(0, 1)
            compiled.program.release()
            added = [required(record.index, "a step") for record in compiled.builder.added_losses]
            totals = [compiled.program.loss_total(step) for step in added]
            self._added = [self.dtype.type(total / samples) for total in totals]
        return pack(compiled.builder.returned, list(outputs))

    # --- configuration ---

    def get_config(self) -> dict[str, Any]:
        """Arguments from which `from_config` makes an equal layer, without its weights.

        A class of one's own that has none of its own is made again from what it was given, if that is plain.
        """
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        config["dtype"] = None if self._dtype is None else self._dtype.name
        if self.declared_input_shape is not None:
            config["input_shape"] = self.declared_input_shape
        return config if type(self).get_config is not Layer.get_config else self._with_given(config)

    def _with_given(self, config: dict[str, Any]) -> dict[str, Any]:
        """A configuration of what a class of one's own was given, and of what of this one it takes, too."""
        return config if self._made_with is None else self._made_with.configuration(type(self), config)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Makes a layer from what `get_config` returned."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_eager"] = {}
        state["_nodes"] = []  # a layer is copied without the models that it is in
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def check_outputs(outputs: Any, owner: str) -> None:
    """Raises `NotImplementedError` where something stands for the mean or sum over a batch, which a model has not."""
    for tensor in flatten(outputs):
        if isinstance(tensor, Tensor) and tensor.over_batch is not None:
            raise NotImplementedError(
                f"What {owner} returns must be of each sample, not of the whole batch: give `ops.{tensor.over_batch}` "
                f"the axes of a sample, as in `axis=-1`. Received: {tensor!r}"
            )


def _that_notes_it(build: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(build)
    def noting(self: Layer, input_shape: Any = None) -> None:
        build(self, input_shape)
        self.built = True
        if self.input_shape is None:
            self.input_shape = input_shape

    return noting


def _layers_in(thing: Any) -> Iterator[Layer]:
    if isinstance(thing, Layer):
        yield thing
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from _layers_in(part)
    elif isinstance(thing, (list, tuple)):
        for part in thing:
            yield from _layers_in(part)


def check_nesting(layer: Layer, around: tuple[Layer, ...] = ()) -> None:
    """Raises `ValueError` where a layer is in itself, by way of its attributes and theirs.

    Args:
        layer: The layer.
        around: The layers that it is in, outermost first.
    """
    if any(layer is outer for outer in around):
        way = [outer.name for outer in (*around, layer)]
        raise ValueError(
            "A layer cannot be in itself. An attribute that only refers to a layer further out is better a "
            f"`weakref.ref` of it. Received: {' > '.join(way[way.index(layer.name) :])}"
        )
    for inner in layer.sublayers():
        check_nesting(inner, (*around, layer))
