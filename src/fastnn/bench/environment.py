"""What a figure was measured on and with: CPU, instruction set, threads, compiler, versions, commit."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

# Settings for other programs that make NumPy's BLAS take kernels of another CPU, or a smaller cache.
MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE")
# What each library reads its number of threads from. JAX reads NPROC.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "FASTNN_NUM_THREADS", "NPROC")


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float:
    """How many processes want a core: the mean of the last minute, or 0 on a system that does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def child_environment(threads: int) -> dict[str, str]:
    """The environment of a process that measures: no misleading settings, and this number of threads."""
    environment = {k: v for k, v in os.environ.items() if k not in MISLEADING and not k.startswith("NVPL_")}
    return environment | dict.fromkeys(THREADS, str(threads))


def cpu() -> str:
    """The CPU's name, with family, model and stepping where its name says little."""
    facts: dict[str, str] = {}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    for line in text.split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        facts[key.strip()] = value.strip()
    name = facts.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in facts:
        name += f" (family {facts['cpu family']}, model {facts['model']}, stepping {facts['stepping']})"
    return name


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit() -> str | None:
    """The commit of the checkout, with `+` where the sources differ from it; None where this is an installed copy."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        top = Path(_git("rev-parse", "--show-toplevel"))
        changed = _git("status", "--porcelain", "--", str(HERE.parent), str(top / "setup.py"))
        return _git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def describe() -> dict[str, Any]:
    """Facts that every result carries."""
    import numpy as np

    from fastnn import _kernels
    from fastnn._version import __version__

    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu(),
        "cores": cores(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fastnn": __version__,
        "isa": _kernels.isa(),
        "threads": _kernels.get_num_threads(),
        "compiler": _kernels.compiler(),
    }
