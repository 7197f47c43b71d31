"""Adadelta: steps in the units of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.optimizer import Optimizer


class Adadelta(Optimizer):
    """Steps whose size follows the ratio of two running means: of past moves, and of the gradient.

    With `rms(x) = sqrt(x + epsilon)`: `a = rho * a + (1 - rho) * g²`, `d = rms(x) / rms(a) * g`,
    `x = rho * x + (1 - rho) * d²` and `w -= learning_rate * d` (Zeiler, 2012).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        rho: How much of both means is kept at each step.
        epsilon: Keeps both roots from being zero.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: As for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Adadelta(learning_rate=1.0).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.9986]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
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
        self.rho = number("rho", rho, most=1)
        self.epsilon = number("epsilon", epsilon)
        self.kernel = "adadelta"
        self.slot_names = ("accumulated_grad", "accumulated_delta_var")

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        return rates, self.rho, self.epsilon

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "epsilon": self.epsilon,
        }
