"""Tables of pandas and Polars as NumPy arrays, without a copy where one block of memory holds all columns."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_frame(x: Any) -> bool:
    """Whether `x` is a table: it has columns, their dtypes, and a way to NumPy (pandas, Polars and the like)."""
    return hasattr(x, "columns") and hasattr(x, "dtypes") and hasattr(x, "to_numpy")


def is_column(x: Any) -> bool:
    """Whether `x` is a column of a table: a Series of pandas or Polars."""
    return hasattr(x, "to_numpy") and hasattr(x, "dtype") and hasattr(x, "name") and not is_frame(x)


def as_array(x: Any, name: str = "x") -> Any:
    """Returns tables, columns and tensors of other libraries as arrays; all else, arrays first, as it came.

    Args:
        x: Anything.
        name: The name of the argument, for messages.
    """
    if isinstance(x, np.ndarray):
        return x
    if is_frame(x):
        return frame_to_array(x, name)
    if is_column(x):
        if not _is_numeric(x.dtype):
            raise TypeError(
                f"Argument `{name}` must hold numbers; look up or encode the others first (StringLookup, "
                f"CategoryEncoding). Received: the column {x.name!r} of dtype {x.dtype}"
            )
        return _column_to_array(x)
    if getattr(x, "requires_grad", False):  # a tensor of PyTorch's that would not be an array as it is
        x = x.detach()
    return np.asarray(x) if hasattr(x, "__array__") else x


def frame_to_array(frame: Any, name: str = "x") -> np.ndarray:
    """Returns a table as an array of shape `(rows, columns)`.

    Columns of one dtype that lie in one block of memory are not copied. Others are brought to the smallest dtype that
    holds them all. Missing values become NaN.

    Args:
        frame: A DataFrame of pandas or Polars.
        name: The name of the argument, for messages.

    Raises:
        TypeError: Some columns hold no numbers; the message names them.
    """
    dtypes = dict(zip(frame.columns, frame.dtypes, strict=True))
    others = [f"{column!r} ({dtype})" for column, dtype in dtypes.items() if not _is_numeric(dtype)]
    if others:
        raise TypeError(
            f"Argument `{name}` must hold numbers; look up or encode the other columns first (StringLookup, "
            f"CategoryEncoding), or leave them out. Received: the columns {', '.join(others)}"
        )
    if len(set(dtypes.values())) == 1:
        array = np.asarray(frame.to_numpy())
        if array.dtype.kind in "buif":
            return array
    columns = [_column_to_array(frame[column]) for column in frame.columns]
    kinds = {column.dtype for column in columns}
    array = np.empty((len(frame), len(columns)), np.result_type(*kinds) if kinds else np.float32)
    for j, column in enumerate(columns):
        array[:, j] = column
    return array


def _is_numeric(dtype: Any) -> bool:
    if hasattr(dtype, "is_numeric"):  # of Polars
        return bool(dtype.is_numeric()) or str(dtype) == "Boolean"
    return getattr(dtype, "kind", "O") in "buif"  # of NumPy, and of what extends it in pandas


def _column_to_array(column: Any) -> np.ndarray:
    array = np.asarray(column.to_numpy())
    if array.dtype.kind in "buif":
        return array
    # Missing values made it an array of objects; those of pandas are equal to nothing, themselves included.
    missing = np.asarray(column.isna() if hasattr(column, "isna") else column.is_null())
    values = np.full(array.shape, np.nan)
    values[~missing] = array[~missing].astype(np.float64)
    return values
