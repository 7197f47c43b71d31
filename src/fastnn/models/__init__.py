"""Models: layers put together, and what Keras users do with them."""

from __future__ import annotations

from fastnn.models.model import Model
from fastnn.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
