"""What a layer is: named weights, shapes, and the steps it emits into a program."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn import initializers, regularizers
from fastnn._arrays import as_float, standardize_dtype
from fastnn._registry import auto_name
from fastnn.layers.weighted import Weighted
from fastnn.program import Builder, Compiled, Value
from fastnn.variables import Variable

Shape = tuple[int, ...]


def standardize_shape(shape: Any, name: str = "shape") -> Shape:
    """Returns the shape of one sample as a tuple of positive integers."""
    if isinstance(shape, (int, np.integer)):
        shape = (shape,)
    try:
        lengths = tuple(int(length) for length in shape)
    except TypeError:
        lengths = (0,)
    if any(length < 1 for length in lengths):
        raise ValueError(f"Argument `{name}` must hold positive integers, one for each axis. Received: {name}={shape}")
    return lengths


def compiled_regularizer(identifier: Any) -> regularizers.Regularizer | None:
    """Returns the regularizer that `identifier` stands for, one that a compiled step can compute: L1, L2 or both."""
    regularizer = regularizers.get(identifier)
    known = isinstance(regularizer, regularizers.Regularizer)
    if regularizer is not None and not (known and type(regularizer).__call__ is regularizers.Regularizer.__call__):
        raise NotImplementedError(
            f"A regularizer must be L1, L2, L1L2 or a name of one: others have no gradient. Received: {identifier!r}"
        )
    return regularizer


class Layer(Weighted):
    """Base class of layers.

    A layer whose arithmetic has kernels overrides `build`, `compute_output_shape` and `lower`. A layer written in
    Python overrides `build` (if it has weights), `compute_output_shape` (if shapes change), `forward` and `backward`,
    which see NumPy arrays with the batch on their first axis.

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

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
    ) -> None:
        if not isinstance(name, (str, type(None))) or (name and "/" in name):
            raise ValueError(f"Argument `name` must be a string without '/'. Received: name={name!r}")
        self.name = name or auto_name(type(self).__name__)
        self.activity_regularizer = compiled_regularizer(activity_regularizer)
        self._dtype = None if dtype is None else standardize_dtype(dtype)
        self._trainable = bool(trainable)
        self._weights: list[Variable] = []
        self.built = False
        self.input_shape: Shape | None = None  # of one sample, once built
        self.output_shape: Shape | None = None
        if input_shape is not None and input_dim is not None:
            raise ValueError(
                "Arguments `input_shape` and `input_dim` exclude each other. "
                f"Received: input_shape={input_shape}, input_dim={input_dim}"
            )
        given = input_dim if input_shape is None else input_shape
        self.declared_input_shape = None if given is None else standardize_shape(given, "input_shape")
        self._eager: dict[Any, Compiled] = {}
        self._lock = threading.Lock()

    # --- weights ---

    @property
    def dtype(self) -> np.dtype:
        """The dtype of weights and computation."""
        return standardize_dtype(self._dtype)

    @property
    def trainable(self) -> bool:
        """Whether the weights learn; counts from the next `fit` on."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in self._weights:
            variable.trainable = self._trainable and not variable.state
        self._eager.clear()

    def add_weight(
        self,
        shape: Shape | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Callable | None = None,
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
        name = name or f"weight_{len(self._weights)}"
        variable = Variable(
            initializers.get(initializer or "glorot_uniform"),
            shape=tuple(shape or ()),
            dtype=dtype or self.dtype,
            trainable=trainable and self._trainable,
            name=name,
            path=f"{self.name}/{name}",
            regularizer=compiled_regularizer(regularizer),
            constraint=constraint,
        )
        variable.state = not trainable
        self._weights.append(variable)
        return variable

    @property
    def weights(self) -> list[Variable]:
        """All weights: those made to learn, then the states; the order stays when layers are frozen."""
        return sorted(self._weights, key=lambda variable: variable.state)

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

    # --- shapes ---

    def build(self, input_shape: Shape) -> None:
        """Creates the weights. `input_shape` is that of one sample."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of one sample of the output, from that of the input."""
        return input_shape

    def ensure_built(self, input_shape: Shape) -> None:
        """Builds the layer for samples of this shape, once; later shapes must fit."""
        if not self.built:
            self.output_shape = self.compute_output_shape(input_shape)
            self.build(input_shape)
            self.input_shape = input_shape
            self.built = True
        elif self._weights:
            self.check_input_shape(input_shape)

    def check_input_shape(self, input_shape: Shape) -> None:
        """Raises `ValueError` where a built layer cannot take samples of this shape."""
        if self.input_shape is not None and input_shape[-1:] != self.input_shape[-1:]:
            raise ValueError(
                f"Layer '{self.name}' expects samples of width {self.input_shape[-1]}. "
                f"Received: samples of shape {input_shape}"
            )

    # --- steps ---

    def lower(self, builder: Builder, x: Value) -> Value:
        """Emits the layer's steps; by default one that calls `forward` and `backward`."""
        shape = self.compute_output_shape(x.shape)
        backward = self.backward if type(self).backward is not Layer.backward else None
        if backward is None and builder.learning:
            raise NotImplementedError(
                f"Layer '{self.name}' must implement `backward(self, dy)` to be trained with. Received: a layer of "
                f"class {type(self).__name__} without it"
            )
        return builder.python(x, shape, self.forward, backward, self._weights)

    def emit(self, builder: Builder, x: Value) -> Value:
        """`lower`, and what every layer has in common."""
        y = self.lower(builder, x)
        regularizer = self.activity_regularizer
        if regularizer is not None:
            builder.activity_regularization(y, regularizer.l1, regularizer.l2)
        return y

    def forward(self, x: np.ndarray) -> np.ndarray:
        """y = f(x), for layers written in Python; x has shape `(batch, ...)`."""
        raise NotImplementedError(f"Layer '{self.name}' must implement `lower` or `forward`.")

    def backward(self, dy: np.ndarray) -> Any:
        """dx from dy, or `(dx, gradients of the trainable weights)`, for layers written in Python."""
        raise NotImplementedError(f"Layer '{self.name}' must implement `backward`.")

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """Computes the layer's output, building the layer first where it is not built.

        Args:
            x: Array of shape `(batch, ...)`.
            training: Whether to behave as in training (dropout, batch statistics).

        Returns:
            Array of shape `(batch, ...)` and of the layer's dtype.
        """
        if self._dtype is None and not self.built:
            self._dtype = as_float(x).dtype if isinstance(x, np.ndarray) and x.dtype.kind == "f" else None
        x = as_float(x, self.dtype)
        if x.ndim < 1:
            raise ValueError(f"Argument `x` must have a batch axis. Received: shape={x.shape}")
        self.ensure_built(x.shape[1:])
        with self._lock:
            return self._run(x, bool(training))

    def _run(self, x: np.ndarray, training: bool) -> np.ndarray:
        key = (x.shape, training)
        if key not in self._eager:
            builder = Builder(self.dtype, training=training, learning=False)
            builder.result(self.emit(builder, builder.feed(x.shape[1:])))
            self._eager = {key: builder.finish(max(len(x), 1))}
        compiled = self._eager[key]
        y = np.empty((len(x), *compiled.builder.results[0].shape), self.dtype)
        if len(x):
            compiled.program.bind_feed(0, x)
            compiled.program.bind_result(0, y)
            compiled.program.start(len(x), len(x), iteration=np.random.randint(1 << 31) if training else 0)
            compiled.program.run(0, 1)
            compiled.program.release()
        return y

    # --- configuration ---

    def get_config(self) -> dict[str, Any]:
        """Arguments from which `from_config` makes an equal layer, without its weights."""
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        config["dtype"] = None if self._dtype is None else self._dtype.name
        if self.declared_input_shape is not None:
            config["input_shape"] = self.declared_input_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Makes a layer from what `get_config` returned."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_eager"] = {}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def assign_all(variables: Sequence[Variable], values: Sequence[Any], owner: str) -> None:
    """Assigns every value, after all of them were checked: all or none."""
    if not isinstance(values, (list, tuple)) or len(values) != len(variables):
        received = len(values) if hasattr(values, "__len__") else type(values).__name__
        raise ValueError(
            f"Argument `weights` of {owner} must be a list of {len(variables)} arrays. Received: {received}"
        )
    arrays = []
    for variable, value in zip(variables, values, strict=True):
        try:
            arrays.append(np.asarray(value))
        except ValueError as error:  # ragged lists
            raise ValueError(
                f"Argument `weights` of {owner}: '{variable.path}' cannot be made from it: {error}. "
                f"Received: {type(value).__name__}"
            ) from None
    for variable, array in zip(variables, arrays, strict=True):
        if array.shape != variable.shape:
            raise ValueError(
                f"Argument `weights` of {owner}: '{variable.path}' has shape {variable.shape}. "
                f"Received: an array of shape {array.shape}"
            )
        if array.dtype.kind not in "buif":
            raise TypeError(
                f"Argument `weights` of {owner}: '{variable.path}' holds real numbers. "
                f"Received: an array of dtype {array.dtype}"
            )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
