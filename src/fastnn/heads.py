"""The outputs of a model, and what each is trained and watched by."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from fastnn import losses, metrics


def check_identifiers(given: Any, name: str) -> None:
    """Raises `ValueError` where an argument of `compile` holds anything but what stands for losses or metrics.

    Args:
        given: Names, objects or configurations; or lists and dictionaries of such, by outputs.
        name: The argument.
    """
    levels = 1 if name == "loss" else 2  # metrics are lists themselves

    def wrong(part: Any, deeper: int) -> bool:
        if isinstance(part, dict) and "class_name" in part:
            return not isinstance(part["class_name"], str)
        if isinstance(part, (list, tuple, dict)):
            parts = part.values() if isinstance(part, dict) else part
            least = levels if isinstance(part, dict) else 1  # dictionaries go by outputs, and are outermost
            return deeper < least or any(wrong(each, deeper - 1) for each in parts)
        return not (part is None or isinstance(part, str) or callable(part))

    if wrong(given, levels):
        kind = "losses" if name == "loss" else "metrics"
        raise ValueError(
            f"Argument `{name}` must hold {kind} or names of {kind}: by outputs, a list or a dictionary of "
            f"{'them' if name == 'loss' else 'lists of them'}. Received: {name}={given!r}"
        )


def check_factors(given: Any) -> None:
    """Raises `ValueError` where `loss_weights` are not finite numbers, or a list or dictionary of such by outputs."""
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, (list, tuple)) else [given]
    for part in parts:
        if part is not None and not (isinstance(part, Real) and np.isfinite(float(part))):
            raise ValueError(
                "Argument `loss_weights` must be finite numbers: a list or a dictionary of them by outputs. "
                f"Received: loss_weights={given!r}"
            )


def as_identifiers(identifiers: Any, name: str) -> Any:
    """What an argument of `compile` gives to watch by: a list, or a dictionary by outputs."""
    if identifiers is None:
        return []
    if isinstance(identifiers, (list, tuple)):
        return list(identifiers)
    if isinstance(identifiers, dict):
        return identifiers
    raise ValueError(f"Argument `{name}` must be a list. Received: {name}={identifiers!r}")


def listed(identifiers: Any) -> list[Any]:
    """What one output is watched by: a metric by itself is a list of one."""
    if identifiers is None:
        return []
    return list(identifiers) if isinstance(identifiers, (list, tuple)) else [identifiers]


def only(identifiers: list[Any], name: str, outputs: list[str]) -> list[Any]:
    """The metrics of a single output, which may be given as a list in a list."""
    if len(identifiers) == 1 and isinstance(identifiers[0], (list, tuple)):
        return list(identifiers[0])
    if any(isinstance(each, (list, tuple)) for each in identifiers):
        raise ValueError(
            f"Argument `{name}` must hold one list for each output, {outputs}. Received: {name}={identifiers!r}"
        )
    return identifiers


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
        for metric in (*self.weighted, *self.metrics):
            if hasattr(metric, "check_rank"):
                metric.check_rank(len(self.shape) + 1)
        self.loss = resolved

    def unsettle(self) -> None:
        """Forgets what was chosen."""
        self.loss, self.metrics, self.weighted = None, [], []


SAMPLES = 1  # where in totals their number is


class Results:
    """What a run tells: the loss, each output's where there are several, and the metrics, by names.

    Args:
        heads: The outputs, as they are now: settled or not.
        loss: The argument of `compile`.

    Attributes:
        trained: The outputs that are compared with targets.
        metrics: The metrics of all outputs.
        names: Names in Keras's order: losses, metrics that bear their own name, then the others sorted.
    """

    def __init__(self, heads: Sequence[Head], loss: Any) -> None:
        self.trained = [head for head in heads if head.needs_targets]
        self.metrics = [metric for head in heads for metric in (*head.metrics, *head.weighted)]
        several = len(heads) > 1
        losses = [f"{head.name}_loss" for head in self.trained if several and head.loss is not None]
        metric_names = [name for head in heads for name in _metric_names(head, f"{head.name}_" if several else "")]
        places = {name: at for at, name in enumerate(["loss", "", *losses, *metric_names])}
        given = [f"{name}_loss" for name in loss] if isinstance(loss, dict) else []
        losses = sorted(losses, key=lambda name: given.index(name) if name in given else len(given))
        own = set() if several else {metric.name for metric in self.metrics}
        kept = [name for name in metric_names if name in own]
        self.names = ["loss", *losses, *kept, *sorted(set(metric_names) - set(kept))]
        self._places = [(name, places[name]) for name in self.names]

    def told(self, totals: Sequence[float]) -> dict[str, Any]:
        """Losses and metrics by `names`.

        Args:
            totals: Sums over the samples: of the loss, of ones, and of each output's loss, where there are several.
        """
        samples = totals[SAMPLES] or 1.0
        values = [total / samples for total in totals] + [_told(metric) for metric in self.metrics]
        return {name: values[at] for name, at in self._places}


def _metric_names(head: Head, prefix: str) -> list[str]:
    """The names of an output's metrics, made different from each other as Keras does."""
    names: list[str] = []
    times: dict[str, int] = {}
    for at, metric in enumerate((*head.metrics, *head.weighted)):
        name = metric.name
        if name in times and at >= len(head.metrics):
            name = f"weighted_{name}"
        times[name] = times.get(name, 0) + 1
        names.append(prefix + (name if times[name] == 1 else f"{name}_{times[name] - 1}"))
    return names


def _told(metric: Any) -> Any:
    result = metric.result()
    return float(result) if np.ndim(result) == 0 else result  # of each class or threshold, an array
