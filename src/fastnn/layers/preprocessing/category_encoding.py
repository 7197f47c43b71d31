"""One-hot, multi-hot and counts of categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer, Shape
from fastnn.layers.preprocessing.encoding import (
    as_whole,
    check_mode,
    emit_encoding,
    encode,
    encoded_shape,
    refuse_sparse,
)
from fastnn.program import Builder
from fastnn.records import Value


class CategoryEncoding(Layer):
    """Turns category numbers into rows of zeros and ones, or of counts.

    Inside a model, numbers outside of [0, num_tokens) leave a row of zeros; called on data, they are an error.

    Args:
        num_tokens: Number of categories: inputs are integers from 0 to `num_tokens - 1`.
        output_mode: `"one_hot"`: a row for each number (a last axis of length 1 is dropped); `"multi_hot"`: a row for
            each sample, 1 for every number on its last axis; `"count"`: how often each number occurs there.
        sparse: Not supported: `False`.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ..., numbers)`. Output shape: `(batch, ..., num_tokens)`, or with `"one_hot"` that of the
    input with `num_tokens` behind it.

    Example:

    >>> CategoryEncoding(4, output_mode="one_hot")([3, 0])
    array([[0., 0., 0., 1.],
           [1., 0., 0., 0.]], dtype=float32)
    >>> CategoryEncoding(4, output_mode="count")([[0, 1], [3, 3]], count_weights=[[0.5, 2.0], [1.0, 1.0]])
    array([[0.5, 2. , 0. , 0. ],
           [0. , 0. , 0. , 2. ]], dtype=float32)
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        refuse_sparse(sparse)
        if isinstance(num_tokens, bool) or not hasattr(num_tokens, "__index__") or int(num_tokens or 0) < 1:
            raise ValueError(
                "Argument `num_tokens` must be a positive integer; where the number of categories is not known, use "
                f"IntegerLookup. Received: num_tokens={num_tokens!r}"
            )
        self.num_tokens = int(num_tokens or 0)
        self.output_mode = check_mode(output_mode, ("one_hot", "multi_hot", "count"))

    def __call__(  # type: ignore[override]
        self, inputs: Any, count_weights: Any = None, training: bool | None = None
    ) -> Any:
        """Encodes category numbers.

        Args:
            inputs: Array of integers from 0 to `num_tokens - 1`.
            count_weights: What each of them counts for: an array of the same shape, for `"count"` only.
            training: Without effect.

        Raises:
            ValueError: A number is not that of a category.
        """
        if isinstance(inputs, Tensor):
            return super().__call__(inputs, training)
        numbers = as_whole(inputs)
        wrong = (numbers < 0) | (numbers >= self.num_tokens)
        if wrong.any():
            raise ValueError(
                f"Argument `inputs` must hold integers from 0 to {self.num_tokens - 1}. "
                f"Received: {numbers[wrong].flat[0]}"
            )
        weights = None
        if count_weights is not None:
            weights = np.asarray(count_weights, np.float64)
            if self.output_mode != "count" or weights.shape != numbers.shape:
                raise ValueError(
                    "Argument `count_weights` goes with output_mode='count', and has the shape of the inputs, "
                    f"{numbers.shape}. Received: shape={weights.shape}, output_mode={self.output_mode!r}"
                )
        return encode(numbers, self.output_mode, self.num_tokens, self.dtype, weights)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_tokens)

    def lower(self, builder: Builder, x: Value) -> Value:
        return emit_encoding(builder, x, self.output_mode, self.num_tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
