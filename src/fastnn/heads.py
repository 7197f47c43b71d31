"""The outputs of a model, and what each is trained and watched by."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import losses, metrics


class Head:
    """One output of a model: what it is trained and watched by.

    Args:
        name: The output's name.
        shape: Shape of one sample of it.
        loss: Loss or its name; `None` for an output that is not trained.
        weight: Factor of the loss.
        metrics: Metrics or their names.
        weighted: The same, to be weighted by sample weights.

    Attributes:
        loss: The loss that fits the targets; `None` until they are known, and where there is none.
        target_shape: Shape of one target.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], loss: Any, weight: float, metrics: list[Any], weighted: list[Any]
    ) -> None:
        self.name = name
        self.shape = shape
        self.identifiers = (loss, metrics, weighted)
        self.loss_weight = weight
        self.loss: Any = None
        self.metrics: list[Any] = []
        self.weighted: list[Any] = []
        self.label = "y"  # what errors call its targets
        self.weight_label = "sample_weight"

    @property
    def needs_targets(self) -> bool:
        """Whether anything compares the output with targets."""
        loss, metrics, weighted = self.identifiers
        return bool(loss is not None or metrics or weighted)

    @property
    def sparse(self) -> bool:
        """Whether targets are class numbers."""
        return self.loss is not None and self.loss.sparse

    def settle(self, y: np.ndarray) -> None:
        """Chooses the loss and the metrics that fit the output and the targets."""
        loss, compiled_metrics, weighted = self.identifiers
        width = self.shape[-1] if self.shape else 1
        target_width = y.shape[-1] if y.ndim == len(self.shape) + 1 else 0
        resolved = losses.resolve(loss, width, target_width)
        if resolved is not None:
            resolved.check_training(self.shape)
        sparse = None if resolved is None else resolved.sparse
        self.weighted = [metrics.resolve(i, width, target_width, sparse) for i in weighted]
        self.metrics = [metrics.resolve(i, width, target_width, sparse) for i in compiled_metrics]
        self.loss = resolved

    def unsettle(self) -> None:
        """Forgets what was chosen."""
        self.loss, self.metrics, self.weighted = None, [], []
