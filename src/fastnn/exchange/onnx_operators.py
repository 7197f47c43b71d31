"""Layers for ONNX's operators that are more than element by element, and other places for elements."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastnn import layers
from fastnn.exchange import onnx_numbers
from fastnn.exchange.onnx_elementwise import fitting
from fastnn.exchange.onnx_numbers import Attributes
from fastnn.exchange.onnx_values import Item
from fastnn.layers import Rearrange, Reduce
from fastnn.layers.graph import Tensor

if TYPE_CHECKING:
    from fastnn.exchange.onnx_import import Importer

Input = Item | np.ndarray | None
Read = Callable[..., "Item | tuple[Item, ...]"]  # (importer, attributes, *inputs)


def constant(x: Input, what: str) -> np.ndarray:
    """An input that must be known.

    Raises:
        NotImplementedError: It is computed from the inputs of the graph.
    """
    if not isinstance(x, np.ndarray):
        raise NotImplementedError(f"{what} must be constant. Received: {'a tensor' if x is not None else 'none'}")
    return x


def tensor(x: Input, what: str = "The first input") -> Item:
    """An input that must not be a constant."""
    if not isinstance(x, Item):
        raise NotImplementedError(f"{what} must come from the inputs of the graph. Received: a constant")
    return x


def axis_of(axis: int, item: Item) -> int:
    """An axis from 0 on, the batch's being 0."""
    rank = len(item.shape) + 1
    if not -rank <= axis < rank:
        raise ValueError(f"There must be such an axis. Received: axis {axis} of {rank}")
    return axis % rank


def own_axis(axis: int, item: Item) -> int:
    """An axis from 1 on: that of the batch is refused."""
    axis = axis_of(axis, item)
    if axis == 0:
        raise NotImplementedError(
            f"Samples must be computed each by itself. Received: axis 0, the batch's, of samples of {item.shape}"
        )
    return axis


def on_last_axis(to: Importer, x: Item, axis: int, compute: Callable[[Tensor], Tensor]) -> Item:
    """What a layer that works along the last axis makes along another."""
    rank = len(x.shape)
    if axis == rank:
        return to.item(compute(to.tensor(x)))
    order = [*(each for each in range(1, rank + 1) if each != axis), axis]
    moved = to.call(to.layer(layers.Permute, dims=order), to.tensor(x))
    back = [order.index(each) + 1 for each in range(1, rank + 1)]
    return to.item(to.call(to.layer(layers.Permute, dims=back), compute(moved)))


# --- products ---------------------------------------------------------------------------------------------------------


def _matmul(to: Importer, a: Attributes, x: Input, w: Input) -> Item:
    x, w = tensor(x), constant(w, "The right operand of MatMul")
    if w.ndim != 2 or not x.shape or w.shape[0] != x.shape[-1]:
        raise ValueError(
            f"The right operand of MatMul must be a matrix with a row for each feature of samples of shape {x.shape}. "
            f"Received: shape {w.shape}"
        )
    return Item((*x.shape[:-1], w.shape[1]), operator="MatMul", inputs=(x, w))


def _gemm(to: Importer, a: Attributes, x: Input, w: Input, c: Input = None) -> Item:
    x, w = tensor(x), constant(w, "Input B of Gemm")
    w = w.T if a.get("transB", 0) else w
    if a.get("transA", 0) or len(x.shape) != 1 or w.ndim != 2 or w.shape[0] != x.shape[0]:
        raise ValueError(
            f"Gemm must be the product of samples of shape {x.shape} and a matrix of as many rows. "
            f"Received: shape {w.shape}, transA={a.get('transA', 0)}"
        )
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    kernel = w if alpha == 1 else w * np.asarray(alpha, w.dtype)
    if isinstance(c, Item):
        product = to.dense(x, kernel, None)
        added = c if beta == 1 else Item(c.shape, operator="Mul", inputs=(c, np.array(beta)))
        return Item((w.shape[1],), operator="Add", inputs=(to.item(product), added))
    if c is not None:
        c = c if beta == 1 else c * np.asarray(beta, c.dtype)
        c = np.broadcast_to(fitting(c, (w.shape[1],)), (w.shape[1],))
    return to.item(to.dense(x, kernel, c))


