"""Helpers for preparing data, for repeatable runs, and for showing progress."""

from __future__ import annotations

from fastnn._registry import custom_object_scope, get_custom_objects, register_keras_serializable
from fastnn._registry import reset_names as clear_session
from fastnn.random import set_random_seed
from fastnn.utils.numerical import normalize, to_categorical
from fastnn.utils.plotting import plot_model
from fastnn.utils.progress import Progbar
from fastnn.utils.py_dataset import PyDataset
from fastnn.utils.splitting import split_dataset

__all__ = [
    "Progbar",
    "PyDataset",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "normalize",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
]
