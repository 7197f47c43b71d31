"""Every optimizer with arguments that change its updates, and the options that all of them take."""

from __future__ import annotations

import numpy as np

from fastnn import optimizers
from fastnn.optimizers import schedules
from fastnn.variables import Variable

CASES = [
    (optimizers.SGD, {}),
    (optimizers.SGD, {"momentum": 0.9}),
    (optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    (optimizers.Adam, {}),
    (optimizers.Adam, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    (optimizers.Adam, {"amsgrad": True}),
    (optimizers.AdamW, {}),
    (optimizers.RMSprop, {}),
    (optimizers.RMSprop, {"momentum": 0.5}),
    (optimizers.RMSprop, {"centered": True}),
    (optimizers.RMSprop, {"centered": True, "momentum": 0.5, "rho": 0.8}),
    (optimizers.Adagrad, {}),
    (optimizers.Adadelta, {"rho": 0.8}),
    (optimizers.Adamax, {}),
    (optimizers.Nadam, {}),
    (optimizers.Lion, {}),
    (optimizers.Ftrl, {}),
    (optimizers.Ftrl, {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.1, "beta": 0.3}),
    (optimizers.Ftrl, {"l2_shrinkage_regularization_strength": 0.05, "learning_rate_power": -0.3}),
    (optimizers.ScheduleFreeAdamW, {"warmup_steps": 7}),
    (optimizers.Lamb, {}),
    (optimizers.Adafactor, {"clip_threshold": 0.5}),
    (optimizers.Muon, {}),
    (optimizers.Muon, {"nesterov": False, "rms_rate": None, "weight_decay": 0.2, "adam_weight_decay": None}),
]
KINDS = tuple({kind: None for kind, _ in CASES})
OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"learning_rate": schedules.ExponentialDecay(0.05, 5, 0.7)},
    {"weight_decay": schedules.CosineDecay(0.2, 10)},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2, "global_clipnorm": 0.5},
    {"loss_scale_factor": 4.0},
]


class Signs(optimizers.Optimizer):
    def build(self, variables: list) -> None:
        super().build(variables)
        self.counts = [self.add_variable_from_reference(v, name="count") for v in variables]

    def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
        variable.value[...] -= learning_rate * np.sign(gradient)


def variables_of(rng: np.random.Generator, dtype: str) -> list[Variable]:
    shapes = {"first/kernel": (5, 3), "first/bias": (3,), "second/kernel": (3, 7), "second/bias": (7,)}
    return [
        Variable(rng.normal(size=shape).astype(dtype), name=path.split("/")[1], path=path)
        for path, shape in shapes.items()
    ]
