"""Lion: steps by signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.optimizer import Optimizer


class Lion(Optimizer):
    """Steps of one size in every direction: along the sign of a running mean of the gradient.

    `w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)` and `m = beta_2 * m + (1 - beta_2) * g` (Chen et al.,
    2023). Learning rates are three to ten times smaller than those of Adam.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        beta_1: How much the mean counts beside the gradient, in the direction of a step; above 0.
        beta_2: How much of the mean is kept at each step.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: `beta_1` is out of range, and as for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Lion(learning_rate=0.1).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.9]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        self.kernel = "lion"
        self.slot_names = ("momentum",)
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Argument `beta_1` must be above 0 and at most 1. Received: beta_1={beta_1!r}")

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        return rates, self.beta_1, self.beta_2

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }
