"""What `fit`, `evaluate` and `predict` do with arrays before the first step: check them, and copy nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn.adapters import CSRRows, as_array, is_sparse

Shape = tuple[int, ...]


def as_data(array: Any, name: str) -> np.ndarray:
    """Returns an array that C can read sample by sample: the caller's own wherever possible.

    Raises:
        TypeError: It does not hold real numbers.
        ValueError: It has no samples, or no axis for them.
    """
    given = array
    if array is None:
        raise ValueError(f"Argument `{name}` must be given. Received: {name}=None")
    if not isinstance(array, np.ndarray):
        array = as_array(array, name)  # tables and columns of other libraries
    try:
        array = np.asarray(array)
    except ValueError as error:  # ragged lists
        raise ValueError(
            f"Argument `{name}` cannot be made an array: {error}. Received: {type(given).__name__}"
        ) from None
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"Argument `{name}` must hold real numbers (booleans, integers or floats). "
            f"Received: an array of dtype {array.dtype} and shape {array.shape}"
        )
    if array.ndim == 0:
        raise ValueError(f"Argument `{name}` must have samples on its first axis. Received: a scalar")
    if array.size == 0:
        raise ValueError(f"Argument `{name}` must not be empty. Received: shape={array.shape}")
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def by_name(given: Mapping[str, Any], names: Sequence[str], argument: str, known: Sequence[str] = ()) -> list[Any]:
    """What a dictionary holds by these names, in their order.

    Args:
        given: The dictionary.
        names: The names it must have.
        argument: What errors call it.
        known: Further names it may have.

    Raises:
        ValueError: A name is missing, or nobody knows it.
    """
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names and name not in known]
    if missing or unknown:
        raise ValueError(
            f"Argument `{argument}` must be a dictionary with the names {list(names)}. Received: the names "
            f"{list(given)}"
        )
    return [given[name] for name in names]


def in_a_row(given: Any, names: Sequence[str], argument: str) -> list[Any]:
    """The arrays of a list, one for each of these names; what is no list of arrays is one array.

    Raises:
        ValueError: There are more or fewer.
    """
    if len(names) == 1:
        alone = isinstance(given, (list, tuple)) and len(given) == 1 and isinstance(given[0], np.ndarray)
        return [given[0] if alone else given]
    if not isinstance(given, (list, tuple)) or len(given) != len(names):
        received = f"a list of {len(given)}" if isinstance(given, (list, tuple)) else f"{type(given).__name__}"
        raise ValueError(
            f"Argument `{argument}` must be a list of {len(names)} arrays, for {list(names)}, or a dictionary by these "
            f"names. Received: {received}"
        )
    return list(given)


def by_output(given: Any, names: Sequence[str], argument: str, every: bool = False) -> list[Any]:
    """What was given for each output: `None` where nothing was.

    Args:
        given: A dictionary by names, a list in the order of the outputs, or `None`.
        names: The outputs.
        argument: What errors call it.
        every: Whether anything else is meant for every output.

    Raises:
        ValueError: A name is unknown, or the list has another length.
    """
    if given is None:
        return [None] * len(names)
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(
                f"Argument `{argument}` must go by the names of outputs, {list(names)}. Received: {unknown}"
            )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"Argument `{argument}` must hold one entry for each output, {list(names)}. "
                f"Received: {len(given)} entries"
            )
        return list(given)
    if not every:
        raise ValueError(
            f"Argument `{argument}` must be a list or a dictionary by outputs, {list(names)}. "
            f"Received: {argument}={given!r}"
        )
    return [given] * len(names)


def as_samples(x: Any, name: str = "x") -> np.ndarray | CSRRows:
    """Returns the samples of an input: an array that C can read, or the rows of a sparse matrix."""
    if not is_sparse(x) and not isinstance(x, CSRRows):
        return as_data(x, name)
    rows = x if isinstance(x, CSRRows) else CSRRows(x, name)
    if not len(rows) or not rows.shape[1]:
        raise ValueError(f"Argument `{name}` must not be empty. Received: shape={rows.shape}")
    return rows


def as_inputs(x: Any, shape: Shape, name: str = "x") -> np.ndarray | CSRRows:
    """Returns the samples of an input whose samples have this shape."""
    array = as_samples(x, name)
    if array.shape[1:] != shape and (*array.shape[1:], 1) != shape:
        raise ValueError(
            f"Argument `{name}` must have shape {('samples', *shape)} to fit the model. Received: shape={array.shape}"
        )
    return array


def as_targets(y: Any, output_shape: Shape, sparse: bool, name: str = "y") -> tuple[np.ndarray, Shape]:
    """Returns targets and the shape of one of them: that of the output, or one class number for each row of it."""
    array = as_data(y, name)
    sample = array.shape[1:]
    rows = output_shape[:-1]
    if sparse:
        if sample not in (rows, (*rows, 1)):
            raise ValueError(
                f"Argument `{name}` must hold one class number for each output, shape {('samples', *rows)}. "
                f"Received: shape={array.shape}. One-hot targets go with a loss that is not sparse"
            )
        return array, (*rows, 1)
    if sample != output_shape and (*sample, 1) != output_shape and sample != (*output_shape, 1):
        hint = ""
        if sample in ((), (1,)) and output_shape[-1] > 1:
            hint = ". For class numbers, use a sparse loss, or utils.to_categorical"
        raise ValueError(
            f"Argument `{name}` must have shape {('samples', *output_shape)} to fit the model's output. "
            f"Received: shape={array.shape}{hint}"
        )
    return array, output_shape


def check_labels(y: np.ndarray, classes: int, name: str = "y", ignored: int | None = None) -> None:
    """Raises `ValueError` unless every element is a class number below `classes`, or `ignored`."""
    if ignored is not None and not 0 <= ignored < classes:
        y = y[y != ignored]
        if not y.size:
            return
    for _, part in _parts(y):
        low, high, whole = _kernels.value_range(part)
        if not (low >= 0 and high < classes and whole):
            raise ValueError(
                f"Argument `{name}` must hold class numbers, integers from 0 to {classes - 1}. "
                f"Received: values from {low:g} to {high:g}" + ("" if whole else ", not all of them whole")
            )


def _parts(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Views of some samples each, with the number of the first: C looks at them in a moment, so Ctrl-C is heard."""
    samples = max(1, (1 << 24) // max(1, array[:1].size))
    for first in range(0, len(array), samples):
        yield first, array[first : first + samples]


def check_same_length(first: Any, second: Any, first_name: str, second_name: str) -> None:
    """Raises `ValueError` where two arrays differ in the number of samples."""
    if len(first) != len(second):
        raise ValueError(
            f"Arguments `{first_name}` and `{second_name}` must have as many samples as each other. "
            f"Received: {first_name}.shape={first.shape}, {second_name}.shape={second.shape}"
        )


def check_finite(array: np.ndarray | CSRRows, name: str, dtype: np.dtype) -> None:
    """Raises `ValueError` at the first NaN or infinity, or number that becomes one in the model's dtype."""
    for first, part in [(0, array)] if isinstance(array, CSRRows) else _parts(array):
        if isinstance(part, CSRRows):
            at: tuple[int, ...] | None = part.first_not_finite(dtype)
            found = np.nan if at is None else part.dense([at[0]], part.dtype)[0, at[1]]
        else:
            at = _kernels.first_not_finite(part, dtype)
            found = np.nan if at is None else part[at]
        if at is None:
            continue
        at = (first + at[0], *at[1:])
        where = f" in {dtype}" if np.isfinite(found) else ""
        raise ValueError(
            f"Argument `{name}` must be finite{where} (or pass check_finite=False). "
            f"Received: {found} at index {list(at)}"
        )


def as_weights(
    sample_weight: Any,
    y: np.ndarray,
    rows: Shape,
    class_weight: Mapping[int, float] | None,
    sparse: bool,
    name: str = "sample_weight",
) -> np.ndarray | None:
    """Returns a weight for each row of the output, shape `(samples, *rows)`: nothing is copied for the rows.

    Args:
        sample_weight: Weights of samples, or of every row of the output; or `None`.
        y: Targets.
        rows: Shape of a sample of the output, without its last axis.
        class_weight: Weights of classes; or `None`.
        sparse: Whether targets are class numbers.
        name: What errors call the weights.
    """
    weights = None
    if sample_weight is not None:
        weights = as_data(sample_weight, name)
        check_same_length(weights, y, name, "y")
        if weights.shape[1:] == (1,) and rows != (1,):
            weights = weights[:, 0]
        if weights.shape[1:] != rows[: weights.ndim - 1]:
            raise ValueError(
                f"Argument `{name}` must have shape {('samples', *rows)} or a shorter one. "
                f"Received: shape={weights.shape}"
            )
        weights = weights.reshape(weights.shape + (1,) * (1 + len(rows) - weights.ndim))
        weights = np.broadcast_to(weights, (len(y), *rows))
    if class_weight is not None:
        by_class = _weights_of_classes(class_weight, y, rows, sparse)
        weights = by_class if weights is None else weights * by_class
    return weights


def _weights_of_classes(class_weight: Mapping[int, float], y: np.ndarray, rows: Shape, sparse: bool) -> np.ndarray:
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"Argument `class_weight` must be a dictionary from class numbers to weights. Received: {class_weight!r}"
        )
    if not sparse and y.ndim == len(rows) + 2 and y.shape[-1] > 1:
        labels = y.argmax(axis=-1)
    else:
        labels = y.reshape(len(y), *rows)
    labels = labels.astype(np.int64)
    weights = np.ones(labels.shape, np.float64)
    for label, weight in class_weight.items():
        if not isinstance(label, Real) or not label >= 0 or label % 1:
            raise ValueError(
                "Argument `class_weight` must be a dictionary from class numbers to weights. "
                f"Received: a weight of class {label!r}"
            )
        if isinstance(weight, (str, bytes)) or not np.isfinite(weight):
            raise ValueError(
                f"Argument `class_weight` must hold finite numbers. Received: {weight!r} for class {label!r}"
            )
        weights[labels == label] = weight
    return weights


