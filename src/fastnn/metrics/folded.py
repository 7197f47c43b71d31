"""What metrics have in common that are a mean over rows, folded in C."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._arrays import as_float, as_rows
from fastnn.losses.rows import aligned, aligned_sparse
from fastnn.metrics.metric import MeanState


class FoldedMean(MeanState):
    """A weighted mean over rows: its kernel adds batches to `total` and `count`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
    """

    elementwise = False  # whether Keras weighs every element by itself, and so takes a vector for one-element rows

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: Factors of the rows.

        Raises:
            ValueError: The shapes do not fit.
        """
        y_true, y_pred = self.align(y_true, y_pred)
        weight = None if sample_weight is None else as_float(sample_weight, y_pred.dtype, name="sample_weight")
        if not self.sparse and self._has_element_rows(y_pred, weight):
            y_true, y_pred = y_true[..., None], y_pred[..., None]
        if weight is not None:
            weight = row_weights(weight, y_pred.shape[:-1])
        assert self.kernel is not None
        _kernels.metric(self.kernel, self.state, as_rows(y_pred), as_rows(y_true), weight, self.params)

    def align(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns targets and predictions as the kernel takes them.

        Raises:
            ValueError: The shapes do not fit.
        """
        return (aligned_sparse if self.sparse else aligned)(y_true, y_pred)

    def _has_element_rows(self, y_pred: np.ndarray, weight: np.ndarray | None) -> bool:
        if y_pred.ndim <= 1:
            return self.elementwise or weight is not None
        return self.elementwise and weight is not None and weight.ndim == y_pred.ndim and weight.shape[-1] > 1


def row_weights(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns one weight for each of the rows that `shape` counts.

    Raises:
        ValueError: The weights do not fit the rows.
    """
    received = weight.shape
    if weight.ndim == len(shape) + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.ndim:
        weight = weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim))
    try:
        return np.ascontiguousarray(np.broadcast_to(weight, shape)).reshape(-1)
    except ValueError:
        raise ValueError(
            f"Argument `sample_weight` must have the shape of the rows, {shape}, or one that broadcasts to it. "
            f"Received: sample_weight.shape={received}"
        ) from None
