"""Adafactor: squares by rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.arguments import number
from fastnn.optimizers.optimizer import Optimizer
from fastnn.variables import Variable


class Adafactor(Optimizer):
    """Adam without momentum, whose squares of a matrix are kept as one number for each row and column.

    The learning rate is relative to the size of the weights: `alpha = max(epsilon_2, rms(w)) * min(learning_rate,
    1/sqrt(t))`. With `beta = 1 - t**beta_2_decay`, r and c are running means of `g² + epsilon_1` over each row and
    column, `v = r cᵀ / mean(r)` (for a vector, a running mean of `g² + epsilon_1` itself), `u = g / sqrt(v)` and
    `w -= alpha * u / max(1, rms(u) / clip_threshold)` (Shazeer and Stern, 2018).

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        beta_2_decay: How the means forget: `beta` above.
        epsilon_1: Keeps the division from being one by zero.
        epsilon_2: The least size of weights.
        clip_threshold: The root mean square that a step is cut to.
        relative_step: Taken for Keras's sake: there, as here, the rate is at most `1/sqrt(t)` either way.
        weight_decay: As for every `Optimizer`, and so are the arguments after it.

    Raises:
        ValueError: When built, with a variable of more than two axes; and as for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable([1.0])
    >>> Adafactor(learning_rate=0.5).apply_gradients([([3.0], w)])
    1
    >>> print(w.numpy().round(4))
    [0.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = number("epsilon_1", epsilon_1)
        self.epsilon_2 = number("epsilon_2", epsilon_2)
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step
        self.kernel = "adafactor"
        self.slot_names = ("velocity",)

    def kernel_of(self, variable: Variable) -> str:
        return "adafactor" if variable.ndim > 1 else "adafactor_vector"

    def _add_slots(self) -> None:
        for variable in self._trainable_variables:
            if variable.ndim > 2:
                raise ValueError(
                    "Adafactor takes vectors and matrices. Received: the variable "
                    f"'{variable.path}' of shape {variable.shape}"
                )
            # Keras has a row and a column for vectors too, which nothing uses.
            shapes = [variable.shape[:1], variable.shape[1:]] if variable.ndim > 1 else [(), ()]
            means = [self.add_variable(shape, "zeros", variable.dtype, variable.name) for shape in shapes]
            squares = self.add_variable_from_reference(variable, "velocity")
            self._slots[id(variable)] = [*means, squares] if variable.ndim > 1 else [squares]

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        t = iterations + 1.0
        rates = np.minimum(rates, 1.0 / np.sqrt(t))
        kept = 1.0 - np.power(t, float(self.beta_2_decay))
        return rates, kept, self.epsilon_1, self.epsilon_2, self.clip_threshold

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }
