"""Optimizers: twenty steps of each with each option, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beside import close, fastnn, floatx, jax, keras, names_of, untried, without_lookups
from steps import randomized

STEPS, BATCH = 20, 6

# What an optimizer takes beyond what all take.
OWN: dict[str, list[dict[str, Any]]] = {
    "Adadelta": [{"rho": 0.8, "epsilon": 1e-4}],
    "Adafactor": [
        {"relative_step": False},
        {"beta_2_decay": -0.6, "epsilon_1": 1e-10, "epsilon_2": 0.01, "clip_threshold": 0.5},
    ],
    "Adagrad": [{"initial_accumulator_value": 0.5, "epsilon": 1e-3}],
    "Adam": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}, {"amsgrad": True, "beta_2": 0.7}],
    "AdamW": [{"weight_decay": 0.1, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}, {"amsgrad": True}],
    "Adamax": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Ftrl": [
        {"learning_rate_power": -0.7, "initial_accumulator_value": 0.3},
        {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02, "beta": 0.1},
        {"l2_shrinkage_regularization_strength": 0.05},
    ],
    "Lamb": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Lion": [{"beta_1": 0.7, "beta_2": 0.8}],
    "Muon": [
        {"momentum": 0.8, "nesterov": False, "ns_steps": 3},
        {"rms_rate": None, "adam_lr_ratio": 0.5, "adam_weight_decay": 0.0, "weight_decay": None},
        {"adam_beta_1": 0.8, "adam_beta_2": 0.9, "epsilon": 1e-3, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 2.0},
        {"exclude_layers": ["second"], "exclude_embeddings": False},
    ],
    "Nadam": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "RMSprop": [
        {"rho": 0.7, "epsilon": 1e-3},
        {"momentum": 0.5},
        {"centered": True},
        {"centered": True, "momentum": 0.5},
    ],
    "SGD": [{"momentum": 0.7}, {"momentum": 0.7, "nesterov": True}],
    "ScheduleFreeAdamW": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}, {"warmup_steps": 7}],
}
# What all take, in three rounds for each optimizer, and one by one for one of them.
COMMON: dict[str, dict[str, Any]] = {
    "clipped by norm": {"clipnorm": 0.1, "weight_decay": 0.02, "schedule": True},
    "clipped by value": {"clipvalue": 0.02, "loss_scale_factor": 4.0},
    "clipped together": {
        "global_clipnorm": 0.3,
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 2,
        "excluded": ["bias"],
        "weight_decay": 0.02,
    },
}
ALONE: dict[str, dict[str, Any]] = {
    "weight decay": {"weight_decay": 0.02},
    "weight decay but for biases": {"weight_decay": 0.02, "excluded": ["bias"]},
    "a schedule": {"schedule": True},
    "moving averages": {"use_ema": True, "ema_momentum": 0.8},
    "moving averages now and then": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 7},
    "accumulation": {"gradient_accumulation_steps": 4},
    "accumulation that does not come out even": {"gradient_accumulation_steps": 3},
    "norm": {"clipnorm": 0.1},
    "value": {"clipvalue": 0.02},
    "global norm": {"global_clipnorm": 0.1},
}
HERE = without_lookups(names_of("optimizers", "same")) - {"schedules"}
CASES = {f"{name} {own}" if own else name: (name, own) for name in OWN if name in HERE for own in [{}, *OWN[name]]}
CASES |= {f"{name} {title}": (name, given) for name in OWN if name in HERE for title, given in COMMON.items()}
CASES |= {f"Adam, {title}": ("Adam", given) for title, given in ALONE.items()}


def test_every_optimizer_has_cases() -> None:
    assert {name for name, _ in CASES.values()} == HERE


@pytest.mark.parametrize("name", sorted(HERE))
def test_every_option_has_a_case(name: str) -> None:
    tried = [given for of, given in CASES.values() if of == name]
    assert untried(getattr(keras.optimizers, name), tried, "learning_rate") == set()


def optimizer(library: Any, case: str) -> Any:
    name, given = CASES[case]
    given = dict(given)
    rate: Any = 0.05
    if given.pop("schedule", False):
        rate = library.optimizers.schedules.ExponentialDecay(0.1, decay_steps=5, decay_rate=0.5)
    excluded = given.pop("excluded", None)
    made = getattr(library.optimizers, name)(learning_rate=rate, name="one", **given)
    if excluded:
        made.exclude_from_weight_decay(var_names=excluded)
    return made


def model(library: Any, **settings: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [layers.Input((5,)), layers.Dense(4, "tanh", name="first"), layers.Dense(2, name="second")], **settings
    )


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(STEPS * BATCH, 5))
    return x, np.tanh(x[:, :2] - x[:, 2:4]) + 0.1 * rng.normal(size=(STEPS * BATCH, 2))


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    with floatx("float64"):
        network = model(keras)
        randomized(network)
        start = network.get_weights()
        optimizers = {case: optimizer(keras, case) for case in CASES}
        states = {}
        for case, one in optimizers.items():
            one.build(network.trainable_variables)
            states[case] = ([v.value for v in network.trainable_variables], [v.value for v in one.variables])

        def one_step(case: str, state: Any, x: Any, y: Any) -> Any:
            weights, slots = state

            def objective(weights: Any) -> Any:
                prediction, _ = network.stateless_call(weights, [], x, training=True)
                loss = keras.ops.mean(keras.ops.square(prediction - y))
                return optimizers[case].scale_loss(loss), loss

            (_, loss), gradients = jax.value_and_grad(objective, has_aux=True)(weights)
            return loss, optimizers[case].stateless_apply(slots, gradients, weights)

        @jax.jit
        def all_of_them(states: Any, x: Any, y: Any) -> Any:
            return {case: one_step(case, state, x, y) for case, state in states.items()}

        x, y = data()
        losses: dict[str, list[float]] = {case: [] for case in CASES}
        for first in range(0, len(x), BATCH):
            done = all_of_them(states, x[first : first + BATCH], y[first : first + BATCH])
            states = {case: state for case, (_, state) in done.items()}
            for case, (loss, _) in done.items():
                losses[case].append(float(loss))
        results: dict[str, Any] = {"start": start}
        for case, (weights, slots) in states.items():
            for variable, value in zip(network.trainable_variables, weights, strict=True):
                variable.assign(value)
            for variable, value in zip(optimizers[case].variables, slots, strict=True):
                variable.assign(value)
            optimizers[case].finalize_variable_values(network.trainable_variables)
            slots = [np.asarray(v) for v in optimizers[case].variables]
            results[case] = network.get_weights(), losses[case], int(optimizers[case].iterations), slots
        return results


@pytest.mark.parametrize("case", CASES)
def test_twenty_steps(case: str, expected: dict[str, Any]) -> None:
    weights, losses, iterations, slots = expected[case]
    network = model(fastnn, dtype="float64")
    network.set_weights(expected["start"])
    network.compile(optimizer=optimizer(fastnn, case), loss="mse")
    seen: list[float] = []
    watch = fastnn.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    x, y = data()
    network.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0, callbacks=[watch])
    steps = np.arange(1, STEPS + 1)
    running = np.cumsum(losses) / steps  # what fit shows: the mean since the epoch began
    close(seen, running, "float64")
    for variable, value, start in zip(network.weights, weights, expected["start"], strict=True):
        close(variable.numpy() - start, value - start, "float64", 10)
    assert int(network.optimizer.iterations) == iterations
    assert [v.shape for v in network.optimizer.variables] == [each.shape for each in slots]
    for variable, value in zip(network.optimizer.variables, slots, strict=True):
        close(variable.numpy(), value, "float64", 10)


@pytest.mark.parametrize("case", CASES)
def test_configurations(case: str) -> None:
    ours, theirs = optimizer(fastnn, case), optimizer(keras, case)
    wanted, received = theirs.get_config(), ours.get_config()
    read = fastnn.optimizers.deserialize(keras.optimizers.serialize(theirs))
    assert type(read) is type(ours)
    again = read.get_config()
    rates = [config.pop("learning_rate") for config in (wanted, received, again)]
    if isinstance(rates[0], dict):
        rates = [rate["config"].pop("initial_learning_rate") for rate in rates]
    assert rates == pytest.approx([rates[0]] * 3, rel=1e-6)
    assert {k: received.get(k, "missing") for k in wanted} == wanted
    assert again == received
