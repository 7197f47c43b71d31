"""Learning rates that follow the step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._registry import Registry


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


def _steps(step: Any) -> np.ndarray:
    return np.asarray(step, np.float64)


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value!r}")
    return value


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
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        p = _steps(step) / self.decay_steps
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
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        p = _steps(step) / self.decay_steps
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
        return np.asarray(self.values, np.float64)[np.searchsorted(np.asarray(self.boundaries), _steps(step))]

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
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        step = _steps(step)
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


class CosineDecay(LearningRateSchedule):
    """A straight rise to `warmup_target`, if given, then half a cosine down to `alpha` times the rate it fell from.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps of the fall; positive.
        alpha: What is left at the end, as a fraction of the rate at its start.
        name: Name of the schedule.
        warmup_target: The rate that the rise ends at; `None` for no rise.
        warmup_steps: Steps of the rise.

    Raises:
        ValueError: `decay_steps` is not positive, or `warmup_steps` is negative.

    >>> print(CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4)(np.array([0, 2, 4, 9, 14])).round(3))
    [0.  0.5 1.  0.5 0. ]
    """

    vectorized = True

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        if warmup_steps < 0:
            raise ValueError(f"Argument `warmup_steps` must be >= 0. Received: warmup_steps={warmup_steps!r}")
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        step = _steps(step)
        if self.warmup_target is None:
            return self._fall(step, self.initial_learning_rate)
        rise = self.warmup_target - self.initial_learning_rate
        # Without a rise no step is before its end, and the divisor does not matter.
        rising = self.initial_learning_rate + rise * (step / (self.warmup_steps or 1))
        falling = self._fall(step - self.warmup_steps, self.warmup_target)
        return np.where(step < self.warmup_steps, rising, falling)[()]

    def _fall(self, step: np.ndarray, start: float) -> Any:
        cosine = 0.5 * (1.0 + np.cos(math.pi * np.minimum(step / self.decay_steps, 1.0)))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine down, again and again, in periods that grow by a factor and from rates that shrink by another.

    Args:
        initial_learning_rate: The rate at step 0.
        first_decay_steps: Steps of the first period; positive.
        t_mul: Factor from a period to the next; at least 1.
        m_mul: Factor from the rate at the start of a period to that of the next.
        alpha: What is left at the end of a period, as a fraction of `initial_learning_rate`.
        name: Name of the schedule.

    Raises:
        ValueError: `first_decay_steps` is not positive.

    >>> print(CosineDecayRestarts(1.0, 10, t_mul=1.0)(np.array([0, 5, 10, 15])).round(3))
    [1.  0.5 1.  0.5]
    """

    vectorized = True

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive(first_decay_steps, "first_decay_steps")
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        done = _steps(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            restart = np.floor(done)
            done = done - restart
        else:
            restart = np.floor(np.log(1.0 - done * (1.0 - self.t_mul)) / math.log(self.t_mul))
            length = np.power(float(self.t_mul), restart)
            done = (done - (1.0 - length) / (1.0 - self.t_mul)) / length
        cosine = 0.5 * np.power(float(self.m_mul), restart) * (1.0 + np.cos(math.pi * done))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


_registry = Registry(
    "learning rate schedule",
    "fastnn.optimizers.schedules",
    (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        LearningRateSchedule,
        PiecewiseConstantDecay,
        PolynomialDecay,
    ),
)


def serialize(learning_rate_schedule: Any) -> Any:
    """Returns the configuration from which `deserialize` makes the schedule again."""
    return _registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the schedule that `serialize` described.

    Args:
        config: A configuration.
        custom_objects: Further names, with what they stand for.
    """
    return _registry.deserialize(config, custom_objects)
