"""Adamax: Adam by the largest gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.means import weight_of_mean
from fastnn.optimizers.optimizer import Optimizer


class Adamax(Optimizer):
    """Adam in units of the largest gradient of late, in place of the root of a mean of squares.

    `m += (g - m) * (1 - beta_1)`, `u = max(beta_2 * u, |g|)` and, at step t,
    `w -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)` (Kingma and Ba, 2014).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        beta_1: How much of the mean of the gradient is kept at each step.
        beta_2: How much of the largest gradient is kept at each step.
        epsilon: Keeps the division from being one by zero.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: As for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Adamax(learning_rate=0.1).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.9]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
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
        self.kernel = "adamax"
        self.slot_names = ("momentum", "norm")

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        alpha = rates / weight_of_mean(self.beta_1, iterations + 1.0)
        return alpha, 1.0 - self.beta_1, self.beta_2, self.epsilon

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