# --- normalization ----------------------------------------------------------------------------------------------------


def _batch_normalization(to: Importer, a: Attributes, x: Input, *factors: Input) -> Item:
    x = tensor(x)
    if a.get("training_mode", 0) or a.get("spatial", 1) != 1 or not x.shape:
        raise NotImplementedError(f"BatchNormalization must be that of inference. Received: {a}")
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {name: constant(f, f"`{name}` of BatchNormalization") for name, f in zip(names, factors, strict=True)}
    momentum, epsilon = a.get("momentum", 0.9), a.get("epsilon", 1e-5)
    layer = to.layer(layers.BatchNormalization, factors[0], momentum=momentum, epsilon=epsilon)
    return on_last_axis(to, x, 1, lambda moved: to.weighted(layer, [moved], weights))


def _layer_normalization(to: Importer, a: Attributes, x: Input, gamma: Input, beta: Input = None) -> Item:
    x, gamma = tensor(x), constant(gamma, "`Scale` of LayerNormalization")
    axes = list(range(own_axis(a.get("axis", -1), x), len(x.shape) + 1))
    weights = {"gamma": gamma} if beta is None else {"gamma": gamma, "beta": constant(beta, "`B`")}
    shape = x.shape[axes[0] - 1 :]
    weights = {name: np.broadcast_to(value, shape) for name, value in weights.items()}
    settings = {"axis": axes, "epsilon": a.get("epsilon", 1e-5), "center": beta is not None}
    layer = to.layer(layers.LayerNormalization, gamma, **settings)
    return to.item(to.weighted(layer, [x], weights))


def _rms_normalization(to: Importer, a: Attributes, x: Input, scale: Input) -> Item:
    x, scale = tensor(x), constant(scale, "`scale` of RMSNormalization")
    axes = list(range(own_axis(a.get("axis", -1), x), len(x.shape) + 1))
    layer = to.layer(layers.RMSNormalization, scale, axis=axes, epsilon=a.get("epsilon", 1e-5))
    return to.item(to.weighted(layer, [x], {"scale": np.broadcast_to(scale, x.shape[axes[0] - 1 :])}))


def _lp_normalization(to: Importer, a: Attributes, x: Input) -> Item:
    x = tensor(x)
    if a.get("p", 2) != 2:
        raise NotImplementedError(f"LpNormalization must be that by the length, p=2. Received: p={a['p']}")
    layer = to.layer(layers.UnitNormalization)
    return on_last_axis(to, x, own_axis(a.get("axis", -1), x), lambda moved: to.call(layer, moved))


def _softmax(kernel: str) -> Read:
    def read(to: Importer, a: Attributes, x: Input) -> Item:
        x = tensor(x)
        if to.opset < 13:  # over all the axes from this one on
            first = own_axis(a.get("axis", 1), x)
            rows = to.shaped(x, (*x.shape[: first - 1], math.prod(x.shape[first - 1 :])))
            return to.shaped(to.item(to.function(kernel, to.tensor(rows))), x.shape)
        axis = own_axis(a.get("axis", -1), x)
        return on_last_axis(to, x, axis, lambda moved: to.function(kernel, moved))

    return read


def _dropout(to: Importer, a: Attributes, x: Input, ratio: Input = None, training: Input = None) -> Item:
    x = tensor(x)
    if training is not None and bool(constant(training, "`training_mode` of Dropout").reshape(-1)[0]):
        raise NotImplementedError("Dropout must be that of inference. Received: training_mode=True")
    rate = a.get("ratio", 0.5) if ratio is None else float(constant(ratio, "`ratio`").reshape(-1)[0])
    return to.item(to.call(to.layer(layers.Dropout, rate=rate), to.tensor(x)))


# --- reductions -------------------------------------------------------------------------------------------------------


def _axes(a: Attributes, given: Input, x: Item) -> list[int]:
    if given is not None:
        axes = [int(axis) for axis in constant(given, "`axes`").reshape(-1)]
    else:
        axes = list(a.get("axes", []))
    if not axes and a.get("noop_with_empty_axes", 0):
        return []
    return sorted({own_axis(axis, x) for axis in axes or range(len(x.shape) + 1)})


def _reduction(operation: str, before: str | None = None, after: str | None = None) -> Read:
    def read(to: Importer, a: Attributes, x: Input, axes: Input = None) -> Item:
        x = tensor(x)
        along, keepdims = _axes(a, axes, x), bool(a.get("keepdims", 1))
        if not along:
            return x
        bins = _bins(to, x, along, keepdims) if operation == "sum" and before is None else None
        if bins is not None:
            return bins
        y = to.tensor(x)
        y = y if before is None else to.function(before, y)
        y = to.call(to.layer(Reduce, operation=operation, axis=along, keepdims=keepdims), y)
        return to.item(y if after is None else to.function(after, y))

    return read


def _minimum(to: Importer, a: Attributes, x: Input, axes: Input = None) -> Item:
    negative = to.function("linear_map", to.tensor(tensor(x)), (-1.0, 0.0))
    largest = to.tensor(_reduction("max")(to, a, to.item(negative), axes))  # type: ignore[arg-type]
    return to.item(to.function("linear_map", largest, (-1.0, 0.0)))


def _bins(to: Importer, x: Item, along: list[int], keepdims: bool) -> Item | None:
    """How many boundaries are not above a number: the number of its bin."""
    if keepdims or along != [len(x.shape)] or x.operator != "Cast" or x.items[0].operator != "Not":
        return None
    (less,) = x.items[0].items
    of, boundaries = less.inputs if less.operator == "Less" else (None, None)
    if not isinstance(of, Item) or not isinstance(boundaries, np.ndarray):
        return None
    if of.shape[-1:] != (1,) or boundaries.ndim != 1:
        return None
    layer = to.layer(layers.Discretization, bin_boundaries=to.finite(boundaries).tolist())
    return to.item(to.call(layer, to.tensor(to.shaped(of, of.shape[:-1]))))


# --- ids --------------------------------------------------------------------------------------------------------------


def _one_hot(to: Importer, a: Attributes, ids: Input, depth: Input, values: Input) -> Item:
    ids = tensor(ids)
    off_on = constant(values, "`values` of OneHot").reshape(-1).tolist()
    if off_on != [0, 1] or axis_of(a.get("axis", -1), Item((*ids.shape, 1))) != len(ids.shape) + 1:
        raise NotImplementedError(f"OneHot must make rows of zeros and ones. Received: values={off_on}, {a}")
    count = int(constant(depth, "`depth` of OneHot").reshape(-1)[0])
    encoding = to.layer(layers.CategoryEncoding, num_tokens=count, output_mode="one_hot")
    return to.item(to.call(encoding, to.ids(to.shaped(ids, (*ids.shape, 1)))))


def _embedding(to: Importer, table: np.ndarray, ids: Item) -> Item:
    if ids.kind != "int":
        raise ValueError(f"The indices of Gather must be whole numbers. Received: {ids.kind}")
    rest = table.shape[1:]
    width = math.prod(rest)
    layer = to.layer(layers.Embedding, table, input_dim=len(table), output_dim=width)
    y = to.weighted(layer, [to.item(to.ids(ids))], {"embeddings": table.reshape(len(table), width)})
    return to.shaped(to.item(y), (*ids.shape, *rest))


def _gather(to: Importer, a: Attributes, data: Input, indices: Input) -> Item:
    if isinstance(data, np.ndarray):
        if a.get("axis", 0) != 0 or data.ndim < 1:
            raise NotImplementedError(f"Gather must look up rows of a constant. Received: axis={a.get('axis', 0)}")
        return _embedding(to, data, tensor(indices, "Input `indices`"))
    item = tensor(data)
    axis, at = own_axis(a.get("axis", 0), item), constant(indices, "Input `indices` of Gather")
    if at.dtype.kind != "i":
        raise ValueError(f"The indices of Gather must be whole numbers. Received: {at.dtype}")
    return _elsewhere(to, item, lambda places: onnx_numbers.gather(places, {"axis": axis}, at))


