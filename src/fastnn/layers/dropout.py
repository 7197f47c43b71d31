"""Dropout."""

from __future__ import annotations

from typing import Any

from fastnn.layers.layer import Layer
from fastnn.program import Builder, Value
from fastnn.random import draw_seed


class Dropout(Layer):
    """Sets a share of its inputs to zero in training, and scales up the others to keep the sum.

    The mask is a function of the seed, the step and the place in the batch alone: the same for any number of threads
    and any instruction set. (Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting".)

    Args:
        rate: Share of inputs to drop, in [0, 1).
        noise_shape: Not supported: `None`.
        seed: Integer seed, or `None` to draw one.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> Dropout(0.5)(np.ones((1, 4)))
    array([[1., 1., 1., 1.]])
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
            raise ValueError(f"Argument `rate` must be a number in [0, 1). Received: rate={rate!r}")
        if noise_shape is not None:
            raise NotImplementedError(f"Argument `noise_shape` must be None. Received: noise_shape={noise_shape}")
        self.rate = float(rate)
        self.seed = seed
        self._stream = draw_seed(seed)

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.dropout(x, self.rate, self._stream)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
