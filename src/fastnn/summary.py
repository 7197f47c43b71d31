"""The table that `model.summary()` prints."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastnn.utils.html import html_table

LINE_LENGTH = 88
CONNECTED_LENGTH = 108  # with the column that says what layers are connected to
TRAINABLE_LENGTH = 12  # added for the column that says which layers learn
POSITIONS = (0.45, 0.80, 1.0)
CONNECTED_POSITIONS = (0.3, 0.56, 0.74, 1.0)


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints the layers of a model, their output shapes and their numbers of parameters.

    Args:
        model: The model, built or not.
        line_length: Width of the table in characters; by default 88, or 108 where layers do not follow one another, or
            what the terminal has room for.
        positions: Where the columns end, as shares of the width; by default `[0.45, 0.8, 1.0]`, or `[0.3, 0.56, 0.74,
            1.0]`.
        print_fn: Called once with the whole text; by default `print`.
        expand_nested: Whether to show the layers of nested models, below them.
        show_trainable: Whether to add a column that says which layers learn.
        layer_range: Names of the first and the last layer to show, or patterns of them.

    Raises:
        ValueError: The table does not fit the width, or `layer_range` matches no layers.
    """
    header = ["Layer (type)", "Output Shape", "Param #"]
    alignment = [str.ljust, str.ljust, str.rjust]
    connected = not _follows_one_another(model)
    if connected:
        header.append("Connected to")
        alignment.append(str.ljust)
    ends = list(positions or (CONNECTED_POSITIONS if connected else POSITIONS))
    length = CONNECTED_LENGTH if connected else LINE_LENGTH
    if show_trainable:
        header.append("Trainable")
        alignment.append(str.center)
        ends = [0.9 * end for end in ends] + [1.0]
        length += TRAINABLE_LENGTH
    if len(ends) != len(header):
        count = len(CONNECTED_POSITIONS if connected else POSITIONS)
        raise ValueError(f"Argument `positions` must hold {count} numbers. Received: positions={positions}")
    length = line_length or min(length, shutil.get_terminal_size().columns - 4)
    rows = [
        _fields(each, level, _connections(each, model) if connected else None, show_trainable)
        for layer in _in_range(model.layers, layer_range)
        for each, level in _with_nested(layer, 0, expand_nested)
    ]
    lines = [f'Model: "{model.name}"', *_table(header, rows, alignment, _widths(length, ends)), *_totals(model)]
    text = "\n".join(lines)
    if print_fn is None:
        print(text)
    else:
        print_fn(text + "\n")


def html_summary(model: Any) -> str:
    """The table of a model as notebooks show it: layers, shapes, parameters, and what it was compiled with.

    Args:
        model: The model, built or not.
    """
    header = ["Layer (type)", "Output Shape", "Param #"]
    connected = not _follows_one_another(model)
    rows = [_fields(layer, 0, _connections(layer, model) if connected else None, False) for layer in model.layers]
    notes = _totals(model)
    if model.compiled:
        notes.append(f"Compiled with {type(model.optimizer).__name__}, loss {_named(model.loss)}")
    return html_table(f"Model: {model.name}", header + ["Connected to"] * connected, rows, notes)


