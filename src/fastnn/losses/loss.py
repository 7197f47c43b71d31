"""What a loss is: its kernel in C for compiled training steps, and the same by hand for eager calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn._arrays import as_float, squeeze_or_expand_to_same_rank, standardize_dtype
from fastnn._registry import auto_name
from fastnn.losses.rows import aligned, aligned_sparse, row_losses

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """Base class of losses.

    A loss of one's own is most simply a function `(y_true, y_pred) -> loss of each row`, composed of `fastnn.ops` and
    arithmetic and handed to `compile`: it is traced into the compiled program, gradient included. One in NumPy returns
    `(loss of each row, its gradient)`. A subclass defines `call(y_true, y_pred)`, likewise; in NumPy it also defines
    `loss_and_gradient(y_true, y_pred)`.

    Args:
        name: Its name; by default the class's.
        reduction: What becomes of the losses of the rows: `"sum_over_batch_size"` or `"mean"`, their mean;
            `"mean_with_sample_weight"`, their sum divided by that of the sample weights; `"sum"`; `"none"` or `None`.
        dtype: The dtype of eager calls. By default that of the predictions.

    Attributes:
        kernel: Name of the kernel in C, or `None` for a loss in Python.
        params: What the kernel takes besides predictions and targets.
        columns: What it takes for each column, or `None`.
        sparse: Whether targets are class numbers.
        axis: The axis that makes a row; to train with, the last one.
        settings: The attributes that `get_config` returns besides name and reduction.
        fused_with: The kernels that take this one's place when the model ends in a certain activation: they take the
            activation's input.

    >>> class Cubic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean(np.abs(y_true - y_pred) ** 3, axis=-1)
    >>> float(Cubic()([[0.0]], [[2.0]]))
    8.0
    """

    kernel: str | None = None
    params: tuple[float, ...] = ()
    columns: np.ndarray | None = None
    sparse = False
    axis: int = -1
    settings: tuple[str, ...] = ()
    untraced = ""  # why it runs in Python, for messages
    fused_with: dict[str, str] = {}  # noqa: RUF012 - never changed in place

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(f"Argument `reduction` must be one of {REDUCTIONS}. Received: reduction={reduction!r}")
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction
        self.dtype = None if dtype is None else standardize_dtype(dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the loss of a batch.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: Factors of the losses: of each row's, or of a shape that broadcasts to theirs.
        """
        y_pred = as_float(y_pred, self.dtype, name="y_pred")
        y_true = as_float(y_true, y_pred.dtype, name="y_true")
        values = self.call(y_true, y_pred)
        return reduce_weighted(values, sample_weight, self.reduction, self.mask(y_true, y_pred))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row.

        Args:
            y_true: Targets.
            y_pred: Predictions.
        """
        if self.kernel is None:
            raise NotImplementedError(f"{type(self).__name__} must implement `call(self, y_true, y_pred)`.")
        return row_losses(self.kernel, *self.align(y_true, y_pred), self.params, self.columns)[0]

    def align(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns targets and predictions as the kernel takes them.

        Raises:
            ValueError: The shapes do not fit.
        """
        return (aligned_sparse if self.sparse else aligned)(y_true, y_pred, self.axis)

    def mask(self, y_true: Any, y_pred: Any) -> np.ndarray | None:
        """Returns which losses count at all; `None` if they all do."""
        return None

    def target_shape(self, output_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape of the targets that go with an output; class numbers need not have the last axis.

        Args:
            output_shape: Shape of a sample of the output.
        """
        return output_shape

    def check_training(self, output_shape: tuple[int, ...]) -> None:
        """Raises `ValueError` unless a model can be trained with this loss.

        Args:
            output_shape: Shape of a sample of the output.
        """
        if self.reduction in ("none", None):
            raise ValueError(
                f"A loss to train with must be reduced. Expected one of {REDUCTIONS[:4]}. "
                f"Received: reduction={self.reduction!r}"
            )
        if self.axis not in (-1, len(output_shape)):
            raise ValueError(
                f"A loss to train with takes the last axis for a row: `axis` must be -1. Received: axis={self.axis}"
            )
        if self.columns is not None and output_shape[-1:] != self.columns.shape:
            raise ValueError(
                f"The loss '{self.name}' was given a number for each of {len(self.columns)} columns, and the output "
                f"must have as many. Received: an output of shape {('samples', *output_shape)}"
            )
        self.target_shape(output_shape)

    @property
    def counted(self) -> bool:
        """Whether a mean is over something else than the rows of a batch: their weights, or some of them."""
        if self.reduction in ("sum", "none", None):
            return False
        return self.reduction == "mean_with_sample_weight" or getattr(self, "ignore_class", None) is not None

    def loss_and_gradient(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns the loss of each row, unreduced, and its derivatives by the row's predictions.

        Args:
            y_true: Targets.
            y_pred: Predictions.
        """
        if self.kernel is None:
            raise NotImplementedError(
                f"{type(self).__name__} must implement `loss_and_gradient(self, y_true, y_pred)` to be trained with."
                f"{self.untraced}"
            )
        rows, gradient = row_losses(self.kernel, *self.align(y_true, y_pred), self.params, self.columns, gradient=True)
        return np.asarray(rows), np.asarray(gradient)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal loss."""
        config = {"name": self.name, "reduction": self.reduction}
        return {**config, **{setting: getattr(self, setting) for setting in self.settings}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Makes a loss from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class PythonLoss(Loss):
    """A loss that is a function in Python: its gradient included, for nothing here finds gradients by itself.

    Args:
        function: A callable `(y_true, y_pred) -> (loss of each row, gradient)` on matrices; the gradient has the shape
            of `y_pred` and holds the derivative of each row's loss by that row's predictions.
        name: Its name; by default the function's.
        reduction: As for every `Loss`.
        dtype: As for every `Loss`.

    >>> def squared(y_true, y_pred):
    ...     e = y_pred - y_true
    ...     return (e * e).sum(axis=-1), 2 * e
    >>> float(PythonLoss(squared)([[0.0]], [[3.0]]))
    9.0
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name or getattr(function, "__name__", "python_loss"), reduction, dtype)
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.loss_and_gradient(y_true, y_pred)[0]

    def loss_and_gradient(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        y_pred = as_float(y_pred, name="y_pred")
        y_true = as_float(y_true, y_pred.dtype, name="y_true")
        returned = self.function(y_true, y_pred)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise ValueError(
                f"The loss '{self.name}' must return a tuple: the loss of each row, and its gradient by `y_pred`."
                f"{self.untraced} Received: {type(returned).__name__}"
            )
        row_loss, gradient = (np.asarray(part) for part in returned)
        if row_loss.shape != y_pred.shape[:-1] or gradient.shape != y_pred.shape:
            raise ValueError(
                f"The loss '{self.name}' must return losses of shape {y_pred.shape[:-1]} and a gradient of shape "
                f"{y_pred.shape}. Received: losses of shape {row_loss.shape}, a gradient of shape {gradient.shape}"
            )
        return row_loss.astype(y_pred.dtype, copy=False), gradient.astype(y_pred.dtype, copy=False)

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"The loss '{self.name}' is a function in Python and has no configuration.")


