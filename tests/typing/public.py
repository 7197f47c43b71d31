"""What users' code looks like to a type checker: read by `mypy tests/typing`, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import fastnn
from fastnn import Sequential, callbacks, layers, losses, metrics, models, ops, optimizers, saving
from fastnn.sklearn import MLPClassifier
from fastnn.tabular import TabularRegressor

if TYPE_CHECKING:
    from typing_extensions import assert_type

x = np.zeros((8, 4), "float32")
y = np.zeros(8, "int64")

# A model in order.
model = Sequential([layers.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(3, "softmax")])
model.compile(
    optimizer=optimizers.Adam(learning_rate=1e-3),
    loss=losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(k=2)],
)
history = model.fit(x, y, epochs=2, validation_split=0.25, callbacks=[callbacks.EarlyStopping(patience=3)], verbose=0)
assert_type(history, callbacks.History)
assert_type(history.history, dict[str, list[Any]])
model.predict(x, batch_size=4)
model.evaluate(x, y, return_dict=True)
assert_type(model.count_params(), int)
assert_type(model.get_weights(), list[np.ndarray])
for layer in model.layers:
    assert_type(layer, layers.Layer)
    assert_type(layer.trainable, bool)
model.save("m.safetensors")
again = saving.load_model("m.safetensors")
assert_type(again, models.Model)

# A model as a graph.
inputs = fastnn.Input((4,), name="a")
hidden = layers.Dense(8)(inputs)
functional = models.Model(inputs, layers.add([hidden, layers.Dense(8)(inputs)]))
functional.summary()


# What a user writes: a layer and a callback.
class Scale(layers.Layer):
    def __init__(self, by: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs: np.ndarray) -> np.ndarray:
        return self.by * inputs


class Stop(callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs and logs["loss"] < 0.1:
            self.model.stop_training = True


# NumPy's users, scikit-learn's, tables.
assert_type(ops.linear(x, np.zeros((4, 2), "float32"), None, "relu"), np.ndarray)
assert_type(fastnn.get_num_threads(), int)
MLPClassifier(hidden_layer_sizes=(8,), dropout=0.1).fit(x, y).predict_proba(x)
TabularRegressor().fit(x, y).predict(x)
assert_type(fastnn.tabular.TabularRegressor(), TabularRegressor)

# What a checker must refuse.
layers.Dense("8")  # type: ignore[arg-type]
model.fit(x, y, epoch=2)  # type: ignore[call-arg]
fastnn.set_num_threads(2.5)  # type: ignore[arg-type]
optimizers.Adam(beta_1=None)  # type: ignore[arg-type]
fastnn.nonsense  # type: ignore[attr-defined]  # noqa: B018
