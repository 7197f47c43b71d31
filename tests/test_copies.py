"""Copies of models of all kinds are equal to them, now and after more training."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from saved_models import MADE, X, equal, trained


def copies() -> list[Any]:
    import cloudpickle
    import joblib

    def through_joblib(model: Any) -> Any:
        memory = io.BytesIO()
        joblib.dump(model, memory)
        memory.seek(0)
        return joblib.load(memory)

    return [
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda model: pickle.loads(pickle.dumps(model)), id="pickle"),
        pytest.param(lambda model: pickle.loads(cloudpickle.dumps(model)), id="cloudpickle"),
        pytest.param(through_joblib, id="joblib"),
    ]


@pytest.mark.parametrize("copied", copies())
@pytest.mark.parametrize("make", MADE)
def test_copies_are_equal(make: str, copied: Callable[[Any], Any]) -> None:
    model = trained(MADE[make])
    model.predict(X[:2], verbose=0)
    again = copied(model)
    assert again.weights[0].value.base is not model.weights[0].value.base
    equal(again, model)


def test_cloudpickle_takes_classes_along() -> None:
    import cloudpickle

    code = """
import cloudpickle, sys
import numpy as np
from fastnn import Sequential, layers
class Tripled(layers.Layer):
    def forward(self, x):
        return 3 * x
    def backward(self, dy):
        return 3 * dy
model = Sequential([layers.Input((2,)), layers.Dense(2, kernel_initializer="ones"), Tripled()])
model.compile("sgd", lambda t, p: (((t - p) ** 2).mean(-1), 2 * (p - t) / 2))
model.fit(np.zeros((4, 2)), np.zeros((4, 2)), verbose=0)
sys.stdout.buffer.write(cloudpickle.dumps(model))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    model = cloudpickle.loads(done.stdout)
    np.testing.assert_array_equal(model.predict(np.ones((1, 2)), verbose=0), [[6.0, 6.0]])
    model.fit(np.ones((4, 2)), np.zeros((4, 2)), verbose=0)
