"""Optimizers: how gradients change weights."""

from __future__ import annotations

from typing import Any

from fastnn._registry import Registry
from fastnn.optimizers import schedules
from fastnn.optimizers.adam import Adam, AdamW
from fastnn.optimizers.optimizer import Optimizer
from fastnn.optimizers.rmsprop import RMSprop
from fastnn.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "deserialize", "get", "schedules", "serialize"]

_registry = Registry(
    "optimizer",
    "fastnn.optimizers",
    (SGD, Adam, AdamW, RMSprop),
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
    """
    return _registry.deserialize(config, custom_objects)
