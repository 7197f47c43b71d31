"""Gradient descent, with or without momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent: `w -= learning_rate * g`.

    (Sutskever et al. 2013, "On the Importance of Initialization and Momentum in Deep Learning".)

    With momentum, `velocity = momentum * velocity - learning_rate * g` and `w += velocity`; with Nesterov's,
    `w += momentum * velocity - learning_rate * g`.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        momentum: How much of its velocity a weight keeps, from 0 to 1.
        nesterov: Whether momentum is Nesterov's.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: `momentum` is not a float from 0 to 1, and as for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> SGD(learning_rate=0.5).apply_gradients([([1.0], w)])
    1
    >>> print(w.numpy())
    [0.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        self.momentum = number("momentum", momentum, most=1)
        self.nesterov = nesterov
        if self.momentum == 0.0:
            self.kernel = "sgd"
        else:
            self.kernel = "nesterov" if nesterov else "momentum"
            self.slot_names = ("momentum",)

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        return (rates,) if self.momentum == 0.0 else (rates, self.momentum)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
