"""Layers that make one value of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._structure import flatten_shapes
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


def broadcast_shapes(shapes: Sequence[Shape], name: str) -> Shape:
    """The shape that inputs of these shapes have together, axes of length one repeated; the batch axis first.

    Raises:
        ValueError: They do not fit together.
    """
    try:
        return (None, *np.broadcast_shapes(*(shape[1:] for shape in shapes)))
    except ValueError:
        raise ValueError(
            f"Layer '{name}' takes inputs whose shapes can be broadcast together. Received: shapes {list(shapes)}"
        ) from None


def broadcast(builder: Builder, x: Value, shape: tuple[int, ...]) -> Value:
    """x in this shape of a sample, its axes of length one repeated."""
    if x.shape == shape:
        return x
    places = np.arange(math.prod(x.shape)).reshape(x.shape)
    return builder.rearrange(x, np.broadcast_to(places, shape))


class Merge(Layer):
    """What layers have in common that make one value of several, element by element."""

    operation = ""
    exactly_two = False

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return broadcast_shapes(self._shapes(input_shape), self.name)

    def _shapes(self, input_shape: Any) -> list[Shape]:
        shapes = flatten_shapes(input_shape)
        least = 2 if self.exactly_two else 1
        wrong = len(shapes) != 2 if self.exactly_two else len(shapes) < least
        if wrong or (len(shapes) == 1 and shapes[0] == tuple(input_shape)):
            wanted = "exactly 2 inputs" if self.exactly_two else "a list of inputs"
            raise ValueError(f"Layer '{self.name}' must be called on {wanted}. Received: input_shape={input_shape}")
        return shapes

    def lower(self, builder: Builder, x: Sequence[Value]) -> Value:
        shape = tuple(np.broadcast_shapes(*(value.shape for value in x)))
        first, *rest = [broadcast(builder, value, shape) for value in x]
        for value in rest:
            first = builder.binary(self.operation, first, value)
        return first


class Add(Merge):
    """The sum of several inputs, element by element; axes of length one are repeated.

    Args:
        **kwargs: Arguments of `Layer`.

    Input shape: a list of shapes that broadcast together. Output shape: what they broadcast to.

    Example:

    >>> import numpy as np
    >>> Add()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[11., 22.]])
    """

    linear_over = ("mean", "sum")
    operation = "add"


class Subtract(Merge):
    """The first input minus the second, element by element.

    Args:
        **kwargs: Arguments of `Layer`.

    Input shape: a list of two shapes that broadcast together. Output shape: what they broadcast to.

    Example:

    >>> import numpy as np
    >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[ -9., -18.]])
    """

    linear_over = ("mean", "sum")
    operation = "subtract"
    exactly_two = True


class Multiply(Merge):
    """The product of several inputs, element by element.

    Args:
        **kwargs: Arguments of `Layer`.

    Input shape: a list of shapes that broadcast together. Output shape: what they broadcast to.

    Example:

    >>> import numpy as np
    >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[10., 40.]])
    """

    operation = "multiply"


class Divide(Merge):
    """The first input divided by the second, element by element: what `/` of symbolic tensors is.

    Args:
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Divide()([np.array([[1.0, 3.0]]), np.array([[2.0, 4.0]])])
    array([[0.5 , 0.75]])
    """

    operation = "divide"
    exactly_two = True


class Average(Merge):
    """The mean of several inputs, element by element.

    Args:
        **kwargs: Arguments of `Layer`.

    Input shape: a list of shapes that broadcast together. Output shape: what they broadcast to.

    Example:

    >>> import numpy as np
    >>> Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
    array([[2., 4.]])
    """

    linear_over = ("mean", "sum")
    operation = "add"

    def lower(self, builder: Builder, x: Sequence[Value]) -> Value:
        return builder.linear_map(super().lower(builder, x), 1 / len(x))


class Maximum(Merge):
    """The largest of several inputs, element by element; equal ones share the gradient.

    Args:
        **kwargs: Arguments of `Layer`.

    Input shape: a list of shapes that broadcast together. Output shape: what they broadcast to.

    Example:

    >>> import numpy as np
    >>> Maximum()([np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])])
    array([[3., 5.]])
    """

    operation = "maximum"


class Minimum(Merge):
    """The smallest of several inputs, element by element; equal ones share the gradient.

    Args:
        **kwargs: Arguments of `Layer`.

    Input shape: a list of shapes that broadcast together. Output shape: what they broadcast to.

    Example:

    >>> import numpy as np
    >>> Minimum()([np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])])
    array([[1., 4.]])
    """

    operation = "minimum"


class Concatenate(Layer):
    """Several inputs side by side along an axis.

    Args:
        axis: The axis, counted with the batch's axis as 0; not that of the batch.
        **kwargs: Arguments of `Layer`.

    Input shape: a list of shapes that are equal but along the axis. Output shape: theirs, its lengths added there.

    Example:

    >>> import numpy as np
    >>> Concatenate()([np.array([[1.0, 2.0]]), np.array([[3.0]])])
    array([[1., 2., 3.]])
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not hasattr(axis, "__index__") or int(axis) == 0:
            raise ValueError(
                f"Argument `axis` must be an integer, and not 0, the batch's axis. Received: axis={axis!r}"
            )
        self.axis = int(axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = flatten_shapes(input_shape)
        if len(shapes) < 1 or shapes[0] == tuple(input_shape):
            raise ValueError(f"Layer '{self.name}' must be called on a list of inputs. Received: {input_shape}")
        rank = len(shapes[0])
        axis = self.axis + (rank if self.axis < 0 else 0)
        rests = {(len(shape), shape[1:axis], shape[axis + 1 :]) for shape in shapes}
        if not 1 <= axis < rank or len(rests) > 1:
            raise ValueError(
                f"Layer '{self.name}' takes inputs of equal shapes but along axis {self.axis}. "
                f"Received: shapes {shapes}"
            )
        return (None, *shapes[0][1:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])

    def check_input_shape(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def lower(self, builder: Builder, x: Sequence[Value]) -> Value:
        return builder.concatenate(list(x), self.axis if self.axis < 0 else self.axis - 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Dot(Layer):
    """The dot products of the samples of two inputs: of vectors `sum(a * b, axis=-1, keepdims=True)`.

    Of inputs with more axes, those of each vector along an axis of the first with each along an axis of the second.

    Args:
        axes: The axis of the vectors in both, counted with the batch's axis as 0: an integer, or one for each input.
        normalize: Whether to divide each vector by its length first: the cosine of the angle.
        **kwargs: Arguments of `Layer`.

    Input shape: a list of two shapes `(batch, n)`. Output shape: `(batch, 1)`. Or, of shapes with more axes, those of
    the first but for the vectors', then those of the second: of `(batch, i, n)` and `(batch, j, n)` with `axes=2`
    `(batch, i, j)`.

    Raises:
        ValueError: The inputs have no such axes, or vectors of other lengths.

    Example:

    >>> import numpy as np
    >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
    array([[11.]])
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = tuple(axes) if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(given) != 2 or any(isinstance(axis, bool) or not hasattr(axis, "__index__") for axis in given):
            raise ValueError(f"Argument `axes` must be an integer or two. Received: axes={axes!r}")
        self.axes = axes
        self.normalize = bool(normalize)
        self._pair = tuple(int(axis) for axis in given)

    def _axes(self, shapes: Sequence[Shape]) -> tuple[int, int]:
        """The axes of the vectors, of samples."""
        first, second = (
            (axis + len(shape) if axis < 0 else axis) - 1 for axis, shape in zip(self._pair, shapes, strict=True)
        )
        if not (0 <= first < len(shapes[0]) - 1 and 0 <= second < len(shapes[1]) - 1):
            raise ValueError(
                f"Argument `axes` of layer '{self.name}' must name axes of samples, not the batch's (0). "
                f"Received: axes={self.axes}, shapes {list(shapes)}"
            )
        return first, second

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = flatten_shapes(input_shape)
        if len(shapes) != 2:
            raise ValueError(f"Layer '{self.name}' must be called on exactly 2 inputs. Received: {input_shape}")
        first, second = self._axes(shapes)
        if shapes[0][first + 1] != shapes[1][second + 1]:
            raise ValueError(f"Layer '{self.name}' takes vectors of equal length. Received: shapes {shapes}")
        one, other = list(shapes[0][1:]), list(shapes[1][1:])
        del one[first], other[second]
        return (None, *(one + other or [1]))

    def lower(self, builder: Builder, x: Sequence[Value]) -> Value:
        axes = self._axes([(None, *value.shape) for value in x])
        rows = []
        for value, axis in zip(x, axes, strict=True):  # (vectors, n)
            places = np.moveaxis(np.arange(math.prod(value.shape)).reshape(value.shape), axis, -1)
            length = places.shape[-1]
            matrix = places.reshape(-1, length)
            moved = axis < len(value.shape) - 1
            value = builder.rearrange(value, matrix) if moved else builder.reshape(value, matrix.shape)
            rows.append(self._normalized(builder, value) if self.normalize else value)
        (one, length), (other, _) = rows[0].shape, rows[1].shape
        first, second = rows
        if one > 1 or other > 1:
            both = (one, other, length)
            first = broadcast(builder, builder.reshape(first, (one, 1, length)), both)
            second = broadcast(builder, builder.reshape(second, (1, other, length)), both)
        products = builder.reduce(builder.binary("multiply", first, second), -1, "sum")
        shape = self.compute_output_shape([(None, *value.shape) for value in x])[1:]
        return builder.reshape(products, shape)

    def _normalized(self, builder: Builder, x: Value) -> Value:
        """x / max(‖x‖, 1e-6), as Keras has it: max(Σx², 1e-12) under the root."""
        squares = builder.reduce(builder.activation(x, "square"), -1, "sum", keepdims=True)
        floored = builder.activation(squares, "clipped_relu", (0.0, float("inf"), 1e-12))
        length = builder.activation(builder.linear_map(floored, 1.0, 1e-24), "square_root")
        return builder.binary("divide", x, broadcast(builder, length, x.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of several inputs: `Add(**kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> add([a, b])
    array([[4., 3.]])
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The first input minus the second: `Subtract(**kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> subtract([a, b])
    array([[-2.,  1.]])
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of several inputs: `Multiply(**kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> multiply([a, b])
    array([[3., 2.]])
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of several inputs: `Average(**kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> average([a, b])
    array([[2. , 1.5]])
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of several inputs: `Maximum(**kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> maximum([a, b])
    array([[3., 2.]])
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of several inputs: `Minimum(**kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> minimum([a, b])
    array([[1., 1.]])
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Several inputs side by side: `Concatenate(axis, **kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> concatenate([a, b])
    array([[1., 2., 3., 1.]])
    """
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: Any = -1, normalize: bool = False, **kwargs: Any) -> Any:
    """The dot products of the samples of two inputs: `Dot(axes, normalize, **kwargs)(inputs)`.

    >>> import numpy as np
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
    >>> dot([a, b], axes=1)
    array([[5.]])
    """
    return Dot(axes, normalize, **kwargs)(inputs)
