"""What optimizers are given, checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def number(name: str, value: Any, most: float = math.inf) -> float:
    """An argument that must be a number from 0 to `most`.

    Raises:
        ValueError: It is none.

    >>> number("beta_1", 0.9, most=1)
    0.9
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float, np.integer, np.floating))
        or not 0 <= value <= most
        or value == math.inf
    ):
        limits = "of at least 0" if most == math.inf else f"from 0 to {most}"
        raise ValueError(f"Argument `{name}` must be a number {limits}. Received: {name}={value!r}")
    return float(value)


def limit(name: str, value: Any) -> float | None:
    """An argument that must be a positive number, or `None`.

    Raises:
        ValueError: It is neither.

    >>> limit("clipnorm", 1)
    1.0
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not value > 0:
        raise ValueError(f"Argument `{name}` must be a positive number, or None. Received: {name}={value!r}")
    return float(value)
