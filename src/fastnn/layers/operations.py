"""What arithmetic on symbolic tensors, and `fastnn.ops` on them, become: layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn._registry import auto_name
from fastnn.layers import merging, reshaping
from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer, Shape
from fastnn.layers.preprocessing.rescaling import Rescaling
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable

# What Keras calls a function where it has another name than its kernel.
_CALLED = {
    "exponential": "Exp",
    "is_zero": "Equal",
    "linear_map": "Multiply",
    "logarithm": "Log",
    "logarithm_plus_one": "Log1p",
    "not_negative": "GreaterEqual",
    "positive": "Greater",
    "square_root": "Sqrt",
}


class Operation(Layer):
    """What an operation on symbolic tensors is, which bears the name that Keras has for it.

    Args:
        called: That name.
        **kwargs: Arguments of `Layer`.
    """

    def __init__(self, called: str, **kwargs: Any) -> None:
        if kwargs.get("name") is None:
            kwargs["name"] = auto_name(called)
        super().__init__(**kwargs)
        self.called = called

    @property
    def shown_class(self) -> str:
        return self.called


class Function(Operation):
    """f(x), element by element, by the name of its kernel; softmax is over the last axis.

    Args:
        function: Name of the kernel: that of an activation, or `"linear_map"`, `"square"`, `"logarithm"`, ...
        params: What it takes besides x.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Function("linear_map", (2.0, 1.0))(np.array([[1.0, 2.0]]))
    array([[3., 5.]])
    """

    def __init__(self, function: str, params: Sequence[float] = (), **kwargs: Any) -> None:
        self.function = function
        self.params = tuple(float(number) for number in params)
        called = _CALLED.get(function, "".join(part.capitalize() for part in function.split("_")))
        if function == "linear_map":
            scale, shift = self.params
            called = {(1.0, True): "Add", (1.0, False): "Subtract", (-1.0, True): "Negative"}.get(
                (scale, shift >= 0), called
            )
        super().__init__(called, **kwargs)
        if function == "linear_map":
            self.linear_over = ("mean", "sum") if self.params[1] == 0 else ("mean",)

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.activation(x, self.function, self.params)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function, "params": self.params}


class Reduce(Operation):
    """The sum, mean or maximum along an axis of a sample.

    Args:
        operation: `"sum"`, `"mean"` or `"max"`.
        axis: The axis, counted with the batch's axis as 0; several for several.
        keepdims: Whether the axis stays, with length 1.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Reduce("mean", -1)(np.array([[1.0, 2.0, 6.0]]))
    array([3.])
    """

    def __init__(self, operation: str, axis: Any = -1, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(operation.capitalize(), **kwargs)
        self.operation = operation
        self.axis = axis
        self.keepdims = bool(keepdims)

    def _axes(self, rank: int) -> list[int]:
        """Axes of a sample, the last first."""
        given = self.axis if isinstance(self.axis, (list, tuple)) else (self.axis,)
        axes = {int(axis) + (rank if int(axis) < 0 else 0) for axis in given}
        if any(not 1 <= axis < rank for axis in axes):
            raise ValueError(
                "Argument `axis` must name axes of a sample, not that of the batch (0). "
                f"Received: axis={self.axis} for rank {rank}"
            )
        return sorted((axis - 1 for axis in axes), reverse=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        for axis in self._axes(len(input_shape)):
            shape[axis + 1 : axis + 2] = [1] if self.keepdims else []
        return tuple(shape)

    def lower(self, builder: Builder, x: Value) -> Value:
        for axis in self._axes(len(x.shape) + 1):
            x = builder.reduce(x, axis, self.operation, self.keepdims)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "operation": self.operation, "axis": self.axis, "keepdims": self.keepdims}


class Slice(Operation):
    """Some elements of every sample: what `x[:, 1:3]` of a symbolic tensor is.

    Args:
        index: Integers, and `[start, stop, step]` for slices, for the axes of a sample in order.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Slice([[1, None, None]])(np.array([[1.0, 2.0, 3.0]]))
    array([[2., 3.]])
    """

    def __init__(self, index: Sequence[Any], **kwargs: Any) -> None:
        super().__init__("GetItem", **kwargs)
        self.index = [list(part) if isinstance(part, (list, tuple)) else int(part) for part in index]

    def _of(self, array: np.ndarray) -> np.ndarray:
        return np.asarray(array[tuple(slice(*part) if isinstance(part, list) else part for part in self.index)])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape[1:])
        sliced = self._of(np.broadcast_to(np.int8(0), shape))  # of that shape, in one byte
        if sliced.size == 0:
            raise ValueError(f"A slice must not be empty. Received: {self.index} of samples of shape {shape}")
        return (None, *sliced.shape)

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.rearrange(x, self._of(np.arange(math.prod(x.shape)).reshape(x.shape)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "index": self.index}


class Rearrange(Layer):
    """Elements of every sample in other places: moved, left out, repeated.

    Args:
        places: For each element of the output its place in the sample, both read row by row; of the output's shape.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Rearrange([[1, 0], [2, 2]])(np.array([[5.0, 6.0, 7.0]]))
    array([[[6., 5.],
            [7., 7.]]])
    """

    def __init__(self, places: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.places = np.asarray(places)
        if self.places.size == 0 or self.places.dtype.kind not in "iu" or self.places.min() < 0:
            raise ValueError(
                "Argument `places` must hold places of elements, integers from 0 on. "
                f"Received: shape={self.places.shape}, dtype={self.places.dtype}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.places.max() >= math.prod(input_shape[1:]):
            raise ValueError(
                f"Layer '{self.name}' takes samples of more than {self.places.max()} elements. "
                f"Received: samples of shape {input_shape[1:]}"
            )
        return (None, *self.places.shape)

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.rearrange(x, self.places)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "places": self.places.tolist()}


class WithWeights(Operation):
    """Arithmetic with variables and arrays: a product with a matrix, or factors and summands of columns.

    Args:
        operation: `"dense"` (x · first + second), or `"scale"` (x · first + second, by columns).
        first: A `Variable` or an array; `None` for nothing.
        second: The same.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> WithWeights("dense", [[1.0], [2.0]])(np.array([[3.0, 4.0]]))
    array([[11.]])
    """

    def __init__(self, operation: str, first: Any, second: Any = None, **kwargs: Any) -> None:
        super().__init__("Matmul" if operation == "dense" else "Add" if first is None else "Multiply", **kwargs)
        self.operation = operation
        self.operands = [_as_variable(first), _as_variable(second)]
        self._is_array = [not isinstance(operand, Variable) for operand in (first, second)]
        if operation == "scale":
            self.linear_over = ("mean", "sum") if second is None else ("mean",)

    @property
    def weights(self) -> list[Variable]:
        return [v for v, array in zip(self.operands, self._is_array, strict=True) if v is not None and not array]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for at, operand in enumerate(self.operands):
            if self._is_array[at] and operand is not None and operand.dtype != self.dtype:
                self.operands[at] = Variable(operand.value, dtype=self.dtype, trainable=False)
        first = self.operands[0]
        if self.operation == "dense":
            assert first is not None
            if first.ndim != 2 or first.shape[0] != input_shape[-1]:
                raise ValueError(f"The product needs a matrix of {input_shape[-1]} rows. Received: shape={first.shape}")
            return (*input_shape[:-1], first.shape[1])
        shape = tuple(input_shape[1:])
        for operand in self.operands:
            if operand is not None:
                shape = self._together(operand, shape)
        return (input_shape[0], *shape)

    def lower(self, builder: Builder, x: Value) -> Value:
        first, second = self.operands
        if self.operation == "dense":
            assert first is not None
            return builder.dense(x, first, second)
        operand = second if first is None else first
        assert operand is not None
        shape = self._together(operand, x.shape)
        rows = builder.reshape(merging.broadcast(builder, x, shape), (math.prod(shape) // operand.size, operand.size))
        return builder.reshape(builder.scale(rows, first, second), shape)

    def _together(self, operand: Variable, shape: Shape) -> Shape:
        """What a sample of this shape and a variable broadcast to.

        Raises:
            ValueError: They do not; or the variable is not of one element, of the last axis or of the whole.
        """
        own = operand.shape
        while own and own[0] == 1:
            own = own[1:]
        try:
            whole = np.broadcast_shapes(shape, own)
        except ValueError:
            whole = ()
        if not whole or own not in ((), whole[-1:], whole):
            raise ValueError(
                f"Arithmetic with a variable needs one of one element, of {shape[-1]}, or of the shape of a sample, "
                f"{shape}. Received: shape={operand.shape}"
            )
        return tuple(whole)

    def get_config(self) -> dict[str, Any]:
        if not all(self._is_array):
            raise NotImplementedError(
                "Arithmetic with a variable has no configuration: put it into the `call` of a layer. "
                f"Received: layer '{self.name}'"
            )
        first, second = (None if operand is None else operand.value.tolist() for operand in self.operands)
        return {**super().get_config(), "operation": self.operation, "first": first, "second": second}


def _as_variable(operand: Any) -> Variable | None:
    if operand is None or isinstance(operand, Variable):
        return operand
    return Variable(np.asarray(operand, np.float64), trainable=False)


# --- two operands ----------------------------------------------------------------------------------------------------

NUMBERS = (int, float, np.integer, np.floating)


def _binary(merge: Callable[..., Layer], a: Any, b: Any) -> Any:
    return merge()([a, b])


def _negated(operand: Any) -> Any:
    return -np.asarray(operand)


def _fitting(array: Any, x: Tensor) -> np.ndarray:
    """An array as one for each sample: without the axis that stands for the batch."""
    array = np.asarray(array)
    return array[0] if array.ndim == len(x.shape) and len(array) == 1 else array


def add(a: Any, b: Any) -> Any:
    """a + b, of which one at least is a symbolic tensor."""
    if not isinstance(a, Tensor):
        a, b = b, a
    if isinstance(b, Tensor):
        return _binary(merging.Add, a, b)
    if isinstance(b, Variable):
        return WithWeights("scale", None, b)(a)
    return Function("linear_map", (1.0, b))(a) if np.ndim(b) == 0 else Rescaling(1.0, _fitting(b, a))(a)


def subtract(a: Any, b: Any) -> Any:
    """a - b."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _binary(merging.Subtract, a, b)
    if isinstance(b, Tensor):
        return add(negative(b), a)
    if isinstance(b, Variable):
        return negative(add(negative(a), b))
    return add(a, _negated(b))


def multiply(a: Any, b: Any) -> Any:
    """a · b."""
    if not isinstance(a, Tensor):
        a, b = b, a
    if isinstance(b, Tensor):
        return _binary(merging.Multiply, a, b)
    if isinstance(b, Variable):
        return WithWeights("scale", b)(a)
    return Function("linear_map", (b, 0.0))(a) if np.ndim(b) == 0 else Rescaling(_fitting(b, a))(a)


def divide(a: Any, b: Any) -> Any:
    """a / b."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _binary(merging.Divide, a, b)
    if isinstance(b, Tensor):
        return multiply(Function("reciprocal")(b), a)
    if isinstance(b, Variable):
        raise NotImplementedError("A symbolic tensor cannot be divided by a variable: multiply by it. Received: /")
    return multiply(a, 1 / np.asarray(b))


def maximum(a: Any, b: Any) -> Any:
    """The larger of both."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _binary(merging.Maximum, a, b)
    if not isinstance(a, Tensor):
        a, b = b, a
    if isinstance(b, Variable):
        return add(Function("relu")(subtract(a, b)), b)
    # a - b + b would lose digits of a
    if np.ndim(b) == 0:
        return Function("relu")(a) if b == 0 else Function("threshold", (b, b))(a)
    zeros = Function("threshold", (math.inf, 0.0))(a)
    return _binary(merging.Maximum, a, add(zeros, b))


