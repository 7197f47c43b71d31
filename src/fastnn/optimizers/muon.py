"""Muon: orthogonal steps for matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers import patterns
from fastnn.optimizers.arguments import number
from fastnn.optimizers.groups import Rule
from fastnn.optimizers.means import weight_of_mean
from fastnn.optimizers.optimizer import Optimizer
from fastnn.variables import Variable


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal: all directions of a weight matrix learn alike.

    `m = momentum * m + g`, and `x = g + momentum * m`, or `m` without `nesterov`. With `x / |x|` for a start,
    `ns_steps` of `x = muon_a * x + (muon_b * A + muon_c * A²) x`, where `A = x xᵀ`, bring its singular values near one;
    then `w -= learning_rate * sqrt(max(rows, columns)) * rms_rate * x` (Jordan et al., 2024; Liu et al., 2025).

    Vectors, embeddings and the weights named by `exclude_layers` follow `Adam`: name the last layer there.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        adam_beta_1: `beta_1` of Adam.
        adam_beta_2: `beta_2` of Adam.
        adam_weight_decay: The weight decay of weights that follow Adam.
        epsilon: `epsilon` of Adam.
        weight_decay: As for every `Optimizer`, and so are `clipnorm` to `name`, which come after it.
        exclude_layers: Regular expressions to find in the paths of weights that follow Adam.
        exclude_embeddings: Whether weights with "embedding" in their path follow Adam.
        muon_a: Of the iteration above, as are the next two.
        muon_b: As above.
        muon_c: As above.
        adam_lr_ratio: Factor of the learning rate of weights that follow Adam.
        momentum: How much of its momentum a weight keeps.
        ns_steps: Steps of the iteration.
        nesterov: Whether momentum is Nesterov's.
        rms_rate: Makes steps about as large as those of Adam; `None` leaves their length as it is.

    Raises:
        ValueError: As for every `Optimizer`.

    >>> from fastnn.variables import Variable
    >>> w = Variable(np.eye(2))
    >>> Muon(learning_rate=0.1, rms_rate=None).apply_gradients([(3.0 * np.eye(2), w)])
    1
    >>> print(w.numpy().round(1))
    [[0.9 0. ]
     [0.  0.9]]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: list[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
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
        self.adam_beta_1 = number("adam_beta_1", adam_beta_1, most=1)
        self.adam_beta_2 = number("adam_beta_2", adam_beta_2, most=1)
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = number("epsilon", epsilon)
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = number("momentum", momentum, most=1)
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate
        self.exclude_layers = patterns.checked(exclude_layers or [], "exclude_layers")
        self.kernel = "muon"
        self.slot_names = ("momentum",)

    def kernel_of(self, variable: Variable) -> str:
        embedding = self.exclude_embeddings and "embedding" in variable.path.lower()
        excluded = any(patterns.found(pattern, variable.path) for pattern in self.exclude_layers)
        return "adam" if variable.ndim != 2 or embedding or excluded else "muon"

    def rule_of(self, variable: Variable) -> Rule:
        rule = super().rule_of(variable)
        if rule.kernel == "adam" and rule.weight_decay is self.weight_decay and not self._is_undecayed(variable):
            return rule._replace(weight_decay=self.adam_weight_decay)
        return rule

    def _add_slots(self) -> None:
        for variable in self._trainable_variables:
            names = ("momentum", "velocity") if self.kernel_of(variable) == "adam" else ("momentum",)
            self._slots[id(variable)] = [self.add_variable_from_reference(variable, name) for name in names]

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        if kernel == "adam":
            t = iterations + 1.0
            corrections = np.sqrt(weight_of_mean(self.adam_beta_2, t)) / weight_of_mean(self.adam_beta_1, t)
            alpha = rates * self.adam_lr_ratio * corrections
            return alpha, 1.0 - self.adam_beta_1, 1.0 - self.adam_beta_2, self.epsilon
        return (
            rates,
            self.rms_rate or 0.0,
            self.momentum,
            float(self.nesterov),
            self.ns_steps,
            self.muon_a,
            self.muon_b,
            self.muon_c,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "adam_weight_decay": self.adam_weight_decay,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "exclude_embeddings": self.exclude_embeddings,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "rms_rate": self.rms_rate,
        }
