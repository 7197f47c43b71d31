"""What the perceptrons minimize: scikit-learn's losses, in its units, and any other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import losses, ops
from fastnn.losses.loss import PythonLoss, reduce_weighted


class Objective:
    """A loss, and the units in which it is minimized and told.

    scikit-learn's gradients are those of a sum over the outputs of a sample, Keras's of a mean; and where it tells the
    squared error it takes the mean after all.

    Args:
        loss: The loss, or a function as `compile` takes it.
        factor: What it is multiplied by when it is minimized.
        told: What it is multiplied by when it is told; `factor` by default.
        validate: `(y_true, y_pred, sample_weight) -> loss`, as told; by default that of `loss`.
        made_from: What it was made from: equal things make equal objectives.

    Attributes:
        sparse: Whether targets are class numbers.
        in_python: Whether the loss may be a function in NumPy, which is not divided by the weights of its samples.
    """

    def __init__(
        self,
        loss: Any,
        factor: float = 1.0,
        told: float | None = None,
        validate: Callable[[np.ndarray, np.ndarray, Any], float] | None = None,
        made_from: tuple[Any, ...] = (),
    ) -> None:
        self.loss = losses.resolve(loss, 1)
        self.factor = factor
        self.made_from = made_from or (loss,)
        self.told = factor if told is None else told
        self.sparse = bool(self.loss.sparse)
        self.in_python = isinstance(self.loss, PythonLoss) and self.loss.function is not _half_deviance
        self._validate = validate

    def weighted(self) -> Any:
        """The loss, divided by the sum of sample weights, as scikit-learn has it, and not by the number of samples."""
        if self.loss.reduction not in ("sum_over_batch_size", "mean"):
            return self.loss
        loss = copy.copy(self.loss)
        loss.reduction = "mean_with_sample_weight"
        return loss

    def validate(self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """The loss of predictions, as it is told."""
        if self._validate is not None:
            return float(self._validate(y_true, y_pred, sample_weight))
        if isinstance(self.loss, PythonLoss):
            if y_true.ndim == 1 and not self.sparse:
                y_true = y_true[:, None]
            rows = self.loss.function(y_true, y_pred)
            rows = np.asarray(rows[0] if isinstance(rows, tuple) else rows)
        else:
            rows = np.asarray(self.loss.call(y_true, y_pred))
        return self.told * float(reduce_weighted(rows.reshape(len(y_pred)), sample_weight, "mean_with_sample_weight"))


def for_classes(loss: Any, outputs: int, multiclass: bool) -> Objective:
    """The objective of a classifier with so many outputs."""
    if not isinstance(loss, str) or loss != "log_loss":
        return Objective(loss)
    made_from = (loss, outputs, multiclass)
    if multiclass:
        crossentropy = losses.SparseCategoricalCrossentropy()
        return Objective(crossentropy, validate=_log_loss_of_classes, made_from=made_from)
    return Objective(losses.BinaryCrossentropy(), outputs, validate=_log_loss_of_yes_and_no, made_from=made_from)


def for_numbers(loss: Any, outputs: int, quantile: float, delta: float) -> Objective:
    """The objective of a regressor with so many outputs."""
    if not isinstance(loss, str):
        return Objective(loss)
    made_from = (loss, outputs, quantile, delta)
    if loss == "squared_error":
        return Objective(losses.MeanSquaredError(), outputs / 2, told=0.5, made_from=made_from)
    by_name = {
        "absolute_error": losses.MeanAbsoluteError(),
        "huber": losses.Huber(delta),
        "poisson": _half_deviance,
        "quantile": losses.Pinball(quantile),
    }
    return Objective(by_name.get(loss, loss), made_from=made_from)


def _half_deviance(y_true: Any, y_pred: Any) -> Any:
    """y log(y / p) - y + p, summed over the outputs; composed of `fastnn.ops`, so that C has it and its gradient."""
    tiny = 1e-30  # whose logarithm, times no counts, is nothing
    constant = y_true * ops.log(ops.maximum(y_true, 0.0 * y_true + tiny)) - y_true
    return ops.sum(constant + y_pred - y_true * ops.log(y_pred), axis=-1)


def _average(rows: np.ndarray, sample_weight: np.ndarray | None) -> float:
    return float(np.average(rows, weights=sample_weight))


def _clipped_log(p: np.ndarray) -> np.ndarray:
    """As in scikit-learn, where no probability is surer than its dtype can tell from one."""
    eps = np.finfo(p.dtype).eps
    return np.log(np.clip(p, eps, 1 - eps))


def _log_loss_of_classes(labels: np.ndarray, p: np.ndarray, sample_weight: np.ndarray | None) -> float:
    return _average(-_clipped_log(p[np.arange(len(p)), labels.ravel()]), sample_weight)


def _log_loss_of_yes_and_no(y: np.ndarray, p: np.ndarray, sample_weight: np.ndarray | None) -> float:
    yes = y.reshape(p.shape).astype(bool)
    return _average(-np.where(yes, _clipped_log(p), _clipped_log(1 - p)).sum(axis=1), sample_weight)
