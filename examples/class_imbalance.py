"""Class imbalance: when one in fifty is what you look for.

A model that always says "no" is right 98 times out of 100 and worth nothing, so accuracy is not what to look at here:
recall says how many of the rare cases were found, precision how many alarms were true. `class_weight` makes a missed
rare case as expensive as all the common ones it stands against, and trades precision for recall.
"""

import numpy as np

from fastnn import Input, Sequential, layers, metrics, utils

rng = np.random.default_rng(0)


def draw(samples):
    """Eight readings of a machine; a fault, in about 2% of the cases, shifts three of them a little."""
    fault = rng.random(samples) < 0.02
    x = rng.normal(size=(samples, 8))
    x[:, :3] += 1.3 * fault[:, None]
    return x, fault.astype("float32")


x_train, y_train = draw(10000)
x_test, y_test = draw(10000)
rare = y_train.mean()
balanced = {0: 0.5 / (1 - rare), 1: 0.5 / rare}


def train(class_weight):
    utils.set_random_seed(0)
    model = Sequential([Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=["accuracy", metrics.Precision(name="precision"), metrics.Recall(name="recall")],
    )
    model.fit(x_train, y_train, epochs=10, batch_size=64, class_weight=class_weight, verbose=0)
    return model.evaluate(x_test, y_test, return_dict=True, verbose=0)


print(f"{rare:.1%} of the samples are faults; class weights {balanced[0]:.2f} and {balanced[1]:.1f}")
print(f"{'':22}accuracy  precision  recall")
results = {}
for name, class_weight in (("as they are", None), ("classes weighed alike", balanced)):
    r = results[name] = train(class_weight)
    print(f"{name:22}{r['accuracy']:8.1%} {r['precision']:10.1%} {r['recall']:7.1%}")

found, missed = results["classes weighed alike"]["recall"], results["as they are"]["recall"]
assert found > 0.75, f"expected three faults in four to be found, got {found:.1%}"
assert found > missed + 0.3, f"expected far more to be found than without weights, {missed:.1%}; got {found:.1%}"
