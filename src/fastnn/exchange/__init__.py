"""Models from other programs and for them: ONNX, PyTorch, C."""

from __future__ import annotations

from fastnn.exchange.onnx_import import from_onnx
from fastnn.exporting import to_c, to_onnx

__all__ = ["from_onnx", "to_c", "to_onnx"]
