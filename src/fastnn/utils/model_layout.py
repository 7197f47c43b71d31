"""Where the layers of a model stand in a picture: in ranks, by their longest way from an input."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

SWEEPS = 8  # over the ranks, to bring boxes near to what they are connected with
SIDE = 0.25  # inches between two boxes of a rank
FRAME = 0.14  # and around the layers of a nested model


@dataclass(eq=False)
class Box:
    """A layer in the picture, or, without one, where an edge passes a rank.

    Attributes:
        layer: The layer.
        parents: The boxes whose output it reads.
        frame: Names of the nested models that it is in, the outermost first.
        lines: What is written in it.
        width, height: Its size, in inches.
        x, y: Its middle.
        rank: How many boxes come before it, at most.
    """

    layer: Any
    parents: list[Box] = field(default_factory=list)
    frame: tuple[str, ...] = ()
    lines: list[str] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0
    rank: int = 0


@dataclass
class Layout:
    """A picture: boxes with their places, edges as lists of points, frames of nested models, and its size in inches."""

    boxes: list[Box]
    edges: list[list[tuple[float, float]]]
    frames: dict[str, tuple[float, float, float, float]]
    width: float
    height: float


def boxes_of(model: Any, expand_nested: bool) -> list[Box]:
    """The boxes of a model, each after its parents; a shared layer has one."""
    if model._graph is None:
        return [Box(model)]
    made: dict[int, Box] = {}
    _add(model, [None] * len(model.inputs), made, (), expand_nested)
    return list(made.values())


def _add(
    model: Any, given: list[Box | None], made: dict[int, Box], frame: tuple[str, ...], expand_nested: bool
) -> list[Box | None]:
    """Adds the layers of a model whose inputs come from `given`; returns where its outputs come from."""
    graph = model._graph
    sources: dict[int, Box | None] = {}
    for tensor, source in zip(graph.inputs, given, strict=True):
        if tensor.node is None:
            sources[id(tensor)] = source
            continue
        box = made.setdefault(id(tensor.node.layer), Box(tensor.node.layer, frame=frame))
        _connect(box, source)
        sources[id(tensor)] = box
    for node in graph.nodes:
        parents = [sources[id(tensor)] for tensor in node.parents]
        if expand_nested and getattr(node.layer, "_graph", None) is not None:
            inner = _add(node.layer, parents, made, (*frame, node.layer.name), expand_nested)
        else:
            box = made.setdefault(id(node.layer), Box(node.layer, frame=frame))
            for parent in parents:
                _connect(box, parent)
            inner = [box] * len(node.outputs)
        sources.update((id(tensor), source) for tensor, source in zip(node.outputs, inner, strict=True))
    return [sources[id(tensor)] for tensor in graph.outputs]


def _connect(box: Box, parent: Box | None) -> None:
    if parent is not None and parent is not box and parent not in box.parents and not _reaches(box, parent):
        box.parents.append(parent)


def _reaches(first: Box, last: Box) -> bool:
    """Whether `first` is among the ancestors of `last`: a shared layer may feed itself, by way of others."""
    seen, waiting = {id(last)}, [last]
    while waiting:
        box = waiting.pop()
        if box is first:
            return True
        for parent in box.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)
    return False


def laid_out(boxes: list[Box], sideways: bool, gap: float) -> Layout:
    """Gives every box its place.

    Args:
        boxes: Boxes with their lines and sizes.
        sideways: Whether ranks go from left to right, not from top to bottom.
        gap: Inches between two ranks.
    """
    order = _in_order(boxes)
    for box in order:
        box.rank = 1 + max((parent.rank for parent in box.parents), default=-1)
    children: dict[int, list[Box]] = {}
    for box in order:
        for parent in box.parents:
            children.setdefault(id(parent), []).append(box)
    for box in order:  # an input stands just before what reads it
        if not box.parents and id(box) in children:
            box.rank = min(child.rank for child in children[id(box)]) - 1
    if sideways:
        for box in boxes:
            box.width, box.height = box.height, box.width
    chains = [_chain(parent, box) for box in order for parent in box.parents]
    ranks: list[list[Box]] = [[] for _ in range(1 + max(box.rank for box in boxes))]
    for box in (*order, *(passing for chain in chains for passing in chain[1:-1])):
        ranks[box.rank].append(box)
    _sort(ranks, chains)
    top = 0.0
    frames = max(len(box.frame) for box in boxes)
    gap += 2 * FRAME * frames
    for rank in ranks:
        height = max((box.height for box in rank), default=0.0)
        for box in rank:
            box.y = top + height / 2
            if box.layer is None:  # an edge passes beside the others, all the way
                box.height = height
        top += height + gap
    _spread(ranks, chains)
    edges = [_points(chain) for chain in chains]
    if sideways:
        for box in boxes:
            box.x, box.y, box.width, box.height = box.y, box.x, box.height, box.width
        edges = [[(y, x) for x, y in points] for points in edges]
    return _within(boxes, edges)


def _in_order(boxes: list[Box]) -> list[Box]:
    """Each box after its parents."""
    done: set[int] = set()
    order: list[Box] = []
    for box in boxes:
        stack = [(box, False)]
        while stack:
            at, leaving = stack.pop()
            if leaving:
                order.append(at)
            elif id(at) not in done:
                done.add(id(at))
                stack.append((at, True))
                stack.extend((parent, False) for parent in reversed(at.parents))
    return order


def _chain(first: Box, last: Box) -> list[Box]:
    """An edge, with a place in every rank between its ends."""
    return [first, *(Box(None, width=0.05, rank=rank) for rank in range(first.rank + 1, last.rank)), last]


def _neighbours(chains: list[list[Box]]) -> dict[int, list[Box]]:
    found: dict[int, list[Box]] = {}
    for chain in chains:
        for a, b in itertools.pairwise(chain):
            found.setdefault(id(a), []).append(b)
            found.setdefault(id(b), []).append(a)
    return found


def _sort(ranks: list[list[Box]], chains: list[list[Box]]) -> None:
    """Orders every rank by the mean place of neighbours, so that few edges cross."""
    near = _neighbours(chains)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for number in range(len(ranks)) if down else reversed(range(len(ranks))):
            place = {id(box): at for rank in ranks for at, box in enumerate(rank)}
            wanted = {}
            for box in ranks[number]:
                beyond = [n for n in near.get(id(box), ()) if (n.rank < number if down else n.rank > number)]
                wanted[id(box)] = sum(place[id(n)] for n in beyond) / len(beyond) if beyond else place[id(box)]
            ranks[number].sort(key=lambda box: wanted[id(box)])


def _spread(ranks: list[list[Box]], chains: list[list[Box]]) -> None:
    """Sets boxes side by side, each as near to the middle of its neighbours as the others let it."""
    near = _neighbours(chains)
    for rank in ranks:
        left = 0.0
        for box in rank:
            box.x = left + box.width / 2
            left += box.width + SIDE
        for box in rank:
            box.x -= (left - SIDE) / 2
    for sweep in range(2 * SWEEPS):
        for rank in ranks if sweep % 2 == 0 else reversed(ranks):
            for box in rank:
                beside = near.get(id(box))
                if beside:
                    box.x = sum(n.x for n in beside) / len(beside)
            _part(rank)


def _part(rank: list[Box]) -> None:
    """Moves boxes that overlap apart, evenly to both sides."""
    if not rank:
        return
    middle = sum(box.x for box in rank) / len(rank)
    for a, b in itertools.pairwise(rank):
        b.x = max(b.x, a.x + (a.width + b.width) / 2 + SIDE)
    shift = sum(box.x for box in rank) / len(rank) - middle
    for box in rank:
        box.x -= shift


def _points(chain: list[Box]) -> list[tuple[float, float]]:
    first, *passing, last = chain
    beside = [(box.x, box.y + side * box.height / 2) for box in passing for side in (-1, 1)]
    return [(first.x, first.y + first.height / 2), *beside, (last.x, last.y - last.height / 2)]


def _within(boxes: list[Box], edges: list[list[tuple[float, float]]]) -> Layout:
    """Moves all so that the picture begins at (0, 0), and frames what belongs to nested models."""
    frames: dict[str, tuple[float, float, float, float]] = {}
    depth = max(len(box.frame) for box in boxes)
    for box in boxes:
        for level, name in enumerate(box.frame):
            room = FRAME * (depth - level)
            left, top, right, bottom = frames.get(name, (box.x, box.y, box.x, box.y))
            frames[name] = (
                min(left, box.x - box.width / 2 - room),
                min(top, box.y - box.height / 2 - room),
                max(right, box.x + box.width / 2 + room),
                max(bottom, box.y + box.height / 2 + room),
            )
    corners = [(box.x - box.width / 2, box.y - box.height / 2) for box in boxes]
    corners += [(box.x + box.width / 2, box.y + box.height / 2) for box in boxes]
    corners += [point for points in edges for point in points]
    corners += [corner for frame in frames.values() for corner in (frame[:2], frame[2:])]
    left, top = min(x for x, _ in corners), min(y for _, y in corners)
    for box in boxes:
        box.x, box.y = box.x - left, box.y - top
    return Layout(
        boxes,
        [[(x - left, y - top) for x, y in points] for points in edges],
        {name: (a - left, b - top, c - left, d - top) for name, (a, b, c, d) in frames.items()},
        max(x for x, _ in corners) - left,
        max(y for _, y in corners) - top,
    )
