"""Regression: how far will diabetes have progressed in a year?

442 patients, ten measurements, one number to predict. Two habits that matter more than the network: the target is
brought to mean 0 and spread 1 for training and brought back afterwards, and a small data set gets a small network with
a penalty on its weights. The yardstick is a guess that needs no network: the mean of the training data.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from fastnn import Input, Sequential, layers, metrics, regularizers, utils

utils.set_random_seed(0)

x, y = load_diabetes(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0)

normalize = layers.Normalization()
normalize.adapt(x_train)
centre, spread = y_train.mean(), y_train.std()

model = Sequential(
    [
        Input((10,)),
        normalize,
        layers.Dense(16, activation="relu", kernel_regularizer=regularizers.L2(0.01)),
        layers.Dense(1),
    ]
)
model.compile(optimizer="adam", loss="mse", metrics=["mae", metrics.R2Score(name="r2")])
model.fit(x_train, (y_train - centre) / spread, epochs=60, batch_size=32, verbose=0)

predicted = model.predict(x_test, verbose=0)[:, 0] * spread + centre
error = np.mean(np.abs(predicted - y_test))
without = np.mean(np.abs(centre - y_test))
r2 = model.evaluate(x_test, ((y_test - centre) / spread)[:, None], return_dict=True, verbose=0)["r2"]
print(f"progression goes from {y.min():.0f} to {y.max():.0f}")
print(f"mean error of the model {error:.1f}, of always guessing the mean {without:.1f}; R² {r2:.2f}")

assert error < 0.85 * without, f"expected an error 15% below that of the mean, {without:.1f}, got {error:.1f}"
assert r2 > 0.25, f"expected R² above 0.25, got {r2:.2f}"
