"""Models: layers put together, and what Keras users do with them."""

from __future__ import annotations

from fastnn.models.cloning import clone_model
from fastnn.models.description import model_from_json
from fastnn.models.model import Model
from fastnn.models.saving import load_model, save_model
from fastnn.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
