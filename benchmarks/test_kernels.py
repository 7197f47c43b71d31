"""Each kernel beside the NumPy that a careful user would write: both compute the same, and how long each takes."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fastnn.bench.kernel_pairs import Pair, pairs


@pytest.mark.parametrize("by", ["numpy", "fastnn"])
@pytest.mark.parametrize("pair", list(pairs()), ids=lambda pair: pair.id)
def test_kernel(benchmark: BenchmarkFixture, pair: Pair, by: str) -> None:
    if benchmark.disabled and (max(pair.sides) > 128 or by == "numpy"):
        pytest.skip("only worth the wait with a clock")
    numpy, fastnn = pair.checked()
    benchmark.group = pair.id
    benchmark({"numpy": numpy, "fastnn": fastnn}[by])