# --- shapes and places ------------------------------------------------------------------------------------------------


def _elsewhere(to: Importer, x: Item, move: Callable[[np.ndarray], np.ndarray]) -> Item:
    """x with its elements where `move` puts them, in an array whose batch axis has length one."""
    to.check_size(x.shape)
    moved = move(np.arange(math.prod(x.shape)).reshape(1, *x.shape))
    if moved.ndim < 1 or moved.shape[0] != 1 or moved.size == 0:
        raise NotImplementedError(
            f"Samples must be computed each by itself, and not be empty. Received: {moved.shape} of {x.shape}"
        )
    places = moved[0]
    if places.size == math.prod(x.shape) and (places.ravel() == np.arange(places.size)).all():
        return to.shaped(x, places.shape)
    to.check_size(places.shape)
    return to.item(to.call(to.layer(Rearrange, places=places), to.tensor(x)), x.kind)


def _expand(to: Importer, a: Attributes, x: Input, shape: Input) -> Item:
    x = tensor(x)
    wanted = [int(length) for length in constant(shape, "`shape` of Expand").reshape(-1)]
    if len(wanted) > len(x.shape) + 1:
        raise NotImplementedError(f"Expand must not put axes before the batch. Received: {wanted} of {x.shape}")
    if len(wanted) == len(x.shape) + 1:
        wanted[0] = 1
    return _elsewhere(to, x, lambda places: onnx_numbers.expand(places, a, wanted))


def _flatten(to: Importer, a: Attributes, x: Input) -> Item:
    x = tensor(x)
    if axis_of(a.get("axis", 1), x) != 1 and len(x.shape) > 0:
        raise NotImplementedError(f"Flatten must keep the batch, axis=1. Received: axis={a.get('axis', 1)}")
    return to.shaped(x, (math.prod(x.shape),))


