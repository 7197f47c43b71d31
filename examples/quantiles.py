"""Quantiles: not only what is likely, but how far off it may be.

The noise of this data grows with x, so one number for a prediction hides the most of the story. The pinball loss makes
an output settle where a given share of the targets lies below it: three outputs, trained at once, are the 10%, 50% and
90% quantiles, and between the outer two lie 80% of what will come.
"""

import numpy as np

from fastnn import Input, Sequential, layers, losses, optimizers, utils

utils.set_random_seed(0)
rng = np.random.default_rng(0)

QUANTILES = (0.1, 0.5, 0.9)


def draw(samples):
    """Targets around sin(2x), with normal noise of a spread that goes from 0.05 to 0.5."""
    x = rng.uniform(0, 3, (samples, 1))
    return x, np.sin(2 * x) + rng.normal(size=(samples, 1)) * (0.05 + 0.15 * x)


x, y = draw(4000)
x_test, y_test = draw(4000)

model = Sequential(
    [
        Input((1,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(len(QUANTILES)),
    ]
)
steps = 60 * len(x) // 64
settling = optimizers.schedules.CosineDecay(0.003, steps)  # however small the error, the pinball loss pulls as hard
model.compile(optimizer=optimizers.Adam(settling), loss=losses.Pinball(QUANTILES))
model.fit(x, y, epochs=60, batch_size=64, verbose=0)

print("     x   10%    50%    90%   from 10% to 90%, and in truth")
for at in (0.25, 1.0, 2.0, 2.75):
    low, middle, high = model.predict(np.array([[at]]), verbose=0)[0]
    band = 2.563 * (0.05 + 0.15 * at)  # as many spreads lie between the quantiles of a normal distribution
    print(f"  {at:.2f} {low:6.2f} {middle:6.2f} {high:6.2f} {high - low:12.2f} {band:14.2f}")

below = np.mean(y_test <= model.predict(x_test, verbose=0), axis=0)
print("share of new targets below each quantile:", "  ".join(f"{share:.1%}" for share in below))

off = np.abs(below - QUANTILES).max()
assert off < 0.05, f"expected shares within 5% of the quantiles, got {off:.1%}"
