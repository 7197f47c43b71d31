"""What users bring, as NumPy arrays: tables, sparse matrices, and batches from generators and data loaders.

No library is imported here: tables, matrices and loaders are known by what they can do.
"""

from __future__ import annotations

from fastnn.adapters.batches import Batch, Batches, is_batches
from fastnn.adapters.frames import as_array, frame_to_array, is_frame
from fastnn.adapters.sparse import CSRRows, is_sparse

__all__ = ["Batch", "Batches", "CSRRows", "as_array", "frame_to_array", "is_batches", "is_frame", "is_sparse"]
