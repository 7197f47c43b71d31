"""The optimizers' updates, the regularizers, and the largest move of a weight."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from fastnn import _kernels
from kernel_arrays import REALS, Guarded, assert_close, edges
from reference_updates import update

# decay first; then as documented in updates_*.inc.h
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
    "adagrad": (0.99, 0.1, 1e-7),
    "adadelta": (0.99, 0.5, 0.9, 1e-3),
    "adamax": (0.99, 0.1, 0.1, 0.99, 1e-7),
    "nadam": (0.99, 0.01, 0.1, 0.001, 1.5, 0.6, 100.0, 1e-7),
    "lion": (0.99, 0.1, 0.9, 0.99),
    "ftrl": (0.99, 0.1, -0.5, 0.01, 0.2, 0.1),
    "schedule_free_adamw": (0.99, 0.1, 0.9, 0.001, 100.0, 1e-8, 0.25),
    "lamb": (0.99, 0.1, 0.1, 0.001, 10.0, 1000.0, 1e-7),
    "adafactor": (0.99, 0.1, 0.5, 1e-30, 1e-3, 1.0),
    "adafactor_vector": (0.99, 0.1, 0.5, 1e-30, 1e-3, 1.0),
    "muon": (0.99, 0.1, 0.2, 0.95, 1.0, 5.0, 3.4445, -4.7750, 2.0315),
}
SLOTS = {name: slots for name, (slots, _) in _kernels.update_names().items()}
WHOLE = ("lamb", "adafactor", "adafactor_vector", "muon")
BY_WEIGHT = [name for name in SCALARS if name not in WHOLE]
# What is divided by may be a difference of near numbers: v - a² where it is centered, the sum of powers of ftrl.
# Ftrl's weight is what is left of a sum that nearly cancels: the sum is some 30 times the size that is allowed for.
UNITS = {"rmsprop_centered": 64, "rmsprop_centered_momentum": 64, "ftrl": 512, "nadam": 32}


def test_every_update_is_tested() -> None:
    names = _kernels.update_names()
    assert sorted(names) == sorted(SCALARS)
    assert {name: scalars for name, (_, scalars) in names.items()} == {name: len(h) for name, h in SCALARS.items()}


def takes_steps(
    name: str, h: tuple, w: Guarded, slots: list[Guarded], dtype: type, rng: np.random.Generator, units: float
) -> None:
    """Three steps beside the twin, with guards behind every array."""
    wanted, state = reference.wide(w.array), [reference.wide(s.array) for s in slots]
    for _ in range(3):
        g = Guarded(rng.normal(size=w.array.shape), dtype, offset=2)
        before = g.array.copy()
        wanted, state = update(name, wanted, before, state, h)
        _kernels.update(name, w.array, g.array, [s.array for s in slots], h)
        np.testing.assert_array_equal(g.array, before)
        assert_close(w.array, wanted, dtype, units, 1)
        for slot, values in zip(slots, state, strict=True):
            assert_close(slot.array, values, dtype, units, 0.1)
            slot.check()
        w.check()


@REALS
@pytest.mark.parametrize("name", BY_WEIGHT)
def test_three_steps(name: str, dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype):
        w = Guarded(rng.normal(size=n), dtype)
        slots = [Guarded(np.full(n, 0.1 if name == "ftrl" else 0), dtype, offset=k) for k in range(SLOTS[name])]
        takes_steps(name, SCALARS[name], w, slots, dtype, rng, UNITS.get(name, 16))


@REALS
@pytest.mark.parametrize("power", [-0.3, -1.0, 0.0])
def test_other_powers_of_ftrl(power: float, dtype: type, rng: np.random.Generator) -> None:
    w = Guarded(rng.normal(size=37), dtype)
    slots = [Guarded(np.full(37, 0.1), dtype), Guarded(np.zeros(37), dtype)]
    takes_steps("ftrl", (0.99, 0.1, power, 0.01, 0.2, 0.1), w, slots, dtype, rng, 64)


SHAPES = [(1, 1), (1, 7), (7, 1), (2, 3), (5, 5), (16, 17), (33, 8), (8, 33), (61, 40)]


def slots_of(name: str, shape: tuple[int, int], dtype: type) -> list[Guarded]:
    shapes = [shape[:1], shape[1:], shape] if name == "adafactor" else [shape] * SLOTS[name]
    return [Guarded(np.zeros(each), dtype, offset=k) for k, each in enumerate(shapes)]


@REALS
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", WHOLE)
def test_three_steps_of_a_whole(name: str, shape: tuple[int, int], dtype: type, rng: np.random.Generator) -> None:
    w = Guarded(rng.normal(size=shape), dtype)
    # Newton and Schulz's five steps widen small singular values, and their rounding, some 500 times.
    takes_steps(name, SCALARS[name], w, slots_of(name, shape, dtype), dtype, rng, 4000 if name == "muon" else 64)


@REALS
@pytest.mark.parametrize("nesterov, rms_rate", [(0.0, 0.2), (1.0, 0.0)])
def test_settings_of_muon(nesterov: float, rms_rate: float, dtype: type, rng: np.random.Generator) -> None:
    h = (1.0, 0.1, rms_rate, 0.9, nesterov, 2.0, 3.0, -4.0, 2.0)
    w = Guarded(rng.normal(size=(6, 4)), dtype)
    takes_steps("muon", h, w, slots_of("muon", (6, 4), dtype), dtype, rng, 500)


@REALS
def test_steps_of_muon_are_nearly_orthogonal(dtype: type, rng: np.random.Generator) -> None:
    w, g = np.zeros((12, 30), dtype), rng.normal(size=(12, 30)).astype(dtype)
    _kernels.update("muon", w, g, [np.zeros_like(w)], (1.0, 1.0, 0.0, *SCALARS["muon"][3:]))
    values = np.linalg.svd(w, compute_uv=False)
    assert 0.6 < values.min() <= values.max() < 1.3


@REALS
def test_a_norm_of_zero_leaves_the_rate_of_lamb(dtype: type, rng: np.random.Generator) -> None:
    g = rng.normal(size=9).astype(dtype)
    w, m, v = np.zeros((3, 9), dtype)
    _kernels.update("lamb", w, g, [m, v], (1.0, 0.1, 0.1, 0.001, 10.0, 1000.0, 0.0))
    np.testing.assert_allclose(w, -0.1 * np.sign(g), rtol=1e-5)
    w, m, v = np.ones((3, 9), dtype)
    _kernels.update("lamb", w, 0 * g, [0 * m, 0 * v], SCALARS["lamb"])
    np.testing.assert_allclose(w, 0.99, rtol=1e-6)


@REALS
@pytest.mark.parametrize("name", BY_WEIGHT)
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


def test_slots_that_do_not_fit() -> None:
    w = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"adafactor takes 3 slots. Received: 1"):
        _kernels.update("adafactor", w, w, [w], SCALARS["adafactor"])
    with pytest.raises(ValueError, match=r"slot 1 of adafactor must have 2 elements. Received: shape=\(3,\)"):
        _kernels.update("adafactor", w, w, [np.ones(3), np.ones(3), w.copy()], SCALARS["adafactor"])
    with pytest.raises(ValueError, match=r"sgd takes 2 scalars. Received: 1"):
        _kernels.update("sgd", w, w, [], (1.0,))


@REALS
def test_running_mean(dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype):
        w, average = rng.normal(size=n).astype(dtype), Guarded(rng.normal(size=n), dtype)
        wanted = 0.9 * reference.wide(average.array) + 0.1 * reference.wide(w)
        _kernels.follow(w, average.array, 0.1)
        assert_close(average.array, wanted, dtype, 4, 1)
        average.check()
        _kernels.follow(w, average.array, 1.0)
        assert_close(average.array, w, dtype, 2, 1)


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
def test_quotients_of_adam_are_rounded_as_divisions_are(dtype: type, rng: np.random.Generator) -> None:
    """With rates of zero, moments stay as they are and a step is -m / (sqrt(v) + epsilon), whatever the size."""
    info = np.finfo(dtype)
    m = np.concatenate([rng.normal(size=4000), np.exp(rng.uniform(-30, 30, 2000)), [0, 1, np.inf, np.nan, info.max]])
    v = np.concatenate([np.exp(rng.uniform(-20, 20, len(m) - 4)), [0, np.inf, 1, np.inf]])
    m, v = (np.concatenate([m, m[::-1]]).astype(dtype), np.concatenate([v, v]).astype(dtype))
    for epsilon in (0.0, 1e-7):
        w = np.zeros(len(m), dtype)
        _kernels.update("adam", w, np.zeros(len(m), dtype), [m.copy(), v.copy()], (1.0, 1.0, 0.0, 0.0, epsilon))
        with np.errstate(all="ignore"):
            wanted = dtype(0) - m / (np.sqrt(v) + dtype(epsilon))
        # an infinite moment does not stay as it is: inf - inf
        finite = np.isfinite(m) & np.isfinite(v)
        np.testing.assert_array_equal(w[finite], wanted[finite])


@REALS
@pytest.mark.parametrize("name", [n for n in BY_WEIGHT if n not in ("ftrl", "schedule_free_adamw")])
def test_nothing_moves_without_gradient_and_decay(name: str, dtype: type, rng: np.random.Generator) -> None:
    w = rng.normal(size=37).astype(dtype)
    before = w.copy()
    slots = [np.zeros(37, dtype) for _ in range(SLOTS[name])]
    _kernels.update(name, w, np.zeros(37, dtype), slots, (1.0, *SCALARS[name][1:]))
    np.testing.assert_array_equal(w, before)


@REALS
@pytest.mark.parametrize("name", BY_WEIGHT)
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
