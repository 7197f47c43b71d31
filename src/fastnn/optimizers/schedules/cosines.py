"""Learning rates along cosines: once, again and again, up and down."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.optimizers.schedules.schedule import LearningRateSchedule, positive, steps_of


class CosineDecay(LearningRateSchedule):
    """A straight rise to `warmup_target`, if given, then half a cosine down to `alpha` times the rate it fell from.

    (Loshchilov and Hutter 2016, "SGDR: Stochastic Gradient Descent with Warm Restarts".)

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
        self.decay_steps = positive(decay_steps, "decay_steps")
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        step = steps_of(step)
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

    (Loshchilov and Hutter 2016, "SGDR: Stochastic Gradient Descent with Warm Restarts".)

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
        self.first_decay_steps = positive(first_decay_steps, "first_decay_steps")
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        done = steps_of(step) / self.first_decay_steps
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


class OneCycle(LearningRateSchedule):
    """A rise to `max_learning_rate`, then a fall to almost nothing, both along half a cosine (Smith and Topin, 2018).

    Keras has no such schedule; the numbers are those of PyTorch's `OneCycleLR` with two phases.

    Args:
        max_learning_rate: The rate at the top.
        total_steps: Steps of the rise and the fall together, at least 2.
        warmup_fraction: Which part of them is the rise.
        initial_divisor: The rate at step 0 is `max_learning_rate` divided by this.
        final_divisor: The rate at the end is that at step 0 divided by this.
        curve: `"cosine"`, or `"linear"` for straight lines.
        name: Name of the schedule.

    Raises:
        ValueError: An argument is out of range.

    >>> print(OneCycle(1.0, total_steps=11, warmup_fraction=0.5)(np.array([0, 2, 4.5, 10, 99])).round(3))
    [0.04  0.437 1.    0.    0.   ]
    """

    vectorized = True

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        warmup_fraction: float = 0.3,
        initial_divisor: float = 25.0,
        final_divisor: float = 1e4,
        curve: str = "cosine",
        name: str = "OneCycle",
    ) -> None:
        if not total_steps >= 2:
            raise ValueError(f"Argument `total_steps` must be at least 2. Received: total_steps={total_steps!r}")
        if not 0 <= warmup_fraction <= 1:
            raise ValueError(
                f"Argument `warmup_fraction` must be from 0 to 1. Received: warmup_fraction={warmup_fraction!r}"
            )
        if curve not in ("cosine", "linear"):
            raise ValueError(f"Argument `curve` must be 'cosine' or 'linear'. Received: curve={curve!r}")
        self.max_learning_rate = max_learning_rate
        self.total_steps = total_steps
        self.warmup_fraction = warmup_fraction
        self.initial_divisor = positive(initial_divisor, "initial_divisor")
        self.final_divisor = positive(final_divisor, "final_divisor")
        self.curve = curve
        self.name = name

    def __call__(self, step: Any) -> Any:
        step = np.minimum(steps_of(step), self.total_steps - 1)
        top = max(0.0, self.warmup_fraction * self.total_steps - 1)
        first = self.max_learning_rate / self.initial_divisor
        rising = self._between(first, self.max_learning_rate, step / top if top > 0 else 1.0)
        fall = self.total_steps - 1 - top
        falling = self._between(
            self.max_learning_rate, first / self.final_divisor, (step - top) / fall if fall > 0 else 1.0
        )
        return np.where(step <= top, rising, falling)[()]

    def _between(self, start: float, end: float, share: Any) -> Any:
        share = np.clip(share, 0.0, 1.0)
        return start + (end - start) * (share if self.curve == "linear" else 0.5 * (1.0 - np.cos(math.pi * share)))

    def get_config(self) -> dict[str, Any]:
        return {
            "max_learning_rate": self.max_learning_rate,
            "total_steps": self.total_steps,
            "warmup_fraction": self.warmup_fraction,
            "initial_divisor": self.initial_divisor,
            "final_divisor": self.final_divisor,
            "curve": self.curve,
            "name": self.name,
        }


class CosLog(LearningRateSchedule):
    """Cycles of a cosine over the logarithm of the steps, from zero to zero: each takes twice as long as that before.

    `learning_rate * (1 - cos(2 * pi * log2(1 + (2**cycles - 1) * step / total_steps))) / 2`, the "coslog" schedule of
    RealMLP (Holzmueller et al., 2024), there with four cycles; of use for a weight decay too.

    Args:
        learning_rate: The rate at the top of each cycle.
        total_steps: Steps of all cycles together; positive.
        cycles: Their number; positive.
        name: Name of the schedule.

    Raises:
        ValueError: `total_steps` or `cycles` is not positive.

    >>> print(CosLog(1.0, total_steps=3, cycles=2)(np.array([0, 0.4142, 1, 1.8284, 3, 9])).round(3))
    [0. 1. 0. 1. 0. 0.]
    """

    vectorized = True

    def __init__(self, learning_rate: float, total_steps: float, cycles: float = 4, name: str = "CosLog") -> None:
        self.learning_rate = learning_rate
        self.total_steps = positive(total_steps, "total_steps")
        self.cycles = positive(cycles, "cycles")
        self.name = name

    def __call__(self, step: Any) -> Any:
        share = np.minimum(steps_of(step) / self.total_steps, 1.0)
        turns = np.log2(1.0 + (2.0**self.cycles - 1.0) * share)
        return self.learning_rate * 0.5 * (1.0 - np.cos(2.0 * math.pi * turns))

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "cycles": self.cycles,
            "name": self.name,
        }
