"""AdamW that needs no schedule."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.means import weight_of_mean
from fastnn.optimizers.optimizer import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """AdamW without a schedule: gradients are taken between a fast sequence z and its running mean x.

    The weights are `w = (1 - beta_1) * z + beta_1 * x`. With v as in `Adam`, at step t:
    `z -= learning_rate * g / (sqrt(v / (1 - beta_2**t)) + epsilon)` and `x += (z - x) / t` (Defazio et al., 2024).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        beta_1: How near the weights are to the mean x.
        beta_2: How much of the mean of its square is kept at each step.
        epsilon: Keeps the division from being one by zero.
        warmup_steps: Steps in which the learning rate rises from zero in a straight line.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: As for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> ScheduleFreeAdamW(learning_rate=0.1).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.9]
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **kwargs,
        )
        self.beta_1 = number("beta_1", beta_1, most=1)
        self.beta_2 = number("beta_2", beta_2, most=1)
        self.epsilon = number("epsilon", epsilon)
        self.warmup_steps = warmup_steps
        self.kernel = "schedule_free_adamw"
        self.slot_names = ("momentum", "velocity")

    def _first_value(self, slot: str) -> Any:
        return None if slot == "momentum" else "zeros"

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        t = iterations + 1.0
        if self.warmup_steps > 0:
            rates = rates * np.minimum(t / self.warmup_steps, 1.0)
        correction = 1.0 / weight_of_mean(self.beta_2, t)
        return rates, self.beta_1, 1.0 - self.beta_2, correction, self.epsilon, 1.0 / t

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
