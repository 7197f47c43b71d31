"""The machine's FMA peak: independent multiply-adds on registers, in the instruction set that fastnn uses."""

from __future__ import annotations

import threading
from typing import Any

from .environment import cores
from .figures import significant
from .section import Section
from .session import Session

DTYPES = ("float32", "float64")
WINDOW = 0.05  # seconds: the best of several short windows counts, as the others were disturbed


def rate(dtype: str, threads: int, seconds: float) -> float:
    """GFLOP/s of so many threads together, in the best of several windows.

    Args:
        dtype: `"float32"` or `"float64"`.
        threads: How many threads multiply and add at once.
        seconds: How long to measure.
    """
    from fastnn import _kernels

    def window() -> float:
        rates: list[float] = []
        together = threading.Barrier(threads)

        def work() -> None:
            together.wait()
            rates.append(_kernels.multiply_add_rate(dtype, WINDOW))

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(rates) / 1e9

    return max(window() for _ in range(max(1, round(seconds / WINDOW))))


def peak(dtype: str, seconds: float) -> dict[str, float]:
    """GFLOP/s on one core and on all of them; measuring each takes so many seconds."""
    return {name: significant(rate(dtype, n, seconds)) for name, n in (("one_core", 1), ("all_cores", cores()))}


def measure(session: Session) -> dict[str, Any]:
    session.progress.step("FMA peak")
    return {dtype: peak(dtype, 0.2 if session.quick else 1.0) for dtype in DTYPES}


def lines(found: dict[str, Any]) -> list[str]:
    """A line a dtype."""
    return [f"{dtype}: one core {p['one_core']:.0f} GFLOP/s, all {p['all_cores']:.0f}" for dtype, p in found.items()]


SECTION = Section(
    "peak",
    "FMA peak",
    measure,
    lines,
    (
        ("peak", "multiply-adds on registers alone, two operations each: what no program can exceed on this machine"),
        ("all", "on all cores at once; less than their number times one core's where they share units or power"),
    ),
)
