"""Running means of the weights: a calmer model from a restless optimizer.

Near the end of training, weights dance around the best place rather than reach it. `use_ema=True` makes the optimizer
keep an exponential moving average of every weight, beside the weights themselves and in the same pass; when `fit` ends,
the model has the averages. Training itself is the same, only what comes out of it is calmer.
"""

import numpy as np

from fastnn import Input, Sequential, layers, optimizers, utils

rng = np.random.default_rng(0)


def draw(samples):
    """Inside the ring or not; one label in five is wrong."""
    x = rng.uniform(-1, 1, (samples, 2))
    inside = np.abs(np.hypot(x[:, 0], x[:, 1]) - 0.6) < 0.2
    return x, inside, inside ^ (rng.random(samples) < 0.2)


x_train, _, y_train = draw(2000)
x_test, truth, _ = draw(5000)


def accuracies(use_ema):
    """Shares of new points told right, for five trainings that differ by their seed."""
    right = []
    for seed in range(5):
        utils.set_random_seed(seed)
        model = Sequential(
            [
                Input((2,)),
                layers.Dense(32, activation="relu"),
                layers.Dense(32, activation="relu"),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        optimizer = optimizers.Adam(0.01, use_ema=use_ema, ema_momentum=0.995)
        model.compile(optimizer=optimizer, loss="binary_crossentropy")
        model.fit(x_train, y_train, epochs=20, batch_size=16, verbose=0)
        right.append(np.mean((model.predict(x_test, verbose=0)[:, 0] > 0.5) == truth))
    return np.array(right)


last, mean = accuracies(False), accuracies(True)
print("accuracy on clean labels, five seeds:")
print("  last weights        ", "  ".join(f"{share:.1%}" for share in last), f"  mean {last.mean():.1%}")
print("  mean of the weights ", "  ".join(f"{share:.1%}" for share in mean), f"  mean {mean.mean():.1%}")

assert mean.mean() > 0.85, f"expected 85% right, got {mean.mean():.1%}"
assert mean.mean() > last.mean(), f"expected more than with the last weights, {last.mean():.1%}; got {mean.mean():.1%}"
