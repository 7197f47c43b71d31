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
        first = builder.rearrange(x, np.zeros(math.prod(self.shape), np.intp))
        nothing = builder.binary("where", first, builder.activation(first, "is_zero"))  # 0, whatever it is
        with builder.behaving(training=True):
            y = builder.gaussian_noise(builder.stop(nothing), self.stddev, self.seed, relative=False)
        y = builder.linear_map(y, 1.0, self.mean) if self.mean else y
        return builder.reshape(y, self.shape)

    def get_config(self) -> dict[str, Any]:
        own = {"shape": self.shape, "mean": self.mean, "stddev": self.stddev, "seed": self.seed}
        return {**super().get_config(), **own}


def random_normal(x: Any, shape: Sequence[int], mean: float, stddev: float, seed: int) -> Any:
    """Normal numbers, as many samples as x has."""
    return RandomNormal(shape, mean, stddev, seed)(x)


def random_dropout(x: Any, rate: float, noise_shape: Any, seed: int) -> Any:
    """x with elements dropped, in inference, too."""
    return Dropout(rate, noise_shape, seed)(x, training=True)