def split_at(samples: int, share: float) -> int:
    """Where the samples to validate with begin: `share` of them, from the end."""
    if not isinstance(share, (int, float, np.floating)) or not 0 < share < 1:
        raise ValueError(f"Argument `validation_split` must be in (0, 1). Received: validation_split={share!r}")
    at = int(samples * (1 - share))
    if at == 0 or at == samples:
        raise ValueError(
            f"Argument `validation_split` leaves no samples on one side. Received: validation_split={share} of "
            f"{samples} samples"
        )
    return at


class Arrays:
    """A data set, checked: arrays of the inputs; of the targets, with weights or `None`, and the shapes of one.

    Attributes:
        feeds: What a program takes, in this order: inputs, then targets and weights by output.
    """

    __slots__ = ("feeds", "target_shapes", "weights", "x", "y")

    def __init__(
        self, x: list[Any], y: list[np.ndarray], weights: list[Any], target_shapes: list[tuple[int, ...]]
    ) -> None:
        self.x, self.y, self.weights, self.target_shapes = x, y, weights, target_shapes
        outputs = [array for pair in zip(y, weights, strict=True) for array in pair if array is not None]
        self.feeds = [*x, *outputs]

    def __len__(self) -> int:
        return len(self.x[0])

    def split(self, share: float) -> tuple[Arrays, Arrays]:
        """Splits off the last samples, `share` of them, as Keras's `validation_split` does: views, no copies."""
        at = split_at(len(self), share)
        first, second = (
            Arrays(
                [array[part] for array in self.x],
                [array[part] for array in self.y],
                [None if weights is None else weights[part] for weights in self.weights],
                self.target_shapes,
            )
            for part in (slice(None, at), slice(at, None))
        )
        return first, second
