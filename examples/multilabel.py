"""Several labels at once: each sample may have none, one or many.

Of a handwritten digit we ask four questions whose answers do not exclude each other. A softmax would make them compete;
four sigmoid units answer each by itself, and the binary cross-entropy is the mean of their four losses.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastnn import Input, Sequential, layers, metrics, utils

utils.set_random_seed(0)

QUESTIONS = {
    "is even": (0, 2, 4, 6, 8),
    "is prime": (2, 3, 5, 7),
    "is a square": (0, 1, 4, 9),
    "has a closed loop": (0, 6, 8, 9),
}

x, digit = load_digits(return_X_y=True)
labels = np.stack([np.isin(digit, digits) for digits in QUESTIONS.values()], axis=1)  # (samples, 4), of True and False
x_train, x_test, y_train, y_test = train_test_split(x / 16, labels, test_size=0.25, random_state=0)

model = Sequential(
    [
        Input((64,)),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(64, activation="relu"),
        layers.Dense(len(QUESTIONS), activation="sigmoid"),
    ]
)
model.compile(
    optimizer="adam",
    loss="binary_crossentropy",
    metrics=["binary_accuracy", metrics.AUC(multi_label=True, name="auc")],
)
model.fit(x_train, y_train, epochs=40, batch_size=32, verbose=0)

answers = model.predict(x_test, verbose=0) > 0.5
for column, question in enumerate(QUESTIONS):
    right = np.mean(answers[:, column] == y_test[:, column])
    print(f"{question:18} {right:.1%} right")
all_right = np.mean(np.all(answers == y_test, axis=1))
_, binary_accuracy, auc = model.evaluate(x_test, y_test, verbose=0)
print(f"all four answers right for {all_right:.1%} of the digits; mean area under the four ROC curves {auc:.3f}")

assert binary_accuracy > 0.96, f"expected 96% of the answers right, got {binary_accuracy:.1%}"
assert all_right > 0.92, f"expected all answers right for 92% of the digits, got {all_right:.1%}"
