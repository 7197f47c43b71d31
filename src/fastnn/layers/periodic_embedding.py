"""Numeric features as waves of learned frequencies."""

from __future__ import annotations

import math
from typing import Any

from fastnn import initializers
from fastnn.layers.layer import Shape
from fastnn.layers.numeric_embedding import NumericEmbedding, positive_integer
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable


class PeriodicEmbedding(NumericEmbedding):
    """Makes of each numeric feature a vector: waves of frequencies that learn, then a dense layer.

    The waves of a number x are `[cos(2π c x), sin(2π c x)]`, or with `phases` `cos(2π c x + b)`; behind them comes
    `activation(waves · kernel + bias)`, with a kernel for every feature or, with `shared`, one for all. Three forms are
    known from papers:

    - PLR (the default), and with `shared=True` PLR-lite: Gorishniy, Rubachev and Babenko 2022, "On Embeddings for
      Numerical Features in Tabular Deep Learning".
    - PBLD: `PeriodicEmbedding(4, frequencies=16, scale=0.1, activation=None, phases=True, keep_input=True)`:
      Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular
      Data", where it is RealMLP's.

    Beyond Keras.

    Args:
        units: Length of each feature's vector.
        frequencies: Number of frequencies of each feature.
        scale: Standard deviation of the first frequencies: what matters most, and is worth a search from 0.01 to 10.
        activation: Activation function behind the dense layer, or its name; `None` for none.
        shared: Whether all features share a kernel.
        phases: Whether there are phases that learn, in place of sines.
        keep_input: Whether the number itself is the first of its vector.
        kernel_initializer: Initializer of the kernel; by default uniform, to ±1 / √(its inputs).
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, features)`. Numbers should be scaled (`Normalization`).

    Output shape: `(batch, features, units)`, which `Flatten` makes ready for a `Dense`.

    Example:

    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((5,)), layers.PeriodicEmbedding(8), layers.Flatten(), layers.Dense(1)])
    >>> model.layers[0].output_shape
    (None, 5, 8)
    """

    def __init__(
        self,
        units: int = 24,
        frequencies: int = 48,
        scale: float = 0.01,
        activation: Any = "relu",
        shared: bool = False,
        phases: bool = False,
        keep_input: bool = False,
        kernel_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        units = positive_integer("units", units)
        super().__init__(units, activation, shared, kernel_initializer, **kwargs)
        self.frequencies = positive_integer("frequencies", frequencies)
        if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale < math.inf:
            raise ValueError(f"Argument `scale` must be a positive number. Received: scale={scale!r}")
        self.scale = float(scale)
        self.phases = bool(phases)
        self.keep_input = bool(keep_input)
        if self.keep_input and self.units < 2:
            raise ValueError(f"With `keep_input`, `units` must be at least 2. Received: units={units}")
        self.frequency: Variable | None = None
        self.phase: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        shape = (features, self.frequencies)
        self.frequency = self.add_weight(shape, initializers.RandomNormal(stddev=self.scale), name="frequency")
        if self.phases:
            self.phase = self.add_weight(shape, initializers.RandomUniform(-math.pi, math.pi), name="phase")
        waves = self.frequencies * (1 if self.phases else 2)
        self._build_dense(features, waves, self.units - self.keep_input)

    def lower(self, builder: Builder, x: Value) -> Value:
        waves = builder.waves(x, required(self.frequency, "frequencies"), self.phase, sines=not self.phases)
        y = self._emit_dense(builder, waves)
        return builder.concatenate([builder.reshape(x, (*x.shape, 1)), y], -1) if self.keep_input else y

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "frequencies": self.frequencies,
            "scale": self.scale,
            "phases": self.phases,
            "keep_input": self.keep_input,
        }
