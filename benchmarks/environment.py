"""What a figure was measured on and with: CPU, instruction set, threads, compiler, versions, commit."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# Settings for other programs that make NumPy's BLAS take kernels of another CPU, or a smaller cache.
MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE")
# What each library reads its number of threads from. JAX reads NPROC.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "FASTNN_NUM_THREADS", "NPROC")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def child_environment(threads: int, extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that measures: no misleading settings, and this number of threads."""
    environment = {k: v for k, v in os.environ.items() if k not in MISLEADING and not k.startswith("NVPL_")}
    environment |= dict.fromkeys(THREADS, str(threads))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return environment | (extra or {})


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


def commit() -> str | None:
    """The commit of the checkout, with `+` where the sources differ from it; None outside a checkout."""
    try:
        head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "-C", ROOT, "status", "--porcelain", "--", "src", "setup.py"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def describe() -> dict[str, Any]:
    """Facts that every result carries."""
    import numpy as np

    import fastnn
    from fastnn import _kernels

    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu(),
        "cores": cores(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fastnn": fastnn.__version__,
        "isa": _kernels.isa(),
        "threads": _kernels.get_num_threads(),
        "compiler": _kernels.compiler(),
    }
