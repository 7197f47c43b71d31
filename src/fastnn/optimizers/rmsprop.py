"""RMSprop: steps in units of the gradient's recent size."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """Divides the gradient by the root of a running mean of its square (Hinton, 2012).

    `velocity = rho * velocity + (1 - rho) * g²` and `w -= learning_rate * g / sqrt(velocity + epsilon)`.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        rho: How much of the running mean is kept at each step.
        momentum: If above zero, weights move by `increment + momentum * (the last move)`.
        epsilon: Keeps the division from being one by zero.
        centered: Whether the square of the gradient's running mean is taken off: its variance, then.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    >>> from fastnn.variables import Variable
    >>> w = Variable([10.0])
    >>> RMSprop(learning_rate=0.1).apply_gradients([([10.0], w)])
    1
    >>> print(w.numpy().round(4))
    [9.6838]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.momentum = number("momentum", momentum, most=1)
        self.epsilon = number("epsilon", epsilon)
        self.centered = centered
        self.kernel = "rmsprop" + ("_centered" if centered else "") + ("_momentum" if momentum > 0 else "")
        self.slot_names = (
            "velocity",
            *(("momentum",) if momentum > 0 else ()),
            *(("average_gradient",) if centered else ()),
        )

    def _slot_groups(self) -> list[tuple[str, ...]]:
        return [(name,) for name in self.slot_names]

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        return (rates, self.rho, self.epsilon, *((self.momentum,) if self.momentum > 0 else ()))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
