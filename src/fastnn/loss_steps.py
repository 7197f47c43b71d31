"""The loss of an output, as steps of a program."""

from __future__ import annotations

import math

from fastnn.heads import Head
from fastnn.layers.graph import UntraceableError, trace
from fastnn.program import Builder
from fastnn.records import Value


def emit_loss(
    builder: Builder,
    head: Head,
    prediction: Value,
    target: Value,
    weight: Value | None = None,
    of_samples: bool = False,
) -> None:
    """The loss of an output: its kernel; what a function of one's own composes of `fastnn.ops`; or a step in Python.

    `of_samples`: it is the sum of the samples' own losses, so that each has its own gradient.
    """
    loss = head.loss
    value = over_batch = None
    sums, factor = loss.reduction == "sum", head.loss_weight
    if loss.kernel is None:
        try:
            value, over_batch = trace(getattr(loss, "function", loss.call), builder, [target, prediction])
        except UntraceableError as error:
            loss.untraced = f" It is not composed of fastnn.ops alone either: {error}"
    sums = sums or over_batch == "sum"
    if of_samples and not sums:
        sums, factor = True, factor / math.prod(head.shape[:-1])
    if value is None:
        builder.loss(loss, prediction, target, weight, factor, sums)
        return
    if value.shape == head.shape[:-1]:  # of each row of the output
        value = builder.reshape(value, (*value.shape, 1))
    by_weight = loss.reduction == "mean_with_sample_weight" and not of_samples
    builder.value_loss(value, weight, factor, sums, by_weight)
