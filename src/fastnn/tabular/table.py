"""Tables as networks take them: numbers, flags and numbers of categories, from whatever the columns hold."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.adapters import is_frame, is_sparse
from fastnn.tabular.columns import NUMBERS, Categories, Dates, Numbers, Part, kinds_of, unfit


class Table:
    """What was learned from a table, and how others with its columns are encoded.

    Args:
        X: A DataFrame of pandas or Polars, a table of pyarrow's, or an array of shape `(rows, columns)`.
        max_one_hot: Columns with more categories than that are looked up in a table of vectors.
        unknown: What is done about unknown categories: `"warn"`, `"ignore"` or `"error"`.
        owner: Who errors say expects its columns.

    Attributes:
        names: Names of the columns, or their numbers.
        rows_of_vectors: Rows that a table of vectors needs for the columns that are looked up in one.

    Raises:
        ValueError: There are no rows or no columns, or two columns share a name.
    """

    def __init__(self, X: Any, max_one_hot: int = 8, unknown: str = "warn", owner: str = "Table") -> None:
        self.owner = owner
        X = _framed(X)
        columns = dict(_columns(X))
        lacking = "feature" if not columns else "sample" if not len(next(iter(columns.values()))[0]) else None
        if lacking is not None:
            raise ValueError(
                f"Argument `X` must have rows and columns. Received: a table with 0 {lacking}(s) (shape={np.shape(X)}) "
                "while a minimum of 1 is required."
            )
        self.names = list(columns)
        self.named = is_frame(X)
        self.columns = [
            _fitted(name, values, missing, is_category, max_one_hot, unknown)
            for name, (values, missing, is_category) in columns.items()
        ]
        self._count_vectors()

    def _count_vectors(self) -> None:
        looked_up = [c for c in self.columns if isinstance(c, Categories) and c.embedded]
        self._offsets = np.cumsum([0, *(column.count for column in looked_up)])
        self.rows_of_vectors = int(self._offsets[-1])

    def get_config(self) -> dict[str, Any]:
        """What was learned, as JSON can say it, where names and categories are strings, numbers or booleans."""
        return {
            "owner": self.owner,
            "named": self.named,
            "columns": [{"kind": type(column).__name__, **column.get_config()} for column in self.columns],
        }

    @classmethod
    def from_config(cls, config: Any) -> Table:
        """The table that `get_config` described."""
        kinds: dict[str, Any] = {kind.__name__: kind for kind in (Numbers, Dates, Categories)}
        table = cls.__new__(cls)
        table.owner, table.named = str(config["owner"]), bool(config["named"])
        table.columns = [kinds[column["kind"]].from_config(column) for column in config["columns"]]
        table.names = [column.name for column in table.columns]
        if not all(isinstance(name, (str, int, float)) for name in table.names) or len({*table.names}) < len(
            table.names
        ):
            raise ValueError(f"its columns must have names, each another one. Received: {table.names}")
        table._count_vectors()
        return table

    def __call__(self, X: Any) -> dict[str, np.ndarray]:
        """Encodes a table: `"numbers"`, `"flags"` and `"ids"`, those of them that there are.

        Args:
            X: A table with the same columns, in any order.

        Raises:
            ValueError: A column is missing, or nobody knows it; or, if asked, a category is unknown.
            TypeError: A column holds something else than it did.
        """
        X = _framed(X)
        given = self._checked(dict(_columns(X)), X)
        if not len(next(iter(given.values()))[0]):
            raise ValueError(
                "Argument `X` must have rows. Received: a table with 0 sample(s) while a minimum of 1 is required."
            )
        return self._joined([column(*given[name][:2]) for column, name in zip(self.columns, self.names, strict=True)])

    def encoded_gaps(self) -> dict[str, np.ndarray]:
        """One encoded row in which everything is missing."""
        gap, missing = np.full(1, np.nan), np.ones(1, bool)
        nat = np.full(1, "NaT", "datetime64[us]")
        return self._joined([column(nat if isinstance(column, Dates) else gap, missing) for column in self.columns])

    def _joined(self, parts: list[Part]) -> dict[str, np.ndarray]:
        ids = [part.ids for part in parts if part.ids is not None]
        encoded = {
            "numbers": np.concatenate([part.numbers for part in parts], axis=1),
            "flags": np.concatenate([part.flags for part in parts], axis=1),
        }
        if ids:
            encoded["ids"] = np.stack(ids, axis=1) + self._offsets[:-1]
        used = {kind: array for kind, array in encoded.items() if array.shape[1]}
        return used or {"flags": np.zeros((len(parts[0].flags), 1), np.float32)}  # nothing varies

    def _checked(self, given: dict[Any, Any], X: Any) -> dict[Any, Any]:
        if self.named and is_frame(X):
            missing = [name for name in self.names if name not in given]
            strange = [name for name in given if name not in self.names]
            if missing:
                raise ValueError(
                    f"Columns are missing that the table had when it was fitted: {_listed(missing)}. "
                    f"Received: the columns {_listed(list(given))}"
                )
            if strange:
                raise ValueError(
                    f"The table had no such columns when it was fitted. Received: the columns {_listed(strange)}"
                )
            return given
        if len(given) != len(self.names):
            raise ValueError(
                f"X has {len(given)} features, but {self.owner} is expecting {len(self.names)} features as input."
            )
        return dict(zip(self.names, given.values(), strict=True))


def _listed(names: list[Any]) -> str:
    shown = ", ".join(map(repr, names[:10]))
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _fitted(name: Any, values: np.ndarray, missing: np.ndarray, is_category: bool, most: int, unknown: str) -> Any:
    """What a column of this kind is encoded by."""
    kinds = kinds_of(values, missing) if values.dtype.kind in "OUS" else set()
    if values.dtype.kind == "M":
        return Dates(name, values, missing)
    numeric = values.dtype.kind in "uif" or (kinds and all(issubclass(kind, NUMBERS) for kind in kinds))
    if numeric and bool not in kinds and not is_category:
        return Numbers(name, values, missing)
    if missing.all():
        return Numbers(name, np.full(len(values), np.nan), missing)
    return Categories(name, values, missing, most, unknown)


def _columns(X: Any) -> Iterator[tuple[Any, tuple[np.ndarray, np.ndarray, bool]]]:
    """Names of the columns with their values, which of these are missing, and whether they are categories by dtype."""
    if is_frame(X):
        names = list(X.columns)
        if len(set(names)) != len(names):
            twice = sorted({str(name) for name in names if names.count(name) > 1})
            raise ValueError(f"Every column has a name of its own. Received: the columns {_listed(twice)} twice")
        for name in names:
            values, missing, is_category = _of_frame(X[name])
            if values.ndim != 1 or values.dtype.kind in "cV":
                raise unfit(name, values)
            yield name, (values, missing, is_category)
        return
    if is_sparse(X):
        raise TypeError(
            "Sparse data was passed for `X`, but dense data is required: use `toarray()`, or fastnn.sklearn. "
            f"Received: {type(X).__name__}"
        )
    array = np.asarray(X)
    if array.ndim != 2:
        raise ValueError(
            "Expected 2D array: argument `X` must be a table, or an array of shape (rows, columns). Reshape your data. "
            f"Received: {type(X).__name__} of shape {array.shape}"
        )
    if array.dtype.kind in "US" and isinstance(X, (list, tuple)):  # numbers among text are still numbers
        array = np.array(X, object)
    if array.dtype.kind in "cV":
        raise ValueError(f"Complex data not supported. Received: dtype={array.dtype}")
    for number, values in enumerate(array.T):
        missing = _missing(values)
        yield number, (_dates_or_objects(values, missing) if values.dtype.kind == "O" else values, missing, False)


def _framed(X: Any) -> Any:
    """Tables of pyarrow's as DataFrames; all else as it is."""
    return X.to_pandas() if hasattr(X, "to_pandas") and not is_frame(X) else X


