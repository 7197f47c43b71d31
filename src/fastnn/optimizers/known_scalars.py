"""What a compiled program is told of an optimizer, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np


class KnownScalars:
    """The scalars of an optimizer's coming steps, many computed at once: for as long as nobody changes the optimizer.

    Args:
        optimizer: The optimizer.
        steps: How many steps are to come.
    """

    MOST = 1024  # steps, unless more are asked for

    def __init__(self, optimizer: Any, steps: int) -> None:
        self.optimizer = optimizer
        self.most = min(steps, self.MOST)
        self.first = self.end = 0
        self.tables: list[np.ndarray] = []

    def of(self, first: int, steps: int) -> list[np.ndarray]:
        """What `optimizer.tables` returns for `steps` steps from number `first` on."""
        if not self.first <= first <= first + steps <= self.end:
            self.first, self.end = first, first + max(steps, self.most)
            self.tables = self.optimizer.tables(np.arange(self.first, self.end))
        at = first - self.first
        return [table[at : at + steps] for table in self.tables]
