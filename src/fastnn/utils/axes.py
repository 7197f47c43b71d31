"""Where pictures are drawn, and how they are written."""

from __future__ import annotations

import os
from typing import Any

from fastnn.files import replacing


def axes_or_new(ax: Any, size: tuple[float, float]) -> Any:
    """The axes given, or those of a new figure of matplotlib's.

    Args:
        ax: Axes, or `None`.
        size: Width and height of a new figure, in inches.

    Raises:
        ImportError: matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib. Install the extra: python -m pip install 'fastnn-cpu[plot]'"
        ) from error
    return pyplot.figure(figsize=size, layout="constrained").add_subplot()


def shown_as_result(figure: Any) -> None:
    """Has a notebook show a figure once, as the result of a cell, and not again with all that were drawn there."""
    from matplotlib import pyplot

    if "inline" in pyplot.get_backend():
        pyplot.close(figure)


def picture_format(path: Any) -> str:
    """The format that the name of a picture asks for; PNG where it says none.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: It is none that matplotlib writes.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    ending = os.path.splitext(os.fspath(path))[1][1:].lower() or "png"
    if ending not in known:
        raise ValueError(
            f"A picture's name must end in {', '.join(f'.{each}' for each in known)}. Received: {os.fspath(path)!r}"
        )
    return ending


def write_picture(figure: Any, path: Any, **options: Any) -> None:
    """Writes a figure of matplotlib's to a file, whole or not at all, in the format that its name asks for."""
    ending = picture_format(path)
    with replacing(path) as file:
        figure.savefig(file, format=ending, **options)
