"""Sparse matrices, read row by row as a data set is."""

from __future__ import annotations

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
        )
        indices = self.indices[: self.indptr[-1]] if fits else self.indices
        if not fits or (indices.size and not 0 <= indices.min() <= indices.max() < self.shape[1]):
            raise ValueError(f"Argument `{name}` is no valid sparse matrix. Received: shape={self.shape}")

    def __len__(self) -> int:
        return self.shape[0]

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
