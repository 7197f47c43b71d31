"""Ensembles: several networks know where they do not know.

Five networks that differ only in their first weights agree where there is data, and each makes up its own story where
there is none. Their mean is a better prediction than a member's; their spread is a warning. An `Average` layer makes
the five into one model, which is used like any other.
"""

import numpy as np

from fastnn import Input, Model, Sequential, layers, utils

rng = np.random.default_rng(0)


def curve(x):
    return np.sin(2 * x) + 0.3 * x


x = np.concatenate([rng.uniform(-3, -1, (100, 1)), rng.uniform(1, 3, (100, 1))])  # nothing between -1 and 1
y = curve(x) + rng.normal(0, 0.2, x.shape)

members = []
for seed in range(5):
    utils.set_random_seed(seed)
    member = Sequential(
        [
            Input((1,)),
            layers.Dense(64, activation="relu", bias_initializer="random_normal"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ],
        name=f"member_{seed}",
    )
    member.compile(optimizer="adam", loss="mse")
    member.fit(x, y, epochs=300, batch_size=32, verbose=0)
    members.append(member)

inputs = Input((1,))
ensemble = Model(inputs, layers.Average()([member(inputs) for member in members]))


def spread(points):
    """How far the members are from each other: the standard deviation of their predictions."""
    return np.std([member.predict(points, verbose=0) for member in members], axis=0)


near = np.concatenate([np.linspace(-3, -1, 100), np.linspace(1, 3, 100)])[:, None]
errors = [np.mean((member.predict(near, verbose=0) - curve(near)) ** 2) for member in members]
error = np.mean((ensemble.predict(near, verbose=0) - curve(near)) ** 2)
print(f"mean squared distance from the truth: a member {np.mean(errors):.4f}, their mean {error:.4f}")

print("     x   prediction   truth")
for at in (-5.0, -2.0, -1.5, 0.0, 1.5, 2.0, 5.0):
    point = np.array([[at]])
    told = f"{ensemble.predict(point, verbose=0)[0, 0]:5.2f} ± {spread(point)[0, 0]:.2f}"
    print(f"  {at:4} {told:>12} {curve(at):7.2f}", "" if 1 <= abs(at) <= 3 else "  (no data here)")

known, unknown = spread(near).mean(), spread(np.array([[-5.0], [-4.0], [4.0], [5.0]])).mean()
assert error < np.mean(errors), f"expected the mean to be better than a member, {np.mean(errors):.4f}; got {error:.4f}"
assert unknown > 3 * known, f"expected members to disagree where there is no data, got {unknown:.3f} and {known:.3f}"
