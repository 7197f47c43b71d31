"""Cross-entropies: of yes or no, of classes, and of classes whose targets may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.losses.loss import Loss
from fastnn.losses.rows import EPSILON, aligned, aligned_sparse, number_or_columns, row_losses


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    pos_weight: float | Sequence[float] | None = None,
) -> Any:
    """Returns the mean over `axis` of `-y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred)`.

    Args:
        y_true: Targets, 0 or 1 or between.
        y_pred: Predictions, of the same shape: probabilities or, with `from_logits`, logits.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.
        axis: The axis of the mean.
        pos_weight: Factor of the term of `y_true`; or one for each column.

    Raises:
        ValueError: The shapes differ.

    >>> print(binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4))
    [0.6931]
    """
    return BinaryCrossentropy(from_logits, label_smoothing, axis, pos_weight=pos_weight).call(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Returns `-sum(y_true · log(y_pred))` over `axis`.

    Args:
        y_true: Targets: a probability for each class.
        y_pred: Predictions, of the same shape: probabilities (which are first divided by their sum) or, with
            `from_logits`, logits.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        axis: The axis of the classes.

    Raises:
        ValueError: The shapes differ.

    >>> print(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4))
    [0.6931]
    """
    y_true, y_pred = aligned(y_true, y_pred, axis)
    if from_logits:
        return row_losses("softmax_categorical_crossentropy", y_true, y_pred, (float(label_smoothing),))[0]
    return row_losses("categorical_crossentropy", y_true, y_pred, (float(label_smoothing), EPSILON))[0]


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """Returns `-log(y_pred)` at the class that `y_true` names.

    Args:
        y_true: Targets: class numbers, of the shape of `y_pred` without `axis`, or with length 1 there.
        y_pred: Predictions: probabilities (which are first divided by their sum) or, with `from_logits`, logits.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        ignore_class: A number, of a class or not, whose losses are 0.
        axis: The axis of the classes.

    Raises:
        ValueError: The shapes do not fit, or `y_true` holds anything but class numbers.

    >>> print(sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(4))
    [0.6931]
    """
    return SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis).call(y_true, y_pred)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """Returns `(1 - p**q) / q` for the probability `p` of the class that `y_true` names.

    Args:
        y_true: Targets: class numbers.
        y_pred: Predictions: a probability for each class.
        q: Between 0, the cross-entropy, and 1, the absolute error.

    Raises:
        ValueError: The shapes do not fit, or `y_true` holds anything but class numbers.

    >>> print(categorical_generalized_cross_entropy([1], [[0.75, 0.25]], 0.5))
    [1.]
    """
    return CategoricalGeneralizedCrossEntropy(q).call(y_true, y_pred)


class BinaryCrossentropy(Loss):
    """The mean of `-y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred)`.

    (Label smoothing: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision".)

    Args:
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.
        axis: The axis of the mean over a row.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.
        pos_weight: Factor of the term of `y_true`, against few positives; or one for each column. Keras has it not.

    >>> round(float(BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    >>> round(float(BinaryCrossentropy(pos_weight=3.0)([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    1.3863
    """

    settings = ("from_logits", "label_smoothing", "axis", "pos_weight")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
        pos_weight: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.axis = axis
        self.pos_weight: Any = None
        kernel = "binary_crossentropy"
        self.params = (self.label_smoothing, EPSILON)
        if pos_weight is not None:
            single, self.columns = number_or_columns(pos_weight, "pos_weight")
            kernel, self.params = "weighted_binary_crossentropy", (*self.params, single)
            self.pos_weight = single if self.columns is None else self.columns.tolist()
        self.kernel = f"sigmoid_{kernel}" if from_logits else kernel
        if not from_logits:
            self.fused_with = {"sigmoid": f"sigmoid_{kernel}"}

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.pos_weight is None:
            del config["pos_weight"]  # the configuration is Keras's, then
        return config


class CategoricalCrossentropy(Loss):
    """The mean over rows of `-sum(y_true · log(y_pred))`, with a probability for each class in `y_true`.

    (Label smoothing: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision".)

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

    settings = ("from_logits", "label_smoothing", "axis")

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
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.axis = axis
        if from_logits:
            self.kernel = "softmax_categorical_crossentropy"
            self.params = (self.label_smoothing,)
        else:
            self.kernel = "categorical_crossentropy"
            self.params = (self.label_smoothing, EPSILON)
            self.fused_with = {"softmax": "softmax_categorical_crossentropy"}


class SparseCategoricalCrossentropy(Loss):
    """The mean over rows of `-log(y_pred)` at the class whose number `y_true` holds.

    Args:
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        ignore_class: A number, of a class or not, whose rows are left out: of the sum, and of the count that the sum is
            divided by.
        reduction: As for every `Loss`.
        axis: The axis of the classes.
        name: Its name.
        dtype: As for every `Loss`.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    >>> round(float(SparseCategoricalCrossentropy(ignore_class=-1)([1, -1], [[0.5, 0.5], [0.1, 0.9]])), 4)
    0.6931
    """

    sparse = True
    settings = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.ignore_class = checked_class(ignore_class)
        self.axis = axis
        ignored = () if ignore_class is None else (1.0, float(ignore_class))
        self.params = (EPSILON, *ignored)
        if from_logits:
            self.kernel = "softmax_sparse_categorical_crossentropy"
        else:
            self.kernel = "sparse_categorical_crossentropy"
            self.fused_with = {"softmax": "softmax_sparse_categorical_crossentropy"}

    def align(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        return aligned_sparse(y_true, y_pred, self.axis, self.ignore_class)

    def mask(self, y_true: Any, y_pred: Any) -> np.ndarray | None:
        if self.ignore_class is None:
            return None
        return self.align(y_true, y_pred)[0][..., 0] != self.ignore_class


class CategoricalGeneralizedCrossEntropy(Loss):
    """The mean over rows of `(1 - p**q) / q` for the probability `p` of the class whose number `y_true` holds.

    It learns less from rows that it finds unlikely than the cross-entropy does, so that wrong targets harm it less
    (Zhang and Sabuncu, Generalized Cross Entropy Loss, 2018). The slope counts `p` as at least 1e-7, unless the model
    ends in a softmax, where it needs no bound.

    Args:
        q: Between 0, the cross-entropy, and 1, the absolute error.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    Raises:
        ValueError: `q` is not between 0 and 1.

    >>> float(CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
    1.0
    """

    kernel = "categorical_generalized_cross_entropy"
    sparse = True
    settings = ("q",)

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        if isinstance(q, bool) or not isinstance(q, (int, float)) or not 0 < q < 1:
            raise ValueError(f"Argument `q` must be between 0 and 1. Received: q={q!r}")
        self.q = float(q)
        self.params = (self.q,)
        self.fused_with = {"softmax": "softmax_categorical_generalized_cross_entropy"}


def checked_smoothing(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise ValueError(f"Argument `label_smoothing` must be a float from 0 to 1. Received: label_smoothing={value!r}")
    return float(value)


def checked_class(ignore_class: Any) -> int | None:
    if ignore_class is not None and (isinstance(ignore_class, bool) or not isinstance(ignore_class, (int, np.integer))):
        raise ValueError(f"Argument `ignore_class` must be an integer or None. Received: ignore_class={ignore_class!r}")
    return None if ignore_class is None else int(ignore_class)
