"""Layers for ONNX's operators that work element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import layers
from fastnn.exchange.onnx_values import Item
from fastnn.layers import Rearrange, comparisons, functions, operations
from fastnn.layers.graph import Tensor

if TYPE_CHECKING:
    from fastnn.exchange.onnx_import import Importer

Write = Callable[["Importer", Item], Tensor]


def _only(item: Item) -> Item:
    (found,) = item.items
    return found


def _kernel(name: str, *attributes: tuple[str, float]) -> Write:
    """A function by the name of its kernel, whose parameters are attributes with defaults."""

    def write(to: Importer, item: Item) -> Tensor:
        params = [item.attributes.get(key, default) for key, default in attributes]
        return to.function(name, to.tensor(_only(item)), params)

    return write


def number(constant: np.ndarray | None) -> float | None:
    """The number that an array of one element holds."""
    return None if constant is None or constant.size != 1 else float(constant.reshape(-1)[0])


def _clip(to: Importer, item: Item) -> Tensor:
    low, high = item.attributes.get("min", -math.inf), item.attributes.get("max", math.inf)
    x, *bounds = item.inputs
    given = [number(each) if isinstance(each, np.ndarray) else None for each in bounds]
    if not isinstance(x, Item) or [each is None for each in bounds] != [each is None for each in given]:
        raise NotImplementedError("The bounds of Clip must be numbers. Received: tensors")
    low = low if not given or given[0] is None else given[0]
    high = high if len(given) < 2 or given[1] is None else given[1]
    return clipped(to, to.tensor(x), low, high)


def clipped(to: Importer, x: Tensor, low: float, high: float) -> Tensor:
    """min(max(x, low), high)."""
    if not low < high:
        raise ValueError(f"The bounds of a range must be two numbers, the lower first. Received: {low}, {high}")
    if (low, high) == (-1, 1):
        return to.function("hard_tanh", x)
    if low == 0:
        return to.function("relu", x) if high == math.inf else to.function("clipped_relu", x, (0.0, high, 0.0))
    x = operations.maximum(x, low) if low > -math.inf else x
    return operations.minimum(x, high) if high < math.inf else x


def _gelu(to: Importer, item: Item) -> Tensor:
    tanh = item.attributes.get("approximate", b"none") == b"tanh"
    return to.function("gelu_tanh" if tanh else "gelu", to.tensor(_only(item)))


def _hard_sigmoid(to: Importer, item: Item) -> Tensor:
    slope, middle = item.attributes.get("alpha", 0.2), item.attributes.get("beta", 0.5)
    x = to.tensor(_only(item))
    for kernel, known in (("hard_sigmoid", 1 / 6), ("sparse_sigmoid", 0.5)):
        if middle == 0.5 and abs(slope - known) < 1e-7:
            return to.function(kernel, x)
    return clipped(to, to.function("linear_map", x, (slope, middle)), 0.0, 1.0)


def _identity(to: Importer, item: Item) -> Tensor:
    return to.tensor(_only(item))


def _leaky_relu(to: Importer, item: Item) -> Tensor:
    slope = item.attributes.get("alpha", 0.01)
    x = to.tensor(_only(item))
    return (
        to.function("leaky_relu", x, [slope]) if slope > 0 else to.function("clipped_relu", x, (slope, math.inf, 0.0))
    )


def _log(to: Importer, item: Item) -> Tensor:
    x = _only(item)
    if x.operator == "Sigmoid" and x.tensor is None:  # in one, without the loss of digits
        return to.function("log_sigmoid", to.tensor(_only(x)))
    return to.function("logarithm", to.tensor(x))


def _prelu(to: Importer, item: Item) -> Tensor:
    x, slope = item.inputs
    if not isinstance(x, Item) or not isinstance(slope, np.ndarray):
        raise NotImplementedError("The slopes of PRelu must be constant. Received: a tensor")
    slope = slope if slope.ndim <= len(x.shape) else slope.reshape(slope.shape[1:])
    slope = slope.reshape((1,) * (len(x.shape) - slope.ndim) + slope.shape)
    shared = [axis + 1 for axis, n in enumerate(slope.shape) if n == 1]
    layer = to.layer(layers.PReLU, slope, shared_axes=shared)
    return to.weighted(layer, [x], {"alpha": slope})


def _selu(to: Importer, item: Item) -> Tensor:
    alpha, scale = item.attributes.get("alpha", 1.6732632), item.attributes.get("gamma", 1.0507010)
    x = to.tensor(_only(item))
    if abs(alpha - 1.6732632) < 1e-6 and abs(scale - 1.0507010) < 1e-6:
        return to.function("selu", x)
    return to.function("linear_map", to.function("elu", x, [alpha]), (scale, 0.0))


def _shrink(to: Importer, item: Item) -> Tensor:
    limit, bias = item.attributes.get("lambd", 0.5), item.attributes.get("bias", 0.0)
    if bias not in (0, limit):
        raise NotImplementedError(f"The bias of Shrink must be 0 or lambd. Received: bias={bias}, lambd={limit}")
    return to.function("hard_shrink" if bias == 0 else "soft_shrink", to.tensor(_only(item)), [limit])


def _swish(to: Importer, item: Item) -> Tensor:
    x, alpha = to.tensor(_only(item)), item.attributes.get("alpha", 1.0)
    if alpha == 1:
        return to.function("silu", x)
    gate = to.function("sigmoid", to.function("linear_map", x, (alpha, 0.0)))
    return to.call(to.layer(layers.Multiply), x, gate)


# --- two operands -----------------------------------------------------------------------------------------------------


def fitting(constant: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A constant without the batch axis, and without axes of length one in front."""
    if constant.ndim == len(shape) + 1:
        if constant.shape[0] != 1:
            raise ValueError(
                f"A constant must be the same for all samples, of shape {shape}. Received: shape {constant.shape}"
            )
        constant = constant[0]
    while constant.ndim and constant.shape[0] == 1:
        constant = constant[0]
    return constant


