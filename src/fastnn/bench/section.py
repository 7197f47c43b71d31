"""One part of the suite, as the command sees it: what it measures, how that is shown, what each figure means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .session import Session


@dataclass(frozen=True)
class Section:
    """A part of the suite.

    Args:
        name: On the command line, and in results.
        title: Above its tables.
        measure: Measures; what it returns goes into the result, and so must be what JSON can hold.
        lines: Lines of text that show what `measure` returned.
        meanings: Figures' names, and what each means in a sentence.
    """

    name: str
    title: str
    measure: Callable[[Session], Any]
    lines: Callable[[Any], list[str]]
    meanings: tuple[tuple[str, str], ...]
