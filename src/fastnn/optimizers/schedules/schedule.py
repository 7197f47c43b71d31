"""What a schedule is."""

from __future__ import annotations

from typing import Any

import numpy as np


class LearningRateSchedule:
    """Base class of schedules. A subclass defines `__call__(step)`.

    The schedules here take arrays of steps as well as single ones, and compute in float64. One of your own is asked
    step by step, unless it sets `vectorized = True`.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5**step
    >>> Halving()(1)
    0.05
    """

    vectorized = False

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of a step; steps count from 0."""
        raise NotImplementedError(f"{type(self).__name__} must implement `__call__(self, step)`.")

    def at(self, steps: np.ndarray) -> np.ndarray:
        """Returns the learning rates of an array of steps, in float64."""
        if self.vectorized:
            return np.asarray(self(steps), np.float64)
        return np.array([float(self(int(step))) for step in steps], np.float64)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal schedule."""
        raise NotImplementedError(f"{type(self).__name__} must implement `get_config()` to be serialized.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Makes a schedule from what `get_config` returned."""
        return cls(**config)


def steps_of(step: Any) -> np.ndarray:
    """Returns steps in float64."""
    return np.asarray(step, np.float64)


def positive(value: float, name: str) -> float:
    """Returns a positive argument; raises `ValueError` for others."""
    if not value > 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value!r}")
    return value
