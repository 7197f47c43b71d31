"""Focal cross-entropies, which hold easy rows for less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.losses.crossentropy import checked_smoothing
from fastnn.losses.loss import Loss
from fastnn.losses.rows import EPSILON, number_or_columns


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Returns the mean over `axis` of binary cross-entropies, each times `(1 - p)**gamma`.

    There `p` is the probability that the prediction gives to the target.

    Args:
        y_true: Targets, 0 or 1 or between.
        y_pred: Predictions, of the same shape: probabilities or, with `from_logits`, logits.
        apply_class_balancing: Whether terms are weighed by `alpha`.
        alpha: Weight of a target of 1; `1 - alpha` is that of a 0.
        gamma: How much less easy targets count.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.
        axis: The axis of the mean.

    Raises:
        ValueError: The shapes differ.

    >>> print(binary_focal_crossentropy([[1.0]], [[0.75]]).round(4))
    [0.018]
    """
    loss = BinaryFocalCrossentropy(apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis)
    return loss.call(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Returns `-sum(alpha · (1 - y_pred)**gamma · y_true · log(y_pred))` over `axis`.

    Args:
        y_true: Targets: a probability for each class.
        y_pred: Predictions, of the same shape: probabilities (which are first divided by their sum) or, with
            `from_logits`, logits.
        alpha: Weight of all classes, or one for each.
        gamma: How much less easy targets count.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        axis: The axis of the classes.

    Raises:
        ValueError: The shapes differ.

    >>> print(categorical_focal_crossentropy([[0.0, 1.0]], [[0.25, 0.75]]).round(4))
    [0.0045]
    """
    return CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis).call(y_true, y_pred)


class BinaryFocalCrossentropy(Loss):
    """The mean of binary cross-entropies, each times `(1 - p)**gamma`.

    There `p` is the probability that the prediction gives to the target (Lin et al., Focal Loss for Dense Object
    Detection, 2018). Logits are not turned into probabilities first, so nothing is cut off at 1e-7 as it is in Keras.

    Args:
        apply_class_balancing: Whether terms are weighed by `alpha`.
        alpha: Weight of a target of 1; `1 - alpha` is that of a 0.
        gamma: How much less easy targets count; 0 for no difference.
        from_logits: Whether predictions are what a sigmoid would turn into probabilities.
        label_smoothing: How far targets are drawn towards 0.5: 0 not at all, 1 all the way.
        axis: The axis of the mean over a row.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    Raises:
        ValueError: An argument is out of its range.

    >>> round(float(BinaryFocalCrossentropy()([[1.0]], [[0.75]])), 4)
    0.018
    """

    settings = ("apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        if apply_class_balancing and not 0 < alpha < 1:
            raise ValueError(f"Argument `alpha` must be between 0 and 1. Received: alpha={alpha!r}")
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = _checked_gamma(gamma)
        self.from_logits = from_logits
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.axis = axis
        self.params = (self.label_smoothing, EPSILON, self.gamma, float(alpha) if apply_class_balancing else 0.0)
        self.kernel = "sigmoid_binary_focal_crossentropy" if from_logits else "binary_focal_crossentropy"
        if not from_logits:
            self.fused_with = {"sigmoid": "sigmoid_binary_focal_crossentropy"}


class CategoricalFocalCrossentropy(Loss):
    """The mean over rows of `-sum(alpha · (1 - y_pred)**gamma · y_true · log(y_pred))`.

    It is the cross-entropy with less weight on rows that are right already (Lin et al., Focal Loss for Dense Object
    Detection, 2018). Logits are not turned into probabilities first, so nothing is cut off at 1e-7 as it is in Keras.

    Args:
        alpha: Weight of all classes, or one for each.
        gamma: How much less easy targets count; 0 for no difference.
        from_logits: Whether predictions are what a softmax would turn into probabilities.
        label_smoothing: How far targets are drawn towards equal probabilities: 0 not at all, 1 all the way.
        axis: The axis of the classes.
        reduction: As for every `Loss`.
        name: Its name.
        dtype: As for every `Loss`.

    Raises:
        ValueError: An argument is out of its range.

    >>> round(float(CategoricalFocalCrossentropy(alpha=1.0)([[0.0, 1.0]], [[0.25, 0.75]])), 4)
    0.018
    """

    settings = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        single, self.columns = number_or_columns(alpha, "alpha")
        self.alpha = single if self.columns is None else self.columns.tolist()
        self.gamma = _checked_gamma(gamma)
        self.from_logits = from_logits
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.axis = axis
        self.params = (self.label_smoothing, EPSILON, self.gamma, single)
        self.kernel = "softmax_categorical_focal_crossentropy" if from_logits else "categorical_focal_crossentropy"
        if not from_logits:
            self.fused_with = {"softmax": "softmax_categorical_focal_crossentropy"}


def _checked_gamma(gamma: Any) -> float:
    if isinstance(gamma, bool) or not isinstance(gamma, (int, float)) or not gamma >= 0:
        raise ValueError(f"Argument `gamma` must be a number >= 0. Received: gamma={gamma!r}")
    return float(gamma)