def repeated(to: Importer, x: Item, shape: tuple[int, ...]) -> Tensor:
    """x, its axes of length one repeated to have this shape."""
    tensor = to.tensor(x)
    if x.shape == shape:
        return tensor
    to.check_size(shape)
    places = np.arange(math.prod(x.shape)).reshape(x.shape)
    return to.call(to.layer(Rearrange, places=np.broadcast_to(places, shape)), tensor)


def _rescaled(to: Importer, x: Tensor, scale: Any, shift: Any) -> Tensor:
    """scale · x + shift, of constants."""
    if np.ndim(scale) == np.ndim(shift) == 0:
        return to.function("linear_map", x, (float(scale), float(shift)))
    scale, shift = np.asarray(scale), np.asarray(shift)
    return to.call(to.layer(layers.Rescaling, scale=scale.tolist(), offset=shift.tolist()), x)


def _with_constant(to: Importer, item: Item, x: Item, constant: np.ndarray, first: bool) -> Tensor:
    """An operator of a tensor and a constant; `first` where the constant is the left operand."""
    c = fitting(to.finite(constant), item.shape)
    operator = item.operator
    if operator == "Add":
        dense = to.with_bias(x, c)
        if dense is not None:
            return dense
    tensor = repeated(to, x, item.shape)
    if operator in ("Add", "Sum"):
        return _rescaled(to, tensor, 1.0, c)
    if operator == "Sub":
        return _rescaled(to, tensor, -1.0, c) if first else _rescaled(to, tensor, 1.0, -c)
    if operator == "Mul":
        return _rescaled(to, tensor, c, 0.0)
    if operator == "Div":
        if not first:
            return _rescaled(to, tensor, 1 / c.astype(np.float64), 0.0)
        return _rescaled(to, to.function("reciprocal", tensor), c, 0.0)
    if operator == "Pow" and not first and c.ndim == 0:
        raised: Tensor = functions.power(tensor, float(c))
        return raised
    if operator in ("Max", "Min"):
        extreme: Tensor = (operations.maximum if operator == "Max" else operations.minimum)(tensor, c)
        return extreme
    raise NotImplementedError(f"{operator} must be of two tensors. Received: a constant of shape {c.shape}")


MERGES: dict[str, type[layers.Layer]] = {
    "Add": layers.Add,
    "Div": layers.Divide,
    "Max": layers.Maximum,
    "Mean": layers.Average,
    "Min": layers.Minimum,
    "Mul": layers.Multiply,
    "Sub": layers.Subtract,
    "Sum": layers.Add,
}


