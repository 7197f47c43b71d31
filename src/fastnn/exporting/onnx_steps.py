"""The steps of a program in ONNX's operators of opset 17."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastnn.exporting.description import chosen, factors_of, params_of
from fastnn.exporting.onnx_functions import FUNCTIONS
from fastnn.exporting.onnx_writer import Writer
from fastnn.records import Record, Value, required

BINARIES = {
    "add": "Add",
    "divide": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "multiply": "Mul",
    "subtract": "Sub",
}


def _activation(to: Writer, record: Record) -> None:
    function = chosen(FUNCTIONS, record.settings["activation"], "An activation")
    x, shape = to.tensors[id(record.x.root)]
    to.made(record, function(to, x, *params_of(record)), shape)


def _affine(to: Writer, record: Record) -> None:
    x, y = record.x, record.y
    scale, shift = factors_of(record)
    copies = y.width // x.width
    outer = x.shape[:-1]
    tensor = to.tensor(x) if copies == 1 else to.tensor(x, (*outer, 1, x.width))
    shape = x.shape if copies == 1 else (*outer, copies, x.width)
    for operator, vector, wanted in (("Mul", scale, "scale"), ("Add", shift, "shift")):
        if vector is not None:
            vector = vector.astype(to.dtype).reshape(shape[len(outer) :])
            tensor = to.node(operator, tensor, to.array(vector, wanted))
    to.made(record, tensor, shape)


def _binary(to: Writer, record: Record) -> None:
    a, b = (to.tensor(required(value, "an operand")) for value in record.inputs)
    if record.settings["binary"] == "where":
        nothing = to.number(0.0)
        to.made(record, to.node("Where", to.node("Equal", b, nothing), nothing, a))
        return
    to.made(record, to.node(BINARIES[record.settings["binary"]], a, b))


def _copy(to: Writer, record: Record) -> None:
    """One of the values of a concatenation; the last of them makes a node of all."""
    root = record.y.root
    parts = to.parts.setdefault(id(root), [])
    parts.append(Value(record.y.shape, record.x))
    if sum(part.width for part in parts) < root.width:
        return
    axis = len(root.shape) - 1
    shapes = [to.tensors[id(part.root)][1] for part in parts]
    rests = {(len(shape), shape[:axis], shape[axis + 1 :]) for shape in shapes}
    if len(rests) > 1 or shapes[0][:axis] != root.shape[:-1]:
        shapes = [part.shape for part in parts]
    tensors = [to.tensor(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    whole = (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
    to.made(record, to.node("Concat", *tensors, axis=axis + 1), whole)


def _dense(to: Writer, record: Record) -> None:
    x, (kernel, bias) = record.x, record.variables
    w = to.weights(required(kernel, "a kernel"), (x.width, record.y.width))
    more = [] if bias is None else [to.weights(bias)]
    if len(x.shape) == 1:
        y = to.node("Gemm" if more else "MatMul", to.tensor(x), w, *more)
    else:
        y = to.node("MatMul", to.tensor(x), w)
        y = to.node("Add", y, *more) if more else y
    to.made(record, y)


def _discretization(to: Writer, record: Record) -> None:
    """How many boundaries are not above x; none is above NaN."""
    x = to.tensor(record.x, (*record.x.shape, 1))
    boundaries = to.weights(required(record.variables[0], "boundaries"))
    passed = to.cast(to.node("Not", to.node("Less", x, boundaries)), "real")
    to.made(record, to.node("ReduceSum", passed, axes=[len(record.x.shape) + 1], keepdims=0))


def _embedding(to: Writer, record: Record) -> None:
    x, table = record.x, to.weights(required(record.variables[0], "a table"))
    ids = to.tensor(x) if id(x.root) in to.ids else to.cast(to.tensor(x), "int64")
    to.made(record, to.node("Gather", table, ids, axis=0))


def _encode(to: Writer, record: Record) -> None:
    """1 in the columns that are among the numbers, whose fractions are cut off; or how often they are."""
    x, depth = record.x, record.y.width
    numbers = to.cast(to.tensor(x, (*x.shape, 1)), "int64")
    marks = to.cast(to.node("Equal", numbers, to.array(np.arange(depth), "columns")), "real")
    if record.op == "one_hot":
        to.made(record, marks, (*x.shape, depth))
    else:
        operator = "ReduceSum" if record.op == "count" else "ReduceMax"
        to.made(record, to.node(operator, marks, axes=[len(x.shape)], keepdims=0))


def _feature_dense(to: Writer, record: Record) -> None:
    (features, inputs), units = record.x.shape, record.y.width
    kernel, bias = record.variables
    w = to.weights(required(kernel, "a kernel"), (features, inputs, units))
    y = to.node("MatMul", to.tensor(record.x, (features, 1, inputs)), w)
    if bias is not None:
        y = to.node("Add", y, to.weights(bias, (features, 1, units)))
    to.made(record, y, (features, 1, units))


def _waves(to: Writer, record: Record) -> None:
    """In turns, of which whole ones are left out before there are radians: these would lose digits."""
    frequencies, phases = record.variables
    turns = to.node("Mul", to.tensor(record.x, (*record.x.shape, 1)), to.weights(required(frequencies, "frequencies")))
    if phases is not None:
        turns = to.node("Add", turns, to.array((phases.value / (2 * math.pi)).astype(to.dtype), phases.path))
    rest = to.node("Sub", turns, to.node("Round", turns))
    radians = to.node("Mul", rest, to.number(2 * math.pi))
    y = to.node("Cos", radians)
    if record.settings["params"][0]:
        y = to.node("Concat", y, to.node("Sin", radians), axis=len(record.y.shape))
    to.made(record, y)


def _pieces(to: Writer, record: Record) -> None:
    left, factor, low, high = (to.weights(required(variable, "a matrix")) for variable in record.variables)
    y = to.node("Mul", to.node("Sub", to.tensor(record.x, (*record.x.shape, 1)), left), factor)
    to.made(record, to.node("Min", to.node("Max", y, low), high))


def _group_normalization(to: Writer, record: Record) -> None:
    x, (kind, lines, groups) = record.x, (int(number) for number in record.settings["params"])
    gamma, beta = record.variables
    epsilon, n = record.settings["epsilon"], x.width // (lines * groups)
    if kind == 0 and lines == groups == 1:
        ones = np.ones(n, to.dtype)
        factors = [to.array(ones, "ones") if gamma is None else to.weights(gamma, (n,))]
        factors += [] if beta is None else [to.weights(beta, (n,))]
        to.made(record, to.node("LayerNormalization", to.tensor(x), *factors, axis=-1, epsilon=epsilon))
        return
    whole = lines == groups == 1
    shape = x.shape if whole else (*x.shape[:-1], lines, groups, n)
    axes = [len(shape)] if whole else [len(shape) - 2, len(shape)]
    y = to.tensor(x, shape)
    if kind == 2:
        length = to.node("Max", to.node("ReduceL2", y, axes=axes), to.number(epsilon))
    else:
        if kind == 0:
            y = to.node("Sub", y, to.node("ReduceMean", y, axes=axes))
        squares = to.node("ReduceMean", to.node("Mul", y, y), axes=axes)
        length = to.node("Sqrt", to.node("Add", squares, to.number(epsilon)))
    y = to.node("Div", y, length)
    for operator, factor in (("Mul", gamma), ("Add", beta)):
        y = y if factor is None else to.node(operator, y, to.weights(factor, (n,) if whole else (groups, n)))
    to.made(record, y, shape)


def _moving_normalization(to: Writer, record: Record) -> None:
    if len(record.x.shape) > 1:  # the operator wants features on axis 1
        _affine(to, record)
        return
    gamma, beta, mean, variance = record.variables
    n, dtype = record.x.width, to.dtype
    factors = [
        to.array(np.ones(n, dtype), "ones") if gamma is None else to.weights(gamma),
        to.array(np.zeros(n, dtype), "zeros") if beta is None else to.weights(beta),
        *(to.weights(required(variable, "a statistic")) for variable in (mean, variance)),
    ]
    settings = {name: record.settings[name] for name in ("epsilon", "momentum")}
    to.made(record, to.node("BatchNormalization", to.tensor(record.x), *factors, **settings))


def _pooling(to: Writer, record: Record) -> None:
    x = record.x
    operator = "ReduceMax" if record.op == "max_pooling" else "ReduceMean"
    to.made(record, to.node(operator, to.tensor(x, (x.rows_per_sample, x.width)), axes=[1], keepdims=0))


def _prelu(to: Writer, record: Record) -> None:
    slopes = required(record.variables[0], "slopes")
    values = slopes.value.reshape(-1).repeat(record.x.width // slopes.size)
    to.made(record, to.node("PRelu", to.tensor(record.x), to.array(values, slopes.path)))


def _rearrange(to: Writer, record: Record) -> None:
    x, y = record.x, record.y
    index = record.settings["index"].reshape(y.shape)
    shape = to.tensors[id(x.root)][1]
    places = np.arange(math.prod(shape)).reshape(shape)
    for axis in range(len(shape)):
        among = _along(places, index, axis)
        if among is not None:
            chosen = to.array(among, "chosen")
            to.made(record, to.node("Gather", to.tensor(x, shape), chosen, axis=axis + 1))
            return
    if sorted(shape) == sorted(y.shape) and len(shape) == 2:
        to.made(record, to.node("Transpose", to.tensor(x, shape), perm=[0, 2, 1]))
        return
    flat = to.tensor(x, (math.prod(shape),))
    to.made(record, to.node("Gather", flat, to.array(index, "places"), axis=1))


def _reduce(to: Writer, record: Record) -> None:
    length, y = record.settings["length"], record.y
    shape = to.tensors[id(record.x.root)][1]
    axis = next((i for i, n in enumerate(shape) if n == length and math.prod(shape[:i]) == y.rows_per_sample), None)
    if axis is None:
        shape, axis = (y.rows_per_sample, length, y.width), 1
    mean = record.settings["rate"] != 1
    operator = "ReduceMax" if record.op == "max" else "ReduceMean" if mean else "ReduceSum"
    reduced = to.node(operator, to.tensor(record.x, shape), axes=[axis + 1], keepdims=0)
    to.made(record, reduced, (*shape[:axis], *shape[axis + 1 :]))


def _softmax(to: Writer, record: Record) -> None:
    operator = "Softmax" if record.op == "softmax" else "LogSoftmax"
    to.made(record, to.node(operator, to.tensor(record.x), axis=-1))


def _along(places: np.ndarray, index: np.ndarray, axis: int) -> np.ndarray | None:
    """Which elements along an axis are taken, where `index` is `places` with some of them; else None."""
    first = np.moveaxis(places, axis, 0).reshape(places.shape[axis], -1)[:, 0]  # in the first line along the axis
    if index.ndim == places.ndim:
        line = np.moveaxis(index, axis, 0).reshape(index.shape[axis], -1)[:, 0]
    elif index.ndim == places.ndim - 1:
        line = np.array(index.ravel()[0])
    else:
        return None
    step = math.prod(places.shape[axis + 1 :])
    among = np.asarray(line // step)
    if among.max() >= len(first):
        return None
    taken = np.take(places, among, axis)
    return among if taken.shape == index.shape and (taken == index).all() else None


STEPS: dict[str, Callable[[Writer, Record], None]] = {
    "activation": _activation,
    "binary": _binary,
    "copy": _copy,
    "count": _encode,
    "dense": _dense,
    "discretization": _discretization,
    "embedding": _embedding,
    "feature_dense": _feature_dense,
    "group_normalization": _group_normalization,
    "log_softmax": _softmax,
    "max": _reduce,
    "max_pooling": _pooling,
    "mean_pooling": _pooling,
    "moving_normalization": _moving_normalization,
    "multi_hot": _encode,
    "normalization": _affine,
    "one_hot": _encode,
    "pieces": _pieces,
    "prelu": _prelu,
    "rearrange": _rearrange,
    "rescaling": _affine,
    "scale": _affine,
    "softmax": _softmax,
    "sum": _reduce,
    "waves": _waves,
}
