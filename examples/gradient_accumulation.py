"""Gradient accumulation: the steps of a large batch, in the memory of a small one.

With `gradient_accumulation_steps=8`, the gradients of eight batches are averaged before one update is made. Eight
batches of 32 then move the weights as one batch of 256 does, and this script proves it: two models from the same
weights, trained in these two ways on the same order of samples, end with the same weights but for rounding.
"""

import numpy as np
from sklearn.datasets import load_digits

from fastnn import Input, Sequential, layers, optimizers, utils

x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
x, y = x[order] / 16, y[order]
x_train, y_train, x_test, y_test = x[:1280], y[:1280], x[1280:], y[1280:]


def train(batch_size, accumulation):
    utils.set_random_seed(0)
    model = Sequential([Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")])
    optimizer = optimizers.Adam(0.01, gradient_accumulation_steps=accumulation)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=20, batch_size=batch_size, shuffle=False, verbose=0)
    return model


large = train(batch_size=256, accumulation=None)
small = train(batch_size=32, accumulation=8)

pairs = list(zip(large.get_weights(), small.get_weights(), strict=True))
apart = max(np.abs(a - b).max() for a, b in pairs)
largest = max(np.abs(a).max() for a, _ in pairs)
accuracy = small.evaluate(x_test, y_test, verbose=0)[1]
print(f"after 100 updates, weights up to {largest:.2f} differ by {apart:.1e} at most")
print(f"test accuracy {large.evaluate(x_test, y_test, verbose=0)[1]:.1%} and {accuracy:.1%}")

assert apart < 1e-3, f"expected the same weights but for rounding, got a difference of {apart:.1e}"
assert accuracy > 0.93, f"expected an accuracy above 93%, got {accuracy:.1%}"
