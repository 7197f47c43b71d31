"""Initializers that draw their values on a scale that fits the weight's shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._arrays import standardize_dtype
from fastnn.initializers.drawn import RandomInitializer

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")
_TRUNCATED_STDDEV = 0.87962566103423978  # standard deviation of a standard normal cut off at -2 and 2


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Returns how many inputs and how many outputs a weight of that shape connects.

    >>> compute_fans((784, 10))
    (784, 10)
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class VarianceScaling(RandomInitializer):
    """Values whose variance is `scale / n`, where `n` counts the inputs or outputs that the weight connects.

    Args:
        scale: Factor of the variance, positive.
        mode: What `n` is: `"fan_in"`, the inputs; `"fan_out"`, the outputs; `"fan_avg"`, the average of both.
        distribution: `"truncated_normal"`, `"untruncated_normal"` or `"uniform"`.
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. By default all but the last.
        output_axes: The axes of the weight that count as outputs. By default the last.

    Raises:
        ValueError: An argument is none of these.

    >>> initializer = VarianceScaling(scale=3.0, mode="fan_in", distribution="uniform", seed=1)
    >>> bool(abs(initializer((9, 4))).max() <= 1.0)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if not scale > 0.0:
            raise ValueError(f"Argument `scale` must be a positive float. Received: scale={scale!r}")
        if mode not in _MODES:
            raise ValueError(f"Argument `mode` must be one of {_MODES}. Received: mode={mode!r}")
        distribution = str(distribution).lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(
                f"Argument `distribution` must be one of {_DISTRIBUTIONS}. Received: distribution={distribution!r}"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return self._uniform(shape, -limit, limit, dtype)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return self._normal(shape, 0.0, stddev, dtype)
        return self._truncated_normal(shape, 0.0, stddev / _TRUNCATED_STDDEV, dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _Scaled(VarianceScaling):
    """A `VarianceScaling` with three of its arguments fixed by the class."""

    _fixed: tuple[float, str, str]

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._fixed, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        return {**RandomInitializer.get_config(self), "input_axes": self.input_axes, "output_axes": self.output_axes}


class GlorotUniform(_Scaled):
    """Values spread evenly up to `sqrt(6 / (inputs + outputs))` on either side of zero (Glorot and Bengio, 2010).

    Args:
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. By default all but the last.
        output_axes: The axes of the weight that count as outputs. By default the last.

    >>> bool(abs(GlorotUniform(seed=1)((2, 4))).max() <= 1.0)
    True
    """

    _fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Values from a truncated normal distribution, of variance `2 / (inputs + outputs)` (Glorot and Bengio, 2010).

    Args:
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. By default all but the last.
        output_axes: The axes of the weight that count as outputs. By default the last.

    >>> GlorotNormal(seed=1)((2, 4)).shape
    (2, 4)
    """

    _fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Values spread evenly up to `sqrt(6 / inputs)` on either side of zero (He et al., 2015).

    Args:
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. By default all but the last.
        output_axes: The axes of the weight that count as outputs. By default the last.

    >>> bool(abs(HeUniform(seed=1)((6, 4))).max() <= 1.0)
    True
    """

    _fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Values from a truncated normal distribution, of variance `2 / inputs` (He et al., 2015).

    Args:
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. By default all but the last.
        output_axes: The axes of the weight that count as outputs. By default the last.

    >>> HeNormal(seed=1)((2, 4)).shape
    (2, 4)
    """

    _fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Values spread evenly up to `sqrt(3 / inputs)` on either side of zero (LeCun et al., 1998).

    Args:
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. By default all but the last.
        output_axes: The axes of the weight that count as outputs. By default the last.

    >>> bool(abs(LecunUniform(seed=1)((3, 4))).max() <= 1.0)
    True
    """

    _fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Values from a truncated normal distribution, of variance `1 / inputs` (LeCun et al., 1998).

    Args:
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. By default all but the last.
        output_axes: The axes of the weight that count as outputs. By default the last.

    >>> LecunNormal(seed=1)((2, 4)).shape
    (2, 4)
    """

    _fixed = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """A matrix with orthogonal columns, or rows where there are fewer of them (Saxe et al., 2014).

    A shape of more than two axes is filled as the matrix whose columns are its last axis.

    Args:
        gain: Factor of the matrix.
        seed: See `RandomInitializer`.

    Raises:
        ValueError: When called, for a shape of fewer than two axes.

    >>> q = Orthogonal(seed=1)((4, 2), "float64")
    >>> bool(abs(q.T @ q - np.eye(2)).max() < 1e-12)
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(
                f"The weight to initialize must have at least two axes. Received: shape={shape} of rank {len(shape)}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = self._normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, "float64")
        q, r = np.linalg.qr(normal)
        # The signs of r's diagonal are the factorization's own choice: without this, q would not be spread evenly.
        q = q * np.sign(np.diagonal(r))
        if rows < columns:
            q = q.T
        return (self.gain * q).reshape(shape).astype(standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}
