"""What the callbacks that watch one loss or metric have in common."""

from __future__ import annotations

import re
from typing import Any

from fastnn._registry import to_snake_case
from fastnn.callbacks.callback import Callback
from fastnn.warnings import TrainingWarning, warn

# Words in the names of metrics, and where those want to go.
_UP = r"acc|accuracy|auc|precision|recall|sensitivity|specificity|f1|score|r2|cosine|iou|positives|negatives"
_DOWN = r"loss|error|crossentropy|entropy|divergence|hinge|huber|logcosh|log_cosh|poisson|mse|mae|mape|msle|rmse|nll"
_FALSE = r"false_(?:positives|negatives)"


class MonitorCallback(Callback):
    """Base class of callbacks that watch one loss or metric.

    Args:
        monitor: Name of the loss or metric, as in the logs.
        mode: `"min"` where less is better, `"max"` where more is, `"auto"` to tell from the metric.
        baseline: The value to be better than at first, if any.
        min_delta: By how much a value must be better to count as better.

    Raises:
        ValueError: In training, where `mode` is `"auto"` and the metric does not tell.

    >>> class Announce(MonitorCallback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(logs[self.monitor])
    >>> Announce("loss").on_epoch_end(0, {"loss": 0.5})
    0.5
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warn(f"{type(self).__name__} mode {mode!r} is unknown; it falls back to 'auto'.", TrainingWarning)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._sign: int | None = None  # 1 where more is better, -1 where less is

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if self._sign is None:
            self._sign = self._find_sign()
        # Whatever is a number is better than a NaN.
        if reference is None or (reference != reference and value == value):
            return True
        if self._sign > 0:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def _find_sign(self) -> int:
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        name = self.monitor.removeprefix("val_")
        metric = next((m for m in getattr(self.model, "metrics", None) or () if m.name == name), None)
        direction = getattr(metric, "_direction", None)
        names = [name] if metric is None else [name, to_snake_case(type(metric).__name__)]
        if direction == "up" or (direction is None and any(_says(_UP, text) for text in names)):
            return 1
        if direction == "down" or (direction is None and any(_says(_DOWN, text) for text in names)):
            return -1
        raise ValueError(
            f"{type(self).__name__} cannot tell whether the metric is better when it is greater or when it is less. "
            f"Pass mode='max' or mode='min'. Received: monitor={self.monitor!r}, mode='auto'"
        )


def _says(words: str, name: str) -> bool:
    """Whether one of the words (between underscores) is in the name.

    >>> _says(_UP, "top_k_categorical_accuracy"), _says(_UP, "accretion"), _says(_UP, "false_negatives")
    (True, False, False)
    """
    name = re.sub(_FALSE, "loss", name)
    return re.search(rf"(?:^|_)(?:{words})(?:$|_|\d)", name) is not None


def available(logs: dict[str, Any]) -> str:
    """The names in the logs, for messages."""
    return ", ".join(logs) if logs else "none"
