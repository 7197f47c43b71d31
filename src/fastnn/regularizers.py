"""Penalties on weights, added to the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._arrays import as_float
from fastnn._registry import Registry


def _factor(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Argument `{name}` must be a non-negative float. Received: {name}={value!r}")
    return float(value)


class Regularizer:
    """Base class of penalties on weights: `l1 * sum(|x|) + l2 * sum(x²)`.

    `l1` and `l2` are what a compiled training step reads. A penalty of your own defines `__call__(x)` and
    `gradient(x)`, its derivative, as functions of NumPy arrays: a training step calls both, which takes the GIL.

    >>> class Cubes(Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * np.sum(np.abs(x) ** 3)
    ...
    ...     def gradient(self, x):
    ...         return 0.3 * x * np.abs(x)
    """

    l1 = 0.0
    l2 = 0.0
    per_sample = False  # whether training divides it by the samples of a batch

    def __call__(self, x: Any) -> float:
        """Returns the penalty on `x`."""
        return _kernels.regularize(as_float(x).reshape(-1), None, self.l1, self.l2)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal regularizer."""
        raise NotImplementedError(f"{type(self).__name__} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Makes a regularizer from what `get_config` returned."""
        return cls(**config)


class L1L2(Regularizer):
    """A penalty on absolute values and squares: `l1 * sum(|x|) + l2 * sum(x²)`.

    (Zou and Hastie 2005, "Regularization and Variable Selection via the Elastic Net".)

    Args:
        l1: Factor of the sum of absolute values.
        l2: Factor of the sum of squares.

    Raises:
        ValueError: A factor is negative or not finite.

    >>> L1L2(l1=0.1, l2=0.5)([1.0, -2.0])
    2.8
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(0.0 if l1 is None else l1, "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "l2")

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """A penalty on absolute values: `l1 * sum(|x|)`.

    (Tibshirani 1996, "Regression Shrinkage and Selection via the Lasso".)

    Args:
        l1: Factor of the sum.

    Raises:
        ValueError: The factor is negative or not finite.

    >>> L1(0.5)([1.0, -2.0])
    1.5
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor(0.01 if l1 is None else l1, "l1")

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """A penalty on squares: `l2 * sum(x²)`.

    (Krogh and Hertz 1991, "A Simple Weight Decay Can Improve Generalization".)

    Args:
        l2: Factor of the sum.

    Raises:
        ValueError: The factor is negative or not finite.

    >>> L2(0.5)([1.0, -2.0])
    2.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor(0.01 if l2 is None else l2, "l2")

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class L2PerSample(L2):
    """A penalty on squares that is shared out over the samples: `l2 * sum(x²)`, divided by the samples of a batch.

    Where a loss is divided by the weights of its samples, the penalty is so, too. scikit-learn has its `alpha`, twice
    this `l2`, in this way; Keras has no such regularizer.

    Args:
        l2: Factor of the sum.

    Raises:
        ValueError: The factor is negative or not finite.

    >>> L2PerSample(0.5)([1.0, -2.0])
    2.5
    """

    per_sample = True


class OrthogonalRegularizer(Regularizer):
    """A penalty on weight vectors that are not at right angles to each other.

    `factor` times the mean, over all pairs of rows or columns of a matrix, of the absolute value of their cosine. It is
    computed by NumPy: a training step takes the GIL for it.

    Args:
        factor: Factor of the mean.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: An argument is none of these; when called, for what is not a matrix.

    >>> print(OrthogonalRegularizer(1.0)([[1.0, 0.0], [3.0, 4.0]]).round(3))
    0.6
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"Argument `mode` must be 'rows' or 'columns'. Received: mode={mode!r}")
        self.factor = _factor(factor, "factor")
        self.mode = mode

    def __call__(self, x: Any) -> float:
        _, _, cosines, pairs = self._cosines(x)
        return self.factor * 0.5 * np.abs(cosines).sum() / pairs

    def gradient(self, x: Any) -> np.ndarray:
        """Returns the derivative of the penalty by `x`."""
        units, norms, cosines, pairs = self._cosines(x)
        slopes = (self.factor / pairs) * np.sign(cosines) @ units
        gradient = (slopes - units * np.sum(slopes * units, axis=1, keepdims=True)) / norms
        return gradient if self.mode == "rows" else gradient.T

    def _cosines(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Vectors of length one, their lengths before, the cosines between different ones, the number of pairs."""
        x = as_float(x)
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer takes matrices. Received: an array of shape {x.shape}")
        rows = x if self.mode == "rows" else x.T
        norms = np.maximum(np.sqrt(np.sum(np.square(rows), axis=1, keepdims=True)), 1e-12)
        units = rows / norms
        cosines = units @ units.T
        np.fill_diagonal(cosines, 0)
        return units, norms, cosines, max(1.0, len(rows) * (len(rows) - 1) / 2.0)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer
_registry = Registry(
    "regularizer",
    "fastnn.regularizers",
    (Regularizer, L1, L2, L1L2, L2PerSample, OrthogonalRegularizer),
    aliases={"l1_l2": L1L2},
)


def get(identifier: Any) -> Any:
    """Returns the regularizer that `identifier` stands for.

    Args:
        identifier: A name (`"l2"`), a regularizer, a callable, a configuration, or `None`.

    Raises:
        ValueError: There is no such regularizer.

    >>> get("l2").l2
    0.01
    """
    return _registry.get(identifier)


def of_outputs(identifier: Any) -> Regularizer | None:
    """Returns the regularizer of an output that `identifier` stands for, one that C computes: L1, L2 or both.

    Raises:
        NotImplementedError: It is another one, whose gradient nobody knows.

    >>> of_outputs("l2").l2
    0.01
    """
    regularizer = get(identifier)
    known = isinstance(regularizer, Regularizer)
    if regularizer is not None and not (known and type(regularizer).__call__ is Regularizer.__call__):
        raise NotImplementedError(
            "A regularizer of outputs must be L1, L2, L1L2 or a name of one: others have no gradient. Received: "
            f"{identifier!r}"
        )
    return regularizer


def of_weights(identifier: Any) -> Any:
    """Returns the regularizer of a weight that `identifier` stands for; one in Python must have a `gradient(w)`.

    Raises:
        NotImplementedError: It is in Python, and has none.

    >>> of_weights("l1").l1
    0.01
    """
    regularizer = get(identifier)
    if regularizer is None or hasattr(regularizer, "gradient"):
        return regularizer
    known = isinstance(regularizer, Regularizer)
    if not (known and type(regularizer).__call__ is Regularizer.__call__):
        raise NotImplementedError(
            "A regularizer must be L1, L2, L1L2, OrthogonalRegularizer or a name of one, or have a method "
            f"`gradient(w)`: others have no gradient. Received: {identifier!r}"
        )
    return regularizer


def serialize(regularizer: Any) -> Any:
    """Returns the configuration from which `deserialize` makes the regularizer again.

    >>> serialize(L2(0.5))["class_name"]
    'L2'
    """
    return _registry.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the regularizer that `serialize` described.

    Args:
        config: A name or a configuration.
        custom_objects: Further names, with what they stand for.

    >>> float(deserialize(serialize(L2(0.5)))([1.0, 2.0]))
    2.5
    """
    return _registry.deserialize(config, custom_objects)
