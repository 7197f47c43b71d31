"""A loss of your own: a fit that outliers do not pull away.

A loss is a function of targets and predictions that returns one number a row, composed of `ops` and arithmetic. It is
traced once, its gradient is found from that, and while the model trains no Python runs. Here one measurement in five is
wildly wrong. The squared error believes them all; Cauchy's loss lets a point pull the less the farther away it is.
"""

import numpy as np

from fastnn import Input, Sequential, layers, ops, utils

rng = np.random.default_rng(0)

x = rng.uniform(-2, 2, (1500, 1))
truth = np.sin(2 * x)
y = truth + rng.normal(0, 0.1, x.shape)
broken = rng.random(x.shape) < 0.2
y[broken] = rng.uniform(0, 8, broken.sum())


def cauchy(y_true, y_pred):
    """The mean of log(1 + (e / scale)²) over the columns of each row."""
    e = (y_true - y_pred) / 0.2
    return ops.mean(ops.log(1 + ops.square(e)), axis=-1)


def error_of(loss):
    """Trains with a loss, and returns how far the fit is from the truth behind the data."""
    utils.set_random_seed(0)
    model = Sequential(
        [
            Input((1,)),
            layers.Dense(64, activation="tanh"),
            layers.Dense(64, activation="tanh"),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer="adam", loss=loss)
    model.fit(x, y, epochs=100, batch_size=32, verbose=0)
    return np.mean(np.abs(model.predict(x, verbose=0) - truth))


squared, robust = error_of("mse"), error_of(cauchy)
print("one target in five is broken; mean distance of the fit from the truth, which goes from -1 to 1:")
print(f"  mean squared error {squared:.3f}")
print(f"  Cauchy's loss      {robust:.3f}")

assert robust < 0.2, f"expected a fit within 0.2 of the truth, got {robust:.3f}"
assert robust < squared / 4, f"expected a fit four times as near as the squared error's {squared:.3f}, got {robust:.3f}"
