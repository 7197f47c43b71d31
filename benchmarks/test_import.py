"""What `import fastnn` costs beyond `import numpy`, each in fresh processes that take turns."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fastnn.bench.environment import child_environment, cores

PROGRAM = "import time, numpy; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def milliseconds(module: str) -> float:
    """Milliseconds that importing `module` takes after NumPy, in a fresh process."""
    command = [sys.executable, "-c", PROGRAM.format(module)]
    # Bytecode is cached by the first run, as for any user.
    environment = child_environment(cores()) | {"PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout) * 1e3


@pytest.mark.parametrize("module", ["fastnn", "fastnn.models"])
def test_import(benchmark: BenchmarkFixture, module: str, capsys: pytest.CaptureFixture[str]) -> None:
    milliseconds(module)
    rounds = 1 if benchmark.disabled else 15
    times = [milliseconds(module) for _ in range(rounds)]
    with capsys.disabled():
        print(f"\nimport {module} after numpy: {statistics.median(times):.1f} ms (median of {rounds})")
    benchmark.extra_info["milliseconds_after_numpy"] = times
    benchmark.pedantic(milliseconds, args=(module,), rounds=3)
