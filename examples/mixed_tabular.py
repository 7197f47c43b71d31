"""A table of words and numbers: embeddings beside numeric columns.

What a flat costs depends on its area and its age, and on where it is. A place is no number: `StringLookup` numbers the
districts, `Embedding` gives each a short vector that is learned with the rest, and a `Concatenate` puts the vector
beside the normalized numbers. The model has an input for each column and takes a dictionary of columns.

The lookup runs in front of the model, on NumPy's strings, and needs no TensorFlow.
"""

import numpy as np

from fastnn import Input, Model, layers, utils

utils.set_random_seed(0)
rng = np.random.default_rng(0)

# The truth, unknown to the model: a price a square metre in each district, less 0.5% for each year.
PRICES = {"harbour": 14.0, "old town": 18.0, "hillside": 11.0, "station": 9.0, "meadows": 7.5}

samples = 4000
district = rng.choice(list(PRICES), samples)
area = rng.uniform(25, 120, samples)
age = rng.integers(0, 100, samples)
rent = np.array([PRICES[name] for name in district]) * area * (1 - 0.005 * age) * rng.normal(1, 0.03, samples)

lookup = layers.StringLookup(vocabulary=list(PRICES))  # 0 is kept for districts that it does not know
normalize = layers.Normalization()
numbers = np.stack([area, age], axis=1)
normalize.adapt(numbers[:3000])

district_in = Input((1,), dtype="int64", name="district")
numbers_in = Input((2,), name="numbers")
place = layers.Flatten()(layers.Embedding(lookup.vocabulary_size(), 3)(district_in))
hidden = layers.Concatenate()([place, normalize(numbers_in)])
hidden = layers.Dense(64, activation="relu")(hidden)
hidden = layers.Dense(64, activation="relu")(hidden)
model = Model([district_in, numbers_in], layers.Dense(1)(hidden))

model.compile(optimizer="adam", loss="mse")
table = {"district": lookup(district[:, None]), "numbers": numbers}
train = {name: column[:3000] for name, column in table.items()}
test = {name: column[3000:] for name, column in table.items()}
model.fit(train, rent[:3000] / 1000, epochs=60, batch_size=32, verbose=0)

predicted = 1000 * model.predict(test, verbose=0)[:, 0]
error = np.mean(np.abs(predicted / rent[3000:] - 1))
print(f"rents of {len(predicted)} new flats are off by {error:.1%}; the noise in them alone is 2.4%")
print("the same flat, 60 square metres and 20 years old:")
for name in PRICES:
    same = {"district": lookup(np.array([[name]])), "numbers": np.array([[60.0, 20.0]])}
    truth = PRICES[name] * 60 * 0.9
    print(f"  {name:9} {1000 * model.predict(same, verbose=0)[0, 0]:6.0f}; in truth {truth:6.0f}")

assert error < 0.05, f"expected rents within 5%, got {error:.1%}"
