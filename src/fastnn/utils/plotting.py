"""The graph of a model as a picture, drawn by matplotlib."""

from __future__ import annotations

from typing import Any

from fastnn.utils.axes import write_picture
from fastnn.utils.model_layout import Layout, boxes_of, laid_out

RANK_DIRECTIONS = ("TB", "BT", "LR", "RL")
INCHES = 0.13  # that a line of text is high
GAP = 0.35  # inches between two ranks
HEAD, BODY, EDGE, FRAME = "#1f3044", "#f4f6f9", "#5a6b7f", "#9aa7b5"
LEARNS, FROZEN = "#2e7d4f", "#b03a3a"


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draws the layers of a model and how they are connected. It needs matplotlib: the extra `plot`.

    Args:
        model: A built model. One whose `call` is code is a single box.
        to_file: The file, of any format that matplotlib writes (png, svg, pdf), which is written whole or not at all;
            `None` for none.
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show dtypes.
        show_layer_names: Whether to show the layers' names beside their classes.
        rankdir: Where the graph goes: `"TB"`, from top to bottom, `"BT"`, `"LR"` or `"RL"`.
        expand_nested: Whether to draw the layers of models within the model, in a frame.
        dpi: Dots per inch.
        show_layer_activations: Whether to show the layers' activations.
        show_trainable: Whether to show which layers learn.
        splines: Without effect.
        **kwargs: None are known.

    Returns:
        The `matplotlib.figure.Figure`, which a notebook shows.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: The model is not built, an argument is unknown, or the file is of no format that is known.
        OSError: The file cannot be written; it stays what it was.

    Example:

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)])
    >>> figure = plot_model(model, to_file=None, show_shapes=True)
    """
    if kwargs:
        raise ValueError(f"Unknown arguments for plot_model. Received: {kwargs}")
    if not getattr(model, "built", False):
        raise ValueError(
            "Argument `model` must be a built model: give its first layer an input shape, or call it on data. "
            f"Received: {model!r}"
        )
    if rankdir not in RANK_DIRECTIONS:
        raise ValueError(f"Argument `rankdir` must be one of {RANK_DIRECTIONS}. Received: rankdir={rankdir!r}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plot_model needs matplotlib: python -m pip install 'fastnn-cpu[plot]'") from error
    boxes = boxes_of(model, expand_nested)
    for box in boxes:
        box.lines = _lines(box.layer, show_shapes, show_dtype, show_layer_names, show_layer_activations)
        if show_trainable and box.layer.weights:
            box.lines.append("trainable" if box.layer.trainable else "not trainable")
        box.width = 0.25 + 0.62 * INCHES * max(map(len, box.lines))
        box.height = INCHES * (1.35 * len(box.lines) + 0.9)
    sideways = rankdir in ("LR", "RL")
    layout = laid_out(boxes, sideways, GAP)
    figure = Figure(figsize=(layout.width + 0.4, layout.height + 0.4), dpi=dpi)
    _draw(figure, layout, rankdir, show_trainable)
    if to_file is not None:
        write_picture(figure, to_file, dpi=dpi)
    return figure


def _lines(layer: Any, shapes: bool, dtype: bool, names: bool, activations: bool) -> list[str]:
    kind = layer.shown_class
    kind = "Functional" if kind == "Model" else kind  # as Keras calls them
    lines = [f"{layer.name} ({kind})" if names else kind]
    activation = getattr(layer, "activation", None)
    if activations and activation is not None:
        lines.append(f"activation: {getattr(activation, '__name__', None) or getattr(activation, 'name', activation)}")
    if shapes:
        if layer.input_shape is not None and kind != "InputLayer":
            lines.append(f"input: {_shape(layer.input_shape)}")
        lines.append(f"output: {_shape(layer.output_shape)}")
    if dtype:
        lines.append(f"dtype: {layer.dtype.name}")
    return lines


def _shape(shape: Any) -> str:
    if isinstance(shape, dict):
        return ", ".join(f"{name}: {part}" for name, part in shape.items())
    return "?" if shape is None else str(shape)


def _draw(figure: Any, layout: Layout, rankdir: str, show_trainable: bool) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-0.2, layout.width + 0.2)
    axes.set_ylim(layout.height + 0.2, -0.2)

    def turned(x: float, y: float) -> tuple[float, float]:
        """A point of the graph that goes down or right, where it goes."""
        return {"BT": (x, layout.height - y), "RL": (layout.width - x, y)}.get(rankdir, (x, y))

    for name, (left, top, right, bottom) in layout.frames.items():
        (x0, y0), (x1, y1) = turned(left, top), turned(right, bottom)
        corner = min(x0, x1), min(y0, y1)
        frame = Rectangle(
            corner, abs(x1 - x0), abs(y1 - y0), fill=False, edgecolor=FRAME, linestyle="--", linewidth=0.8
        )
        axes.add_patch(frame)
        inside = corner[0] + 0.05, corner[1] + 0.04
        axes.text(*inside, name, ha="left", va="top", fontsize=6, color=EDGE, parse_math=False)
    for points in layout.edges:
        path = [turned(*point) for point in points]
        axes.plot(*zip(*path[:-1], strict=True), color=EDGE, linewidth=0.9, solid_joinstyle="round", zorder=1)
        arrow = {"arrowstyle": "-|>", "color": EDGE, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", path[-1], path[-2], arrowprops=arrow)
    for box in layout.boxes:
        x, y = turned(box.x, box.y)
        corner = x - box.width / 2, y - box.height / 2
        style = "round,pad=0,rounding_size=0.06"
        head = HEAD
        if show_trainable and box.layer.weights:
            head = LEARNS if box.layer.trainable else FROZEN
        axes.add_patch(
            FancyBboxPatch(corner, box.width, box.height, boxstyle=style, facecolor=BODY, edgecolor=head, linewidth=1)
        )
        for at, line in enumerate(box.lines):
            weight = "bold" if at == 0 else "normal"
            below = corner[1] + INCHES * (1.0 + 1.35 * at)
            size = 8 if at == 0 else 7  # and a name with dollars is no formula
            axes.text(
                x, below, line, ha="center", va="center", fontsize=size, color=head, weight=weight, parse_math=False
            )
