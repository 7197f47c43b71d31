"""Every kernel beside the NumPy that a careful user would write."""

from __future__ import annotations

from typing import Any

from .environment import cores
from .figures import columns, short
from .section import Section
from .session import Failure, OutOfTime, Session

# (kernel, longest side up to which it holds, ratio) beyond "never slower than NumPy"
FLOORS = [("linear relu", 256, 2.0)]
QUICK_SIZES = ("64x64x64", "2048", "64x64")


def measure(session: Session) -> list[dict[str, Any]]:
    from .kernel_pairs import pairs  # which needs fastnn

    chosen: dict[str, list[str]] = {}
    for pair in pairs():
        if session.kernels and not any(word in pair.kernel for word in session.kernels):
            continue
        if session.quick and (pair.size not in QUICK_SIZES or pair.dtype != "float32"):
            continue
        chosen.setdefault(pair.kernel, []).append(pair.id)
    rows: list[dict[str, Any]] = []
    # A process of their own for all pairs of a kernel: with the settings of the others, and a heap of their own.
    for i, (kernel, ids) in enumerate(_groups(chosen, session.quick).items()):
        session.progress.step(f"kernels, {i + 1} of {len(chosen)}: {kernel}")
        try:
            seconds = min(session.seconds / 5, 0.2)
            rows += session.run("kernels", cores(), ids=ids, seconds=seconds)["rows"]
        except OutOfTime:
            session.unfinished["kernels"] = [f"{kernel} and the rest"]
            break
        except Failure as failure:
            raise SystemExit(f"{kernel}: {failure}") from failure
    slower = sum(row["numpy"] < row["fastnn"] for row in rows)
    session.progress.line(f"kernels: {len(rows)} measured, {slower} slower than NumPy")
    return rows


def _groups(chosen: dict[str, list[str]], quick: bool) -> dict[str, list[str]]:
    """The ids by kernel; a quick run starts one process for all of them."""
    return {"all": [one for ids in chosen.values() for one in ids]} if quick and chosen else chosen


def floor_of(kernel: str, size: str) -> float:
    """How many times as fast as NumPy a kernel must be."""
    side = max(int(part) for part in size.split("x"))
    return max([1.0, *(ratio for name, limit, ratio in FLOORS if name == kernel and side <= limit)])


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The table; a remark stands behind each ratio that is too low."""
    table = [("kernel", "dtype", "size", "NumPy, µs", "fastnn, µs", "× fastnn", "")]
    for row in rows:
        ratio, floor = row["numpy"] / row["fastnn"], floor_of(row["kernel"], row["size"])
        remark = "" if ratio >= floor else "SLOWER" if ratio < 1 else f"below {floor:g}"
        times = (short(row["numpy"]), short(row["fastnn"]), f"{ratio:.2f}")
        table.append((row["kernel"], row["dtype"], row["size"], *times, remark))
    slower = sum(row["numpy"] < row["fastnn"] for row in rows)
    return [*columns(table), f"{slower} of {len(rows)} slower than NumPy"]


SECTION = Section(
    "kernels",
    "Kernels",
    measure,
    lines,
    (
        ("kernel", "one function on arrays in memory, with `out=`; rows x inputs x units, or the shape of its array"),
        ("× fastnn", "how many times as long NumPy takes, written with as few passes as there can be, all in place"),
        (
            "below",
            "behind a ratio that is less than the least that is asked of this kernel; SLOWER where NumPy is faster",
        ),
        ("µs", "the best of many blocks of calls in which both take turns: whatever else runs only ever adds"),
    ),
)
