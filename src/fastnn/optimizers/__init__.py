"""Optimizers: how gradients change weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn._refused import refuser
from fastnn._registry import Registry
from fastnn.optimizers import schedules
from fastnn.optimizers.adadelta import Adadelta
from fastnn.optimizers.adafactor import Adafactor
from fastnn.optimizers.adagrad import Adagrad
from fastnn.optimizers.adam import Adam, AdamW
from fastnn.optimizers.adamax import Adamax
from fastnn.optimizers.ftrl import Ftrl
from fastnn.optimizers.lamb import Lamb
from fastnn.optimizers.lbfgs import LBFGS
from fastnn.optimizers.lion import Lion
from fastnn.optimizers.muon import Muon
from fastnn.optimizers.nadam import Nadam
from fastnn.optimizers.optimizer import Optimizer
from fastnn.optimizers.rmsprop import RMSprop
from fastnn.optimizers.schedule_free_adamw import ScheduleFreeAdamW
from fastnn.optimizers.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

if not TYPE_CHECKING:
    __getattr__ = refuser(__name__)

_registry = Registry(
    "optimizer",
    "fastnn.optimizers",
    (
        LBFGS,
        SGD,
        Adadelta,
        Adafactor,
        Adagrad,
        Adam,
        AdamW,
        Adamax,
        Ftrl,
        Lamb,
        Lion,
        Muon,
        Nadam,
        RMSprop,
        ScheduleFreeAdamW,
    ),
    ignore_case=True,
    accepts=lambda found: isinstance(found, Optimizer),
)


def get(identifier: Any) -> Any:
    """Returns the optimizer that `identifier` stands for.

    Args:
        identifier: A name in any case (`"adam"`), an `Optimizer`, a configuration, or `None`.

    Raises:
        ValueError: There is no such optimizer.

    >>> type(get("adamw")).__name__
    'AdamW'
    """
    return _registry.get(identifier)


def serialize(optimizer: Any) -> Any:
    """Returns the configuration from which `deserialize` makes the optimizer again, without its state.

    >>> serialize(SGD(0.1))["class_name"]
    'SGD'
    """
    return _registry.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the optimizer that `serialize` described.

    Args:
        config: A configuration.
        custom_objects: Further names, with what they stand for.

    >>> float(deserialize(serialize(SGD(0.5))).learning_rate)
    0.5
    """
    return _registry.deserialize(config, custom_objects)
