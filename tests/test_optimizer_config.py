"""Optimizers by name and from their configuration, and the arguments that they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import optimizers
from optimizer_cases import CASES, KINDS, OPTIONS


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
