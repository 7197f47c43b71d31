"""Splitting arrays into a part to train with and a part to test with."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.random import draw_seed


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Splits arrays into a left and a right part, such as one to train with and one to validate with.

    Args:
        dataset: An array, or a tuple, list or dictionary of arrays of the same length: `(x, y)`.
        left_size: Size of the left part: a float between 0 and 1 is a fraction of the samples, an integer a number of
            samples. By default what `right_size` leaves.
        right_size: Size of the right part, likewise.
        shuffle: Whether to shuffle first; all arrays in the same way.
        seed: Seed of the shuffling. By default the next that `fastnn.utils.set_random_seed` determines.

    Returns:
        `(left, right)`, each of the structure of `dataset`. Without shuffling they are views: nothing is copied.

    Raises:
        TypeError: A size is neither a float nor an integer, or `dataset` is nothing that can be split.
        ValueError: The sizes do not fit the data, a part would be empty, or the arrays differ in length.

    Example:

    >>> x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    >>> (x_train, y_train), (x_test, y_test) = split_dataset((x, y), right_size=0.2)
    >>> len(x_train), y_test.tolist()
    (8, [8, 9])
    """
    if isinstance(dataset, dict):
        names = list(dataset)
        left, right = split_dataset([dataset[name] for name in names], left_size, right_size, shuffle, seed)
        return dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True))
    together = isinstance(dataset, (tuple, list))
    arrays = [_as_samples(array) for array in (dataset if together else (dataset,))]
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) != 1:
        raise ValueError(
            "Argument `dataset` must hold one array or more, all of the same length. Received: lengths "
            f"{[len(array) for array in arrays]}"
        )
    samples = lengths[0]
    left_count, right_count = _sizes(left_size, right_size, samples)
    first, last = slice(0, left_count), slice(samples - right_count, samples)
    if shuffle:
        order = np.random.default_rng(draw_seed(seed)).permutation(samples)
        left, right = ([array[order[part]] for array in arrays] for part in (first, last))
    else:
        left, right = ([array[part] for array in arrays] for part in (first, last))
    if not together:
        return left[0], right[0]
    return (tuple(left), tuple(right)) if isinstance(dataset, tuple) else (left, right)


def _as_samples(data: Any) -> np.ndarray:
    array = np.asarray(data)
    if array.ndim == 0 or array.dtype == object:
        raise TypeError(
            "Argument `dataset` must be an array, or a tuple, list or dictionary of arrays. Received: "
            f"{type(data).__name__}"
        )
    return array


def _sizes(left: Any, right: Any, samples: int) -> tuple[int, int]:
    """Returns the numbers of samples of both parts."""
    received = f"Received: left_size={left!r}, right_size={right!r}, for {samples} samples"
    if left is None and right is None:
        raise ValueError(f"At least one of `left_size` and `right_size` must be given. {received}")
    left_count, right_count = _count("left_size", left, samples), _count("right_size", right, samples)
    fractions = all(isinstance(size, (float, np.floating)) for size in (left, right))
    if fractions and left + right > 1:
        raise ValueError(f"The sum of `left_size` and `right_size` must be at most 1. {received}")
    if left_count is None:
        assert right_count is not None
        left_count = samples - right_count
    elif right_count is None:
        right_count = samples - left_count
    elif fractions and left + right == 1:
        right_count = samples - left_count  # both may round up, or both down
    if left_count + right_count > samples:
        raise ValueError(f"The sum of `left_size` and `right_size` must be at most the number of samples. {received}")
    if left_count == 0 or right_count == 0:
        raise ValueError(f"Neither part may be empty. {received}")
    return left_count, right_count


def _count(name: str, size: Any, samples: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, (float, np.floating)):
        if not 0 < size < 1:
            raise ValueError(
                f"Argument `{name}` must be between 0 and 1 where it is a float. Received: {name}={size!r}"
            )
        return round(float(size) * samples)
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool):
        if not 0 < size < samples:
            raise ValueError(
                f"Argument `{name}` must be from 1 to {samples - 1}, less than the number of samples, where it is an "
                f"integer. Received: {name}={size!r}"
            )
        return int(size)
    raise TypeError(f"Argument `{name}` must be a float, an integer or None. Received: {name}={size!r}")
