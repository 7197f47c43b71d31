"""Siamese network: are these two the same?

One tower looks at both pictures of a pair: it is called twice, and its weights are shared. The contrastive loss pulls
pairs of the same digit together and pushes others apart until they are a margin away, so what is learned is a distance
and not a list of classes. With it, a single picture of each digit is enough to read all others by the nearest one. The
yardstick is the distance between the pixels themselves.
"""

import numpy as np
from sklearn.datasets import load_digits

from fastnn import Input, Model, Sequential, layers, ops, utils

utils.set_random_seed(0)
rng = np.random.default_rng(0)

MARGIN = 1.0

x, digit = load_digits(return_X_y=True)
x = x / 16
places = [rng.permutation(np.flatnonzero(digit == d)) for d in range(10)]
known = [some[:90] for some in places]  # the pictures to train with; the others are new


def draw_pairs(number):
    """Pairs of known pictures, one half of them of the same digit; and 1 for those, 0 for the others."""
    same = np.arange(number) % 2 == 0
    one = rng.integers(10, size=number)
    other = np.where(same, one, (one + rng.integers(1, 10, size=number)) % 10)
    first, second = ([rng.choice(known[d]) for d in digits] for digits in (one, other))
    return [x[first], x[second]], same.astype("float32")[:, None]


tower = Sequential([Input((64,)), layers.Dense(128, activation="relu"), layers.Dense(16)])
one, other = Input((64,)), Input((64,))
difference = tower(one) - tower(other)
distance = ops.sqrt(ops.sum(ops.square(difference), axis=-1, keepdims=True) + 1e-6)
model = Model([one, other], distance)


def contrastive(same, distance):
    """The square of the distance of the same; of others, the square of what is missing to the margin."""
    missing = ops.maximum(MARGIN - distance, 0.0)
    return ops.mean(same * ops.square(distance) + (1 - same) * ops.square(missing), axis=-1)


pairs, same = draw_pairs(8000)
model.compile(optimizer="adam", loss=contrastive)
model.fit(pairs, same, epochs=20, batch_size=64, verbose=0)


def read(vectors):
    """How many of the new pictures have their own digit's reference, of ten references, nearest to them."""
    references = vectors[[some[0] for some in known]]
    new = np.concatenate([some[90:] for some in places])
    nearest = np.argmin(np.linalg.norm(vectors[new][:, None] - references, axis=2), axis=1)
    return np.mean(nearest == digit[new])


learned, pixels = read(tower.predict(x, verbose=0)), read(x)
apart = model.predict(pairs, verbose=0)
near, far = apart[same == 1].mean(), apart[same == 0].mean()
print(f"mean distance of pairs: {near:.2f} of the same digit, {far:.2f} of two different ones")
print(f"new pictures read by the nearest of ten: {learned:.1%} by the learned distance, {pixels:.1%} by pixels")

assert learned > 0.93, f"expected 93% to be read right, got {learned:.1%}"
assert learned > pixels + 0.1, f"expected far more than by pixels, {pixels:.1%}; got {learned:.1%}"
