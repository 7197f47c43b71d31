"""What scripts ask of Keras's `backend`: settings, and names that begin anew."""

from __future__ import annotations

from fastnn._refused import refuser
from fastnn._registry import reset_names as clear_session
from fastnn.config import epsilon, floatx, set_epsilon, set_floatx

__all__ = ["clear_session", "epsilon", "floatx", "set_epsilon", "set_floatx"]

__getattr__ = refuser("fastnn.backend")
