"""Helpers for preparing data, for repeatable runs, and for showing progress."""

from __future__ import annotations

from fastnn.random import set_random_seed
from fastnn.utils.numerical import normalize, to_categorical
from fastnn.utils.plotting import plot_model
from fastnn.utils.progress import Progbar
from fastnn.utils.py_dataset import PyDataset
from fastnn.utils.splitting import split_dataset

__all__ = ["Progbar", "PyDataset", "normalize", "plot_model", "set_random_seed", "split_dataset", "to_categorical"]
