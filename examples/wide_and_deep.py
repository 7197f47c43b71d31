"""Wide and deep: one part remembers, the other generalizes.

Which of 20 films does one of 30 kinds of viewers like? Mostly taste decides, which a deep network over embeddings finds
out. But some pairs break the rule, and a smooth network is slow to believe them. The wide part is a single linear layer
over all 600 crossed pairs: it simply learns one number a pair. Added up before the sigmoid and trained together, each
does what it is good at.
"""

import numpy as np

from fastnn import Input, Model, layers, utils

rng = np.random.default_rng(0)

VIEWERS, FILMS, SAMPLES = 30, 20, 12000

# The truth: tastes and films are points in the plane, and what is near is liked; 40 pairs out of 600 are the opposite.
distance = np.linalg.norm(rng.normal(size=(VIEWERS, 1, 2)) - rng.normal(size=(1, FILMS, 2)), axis=2)
liked = distance < np.median(distance)
exceptions = rng.permutation(VIEWERS * FILMS)[:40]
liked.flat[exceptions] ^= True

viewer, film = rng.integers(VIEWERS, size=(SAMPLES, 1)), rng.integers(FILMS, size=(SAMPLES, 1))
x = {"viewer": viewer, "film": film, "pair": viewer * FILMS + film}
y = liked[viewer, film] ^ (rng.random((SAMPLES, 1)) < 0.1)  # one answer in ten is a slip
every = np.arange(VIEWERS * FILMS)[:, None]
every_x = {"viewer": every // FILMS, "film": every % FILMS, "pair": every}


def build(wide):
    utils.set_random_seed(0)
    viewer = Input((1,), dtype="int32", name="viewer")
    film = Input((1,), dtype="int32", name="film")
    pair = Input((1,), dtype="int32", name="pair")

    tastes = [layers.Embedding(VIEWERS, 4)(viewer), layers.Embedding(FILMS, 4)(film)]
    deep = layers.Flatten()(layers.Concatenate()(tastes))
    deep = layers.Dense(16, activation="relu")(deep)
    score = layers.Dense(1)(deep)
    inputs = {"viewer": viewer, "film": film}
    if wide:
        crossed = layers.CategoryEncoding(VIEWERS * FILMS, output_mode="one_hot")(pair)
        score = layers.Add()([score, layers.Dense(1, use_bias=False, kernel_initializer="zeros")(crossed)])
        inputs["pair"] = pair
    model = Model(inputs, layers.Activation("sigmoid")(score))
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


right = {}
for name, wide in (("deep alone", False), ("wide and deep", True)):
    model = build(wide)
    used = ("viewer", "film", "pair") if wide else ("viewer", "film")
    model.fit({key: x[key] for key in used}, y, epochs=30, batch_size=64, verbose=0)
    told = model.predict({key: every_x[key] for key in used}, batch_size=600, verbose=0)[:, 0] > 0.5
    hits = told == liked.ravel()
    right[name] = hits.mean(), hits[exceptions].mean()
    print(f"{name:13}: {right[name][0]:.1%} of all pairs right, {right[name][1]:.1%} of the exceptions")

assert right["wide and deep"][0] > 0.93, f"expected 93% of the pairs right, got {right['wide and deep'][0]:.1%}"
assert right["wide and deep"][1] > right["deep alone"][1], "expected the wide part to remember more of the exceptions"
