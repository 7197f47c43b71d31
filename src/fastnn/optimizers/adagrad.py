"""Adagrad: steps that shrink with the gradients seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import initializers
from fastnn.optimizers.arguments import number
from fastnn.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Steps in units of the root of the sum of all squares of the gradient so far.

    `a += g²` and `w -= learning_rate * g / sqrt(a + epsilon)` (Duchi et al., 2011).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        initial_accumulator_value: What the sum starts from.
        epsilon: Keeps the division from being one by zero.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: As for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Adagrad(learning_rate=0.5).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.5028]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
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
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = number("epsilon", epsilon)
        self.kernel = "adagrad"
        self.slot_names = ("accumulator",)

    def _first_value(self, slot: str) -> Any:
        return initializers.Constant(self.initial_accumulator_value)

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        return rates, self.epsilon

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