def minimum(a: Any, b: Any) -> Any:
    """The smaller of both."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _binary(merging.Minimum, a, b)
    return negative(maximum(negative(a), _negated(b) if isinstance(b, (list, np.ndarray)) else negative(b)))


def matmul(a: Any, b: Any) -> Any:
    """a · b, of a symbolic tensor and a variable or a matrix; or of the matrices of two."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if len(a.shape) < 3 or len(b.shape) != 3:
            raise ValueError(
                "The matrix product of two symbolic tensors is that of the matrices of each sample; of vectors it is "
                f"`layers.Dot(axes=1)`. Received: {a!r} @ {b!r}"
            )
        return merging.Dot(axes=(len(a.shape) - 1, 1))([a, b])
    if not isinstance(a, Tensor):
        raise NotImplementedError(
            "The matrix product of a symbolic tensor is that with a variable, an array or another on its right. "
            f"Received: {type(a).__name__} @ {type(b).__name__}"
        )
    return WithWeights("dense", b)(a)


def dot(a: Any, b: Any) -> Any:
    """a · b, of a symbolic tensor and a variable or a matrix: along the last axis."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        raise NotImplementedError(
            f"`dot` of two symbolic tensors would mix the samples of a batch: use `matmul`, or `layers.Dot`. "
            f"Received: {a!r}, {b!r}"
        )
    return matmul(a, b)


def linear(x: Any, w: Any, b: Any = None, activation: str | None = None, params: Sequence[float] = ()) -> Any:
    """f(x · w + b)."""
    y = WithWeights("dense", w, b)(x)
    return y if activation is None else Function(activation, params)(y)


# --- one operand -----------------------------------------------------------------------------------------------------


def negative(x: Any) -> Any:
    """-x."""
    return Function("linear_map", (-1.0, 0.0))(x) if isinstance(x, Tensor) else -x


def function(name: str, x: Any, params: Sequence[float] = ()) -> Any:
    """f(x) by the name of its kernel."""
    return Function(name, params)(x)


def reduce(name: str, x: Any, axis: Any = -1, keepdims: bool = False) -> Any:
    """The sum, mean, maximum or minimum along axes of a sample."""
    if name == "min":
        return negative(reduce("max", negative(x), axis, keepdims))
    if axis is None and name in ("mean", "sum"):
        if x.over_batch == name:
            return x
        axes = list(range(1, len(x.shape)))
        y = Reduce(name, axes, keepdims)(x) if axes else multiply(x, 1.0)
        y.over_batch = name
        return y
    if axis is None:
        raise ValueError(
            "Argument `axis` must name axes of a sample: the batch's axis is not reduced in a model. "
            "Received: axis=None"
        )
    return Reduce(name, axis, keepdims)(x)


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Several side by side."""
    return merging.Concatenate(axis)(list(xs))


