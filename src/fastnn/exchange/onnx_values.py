"""What stands for an ONNX tensor while a graph is read: a symbolic tensor, or how one would be made."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.exchange.onnx_numbers import ELEMENTWISE, Attributes
from fastnn.layers.graph import Tensor

DEEPEST = 12  # operators that wait to become layers: so many, one on the other, may be one activation
MOST = 12  # of them together
TURNED = "turned"  # the kind of a tensor whose first axis is not the batch
Shape = tuple[int, ...]


class Item:
    """A tensor of the graph that depends on its inputs.

    What is computed element by element becomes a layer only when something else needs it: several operators together
    may be one activation.

    Args:
        shape: Shape of a sample.
        kind: `"float"`, `"int"` or `"bool"`; or `TURNED`, from which nothing is computed.
        tensor: The symbolic tensor; `None` as long as there is none.
        operator: What it is computed by; `None` where it is where others begin.
        inputs: Of the operator: items and constants.
        attributes: Of the operator.

    Attributes:
        uses: How many nodes and outputs read it.
        depth: How many operators wait below it.
    """

    __slots__ = ("attributes", "depth", "inputs", "kind", "operator", "shape", "tensor", "uses")

    def __init__(
        self,
        shape: Shape,
        kind: str = "float",
        tensor: Tensor | None = None,
        operator: str | None = None,
        inputs: tuple[Item | np.ndarray | None, ...] = (),
        attributes: Attributes | None = None,
    ) -> None:
        self.shape = shape
        self.kind = kind
        self.tensor = tensor
        self.operator = operator
        self.inputs = inputs
        self.attributes = attributes or {}
        self.uses = 0
        self.depth: int = 0 if tensor is not None else 1 + max((item.depth for item in self.items), default=0)

    @property
    def items(self) -> list[Item]:
        """Those of the inputs that are no constants."""
        return [each for each in self.inputs if isinstance(each, Item)]


def ancestors(item: Item) -> list[Item]:
    """What an item is computed from, element by element, nearest first; not all where they are many."""
    found: dict[int, Item] = {}
    level = [item]
    while level and len(found) < MOST:
        level = [each for below in level if below.operator in ELEMENTWISE for each in below.items]
        level = [found.setdefault(id(each), each) for each in level[:MOST] if id(each) not in found]
    return list(found.values())[:MOST]


def between(item: Item, base: Item) -> tuple[list[float], set[str]]:
    """The numbers and the operators between an item and one that it is computed from."""
    seen: set[int] = {id(base)}
    numbers: set[float] = set()
    operators: set[str] = set()
    waiting = [item]
    while waiting and len(seen) < 4 * MOST:
        each = waiting.pop()
        if id(each) in seen or each.operator not in ELEMENTWISE:
            continue
        seen.add(id(each))
        operators.add(each.operator)
        waiting.extend(each.items)
        numbers.update(float(x.reshape(-1)[0]) for x in each.inputs if isinstance(x, np.ndarray) and x.size == 1)
        numbers.update(value for value in each.attributes.values() if isinstance(value, float))
    return sorted(numbers), operators


def evaluated(item: Item, base: Item, x: np.ndarray) -> np.ndarray | None:
    """An item as a function of one that it is computed from; `None` where it depends on anything else."""
    known: dict[int, np.ndarray | None] = {id(base): x}

    def value(each: Any) -> np.ndarray | None:
        if isinstance(each, np.ndarray):
            return each.reshape(()).astype(np.float64) if each.size == 1 else None
        if id(each) not in known and len(known) < 4 * MOST:
            known[id(each)] = None
            if each.operator in ELEMENTWISE:
                given = [None if part is None else value(part) for part in each.inputs]
                if not any(v is None and part is not None for v, part in zip(given, each.inputs, strict=True)):
                    same = each.operator == "Cast" and each.kind == "float"
                    computed = given[0] if same else ELEMENTWISE[each.operator](each.attributes, *given)
                    known[id(each)] = None if computed is None else np.asarray(computed) * 1.0
        return known.get(id(each))

    with np.errstate(all="ignore"):
        return value(item)


Input = Item | np.ndarray | None


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
