"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.means import weight_of_mean
from fastnn.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Steps along a running mean of the gradient, in units of the root of a running mean of its square.

    `m += (g - m) * (1 - beta_1)`, `v += (g² - v) * (1 - beta_2)`, `w -= alpha * m / (sqrt(v) + epsilon)`, where
    `alpha = learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t)` makes up for both means starting at zero
    (Kingma and Ba, 2014).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        beta_1: How much of the mean of the gradient is kept at each step.
        beta_2: How much of the mean of its square is kept at each step.
        epsilon: Keeps the division from being one by zero.
        amsgrad: Whether to divide by the largest `v` so far (Reddi et al., 2018).
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Adam(learning_rate=0.1).apply_gradients([([3.0], w)])
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
        amsgrad: bool = False,
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
        self.amsgrad = amsgrad
        self.kernel = "amsgrad" if amsgrad else "adam"
        self.slot_names = ("momentum", "velocity", *(("velocity_hat",) if amsgrad else ()))

    def _slot_groups(self) -> list[tuple[str, ...]]:
        return [self.slot_names[:2], self.slot_names[2:]]

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        t = iterations + 1.0
        alpha = rates * np.sqrt(weight_of_mean(self.beta_2, t)) / weight_of_mean(self.beta_1, t)
        return alpha, 1.0 - self.beta_1, 1.0 - self.beta_2, self.epsilon

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam whose weights also shrink by a fixed share at each step, 0.004 times the learning rate by default.

    The decay acts on the weights themselves and not through the gradient (Loshchilov and Hutter, 2019).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: Every weight shrinks by this times the learning rate, before each update.
        beta_1: How much of the mean of the gradient is kept at each step.
        beta_2: How much of the mean of its square is kept at each step.
        epsilon: Keeps the division from being one by zero.
        amsgrad: Whether to divide by the largest `v` so far (Reddi et al., 2018).
        clipnorm: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: `weight_decay` is `None`, and as for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).apply_gradients([([0.0], w)])
    1
    >>> print(w.numpy())
    [0.95]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` of AdamW must be a float. Received: weight_decay=None")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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
