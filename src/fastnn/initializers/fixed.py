"""What an initializer is, and those whose values are not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._arrays import standardize_dtype


class Initializer:
    """Base class of initializers. A subclass defines `__call__(shape, dtype=None)`.

    >>> class Counting(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    >>> print(Counting()((2, 2)))
    [[0 1]
     [2 3]]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        """Returns the first value of a weight.

        Args:
            shape: Shape of the weight.
            dtype: `"float32"` (the default) or `"float64"`.
        """
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal initializer."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Makes an initializer from what `get_config` returned."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Returns an initializer of the same configuration; without a seed of its own, it draws another."""
        return self.from_config(self.get_config())


class Zeros(Initializer):
    """All zeros.

    >>> print(Zeros()((2,)))
    [0. 0.]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, standardize_dtype(dtype))


class Ones(Initializer):
    """All ones.

    >>> print(Ones()((2,)))
    [1. 1.]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.ones(shape, standardize_dtype(dtype))


class Constant(Initializer):
    """One value everywhere.

    Args:
        value: The value: a number, or an array that is repeated to the shape asked for.

    >>> print(Constant(3.0)((2,)))
    [3. 3.]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.full(shape, self.value, standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value.tolist() if isinstance(self.value, (np.ndarray, np.generic)) else self.value}


class Identity(Initializer):
    """The identity matrix times a factor.

    Args:
        gain: The factor.

    Raises:
        ValueError: When called, for a shape that is not a matrix's.

    >>> print(Identity()((2, 3)))
    [[1. 0. 0.]
     [0. 1. 0.]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                f"The identity initializer can only be used for matrices. Received: shape={shape} of rank {len(shape)}"
            )
        dtype = standardize_dtype(dtype)
        return np.eye(*shape, dtype=dtype) * dtype.type(self.gain)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
