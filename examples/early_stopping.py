"""Early stopping: as many epochs as help, and the best weights back.

A large network on few and noisy samples learns them by heart: its training loss falls for ever, its validation loss
falls and then rises. `EarlyStopping` watches the latter, stops when it has not got better for a while, and gives the
model the weights of its best epoch. `ModelCheckpoint` writes those to a file as soon as they are there.
"""

import tempfile
from pathlib import Path

import numpy as np

from fastnn import Input, Sequential, callbacks, layers, utils

utils.set_random_seed(0)
rng = np.random.default_rng(0)

x = rng.normal(size=(1000, 20))
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0) ^ (rng.random(1000) < 0.1)  # one label in ten is wrong
x_train, y_train, x_val, y_val = x[:500], y[:500], x[500:], y[500:]


def build():
    model = Sequential(
        [
            Input((20,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(128, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


model, again = build(), build()
stopping = callbacks.EarlyStopping(monitor="val_loss", patience=20, restore_best_weights=True)
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "best.weights.h5"
    keeping = callbacks.ModelCheckpoint(file, monitor="val_loss", save_best_only=True, save_weights_only=True)
    history = model.fit(
        x_train, y_train, validation_data=(x_val, y_val), epochs=200, callbacks=[stopping, keeping], verbose=0
    ).history
    again.load_weights(file)
best = int(np.argmin(history["val_loss"]))

print("epoch  training loss  validation loss")
for epoch in sorted({0, best // 2, best, len(history["loss"]) - 1}):
    mark = "  <- best" if epoch == best else ""
    print(f"{epoch + 1:5}  {history['loss'][epoch]:13.3f}  {history['val_loss'][epoch]:15.3f}{mark}")
print(f"stopped after {len(history['loss'])} of 200 epochs")

restored = model.evaluate(x_val, y_val, verbose=0)
kept = again.evaluate(x_val, y_val, verbose=0)
print(f"validation loss of the model {restored:.3f}, of another with the weights of the file {kept:.3f}")

assert len(history["loss"]) < 200, "expected training to stop early"
assert np.isclose(restored, history["val_loss"][best], rtol=1e-4), f"expected the best loss back, got {restored:.4f}"
assert np.isclose(kept, restored, rtol=1e-4), f"expected the same weights in the file, got {kept:.4f}"
assert restored < 0.95 * history["val_loss"][-1], "expected the best epoch to be better than the last"
