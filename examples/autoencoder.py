"""Autoencoder: 64 pixels through a bottleneck of 8 numbers.

A network that must reproduce its input has to find out what matters in it. Encoder and decoder are two models; the
autoencoder is a third, made of both, so training it trains them, and each can be used alone afterwards. The yardstick
is PCA, the best that any *linear* bottleneck of the same width can do.
"""

import numpy as np
from sklearn.datasets import load_digits

from fastnn import Input, Sequential, layers, utils

utils.set_random_seed(0)

CODE = 8

x = load_digits().data / 16
order = np.random.default_rng(0).permutation(len(x))
x_train, x_test = x[order[:1400]], x[order[1400:]]

encoder = Sequential(
    [Input((64,)), layers.Dense(128, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(CODE)]
)
decoder = Sequential(
    [
        Input((CODE,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(64, activation="sigmoid"),
    ]
)
autoencoder = Sequential([Input((64,)), encoder, decoder])
autoencoder.compile(optimizer="adam", loss="mse")
autoencoder.fit(x_train, x_train, epochs=100, batch_size=32, verbose=0)

codes = encoder.predict(x_test, verbose=0)
restored = decoder.predict(codes, verbose=0)
error = np.mean((restored - x_test) ** 2)

centre = x_train.mean(axis=0)
directions = np.linalg.svd(x_train - centre, full_matrices=False)[2][:CODE]
linear = centre + (x_test - centre) @ directions.T @ directions
linear_error = np.mean((linear - x_test) ** 2)

print("a digit, what the autoencoder makes of it, and what PCA makes of it:\n")
pictures = [picture.clip(0, 1).reshape(8, 8) for picture in (x_test[0], restored[0], linear[0])]
for rows in zip(*pictures, strict=True):
    print("  ", "    ".join("".join(" .:*#"[int(pixel * 4.99)] * 2 for pixel in row) for row in rows))
print(f"\nmean squared error: autoencoder {error:.4f}, PCA of the same width {linear_error:.4f}")

assert codes.shape == (len(x_test), CODE), f"expected {CODE} numbers a digit, got codes of shape {codes.shape}"
assert error < 0.75 * linear_error, f"expected an error well below PCA's {linear_error:.4f}, got {error:.4f}"