def reduce_weighted(
    values: Any,
    sample_weight: Any = None,
    reduction: str | None = "sum_over_batch_size",
    mask: np.ndarray | None = None,
) -> Any:
    """Weighs the losses of rows and reduces them as `reduction` says.

    Sums are taken in float64, whatever the dtype of the values, which the result has. What `mask` leaves out weighs
    nothing, and is not counted where a mean is taken.
    """
    values = as_float(values, name="values") if not isinstance(values, np.ndarray) else values
    if mask is not None:
        counted = int(np.count_nonzero(mask))
        share = mask.size / counted if counted and reduction in ("mean", "sum_over_batch_size") else 1.0
        weight = (mask * share).astype(values.dtype)
        if sample_weight is not None:
            sample_weight = as_float(sample_weight, values.dtype, name="sample_weight")
            weight, sample_weight = squeeze_or_expand_to_same_rank(weight, sample_weight)
            weight = weight * sample_weight
        sample_weight = weight
    if sample_weight is not None:
        sample_weight = as_float(sample_weight, values.dtype, name="sample_weight")
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        try:
            values = values * sample_weight
        except ValueError:
            raise ValueError(
                f"Argument `sample_weight` must have the shape of the losses, {values.shape}, or one that broadcasts "
                f"to it. Received: sample_weight.shape={sample_weight.shape}"
            ) from None
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values[()]
    total = values.sum(dtype=np.float64)
    if reduction != "sum":
        weighted = reduction == "mean_with_sample_weight" and sample_weight is not None
        divisor = sample_weight.sum(dtype=np.float64) if weighted else float(values.size)
        total = total / divisor if divisor else np.float64(0.0)
    return values.dtype.type(total)
