"""Losses that layers add, and what is made of a whole batch: taken last, so that only sums and multiples follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastnn import Model, Sequential, layers, ops
from test_functional import check_gradient

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))


class Penalized(layers.Layer):
    """Adds to the loss what `of` makes of its inputs."""

    def __init__(self, of: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of = of

    def call(self, inputs: Any) -> Any:
        self.add_loss(self.of(inputs))
        return inputs


def penalties(x: Any) -> Any:
    return [0.5 * ops.mean(ops.square(x)) - ops.mean(x) / 3 + 0.25, 0.1 * ops.sum(ops.sum(ops.abs(x), axis=-1))]


def model(of: Callable[[Any], Any]) -> Sequential:
    made = Sequential(
        [layers.Input((4,), dtype="float64"), layers.Dense(3, "tanh"), Penalized(of), layers.Dense(2)],
    )
    made.compile("sgd", "mse")
    return made


def test_they_are_part_of_the_loss_and_of_its_gradient() -> None:
    made = model(penalties)
    hidden = np.tanh(X @ made.weights[0].value)
    plain = ((hidden @ made.weights[2].value - Y) ** 2).mean()
    added = (hidden**2).mean() / 2 - hidden.mean() / 3 + 0.25, 0.1 * abs(hidden).sum()
    assert made.evaluate(X, Y, batch_size=12, verbose=0) == pytest.approx(plain + sum(added))
    check_gradient(made, X, Y)
    layer = made.layers[1]
    layer(hidden)
    np.testing.assert_allclose(layer.losses, added)


def test_losses_of_a_layer_are_its_penalties_too() -> None:
    layer = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1")
    y = layer(X)
    np.testing.assert_allclose(layer.losses, [0.01 * (layer.kernel.value**2).sum(), 0.01 * abs(y).sum() / 12])


def test_a_layer_that_is_called_twice_adds_twice() -> None:
    x, layer = layers.Input((4,), dtype="float64"), Penalized(lambda x: ops.mean(x))
    twice = Model(x, layers.Dense(2, kernel_initializer="zeros")(layer(layer(x))))
    twice.compile("sgd", "mse")
    assert twice.evaluate(X, Y, verbose=0) == pytest.approx((Y**2).mean() + 2 * X.mean())


def test_a_subclass_adds_and_several_outputs_keep_their_own_losses() -> None:
    class Both(Model):
        def __init__(self) -> None:
            super().__init__(dtype="float64")
            self.first, self.second = (layers.Dense(2, kernel_initializer="zeros") for _ in range(2))

        def call(self, inputs: Any) -> Any:
            self.add_loss(ops.mean(inputs))
            return self.first(inputs), self.second(inputs)

    both = Both()
    both.compile("sgd", ["mse", "mae"])
    history = both.fit(X, [Y, Y], batch_size=12, verbose=0).history
    losses = [history[name][0] for name in history if name != "loss"]
    np.testing.assert_allclose(losses, [(Y**2).mean(), abs(Y).mean()])
    assert history["loss"][0] == pytest.approx(sum(losses) + X.mean())


def test_prediction_and_copies_do_without() -> None:
    made = model(penalties)
    np.testing.assert_allclose(made.predict(X, verbose=0), np.tanh(X @ made.weights[0].value) @ made.weights[2].value)


def test_a_loss_over_the_whole_batch() -> None:
    plain = Sequential([layers.Input((4,), dtype="float64"), layers.Dense(2)])
    plain.compile("sgd", lambda t, p: 2 * ops.mean(ops.square(t - p)) + 1)
    e = plain.predict(X, verbose=0) - Y
    assert plain.evaluate(X, Y, verbose=0) == pytest.approx(2 * (e**2).mean() + 1)
    plain.compile("sgd", lambda t, p: ops.sum(ops.square(t - p)) / 3)
    assert plain.evaluate(X, Y, batch_size=12, verbose=0) == pytest.approx((e**2).sum() / 3)
    check_gradient(plain, X, Y)


@pytest.mark.parametrize(
    "of, message",
    [
        (lambda x: 3.0, r"what `fastnn\.ops\.mean` or `sum`.*Received: loss=3\.0 in layer"),
        (lambda x: ops.mean(x, axis=-1), r"what `fastnn\.ops\.mean` or `sum`"),
        (lambda x: ops.sqrt(ops.mean(x)), r"`ops\.mean` makes of a whole batch is taken last.*Received: Function"),
        (lambda x: ops.mean(x) * ops.mean(x), r"taken last.*Received: Multiply"),
        (lambda x: ops.sum(x) + ops.mean(x), r"taken last"),
        (lambda x: ops.sum(x) + 1.0, r"taken last"),
    ],
)
def test_what_is_not_the_mean_or_sum_of_a_batch_is_refused(of: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(NotImplementedError, match=message):
        model(of)


def test_what_is_of_a_whole_batch_is_no_output() -> None:
    class Centred(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs - ops.mean(inputs)

    x = layers.Input((4,))
    with pytest.raises(NotImplementedError, match=r"`call` of layer 'centred' returns must be of each sample"):
        Centred(name="centred")(x)
    with pytest.raises(NotImplementedError, match=r"a model returns must be of each sample"):
        Model(x, ops.mean(x))


def test_outside_of_a_call() -> None:
    with pytest.raises(ValueError, match=r"belongs into `call`.*Received: 'plain' outside"):
        layers.Dense(1, name="plain").add_loss(1.0)


def test_a_loss_that_cannot_be_traced_says_why() -> None:
    plain = Sequential([layers.Input((4,)), layers.Dense(2)])
    plain.compile("sgd", lambda t, p: ops.sqrt(ops.mean(ops.square(t - p))))
    with pytest.raises(ValueError, match=r"tuple.*not composed of fastnn\.ops alone.*taken last.*Received: float"):
        plain.fit(X, Y, verbose=0)


def test_a_model_that_calls_itself() -> None:
    class Endless(Model):
        def call(self, inputs: Any) -> Any:
            return self(inputs)

    with pytest.raises(ValueError, match=r"must not call the layer itself\. Received: 'endless'"):
        Endless(name="endless")(X)
