"""Metrics that are the mean of a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import losses
from fastnn._arrays import as_float
from fastnn.metrics.folded import FoldedMean, row_weights


class LossMean(FoldedMean):
    """Base class of the metrics that are the weighted mean of a loss's rows.

    Args:
        loss: The loss.
        name: Its name.
        dtype: As for every `Metric`.
    """

    def __init__(self, loss: losses.Loss, name: str | None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.kernel, self.params, self.sparse = loss.kernel, loss.params, loss.sparse
        self._loss = loss

    def align(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        self.check_rank(np.ndim(y_pred))
        return self._loss.align(y_true, y_pred)

    def check_rank(self, rank: int) -> None:
        """Raises `NotImplementedError` where predictions of so many axes do not have the metric's as their last one."""
        axis = getattr(self, "axis", -1)
        if axis not in (-1, rank - 1):
            raise NotImplementedError(
                f"Argument `axis` of a metric must name the last axis of predictions. Received: axis={axis!r} of "
                f"{rank} axes"
            )


class MeanSquaredError(LossMean):
    """The mean of `(y_true - y_pred)²`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


class RootMeanSquaredError(LossMean):
    """The square root of the mean of `(y_true - y_pred)²`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> RootMeanSquaredError()([[0.0, 0.0]], [[2.0, 2.0]])
    2.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)

    def result(self) -> float:
        """Returns the root of the mean, or 0 if nothing has been added."""
        return float(np.sqrt(super().result()))


class MeanAbsoluteError(LossMean):
    """The mean of `|y_true - y_pred|`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[3.0, 1.0]])
    1.5
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


class MeanAbsolutePercentageError(LossMean):
    """The mean of `100 · |y_true - y_pred| / |y_true|`, where `|y_true|` counts as at least 1e-7.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 3.0]])
    37.5
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanAbsolutePercentageError(), name, dtype)


class MeanSquaredLogarithmicError(LossMean):
    """The mean of `(log(1 + y_true) - log(1 + y_pred))²`, where both count as at least 1e-7.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> round(MeanSquaredLogarithmicError()([[3.0, 3.0]], [[1.0, 3.0]]), 4)
    0.2402
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredLogarithmicError(), name, dtype)


class LogCoshError(LossMean):
    """The mean of `log(cosh(y_pred - y_true))`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> round(LogCoshError()([[0.0, 0.0]], [[1.0, 0.0]]), 4)
    0.2169
    """

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.LogCosh(), name, dtype)


class CosineSimilarity(LossMean):
    """The mean over rows of the cosine between targets and predictions: 1 is best.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        axis: The axis of the vectors: only the last.

    >>> round(CosineSimilarity()([[4.0, 3.0]], [[3.0, 4.0]]), 4)
    0.96
    """

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(losses.CosineSimilarity(), name, dtype)
        self.axis = axis

    def result(self) -> float:
        """Returns the mean, or 0 if nothing has been added."""
        return 0.0 - super().result()  # the loss has the other sign

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Poisson(LossMean):
    """The mean of `y_pred - y_true · log(y_pred + 1e-7)`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> round(Poisson()([[3.0]], [[2.0]]), 4)
    -0.0794
    """

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.Poisson(), name, dtype)


class KLDivergence(LossMean):
    """The mean over rows of `sum(y_true · log(y_true / y_pred))`, of probabilities, which are kept from 1e-7 to 1.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.1438
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.KLDivergence(), name, dtype)


class Hinge(LossMean):
    """The mean of `max(1 - y_true · y_pred, 0)`; targets are -1 and 1, and a 0 counts as -1.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> Hinge()([[1.0, -1.0]], [[0.5, 0.5]])
    1.0
    """

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.Hinge(), name, dtype)


class SquaredHinge(LossMean):
    """The mean of `max(1 - y_true · y_pred, 0)²`; targets are -1 and 1, and a 0 counts as -1.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> SquaredHinge()([[1.0, -1.0]], [[0.5, 0.5]])
    1.25
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.SquaredHinge(), name, dtype)


class CategoricalHinge(LossMean):
    """The mean over rows of how far the best wrong class comes within 1 of the right one.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]])
    1.25
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.CategoricalHinge(), name, dtype)


class BinaryCrossentropy(LossMean):
    """The mean of `-y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred)`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.

    >>> round(BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
        }


class CategoricalCrossentropy(LossMean):
    """The mean over rows of `-sum(y_true · log(y_pred))`, with a probability for each class in `y_true`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        axis: The axis of the classes: only the last.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.CategoricalCrossentropy(from_logits, label_smoothing), name, dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


class SparseCategoricalCrossentropy(LossMean):
    """The mean over rows of `-log(y_pred)` at the class whose number `y_true` holds.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        ignore_class: A number, of a class or not, whose rows have the value 0 and, where there are sample weights, the
            weight 0.
        axis: The axis of the classes: only the last.

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    sparse = True

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits, ignore_class), name, dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        if ignore_class is not None:
            self.kernel = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.ignore_class is None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        values = self._loss.call(y_true, y_pred)
        if sample_weight is not None:
            mask = self._loss.mask(y_true, y_pred)
            sample_weight = row_weights(as_float(sample_weight, name="sample_weight"), values.shape)
            sample_weight = sample_weight.reshape(values.shape) * mask
        self._add(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "axis": self.axis,
        }
