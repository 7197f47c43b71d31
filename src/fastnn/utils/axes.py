"""Where pictures are drawn."""

from __future__ import annotations

from typing import Any


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
