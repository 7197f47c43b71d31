"""Learning rates that follow the step; and weight decays."""

from __future__ import annotations

from typing import Any

from fastnn._registry import Registry
from fastnn.optimizers.schedules.cosines import CosineDecay, CosineDecayRestarts, CosLog, OneCycle
from fastnn.optimizers.schedules.decays import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from fastnn.optimizers.schedules.schedule import LearningRateSchedule

__all__ = [
    "CosLog",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

_registry = Registry(
    "learning rate schedule",
    "fastnn.optimizers.schedules",
    (
        CosLog,
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        LearningRateSchedule,
        OneCycle,
        PiecewiseConstantDecay,
        PolynomialDecay,
    ),
)


def serialize(learning_rate_schedule: Any) -> Any:
    """Returns the configuration from which `deserialize` makes the schedule again.

    >>> serialize(ExponentialDecay(0.1, 10, 0.5))["class_name"]
    'ExponentialDecay'
    """
    return _registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the schedule that `serialize` described.

    Args:
        config: A configuration.
        custom_objects: Further names, with what they stand for.

    >>> float(deserialize(serialize(ExponentialDecay(0.1, 10, 0.5)))(10))
    0.05
    """
    return _registry.deserialize(config, custom_objects)
