"""What moves the elements of symbolic tensors: indices, and the functions of `fastnn.ops` that turn, repeat and pad."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.layers import merging, reshaping
from fastnn.layers.comparisons import zeros_like
from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer, Shape
from fastnn.layers.operations import Rearrange, Slice, add
from fastnn.layers.preprocessing.category_encoding import CategoryEncoding
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable

MOST = 1 << 24  # elements of a sample


class Gather(Layer):
    """Rows of a variable, by the numbers that come in: what `ops.take(table, ids, axis=0)` is.

    Args:
        table: A `Variable` of two axes.
        **kwargs: Arguments of `Layer`.
    """

    def __init__(self, table: Variable, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if table.ndim != 2:
            raise ValueError(f"Rows are taken of a table, with two axes. Received: shape={table.shape}")
        self.table = table

    @property
    def weights(self) -> list[Variable]:
        return [self.table]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.table.shape[1])

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.embedding(x, self.table, self.name)

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            "What takes rows of a variable has no configuration: put it into the `call` of a layer. "
            f"Received: layer '{self.name}'"
        )


def moved(x: Tensor, move: Callable[[np.ndarray], np.ndarray], growth: float = 1) -> Any:
    """The elements of samples in the places where a function of arrays, the batch's axis first, moves them.

    Args:
        x: What is moved.
        move: Moves, leaves out and repeats.
        growth: How much larger samples become at most.

    Raises:
        ValueError: Samples do not stay apart, or become larger than any model has them.
    """
    size = math.prod(x.shape[1:])
    if not size * max(growth, 1) <= MOST:
        raise ValueError(f"Samples of more than {MOST} elements cannot be made. Received: {x!r}, {growth} times that")
    two = np.arange(2 * size).reshape((2, *x.shape[1:]))  # two samples show whether a function mixes them
    places = np.asarray(move(two))
    apart = places.shape[:1] == (2,) and (places[0] < size).all() and np.array_equal(places[1], places[0] + size)
    if not apart:
        raise ValueError(
            "The samples of a batch must stay apart: the first axis, which is the batch's, is not moved, repeated or "
            f"flattened. Received: {x!r}"
        )
    return Rearrange(places[0])(x)


def taken(x: Any, indices: Any, axis: int | None) -> Any:
    """Elements of x along an axis of a sample; or the rows of a variable that a symbolic tensor numbers."""
    if isinstance(indices, Tensor):
        if not isinstance(x, Variable) or axis not in (0, -2):
            raise NotImplementedError(
                "Argument `indices` may be a symbolic tensor where rows of a variable of two axes are taken, axis=0: "
                f"the like is `layers.Embedding`. Received: x={x!r}, axis={axis}"
            )
        return Gather(x)(indices)
    at = np.asarray(indices, np.int64)
    return moved(x, lambda places: np.take(places, at, axis), at.size)


def padded(x: Tensor, widths: Any, mode: str, value: Any) -> Any:
    """x with more elements around each sample."""
    around = np.broadcast_to(np.asarray(widths, np.int64), (len(x.shape), 2))
    growth = math.prod(1 + int(both) / length for both, length in zip(around[1:].sum(1), x.shape[1:], strict=True))
    if mode != "constant":
        return moved(x, lambda places: np.pad(places, around, mode), growth)  # type: ignore[call-overload]
    size = math.prod(x.shape[1:])
    if around[0].any() or not size * growth <= MOST:
        raise ValueError(
            "Argument `pad_width` must leave the first axis, which is the batch's, as it is, and samples to no more "
            f"than {MOST} elements. Received: pad_width={widths}"
        )
    places = np.arange(size).reshape(x.shape[1:])
    if not value:
        value = 0.0
    flat = reshaping.Reshape((size,))(x)
    constant = add(zeros_like(flat[:, :1]), float(value))
    both = merging.Concatenate()([flat, constant])
    return Rearrange(np.pad(places, around[1:], constant_values=size))(both)


def one_hot(x: Tensor, classes: int, axis: int) -> Any:
    """Zeros, with a one in the place that each number says."""
    flat = reshaping.Reshape((*x.shape[1:], 1))(x)
    encoded = CategoryEncoding(classes, "one_hot")(flat)
    rank = len(x.shape)  # of a sample of the result
    at = axis + rank + 1 if axis < 0 else axis
    return encoded if at == rank else moved(encoded, lambda places: np.moveaxis(places, -1, at))


def getitem(x: Tensor, index: Any) -> Any:
    """x[:, ...]: what NumPy takes as an index, for the axes of a sample."""
    parts = list(index) if isinstance(index, tuple) else [index]
    wide = [at for at, part in enumerate(parts) if part is Ellipsis]
    named = sum(part is not None and part is not Ellipsis for part in parts)
    if len(wide) == 1:
        parts[wide[0] : wide[0] + 1] = [slice(None)] * (len(x.shape) - named)
    known = all(part is None or isinstance(part, (slice, int, np.integer, list, np.ndarray)) for part in parts)
    if not parts or not isinstance(parts[0], slice) or parts[0] != slice(None) or not known:
        raise NotImplementedError(
            "A symbolic tensor takes integers, slices, None and arrays of integers, after ':' for the batch. "
            f"Received: index={index!r} of {x!r}"
        )
    if named > len(x.shape):
        raise ValueError(f"There are more indices than axes. Received: index={index!r} of {x!r}")
    if any(isinstance(part, (list, np.ndarray)) for part in parts):
        growth = math.prod(np.size(part) for part in parts if isinstance(part, (list, np.ndarray)))
        return moved(x, lambda places: places[tuple(parts)], growth)
    basic = [part for part in parts[1:] if part is not None]
    chosen = [[part.start, part.stop, part.step] if isinstance(part, slice) else int(part) for part in basic]
    y = Slice(chosen)(x) if any(part != slice(None) for part in basic) or None not in parts else x
    if None not in parts:
        return y
    lengths = iter(y.shape[1:])
    shape = [1 if part is None else next(lengths) for part in parts[1:] if part is None or isinstance(part, slice)]
    return reshaping.Reshape((*shape, *lengths))(y)


def broadcast(x: Tensor, shape: Sequence[Any]) -> Any:
    """x in this shape, whose first axis is the batch's, axes of length one repeated."""
    wanted = tuple(int(length) for length in tuple(shape)[1:])
    return moved(x, lambda places: np.broadcast_to(places, (2, *wanted)), math.prod(wanted))


def prod(x: Tensor, axis: int, keepdims: bool) -> Any:
    """The product along an axis of a sample, from 1 on."""
    first = (slice(None),) * axis
    parts = [x[(*first, slice(place, place + 1))] for place in range(x.shape[axis])]
    product = merging.Multiply()(parts) if len(parts) > 1 else parts[0]
    shape = product.shape[1:]
    return product if keepdims else reshaping.Reshape((*shape[: axis - 1], *shape[axis:]))(product)