def _of_frame(column: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    missing = np.asarray(column.isna() if hasattr(column, "isna") else column.is_null())
    is_category = str(column.dtype) in ("category", "Categorical", "Enum") or str(column.dtype).startswith("Enum")
    if getattr(column.dtype, "tz", None) is not None:  # of pandas: objects otherwise
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    values = np.asarray(column.to_numpy())
    if is_category or values.dtype == bool:
        values = values.astype(object)
    elif values.dtype.kind == "O":
        values = _dates_or_objects(values, missing)
    elif values.dtype.kind == "m":
        values = values / np.timedelta64(1, "s")
    if values.dtype.kind == "f":
        missing = missing | np.isnan(values)
    return values, missing, is_category


def _dates_or_objects(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Columns of Python's dates as datetime64; all else as it is."""
    known = values[~missing].tolist()
    if not known or not all(isinstance(value, datetime.date) for value in known):
        return values
    dates = np.full(len(values), "NaT", "datetime64[us]")
    dates[~missing] = [np.datetime64(_without_zone(value), "us") for value in known]
    return dates


def _without_zone(value: datetime.date) -> datetime.date:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return value


def _missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind in "mM":
        return np.asarray(np.isnat(values))
    if values.dtype.kind == "O":
        return np.array([value is None or _is_nan(value) for value in values], bool)
    return np.zeros(len(values), bool)


def _is_nan(value: Any) -> bool:
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas's NA is equal to nothing, itself included
        return type(value).__name__ == "NAType"


__all__ = ["Part", "Table"]
