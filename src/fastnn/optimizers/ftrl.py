"""FTRL: follow the regularized leader."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import initializers
from fastnn.optimizers.optimizer import Optimizer


class Ftrl(Optimizer):
    """Follows the regularized leader: weights are solved for from sums over all gradients.

    With `p = -learning_rate_power`, `b = a + g²`: `z += g' - (b**p - a**p) / learning_rate * w`, `a = b` and
    `w = (clip(z, -l1, l1) - z) / (b**p / learning_rate + 2 * l2 + beta / learning_rate)`, where `g'` is `g` plus twice
    the shrinkage times `w` (McMahan et al., 2013).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        learning_rate_power: How steps shrink with the sum of squares; not positive, 0 for a fixed rate.
        initial_accumulator_value: What the sum of squares starts from; not negative.
        l1_regularization_strength: Not negative: how far a sum must go before its weight leaves zero.
        l2_regularization_strength: Not negative.
        l2_shrinkage_regularization_strength: Not negative: a penalty through the gradient.
        beta: As in the paper.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: A strength or the accumulator is negative, or the power is positive; and as for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Ftrl(learning_rate=0.1).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.7957]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        self.kernel = "ftrl"
        self.slot_names = ("accumulator", "linear")
        if learning_rate_power > 0:
            raise ValueError(
                "Argument `learning_rate_power` must not be positive. Received: "
                f"learning_rate_power={learning_rate_power!r}"
            )
        for argument in (
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
        ):
            if getattr(self, argument) < 0:
                raise ValueError(
                    f"Argument `{argument}` must not be negative. Received: {argument}={getattr(self, argument)!r}"
                )

    def _first_value(self, slot: str) -> Any:
        return initializers.Constant(self.initial_accumulator_value) if slot == "accumulator" else "zeros"

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        return (
            rates,
            self.learning_rate_power,
            self.l1_regularization_strength,
            2.0 * self.l2_regularization_strength + self.beta / rates,
            2.0 * self.l2_shrinkage_regularization_strength,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
