"""The optimizers' updates, the regularizers, and the largest move of a weight."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from fastnn import _kernels
from kernel_arrays import REALS, Guarded, assert_close, edges

# decay first; then as documented in updates.inc.h
SCALARS = {
    "sgd": (0.99, 0.1),
    "momentum": (0.99, 0.1, 0.9),
    "nesterov": (0.99, 0.1, 0.9),
    "adam": (0.99, 0.01, 0.1, 0.001, 1e-7),
    "amsgrad": (0.99, 0.01, 0.1, 0.001, 1e-7),
    "rmsprop": (0.99, 0.01, 0.9, 1e-7),
    "rmsprop_momentum": (0.99, 0.01, 0.9, 1e-7, 0.5),
    "rmsprop_centered": (0.99, 0.01, 0.9, 1e-3),
    "rmsprop_centered_momentum": (0.99, 0.01, 0.9, 1e-3, 0.5),
}
SLOTS = {name: slots for name, (slots, _) in _kernels.update_names().items()}


def test_every_update_is_tested() -> None:
    names = _kernels.update_names()
    assert sorted(names) == sorted(SCALARS)
    assert {name: scalars for name, (_, scalars) in names.items()} == {name: len(h) for name, h in SCALARS.items()}


@REALS
@pytest.mark.parametrize("name", SCALARS)
def test_three_steps(name: str, dtype: type, rng: np.random.Generator) -> None:
    h = SCALARS[name]
    for n in edges(dtype):
        w = Guarded(rng.normal(size=n), dtype)
        slots = [Guarded(np.zeros(n), dtype, offset=k) for k in range(SLOTS[name])]
        wanted, state = reference.wide(w.array), [reference.wide(s.array) for s in slots]
        for _ in range(3):
            g = Guarded(rng.normal(size=n), dtype, offset=2)
            before = g.array.copy()
            wanted, state = reference.update(name, wanted, before, state, h)
            _kernels.update(name, w.array, g.array, [s.array for s in slots], h)
            np.testing.assert_array_equal(g.array, before)
            # a centered variance v - a² cancels: what is left of it is the precision of the step
            assert_close(w.array, wanted, dtype, 64 if "centered" in name else 16, 1)
            for slot, values in zip(slots, state, strict=True):
                assert_close(slot.array, values, dtype, 64 if "centered" in name else 16, 0.1)
                slot.check()
            w.check()


@REALS
@pytest.mark.parametrize("name", SCALARS)
def test_pieces_give_the_bits_of_the_whole(name: str, dtype: type, rng: np.random.Generator) -> None:
    n = 101
    w, g = rng.normal(size=(2, n)).astype(dtype)
    slots = [rng.uniform(0.5, 1, n).astype(dtype) for _ in range(SLOTS[name])]
    pieces, piece_slots = w.copy(), [s.copy() for s in slots]
    _kernels.update(name, w, g, slots, SCALARS[name])
    for start, stop in [(0, 1), (1, 18), (18, 50), (50, 101)]:
        here = slice(start, stop)
        _kernels.update(name, pieces[here], g[here], [s[here] for s in piece_slots], SCALARS[name])
    np.testing.assert_array_equal(pieces, w)
    for one, other in zip(piece_slots, slots, strict=True):
        np.testing.assert_array_equal(one, other)


@REALS
def test_gradient_descent_in_whole_numbers_is_exact(dtype: type, rng: np.random.Generator) -> None:
    w, g = rng.integers(-50, 50, size=(2, 67)).astype(dtype)
    wanted = 0.5 * w - 0.25 * g
    _kernels.update("sgd", w, g, [], (0.5, 0.25))
    np.testing.assert_array_equal(w, wanted)


@REALS
def test_first_step_of_adam_goes_by_the_learning_rate(dtype: type) -> None:
    b1, b2, rate = 0.9, 0.999, 0.001
    alpha = rate * np.sqrt(1 - b2) / (1 - b1)
    g = np.array([-3, -1e-3, 0, 2e-4, 5], dtype)
    w, m, v = np.zeros((3, 5), dtype)
    _kernels.update("adam", w, g, [m, v], (1.0, alpha, 1 - b1, 1 - b2, 1e-7))
    np.testing.assert_allclose(w, -rate * np.sign(g), rtol=0.02)


@REALS
@pytest.mark.parametrize("name", SCALARS)
def test_nothing_moves_without_gradient_and_decay(name: str, dtype: type, rng: np.random.Generator) -> None:
    w = rng.normal(size=37).astype(dtype)
    before = w.copy()
    slots = [np.zeros(37, dtype) for _ in range(SLOTS[name])]
    _kernels.update(name, w, np.zeros(37, dtype), slots, (1.0, *SCALARS[name][1:]))
    np.testing.assert_array_equal(w, before)


@REALS
@pytest.mark.parametrize("name", SCALARS)
def test_nan_stays_with_its_weight(name: str, dtype: type, rng: np.random.Generator) -> None:
    w, g = rng.normal(size=(2, 37)).astype(dtype)
    g[20] = np.nan
    _kernels.update(name, w, g, [np.ones(37, dtype) for _ in range(SLOTS[name])], SCALARS[name])
    np.testing.assert_array_equal(np.isnan(w), np.arange(37) == 20)


@REALS
@pytest.mark.parametrize("l1, l2", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.25), (0.5, 0.25)])
def test_regularize(l1: float, l2: float, dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype):
        w = rng.integers(-9, 10, size=n).astype(dtype)
        g = Guarded(rng.integers(-9, 10, size=n), dtype)
        before = g.array.copy()
        wanted, slope = reference.regularize(w, l1, l2)
        assert _kernels.regularize(w, g.array, l1, l2) == wanted
        np.testing.assert_array_equal(g.array, (before + slope).astype(dtype))
        g.check()
        assert _kernels.regularize(w, None, l1, l2) == wanted


def test_penalties_are_summed_in_double(rng: np.random.Generator) -> None:
    w = rng.normal(size=100_003).astype(np.float32)
    wanted, _ = reference.regularize(w, 0.01, 0.001)
    assert_close(_kernels.regularize(w, None, 0.01, 0.001), wanted, np.float64, 100)
    assert np.isfinite(_kernels.regularize(np.full(9, 3e38, np.float32), None, 0, 1))


@REALS
def test_largest_difference(dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype):
        a, b = rng.normal(size=(2, n)).astype(dtype)
        assert _kernels.max_abs_difference(a, b) == (np.abs(a - b).max() if n else 0)
        for at in range(n):
            spoilt = a.copy()
            spoilt[at] = np.nan
            assert np.isnan(_kernels.max_abs_difference(spoilt, b))
            spoilt[at] = -np.inf
            assert _kernels.max_abs_difference(spoilt, b) == np.inf
