"""The one source of seeds, and numbers drawn by them, by Keras's names."""

from __future__ import annotations

import random as _python_random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from fastnn._arrays import standardize_dtype

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]

# Seeds are drawn from here by everything that is not given one of its own: initializers, dropout, shuffling.
_source = _python_random.Random()
# The symbolic tensor whose batch a random array of shape (None, ...) has, within the `call` of a layer.
traced: ContextVar[Any] = ContextVar("fastnn_traced", default=None)
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


# Numbers, drawn in float64 and rounded. `seed` is what `draw_seed` takes: an integer draws the same each time.


def _generator(seed: int | SeedGenerator | None) -> np.random.Generator:
    return np.random.default_rng(draw_seed(seed) % 2**64)


def _real(values: Any, dtype: Any) -> np.ndarray:
    return np.asarray(values).astype(standardize_dtype(dtype), copy=False)


def _shape(shape: Any) -> tuple[int, ...]:
    lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if None in lengths:
        raise NotImplementedError(
            "Within a `call`, `random.normal`, `random.uniform` and `random.dropout` draw as many samples as the batch "
            f"has: of another distribution there is no compiled step. Received: shape={lengths}"
        )
    return lengths


def _in_call(name: str, shape: Any, *settings: Any, seed: Any) -> Any:
    """What a `call` draws for every sample of its batch; `None` where the shape is that of an array."""
    if isinstance(shape, (int, np.integer)) or None not in (shape := tuple(shape)):
        return None
    batch = traced.get()
    if batch is None or shape[0] is not None or None in shape[1:]:
        raise ValueError(
            "Argument `shape` begins with None, for the batch, within the `call` of a layer, and only there. "
            f"Received: shape={shape}"
        )
    return batch.__fastnn__(name, batch, shape[1:], *settings, draw_seed(seed))


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of a normal distribution.

    Within the `call` of a layer, a shape that begins with `None`, or with `ops.shape(inputs)[0]`, is that of a symbolic
    tensor, drawn anew in each step.

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    drawn = _in_call("random_normal", shape, mean, stddev, seed=seed)
    return _real(mean + stddev * _generator(seed).standard_normal(_shape(shape)), dtype) if drawn is None else drawn


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> np.ndarray:
    """Numbers of a normal distribution, those further than two standard deviations from the mean drawn again.

    >>> bool((abs(truncated_normal((1000,), seed=1)) <= 2).all())
    True
    """
    generator = _generator(seed)
    values = generator.standard_normal(_shape(shape))
    while (outside := np.abs(values) > 2.0).any():
        values[outside] = generator.standard_normal(np.count_nonzero(outside))
    return _real(mean + stddev * values, dtype)


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers from `minval` to `maxval`, each as likely; within the `call` of a layer as `normal` has it.

    >>> bool((uniform((5,), 2.0, 3.0, seed=1) >= 2).all())
    True
    """
    drawn = _in_call("random_uniform", shape, minval, maxval, seed=seed)
    if drawn is not None:
        return drawn
    return _real(minval + (maxval - minval) * _generator(seed).random(_shape(shape)), dtype)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> np.ndarray:
    """Whole numbers from `minval` to `maxval - 1`, each as likely.

    >>> sorted(set(randint((100,), 0, 3, seed=1).tolist()))
    [0, 1, 2]
    """
    return _generator(seed).integers(minval, maxval, _shape(shape)).astype(dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> np.ndarray:
    """Numbers of classes, `(rows, num_samples)`, as likely as `exp(logits)` in their row.

    >>> categorical([[0.0, -100.0], [-100.0, 0.0]], 3, seed=1).tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2:
        raise ValueError(f"Argument `logits` must have two axes. Received: shape={logits.shape}")
    gumbel = _generator(seed).gumbel(size=(len(logits), num_samples, logits.shape[1]))
    return np.argmax(logits[:, None, :] + gumbel, axis=-1).astype(dtype)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> np.ndarray:
    """Numbers of successes in `counts` trials.

    >>> binomial((2,), 10, 1.0, seed=1).tolist()
    [10.0, 10.0]
    """
    return _real(_generator(seed).binomial(np.asarray(counts, np.int64), probabilities, _shape(shape)), dtype)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> np.ndarray:
    """Numbers of a gamma distribution of scale 1.

    >>> bool((gamma((3,), 2.0, seed=1) > 0).all())
    True
    """
    return _real(_generator(seed).gamma(alpha, size=_shape(shape)), dtype)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> np.ndarray:
    """Numbers of a beta distribution.

    >>> bool((beta((3,), 2.0, 3.0, seed=1) < 1).all())
    True
    """
    return _real(_generator(seed).beta(alpha, beta, _shape(shape)), dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> np.ndarray:
    """A copy of x in another order along an axis.

    >>> sorted(shuffle([3, 1, 2], seed=1).tolist())
    [1, 2, 3]
    """
    return _generator(seed).permutation(np.asarray(x), axis)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """x with a share of its elements set to 0, and the others made larger so that the mean stays; in models, too.

    >>> dropout([1.0, 1.0], 0.0, seed=1).tolist()
    [1.0, 1.0]
    """
    if not 0 <= rate < 1:
        raise ValueError(f"Argument `rate` must be from 0 to below 1. Received: rate={rate!r}")
    if hasattr(inputs, "__fastnn__"):
        return inputs.__fastnn__("random_dropout", inputs, rate, noise_shape, draw_seed(seed))
    x = np.asarray(inputs)
    x = _real(x, x.dtype if x.dtype == np.float64 and isinstance(inputs, np.ndarray) else None)
    shape = x.shape if noise_shape is None else noise_shape
    shape = [n if given is None else given for n, given in zip(x.shape, shape, strict=True)]
    return np.where(_generator(seed).random(shape) >= rate, x / (1 - rate), 0).astype(x.dtype)
