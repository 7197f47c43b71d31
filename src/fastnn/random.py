"""The one source of seeds."""

from __future__ import annotations

import random as _python_random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

# Seeds are drawn from here by everything that is not given one of its own: initializers, dropout, shuffling.
_source = _python_random.Random()
_own: ContextVar[_python_random.Random | None] = ContextVar("_own", default=None)  # of a thread, within `seeded`


def set_random_seed(seed: int) -> None:
    """Makes a whole run repeatable: seeds Python's generator, NumPy's global one, and fastnn's own.

    Args:
        seed: An integer from 0 to 2**32 - 1.

    Raises:
        ValueError: `seed` is not such an integer.

    Example:

    >>> set_random_seed(1)
    >>> first = draw_seed()
    >>> set_random_seed(1)
    >>> draw_seed() == first
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"Argument `seed` must be an integer from 0 to 2**32 - 1. Received: seed={seed!r}")
    seed = int(seed)
    _python_random.seed(seed)
    np.random.seed(seed)
    _source.seed(seed)


def random_state() -> dict[str, Any]:
    """Returns where the three generators are that `set_random_seed` seeds, in lists and numbers."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "python": _listed(_python_random.getstate()),
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, gauss],
        "fastnn": _listed(_source.getstate()),
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Puts the three generators where `random_state` found them.

    >>> before = random_state()
    >>> first = draw_seed()
    >>> set_random_state(before)
    >>> draw_seed() == first
    True
    """
    for source, name in ((_python_random, "python"), (_source, "fastnn")):
        version, numbers, gauss = state[name]
        source.setstate((version, tuple(numbers), gauss))
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), position, has_gauss, gauss))


def _listed(state: tuple[Any, ...]) -> list[Any]:
    version, numbers, gauss = state
    return [version, list(numbers), gauss]


def draw_seed(seed: int | SeedGenerator | None = None) -> int:
    """Returns a seed: `seed` itself, the next of a `SeedGenerator`, or, for `None`, the next of the common source."""
    if seed is None:
        return (_own.get() or _source).randrange(1, 2**31)
    if isinstance(seed, SeedGenerator):
        return seed.next()
    return int(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it, this thread draws its seeds from a source of its own: the same ones each time, and no one else's.

    Args:
        seed: Of the source.

    Example:

    >>> with seeded(1):
    ...     first = draw_seed()
    >>> with seeded(1):
    ...     draw_seed() == first
    True
    """
    token = _own.set(_python_random.Random(seed))
    try:
        yield
    finally:
        _own.reset(token)


class SeedGenerator:
    """A source of seeds of one's own: as often as it is asked, it gives another.

    An initializer that is given an integer returns the same values whenever it is called; given a `SeedGenerator`, it
    returns others each time.

    Args:
        seed: An integer, or `None` to draw one from the common source.
        name: Name of the generator.

    Example:

    >>> generator = SeedGenerator(7)
    >>> generator.next() == generator.next()
    False
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is None:
            seed = draw_seed()
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"Argument `seed` must be an integer >= 0 or None. Received: seed={seed!r}")
        self.name = name or "seed_generator"
        self.seed = int(seed)
        self._source = _python_random.Random(self.seed)

    def next(self) -> int:
        """Returns the next seed."""
        return self._source.randrange(1, 2**31)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)