def _reshape(to: Importer, a: Attributes, x: Input, shape: Input = None) -> Item:
    x = tensor(x)
    wanted = [int(n) for n in (a["shape"] if shape is None else constant(shape, "`shape` of Reshape").reshape(-1))]
    size = math.prod(x.shape)
    if not wanted or any(length < -1 for length in wanted):
        raise ValueError(f"A shape must hold lengths, 0 and -1. Received: {wanted}")
    first, rest = wanted[0], wanted[1:]
    if not a.get("allowzero", 0):
        rest = [x.shape[at] if length == 0 and at < len(x.shape) else length for at, length in enumerate(rest)]
    if rest.count(-1) == 1 and first != -1:
        known = math.prod(length for length in rest if length != -1)
        rest = [size // known if length == -1 and known > 0 else length for length in rest]
    if math.prod(rest) != size or min(rest, default=1) < 1 or first not in (0, -1, to.batch):
        raise NotImplementedError(
            f"Reshape must keep samples of shape {x.shape} each by itself. Received: shape {wanted}"
        )
    return to.shaped(x, tuple(rest))


def _slice(to: Importer, a: Attributes, x: Input, *given: Input) -> Item:
    x = tensor(x)
    parts = [None if part is None else constant(part, "The bounds of Slice") for part in given]
    named = parts[2] if len(parts) > 2 else None
    axes = a.get("axes") if named is None else named.tolist()
    starts = a["starts"] if not parts else constant(parts[0], "`starts`").reshape(-1).tolist()
    for axis in range(len(starts)) if axes is None else axes:
        own_axis(int(axis), x)
    return _elsewhere(to, x, lambda places: onnx_numbers.slices(places, a, *parts))


def _split(to: Importer, a: Attributes, x: Input, split: Input = None) -> tuple[Item, ...]:
    x = tensor(x)
    axis = own_axis(a.get("axis", 0), x)
    n = x.shape[axis - 1]
    if split is not None or "split" in a:
        lengths = [int(k) for k in (a["split"] if split is None else constant(split, "`split`").reshape(-1))]
    else:
        count = a.get("num_outputs", to.outputs)
        each = -(-n // count)
        lengths = [min(each, n - each * at) for at in range(count)]
    if sum(lengths) != n or min(lengths, default=0) < 1:
        raise ValueError(f"The parts of Split must add up to {n}. Received: {lengths}")
    ends = np.cumsum(lengths)
    parts = [np.arange(end - k, end) for k, end in zip(lengths, ends, strict=True)]
    return tuple([_elsewhere(to, x, functools.partial(np.take, indices=part, axis=axis)) for part in parts])


def _squeeze(to: Importer, a: Attributes, x: Input, axes: Input = None) -> Item:
    x = tensor(x)
    given = constant(axes, "`axes` of Squeeze").reshape(-1).tolist() if axes is not None else a.get("axes")
    alone = [axis for axis in range(1, len(x.shape) + 1) if x.shape[axis - 1] == 1]
    which = alone if given is None else [own_axis(int(axis), x) for axis in given]
    if any(axis not in alone for axis in which):
        raise ValueError(f"Squeezed axes must be of length 1. Received: axes {which} of samples of {x.shape}")
    return to.shaped(x, tuple(n for axis, n in enumerate(x.shape, 1) if axis not in which))


def _tile(to: Importer, a: Attributes, x: Input, repeats: Input) -> Item:
    x = tensor(x)
    times = constant(repeats, "`repeats` of Tile")
    if times.reshape(-1)[0] != 1 or times.size != len(x.shape) + 1:
        raise NotImplementedError(f"Tile must keep the batch. Received: repeats={times.tolist()}")
    return _elsewhere(to, x, lambda places: onnx_numbers.tile(places, a, times))


def _transpose(to: Importer, a: Attributes, x: Input) -> Item:
    x = tensor(x)
    order = [int(axis) for axis in a.get("perm", range(len(x.shape), -1, -1))]
    if sorted(order) != list(range(len(x.shape) + 1)) or order[0] != 0:
        raise NotImplementedError(f"Transpose must leave the batch first. Received: perm={order}")
    return to.item(to.call(to.layer(layers.Permute, dims=order[1:]), to.tensor(x)), x.kind)


def _unsqueeze(to: Importer, a: Attributes, x: Input, axes: Input = None) -> Item:
    x = tensor(x)
    given = constant(axes, "`axes` of Unsqueeze").reshape(-1).tolist() if axes is not None else a["axes"]
    if len(given) > 8:
        raise ValueError(f"There must be few axes. Received: {len(given)} new ones")
    rank = len(x.shape) + 1 + len(given)
    if 0 in [axis % rank for axis in given]:
        raise NotImplementedError(f"Unsqueeze must leave the batch first. Received: axes={given}")
    return to.shaped(x, onnx_numbers.unsqueeze(np.broadcast_to(np.False_, (1, *x.shape)), {"axes": given}).shape[1:])


def _concat(to: Importer, a: Attributes, *xs: Input) -> Item:
    items = [tensor(x, "All inputs of Concat") for x in xs]
    axis = own_axis(a["axis"], items[0])
    if len(items) == 1:
        return items[0]
    return to.item(
        to.call(to.layer(layers.Concatenate, axis=axis), *(to.tensor(item) for item in items)), items[0].kind
    )


OPERATORS: dict[str, Read] = {
    "BatchNormalization": _batch_normalization,
    "Concat": _concat,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax("log_softmax"),
    "LpNormalization": _lp_normalization,
    "MatMul": _matmul,
    "OneHot": _one_hot,
    "RMSNormalization": _rms_normalization,
    "ReduceL1": _reduction("sum", "absolute"),
    "ReduceL2": _reduction("sum", "square", "square_root"),
    "ReduceMax": _reduction("max"),
    "ReduceMean": _reduction("mean"),
    "ReduceMin": _minimum,
    "ReduceSum": _reduction("sum"),
    "ReduceSumSquare": _reduction("sum", "square"),
    "Reshape": _reshape,
    "Slice": _slice,
    "Softmax": _softmax("softmax"),
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
