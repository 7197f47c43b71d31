"""Learning rates that fall: by powers, along polynomials, in stairs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.optimizers.schedules.schedule import LearningRateSchedule, positive, steps_of


class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps in which the rate falls by `decay_rate`; positive.
        decay_rate: The factor.
        staircase: Whether the rate falls at every `decay_steps`-th step only.
        name: Name of the schedule.

    Raises:
        ValueError: `decay_steps` is not positive.

    >>> print(ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)(np.array([0, 10, 20])))
    [0.5   0.25  0.125]
    """

    vectorized = True

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive(decay_steps, "decay_steps")
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        p = steps_of(step) / self.decay_steps
        if self.staircase:
            p = np.floor(p)
        return self.initial_learning_rate * np.power(float(self.decay_rate), p)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(LearningRateSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: How often the decay is applied; positive.
        decay_rate: How much it weighs.
        staircase: Whether the rate falls at every `decay_steps`-th step only.
        name: Name of the schedule.

    Raises:
        ValueError: `decay_steps` is not positive.

    >>> print(InverseTimeDecay(0.5, decay_steps=10, decay_rate=1.0)(np.array([0, 10, 30])))
    [0.5   0.25  0.125]
    """

    vectorized = True

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive(decay_steps, "decay_steps")
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        p = steps_of(step) / self.decay_steps
        if self.staircase:
            p = np.floor(p)
        return self.initial_learning_rate / (1.0 + self.decay_rate * p)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class PiecewiseConstantDecay(LearningRateSchedule):
    """One rate up to and including each boundary, and another after the last.

    Args:
        boundaries: The last step of each rate but the last, in rising order.
        values: The rates: one more than boundaries.
        name: Name of the schedule.

    Raises:
        ValueError: The lengths do not fit, or the boundaries do not rise.

    >>> print(PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])(np.array([0, 10, 11, 21])))
    [1.  1.  0.5 0.1]
    """

    vectorized = True

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "Argument `boundaries` must have one element less than `values`. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, values={values} of length {len(values)}"
            )
        if any(low >= high for low, high in itertools.pairwise(boundaries)):
            raise ValueError(f"Argument `boundaries` must rise. Received: boundaries={boundaries}")
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> Any:
        return np.asarray(self.values, np.float64)[np.searchsorted(np.asarray(self.boundaries), steps_of(step))]

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": list(self.boundaries), "values": list(self.values), "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """From `initial_learning_rate` down to `end_learning_rate`: their difference times `(1 - step/decay_steps)**power`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: The step at which the end is reached; positive.
        end_learning_rate: The rate at the end.
        power: Exponent of the curve: 1 for a straight line.
        cycle: Whether, past the end, the rate rises and falls again, in cycles that grow by `decay_steps`.
        name: Name of the schedule.

    Raises:
        ValueError: `decay_steps` is not positive.

    >>> print(PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.0)(np.array([0, 5, 10, 15])))
    [1.  0.5 0.  0. ]
    """

    vectorized = True

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive(decay_steps, "decay_steps")
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        step = steps_of(step)
        if self.cycle:
            length = self.decay_steps * np.maximum(np.ceil(step / self.decay_steps), 1.0)
        else:
            length = float(self.decay_steps)
            step = np.minimum(step, length)
        fall = self.initial_learning_rate - self.end_learning_rate
        return fall * np.power(1.0 - step / length, self.power) + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }
