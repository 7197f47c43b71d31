"""Dropout, of single elements and of what axes share."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers.axes import cut
from fastnn.layers.layer import Layer, Shape
from fastnn.optimizers import schedules
from fastnn.program import Builder
from fastnn.random import draw_seed
from fastnn.records import Rates, Value


def share(name: str, value: Any, below_one: bool = False) -> float:
    """A share that was given as an argument: a number in [0, 1], or [0, 1)."""
    within = not isinstance(value, bool) and isinstance(value, (int, float, np.floating)) and 0 <= value <= 1
    if not within or (below_one and value == 1):
        end = ")" if below_one else "]"
        raise ValueError(f"Argument `{name}` must be a number in [0, 1{end}. Received: {name}={value!r}")
    return float(value)


def rate_or_schedule(rate: Any, below_one: bool = False) -> Any:
    """A rate that was given as an argument: a share, a schedule, or the configuration of one."""
    if isinstance(rate, dict):
        rate = schedules.deserialize(rate)
    return rate if isinstance(rate, schedules.LearningRateSchedule) else share("rate", rate, below_one)


def serialize_rate(rate: Any) -> Any:
    """A rate as it stands in configurations."""
    return schedules.serialize(rate) if isinstance(rate, schedules.LearningRateSchedule) else rate


def _standardize_noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    lengths = tuple(noise_shape) if isinstance(noise_shape, (list, tuple)) else (0,)
    if any(n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1) for n in lengths):
        raise ValueError(
            "Argument `noise_shape` must be a tuple or list of positive integers and None. "
            f"Received: noise_shape={noise_shape!r}"
        )
    return lengths


BELOW_ONE = 1 - 2**-53  # the highest rate of what divides by 1 - rate


class MaskedLayer(Layer):
    """What dropouts have in common: a rate, a seed, and the axes that share a draw."""

    def __init__(self, rate: Any, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.noise_shape = _standardize_noise_shape(noise_shape)
        self.seed = seed
        self._stream = draw_seed(seed)

    def _shared(self, shape: Shape) -> tuple[int, int, bool]:
        """How a sample is cut for the mask: elements before and behind each that is drawn, and if samples share it."""
        if self.noise_shape is None:
            return 1, 1, False
        batch, *lengths = self.noise_shape
        if len(lengths) != len(shape) or any(n not in (None, 1, to) for n, to in zip(lengths, shape, strict=True)):
            raise ValueError(
                f"Argument `noise_shape` of layer '{self.name}' must hold, for each axis of inputs of shape "
                f"{(None, *shape)}, its length, 1 or None. Received: noise_shape={self.noise_shape}"
            )
        found = cut(shape, [axis for axis, n in enumerate(lengths) if n != 1])
        if found is None:
            raise NotImplementedError(
                f"Argument `noise_shape` of layer '{self.name}' must leave axes of its own that are side by side. "
                f"Received: noise_shape={self.noise_shape} for samples of shape {shape}"
            )
        return found[0], found[2], batch == 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._shared(tuple(input_shape[1:]))
        return input_shape

    def get_config(self) -> dict[str, Any]:
        rate = serialize_rate(self.rate)
        return {**super().get_config(), "rate": rate, "noise_shape": self.noise_shape, "seed": self.seed}


class Dropout(MaskedLayer):
    """Sets a share of its inputs to zero in training, and scales up the others to keep the sum.

    The mask is a function of the seed, the step and the place in the batch alone: the same for any number of threads
    and any instruction set. (Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting".)

    Args:
        rate: Share of inputs to drop, in [0, 1]; or a `LearningRateSchedule` of it, which Keras does not take, by the
            number of the batch in training.
        noise_shape: Shape of the mask, that of the input but for axes of length 1, along which all is dropped or
            nothing; `None` for an axis takes the input's length. `None`: every element by itself.
        seed: Integer seed, or `None` to draw one.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> Dropout(0.5)(np.ones((1, 4)))
    array([[1., 1., 1., 1.]])
    """

    def __init__(self, rate: Any, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate_or_schedule(rate), noise_shape, seed, **kwargs)

    def lower(self, builder: Builder, x: Value) -> Value:
        shared, rate = self._shared(x.shape), self.rate
        plain = shared == (1, 1, False)
        if isinstance(rate, schedules.LearningRateSchedule):
            rate = Rates(rate.at, 1.0 if plain else BELOW_ONE, self.name)
        if plain or rate == 1:
            return builder.dropout(x, rate, self._stream)
        return builder.mask(x, rate, self._stream, None, shared)


class SpatialDropout1D(Dropout):
    """Drops whole features in training: a feature of a sample at all its positions, or at none.

    (Tompson et al. 2014, "Efficient Object Localization Using Convolutional Networks".)

    Args:
        rate: Share of features to drop, in [0, 1); or a schedule, as for `Dropout`.
        seed: Integer seed, or `None` to draw one.
        name: Its name.
        dtype: Its dtype.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, positions, features)`. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> y = SpatialDropout1D(0.5, seed=1)(np.ones((1, 3, 8)), training=True)
    >>> bool((y == y[:, :1]).all())
    True
    """

    def __init__(
        self, rate: Any, seed: int | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, (None, 1, None), seed, name=name, dtype=dtype, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(
                f"Layer '{self.name}' takes inputs of rank 3, (batch, positions, features). "
                f"Received: inputs of shape {input_shape}"
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


_LOWEST = -1.6732632423543772848 * 1.0507009873554804934  # of selu


class AlphaDropout(MaskedLayer):
    """Dropout that keeps mean and variance of what `selu` makes: dropped inputs become its lowest value.

    (Klambauer et al. 2017, "Self-Normalizing Neural Networks".)

    Args:
        rate: Share of inputs to drop, in [0, 1).
        noise_shape: Shape of the mask, as for `Dropout`.
        seed: Integer seed, or `None` to draw one.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input.

    Example:

    >>> import numpy as np
    >>> AlphaDropout(0.5)(np.ones((1, 4)))
    array([[1., 1., 1., 1.]])
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(share("rate", rate, below_one=True), noise_shape, seed, **kwargs)

    def lower(self, builder: Builder, x: Value) -> Value:
        a = ((1 - self.rate) * (1 + self.rate * _LOWEST**2)) ** -0.5
        b = -a * _LOWEST * self.rate
        return builder.mask(x, self.rate, self._stream, (a, b, a * _LOWEST + b), self._shared(x.shape))
