"""Optimizers: updates, decay, clipping, state, configuration. The kernels themselves are checked elsewhere."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import fastnn
import reference
from fastnn import Sequential, _kernels, layers, optimizers, random
from fastnn.optimizers import patterns, schedules
from fastnn.variables import Variable
from reference_updates import update

CASES = [
    (optimizers.SGD, {}),
    (optimizers.SGD, {"momentum": 0.9}),
    (optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    (optimizers.Adam, {}),
    (optimizers.Adam, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    (optimizers.Adam, {"amsgrad": True}),
    (optimizers.AdamW, {}),
    (optimizers.RMSprop, {}),
    (optimizers.RMSprop, {"momentum": 0.5}),
    (optimizers.RMSprop, {"centered": True}),
    (optimizers.RMSprop, {"centered": True, "momentum": 0.5, "rho": 0.8}),
    (optimizers.Adagrad, {}),
    (optimizers.Adadelta, {"rho": 0.8}),
    (optimizers.Adamax, {}),
    (optimizers.Nadam, {}),
    (optimizers.Lion, {}),
    (optimizers.Ftrl, {}),
    (optimizers.Ftrl, {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.1, "beta": 0.3}),
    (optimizers.Ftrl, {"l2_shrinkage_regularization_strength": 0.05, "learning_rate_power": -0.3}),
    (optimizers.ScheduleFreeAdamW, {"warmup_steps": 7}),
    (optimizers.Lamb, {}),
    (optimizers.Adafactor, {"clip_threshold": 0.5}),
    (optimizers.Muon, {}),
    (optimizers.Muon, {"nesterov": False, "rms_rate": None, "weight_decay": 0.2, "adam_weight_decay": None}),
]
KINDS = tuple({kind: None for kind, _ in CASES})
OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"learning_rate": schedules.ExponentialDecay(0.05, 5, 0.7)},
    {"weight_decay": schedules.CosineDecay(0.2, 10)},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2, "global_clipnorm": 0.5},
    {"loss_scale_factor": 4.0},
]
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


def variables_of(rng: np.random.Generator, dtype: str) -> list[Variable]:
    shapes = {"first/kernel": (5, 3), "first/bias": (3,), "second/kernel": (3, 7), "second/bias": (7,)}
    return [
        Variable(rng.normal(size=shape).astype(dtype), name=path.split("/")[1], path=path)
        for path, shape in shapes.items()
    ]


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


def test_learning_rate_is_readable_and_writable() -> None:
    optimizer = optimizers.SGD(0.1)
    assert float(optimizer.learning_rate) == 0.1  # float64: no rounding to float32
    optimizer.learning_rate = 0.25
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate.assign(0.5)
    assert optimizer.scalars(np.arange(1))[0, 1] == 0.5
    optimizer.learning_rate = np.float32(0.125)
    assert float(optimizer.learning_rate) == 0.125
    optimizer.learning_rate = 1
    assert float(optimizer.learning_rate) == 1.0
    assert f"{optimizer.learning_rate:.2f}" == "1.00"
    for wrong in ("0.1", None, math.nan, math.inf, True, [0.1, 0.2]):
        with pytest.raises(ValueError, match=r"`learning_rate`.*Received: learning_rate="):
            optimizer.learning_rate = wrong
    assert float(optimizer.learning_rate) == 1.0


def test_learning_rate_of_a_schedule() -> None:
    schedule = schedules.ExponentialDecay(0.1, 1, 0.5)
    optimizer = optimizers.SGD(schedule)
    assert float(optimizer.learning_rate) == 0.1
    optimizer.iterations = 2
    assert float(optimizer.learning_rate) == 0.025
    with pytest.raises(TypeError, match=r"LearningRateSchedule.*Received: learning_rate=0.1"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(1.0, 1, 0.5)
    assert float(optimizer.learning_rate) == 0.25
    assert [v.name for v in optimizer.variables] == ["iteration"]


def test_learning_rate_of_a_callable() -> None:
    rate = [0.1]
    optimizer = optimizers.SGD(lambda: rate[0])
    assert optimizer.scalars(np.arange(2))[:, 1].tolist() == [0.1, 0.1]
    rate[0] = 0.2
    assert optimizer.learning_rate == 0.2
    with pytest.raises(ValueError, match="callable cannot be serialized"):
        optimizer.get_config()
    optimizer.learning_rate = 0.3
    assert float(optimizer.learning_rate) == 0.3


def test_slots() -> None:
    kernel = Variable(np.ones((2, 3)), name="kernel", path="dense/kernel")
    bias = Variable(np.ones(3, np.float32), name="bias", path="dense/bias")
    optimizer = optimizers.Adam(name="adam", amsgrad=True)
    optimizer.build([kernel, bias])
    optimizer.build([kernel])  # of no effect
    assert [v.path for v in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/dense_kernel_momentum",
        "adam/dense_kernel_velocity",
        "adam/dense_bias_momentum",
        "adam/dense_bias_velocity",
        "adam/dense_kernel_velocity_hat",
        "adam/dense_bias_velocity_hat",
    ]
    assert optimizer.slot_names == ("momentum", "velocity", "velocity_hat")
    slots = optimizer.slots_of(kernel)
    assert [slot.name.rpartition("kernel_")[2] for slot in slots] == list(optimizer.slot_names)
    for slot in slots:
        assert (slot.shape, slot.dtype, slot.trainable) == ((2, 3), kernel.dtype, False)
        assert not slot.value.any()
    assert list(optimizer.slots) == ["dense/kernel", "dense/bias"]
    with pytest.raises(ValueError, match=r"built with.*Received"):
        optimizer.slots_of(Variable([1.0]))


def test_exclude_from_weight_decay() -> None:
    kernel, bias, other = Variable([1.0], name="kernel"), Variable([1.0], name="bias"), Variable([1.0], name="other")
    optimizer = optimizers.AdamW()
    assert all(optimizer.rule_of(v).weight_decay == 0.004 for v in (kernel, bias, other))
    optimizer.exclude_from_weight_decay(var_list=[kernel], var_names=["bia", "gamma"])
    assert [optimizer.rule_of(v).weight_decay for v in (kernel, bias, other)] == [None, None, 0.004]
    assert optimizers.Adam().rule_of(kernel).weight_decay is None
    optimizer.build([kernel, bias])
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_constraints_follow_updates() -> None:
    w = Variable([1.0, 1.0], constraint=lambda w: np.maximum(w, 0))
    optimizers.SGD(1.0).apply_gradients([([3.0, 0.5], w)])
    assert w.numpy().tolist() == [0.0, 0.5]


def test_apply() -> None:
    v, w = Variable([1.0]), Variable([1.0])
    optimizer = optimizers.SGD(1.0)
    with pytest.raises(ValueError, match="must have been built"):
        optimizer.apply([[1.0]])
    assert optimizer.apply([]) is None
    optimizer.build([v, w])
    optimizer.apply([[0.25], [0.5]])
    assert (v[0], w[0], optimizer.iterations) == (0.75, 0.5, 1)
    with pytest.warns(UserWarning, match="no gradients for the variables"):
        assert optimizer.apply_gradients([([0.25], v), (None, w)]) == 2
    assert (v[0], w[0]) == (0.5, 0.5)


@pytest.mark.parametrize(
    "gradients, message",
    [
        ([[1.0], [1.0, 2.0]], r"must have its shape, \(1,\). Received: \(2,\)"),
        ([[1.0]], "one gradient for each variable. Received: 1"),
        ([None, None], "No gradients.*Received"),
        ([[1.0], [[1.0]]], "must have its shape"),
    ],
)
def test_gradients_that_do_not_fit_change_nothing(gradients: list, message: str) -> None:
    v, w = Variable([1.0]), Variable([1.0])
    optimizer = optimizers.SGD(1.0, momentum=0.5)
    with pytest.raises(ValueError, match=message):
        optimizer.apply(gradients, [v, w])
    assert (v[0], w[0], optimizer.iterations) == (1.0, 1.0, 0)


def test_unknown_variables() -> None:
    v, w = Variable([1.0]), Variable([1.0])
    optimizer = optimizers.SGD(1.0)
    optimizer.build([v])
    with pytest.raises(ValueError, match=r"built with.*Received"):
        optimizer.apply([[1.0], [1.0]], [v, w])
    assert (v[0], w[0], optimizer.iterations) == (1.0, 1.0, 0)


def test_state_can_be_taken_and_given(rng: np.random.Generator) -> None:
    def trained(optimizer: optimizers.Optimizer, w: Variable, steps: int) -> np.ndarray:
        for _ in range(steps):
            optimizer.apply_gradients([(w.value * 2.0 + 1.0, w)])
        return w.numpy()

    w = Variable(rng.normal(size=4))
    first = optimizers.Adam(0.1)
    trained(first, w, 3)
    second, copy = optimizers.Adam(0.5), Variable(w.numpy())
    second.build([copy])
    second.set_weights([v.numpy() for v in first.variables])
    assert second.iterations == 3
    np.testing.assert_array_equal(trained(first, w, 3), trained(second, copy, 3))
    before = [v.numpy() for v in second.variables]
    with pytest.raises(ValueError, match=r"must fit.*Received: shapes"):
        second.set_weights([*before[:-1], np.zeros(5)])
    for now, then in zip(second.variables, before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "+".join(o) or "plain")
@pytest.mark.parametrize("kind, arguments", CASES)
def test_configuration(kind: type, arguments: dict, options: dict) -> None:
    optimizer = kind(name="mine", **{"learning_rate": 0.05, **arguments, **options})
    config = optimizers.serialize(optimizer)
    assert config["class_name"] == kind.__name__
    again = optimizers.deserialize(config)
    assert type(again) is kind
    assert again.get_config() == optimizer.get_config()
    assert again.kernel == optimizer.kernel
    np.testing.assert_array_equal(again.scalars(np.arange(5)), optimizer.scalars(np.arange(5)))


@pytest.mark.parametrize(
    "identifier, kind",
    [
        ("adam", optimizers.Adam),
        ("Adam", optimizers.Adam),
        ("SGD", optimizers.SGD),
        ("sgd", optimizers.SGD),
        ("rmsprop", optimizers.RMSprop),
        ("RMSProp", optimizers.RMSprop),
        ("AdamW", optimizers.AdamW),
        ("adamw", optimizers.AdamW),
        (optimizers.Adam, optimizers.Adam),
        (optimizers.Adam(0.1), optimizers.Adam),
        ({"class_name": "Adam", "config": {"learning_rate": 0.1}}, optimizers.Adam),
    ],
)
def test_get(identifier: object, kind: type) -> None:
    assert type(optimizers.get(identifier)) is kind


@pytest.mark.parametrize(
    "name, near", [("adma", "[Aa]dam"), ("rmsprob", "RMSprop"), ("adam-w", "AdamW"), ("sdg", "SGD|sgd")]
)
def test_unknown_names(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=rf"Unknown optimizer name. Did you mean .*({near}).*Received: '{name}'"):
        optimizers.get(name)


def test_get_nothing_and_nonsense() -> None:
    assert optimizers.get(None) is None
    for wrong in (len, 0.1, [optimizers.Adam()]):
        with pytest.raises(ValueError, match=r"Could not interpret the optimizer identifier.*Received"):
            optimizers.get(wrong)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"clipnorm": 1.0, "clipvalue": 1.0}, ValueError, "Only one of.*Received: clipnorm=1.0, clipvalue=1.0"),
        ({"use_ema": True, "ema_momentum": 1.5}, ValueError, "`ema_momentum` .*Received: ema_momentum=1.5"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, ValueError, "`ema_overwrite_frequency`.*Received"),
        ({"loss_scale_factor": -2.0}, ValueError, "`loss_scale_factor`.*Received"),
        ({"gradient_accumulation_steps": 1}, ValueError, "`gradient_accumulation_steps`.*Received"),
        ({"learning_rate": "fast"}, ValueError, "`learning_rate`.*Received: learning_rate='fast'"),
        ({"lr": 0.1}, ValueError, "Unknown arguments.*Received: {'lr': 0.1}"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_arguments(kind: type, arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        kind(**arguments)


def test_wrong_arguments_of_one_optimizer() -> None:
    for momentum in (-0.1, 1.5, "0.9", True):
        with pytest.raises(ValueError, match=r"`momentum`.*Received: momentum="):
            optimizers.SGD(momentum=momentum)
    with pytest.raises(ValueError, match=r"`weight_decay`.*Received: weight_decay=None"):
        optimizers.AdamW(weight_decay=None)


def test_an_optimizer_in_python(rng: np.random.Generator) -> None:
    w = Variable([1.0, 1.0], name="w")
    optimizer = Signs(learning_rate=0.5, weight_decay=1.0, clipvalue=1.0, name="signs")
    optimizer.apply_gradients([([3.0, -0.1], w)])
    assert w.numpy().tolist() == [0.0, 1.0]
    assert optimizer.variables[-1].path == "signs/w_count"
    with pytest.raises(NotImplementedError, match="update_step"):
        optimizers.Optimizer(0.1).apply_gradients([([1.0, 1.0], w)])
    with pytest.raises(NotImplementedError, match="no kernel"):
        optimizer.scalars(np.arange(1))


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "+".join(o) or "plain")
def test_an_optimizer_in_python_trains_as_its_twin_in_c(options: dict, rng: np.random.Generator) -> None:
    class Momentum(optimizers.Optimizer):
        """As one writes it for Keras."""

        def build(self, variables: list) -> None:
            if self.built:
                return
            super().build(variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")

        def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, 0.9 * m.value - learning_rate * gradient)
            self.assign_add(variable, m)

    x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 3))
    results = []
    for optimizer in (Momentum(0.05, **options_of(options)), optimizers.SGD(0.05, 0.9, **options_of(options))):
        random.set_random_seed(1)
        model = Sequential([layers.Input((5,)), layers.Dense(4, "tanh"), layers.Dense(3)], dtype="float64")
        model.compile(optimizer, "mse")
        optimizer.set_group("bias", learning_rate_multiplier=2.0, weight_decay=0.01)
        model.fit(x, y, batch_size=9, epochs=2, verbose=0, shuffle=False)
        results.append([v.numpy() for v in (*model.weights, *optimizer.variables)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def options_of(options: dict) -> dict:
    """Without a learning rate, which has a place of its own."""
    return {name: value for name, value in options.items() if name != "learning_rate"}


def test_an_error_in_an_optimizer_in_python() -> None:
    class Wrong(optimizers.Optimizer):
        def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
            raise RuntimeError("no such luck")

    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile(Wrong(0.1), "mse")
    before = model.get_weights()
    with pytest.raises(RuntimeError, match="no such luck") as raised:
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert raised.traceback[-1].name == "update_step"
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_kernel_can_be_called_from_an_update_step() -> None:
    class Twice(optimizers.Adam):
        def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
            super().update_step(2.0 * gradient, variable, learning_rate)

    v, w = Variable([1.0, 2.0]), Variable([1.0, 2.0])
    first, second = Twice(0.1), optimizers.Adam(0.1)
    for _ in range(3):
        first.apply([[0.5, -1.0]], [v])
        second.apply([[1.0, -2.0]], [w])
    np.testing.assert_array_equal(v.value, w.value)


def test_groups(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    model = Sequential([layers.Input((3,)), layers.Dense(4, name="one"), layers.Dense(2, name="two")], dtype="float64")
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    model.compile(optimizer, "mse")
    start = model.get_weights()
    optimizer.set_group(["one/"], learning_rate_multiplier=0.0)
    model.fit(x, y, batch_size=20, verbose=0)
    first = model.get_weights()
    for w, before in zip(first[:2], start[:2], strict=True):
        np.testing.assert_array_equal(w, before)
    assert all(not np.array_equal(w, before) for w, before in zip(first[2:], start[2:], strict=True))
    optimizer.set_group(model.layers[0].kernel, learning_rate_multiplier=1e-12, weight_decay=1e12)
    model.fit(x, y, batch_size=20, verbose=0)  # the program that there was knows nothing of the new group
    np.testing.assert_allclose(model.get_weights()[0], 0.9 * start[0], rtol=1e-9)
    np.testing.assert_array_equal(model.get_weights()[1], start[1])
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    for variable in model.weights:
        assert again.rule_of(variable) == optimizer.rule_of(variable)
    for wrong in ([1], [None]):
        with pytest.raises(ValueError, match=r"`variables`.*Received"):
            optimizer.set_group(wrong)
    with pytest.raises(ValueError, match=r"`learning_rate_multiplier`.*Received"):
        optimizer.set_group("bias", learning_rate_multiplier=-1.0)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*b", "((a*)b)*", r"(a)\1*", "(?=a)b", "(", "a{2}(b?c{3,}d)+"])
def test_expressions_that_might_take_forever_are_refused(pattern: str) -> None:
    for optimizer, call in (
        (optimizers.SGD(), lambda optimizer: optimizer.set_group(pattern)),
        (optimizers.SGD(), lambda optimizer: optimizer.exclude_from_weight_decay(var_names=[pattern])),
        (None, lambda _: optimizers.Muon(exclude_layers=[pattern])),
    ):
        with pytest.raises(ValueError, match=r"must hold regular expressions, .* Received: "):
            call(optimizer)


def test_the_cost_of_an_expression_depends_on_the_path() -> None:
    assert patterns.found("^b.*/.*(kernel|gamma)$", "block_1/dense/kernel")
    assert not patterns.found("x?(bias|beta)$", "block_1/dense/kernel")
    with pytest.raises(ValueError, match="must have fewer repeats"):
        patterns.found("a.*a.*b", "a" * 1000)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_are_updated_in_place(kind: type) -> None:
    w, v = np.ones((2, 2)), Variable(np.ones((2, 2)))
    ours, theirs = kind(learning_rate=0.1), kind(learning_rate=0.1)
    for _ in range(2):
        ours.apply_gradients([([[1.0, -2.0], [0.5, 1.0]], w)])
        theirs.apply_gradients([([[1.0, -2.0], [0.5, 1.0]], v)])
    assert not np.array_equal(w, np.ones((2, 2)))
    np.testing.assert_array_equal(w, v.value)


def test_arrays_that_cannot_be_updated_in_place() -> None:
    for wrong, message in (
        (np.ones(3, int), "float32 or float64"),
        (np.ones((3, 3)).T[:2], "C-contiguous"),
        ([1.0], "Va"),
    ):
        with pytest.raises(ValueError, match=message):
            optimizers.SGD(0.1).apply_gradients([(np.ones(np.shape(wrong)), wrong)])


@pytest.mark.parametrize("kind", KINDS)
def test_state_goes_through_copies_and_stores(kind: type, rng: np.random.Generator) -> None:
    variables = variables_of(rng, "float64")
    optimizer = kind(learning_rate=0.1, use_ema=True, gradient_accumulation_steps=2)
    gradients = [rng.normal(size=v.shape) for v in variables]
    for _ in range(3):
        optimizer.apply(gradients, variables)
    copied = copy.deepcopy((optimizer, variables))
    fresh, others = kind(learning_rate=0.5, use_ema=True, gradient_accumulation_steps=2), copy.deepcopy(variables)
    fresh.build(others)
    store: dict = {}
    optimizer.save_own_variables(store)
    fresh.load_own_variables(store)
    for _ in range(3):
        for each, of in ((optimizer, variables), copied, (fresh, others)):
            each.apply(gradients, of)
    for v, w, u in zip(variables, copied[1], others, strict=True):
        np.testing.assert_array_equal(v.value, w.value)
        np.testing.assert_array_equal(v.value, u.value)
    with pytest.warns(UserWarning, match="not loaded"):
        fresh.load_own_variables({"0": np.zeros(())})


class Signs(optimizers.Optimizer):
    def build(self, variables: list) -> None:
        super().build(variables)
        self.counts = [self.add_variable_from_reference(v, name="count") for v in variables]

    def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
        variable.value[...] -= learning_rate * np.sign(gradient)


@contextmanager
def threads_of(threads: int) -> Iterator[None]:
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(threads)
    try:
        yield
    finally:
        fastnn.set_num_threads(before)


@pytest.mark.parametrize("arguments", [{"beta_1": 0.0}, {"beta_1": 1.5}])
def test_wrong_arguments_of_lion(arguments: dict) -> None:
    with pytest.raises(ValueError, match=r"`beta_1`.*Received"):
        optimizers.Lion(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [{"learning_rate_power": 0.5}, {"initial_accumulator_value": -1.0}, {"l1_regularization_strength": -1.0}],
)
def test_wrong_arguments_of_ftrl(arguments: dict) -> None:
    with pytest.raises(ValueError, match=rf"`{next(iter(arguments))}`.*Received"):
        optimizers.Ftrl(**arguments)


def test_adafactor_wants_matrices() -> None:
    with pytest.raises(ValueError, match=r"vectors and matrices. Received.*\(2, 2, 2\)"):
        optimizers.Adafactor().build([Variable(np.ones((2, 2, 2)))])


def test_muon_leaves_some_weights_to_adam() -> None:
    paths = ["dense/kernel", "dense/bias", "embedding/embeddings", "last/kernel"]
    variables = [Variable(np.ones((2,) if "bias" in path else (2, 2)), path=path) for path in paths]
    optimizer = optimizers.Muon(exclude_layers=["last"])
    assert [optimizer.kernel_of(v) for v in variables] == ["muon", "adam", "adam", "adam"]
    assert optimizers.Muon(exclude_embeddings=False).kernel_of(variables[2]) == "muon"
    rules = [optimizers.Muon(weight_decay=0.1, adam_weight_decay=0.2).rule_of(v).weight_decay for v in variables[:2]]
    assert rules == [0.1, 0.2]


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
