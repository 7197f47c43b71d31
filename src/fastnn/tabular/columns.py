"""Columns of a table in the numbers that a network takes: what is learned from one, and how others are encoded."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from fastnn.warnings import DataWarning, warn

CLIP = 3.0  # where smooth clipping ends, in units of the scaled numbers
DAY = 86400.0
NUMBERS = (Real, Decimal)


class Part(NamedTuple):
    """What a column becomes.

    Attributes:
        numbers: Scaled numbers, `(rows, n)`, which numeric embeddings are for.
        flags: Scaled numbers that take few values, `(rows, n)`.
        ids: Numbers of categories, `(rows,)`, 0 for none; or `None`.
    """

    numbers: np.ndarray
    flags: np.ndarray
    ids: np.ndarray | None = None


def nothing(rows: int) -> np.ndarray:
    """No numbers at all, for so many rows."""
    return np.empty((rows, 0), np.float32)


class Scaler:
    """Robust scaling and smooth clipping of numbers, as RealMLP has it; missing numbers become 0, the median.

    The distance of the quartiles becomes 1, or, where they are the same, that of the ends 2; what is then far from 0
    is brought to within 3 of it.

    Args:
        values: Numbers, `(rows, n)` in float64; NaN for missing ones.
    """

    def __init__(self, values: np.ndarray) -> None:
        quantiles = np.zeros((5, values.shape[1]))
        for at, column in enumerate(values.T):
            known = column[np.isfinite(column)]
            if known.size:
                quantiles[:, at] = np.quantile(known, [0, 0.25, 0.5, 0.75, 1])
        low, first, self.median, third, high = quantiles
        with np.errstate(divide="ignore"):
            self.factor = np.where(third > first, 1 / (third - first), np.where(high > low, 2 / (high - low), 0.0))

    def get_config(self) -> dict[str, Any]:
        return {"median": self.median.tolist(), "factor": self.factor.tolist()}

    @classmethod
    def from_config(cls, config: Any) -> Scaler:
        scaler = cls.__new__(cls)
        scaler.median, scaler.factor = (np.array(config[key], np.float64) for key in ("median", "factor"))
        if scaler.median.ndim != 1 or scaler.median.shape != scaler.factor.shape:
            raise ValueError(f"A scaler has a median and a factor for each number. Received: {config}")
        return scaler

    def __call__(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", over="ignore"):  # infinity, and what is soon that
            scaled = np.clip((values - self.median) * self.factor, -1e6, 1e6)  # infinity has no quotient
        clipped = scaled / np.sqrt(1 + np.square(scaled / CLIP))
        return np.where(np.isnan(clipped), 0, clipped).astype(np.float32)


class Numbers:
    """A column of numbers. Where some are missing, a flag says so.

    Args:
        name: Its name.
        values: The column.
        missing: Which are missing.
    """

    def __init__(self, name: Any, values: np.ndarray, missing: np.ndarray) -> None:
        self.name = name
        numbers = self._read(values, missing)
        self.marks_missing = bool(missing.any() and not missing.all())
        self.scale = Scaler(numbers)
        self.varying = self.scale.factor != 0
        self.scale_flags = Scaler(missing[:, None].astype(float))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "marks_missing": self.marks_missing,
            "scale": self.scale.get_config(),
            "scale_flags": self.scale_flags.get_config(),
        }

    @classmethod
    def from_config(cls, config: Any) -> Any:
        column = cls.__new__(cls)
        column.name, column.marks_missing = config["name"], bool(config["marks_missing"])
        column.scale, column.scale_flags = (Scaler.from_config(config[key]) for key in ("scale", "scale_flags"))
        column.varying = column.scale.factor != 0
        return column

    def _read(self, values: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """What is to be scaled, `(rows, n)`; NaN for missing ones."""
        if values.dtype.kind in "buif" and values.dtype != bool:
            numbers = values.astype(np.float64)
        else:
            numbers = np.full(len(values), np.nan)
            if values.dtype.kind in "mMUS" or not all(map(_is_number, values[~missing])):
                raise new_dtype(self.name, "numbers", values, missing)
            numbers[~missing] = values[~missing].astype(np.float64)
        numbers[missing] = np.nan
        return numbers[:, None]

    def __call__(self, values: np.ndarray, missing: np.ndarray) -> Part:
        numbers = self.scale(self._read(values, missing))[:, self.varying]
        flags = self.scale_flags(missing[:, None].astype(float)) if self.marks_missing else nothing(len(values))
        return Part(numbers, flags)


class Dates(Numbers):
    """A column of dates: the time that has passed, and where in the year, the week and the day it is.

    Args:
        name: Its name.
        values: The column, of datetime64.
        missing: Which are missing.
    """

    def _read(self, values: np.ndarray, missing: np.ndarray) -> np.ndarray:
        if values.dtype.kind != "M":
            raise new_dtype(self.name, "dates", values, missing)
        seconds = values.astype("datetime64[us]").astype(np.int64) / 1e6
        days = np.floor(seconds / DAY)
        year = values.astype("datetime64[Y]")
        start = year.astype("datetime64[D]").astype(np.int64)
        turns = (  # weeks begin on Thursdays here, as 1970 did
            (days - start) / 366.0,
            (days % 7) / 7.0,
            (seconds % DAY) / DAY,
        )
        waves = [wave(2 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
        numbers = np.stack([seconds, year.astype(np.int64).astype(np.float64), *waves], axis=1)
        numbers = numbers.round(9)  # so that a turn that stands still has no noise to be scaled up
        numbers[missing] = np.nan
        return numbers


class Categories:
    """A column of categories: strings, booleans, or whatever can be told apart.

    Two categories are one number, -1 or 1; a few are a number each, 0 or 1; many are looked up in a table of vectors.
    What is missing or unknown is 0.

    Args:
        name: Its name.
        values: The column.
        missing: Which are missing.
        most: Up to so many categories are a number each.
        unknown: What is done about categories that were not there before: `"warn"`, `"ignore"` or `"error"`.
    """

    def __init__(self, name: Any, values: np.ndarray, missing: np.ndarray, most: int, unknown: str) -> None:
        self.name = name
        self.unknown = unknown
        self.text = kinds_of(values, missing) == {str}
        try:
            seen = dict.fromkeys(values[~missing].tolist())
        except TypeError:  # lists and the like
            raise unfit(name, values[~missing]) from None
        try:
            categories = sorted(seen)
        except TypeError:  # of several types
            categories = sorted(seen, key=lambda value: (type(value).__name__, str(value)))
        self.numbers = {category: number for number, category in enumerate(categories, 1)}
        self.embedded = len(categories) > most
        self.scale: Scaler | None = None
        if not self.embedded:
            self.scale = Scaler(self._flags(self._ids(values, missing)))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unknown": self.unknown,
            "text": self.text,
            "categories": list(self.numbers),
            "scale": None if self.scale is None else self.scale.get_config(),
        }

    @classmethod
    def from_config(cls, config: Any) -> Categories:
        column = cls.__new__(cls)
        column.name, column.unknown, column.text = config["name"], config["unknown"], bool(config["text"])
        column.numbers = {category: number for number, category in enumerate(config["categories"], 1)}
        if len(column.numbers) < len(config["categories"]) or column.unknown not in ("warn", "ignore", "error"):
            raise ValueError(f"what is known of the column {column.name!r} is damaged")
        column.scale = None if config["scale"] is None else Scaler.from_config(config["scale"])
        column.embedded = column.scale is None
        return column

    @property
    def count(self) -> int:
        """Rows of the table of vectors that the column takes: its categories, and one for none of them."""
        return len(self.numbers) + 1

    def _ids(self, values: np.ndarray, missing: np.ndarray) -> np.ndarray:
        numbers = self.numbers
        try:
            ids = np.array([numbers.get(value, -1) for value in values.tolist()], np.int64)
        except TypeError:  # lists and the like
            raise new_dtype(self.name, "categories", values, missing) from None
        ids[missing] = 0
        return ids

    def _flags(self, ids: np.ndarray) -> np.ndarray:
        if len(self.numbers) == 2:
            return np.array([0.0, -1.0, 1.0])[ids][:, None]
        return (ids[:, None] == np.arange(1, self.count)).astype(float)

    def __call__(self, values: np.ndarray, missing: np.ndarray) -> Part:
        if self.text and not missing.all() and str not in kinds_of(values, missing):
            raise new_dtype(self.name, "text", values, missing)
        ids = self._ids(values, missing)
        strange = ids < 0
        if strange.any():
            if self.unknown != "ignore":
                self._tell(values[strange])
            ids[strange] = 0
        rows = len(values)
        if self.scale is None:
            return Part(nothing(rows), nothing(rows), ids)
        return Part(nothing(rows), self.scale(self._flags(ids)))

    def _tell(self, strange: np.ndarray) -> None:
        some = list(dict.fromkeys(strange.tolist()))
        shown = ", ".join(map(repr, some[:5])) + (", ..." if len(some) > 5 else "")
        message = (
            f"Column {self.name!r} holds categories that it did not hold when the table was fitted. Received: {shown} "
            f"({len(strange)} of its rows)"
        )
        if self.unknown == "error":
            raise ValueError(message)
        warn(message, DataWarning)


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBERS)


def kinds_of(values: np.ndarray, missing: np.ndarray) -> set[type]:
    """The types of what a column holds."""
    if values.dtype.kind in "US":
        return {str}
    return set(map(type, values[~missing].tolist()))


def unfit(name: Any, values: np.ndarray) -> TypeError:
    """The error for a column that cannot be learned from."""
    example = f", such as {values[0]!r}" if len(values) else ""
    return TypeError(
        f"Column {name!r} must hold numbers, text, categories, booleans or dates. "
        f"Received: values of dtype {values.dtype}{example}"
    )


def new_dtype(name: Any, expected: str, values: np.ndarray, missing: np.ndarray) -> TypeError:
    """The error for a column that holds something else than it did."""
    known = values[~missing]
    example = f", such as {known[0]!r}" if known.size else ""
    return TypeError(
        f"Column {name!r} held {expected} when the table was fitted. Received: values of dtype {values.dtype}{example}"
    )
