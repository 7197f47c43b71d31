"""Helpers for preparing data, for repeatable runs, and for showing progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._refused import refuser
from fastnn._registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from fastnn._registry import reset_names as clear_session
from fastnn.random import set_random_seed
from fastnn.utils.numerical import normalize, to_categorical
from fastnn.utils.plotting import plot_model
from fastnn.utils.progress import Progbar
from fastnn.utils.py_dataset import PyDataset, pack_x_y_sample_weight, unpack_x_y_sample_weight
from fastnn.utils.splitting import split_dataset

CustomObjectScope = custom_object_scope
Sequence = PyDataset

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "pack_x_y_sample_weight",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

if not TYPE_CHECKING:  # which would believe that there is every name
    __getattr__ = refuser(__name__)
