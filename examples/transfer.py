"""Transfer: what was learned from cheap labels helps where labels are dear.

Three yes-or-no questions about handwritten digits are answered for 1,000 pictures, and a trunk learns from them what
digits are made of. Which digit it is we are told for 20 pictures only. So the trunk is frozen, a new head goes on top,
and the head alone learns from the 20. Frozen layers cost no backward work. The yardstick is the same network trained
from scratch on the same 20 pictures.
"""

import numpy as np
from sklearn.datasets import load_digits

from fastnn import Input, Sequential, layers, utils

utils.set_random_seed(0)
rng = np.random.default_rng(0)

x, digit = load_digits(return_X_y=True)
order = rng.permutation(len(x))
x, digit = x[order] / 16, digit[order]
few = np.concatenate([np.flatnonzero(digit[:1000] == d)[:2] for d in range(10)])


def build_trunk():
    hidden = [layers.Dense(128, activation="relu"), layers.Dense(64, activation="relu")]
    return Sequential([Input((64,)), *hidden], name="trunk")


def classifier(trunk):
    model = Sequential([Input((64,)), trunk, layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


questions = np.stack([digit % 2 == 0, digit >= 5, np.isin(digit, (0, 6, 8, 9))], axis=1)  # the last: has it a loop?
trunk = build_trunk()
pretraining = Sequential([Input((64,)), trunk, layers.Dense(3, activation="sigmoid")])
pretraining.compile(optimizer="adam", loss="binary_crossentropy")
pretraining.fit(x[:1000], questions[:1000], epochs=30, verbose=0)

trunk.trainable = False
before = trunk.get_weights()
transferred = classifier(trunk)
transferred.fit(x[few], digit[few], epochs=200, batch_size=10, verbose=0)
scratch = classifier(build_trunk())
scratch.fit(x[few], digit[few], epochs=200, batch_size=10, verbose=0)

learning = sum(np.size(w) for w in transferred.get_weights()) - sum(np.size(w) for w in before)
print(f"{learning} of {transferred.count_params()} weights learn from {len(few)} pictures")
with_trunk = transferred.evaluate(x[1000:], digit[1000:], verbose=0)[1]
without = scratch.evaluate(x[1000:], digit[1000:], verbose=0)[1]
print(f"digits told right: {with_trunk:.1%} on the frozen trunk, {without:.1%} from scratch")

assert all(map(np.array_equal, before, trunk.get_weights())), "expected frozen layers to stay as they were"
assert with_trunk > 0.8, f"expected 80% right, got {with_trunk:.1%}"
assert with_trunk > without, f"expected more than from scratch, {without:.1%}; got {with_trunk:.1%}"
