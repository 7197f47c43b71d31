"""The package's face: what it exports, and how little its import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fastnn


def test_every_public_name_is_there() -> None:
    for name in fastnn.__all__:
        assert getattr(fastnn, name) is not None
        assert name in dir(fastnn)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = fastnn.nonsense


def test_import_loads_submodules_only_when_used() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); import fastnn; "
        "print(*sorted(set(sys.modules) - before)); fastnn.layers; print('fastnn.layers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, used = done.stdout.splitlines()
    assert set(loaded.split()) <= {"fastnn", "fastnn._kernels", "fastnn._version"}
    assert used == "True"
