"""Learning rate schedules."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastnn.optimizers import schedules

STEPS = np.array([0, 1, 4, 5, 6, 9, 10, 11, 15, 20, 25, 1000])
ALL = [
    schedules.ExponentialDecay(0.1, 10, 0.5),
    schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    schedules.InverseTimeDecay(0.1, 10, 0.5),
    schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    schedules.PiecewiseConstantDecay([5, 10], [1.0, 0.5, 0.1]),
    schedules.PolynomialDecay(0.1, 10, 0.01, power=2.0),
    schedules.PolynomialDecay(0.1, 10, 0.01, cycle=True),
    schedules.CosineDecay(0.1, 10, alpha=0.1),
    schedules.CosineDecay(0.1, 10, alpha=0.1, warmup_target=0.5, warmup_steps=5),
    schedules.CosineDecay(0.1, 10, warmup_target=0.5),
    schedules.CosineDecayRestarts(0.1, 10),
    schedules.CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.5, alpha=0.1),
]


def formula(schedule: schedules.LearningRateSchedule, step: int) -> float:
    """Each schedule as its textbook has it, for one step."""
    s = schedule
    if isinstance(s, (schedules.ExponentialDecay, schedules.InverseTimeDecay)):
        p = step / s.decay_steps
        p = math.floor(p) if s.staircase else p
        if isinstance(s, schedules.ExponentialDecay):
            return s.initial_learning_rate * s.decay_rate**p
        return s.initial_learning_rate / (1 + s.decay_rate * p)
    if isinstance(s, schedules.PiecewiseConstantDecay):
        return next((v for b, v in zip(s.boundaries, s.values[:-1], strict=True) if step <= b), s.values[-1])
    if isinstance(s, schedules.PolynomialDecay):
        length = s.decay_steps
        if s.cycle:
            length *= max(1, math.ceil(step / length))
        step = min(step, length)
        return (s.initial_learning_rate - s.end_learning_rate) * (1 - step / length) ** s.power + s.end_learning_rate
    if isinstance(s, schedules.CosineDecay):
        start = s.initial_learning_rate
        if s.warmup_target is not None:
            if step < s.warmup_steps:
                return start + (s.warmup_target - start) * step / s.warmup_steps
            step, start = step - s.warmup_steps, s.warmup_target
        done = min(step / s.decay_steps, 1.0)
        return start * ((1 - s.alpha) * 0.5 * (1 + math.cos(math.pi * done)) + s.alpha)
    assert isinstance(s, schedules.CosineDecayRestarts)
    length, factor = s.first_decay_steps, 1.0
    while step >= length:
        step, length, factor = step - length, length * s.t_mul, factor * s.m_mul
    cosine = 0.5 * factor * (1 + math.cos(math.pi * step / length))
    return s.initial_learning_rate * ((1 - s.alpha) * cosine + s.alpha)


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: s.name)
def test_values(schedule: schedules.LearningRateSchedule) -> None:
    expected = [formula(schedule, int(step)) for step in STEPS]
    rates = schedule(STEPS)
    assert rates.dtype == np.float64
    np.testing.assert_allclose(rates, expected, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose([schedule(int(step)) for step in STEPS], expected, rtol=1e-13, atol=1e-16)
    np.testing.assert_array_equal(schedule.at(STEPS), rates)
    assert np.ndim(schedule(3)) == 0


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: s.name)
def test_configuration(schedule: schedules.LearningRateSchedule) -> None:
    config = schedules.serialize(schedule)
    again = schedules.deserialize(config)
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(again(STEPS), schedule(STEPS))


@pytest.mark.parametrize(
    "kind, arguments, name",
    [
        (schedules.ExponentialDecay, (0.1, 0, 0.5), "decay_steps"),
        (schedules.InverseTimeDecay, (0.1, -1, 0.5), "decay_steps"),
        (schedules.PolynomialDecay, (0.1, 0), "decay_steps"),
        (schedules.CosineDecay, (0.1, 0), "decay_steps"),
        (schedules.CosineDecay, (0.1, 1, 0.0, "c", 0.1, -1), "warmup_steps"),
        (schedules.CosineDecayRestarts, (0.1, 0), "first_decay_steps"),
        (schedules.PiecewiseConstantDecay, ([1, 2], [0.1, 0.2]), "boundaries"),
        (schedules.OneCycle, (0.1, 1), "total_steps"),
        (schedules.OneCycle, (0.1, 10, 1.5), "warmup_fraction"),
        (schedules.OneCycle, (0.1, 10, 0.3, 0.0), "initial_divisor"),
        (schedules.OneCycle, (0.1, 10, 0.3, 25.0, 1e4, "bumpy"), "curve"),
        (schedules.CosLog, (0.1, 0), "total_steps"),
        (schedules.CosLog, (0.1, 10, 0), "cycles"),
        (schedules.PiecewiseConstantDecay, ([2, 1], [0.1, 0.2, 0.3]), "boundaries"),
    ],
)
def test_wrong_arguments(kind: type, arguments: tuple, name: str) -> None:
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: {name}="):
        kind(*arguments)


def test_a_schedule_of_ones_own_is_asked_step_by_step() -> None:
    class Halves(schedules.LearningRateSchedule):
        def __call__(self, step: int) -> float:
            return 0.1 if step < 5 else 0.05  # would fail on an array

    assert Halves().at(np.array([4, 5])).tolist() == [0.1, 0.05]
    with pytest.raises(NotImplementedError, match="get_config"):
        schedules.serialize(Halves())
    with pytest.raises(NotImplementedError, match="__call__"):
        schedules.LearningRateSchedule()(1)


@pytest.mark.parametrize("curve", ["cosine", "linear"])
@pytest.mark.parametrize("fraction", [0.0, 0.05, 0.3, 0.5, 1.0])
def test_one_cycle(fraction: float, curve: str) -> None:
    rates = schedules.OneCycle(0.5, 40, fraction, initial_divisor=10.0, final_divisor=100.0, curve=curve)(np.arange(60))
    top = max(0, round(fraction * 40) - 1)
    assert rates.argmax() == top
    assert rates[top] == pytest.approx(0.5)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:40]) < 0).all()
    if top > 0:
        assert rates[0] == pytest.approx(0.05)
    if top < 39:
        np.testing.assert_allclose(rates[39:], 0.0005)


def test_coslog() -> None:
    schedule = schedules.CosLog(0.5, 1500)
    rates = schedule(np.arange(2000))
    ends = 1500 * (2.0 ** np.arange(5) - 1) / 15
    np.testing.assert_allclose(rates[ends.astype(int)], 0.0, atol=1e-12)
    assert (rates[1500:] < 1e-12).all()
    inner = rates[1:-1]
    tops = np.nonzero((inner > rates[:-2]) & (inner >= rates[2:]))[0] + 1
    np.testing.assert_allclose(tops, 100 * (2.0 ** (np.arange(4) + 0.5) - 1), atol=1)
    np.testing.assert_allclose(rates[tops], 0.5, atol=1e-3)


@pytest.mark.parametrize("schedule", [schedules.OneCycle(0.5, 40, curve="linear"), schedules.CosLog(0.5, 100, 3)])
def test_configurations_of_schedules_that_keras_has_not(schedule: schedules.LearningRateSchedule) -> None:
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule)
    np.testing.assert_array_equal(again(np.arange(50)), schedule(np.arange(50)))
    assert isinstance(schedule(3), float)
