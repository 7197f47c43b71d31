"""Losses: what training makes small."""

from __future__ import annotations

from typing import Any

from fastnn._registry import Registry
from fastnn.losses.builtin import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from fastnn.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    huber,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from fastnn.losses.loss import Loss, PythonLoss

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "PythonLoss",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "resolve",
    "serialize",
    "sparse_categorical_crossentropy",
]

# The function of a loss, and its class.
_CLASSES = {
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    huber: Huber,
    mean_absolute_error: MeanAbsoluteError,
    mean_squared_error: MeanSquaredError,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
}
_registry = Registry(
    "loss",
    "fastnn.losses",
    (Loss, *_CLASSES, *_CLASSES.values()),
    aliases={
        "bce": binary_crossentropy,
        "BCE": binary_crossentropy,
        "mae": mean_absolute_error,
        "MAE": mean_absolute_error,
        "mse": mean_squared_error,
        "MSE": mean_squared_error,
    },
)


def get(identifier: Any) -> Any:
    """Returns the loss that `identifier` stands for: as in Keras, a function for a name in lower case.

    Args:
        identifier: A name (`"mse"`, `"MeanSquaredError"`), a `Loss`, a callable, a configuration, or `None`.

    Raises:
        ValueError: There is no such loss.

    >>> get("mse") is mean_squared_error
    True
    >>> get("Huber")
    <Huber name=huber_loss>
    """
    return _registry.get(identifier)


def resolve(identifier: Any, output_width: int, target_width: int = 0, sparse: bool | None = None) -> Any:
    """Returns the `Loss` that a model with one output of `output_width` columns is to be trained with.

    `"crossentropy"` and `"ce"` become the cross-entropy that fits the output and the targets.

    Args:
        identifier: As for `get`; a callable of one's own returns the losses of rows and their gradient.
        output_width: Columns of the predictions.
        target_width: Columns of the targets; 0 if they have no such axis.
        sparse: Whether targets are class numbers. By default they are if they have at most one column.

    Raises:
        ValueError: There is no such loss.

    >>> resolve("crossentropy", output_width=10, target_width=1)
    <SparseCategoricalCrossentropy name=crossentropy>
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        return crossentropy_for(output_width, target_width, sparse)(name=identifier)
    found = get(identifier)
    if isinstance(found, Loss):
        return found
    for function, loss in _CLASSES.items():  # by identity: a user's callable need not be hashable
        if function is found:
            return loss(name=found.__name__)
    return PythonLoss(found)


def crossentropy_for(output_width: int, target_width: int, sparse: bool | None = None) -> type[Loss]:
    """The cross-entropy that fits an output and its targets."""
    if output_width == 1:
        return BinaryCrossentropy
    if target_width <= 1 if sparse is None else sparse:
        return SparseCategoricalCrossentropy
    return CategoricalCrossentropy


def serialize(loss: Any) -> Any:
    """Returns the name, or the configuration, from which `deserialize` makes the loss again.

    >>> serialize(mean_squared_error)
    'mean_squared_error'
    """
    return _registry.serialize(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the loss that `serialize` described.

    Args:
        name: A name or a configuration.
        custom_objects: Further names, with what they stand for.
    """
    return _registry.deserialize(name, custom_objects)
