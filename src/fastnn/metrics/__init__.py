"""Metrics: what is watched while training."""

from __future__ import annotations

from typing import Any

from fastnn import losses
from fastnn._registry import Registry, to_snake_case
from fastnn.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from fastnn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from fastnn.metrics.at_thresholds import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from fastnn.metrics.auc import AUC
from fastnn.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from fastnn.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    R2Score,
    concordance_correlation,
    pearson_correlation,
)
from fastnn.metrics.f_score import (
    F1Score,
    FBetaScore,
)
from fastnn.metrics.iou import (
    BinaryIoU,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from fastnn.metrics.metric import (
    Mean,
    MeanMetricWrapper,
    Metric,
    Sum,
)
from fastnn.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

_SHORT = {
    "bce": BinaryCrossentropy,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
_registry = Registry(
    "metric",
    "fastnn.metrics",
    (
        AUC,
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        BinaryIoU,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        CategoricalHinge,
        ConcordanceCorrelation,
        CosineSimilarity,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        Hinge,
        IoU,
        KLDivergence,
        LogCoshError,
        Mean,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanIoU,
        MeanMetricWrapper,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Metric,
        OneHotIoU,
        OneHotMeanIoU,
        PearsonCorrelation,
        Poisson,
        Precision,
        PrecisionAtRecall,
        R2Score,
        Recall,
        RecallAtPrecision,
        RootMeanSquaredError,
        SensitivityAtSpecificity,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        SparseTopKCategoricalAccuracy,
        SpecificityAtSensitivity,
        SquaredHinge,
        Sum,
        TopKCategoricalAccuracy,
        TrueNegatives,
        TruePositives,
    ),
    aliases={
        **_SHORT,
        **{name.upper(): metric for name, metric in _SHORT.items()},
        "binary_focal_crossentropy": binary_focal_crossentropy,
        "categorical_focal_crossentropy": categorical_focal_crossentropy,
        "huber": huber,
        "log_cosh": LogCoshError,
        "kld": KLDivergence,
        "KLD": KLDivergence,
    },
)

# A function of this module, and the class that folds it in C.
_CLASSES = {
    binary_accuracy: BinaryAccuracy,
    binary_crossentropy: BinaryCrossentropy,
    categorical_accuracy: CategoricalAccuracy,
    categorical_crossentropy: CategoricalCrossentropy,
    mean_absolute_error: MeanAbsoluteError,
    mean_squared_error: MeanSquaredError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    log_cosh: LogCoshError,
    poisson: Poisson,
    kl_divergence: KLDivergence,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    pearson_correlation: PearsonCorrelation,
    concordance_correlation: ConcordanceCorrelation,
    sparse_categorical_accuracy: SparseCategoricalAccuracy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    sparse_top_k_categorical_accuracy: SparseTopKCategoricalAccuracy,
    top_k_categorical_accuracy: TopKCategoricalAccuracy,
}
# The cross-entropy that fits an output, and the metrics that fit it.
_FITTING = {
    losses.BinaryCrossentropy: (BinaryAccuracy, BinaryCrossentropy),
    losses.CategoricalCrossentropy: (CategoricalAccuracy, CategoricalCrossentropy),
    losses.SparseCategoricalCrossentropy: (SparseCategoricalAccuracy, SparseCategoricalCrossentropy),
}


def get(identifier: Any) -> Any:
    """Returns the metric that `identifier` stands for.

    Args:
        identifier: A name (`"mse"`, `"AUC"`), a `Metric`, a callable, a configuration, or `None`.

    Raises:
        ValueError: There is no such metric.

    >>> get("mae")
    <MeanAbsoluteError name=mean_absolute_error>
    """
    return _registry.get(identifier)


def resolve(identifier: Any, output_width: int, target_width: int = 0, sparse: bool | None = None) -> Metric:
    """Returns the `Metric` that a model with one output of `output_width` columns is to be watched by.

    `"accuracy"` and `"acc"`, `"crossentropy"` and `"ce"` become what fits the output and the targets. As in Keras, a
    metric asked for by a name bears that name.

    Args:
        identifier: As for `get`; a callable of one's own returns a value for each row.
        output_width: Columns of the predictions.
        target_width: Columns of the targets; 0 if they have no such axis.
        sparse: Whether targets are class numbers. By default they are if they have at most one column.

    Raises:
        ValueError: There is no such metric.

    >>> resolve("accuracy", output_width=10, target_width=1)
    <SparseCategoricalAccuracy name=accuracy>
    """
    if identifier is None:
        raise ValueError("A metric must be a name, a Metric or a callable. Received: None")
    if isinstance(identifier, str):
        return _named(identifier, output_width, target_width, sparse)
    found = get(identifier)
    if isinstance(found, Metric):
        return found
    name = getattr(found, "name", None) or to_snake_case(getattr(found, "__name__", type(found).__name__))
    for function, metric in _CLASSES.items():  # by identity: a user's callable need not be hashable
        if function is found:
            return metric(name=name)
    return MeanMetricWrapper(found, name=name)


def _named(name: str, output_width: int, target_width: int, sparse: bool | None) -> Metric:
    accuracy, crossentropy = _FITTING[losses.crossentropy_for(output_width, target_width, sparse)]
    if name.lower() in ("accuracy", "acc"):
        return accuracy(name=name)
    if name.lower() in ("crossentropy", "ce"):
        return crossentropy(name=name)
    found = get(name)
    found.name = name
    return found


def serialize(metric: Any) -> Any:
    """Returns the configuration from which `deserialize` makes the metric again, without its state.

    >>> serialize(Mean())["class_name"]
    'Mean'
    """
    return _registry.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the metric that `serialize` described.

    Args:
        config: A configuration.
        custom_objects: Further names, with what they stand for.

    >>> deserialize(serialize(Mean(name="speed"))).name
    'speed'
    """
    return _registry.deserialize(config, custom_objects)
