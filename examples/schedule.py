"""Schedules: large steps first, small steps last.

With noisy targets, a constant learning rate keeps shaking the weights: large steps never settle, small ones take for
ever. A schedule gives the rate as a function of the step. `CosineDecay` here warms up from 0 for 5% of the steps, then
glides down to 0. It is computed beforehand for a whole epoch, so it costs a step nothing.
"""

import numpy as np

from fastnn import Input, Sequential, layers, optimizers, utils

rng = np.random.default_rng(0)

EPOCHS, BATCH = 30, 16

x = rng.uniform(-1, 1, (2000, 4))
truth = np.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2]
y = truth + rng.normal(0, 0.5, len(x))
steps = EPOCHS * (len(x) // BATCH)

schedule = optimizers.schedules.CosineDecay(
    initial_learning_rate=0.0, decay_steps=steps * 95 // 100, warmup_target=0.02, warmup_steps=steps * 5 // 100
)


def error_of(learning_rate):
    """Trains with a learning rate, and returns the mean squared distance of the fit from the truth."""
    utils.set_random_seed(0)
    model = Sequential([Input((4,)), layers.Dense(64, activation="relu"), layers.Dense(1)])
    model.compile(optimizer=optimizers.Adam(learning_rate), loss="mse")
    model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    return np.mean((model.predict(x, verbose=0)[:, 0] - truth) ** 2)


print(
    "the rate at some steps:",
    ", ".join(f"{float(schedule(s)):.4f} at {s}" for s in (0, steps // 20, steps // 2, steps)),
)
errors = {}
for name, rate in (("constant 0.02", 0.02), ("constant 0.0005", 0.0005), ("cosine from 0.02", schedule)):
    errors[name] = error_of(rate)
    print(f"{name:17} mean squared distance from the truth {errors[name]:.4f}")

scheduled, constant = errors["cosine from 0.02"], min(errors["constant 0.02"], errors["constant 0.0005"])
assert scheduled < 0.9 * constant, f"expected less than with a constant rate, {constant:.4f}; got {scheduled:.4f}"
