"""What memory this process has, and how much it had at most. Linux."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _bytes(name: str) -> int:
    if not STATUS.exists():
        raise NotImplementedError("memory is measured on Linux alone")
    for line in STATUS.read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise OSError(f"expected {name} in {STATUS}")


def peak() -> int:
    """Bytes in memory at most, since the start or since `forget_peak`."""
    return _bytes("VmHWM")


def forget_peak() -> int:
    """Starts the peak afresh where the system allows it; returns the bytes that count as there before.

    What was freed is given back first, or what comes after would live in it unseen. Where the peak cannot be forgotten,
    what is returned is the peak so far: what comes after can then be shown too small, never too large.
    """
    _bytes("VmRSS")  # whether there is such a thing
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
    if trim is not None:
        trim(0)
    try:
        FORGET.write_text("5", encoding="ascii")
    except OSError:
        return peak()
    return _bytes("VmRSS")
