"""Variational autoencoder: digits as a cloud of codes, from which new ones can be drawn.

A layer draws each code around the mean that the encoder finds for it, and adds to the loss what keeps the codes near a
standard normal distribution: `add_loss`, from within `call`. Decoding numbers drawn from that distribution then makes
digits that nobody wrote.
"""

import numpy as np
from sklearn.datasets import load_digits

from fastnn import Input, Sequential, layers, losses, ops, random, utils

utils.set_random_seed(0)

CODE = 6


class Sampling(layers.Layer):
    """Draws codes, from their means and the logarithms of their variances."""

    def __init__(self, weight, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
        self.seed_generator = random.SeedGenerator(1)

    def call(self, inputs):
        mean, log_variance = ops.split(inputs, 2, axis=-1)
        apart = 1 + log_variance - ops.square(mean) - ops.exp(log_variance)
        self.add_loss(-0.5 * self.weight * ops.mean(ops.sum(apart, axis=-1)))
        noise = random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


x = load_digits().data / 16
x_train, x_test = x[:1400], x[1400:]

encoder = Sequential([Input((64,)), layers.Dense(128, activation="relu"), layers.Dense(2 * CODE)])
decoder = Sequential([Input((CODE,)), layers.Dense(128, activation="relu"), layers.Dense(64, activation="sigmoid")])
model = Sequential([Input((64,)), encoder, Sampling(weight=0.005), decoder])
model.compile(optimizer="adam", loss=losses.MeanSquaredError())
model.fit(x_train, x_train, epochs=60, batch_size=32, verbose=0)

codes = encoder.predict(x_test, verbose=0)[:, :CODE]
restored = decoder.predict(codes, verbose=0)
drawn = decoder.predict(np.random.default_rng(0).normal(size=(200, CODE)), verbose=0)
error = np.mean((restored - x_test) ** 2)
mean_error = np.mean((x_train.mean(axis=0) - x_test) ** 2)
# How far a drawn digit is from the nearest that was written, and how far noise is.
apart = np.linalg.norm(drawn[:, None] - x_train, axis=-1).min(axis=1).mean()
noise = np.linalg.norm(np.random.default_rng(1).random((200, 1, 64)) - x_train, axis=-1).min(axis=1).mean()

print("four digits that nobody wrote:\n")
for rows in zip(*(picture.reshape(8, 8) for picture in drawn[:4]), strict=True):
    print("  ", "    ".join("".join(" .:*#"[int(pixel * 4.99)] * 2 for pixel in row) for row in rows))
print(f"\nmean squared error {error:.4f}, of the mean digit {mean_error:.4f}; codes spread by {codes.std():.2f}")
print(f"distance to the nearest written digit: {apart:.2f} of drawn ones, {noise:.2f} of noise")

assert error < 0.5 * mean_error, f"expected an error well below the mean digit's {mean_error:.4f}, got {error:.4f}"
assert 0.5 < codes.std() < 1.5, f"expected codes that spread by about 1, got {codes.std():.2f}"
assert apart < 0.5 * noise, f"expected drawn digits to look like digits, got a distance of {apart:.2f} from them"
