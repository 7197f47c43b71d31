"""Normal noise in training: added, or multiplied with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.layers.dropout import BELOW_ONE, rate_or_schedule, serialize_rate, share
from fastnn.layers.layer import Layer
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.program import Builder
from fastnn.random import draw_seed
from fastnn.records import Rates, Value


class GaussianNoise(Layer):
    """Adds normal noise of mean zero in training.

    (Bishop 1995, "Training with Noise is Equivalent to Tikhonov Regularization".)

    The noise is a function of the seed, the step and the place in the batch alone: the same for any number of threads
    and any instruction set.

    Args:
        stddev: Standard deviation of the noise, in [0, 1].
        seed: Integer seed, or `None` to draw one.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> GaussianNoise(0.5)(np.ones((1, 4)))
    array([[1., 1., 1., 1.]])
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = share("stddev", stddev)
        self.seed = seed
        self._stream = draw_seed(seed)

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.gaussian_noise(x, self.stddev, self._stream, relative=False)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(Layer):
    """Multiplies by normal noise of mean one in training, with the variance that dropout at `rate` would have.

    (Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 10.)

    Args:
        rate: The standard deviation is `sqrt(rate / (1 - rate))`; in [0, 1). Or a schedule, as for `Dropout`.
        seed: Integer seed, or `None` to draw one.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> GaussianDropout(0.5)(np.ones((1, 4)))
    array([[1., 1., 1., 1.]])
    """

    def __init__(self, rate: Any, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate_or_schedule(rate, below_one=True)
        self.seed = seed
        self._stream = draw_seed(seed)

    def lower(self, builder: Builder, x: Value) -> Value:
        stddev: float | Rates
        if isinstance(self.rate, LearningRateSchedule):
            checked = Rates(self.rate.at, BELOW_ONE, self.name)
            stddev = Rates(lambda batches: np.sqrt(checked(batches) / (1 - checked(batches))), math.inf, self.name)
        else:
            stddev = math.sqrt(self.rate / (1 - self.rate))
        return builder.gaussian_noise(x, stddev, self._stream, relative=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": serialize_rate(self.rate), "seed": self.seed}