def reshape(x: Any, newshape: Sequence[int]) -> Any:
    """x in another shape, whose first axis is the batch's."""
    return reshaping.Reshape(tuple(newshape)[1:])(x)


def expand_dims(x: Any, axis: Any) -> Any:
    """x with an axis of length one more, or several."""
    given = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    rank = len(x.shape) + len(given)
    places = {at + rank if at < 0 else at for at in given}
    if len(places) < len(given) or not all(1 <= at < rank for at in places):
        raise ValueError(f"Argument `axis` must be an axis of a sample, behind the batch's. Received: axis={axis}")
    lengths = iter(x.shape[1:])
    return reshaping.Reshape([1 if at in places else next(lengths) for at in range(1, rank)])(x)


def squeeze(x: Any, axis: int | None) -> Any:
    """x without an axis of length one."""
    if axis is None:
        raise ValueError("Argument `axis` must name an axis of a sample. Received: axis=None")
    at = axis + len(x.shape) if axis < 0 else axis
    if at < 1 or x.shape[at] != 1:
        raise ValueError(f"Argument `axis` must be an axis of length 1 of a sample. Received: axis={axis} of {x.shape}")
    return reshaping.Reshape((*x.shape[1:at], *x.shape[at + 1 :]))(x)


def transpose(x: Any, axes: Sequence[int] | None) -> Any:
    """x with its axes in another order; the batch's stays the first."""
    first, *rest = axes or (-1,)
    if first != 0:
        raise ValueError(f"Argument `axes` must begin with 0, the batch's axis. Received: axes={axes}")
    return reshaping.Permute(rest)(x)
