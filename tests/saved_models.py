"""The models that tests put into files and copy, and what makes two of them equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import Model, Sequential, layers, losses, metrics, ops, optimizers


class Scaled(layers.Layer):
    """A layer that composes others."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.inner = layers.Dense(4)
        self.more = [layers.Dense(4), layers.BatchNormalization()]

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight((4,), "ones", name="shift")

    def call(self, x: Any) -> Any:
        x = self.inner(x) * self.factor + self.shift
        for layer in self.more:
            x = layer(x)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Doubled(layers.Layer):
    """A layer in NumPy."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return 2 * x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return 2 * dy


class Subclassed(Model):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first, self.second = layers.Dense(units, "tanh"), layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, "name": self.name}


def cubic(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)


def at_most_one(w: Any) -> Any:
    return np.minimum(w, 1)


OWN = {"Scaled": Scaled, "Doubled": Doubled, "Subclassed": Subclassed, "cubic": cubic}
RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(40, 5)).astype("float32"), RNG.normal(size=(40, 2)).astype("float32")


def row(**settings: Any) -> Any:
    model = Sequential(
        [
            layers.Input((5,)),
            layers.Dense(8, "relu", kernel_regularizer="l2", kernel_constraint="non_neg"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GaussianNoise(0.1, seed=4),
            layers.Dense(2),
        ],
        **settings,
    )
    model.compile(optimizers.AdamW(0.01, use_ema=True, gradient_accumulation_steps=2), "mse", metrics=["mae"])
    return model


def graph() -> Any:
    x = layers.Input((5,), name="x")
    inner = Sequential([layers.Input((4,)), layers.Dense(4, name="same"), layers.Dense(4)], name="inner")
    shared = layers.Dense(4, name="same")
    a = shared(x)
    b = layers.Concatenate()([inner(a), a[:, 1:3] * 2.0, layers.PReLU()(a)])
    model = Model(x, {"one": layers.Dense(2, name="one")(b), "two": layers.Dense(2, "softmax", name="two")(b)})
    model.compile(
        optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 20), momentum=0.9),
        {"one": losses.Huber(0.5), "two": "categorical_crossentropy"},
        loss_weights={"one": 2.0, "two": 1.0},
        metrics={"one": [metrics.RootMeanSquaredError(name="r")]},
        weighted_metrics={"two": ["accuracy"]},
    )
    return model


def of_ones_own() -> Any:
    model = Sequential([layers.Input((5,)), Scaled(2.0), Doubled(), layers.Dense(2)])
    model.compile("rmsprop", cubic)
    return model


def subclassed() -> Any:
    model = Subclassed(4)
    model.build((None, 5))
    model.compile(optimizers.Muon(0.02), "mse")
    return model


def frozen() -> Any:
    model = row()
    model.layers[0].trainable = False
    model.layers[-1].bias.trainable = False
    model.compile("nadam", "mse")
    return model


def with_groups() -> Any:
    model = row()
    optimizer = optimizers.AdamW(0.01, weight_decay=0.3)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.set_group("kernel", learning_rate_multiplier=0.3)
    model.compile(optimizer, "mse")
    return model


MADE: dict[str, Callable[[], Any]] = {
    "row": row,
    "float64": lambda: row(dtype="float64"),
    "graph": graph,
    "of one's own": of_ones_own,
    "subclassed": subclassed,
    "frozen": frozen,
    "groups": with_groups,
}


def targets(model: Any) -> Any:
    return {"one": Y, "two": np.eye(2)[np.arange(len(Y)) % 2]} if "two" in model.output_names else Y


def trained(make: Callable[[], Any]) -> Any:
    model = make()
    model.fit(X, targets(model), batch_size=16, epochs=2, verbose=0)
    return model


def equal(one: Any, other: Any) -> None:
    """Equal now, and after more training, to the bit."""
    weights, others = one.get_weights(), other.get_weights()
    for mine, theirs in zip(weights, others, strict=True):
        np.testing.assert_array_equal(mine, theirs, strict=True)
    histories = [
        model.fit(X, targets(model), batch_size=16, epochs=2, shuffle=False, verbose=0).history
        for model in (one, other)
    ]
    assert histories[0] == histories[1]
    for mine, theirs in zip(one.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy(), strict=True)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs, strict=True)
