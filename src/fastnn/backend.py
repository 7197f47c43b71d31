"""What scripts ask of Keras's `backend`: settings, and names that begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._refused import refuser
from fastnn._registry import reset_names as clear_session
from fastnn.config import epsilon, floatx, set_epsilon, set_floatx

__all__ = ["clear_session", "epsilon", "floatx", "set_epsilon", "set_floatx"]

if not TYPE_CHECKING:  # which would believe that there is every name
    __getattr__ = refuser(__name__)
