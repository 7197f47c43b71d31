"""What every test starts from: the instruction set that was asked for, and the same random numbers each time."""

from __future__ import annotations

import os

import numpy as np
import pytest

from fastnn import _kernels
from fastnn._registry import reset_names
from fastnn.random import set_random_seed

set_random_seed(0)  # for what modules of tests draw when they are imported


def pytest_report_header(config: pytest.Config) -> str:
    return f"isa: {_kernels.isa()} (available: {', '.join(_kernels.available_isas())})"


def pytest_sessionstart(session: pytest.Session) -> None:
    wanted = os.environ.get("FASTNN_ISA")
    if wanted and _kernels.isa() != wanted:
        raise pytest.UsageError(f"FASTNN_ISA={wanted}, but {_kernels.isa()} is live")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Python's generator, NumPy's and fastnn's own: a test draws the same numbers alone and among the others."""
    set_random_seed(0)


@pytest.fixture
def repeatable() -> None:
    """The names that models and layers are given begin anew, and the weights that they start from, too."""
    set_random_seed(3)
    reset_names()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
