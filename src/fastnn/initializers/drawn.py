"""Initializers that draw their values from one distribution, whatever the shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._arrays import standardize_dtype
from fastnn.initializers.fixed import Initializer
from fastnn.random import SeedGenerator, draw_seed


class RandomInitializer(Initializer):
    """Base class of the initializers that draw their values.

    With an integer for its seed, or without one, an initializer returns the same values whenever it is called; with a
    `SeedGenerator`, others each time.

    Args:
        seed: An integer, a `fastnn.random.SeedGenerator`, or `None` to draw a seed from the common source, which
            `fastnn.utils.set_random_seed` sets.

    >>> normal = RandomNormal(seed=1)
    >>> isinstance(normal, RandomInitializer), bool((normal((3,)) == normal((3,))).all())
    (True, True)
    """

    def __init__(self, seed: int | SeedGenerator | None = None) -> None:
        if isinstance(seed, dict):
            seed = SeedGenerator.from_config(seed.get("config", seed))
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer, SeedGenerator, type(None))):
            raise ValueError(f"Argument `seed` must be an integer, a SeedGenerator or None. Received: seed={seed!r}")
        self._given_seed = seed
        self.seed = draw_seed() if seed is None else seed

    def _generator(self) -> np.random.Generator:
        # Negative seeds are seeds to Keras; NumPy takes them modulo 2**64.
        return np.random.default_rng(draw_seed(self.seed) % 2**64)

    # Values are drawn in float64 and rounded, so that a model starts from the same weights in either dtype.

    def _normal(self, shape: Sequence[int], mean: float, stddev: float, dtype: Any) -> np.ndarray:
        values = self._generator().standard_normal(math.prod(shape))
        return (mean + stddev * values).reshape(shape).astype(standardize_dtype(dtype), copy=False)

    def _truncated_normal(self, shape: Sequence[int], mean: float, stddev: float, dtype: Any) -> np.ndarray:
        generator = self._generator()
        values = generator.standard_normal(math.prod(shape))
        outside = np.abs(values) > 2.0
        while outside.any():
            values[outside] = generator.standard_normal(np.count_nonzero(outside))
            outside = np.abs(values) > 2.0
        return (mean + stddev * values).reshape(shape).astype(standardize_dtype(dtype), copy=False)

    def _uniform(self, shape: Sequence[int], low: float, high: float, dtype: Any) -> np.ndarray:
        values = self._generator().random(math.prod(shape))
        return (low + (high - low) * values).reshape(shape).astype(standardize_dtype(dtype), copy=False)

    def get_config(self) -> dict[str, Any]:
        seed: Any = self._given_seed
        if isinstance(seed, SeedGenerator):
            seed = {"module": "fastnn.random", "class_name": "SeedGenerator", "config": seed.get_config()}
        return {"seed": seed}


class RandomNormal(RandomInitializer):
    """Values from a normal distribution.

    Args:
        mean: Mean of the distribution.
        stddev: Its standard deviation.
        seed: See `RandomInitializer`.

    >>> RandomNormal(stddev=1.0, seed=1)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self._normal(shape, self.mean, self.stddev, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Values from a normal distribution; those more than two standard deviations from the mean are drawn again.

    Args:
        mean: Mean of the distribution.
        stddev: Its standard deviation before values are discarded.
        seed: See `RandomInitializer`.

    >>> bool(abs(TruncatedNormal(stddev=1.0, seed=1)((100,))).max() <= 2.0)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self._truncated_normal(shape, self.mean, self.stddev, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Values spread evenly over a range.

    Args:
        minval: Lower end of the range.
        maxval: Upper end of the range.
        seed: See `RandomInitializer`.

    >>> bool(RandomUniform(0.0, 1.0, seed=1)((100,)).min() >= 0.0)
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return self._uniform(shape, self.minval, self.maxval, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}
