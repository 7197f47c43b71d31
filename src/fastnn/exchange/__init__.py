"""Models from other programs and for them: ONNX, PyTorch, C."""

from __future__ import annotations

from fastnn.exchange.onnx_import import from_onnx
from fastnn.exchange.torch_models import from_torch, load_state_dict, to_state_dict, to_torch
from fastnn.exporting import to_c, to_onnx

__all__ = ["from_onnx", "from_torch", "load_state_dict", "to_c", "to_onnx", "to_state_dict", "to_torch"]
