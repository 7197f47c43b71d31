"""What a compiled program is told of an optimizer, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np


class KnownScalars:
    """The scalars of an optimizer's coming steps, many computed at once: they hold until the optimizer is changed.

    Args:
        optimizer: The optimizer.
        trusted: Whether nobody changes it. Else its `scalars_stamp` is compared each time.
    """

    MOST = 1024  # steps, unless more are asked for

    def __init__(self, optimizer: Any, trusted: bool = False) -> None:
        self.optimizer = optimizer
        self.trusted = trusted
        self.stamp: Any = None
        self.first = self.end = 0
        self.tables: list[np.ndarray] = []

    def of(self, first: int, steps: int) -> tuple[list[np.ndarray], int]:
        """Tables as `optimizer.tables` returns them, with `steps` steps from number `first` on; and how many rows of
        them are those of steps before."""
        stamp = None if self.trusted else self.optimizer.scalars_stamp
        holds = stamp == self.stamp
        if not (holds and self.first <= first <= first + steps <= self.end):
            # Four times as many as last time, if those were of use.
            ahead = min(4 * (self.end - self.first), self.MOST) if holds else 0
            self.first, self.end, self.stamp = first, first + max(steps, ahead), stamp
            self.tables = self.optimizer.tables(np.arange(self.first, self.end))
        return self.tables, first - self.first
