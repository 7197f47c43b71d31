"""Layers for ONNX's operators that put the elements of a sample into another shape or order."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastnn import layers
from fastnn.exchange import onnx_numbers
from fastnn.exchange.onnx_numbers import Attributes
from fastnn.exchange.onnx_values import TURNED, Input, Item, axis_of, constant, own_axis, tensor
from fastnn.layers import Rearrange

if TYPE_CHECKING:
    from fastnn.exchange.onnx_import import Importer

Read = Callable[..., "Item | tuple[Item, ...]"]  # (importer, attributes, *inputs)


def elsewhere(to: Importer, x: Item, move: Callable[[np.ndarray], np.ndarray]) -> Item:
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
    return elsewhere(to, x, lambda places: onnx_numbers.expand(places, a, wanted))


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
    return elsewhere(to, x, lambda places: onnx_numbers.slices(places, a, *parts))


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
    return tuple([elsewhere(to, x, functools.partial(np.take, indices=part, axis=axis)) for part in parts])


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
    return elsewhere(to, x, lambda places: onnx_numbers.tile(places, a, times))


def _transpose(to: Importer, a: Attributes, x: Input) -> Item:
    x = tensor(x)
    order = [int(axis) for axis in a.get("perm", range(len(x.shape), -1, -1))]
    if sorted(order) != list(range(len(x.shape) + 1)):
        raise ValueError(f"The axes of Transpose must be all there are. Received: perm={order} of {x.shape}")
    if x.operator == "GatherND":
        return _turned_back(to, x, order)
    if order[0] != 0:  # until it comes back
        return Item(x.shape, TURNED, operator="Transpose", inputs=(x,), attributes={"perm": order})
    return to.item(to.call(to.layer(layers.Permute, dims=order[1:]), to.tensor(x)), x.kind)


def _gather_nd(to: Importer, a: Attributes, x: Input, indices: Input) -> Item:
    """Between two Transpose: how PyTorch chooses columns."""
    x, at = tensor(x), constant(indices, "`indices` of GatherND")
    order = x.attributes.get("perm", [0]) if x.kind == TURNED and x.operator == "Transpose" else [0]
    if a.get("batch_dims", 0) or at.ndim != 2 or at.dtype.kind != "i" or at.shape[1] > order.index(0):
        raise NotImplementedError(
            f"GatherND must choose elements of samples, each by itself. Received: indices of shape {at.shape}, {a}"
        )
    shape = (len(at), *(x.shape[axis - 1] for axis in order[at.shape[1] :] if axis))
    to.check_size(shape)
    return Item(shape, TURNED, operator="GatherND", inputs=(x.inputs[0], at), attributes={"perm": order})


def _turned_back(to: Importer, x: Item, order: list[int]) -> Item:
    base, at = x.inputs
    assert isinstance(base, Item)
    assert isinstance(at, np.ndarray)
    turned = x.attributes["perm"]
    if order[0] != turned.index(0) - at.shape[1] + 1:
        raise NotImplementedError(f"Transpose must leave the batch first. Received: perm={order}")
    return elsewhere(to, base, lambda places: places.transpose(turned)[tuple(at.T)].transpose(order))


def _unsqueeze(to: Importer, a: Attributes, x: Input, axes: Input = None) -> Item:
    x = tensor(x)
    given = constant(axes, "`axes` of Unsqueeze").reshape(-1).tolist() if axes is not None else a["axes"]
    if len(given) > 8:
        raise ValueError(f"There must be few axes. Received: {len(given)} new ones")
    rank = len(x.shape) + 1 + len(given)
    if 0 in [axis % rank for axis in given]:
        raise NotImplementedError(f"Unsqueeze must leave the batch first. Received: axes={given}")
    return to.shaped(x, onnx_numbers.unsqueeze(np.broadcast_to(np.False_, (1, *x.shape)), {"axes": given}).shape[1:])


PLACES: dict[str, Read] = {
    "Expand": _expand,
    "Flatten": _flatten,
    "GatherND": _gather_nd,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
