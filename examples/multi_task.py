"""Two tasks, one network: which grape, and how dark is the wine?

Both answers come from the same chemistry, so both heads share one trunk. Outputs, targets, losses, weights of losses
and metrics are dictionaries with the same keys, and the history and `evaluate` name everything after them.
"""

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from fastnn import Input, Model, layers, metrics, utils

utils.set_random_seed(0)

wine = load_wine()
dark = wine.feature_names.index("color_intensity")
x = np.delete(wine.data, dark, axis=1)  # the second answer must not be among the questions
colour = wine.data[:, dark : dark + 1]
x_train, x_test, grape_train, grape_test, colour_train, colour_test = train_test_split(
    x, wine.target, colour, test_size=0.3, random_state=0, stratify=wine.target
)

normalize = layers.Normalization()
normalize.adapt(x_train)

inputs = Input((x.shape[1],))
trunk = layers.Dense(32, activation="relu")(normalize(inputs))
trunk = layers.Dense(16, activation="relu")(trunk)
outputs = {
    "grape": layers.Dense(3, activation="softmax", name="grape")(trunk),
    "colour": layers.Dense(1, name="colour")(trunk),
}
model = Model(inputs, outputs)
model.compile(
    optimizer="adam",
    loss={"grape": "sparse_categorical_crossentropy", "colour": "mse"},
    loss_weights={"grape": 1.0, "colour": 0.2},  # squared errors of the colour are the larger numbers
    metrics={"grape": ["accuracy"], "colour": [metrics.R2Score(name="r2")]},
)
model.fit(x_train, {"grape": grape_train, "colour": colour_train}, epochs=150, batch_size=16, verbose=0)

result = model.evaluate(x_test, {"grape": grape_test, "colour": colour_test}, return_dict=True, verbose=0)
right, r2 = result["grape_accuracy"], result["colour_r2"]
print(f"{len(x_test)} new wines: {right:.1%} of the grapes right, R² of the colour {r2:.2f}")

predicted = model.predict(x_test[:3], verbose=0)
for i in range(3):
    sure = predicted["grape"][i].max()
    print(
        f"  grape {predicted['grape'][i].argmax()} ({sure:.0%}), in truth {grape_test[i]}; "
        f"colour {predicted['colour'][i, 0]:.1f}, in truth {colour_test[i, 0]:.1f}"
    )

assert right > 0.92, f"expected 92% of the grapes right, got {right:.1%}"
assert r2 > 0.5, f"expected R² of the colour above 0.5, got {r2:.2f}"