def _named(loss: Any) -> str:
    """What a loss is called: as it was given, where that was by name."""
    if isinstance(loss, dict):
        return ", ".join(f"{output}: {_named(part)}" for output, part in loss.items())
    if isinstance(loss, (list, tuple)):
        return ", ".join(map(_named, loss))
    return str(loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", loss))


def _follows_one_another(model: Any) -> bool:
    """Whether each layer of a model is called once, on what the one before it puts out."""
    graph = model._graph
    if graph is None:
        return True
    depths: dict[int, int] = {}
    inputs = [tensor.node for tensor in graph.inputs if tensor.node is not None]
    for node in [*reversed(graph.nodes), *inputs]:
        depth = depths.setdefault(id(node), 0)
        for parent in node.parents:
            if parent.node is not None:
                depths[id(parent.node)] = max(depth + 1, depths.get(id(parent.node), 0))
    called = [id(node.layer) for node in graph.nodes]
    several = any(len(node.parents) > 1 for node in graph.nodes)
    return not several and len(set(depths.values())) == len(depths) and len(set(called)) == len(called)


def _connections(layer: Any, model: Any) -> str:
    """What the calls of a layer read within a model: the layer, which of its calls, and which of its outputs."""
    found = []
    for node in model._graph.nodes:
        if node.layer is layer:
            for tensor in node.parents:
                before = tensor.node
                call = next((at for at, other in enumerate(before.layer._nodes) if other is before), 0)
                output = next(at for at, other in enumerate(before.outputs) if other is tensor)
                found.append(f"{before.layer.name}[{call}][{output}]")
    return ", ".join(found) or "-"


def _with_nested(layer: Any, level: int, expand_nested: bool) -> Iterator[tuple[Any, int]]:
    yield layer, level
    if expand_nested and hasattr(layer, "layers"):
        for inner in layer.layers:
            yield from _with_nested(inner, level + 1, expand_nested)


def _fields(layer: Any, level: int, connections: str | None, show_trainable: bool) -> list[str]:
    shape = layer.output_shape if layer.built else None
    kind = layer.shown_class
    prefix = "   " * level + "└ " if level else ""
    fields = [
        f"{prefix}{layer.name} ({'Functional' if kind == 'Model' else kind})",  # as Keras calls them
        "?" if shape is None else str(shape),
        f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
    ]
    if connections is not None:
        fields.append(connections)
    if show_trainable:
        fields.append("-" if not layer.weights else "Y" if layer.trainable else "N")
    return fields


def _totals(model: Any) -> list[str]:
    """The lines below the table; a model that is not built has no parameters yet."""
    groups = [
        ("Trainable", model.trainable_weights if model.built else []),
        ("Non-trainable", model.non_trainable_weights if model.built else []),
    ]
    if model.compiled and model.optimizer.built:
        groups.append(("Optimizer", model.optimizer.variables))
    counts = [(f"{kind} params", sum(v.size for v in some), sum(map(_bytes, some))) for kind, some in groups]
    total = ("Total params", sum(count for _, count, _ in counts), sum(size for _, _, size in counts))
    return [f" {label}: {count:,} ({_readable(size)})" for label, count, size in (total, *counts)]


def _bytes(variable: Any) -> int:
    """The bytes of a variable in Keras, which counts steps and holds learning rates in 32 bits."""
    return 4 if variable.ndim == 0 and variable.name in ("iteration", "learning_rate") else variable.value.nbytes


def _readable(size: float) -> str:
    """A number of bytes in the unit that keeps it below 1024."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _in_range(layers: Sequence[Any], layer_range: Sequence[str] | None) -> Sequence[Any]:
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"Argument `layer_range` must be two names of layers. Received: layer_range={layer_range}")
    matches = [[at for at, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range]
    if not all(matches):
        raise ValueError(
            f"Argument `layer_range` must match the names of layers, {[layer.name for layer in layers]}. "
            f"Received: layer_range={layer_range}"
        )
    first, last = matches
    if first[0] > last[-1]:
        first, last = last, first
    return layers[first[0] : last[-1] + 1]


def _widths(length: int, ends: Sequence[float]) -> list[int]:
    """Widths of the columns without padding, so that they and their borders fill the line.

    Columns end at the given shares of the line; what borders and padding need is then taken evenly from all.
    """
    stops = [0, *(int(end * length) for end in ends)]
    widths = [stop - start for start, stop in itertools.pairwise(stops)]
    if min(widths) < 4:
        raise ValueError(f"The table does not fit. Received: line_length={length}, positions={list(ends)}")
    excess = sum(widths) + 3 * len(widths) + 1 - length
    for at in range(len(widths)):
        share = round(excess / (len(widths) - at))
        widths[at] -= share
        excess -= share
    return [max(width, 1) for width in widths]


def _table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    alignment: Sequence[Callable[[str, int], str]],
    widths: Sequence[int],
) -> list[str]:
    def rule(left: str, line: str, cross: str, right: str) -> str:
        return left + cross.join(line * (width + 2) for width in widths) + right

    def cells(fields: Sequence[str], bar: str, at_bottom: bool = False) -> list[str]:
        wrapped = [_wrap(field, width) for field, width in zip(fields, widths, strict=True)]
        height = max(map(len, wrapped))
        blank = [[""] * (height - len(column)) for column in wrapped]
        columns = [b + column if at_bottom else column + b for column, b in zip(wrapped, blank, strict=True)]
        return [
            f"{bar} "
            + f" {bar} ".join(align(text, width) for align, text, width in zip(alignment, line, widths, strict=True))
            + f" {bar}"
            for line in zip(*columns, strict=True)
        ]

    lines = [rule("┏", "━", "┳", "┓"), *cells(header, "┃", at_bottom=True), rule("┡", "━", "╇", "┩")]
    for row in rows:
        lines += [*cells(row, "│"), rule("├", "─", "┼", "┤")]
    last = rule("└", "─", "┴", "┘")
    return [*lines[:-1], last] if rows else [*lines, last]


def _wrap(text: str, width: int) -> list[str]:
    """Breaks a text between words, and cuts words that are longer than a line."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]
