"""What `fastnn.random` draws within the `call` of a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.layers.dropout import Dropout
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


def standard_normal(builder: Builder, x: Value, count: int, stddev: float, seed: int) -> Value:
    """Normal numbers of mean 0, so many for each sample of x."""
    first = builder.rearrange(x, np.zeros(count, np.intp))
    nothing = builder.binary("where", first, builder.activation(first, "is_zero"))  # 0, whatever it is
    with builder.behaving(training=True):
        return builder.gaussian_noise(builder.stop(nothing), stddev, seed, relative=False)


class RandomNormal(Layer):
    """Normal numbers, as many samples as its input has; of which nothing else counts.

    Args:
        shape: Shape of a sample.
        mean: Their mean.
        stddev: Their standard deviation.
        seed: Of their stream.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> RandomNormal((3,))(np.ones((2, 5))).shape
    (2, 3)
    """

    def __init__(
        self, shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.shape = tuple(int(length) for length in shape)
        self.mean, self.stddev, self.seed = float(mean), float(stddev), int(seed)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (None, *self.shape)

    def lower(self, builder: Builder, x: Value) -> Value:
        y = standard_normal(builder, x, math.prod(self.shape), self.stddev, self.seed)
        y = builder.linear_map(y, 1.0, self.mean) if self.mean else y
        return builder.reshape(y, self.shape)

    def get_config(self) -> dict[str, Any]:
        own = {"shape": self.shape, "mean": self.mean, "stddev": self.stddev, "seed": self.seed}
        return {**super().get_config(), **own}


class RandomUniform(Layer):
    """Numbers that are as likely anywhere between two, as many samples as its input has; of which nothing else counts.

    Args:
        shape: Shape of a sample.
        minval: The least of them.
        maxval: What they stay below, but for rounding.
        seed: Of their stream.
        **kwargs: Arguments of `Layer`.

    Example:

    >>> RandomUniform((3,))(np.ones((2, 5))).shape
    (2, 3)
    """

    def __init__(
        self, shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.shape = tuple(int(length) for length in shape)
        self.minval, self.maxval, self.seed = float(minval), float(maxval), int(seed)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (None, *self.shape)

    def lower(self, builder: Builder, x: Value) -> Value:
        z = standard_normal(builder, x, math.prod(self.shape), 1.0, self.seed)
        zero = builder.activation(z, "is_zero")  # which has no quotient below, and is as good as never drawn
        z = builder.binary("add", z, zero)
        share = builder.binary("divide", builder.activation(z, "gelu"), z)  # of the normal numbers that are less
        y = builder.linear_map(builder.stop(share), self.maxval - self.minval, self.minval)
        return builder.reshape(y, self.shape)

    def get_config(self) -> dict[str, Any]:
        own = {"shape": self.shape, "minval": self.minval, "maxval": self.maxval, "seed": self.seed}
        return {**super().get_config(), **own}


def random_normal(x: Any, shape: Sequence[int], mean: float, stddev: float, seed: int) -> Any:
    """Normal numbers, as many samples as x has."""
    return RandomNormal(shape, mean, stddev, seed)(x)


def random_uniform(x: Any, shape: Sequence[int], minval: float, maxval: float, seed: int) -> Any:
    """Numbers as likely anywhere between two, as many samples as x has."""
    return RandomUniform(shape, minval, maxval, seed)(x)


def random_dropout(x: Any, rate: float, noise_shape: Any, seed: int) -> Any:
    """x with elements dropped, in inference, too."""
    return Dropout(rate, noise_shape, seed)(x, training=True)
