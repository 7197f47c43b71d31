"""Which axes of a sample something goes along, and how rows must be cut for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

Shape = tuple[int, ...]


def sample_axes(axes: Any, rank: int, argument: str = "axis") -> tuple[int, ...]:
    """The axes of a sample, from 0 on, that `axes` of an array with a batch axis in front are.

    Args:
        axes: An integer or several; negative ones count from the end.
        rank: Number of axes of a sample.
        argument: Name of the argument, for messages.

    Raises:
        ValueError: There is no such axis, or it is that of the batch.

    >>> sample_axes(-1, 2)
    (1,)
    """
    given = axes if isinstance(axes, (list, tuple)) else (axes,)
    found = []
    for axis in given:
        if isinstance(axis, bool) or not hasattr(axis, "__index__"):
            raise ValueError(f"Argument `{argument}` must be an integer or several. Received: {argument}={axes!r}")
        at = int(axis) + (rank + 1 if int(axis) < 0 else 0)
        if not 1 <= at <= rank:
            raise ValueError(
                f"Argument `{argument}` must name axes of inputs of rank {rank + 1}, but that of the batch (0). "
                f"Received: {argument}={axes!r}"
            )
        found.append(at - 1)
    return tuple(sorted(set(found)))


def are_last(axes: Sequence[int], rank: int) -> bool:
    """Whether these axes of a sample are its last ones: then their elements lie side by side.

    >>> are_last((1, 2), 3), are_last((0, 2), 3)
    (True, False)
    """
    return len(axes) > 0 and tuple(axes) == tuple(range(rank - len(axes), rank))


def cut(shape: Shape, axes: Iterable[int]) -> tuple[int, int, int] | None:
    """(repetitions before, elements, repetitions behind) of something along `axes` that is shared by the other axes.

    None where the axes that count are not side by side. Axes of length one do not count.

    >>> cut((5, 3, 4), [1])
    (5, 3, 4)
    >>> cut((5, 3, 4), [0, 2]) is None
    True
    """
    counted = [axis for axis in sorted(axes) if shape[axis] > 1]
    if not counted:
        return 1, 1, math.prod(shape)
    first, last = counted[0], counted[-1] + 1
    between = [axis for axis in range(first, last) if axis not in counted and shape[axis] > 1]
    return None if between else (math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:]))
