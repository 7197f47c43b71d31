"""Losses: what training makes small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn._refused import refuser
from fastnn._registry import Registry
from fastnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from fastnn.losses.distances import (
    CosineSimilarity,
    GaussianNegativeLogLikelihood,
    KLDivergence,
    Poisson,
    cosine_similarity,
    gaussian_negative_log_likelihood,
    kl_divergence,
    poisson,
)
from fastnn.losses.errors import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Pinball,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    pinball,
)
from fastnn.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from fastnn.losses.loss import Loss, PythonLoss
from fastnn.losses.margins import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "GaussianNegativeLogLikelihood",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Pinball",
    "Poisson",
    "PythonLoss",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "gaussian_negative_log_likelihood",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pinball",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

if not TYPE_CHECKING:
    __getattr__ = refuser(__name__)

# The function of a loss, and its class.
_CLASSES: dict[Any, type[Loss]] = {
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    categorical_hinge: CategoricalHinge,
    cosine_similarity: CosineSimilarity,
    gaussian_negative_log_likelihood: GaussianNegativeLogLikelihood,
    hinge: Hinge,
    huber: Huber,
    kl_divergence: KLDivergence,
    log_cosh: LogCosh,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_error: MeanSquaredError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    pinball: Pinball,
    poisson: Poisson,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    squared_hinge: SquaredHinge,
}
# Keras's short names, which it knows in capitals too.
_SHORT = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}
_registry = Registry(
    "loss",
    "fastnn.losses",
    (Loss, *_CLASSES, *_CLASSES.values()),
    aliases={**_SHORT, **{name.upper(): function for name, function in _SHORT.items()}, "logcosh": log_cosh},
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

    >>> deserialize("mean_squared_error") is mean_squared_error
    True
    """
    return _registry.deserialize(name, custom_objects)
