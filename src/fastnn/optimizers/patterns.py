"""Regular expressions that are looked for in the paths of weights. They come from files, too, and must be soon done."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

try:
    from re import _parser  # type: ignore[attr-defined]
except ImportError:  # Python 3.10
    import sre_parse as _parser

MOST_STEPS = 4e6  # of looking for one in a path
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def checked(patterns: Iterable[Any], argument: str) -> list[str]:
    """The patterns, if all are such as may be looked for.

    Args:
        patterns: Regular expressions.
        argument: The name of the argument that they are, for the error.

    Raises:
        ValueError: One is no regular expression; or has a repeat or a choice within a repeat, a reference or a look
            around: it might take forever.

    >>> checked(["bias", "^block_[0-9]+/.*(kernel|gamma)$"], "variables")
    ['bias', '^block_[0-9]+/.*(kernel|gamma)$']
    """
    patterns = list(patterns)
    for pattern in patterns:
        if not isinstance(pattern, str) or _cost(pattern) is None:
            raise ValueError(
                f"Argument `{argument}` must hold regular expressions, without repeats or choices in repeats, "
                f"references and looks around. Received: {pattern!r}"
            )
    return patterns


def found(pattern: str, path: str) -> bool:
    """Whether a pattern that was checked is found in a path.

    Raises:
        ValueError: It might take forever.
    """
    repeats, choices = _cost(pattern) or (0, 1.0)
    if repeats and choices * float(len(path)) ** (repeats + 1) > MOST_STEPS:
        raise ValueError(
            f"A regular expression must have fewer repeats, to be looked for in the path {path[:80]!r}. "
            f"Received: {pattern!r}"
        )
    return re.search(pattern, path) is not None


@functools.lru_cache(1024)
def _cost(pattern: str) -> tuple[int, float] | None:
    """How many repeats there are, and how many choices in all; `None` for what might take forever."""
    try:
        re.compile(pattern)
        return _counted(_parser.parse(pattern), within=False)
    except (re.error, OverflowError, RecursionError, _Refused):
        return None


class _Refused(Exception):
    pass


def _counted(parsed: Any, within: bool) -> tuple[int, float]:
    repeats, choices = 0, 1.0
    for kind, what in parsed:
        parts: list[Any] = []
        name = str(kind)
        if name in _REPEATS:
            _, most, part = what
            parts = [part]
            repeats, choices = repeats + (most != 1), choices * (2 if most == 1 else 1)
        elif name == "BRANCH":
            parts = what[1]
            choices *= len(parts)
        elif name == "SUBPATTERN":
            parts = [what[3]]
        elif "GROUP" in name or "ASSERT" in name:
            raise _Refused
        if within and name in (*_REPEATS, "BRANCH"):
            raise _Refused
        for part in parts:
            more, times = _counted(part, within or (name in _REPEATS and what[1] != 1))
            repeats, choices = repeats + more, choices * times
    return repeats, choices
