"""Models: layers put together, and what Keras users do with them."""

from __future__ import annotations

from fastnn.models.cloning import clone_model
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model"]
