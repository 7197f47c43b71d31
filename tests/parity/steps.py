"""One training step of many models at once: in Keras, compiled as one function, and in fastnn, each by `fit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from beside import close, fastnn, floatx, jax, keras

RATE = 0.1


class Case:
    """A model to take one step of.

    Args:
        layers: Makes the layers from a module that has Keras's names: `keras` or `fastnn`.
        x: Inputs, or their shape to draw normal numbers in.
        y: Targets, or their shape.
        loss: Makes the loss, or is its name.
    """

    def __init__(self, layers: Callable, x: Any = (12, 5), y: Any = (12, 2), loss: Any = "mse") -> None:
        self.layers, self.loss = layers, loss
        rng = np.random.default_rng(7)
        self.x, self.y = (rng.normal(size=each) if isinstance(each, tuple) else each for each in (x, y))

    def model(self, library: Any, **settings: Any) -> Any:
        model = library.Sequential([library.layers.Input(self.x.shape[1:]), *self.layers(library)], **settings)
        return model

    def loss_of(self, library: Any) -> Any:
        return library.losses.get(self.loss) if isinstance(self.loss, str) else self.loss(library)


def randomized(model: Any) -> None:
    """Gives weights that start as zeros or ones values that tell them apart."""
    rng = np.random.default_rng(3)
    model.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)) for w in model.get_weights()])


def keras_steps(cases: Mapping[str, Case], dtype: str) -> dict[str, Any]:
    """For each case: weights before, loss, weights after, prediction after; all from one compiled function."""
    with floatx(dtype):
        models = {name: case.model(keras) for name, case in cases.items()}
        losses = {name: case.loss_of(keras) for name, case in cases.items()}
        for model in models.values():
            randomized(model)
        before = {name: model.get_weights() for name, model in models.items()}

        def step(name: str, state: Any) -> Any:
            model, loss = models[name], losses[name]
            trainable, others, x, y = state

            def objective(trainable: Any) -> Any:
                prediction, others_after, penalties = model.stateless_call(
                    trainable, others, x, training=True, return_losses=True
                )
                value = loss(y, prediction)
                value = value.mean() if value.ndim else value
                return value + sum(penalties), others_after

            (value, others_after), gradients = jax.value_and_grad(objective, has_aux=True)(trainable)
            after = [w - RATE * g for w, g in zip(trainable, gradients, strict=True)]
            constraints = [variable.constraint for variable in model.trainable_variables]
            after = [w if bring is None else bring(w) for w, bring in zip(after, constraints, strict=True)]
            prediction, _ = model.stateless_call(after, others_after, x, training=False)
            return value, after, others_after, prediction

        states = {
            name: (
                [v.value for v in model.trainable_variables],
                [v.value for v in model.non_trainable_variables],
                cases[name].x.astype(dtype) if cases[name].x.dtype.kind == "f" else cases[name].x,
                cases[name].y.astype(dtype) if cases[name].y.dtype.kind == "f" else cases[name].y,
            )
            for name, model in models.items()
        }
        done = jax.jit(lambda states: {name: step(name, state) for name, state in states.items()})(states)
        results = {}
        for name, (value, after, others, prediction) in jax.tree.map(np.asarray, done).items():
            model = models[name]
            by_id = dict(zip(map(id, model.trainable_variables), after, strict=True))
            by_id.update(zip(map(id, model.non_trainable_variables), others, strict=True))
            results[name] = before[name], float(value), [by_id[id(v)] for v in model.weights], prediction
        return results


def check(case: Case, expected: Any, dtype: str, factor: float = 1.0) -> None:
    """Takes the step in fastnn and compares loss, weights and the prediction afterwards."""
    before, value, after, prediction = expected
    model = case.model(fastnn, dtype=dtype)
    model.set_weights(before)
    model.compile(optimizer=fastnn.optimizers.SGD(RATE), loss=case.loss_of(fastnn))
    x = case.x.astype(dtype) if case.x.dtype.kind == "f" else case.x
    y = case.y.astype(dtype) if case.y.dtype.kind == "f" else case.y
    history = model.fit(x, y, batch_size=len(x), epochs=1, shuffle=False, verbose=0)
    close(history.history["loss"][0], value, dtype, factor)
    for weight, wanted, start in zip(model.weights, after, before, strict=True):
        # The update is what is compared, not the weight that hardly moves.
        close(weight.numpy() - start, wanted - start, dtype, factor * (100 if dtype == "float32" else 10))
    close(model.predict(x, verbose=0), prediction, dtype, factor)
