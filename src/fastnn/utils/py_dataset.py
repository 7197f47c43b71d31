"""A base class of datasets written in Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Base class of datasets that give their batches by number.

    A subclass says `__getitem__(index)`, which returns `x`, `(x, y)` or `(x, y, sample_weight)`, a whole batch; and
    `__len__()`, the number of batches, or the property `num_batches`, which may be `None` for a dataset without end.

    Args:
        workers: How many threads prepare batches ahead; 1 for none, in the caller's own thread.
        use_multiprocessing: Accepted, and without effect: compiled steps leave Python's threads free to work.
        max_queue_size: How many batches may wait, if there are several workers.

    Example:

    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         x = np.arange(3.0) + 3 * index
    ...         return x, x**2
    >>> [y.tolist() for x, y in Squares()]
    [[0.0, 1.0, 4.0], [9.0, 16.0, 25.0]]
    """

    # What a subclass has that does not call `super().__init__()`.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Returns batch number `index`."""
        raise NotImplementedError(f"{type(self).__name__} must implement `__getitem__(self, index)`.")

    def __iter__(self) -> Iterator[Any]:
        index, batches = 0, self.num_batches
        while batches is None or index < batches:
            yield self[index]
            index += 1

    @property
    def num_batches(self) -> int | None:
        """Number of batches; `None` for a dataset without end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"{type(self).__name__} must implement `__len__(self)` or `num_batches`.")

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """A batch as `fit` takes it: `x`, `(x, y)` or `(x, y, sample_weight)`.

    >>> pack_x_y_sample_weight([1.0], [2.0])
    ([1.0], [2.0])
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of a batch, with `None` for what it has not.

    Raises:
        ValueError: It is a tuple of more than three.

    >>> unpack_x_y_sample_weight(([1.0], [2.0]))
    ([1.0], [2.0], None)
    """
    parts = data if isinstance(data, tuple) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"Argument `data` must be (x,), (x, y) or (x, y, sample_weight). Received: {len(parts)} parts")
    return (*parts, *(None,) * (3 - len(parts)))
