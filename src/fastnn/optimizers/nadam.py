"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.means import weight_of_mean
from fastnn.optimizers.optimizer import Optimizer
from fastnn.variables import Variable

_CONSTANT = 1000  # 0.96**1000 is less than half an ulp of 1


class Nadam(Optimizer):
    """Adam with Nesterov's momentum: each step looks ahead along the running mean.

    With m and v as in `Adam`, `u(t) = beta_1 * (1 - 0.96**t / 2)` and `U(t) = u(1) * ... * u(t)`:
    `w -= learning_rate * m̂ / (sqrt(v / (1 - beta_2**t)) + epsilon)`, where
    `m̂ = u(t+1) * m / (1 - U(t+1)) + (1 - u(t)) * g / (1 - U(t))` (Dozat, 2016).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        beta_1: How much of the mean of the gradient is kept at each step.
        beta_2: How much of the mean of its square is kept at each step.
        epsilon: Keeps the division from being one by zero.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: As for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Nadam(learning_rate=0.1).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.8937]
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
        self._product: Variable | None = None
        self.kernel = "nadam"
        self.slot_names = ("momentum", "velocity")

    @property
    def variables(self) -> list[Variable]:
        if self._product is not None:  # Keras keeps it; here it follows from the number of updates
            self._product.assign(self._products(np.array([self.iterations]))[0])
        return super().variables

    def _add_slots(self) -> None:
        super()._add_slots()
        dtype = self._trainable_variables[0].dtype if self._trainable_variables else None
        self._product = self.add_variable((), "ones", dtype, "u_product")

    def _factors(self, t: np.ndarray) -> np.ndarray:
        return self.beta_1 * (1.0 - 0.5 * np.power(0.96, np.minimum(t, _CONSTANT)))

    def _products(self, t: np.ndarray) -> np.ndarray:
        """U(t); from _CONSTANT on all factors are `beta_1` to the last bit."""
        first = np.concatenate([[1.0], np.cumprod(self._factors(np.arange(1.0, _CONSTANT)))])
        t = np.asarray(t, np.int64)
        return first[np.minimum(t, _CONSTANT - 1)] * np.power(float(self.beta_1), np.maximum(t - (_CONSTANT - 1), 0))

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        t = iterations + 1
        product, ahead, factor = self._products(t), self._factors(t + 1.0), self._factors(t + 0.0)
        return (
            rates,
            1.0 - self.beta_1,
            1.0 - self.beta_2,
            ahead / (1.0 - product * ahead),
            (1.0 - factor) / (1.0 - product),
            1.0 / weight_of_mean(self.beta_2, t),
            self.epsilon,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
