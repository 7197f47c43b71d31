"""Binary classification: is a tumour malignant?

The smallest complete recipe, on the breast-cancer data that scikit-learn ships: 30 measurements of cell nuclei, one
yes-or-no answer. A `Normalization` layer learns the mean and the spread of each measurement and becomes part of the
model, so whoever uses the model hands it raw numbers. One sigmoid unit at the end is a probability.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from fastnn import Input, Sequential, layers, utils

utils.set_random_seed(0)

x, benign = load_breast_cancer(return_X_y=True)
malignant = 1 - benign
x_train, x_test, y_train, y_test = train_test_split(x, malignant, test_size=0.25, random_state=0, stratify=malignant)

normalize = layers.Normalization()
normalize.adapt(x_train)  # of the training data alone: the test data must stay unseen

model = Sequential(
    [
        Input((30,)),
        normalize,
        layers.Dense(32, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy", "auc"])
model.fit(x_train, y_train, epochs=60, batch_size=32, verbose=0)

loss, accuracy, auc = model.evaluate(x_test, y_test, verbose=0)
print(f"{len(x_test)} tumours never seen before: {accuracy:.1%} told right, area under the ROC curve {auc:.3f}")

probabilities = model.predict(x_test, verbose=0)[:, 0]
for i in np.argsort(-np.abs(probabilities - 0.5))[[0, 1, -2, -1]]:
    print(f"  {probabilities[i]:6.1%} malignant; in truth {'malignant' if y_test[i] else 'benign'}")

assert accuracy > 0.94, f"expected an accuracy above 94%, got {accuracy:.1%}"
assert auc > 0.98, f"expected an area under the curve above 0.98, got {auc:.3f}"
