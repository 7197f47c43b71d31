"""The door to C against those who push it: whatever it is given, it says what is wrong, and nothing is read or written
past a buffer. The sanitizers see what these tests alone would not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import _kernels, ops


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def identity_program() -> tuple[_kernels.Program, int]:
    """A program that reads four columns, and the number of the value that they are."""
    program = _kernels.Program("float32")
    x = program.value(1, 4)
    program.feed(x)
    return program, x


def dense_program() -> _kernels.Program:
    """A program that is to learn a matrix by gradient descent, not finished."""
    program = _kernels.Program("float32")
    rule = program.rule("sgd")
    x, y, target = program.value(1, 4, True), program.value(1, 4, True), program.value(1, 4)
    program.feed(x)
    program.feed(target)
    kernel = program.parameter(ones(4, 4), True, rule=rule)
    program.step("dense", [x], y, [kernel], backward=True)
    program.step("loss", [y, target], loss="mean_squared_error")
    return program


def started(program: _kernels.Program) -> _kernels.Program:
    program.finish(4)
    program.bind([ones(4, 4), ones(4, 4)])
    program.start(4, 4)
    return program


WRONG: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "an array that is none": (TypeError, lambda: _kernels.update("adam", ones(2), ones(2), [None, None], [1] * 5)),
    "a metric without columns": (
        ValueError,
        lambda: _kernels.metric("top_k_categorical_accuracy", np.zeros(2), ones(3, 0), ones(3, 0)),
    ),
    "more thresholds than float32 can count": (
        ValueError,
        lambda: _kernels.metric("auc", np.zeros(4), ones(3, 1), ones(3, 1), None, (2.0**25,)),
    ),
    "an element before the first": (ValueError, lambda: _kernels.dropout(ones(5), 0.5, 1, 1, first=-3)),
    "gradients in one memory": (
        ValueError,
        lambda: ops.linear_backward(ones(2, 2), ones(2, 2), ones(2, 2), dx=(same := ones(2, 2)), dw=same),
    ),
    "half a thread": (ValueError, lambda: fastnn.set_num_threads(1.5)),  # type: ignore[arg-type]
    "a value too large": (ValueError, lambda: _kernels.Program("float32").value(2**62, 2**62)),
    "a view whose size wraps around": (ValueError, lambda: identity_program()[0].view(0, 2**62 + 1, 4)),
    "columns that wrap around": (ValueError, lambda: identity_program()[0].columns(0, 2**63 - 1, 4)),
    "a loss of nothing": (ValueError, lambda: _kernels.Program("float32").step("loss", [], loss="huber")),
    "a metric of nothing": (
        ValueError,
        lambda: _kernels.Program("float32").step("metric", [], metric="accuracy", state=np.zeros(2)),
    ),
    "columns of nothing": (ValueError, lambda: _kernels.Program("float32").step("loss", [], columns=ones(3))),
    "a metric without a state": (
        TypeError,
        lambda: identity_program()[0].step("metric", [0, 0], metric="accuracy", state=None),
    ),
    "Python's gradient of what keeps none": (
        ValueError,
        lambda: (made := identity_program()[0]).step(
            "python", [0], made.value(1, 4, True), [made.parameter(ones(4), True)], backward=True, python=print
        ),
    ),
    "a step that is not there": (IndexError, lambda: started(dense_program()).row_losses(10**7)),
    "refreshed before it is finished": (RuntimeError, lambda: dense_program().refresh()),
    "released before it is finished": (RuntimeError, lambda: dense_program().release()),
    "batches that wrap around": (ValueError, lambda: started(dense_program()).run(1, 2**63 - 1)),
    "samples that wrap around": (ValueError, lambda: started(dense_program()).start(2**63 - 1, 4)),
    "scalars that wrap around": (
        ValueError,
        lambda: started(dense_program()).set_scalars(2**63 - 1, [np.ones((3, 2))]),
    ),
    "more scalars passed over than there are": (
        ValueError,
        lambda: started(dense_program()).set_scalars(0, [np.ones((3, 2))], None, 4),
    ),
    "an input too many": (IndexError, lambda: started(dense_program()).bind([ones(4, 4)] * 3)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_is_told(case: str) -> None:
    error, call = WRONG[case]
    with pytest.raises(error):
        call()


def test_a_step_that_does_not_fit_is_not_kept() -> None:
    program, x = identity_program()
    for name, message in (("nonsense", "must be one of"), (None, "do not fit")):
        with pytest.raises(ValueError, match=message):
            program.step("activation", [x], x, activation=name)
    y = program.value(1, 4)
    program.step("activation", [x], y, activation="relu")
    program.result(y)
    program.finish(4)
    out = np.full((2, 4), 7, np.float32)
    program.bind([-ones(2, 4)])
    program.bind_result(0, out)
    program.start(2, 2)
    assert program.run(0, 1) == 1
    assert not out.any()


@pytest.mark.parametrize("verb", ["release", "refresh", "run"])
def test_a_step_in_python_cannot_start_or_end_its_own_program(verb: str) -> None:
    program, x = identity_program()
    y = program.value(1, 4)
    arguments = (0, 1) if verb == "run" else ()
    program.step("python", [x], y, python=lambda is_forward: getattr(program, verb)(*arguments))
    program.finish(4)
    program.bind([ones(4, 4)])
    program.start(4, 4)
    with pytest.raises(RuntimeError, match="running"):
        program.run(0, 1)


def test_gradients_may_lie_between_each_other() -> None:
    both = np.zeros((2, 4))
    dy, x, w = np.eye(2), np.arange(4.0).reshape(2, 2), np.ones((2, 2))
    ops.linear_backward(dy, x, w, dx=both[:, ::2], dw=both[:, 1::2])
    np.testing.assert_array_equal(both[:, ::2], dy @ w.T)
    np.testing.assert_array_equal(both[:, 1::2], x.T @ dy)
