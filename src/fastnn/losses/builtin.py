"""The losses that are computed in C."""

from __future__ import annotations

from typing import Any

from fastnn.losses import functions
from fastnn.losses.functions import EPSILON, refuse_ignore_class
from fastnn.losses.loss import Loss


def _smoothing(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise ValueError(f"Argument `label_smoothing` must be a float from 0 to 1. Received: label_smoothing={value!r}")
    return float(value)


class MeanSquaredError(Loss):
    """The mean of `(y_true - y_pred)²`.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5
    """

    kernel = "mean_squared_error"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return functions.mean_squared_error(y_true, y_pred)


class MeanAbsoluteError(Loss):
    """The mean of `|y_true - y_pred|`.

    Args:
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[3.0, 1.0]]))
    1.5
    """

    kernel = "mean_absolute_error"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return functions.mean_absolute_error(y_true, y_pred)


class Huber(Loss):
    """The mean of `e²/2` where the error `e = |y_true - y_pred|` is at most `delta`, else of `delta·e - delta²/2`.

    Args:
        delta: The error from which on the loss grows no longer with the square.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> float(Huber()([[0.0, 1.0]], [[3.0, 1.0]]))
    1.25
    """

    kernel = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = float(delta)
        self.params = (self.delta,)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return functions.huber(y_true, y_pred, self.delta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "delta": self.delta}


class BinaryCrossentropy(Loss):
    """The mean of `-y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred)`.

    Args:
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.
        axis: The axis of the mean over a row.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = _smoothing(label_smoothing)
        self.axis = axis
        if from_logits:
            self.kernel = "sigmoid_binary_crossentropy"
            self.params = (self.label_smoothing,)
        else:
            self.kernel = "binary_crossentropy"
            self.params = (self.label_smoothing, EPSILON)
            self.fused_with = {"sigmoid": "sigmoid_binary_crossentropy"}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return functions.binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


class CategoricalCrossentropy(Loss):
    """The mean over rows of `-sum(y_true · log(y_pred))`, with a probability for each class in `y_true`.

    Args:
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        axis: The axis of the classes.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = _smoothing(label_smoothing)
        self.axis = axis
        if from_logits:
            self.kernel = "softmax_categorical_crossentropy"
            self.params = (self.label_smoothing,)
        else:
            self.kernel = "categorical_crossentropy"
            self.params = (self.label_smoothing, EPSILON)
            self.fused_with = {"softmax": "softmax_categorical_crossentropy"}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return functions.categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


class SparseCategoricalCrossentropy(Loss):
    """The mean over rows of `-log(y_pred)` at the class whose number `y_true` holds.

    Args:
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        ignore_class: Only `None` is supported: give such rows a sample weight of zero.
        reduction: As for every `Loss`.
        axis: The axis of the classes.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    sparse = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        refuse_ignore_class(ignore_class)
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        if from_logits:
            self.kernel = "softmax_sparse_categorical_crossentropy"
        else:
            self.kernel = "sparse_categorical_crossentropy"
            self.params = (0.0, EPSILON)
            self.fused_with = {"softmax": "softmax_sparse_categorical_crossentropy"}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return functions.sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "axis": self.axis,
        }
