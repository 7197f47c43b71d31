"""Sparse matrices, read row by row as a data set is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np


def is_sparse(x: Any) -> bool:
    """Whether `x` is a sparse matrix or array of SciPy's, of any format."""
    return hasattr(x, "tocsr") and hasattr(x, "nnz") and hasattr(x, "shape")


class CSRRows:
    """The rows of a sparse matrix in compressed form: its own arrays, checked, and made dense a few rows at a time.

    Args:
        matrix: A sparse matrix of SciPy's; one in CSR format is not copied.
        name: The name of the argument, for messages.

    It looks like an array of two axes where `fit` and the rest look at one: it has a shape, a length, and slices.

    Attributes:
        indptr: Where each row begins in the two others, an array of `rows + 1` integers.
        indices: The column of each value.
        data: The values.

    Example:

    >>> import scipy.sparse
    >>> rows = CSRRows(scipy.sparse.csr_matrix([[0, 2, 0], [1, 0, 0], [0, 0, 3]]))
    >>> rows.dense(np.array([2, 0]))
    array([[0., 0., 3.],
           [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, matrix: Any, name: str = "x") -> None:
        matrix = matrix.tocsr()
        if len(matrix.shape) != 2:
            raise ValueError(f"Argument `{name}` must have two axes where it is sparse. Received: shape={matrix.shape}")
        self.shape: tuple[int, int] = (int(matrix.shape[0]), int(matrix.shape[1]))
        self.indptr, self.indices, self.data = (np.asarray(a) for a in (matrix.indptr, matrix.indices, matrix.data))
        if self.data.dtype.kind not in "buif":
            raise TypeError(f"Argument `{name}` must hold real numbers. Received: dtype={self.data.dtype}")
        fits = (
            self.indptr.shape == (self.shape[0] + 1,)
            and self.indptr[0] == 0
            and (np.diff(self.indptr) >= 0).all()
            and self.indptr[-1] <= min(len(self.indices), len(self.data))
            and self.indices.dtype.kind in "iu"
        )
        indices = self.indices[: self.indptr[-1]] if fits else self.indices
        if not fits or (indices.size and not 0 <= indices.min() <= indices.max() < self.shape[1]):
            raise ValueError(f"Argument `{name}` is no valid sparse matrix. Received: shape={self.shape}")

        self.ascends = bool(getattr(matrix, "has_sorted_indices", False))  # the columns of each row
        self._parts: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    ndim = 2

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> CSRRows:
        """Some rows, one after the other: a view."""
        first, last, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"Rows of a sparse matrix are sliced one after the other. Received: {rows}")
        some = copy.copy(self)
        some.shape = (max(last - first, 0), self.shape[1])
        some.indptr = self.indptr[first : max(last, first) + 1]
        some._parts = None
        return some

    def parts(self, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`indptr`, `indices` and `data` as C reads them; what has another dtype is copied, once."""
        if self._parts is None or self._parts[2].dtype != dtype:
            wide = np.int32 if self.indices.dtype == np.int32 else np.int64
            used = slice(int(self.indptr[0]), int(self.indptr[-1]))
            starts = self.indptr.astype(np.int64) - used.start
            columns = np.require(self.indices[used], wide, ["C", "A"])
            self._parts = starts, columns, np.require(self.data[used], dtype, ["C", "A"])
        return self._parts

    def first_not_finite(self, dtype: Any) -> tuple[int, int] | None:
        """Row and column of the first NaN or infinity, or number that becomes one in `dtype`."""
        used = self.data[self.indptr[0] : self.indptr[-1]]
        with np.errstate(over="ignore"):
            wrong = ~np.isfinite(used.astype(dtype, copy=False)) if used.dtype.kind == "f" else np.zeros(0, bool)
        if not wrong.any():
            return None
        at = int(self.indptr[0]) + int(wrong.argmax())
        return int(np.searchsorted(self.indptr, at, side="right")) - 1, int(self.indices[at])

    def dense(self, rows: Any, dtype: Any = np.float32, out: np.ndarray | None = None) -> np.ndarray:
        """Returns some rows as an ordinary array.

        Args:
            rows: Their numbers, or a slice of them.
            dtype: The dtype of the result.
            out: Where to write it: an array of that shape and dtype.
        """
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        rows = np.asarray(rows, np.int64)
        if out is None:
            out = np.empty((len(rows), self.shape[1]), dtype)
        out[...] = 0
        counts = self.indptr[rows + 1] - self.indptr[rows]
        # Positions of all values: each row's own run, end to end.
        ends = np.cumsum(counts)
        positions = np.arange(counts.sum()) + np.repeat(self.indptr[rows] - (ends - counts), counts)
        at = np.repeat(np.arange(len(rows)), counts), self.indices[positions]
        np.add.at(out, at, self.data[positions].astype(out.dtype))  # a place that occurs twice counts twice
        return out
