"""The best of one ratio among the thresholds at which another one is good enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.metrics.confusion import FN, FP, TN, TP, Confusion, ratio


class _Best(Confusion):
    def __init__(
        self, which: str, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any
    ) -> None:
        if not 0 <= value <= 1:
            raise ValueError(f"Argument `{which}` must be from 0 to 1. Received: {which}={value!r}")
        if isinstance(num_thresholds, bool) or not isinstance(num_thresholds, (int, np.integer)) or num_thresholds < 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds!r}"
            )
        steps = num_thresholds - 1
        thresholds = [0.5] if not steps else [i / steps for i in range(num_thresholds)]
        super().__init__(thresholds, None, class_id, name, dtype)
        self.num_thresholds = num_thresholds
        self._which, self.value = which, value

    def _best(self, constrained: tuple[int, int], dependent: tuple[int, int]) -> float:
        """The largest share of the first of two counts in their sum, where that of two others is large enough."""
        counts = self.counts
        held, wanted = (ratio(counts[a], counts[a] + counts[b]) for a, b in (constrained, dependent))
        return float(np.where(held >= self.value, wanted, 0.0).max(initial=0.0))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["thresholds"]
        return {
            **config,
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self._which: self.value,
        }


class SensitivityAtSpecificity(_Best):
    """The best sensitivity, `tp / (tp + fn)`, where specificity, `tn / (tn + fp)`, is large enough.

    Args:
        specificity: The least specificity that will do, from 0 to 1.
        num_thresholds: How many thresholds, evenly spread from 0 to 1, are tried.
        class_id: The only column that counts.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: An argument is out of its range.

    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("specificity", specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> float:
        """Returns the largest sensitivity there is, or 0."""
        return self._best((TN, FP), (TP, FN))


class SpecificityAtSensitivity(_Best):
    """The best specificity, `tn / (tn + fp)`, where sensitivity, `tp / (tp + fn)`, is large enough.

    Args:
        sensitivity: The least sensitivity that will do, from 0 to 1.
        num_thresholds: How many thresholds, evenly spread from 0 to 1, are tried.
        class_id: The only column that counts.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: An argument is out of its range.

    >>> round(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]), 4)
    0.6667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("sensitivity", sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> float:
        """Returns the largest specificity there is, or 0."""
        return self._best((TP, FN), (TN, FP))


class PrecisionAtRecall(_Best):
    """The best precision, `tp / (tp + fp)`, where recall, `tp / (tp + fn)`, is large enough.

    Args:
        recall: The least recall that will do, from 0 to 1.
        num_thresholds: How many thresholds, evenly spread from 0 to 1, are tried.
        class_id: The only column that counts.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: An argument is out of its range.

    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> float:
        """Returns the largest precision there is, or 0."""
        return self._best((TP, FN), (TP, FP))


class RecallAtPrecision(_Best):
    """The best recall, `tp / (tp + fn)`, where precision, `tp / (tp + fp)`, is large enough.

    Args:
        precision: The least precision that will do, from 0 to 1.
        num_thresholds: How many thresholds, evenly spread from 0 to 1, are tried.
        class_id: The only column that counts.
        name: Its name.
        dtype: As for every `Metric`.

    Raises:
        ValueError: An argument is out of its range.

    >>> RecallAtPrecision(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    1.0
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> float:
        """Returns the largest recall there is, or 0."""
        return self._best((TP, FP), (TP, FN))
