"""Models in the forms of other programs: a file of C, an ONNX graph."""

from __future__ import annotations

from fastnn.exporting.c import to_c

__all__ = ["to_c"]
