"""What a batch does to weights and state: by hand, in training, on any number of threads. The kernels have tests of
their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import fastnn
import reference
from fastnn import Sequential, _kernels, layers, optimizers, random
from fastnn.optimizers import schedules
from fastnn.variables import Variable
from optimizer_cases import CASES, KINDS, OPTIONS, Signs, variables_of
from reference_updates import update

STEPS = 20


class Twin:
    """What a batch does, one weight at a time, in long doubles: options here, rules in reference_updates."""

    def __init__(self, optimizer: optimizers.Optimizer, variables: list[Variable], undecayed: set[int]) -> None:
        self.o, self.undecayed, self.batch = optimizer, undecayed, 0
        self.variables = variables
        self.weights = [reference.wide(v.value) for v in variables]
        self.slots = [[reference.wide(slot.value) for slot in optimizer.slots_of(v)] for v in variables]
        self.sums = [np.zeros_like(w) for w in self.weights]
        self.averages = [np.zeros_like(w) for w in self.weights]

    def clip(self, gradients: list[np.ndarray]) -> list[np.ndarray]:
        if self.o.clipvalue:
            return [np.clip(g, -self.o.clipvalue, self.o.clipvalue) for g in gradients]
        norms = [np.sqrt((g**2).sum()) for g in gradients]
        if self.o.clipnorm:
            return [g * min(1.0, self.o.clipnorm / norm) for g, norm in zip(gradients, norms, strict=True)]
        if self.o.global_clipnorm:
            norm = np.sqrt(sum(norm**2 for norm in norms))
            return [g * min(1.0, self.o.global_clipnorm / norm) for g in gradients]
        return gradients

    def step(self, gradients: list[np.ndarray]) -> None:
        steps = self.o.gradient_accumulation_steps or 1
        updates = self.batch // steps
        gradients = [reference.wide(g) / (self.o.loss_scale_factor or 1) for g in gradients]
        for total, gradient in zip(self.sums, gradients, strict=True):
            total += gradient
        if (self.batch + 1) % steps == 0:
            for key, g in enumerate(self.clip([total / steps for total in self.sums])):
                rule = self.o.rule_of(self.variables[key])
                h = self.o.scalars(np.array([self.batch]), rule)[0]
                assert key not in self.undecayed or h[0] == 1
                self.weights[key], self.slots[key] = update(
                    str(rule.kernel), self.weights[key], g, self.slots[key], [reference.wide(x) for x in h]
                )
                self.sums[key][...] = 0
        if self.o.use_ema:
            kept = self.o.ema_momentum if updates else 0.0
            self.averages = [kept * a + (1 - kept) * w for a, w in zip(self.averages, self.weights, strict=True)]
            if self.o.ema_overwrite_frequency and (updates + 1) % self.o.ema_overwrite_frequency == 0:
                self.weights = [a.copy() for a in self.averages]
        self.batch += 1


# The centred variance is a difference of near numbers; the steps of Muon widen roundings some 500 times.
TOLERANCE = {"float32": 2e-4, "float64": 1e-11}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "+".join(o) or "plain")
@pytest.mark.parametrize("kind, arguments", CASES)
def test_updates(kind: type, arguments: dict, options: dict, dtype: str, rng: np.random.Generator) -> None:
    optimizer = kind(**{"learning_rate": 0.05, **arguments, **options})
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    variables = variables_of(rng, dtype)
    live = [variable.value for variable in variables]
    optimizer.build(variables)
    twin = Twin(optimizer, variables, {1, 3})
    for step in range(STEPS):
        gradients = [rng.normal(size=variable.shape).astype(dtype) for variable in variables]
        assert optimizer.batches == step
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        twin.step(gradients)
    tolerance = TOLERANCE[dtype]
    for variable, memory, w, average in zip(variables, live, twin.weights, twin.averages, strict=True):
        assert variable.value is memory
        np.testing.assert_allclose(memory, w.astype(float), rtol=tolerance, atol=tolerance)
        if optimizer.use_ema:
            kept = optimizer.average_of(variable)
            np.testing.assert_allclose(kept.value, average.astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "+".join(o) or "plain")
@pytest.mark.parametrize("kind, arguments", CASES)
def test_a_training_step_is_the_eager_update(
    kind: type, arguments: dict, options: dict, rng: np.random.Generator
) -> None:
    """Linear regression, whose gradient is known: `fit` leaves weights and state where `apply` does."""
    if "loss_scale_factor" in options:
        options = {}
    x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 3))
    model = Sequential([layers.Input((5,)), layers.Dense(3)], dtype="float64")
    optimizer, eager = (kind(**{"learning_rate": 0.05, **arguments, **options}) for _ in range(2))
    copies = [Variable(v.value, name=v.name, path=v.path) for v in model.trainable_variables]
    kernel, bias = (copy.value for copy in copies)
    model.compile(optimizer, "mse")
    model.fit(x, y, batch_size=9, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for first in range(0, 60, 9):
            rows = slice(first, first + 9)
            error = x[rows] @ kernel + bias - y[rows]
            eager.apply([2 * x[rows].T @ error / error.size, 2 * error.sum(axis=0) / error.size], copies)
    eager.finalize_variable_values(copies)
    assert optimizer.batches == eager.batches == 14
    for got, wanted in zip([*model.weights, *optimizer.variables], [*copies, *eager.variables], strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got.value, wanted.value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_threads_leave_the_bits(kind: type | None, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(256, 60)).astype("float32"), rng.normal(size=(256, 40)).astype("float32")
    results = []
    for threads in (1, 2):
        with threads_of(threads):
            random.set_random_seed(3)
            model = Sequential([layers.Input((60,)), layers.Dense(300, "relu"), layers.Dense(40)])
            options = {"use_ema": True, "gradient_accumulation_steps": 2, "global_clipnorm": 0.5}
            model.compile((kind or Signs)(learning_rate=0.01, **options), "mse")
            model.fit(x, y, batch_size=64, epochs=2, verbose=0, shuffle=False)
            results.append(model.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@contextmanager
def threads_of(threads: int) -> Iterator[None]:
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(threads)
    try:
        yield
    finally:
        fastnn.set_num_threads(before)


@pytest.mark.parametrize("kind, arguments", CASES)
def test_kernel_and_scalars(kind: type, arguments: dict) -> None:
    optimizer = kind(learning_rate=0.05, **arguments)
    slots, scalars = _kernels.update_names()[optimizer.kernel]
    assert len(optimizer.slot_names) == (1 if kind is optimizers.Adafactor else slots)
    steps = np.array([0, 1, 2, 1000, 10**7])
    table = optimizer.scalars(steps)
    assert table.shape == (len(steps), scalars)
    assert table.dtype == np.float64
    assert table.flags.c_contiguous
    assert np.isfinite(table).all()
    for row, step in zip(table, steps, strict=True):
        np.testing.assert_array_equal(optimizer.scalars(np.array([step]))[0], row)
    decay = 0.05 * (optimizer.weight_decay or 0.0)
    np.testing.assert_allclose(table[:, 0], 1.0 - decay, rtol=1e-15)
    assert optimizer.scalars(np.arange(0)).shape == (0, scalars)


def test_scalars_of_adam() -> None:
    t = np.array([1.0, 2.0, 50.0])
    table = optimizers.Adam(0.1, beta_1=0.9, beta_2=0.99, epsilon=1e-8, weight_decay=0.5).scalars(t.astype(int) - 1)
    np.testing.assert_allclose(table[:, 0], 0.95)
    np.testing.assert_allclose(table[:, 1], 0.1 * np.sqrt(1 - 0.99**t) / (1 - 0.9**t))
    np.testing.assert_allclose(table[:, 2:], np.tile([0.1, 0.01, 1e-8], (3, 1)))


def test_scalars_follow_the_schedule() -> None:
    schedule = schedules.CosineDecay(0.1, 50)
    table = optimizers.SGD(schedule, weight_decay=0.5).scalars(np.arange(60))
    np.testing.assert_array_equal(table[:, 1], schedule(np.arange(60)))
    np.testing.assert_allclose(table[:, 0], 1 - 0.5 * schedule(np.arange(60)))


def test_long_epochs_are_told_their_scalars_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastnn import training

    x, y = np.ones((50, 2)), np.ones((50, 1))
    schedule = schedules.ExponentialDecay(0.1, 3, 0.5)
    results = []
    for scalars in (7, 1 << 14):
        monkeypatch.setattr(training, "SCALARS", scalars)
        random.set_random_seed(2)
        model = Sequential([layers.Input((2,)), layers.Dense(1)])
        model.compile(optimizers.Adam(schedule), "mse")
        model.fit(x, y, batch_size=2, epochs=2, verbose=0)
        results.append(model.get_weights())
    np.testing.assert_array_equal(results[0][0], results[1][0])