def _merge(to: Importer, item: Item) -> Tensor:
    inputs = [each for each in item.inputs if each is not None]
    if len(inputs) == 1:
        return to.tensor(_only(item))
    if len(inputs) == 2 and len(item.items) == 1:
        first = isinstance(inputs[0], np.ndarray)
        constant = inputs[0] if first else inputs[1]
        assert isinstance(constant, np.ndarray)
        return _with_constant(to, item, item.items[0], constant, first)
    if len(item.items) < len(inputs) or item.operator not in MERGES:
        raise NotImplementedError(
            f"{item.operator} takes tensors, or one and a constant. Received: {len(inputs)} inputs"
        )
    if len({len(each.shape) for each in item.items}) > 1:
        raise ValueError(
            "Tensors must have as many axes as each other, the batch first. "
            f"Received: samples of shapes {[each.shape for each in item.items]}"
        )
    if item.operator == "Mul" and inputs[0] is inputs[1]:
        return to.function("square", to.tensor(item.items[0]))
    return to.call(to.layer(MERGES[item.operator or ""]), *(to.tensor(each) for each in item.items))


# --- conditions, which are 1 and 0 here -------------------------------------------------------------------------------


def _operand(to: Importer, x: Item | np.ndarray | None, shape: tuple[int, ...]) -> Any:
    """A tensor of this shape; or a constant, which may be infinite where it is a number."""
    if isinstance(x, Item):
        return repeated(to, x, shape)
    assert isinstance(x, np.ndarray)
    c = fitting(x, shape)
    return c.astype(np.float64)[()] if c.ndim == 0 else to.finite(c)


def _condition(operation: Callable[..., Tensor]) -> Write:
    return lambda to, item: operation(*(_operand(to, x, item.shape) for x in item.inputs))


def _where(to: Importer, item: Item) -> Tensor:
    if not isinstance(item.inputs[0], Item):
        raise NotImplementedError("The condition of Where must not be constant. Received: a constant")
    return _condition(comparisons.where)(to, item)


def _cast(to: Importer, item: Item) -> Tensor:
    """Of floats nothing; of conditions ones and zeros; of whether a number is that of a column: its encoding."""
    x = _only(item)
    if x.kind == "float" and item.kind == "float":
        return to.tensor(x)
    while x.operator == "Cast" and x.kind == "int" and x.items[0].kind == "bool":
        x = x.items[0]
    columns = next((each for each in x.inputs if isinstance(each, np.ndarray)), None)
    if x.operator == "Equal" and columns is not None and len(x.items) == 1 and x.items[0].kind == "int":
        ids, depth = x.items[0], columns.size
        if ids.shape[-1:] == (1,) and columns.shape[-1:] == (depth,) and (columns == np.arange(depth)).all():
            encoding = to.layer(layers.CategoryEncoding, num_tokens=depth, output_mode="one_hot")
            return to.call(encoding, to.ids(ids))
    if x.kind == "float" and item.kind == "bool":
        return comparisons.not_equal(to.tensor(x), 0.0)
    if x.kind == "bool" and item.kind != "int" and not any(each.kind == "int" for each in x.items):
        return to.tensor(x)
    raise NotImplementedError(f"A tensor of whole numbers cannot be computed with. Received: {x.operator}")


WRITERS: dict[str, Write] = {
    "Abs": _kernel("absolute"),
    "And": _condition(comparisons.logical_and),
    "Cast": _cast,
    "Celu": _kernel("celu", ("alpha", 1.0)),
    "Clip": _clip,
    "Elu": _kernel("elu", ("alpha", 1.0)),
    "Equal": _condition(comparisons.equal),
    "Exp": _kernel("exponential"),
    "Gelu": _gelu,
    "Greater": _condition(comparisons.greater),
    "GreaterOrEqual": _condition(comparisons.greater_equal),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _kernel("hard_silu"),
    "Identity": _identity,
    "LeakyRelu": _leaky_relu,
    "Less": _condition(comparisons.less),
    "LessOrEqual": _condition(comparisons.less_equal),
    "Log": _log,
    "Mish": _kernel("mish"),
    "Neg": lambda to, item: to.function("linear_map", to.tensor(_only(item)), (-1.0, 0.0)),
    "Not": _condition(comparisons.logical_not),
    "Or": _condition(comparisons.logical_or),
    "PRelu": _prelu,
    "Reciprocal": _kernel("reciprocal"),
    "Relu": _kernel("relu"),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": _kernel("sigmoid"),
    "Sign": _kernel("sign"),
    "Softplus": _kernel("softplus"),
    "Softsign": _kernel("softsign"),
    "Sqrt": _kernel("square_root"),
    "Swish": _swish,
    "Tanh": _kernel("tanh"),
    "ThresholdedRelu": lambda to, item: to.function(
        "threshold", to.tensor(_only(item)), (item.attributes.get("alpha", 1.0), 0.0)
    ),
    "Where": _where,
    **dict.fromkeys([*MERGES, "Pow"], _merge),
}
