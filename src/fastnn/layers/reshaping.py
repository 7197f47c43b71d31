"""Layers that put the elements of a sample into another shape or order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


class Identity(Layer):
    """Its input, unchanged.

    Args:
        **kwargs: Arguments of `Layer`.

    Example:

    >>> import numpy as np
    >>> Identity()(np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """

    def lower(self, builder: Builder, x: Any) -> Any:
        return x


class Reshape(Layer):
    """Every sample in another shape, which costs nothing.

    Args:
        target_shape: Shape of a sample; one length may be -1, for what is left.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: `(batch, *target_shape)`.

    Example:

    >>> import numpy as np
    >>> Reshape((2, -1))(np.zeros((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = (target_shape,) if hasattr(target_shape, "__index__") else tuple(target_shape)
        self.target_shape = tuple(int(length) for length in given)
        if sum(length == -1 for length in self.target_shape) > 1 or any(
            length < 1 and length != -1 for length in self.target_shape
        ):
            raise ValueError(
                "Argument `target_shape` must hold positive integers, and -1 once at most. "
                f"Received: target_shape={target_shape}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        size = math.prod(input_shape[1:])
        known = math.prod(length for length in self.target_shape if length != -1)
        left = size // known
        if left * known != size or (-1 not in self.target_shape and left != 1):
            raise ValueError(
                f"Layer '{self.name}' keeps the number of elements of a sample, {size}. "
                f"Received: input_shape={input_shape}, target_shape={self.target_shape}"
            )
        return (None, *(left if length == -1 else length for length in self.target_shape))

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.reshape(x, self.compute_output_shape((None, *x.shape))[1:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """The axes of every sample in another order.

    Args:
        dims: The axes of the input, from 1 on, in the order of the output's.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: its lengths in that order.

    Example:

    >>> import numpy as np
    >>> Permute((2, 1))(np.zeros((5, 2, 3))).shape
    (5, 3, 2)
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(int(axis) for axis in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Argument `dims` must hold the axes of a sample, 1 to their number, each once. Received: dims={dims}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f"Layer '{self.name}' takes inputs of rank {len(self.dims) + 1}. Received: input_shape={input_shape}"
            )
        return (None, *(input_shape[axis] for axis in self.dims))

    def lower(self, builder: Builder, x: Value) -> Value:
        places = np.arange(math.prod(x.shape)).reshape(x.shape)
        return builder.rearrange(x, places.transpose([axis - 1 for axis in self.dims]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Every sample, a vector, several times: as the rows of a matrix.

    Args:
        n: How many times.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, features)`. Output shape: `(batch, n, features)`.

    Example:

    >>> import numpy as np
    >>> RepeatVector(2)(np.array([[1.0, 2.0]]))
    array([[[1., 2.],
            [1., 2.]]])
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(n, bool) or not hasattr(n, "__index__") or int(n) < 1:
            raise TypeError(f"Argument `n` must be a positive integer. Received: n={n!r}")
        self.n = int(n)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ValueError(f"Layer '{self.name}' takes inputs of rank 2. Received: input_shape={input_shape}")
        return (None, self.n, input_shape[1])

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.rearrange(x, np.tile(np.arange(x.shape[0]), (self.n, 1)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
