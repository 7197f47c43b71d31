"""What a metric is, and those that only add up what they are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn import initializers, losses
from fastnn._arrays import as_float, squeeze_or_expand_to_same_rank, standardize_dtype
from fastnn._registry import auto_name
from fastnn.variables import Variable


class Metric:
    """Base class of metrics: something added up over batches.

    A subclass in Python makes its state in `__init__` with `add_variable`, and defines `update_state` and `result`.

    Args:
        dtype: The dtype of its variables, float32 by default.
        name: Its name; by default the class's.

    Attributes:
        kernel: Name of the kernel in C that folds batches into `state`, or `None` for a metric in Python.
        params: What the kernel takes besides predictions and targets.
        sparse: Whether targets are class numbers.
        state: What has been added up, in float64.

    >>> class Largest(Metric):
    ...     def __init__(self):
    ...         super().__init__(name="largest")
    ...         self.value = self.add_variable((), "zeros", name="value")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.value.assign(max(self.value, np.max(y_pred)))
    ...     def result(self):
    ...         return float(self.value)
    >>> Largest()([0.0, 1.0], [3.0, 2.0])
    3.0
    """

    kernel: str | None = None
    params: tuple[float, ...] = ()
    sparse = False
    state_size = 0

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.dtype = standardize_dtype(dtype)
        self.state = np.zeros(self.state_size)
        self._variables: list[Variable] = []

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(f"{type(self).__name__} must implement `update_state()`.")

    def result(self) -> Any:
        """Returns the metric of all that has been added since the last `reset_state`."""
        raise NotImplementedError(f"{type(self).__name__} must implement `result()`.")

    def reset_state(self) -> None:
        """Forgets all that has been added."""
        self.state[:] = 0.0
        for variable in self._variables:
            variable.value[...] = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Adds a batch and returns the metric of all that has been added."""
        self.update_state(*args, **kwargs)
        return self.result()

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Adds a variable, which `reset_state` sets to zero, and returns it.

        Args:
            shape: Its shape.
            initializer: Its first value.
            dtype: Its dtype, by default the metric's.
            name: Its name.
        """
        name = name or auto_name("variable")
        variable = Variable(
            initializers.get("zeros" if initializer is None else initializer),
            shape=tuple(shape),
            dtype=dtype or self.dtype,
            trainable=False,
            name=name,
            path=f"{self.name}/{name}",
        )
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Another name for `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name)

    @property
    def variables(self) -> list[Variable]:
        """What `add_variable` has added."""
        return list(self._variables)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal metric, without its state."""
        return {"name": self.name, "dtype": self.dtype.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Makes a metric from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Sum(Metric):
    """The weighted sum of all values.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> Sum()([1.0, 3.0])
    4.0
    """

    state_size = 1

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values.

        Args:
            values: The values.
            sample_weight: Their factors: of each sample's, or of a shape that broadcasts to theirs.
        """
        total, _ = samplewise(values, sample_weight, np.sum)
        self.state[0] += total.sum()

    def result(self) -> float:
        """Returns the sum."""
        return float(self.state[0])


class MeanState(Metric):
    """Base class of the metrics that are `total / count`.

    Args:
        name: Its name.
        dtype: As for every `Metric`.
    """

    state_size = 2

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    @property
    def total(self) -> float:
        """The weighted sum."""
        return float(self.state[0])

    @property
    def count(self) -> float:
        """The sum of the weights."""
        return float(self.state[1])

    def result(self) -> float:
        """Returns the mean, or 0 if nothing has been added."""
        return float(self.state[0] / self.state[1]) if self.state[1] else 0.0

    def _add(self, values: Any, sample_weight: Any) -> None:
        total, weight = samplewise(values, sample_weight, np.mean)
        self.state[0] += total.sum()
        self.state[1] += (len(total) if total.ndim else 1) if weight is None else weight.sum()


class Mean(MeanState):
    """The weighted mean of all values.

    Args:
        name: Its name.
        dtype: As for every `Metric`.

    >>> Mean()([1.0, 3.0], sample_weight=[1.0, 3.0])
    2.5
    """

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values.

        Args:
            values: The values.
            sample_weight: Their factors: of each sample's, or of a shape that broadcasts to theirs.
        """
        self._add(values, sample_weight)


class MeanMetricWrapper(MeanState):
    """The weighted mean of what a function returns.

    Args:
        fn: A callable `(y_true, y_pred) -> values`, one for each row.
        name: Its name; by default the function's.
        dtype: As for every `Metric`.
        **kwargs: Further arguments of `fn`.

    >>> MeanMetricWrapper(lambda y_true, y_pred: np.abs(y_true - y_pred).max(axis=-1), name="worst")([[1.0]], [[3.0]])
    2.0
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", None) or getattr(fn, "name", None), dtype)
        self.fn = fn
        self.fn_kwargs = kwargs
        if fn is losses.huber:
            self.kernel, self.params = "huber", (float(kwargs.get("delta", 1.0)),)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: Factors of each row's value, or of a shape that broadcasts to the values'.
        """
        y_pred = as_float(y_pred, name="y_pred")
        y_true = as_float(y_true, y_pred.dtype, name="y_true")
        self._add(self.fn(y_true, y_pred, **self.fn_kwargs), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": losses.serialize(self.fn), **self.fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        config = dict(config)
        if not callable(config["fn"]):
            config["fn"] = losses.deserialize(config["fn"])
        return cls(**config)


def samplewise(values: Any, sample_weight: Any, reduce: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns one weighted value for each sample, and the weights; all axes but the first are reduced.

    Args:
        values: The values of a batch.
        sample_weight: Their factors, or `None`.
        reduce: What axes are reduced by: `np.mean` or `np.sum`.
    """
    values = as_float(values, np.float64, name="values")
    if sample_weight is None:
        return _reduced(values, 1, reduce), None
    weight = as_float(sample_weight, np.float64, name="sample_weight")
    values, weight = squeeze_or_expand_to_same_rank(values, weight)
    axes = weight.ndim
    values = _reduced(values, axes, reduce)
    try:
        weight = np.broadcast_to(weight, values.shape)
    except ValueError:
        raise ValueError(
            f"Argument `sample_weight` must have the shape of the values, {values.shape}, or one that broadcasts to "
            f"it. Received: sample_weight.shape={weight.shape}"
        ) from None
    values = values * weight
    return _reduced(values, 1, reduce), _reduced(weight, 1, reduce) if axes > 1 else weight


def _reduced(values: np.ndarray, axes: int, reduce: Callable[..., Any]) -> np.ndarray:
    return reduce(values, axis=tuple(range(axes, values.ndim))) if values.ndim > axes else values
