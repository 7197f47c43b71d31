"""Layers."""

from __future__ import annotations

from typing import Any

from fastnn._registry import Registry
from fastnn.layers.activation import Activation
from fastnn.layers.batch_normalization import BatchNormalization
from fastnn.layers.dense import Dense
from fastnn.layers.dropout import Dropout
from fastnn.layers.flatten import Flatten
from fastnn.layers.input_layer import Input, InputLayer
from fastnn.layers.layer import Layer
from fastnn.layers.normalization import Normalization

__all__ = [
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "Normalization",
    "deserialize",
    "serialize",
]

_registry = Registry(
    "layer",
    "fastnn.layers",
    (Activation, BatchNormalization, Dense, Dropout, Flatten, InputLayer, Normalization),
    accepts=lambda layer: isinstance(layer, Layer),
)


def serialize(layer: Layer) -> dict[str, Any]:
    """Returns the configuration of a layer, from which `deserialize` makes an equal one."""
    return _registry.serialize(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """Makes a layer from its configuration.

    Args:
        config: What `serialize` returned.
        custom_objects: Classes by name, beyond those of this module.
    """
    return _registry.deserialize(config, custom_objects)
