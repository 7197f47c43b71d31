"""Optimizers: updates, decay, clipping, state, configuration. The kernels themselves are checked elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastnn import _kernels, optimizers
from fastnn.optimizers import schedules
from fastnn.variables import Variable

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
]
OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"learning_rate": schedules.ExponentialDecay(0.05, 5, 0.7)},
]
STEPS = 20


class Twin:
    """Each rule as its paper has it, one weight at a time, in float64."""

    def __init__(self, optimizer: optimizers.Optimizer) -> None:
        self.o, self.t, self.slots = optimizer, 0, {}

    def slot(self, key: int, name: str, like: np.ndarray) -> np.ndarray:
        return self.slots.setdefault((key, name), np.zeros_like(like))

    def clip(self, gradients: list[np.ndarray]) -> list[np.ndarray]:
        if self.o.clipvalue:
            return [np.clip(g, -self.o.clipvalue, self.o.clipvalue) for g in gradients]
        if self.o.clipnorm:
            return [g * min(1.0, self.o.clipnorm / np.linalg.norm(g)) for g in gradients]
        if self.o.global_clipnorm:
            norm = math.sqrt(sum((g**2).sum() for g in gradients))
            return [g * min(1.0, self.o.global_clipnorm / norm) for g in gradients]
        return gradients

    def step(self, rate: float, weights: list[np.ndarray], gradients: list[np.ndarray], undecayed: set[int]) -> None:
        self.t += 1
        for key, (w, g) in enumerate(zip(weights, self.clip(gradients), strict=True)):
            if self.o.weight_decay is not None and key not in undecayed:
                w -= rate * self.o.weight_decay * w
            if isinstance(self.o, optimizers.SGD):
                self.sgd(key, rate, w, g)
            elif isinstance(self.o, optimizers.Adam):
                self.adam(key, rate, w, g)
            else:
                self.rmsprop(key, rate, w, g)

    def sgd(self, key: int, rate: float, w: np.ndarray, g: np.ndarray) -> None:
        v = self.slot(key, "v", w)
        v[...] = self.o.momentum * v - rate * g
        w += self.o.momentum * v - rate * g if self.o.nesterov else v

    def adam(self, key: int, rate: float, w: np.ndarray, g: np.ndarray) -> None:
        m, v, largest = (self.slot(key, name, w) for name in "mvh")
        m[...] = self.o.beta_1 * m + (1 - self.o.beta_1) * g
        v[...] = self.o.beta_2 * v + (1 - self.o.beta_2) * g**2
        np.maximum(largest, v, out=largest)
        scale = rate * math.sqrt(1 - self.o.beta_2**self.t) / (1 - self.o.beta_1**self.t)
        w -= scale * m / (np.sqrt(largest if self.o.amsgrad else v) + self.o.epsilon)

    def rmsprop(self, key: int, rate: float, w: np.ndarray, g: np.ndarray) -> None:
        v, p, a = (self.slot(key, name, w) for name in "vpa")
        v[...] = self.o.rho * v + (1 - self.o.rho) * g**2
        a[...] = self.o.rho * a + (1 - self.o.rho) * g
        move = rate * g / np.sqrt(v - (a**2 if self.o.centered else 0) + self.o.epsilon)
        p[...] = self.o.momentum * p + move
        w -= p if self.o.momentum else move


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "+".join(o) or "plain")
@pytest.mark.parametrize("kind, arguments", CASES)
def test_updates(kind: type, arguments: dict, options: dict, dtype: str, rng: np.random.Generator) -> None:
    optimizer = kind(**{"learning_rate": 0.05, **arguments, **options})
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    shapes = [(5, 3), (3,)]
    weights = [rng.normal(size=shape) for shape in shapes]
    variables = [Variable(w.astype(dtype), name=name) for w, name in zip(weights, ("kernel", "bias"), strict=True)]
    live = [variable.value for variable in variables]
    weights = [variable.numpy().astype(np.float64) for variable in variables]
    twin = Twin(optimizer)
    schedule = options.get("learning_rate", lambda step: 0.05)
    for step in range(STEPS):
        gradients = [rng.normal(size=shape).astype(dtype) for shape in shapes]
        assert optimizer.iterations == step
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        twin.step(float(schedule(step)), weights, [g.astype(np.float64) for g in gradients], {1})
    tolerance = 2e-4 if dtype == "float32" else 1e-11  # the centred variance is a difference of near numbers
    for variable, memory, w in zip(variables, live, weights, strict=True):
        assert variable.value is memory
        np.testing.assert_allclose(memory, w, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind, arguments", CASES)
def test_kernel_and_scalars(kind: type, arguments: dict) -> None:
    optimizer = kind(learning_rate=0.05, **arguments)
    slots, scalars = _kernels.update_names()[optimizer.kernel]
    assert len(optimizer.slot_names) == slots
    steps = np.array([0, 1, 2, 1000, 10**7])
    table = optimizer.scalars(steps)
    assert table.shape == (len(steps), scalars)
    assert table.dtype == np.float64
    assert table.flags.c_contiguous
    assert np.isfinite(table).all()
    for row, step in zip(table, steps, strict=True):
        np.testing.assert_array_equal(optimizer.scalars(np.array([step]))[0], row)
    decay = 0.05 * 0.004 if kind is optimizers.AdamW else 0.0
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
    assert all(optimizer.decays(v) for v in (kernel, bias, other))
    optimizer.exclude_from_weight_decay(var_list=[kernel], var_names=["bia", "gamma"])
    assert [optimizer.decays(v) for v in (kernel, bias, other)] == [False, False, True]
    assert not optimizers.Adam().decays(kernel)
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
    "name, near", [("adma", "Adam"), ("rmsprob", "RMSprop"), ("adam-w", "AdamW"), ("sdg", "SGD|sgd")]
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
        ({"use_ema": True}, NotImplementedError, "`use_ema` is not supported. Received: use_ema=True"),
        ({"loss_scale_factor": 2.0}, NotImplementedError, "`loss_scale_factor`.*Received"),
        ({"gradient_accumulation_steps": 2}, NotImplementedError, "`gradient_accumulation_steps`.*Received"),
        ({"learning_rate": "fast"}, ValueError, "`learning_rate`.*Received: learning_rate='fast'"),
        ({"lr": 0.1}, ValueError, "Unknown arguments.*Received: {'lr': 0.1}"),
    ],
)
@pytest.mark.parametrize("kind", [optimizers.SGD, optimizers.Adam, optimizers.AdamW, optimizers.RMSprop])
def test_wrong_arguments(kind: type, arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        kind(**arguments)


def test_wrong_arguments_of_one_optimizer() -> None:
    for momentum in (-0.1, 1.5, "0.9", True):
        with pytest.raises(ValueError, match=r"`momentum`.*Received: momentum="):
            optimizers.SGD(momentum=momentum)
    with pytest.raises(ValueError, match=r"`weight_decay`.*Received: weight_decay=None"):
        optimizers.AdamW(weight_decay=None)


def test_an_optimizer_in_python() -> None:
    class Signs(optimizers.Optimizer):
        def build(self, variables: list) -> None:
            super().build(variables)
            self.counts = [self.add_variable_from_reference(v, name="count") for v in variables]

        def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
            variable.value[...] -= learning_rate * np.sign(gradient)

    w = Variable([1.0, 1.0], name="w")
    optimizer = Signs(learning_rate=0.5, weight_decay=1.0, clipvalue=1.0, name="signs")
    optimizer.apply_gradients([([3.0, -0.1], w)])
    assert w.numpy().tolist() == [0.0, 1.0]
    assert optimizer.variables[-1].path == "signs/w_count"
    with pytest.raises(NotImplementedError, match="update_step"):
        optimizers.Optimizer(0.1).apply_gradients([([1.0, 1.0], w)])
    with pytest.raises(NotImplementedError, match="no kernel"):
        optimizer.scalars(np.arange(1))
