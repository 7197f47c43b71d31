"""Classification into ten classes: which digit is it?

Scikit-learn's handwritten digits are 8 by 8 pixels. The targets stay class numbers, 0 to 9: the *sparse* categorical
cross-entropy takes them as they are, and a softmax makes ten outputs into probabilities. At the end the model shows
where it is most sure and wrong, which is the first thing to look at in any classifier.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastnn import Input, Sequential, layers, utils

utils.set_random_seed(0)

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)

model = Sequential(
    [
        Input((64,)),
        layers.Rescaling(1 / 16),  # pixels go from 0 to 16
        layers.Dense(128, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=30, validation_split=0.1, verbose=0)

for epoch in (0, 4, 29):
    print(f"epoch {epoch + 1:2}: validation accuracy {history.history['val_accuracy'][epoch]:.1%}")

probabilities = model.predict(x_test, verbose=0)
predicted = np.argmax(probabilities, axis=1)
accuracy = np.mean(predicted == y_test)
print(f"test accuracy {accuracy:.1%}: {np.sum(predicted != y_test)} of {len(y_test)} digits misread\n")

worst = np.argmax(np.where(predicted != y_test, probabilities.max(axis=1), 0))
for row in x_test[worst].reshape(8, 8):
    print("  ", "".join(" .:*#"[int(pixel / 16 * 4)] * 2 for pixel in row))
print(f"   read as {predicted[worst]} with {probabilities[worst].max():.0%}, meant as {y_test[worst]}")

assert accuracy > 0.95, f"expected an accuracy above 95%, got {accuracy:.1%}"
