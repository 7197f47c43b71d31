"""Layers for ONNX's operators that are more than element by element, and other places for elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastnn import layers
from fastnn.exchange import onnx_numbers
from fastnn.exchange.onnx_elementwise import fitting
from fastnn.exchange.onnx_numbers import Attributes
from fastnn.exchange.onnx_places import PLACES, Read, elsewhere
from fastnn.exchange.onnx_values import Input, Item, axis_of, constant, own_axis, tensor
from fastnn.layers import Reduce
from fastnn.layers.graph import Tensor

if TYPE_CHECKING:
    from fastnn.exchange.onnx_import import Importer


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


def _instance_normalization(to: Importer, a: Attributes, x: Input, scale: Input, shift: Input) -> Item:
    """Each channel of a sample by itself: what PyTorch makes group normalization of, besides."""
    x = tensor(x)
    rows = to.shaped(x, (x.shape[0], math.prod(x.shape[1:])))
    layer = to.layer(layers.LayerNormalization, epsilon=a.get("epsilon", 1e-5), center=False, scale=False)
    y = to.call(layer, to.tensor(rows))
    factors = [to.finite(constant(each, "A factor of InstanceNormalization")) for each in (scale, shift)]
    if not (factors[0] == 1).all() or factors[1].any():
        wide = [np.broadcast_to(each[:, None], rows.shape).tolist() for each in factors]
        y = to.call(to.layer(layers.Rescaling, scale=wide[0], offset=wide[1]), y)
    return to.shaped(to.item(y), x.shape)


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
    return elsewhere(to, item, lambda places: onnx_numbers.gather(places, {"axis": axis}, at))


def _concat(to: Importer, a: Attributes, *xs: Input) -> Item:
    items = [tensor(x, "All inputs of Concat") for x in xs]
    axis = own_axis(a["axis"], items[0])
    if len(items) == 1:
        return items[0]
    return to.item(
        to.call(to.layer(layers.Concatenate, axis=axis), *(to.tensor(item) for item in items)), items[0].kind
    )


OPERATORS: dict[str, Read] = {
    **PLACES,
    "BatchNormalization": _batch_normalization,
    "Concat": _concat,
    "Dropout": _dropout,
    "Gather": _gather,
    "Gemm": _gemm,
    "InstanceNormalization": _instance_normalization,
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
    "Softmax": _softmax("softmax"),
}
