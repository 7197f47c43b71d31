"""The state of a model and its optimizer: what there is, by name, and how it comes back."""

from __future__ import annotations

from fastnn.state import trees
from fastnn.state.names import layers_by_path, named_slots, named_weights, set_streams, streams_of
from fastnn.state.stored import Stored, collected, finite, matched, put, slots_in, stored_in

__all__ = [
    "Stored",
    "collected",
    "finite",
    "layers_by_path",
    "matched",
    "named_slots",
    "named_weights",
    "put",
    "set_streams",
    "slots_in",
    "stored_in",
    "streams_of",
    "trees",
]
