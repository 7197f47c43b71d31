"""What holds for the parity suite alone: warnings are Keras's and JAX's own affair; what is known to differ as yet."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent

# Parts of the names of tests that are known to fail, and why. To be emptied.
PENDING: dict[str, str] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            for part, reason in PENDING.items():
                if part in item.name:
                    item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
