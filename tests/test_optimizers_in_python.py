"""Optimizers that users write in Python, beside those in C."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import Sequential, layers, optimizers, random
from fastnn.variables import Variable
from optimizer_cases import OPTIONS, Signs


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
