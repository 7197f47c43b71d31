"""Figures out of repeated measurements: medians, whether rounds agree, and how they are written."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

UNSTEADY = 1.5  # times the least round, the greatest


def significant(value: float) -> float:
    """Four figures: more would be noise.

    Example:

    >>> significant(1234.567)
    1235.0
    """
    return float(f"{value:.4g}")


def median(values: Sequence[float]) -> float:
    """The median, in four figures."""
    return significant(statistics.median(values))


def of_rounds(name: str, values: Sequence[float]) -> dict[str, Any]:
    """The median under this name, and what each round found.

    Example:

    >>> of_rounds("us", [3.0, 1.0, 2.0])
    {'us': 2.0, 'us_of_rounds': [3.0, 1.0, 2.0]}
    """
    return {name: median(values), f"{name}_of_rounds": [significant(value) for value in values]}


def steady(found: dict[str, Any], name: str) -> bool:
    """Whether the rounds agree well enough for one figure to stand for them.

    Example:

    >>> steady(of_rounds("us", [1.0, 1.2]), "us"), steady(of_rounds("us", [1.0, 1.6]), "us")
    (True, False)
    """
    rounds = found[f"{name}_of_rounds"]
    return max(rounds) <= UNSTEADY * min(rounds)


def short(value: float) -> str:
    """Three figures; whole numbers with thousands set apart from 100 up.

    Example:

    >>> short(1.2345), short(12345.0)
    ('1.23', '12,300')
    """
    return f"{round(value, 2 - math.floor(math.log10(value))):,.0f}" if value >= 100 else f"{value:.3g}"


def figure(found: dict[str, Any], name: str) -> str:
    """The median; from the least round to the greatest where they disagree.

    Example:

    >>> figure(of_rounds("us", [1.0, 1.1, 1.2]), "us"), figure(of_rounds("us", [1.0, 150.0]), "us")
    ('1.1', '1 – 150')
    """
    if steady(found, name):
        return short(found[name])
    rounds = found[f"{name}_of_rounds"]
    return f"{short(min(rounds))} – {short(max(rounds))}"


def ratio(found: dict[str, Any], own: dict[str, Any], name: str) -> float | None:
    """How many times as much as `own` this is; None where the rounds of either disagree.

    Example:

    >>> ratio(of_rounds("us", [3.0]), of_rounds("us", [2.0]), "us")
    1.5
    """
    if not (steady(found, name) and steady(own, name)):
        return None
    return significant(found[name] / own[name])


def times(value: float | None) -> str:
    """Two figures and no powers of ten; a dash for what is not to be compared.

    Example:

    >>> times(1.234), times(123.4), times(None)
    ('1.2', '123', '–')
    """
    return "–" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, the first cell of each to the left and the others to the right.

    Example:

    >>> columns([("", "us"), ("NumPy", "1.5")])
    ['        us', 'NumPy  1.5']
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]
