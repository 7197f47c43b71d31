"""Batches from wherever they come: generators, data loaders, datasets with a length. One way to read them all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from fastnn.adapters.frames import as_array, is_column, is_frame
from fastnn.adapters.sparse import CSRRows, is_sparse
from fastnn.random import draw_seed


class Batch(NamedTuple):
    """One batch: each is an array, or a list or dictionary of arrays; targets and weights may be `None`."""

    x: Any
    y: Any = None
    sample_weight: Any = None


def is_batches(x: Any) -> bool:
    """Whether `x` yields batches: a generator, a data loader, a `PyDataset`: no array, table, list or dictionary."""
    if x is None or isinstance(x, (np.ndarray, list, tuple, Mapping, str, bytes)):
        return False
    if hasattr(x, "__array__") or is_frame(x) or is_column(x) or is_sparse(x):
        return False
    return isinstance(x, Iterable) or _is_dataset(x)


def _is_dataset(x: Any) -> bool:
    """Whether `x` gives its batches by number."""
    return hasattr(x, "__getitem__") and (hasattr(x, "__len__") or hasattr(x, "num_batches"))


class Batches:
    """The batches of a source, epoch by epoch, each looked at before it is handed on.

    A dataset that gives batches by number, and an iterable that can be begun again (a data loader), give all their
    batches in every epoch; with `steps_per_epoch`, that many: each epoch goes on where the one before stopped, and
    begins again after the last batch. An iterator (a generator) cannot begin again, so it must yield
    `steps_per_epoch` batches for every epoch, or serve one epoch alone.

    Args:
        source: A dataset with `__getitem__` and `__len__` (`PyDataset`), an iterable or an iterator of batches: `x`,
            `(x, y)` or `(x, y, sample_weight)`.
        steps_per_epoch: Batches in an epoch; `None` for as many as there are.
        shuffle: Whether to draw a new order of batches for every epoch, of a dataset that gives them by number.
        name: The name of the argument, for messages.

    Raises:
        ValueError: There is no batch, or what it yields is none.

    Example:

    >>> def generator():
    ...     while True:
    ...         yield np.zeros((32, 8)), np.zeros((32, 1))
    >>> batches = Batches(generator(), steps_per_epoch=3)
    >>> batches.first.x.shape
    (32, 8)
    >>> [len(batch.x) for batch in batches.epoch()]
    [32, 32, 32]
    """

    def __init__(self, source: Any, steps_per_epoch: int | None = None, shuffle: bool = False, name: str = "x") -> None:
        if not is_batches(source):
            raise TypeError(f"Argument `{name}` must yield batches. Received: {type(source).__name__}")
        if steps_per_epoch is not None and (
            isinstance(steps_per_epoch, bool) or not hasattr(steps_per_epoch, "__index__") or int(steps_per_epoch) < 1
        ):
            raise ValueError(
                f"Argument `steps_per_epoch` must be a positive integer. Received: steps_per_epoch={steps_per_epoch!r}"
            )
        if _yields_samples(source):
            raise TypeError(
                f"Argument `{name}` must yield batches, and this dataset yields samples: wrap it in a "
                f"torch.utils.data.DataLoader. Received: {type(source).__name__}"
            )
        self.source = source
        self.steps_per_epoch = None if steps_per_epoch is None else int(steps_per_epoch)
        self.shuffle = shuffle
        self.name = name
        self._repeats = _is_dataset(source) or iter(source) is not source
        self._length = _length(source)  # batches in a round, if known
        self._running: Iterator[Any] | None = None  # a round that was begun
        self._looked_at: list[Any] = []  # taken to be looked at, not handed on yet
        self._epochs = 0
        self._given = 0  # batches of this round
        self._taken = 0  # batches of all rounds
        self._seed: int | None = None  # of the order of this round
        self._shapes: dict[str, tuple[int, ...]] | None = None
        self._first: Batch | None = None
        if self._length == 0:
            raise ValueError(f"Argument `{name}` must yield at least one batch. Received: a dataset of length 0")

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch; `None` where that is not known yet."""
        return self.steps_per_epoch or self._length

    @property
    def first(self) -> Batch:
        """The first batch, to build a model by; an epoch hands it on all the same."""
        if self._first is None:
            if _is_dataset(self.source):
                taken = self.source[0]
            else:
                self._running = self._round()
                try:
                    taken = next(self._running)
                except StopIteration:
                    raise ValueError(
                        f"Argument `{self.name}` must yield at least one batch. Received: {self._what()} that ends at "
                        "once"
                    ) from None
                self._looked_at = [taken]
            self._first = self._checked(taken, 0)
        return self._first

    def epoch(self, done: int = 0) -> Iterator[Batch]:
        """Yields the batches of the next epoch.

        Args:
            done: How many of them were handed on already, before `get_state` was asked.

        Raises:
            ValueError: A batch differs from the first one in its shapes, or there are too few; the message names it.
        """
        _ = self.first
        if self._repeats and self.steps_per_epoch is None and not self._looked_at and not done:
            self._end_round()  # of an epoch that was left in its midst
        _call(self.source, "on_epoch_begin")
        self._epochs += 1
        while self.steps_per_epoch is None or done < self.steps_per_epoch:
            taken = self._take(done)
            if taken is None:
                break
            yield self._checked(taken[0], done)
            done += 1
        if self._given == self._length:
            self._end_round()
        _call(self.source, "on_epoch_end")

    def _take(self, done: int) -> tuple[Any] | None:
        """The next batch, in a tuple of its own; `None` where the epoch ends before it."""
        if self._running is None:
            if self._epochs > 1 and not self._repeats:
                self._refuse_end(done)
            self._running = self._round()
        taken = self._looked_at.pop() if self._looked_at else next(self._running, _END)
        if taken is not _END:
            self._given += 1
            self._taken += 1
            return (taken,)
        given = self._given
        self._end_round()
        if self._repeats:
            self._length = given
        if self.steps_per_epoch is None and given:
            return None
        if not self._repeats or not given:
            self._refuse_end(done)
        return self._take(done)

    def _end_round(self) -> None:
        self._running, self._given, self._seed = None, 0, None

    # --- going on in another process ---

    def get_state(self, amid: bool) -> dict[str, Any]:
        """Where the source has come to.

        Args:
            amid: Whether an epoch is running, which is to be gone on with.
        """
        return {
            "epochs": self._epochs - amid,
            "given": self._given,
            "taken": self._taken,
            "seed": self._seed,
            "length": self._length,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on to where `get_state` found a source of the same batches: those before are skipped."""
        _ = self.first
        repeats = self._repeats
        skipped = state["given"] if repeats else state["taken"] - self._taken
        if repeats:
            self._looked_at = []
            self._end_round()
            self._seed = state["seed"]
            self._running = self._round(skipped) if skipped else None
            if skipped and not _is_dataset(self.source):
                deque(islice(self._running or (), skipped), maxlen=0)
        else:
            for _ in range(skipped):
                if self._looked_at:
                    self._looked_at.pop()
                elif next(self._running or iter(()), _END) is _END:
                    self._refuse_end(0)
        self._epochs, self._given, self._taken = state["epochs"], state["given"], state["taken"]
        self._length = state["length"]

    def _refuse_end(self, done: int) -> None:
        needed = "" if self.steps_per_epoch is None else f" of steps_per_epoch={self.steps_per_epoch}"
        raise ValueError(
            f"Argument `{self.name}` must yield batches for every epoch: let a generator go on for ever and give "
            f"steps_per_epoch, or use a PyDataset. Received: {self._what()} that ends before batch {done}{needed} in "
            f"epoch {self._epochs}"
        )

    def _round(self, first: int = 0) -> Iterator[Any]:
        """All batches of the source, once; of a dataset, from the `first` on."""
        if not _is_dataset(self.source):
            return iter(self.source)
        order: Iterable[int] = _numbers(self._length)
        if self.shuffle and self._length is not None:
            if self._seed is None:
                self._seed = draw_seed()
            order = np.random.default_rng(self._seed).permutation(self._length).tolist()
        order = islice(order, first, None)
        workers = getattr(self.source, "workers", 1)
        if workers > 1:
            return _prefetched(self.source.__getitem__, order, workers, getattr(self.source, "max_queue_size", 10))
        return (self.source[i] for i in order)

    def _what(self) -> str:
        return f"a {type(self.source).__name__}"

    # --- looking at a batch ---

    def _checked(self, taken: Any, number: int) -> Batch:
        where = f"batch {number} of epoch {max(self._epochs, 1)}"
        parts = tuple(taken) if isinstance(taken, (tuple, list)) else (taken,)
        if not 1 <= len(parts) <= 3:
            raise ValueError(
                f"Argument `{self.name}` must yield x, (x, y) or (x, y, sample_weight). Received: {len(parts)} things "
                f"as {where}"
            )
        shapes: dict[str, tuple[int, ...]] = {}
        batch = Batch(*(_arrays(part, what, shapes) for part, what in zip(parts, Batch._fields, strict=False)))
        lengths = {what: shape[0] if shape else 0 for what, shape in shapes.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise ValueError(
                f"Argument `{self.name}` must yield as many samples for each part of a batch, and at least one. "
                f"Received: {lengths} as {where}"
            )
        samples = {what: shape[1:] for what, shape in shapes.items()}
        if self._shapes is None:
            self._shapes = samples
        elif samples != self._shapes:
            differing = [what for what in {**self._shapes, **samples} if samples.get(what) != self._shapes.get(what)]
            raise ValueError(
                f"Argument `{self.name}` must yield samples of one shape. Received: "
                + "; ".join(f"{what} of shape {samples.get(what)}, not {self._shapes.get(what)}," for what in differing)
                + f" as {where}"
            )
        return batch


_END = object()


def _numbers(length: int | None) -> Iterator[int]:
    number = 0
    while length is None or number < length:
        yield number
        number += 1


def _length(source: Any) -> int | None:
    if hasattr(source, "num_batches"):
        return source.num_batches
    try:
        return len(source)
    except TypeError:  # it has none, or (a data loader over a stream) does not know it
        return None


def _call(source: Any, method: str) -> None:
    if callable(getattr(source, method, None)):
        getattr(source, method)()


def _yields_samples(source: Any) -> bool:
    """Whether `source` is a Dataset of PyTorch's, which holds samples; a DataLoader makes batches of them."""
    return any(
        f"{kind.__module__}.{kind.__name__}".startswith("torch.utils.data.dataset.") for kind in type(source).mro()
    )


def _arrays(part: Any, what: str, shapes: dict[str, tuple[int, ...]]) -> Any:
    """The arrays in one part of a batch, in the same lists and dictionaries; `shapes` gains their shapes by name."""
    if part is None:
        return None
    if isinstance(part, Mapping):
        return {key: _arrays(value, f"{what}[{key!r}]", shapes) for key, value in part.items()}
    if isinstance(part, (list, tuple)) and any(hasattr(value, "__array__") for value in part):
        return [_arrays(value, f"{what}[{i}]", shapes) for i, value in enumerate(part)]
    array: Any
    if is_sparse(part):
        array = CSRRows(part, what)
        if not what.startswith("x"):  # inputs alone are multiplied as they are
            array = array.dense(slice(None))
    else:
        array = np.asarray(as_array(part, what))
    shapes[what] = array.shape
    return array


def _prefetched(get: Callable[[int], Any], order: Iterable[int], workers: int, ahead: int) -> Iterator[Any]:
    """Yields get(i) for each i in order, computed by threads that are up to `ahead` of them ahead."""
    from concurrent.futures import Future, ThreadPoolExecutor  # brings `logging` with it

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Any]] = deque()
        try:
            for number in order:
                waiting.append(pool.submit(get, number))
                if len(waiting) > max(ahead, 1):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
