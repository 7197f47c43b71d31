"""Numbers into bins."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import as_float
from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer, Shape
from fastnn.layers.preprocessing.encoding import check_mode, emit_encoding, encode, encoded_shape, refuse_sparse
from fastnn.layers.preprocessing.quantiles import bin_boundaries_of, joined, summary_of
from fastnn.layers.preprocessing.tokens import batches_of
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable


class Discretization(Layer):
    """Turns numbers into the numbers of their bins, between given boundaries or those that `adapt` found.

    Bin 0 lies below the first boundary; a boundary belongs to the bin above it; NaN falls into the last bin. Called on
    data, `"int"` returns int32; inside a model, bins are numbers of the model's dtype.

    Args:
        bin_boundaries: The boundaries, ascending: one fewer than there are bins.
        num_bins: Number of bins, in place of boundaries: `adapt` cuts the data into so many of about equal size.
        epsilon: How far quantiles may be off, as a share of the data.
        output_mode: `"int"`, `"one_hot"`, `"multi_hot"` or `"count"`, as in `CategoryEncoding`.
        sparse: Not supported: `False`.
        dtype: That of the output of the other modes than `"int"`; by default the model's.
        name: Its name.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ...)`. Output shape: that of the input, or as in `CategoryEncoding`.

    Example:

    >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4, 0.5]])
    array([[0, 2, 3, 1]], dtype=int32)
    """

    _summary: np.ndarray  # of what was counted since `reset_state`: see quantiles.py

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, name=name, **kwargs)
        refuse_sparse(sparse)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                "Give either `bin_boundaries` or `num_bins`. "
                f"Received: bin_boundaries={bin_boundaries}, num_bins={num_bins}"
            )
        if num_bins is not None and (isinstance(num_bins, bool) or not hasattr(num_bins, "__index__") or num_bins < 1):
            raise ValueError(f"Argument `num_bins` must be a positive integer. Received: num_bins={num_bins!r}")
        if not 0 < epsilon < 1:
            raise ValueError(f"Argument `epsilon` must be in (0, 1). Received: epsilon={epsilon}")
        self.num_bins = None if num_bins is None else int(num_bins)
        self.epsilon = epsilon
        self.output_mode = check_mode(output_mode)
        self.bin_boundaries: list[float] | None = None
        self._boundaries: Variable | None = None  # the same in a program's memory; none of the layer's weights
        self.reset_state()
        if bin_boundaries is not None:
            self._set(np.asarray(bin_boundaries, np.float64))

    def _set(self, boundaries: np.ndarray) -> None:
        if boundaries.ndim != 1 or not len(boundaries) or not (boundaries[1:] >= boundaries[:-1]).all():
            raise ValueError(
                "Argument `bin_boundaries` must be a list of ascending numbers, not empty. "
                f"Received: bin_boundaries={boundaries.tolist()}"
            )
        if self._boundaries is not None:
            if self._boundaries.size != len(boundaries):
                raise ValueError(
                    f"Layer '{self.name}' is part of a model already, with {self._boundaries.size} boundaries: adapt "
                    f"it first. Received: {len(boundaries)} boundaries"
                )
            self._boundaries.assign(boundaries)
        self.bin_boundaries = boundaries.tolist()

    # --- learning boundaries ---

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns boundaries that cut the data into `num_bins` bins of about equal size.

        Args:
            data: Array of any shape; or an iterable of batches.
            steps: How many batches of an iterable to read.
        """
        self.reset_state()
        for batch in batches_of(iter(data) if isinstance(data, (list, tuple)) else data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts one more batch in.

        Args:
            data: Array of any shape.
        """
        if self.num_bins is None:
            raise ValueError(
                f"Layer '{self.name}' was given `bin_boundaries`, so there are none to learn: give `num_bins` instead. "
                f"Received: data of type {type(data).__name__}"
            )
        values = as_float(data, np.float32, "data")
        if values.size:
            self._summary = joined(summary_of(values, self.epsilon), self._summary, self.epsilon)

    def finalize_state(self) -> None:
        """Makes boundaries of what was counted."""
        if self.num_bins is None:
            return
        if not self._summary.size:
            raise ValueError("Argument `data` must hold at least one number. Received: none")
        boundaries = bin_boundaries_of(self._summary, self.num_bins)
        if not len(boundaries):
            raise ValueError(
                f"Argument `data` must hold numbers enough for two bins. Received: num_bins={self.num_bins} and "
                f"{self._summary.shape[1]} numbers"
            )
        self._set(boundaries.astype(np.float64))

    def reset_state(self) -> None:
        """Forgets what was counted; boundaries stay."""
        self._summary = np.zeros((2, 0), np.float32)

    # --- computing ---

    @property
    def _bins(self) -> int:
        return len(self.bin_boundaries) + 1 if self.bin_boundaries is not None else (self.num_bins or 0)

    def _require_boundaries(self) -> list[float]:
        if self.bin_boundaries is None:
            raise ValueError(
                f"Layer '{self.name}' has no boundaries yet: pass `bin_boundaries`, or let it learn some with "
                "`adapt(data)`. Received: a call before that"
            )
        return self.bin_boundaries

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Computes bins, or their encoding.

        Args:
            inputs: Array of numbers.
            training: Without effect.
        """
        if isinstance(inputs, Tensor):
            return super().__call__(inputs, training)
        x = as_float(inputs, self.dtype, "inputs")
        bins = np.digitize(x, np.asarray(self._require_boundaries(), self.dtype))
        return encode(bins, self.output_mode, self._bins, np.int32 if self.output_mode == "int" else self.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self._bins)

    def lower(self, builder: Builder, x: Value) -> Value:
        if self._boundaries is None:
            self._boundaries = Variable(np.asarray(self._require_boundaries()), dtype=self.dtype, trainable=False)
        bins = Value(x.shape)
        builder.add("discretization", [x], bins, [self._boundaries])
        return emit_encoding(builder, bins, self.output_mode, self._bins)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Discretization:
        """Makes a layer from what `get_config` returned, learned boundaries included."""
        if config.get("bin_boundaries") is None or config.get("num_bins") is None:
            return cls(**config)
        learned = cls(**{**config, "bin_boundaries": None})
        learned._set(np.asarray(config["bin_boundaries"], np.float64))
        return learned
