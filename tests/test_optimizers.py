"""Optimizers as users call them: the learning rate, which weights get which rule, gradients, and state."""

from __future__ import annotations

import copy
import math
from fractions import Fraction

import numpy as np
import pytest

from fastnn import Sequential, layers, optimizers
from fastnn.optimizers import means, patterns, schedules
from fastnn.variables import Variable
from optimizer_cases import KINDS, variables_of


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


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 1.0 - 2.0**-40, 1.0])
def test_how_much_of_a_mean_is_there(beta: float) -> None:
    """Against exact fractions: next to 0, next to 1, and where the power underflows."""
    steps = [1, 2, 100, 5000]
    exact = [float(1 - Fraction(beta) ** step) for step in steps]
    np.testing.assert_allclose(means.weight_of_mean(beta, np.array(steps)), exact, rtol=1e-14)
