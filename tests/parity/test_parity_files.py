"""Keras's files: what Keras writes is loaded here, what is written here Keras loads, and both go on alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beside import close, fastnn, floatx, keras
from steps import Case, randomized
from test_parity_layers import CASES as LAYERS
from test_parity_layers import HERE as LAYERS_HERE
from test_parity_layers import between
from test_parity_optimizers import CASES as OPTIMIZERS
from test_parity_optimizers import optimizer

FURTHER: dict[str, list[Case]] = {
    "AlphaDropout": [between("AlphaDropout", rate=0.3, seed=3)],
    "CategoryEncoding": [Case(lambda k: [k.layers.CategoryEncoding(9, "multi_hot"), k.layers.Dense(2)], "ids")],
    "Discretization": [
        Case(lambda k: [k.layers.Discretization([-0.5, 0.5], output_mode="multi_hot"), k.layers.Dense(2)])
    ],
    "Dropout": [between("Dropout", rate=0.3), between("Dropout", rate=0.5, seed=3)],
    "GaussianDropout": [between("GaussianDropout", rate=0.3)],
    "GaussianNoise": [between("GaussianNoise", stddev=0.3)],
    "SpatialDropout1D": [
        Case(lambda k: [k.layers.SpatialDropout1D(0.3), k.layers.Flatten(), k.layers.Dense(2)], (12, 4, 6))
    ],
}
for cases in FURTHER.values():
    for case in cases:
        if isinstance(case.x, str):
            case.x = np.random.default_rng(4).integers(0, 9, (12, 3))
FILES = {f"{name}-{at}": case for name, cases in (LAYERS | FURTHER).items() for at, case in enumerate(cases)}


def predictions(model: Any, x: Any) -> list[np.ndarray]:
    returned = model.predict(x, verbose=0)
    returned = list(returned.values()) if isinstance(returned, dict) else returned
    return returned if isinstance(returned, list) else [returned]


def alike(first: Any, second: Any, x: Any, dtype: str = "float32", factor: float = 1.0) -> None:
    """Models whose weights are the same, and who predict the same."""
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    for one, other in zip(predictions(first, x), predictions(second, x), strict=True):
        close(one, other, dtype, factor)


def in_keras(case: Case) -> Any:
    model = case.model(keras)
    randomized(model)
    return model


@pytest.mark.parametrize("case", FILES)
def test_layers_both_ways(case: str, tmp_path: Path) -> None:
    x = FILES[case].x.astype("float32") if FILES[case].x.dtype.kind == "f" else FILES[case].x
    theirs = in_keras(FILES[case])
    theirs.run_eagerly = True
    theirs.save(tmp_path / "a.keras")
    ours = fastnn.saving.load_model(tmp_path / "a.keras")
    alike(ours, theirs, x)
    ours.save(tmp_path / "b.keras")
    again = keras.models.load_model(tmp_path / "b.keras")
    again.run_eagerly = True
    alike(ours, again, x)
    alike(fastnn.saving.load_model(tmp_path / "b.keras"), ours, x)
    ours.save_weights(tmp_path / "c.weights.h5")
    theirs.set_weights([np.zeros_like(w) for w in theirs.get_weights()])
    theirs.load_weights(tmp_path / "c.weights.h5")
    theirs.save_weights(tmp_path / "d.weights.h5")
    fresh = FILES[case].model(fastnn)
    fresh.load_weights(tmp_path / "d.weights.h5")
    alike(fresh, ours, x)


def test_every_layer_has_a_file() -> None:
    missing = set(LAYERS_HERE) - set(LAYERS) - set(FURTHER)
    missing -= {name for name in missing if name[0].islower()}
    merging = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
    assert missing == merging | {"Layer", "Hashing", "HashedCrossing", "StringLookup", "IntegerLookup"}


# --- graphs


def tangled(k: Any) -> Any:
    """Branches, merges of every kind, shared layers, nested models, arithmetic, several inputs and outputs."""
    layers = k.layers
    left, right = layers.Input((4,), name="left"), layers.Input((3,), name="right")
    shared = layers.Dense(5, "relu", name="shared")
    inner_in = layers.Input((5,))
    inner = k.Model(inner_in, layers.Dense(5, "tanh")(layers.Dense(6)(inner_in)), name="inner")
    row = k.Sequential([layers.Input((5,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(5)], name="row")
    a = shared(left)
    b = layers.Dense(5)(right)
    c = layers.Add()([a, b, inner(a)])
    d = layers.Multiply()([layers.Subtract()([a, b]), row(c)])
    e = layers.Maximum()([c, layers.Minimum()([d, layers.Average()([a, d])])])
    f = layers.Concatenate()([e, layers.Dot(axes=1)([a, b]), inner(d)])
    g = shared(layers.Dense(4)(f)) * 2.0 + 1.0 - a
    one = layers.Dense(2, name="one")(g / 3.0)
    two = layers.Dense(1, name="two")(layers.PReLU()(-g[:, :3]))
    return k.Model({"left": left, "right": right}, [one, two])


def graph_data() -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(5)
    x = {"left": rng.normal(size=(24, 4)).astype("float32"), "right": rng.normal(size=(24, 3)).astype("float32")}
    return x, [rng.normal(size=(24, 2)).astype("float32"), rng.normal(size=(24, 1)).astype("float32")]


def test_graphs_from_keras(tmp_path: Path) -> None:
    theirs = tangled(keras)
    randomized(theirs)
    theirs.save(tmp_path / "a.keras")
    ours = fastnn.saving.load_model(tmp_path / "a.keras")
    x, _ = graph_data()
    alike(ours, theirs, x, factor=5)
    theirs.save_weights(tmp_path / "a.weights.h5")
    fresh = tangled(fastnn)
    fresh.load_weights(tmp_path / "a.weights.h5")
    alike(fresh, theirs, x, factor=5)


def plain_graph(k: Any) -> Any:
    """The same without what has no layer in Keras: slices, quotients."""
    layers = k.layers
    left, right = layers.Input((4,), name="left"), layers.Input((3,), name="right")
    shared = layers.Dense(5, "relu", name="shared")
    row = k.Sequential([layers.Input((5,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(5)], name="row")
    a, b = shared(left), layers.Dense(5)(right)
    c = layers.Concatenate()([layers.Add()([a, b]) * 2.0 + 1.0, row(b), layers.Dense(2)(a), a - b])
    one = layers.Dense(2, name="one")(layers.LayerNormalization()(c))
    two = layers.Dense(1, name="two")(layers.Dropout(0.0)(shared(layers.Dense(4)(c))))
    return k.Model([left, right], {"one": one, "two": two})


def test_graphs_to_keras_that_go_on_training(tmp_path: Path) -> None:
    ours = plain_graph(fastnn)
    randomized(ours)
    ours.compile(
        fastnn.optimizers.Adam(fastnn.optimizers.schedules.ExponentialDecay(0.02, 5, 0.9)),
        loss={"one": "mse", "two": fastnn.losses.Huber()},
        loss_weights={"one": 1.0, "two": 0.5},
        metrics={"one": ["mae", fastnn.metrics.RootMeanSquaredError()]},
    )
    x, (one, two) = graph_data()
    given = {"batch_size": 6, "epochs": 2, "shuffle": False, "verbose": 0}
    inputs, targets = list(x.values()), {"one": one, "two": two}
    ours.fit(inputs, targets, **given)
    ours.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    alike(ours, theirs, inputs, factor=5)
    histories = [model.fit(inputs, targets, **given).history["loss"] for model in (ours, theirs)]
    np.testing.assert_allclose(*histories, rtol=1e-4)
    theirs.save(tmp_path / "b.keras")
    again = fastnn.saving.load_model(tmp_path / "b.keras")
    alike(again, theirs, inputs, factor=5)
    histories = [model.fit(inputs, targets, **given).history["loss"] for model in (again, theirs)]
    np.testing.assert_allclose(*histories, rtol=1e-4)
    assert again.optimizer.iterations == ours.optimizer.iterations + 8


@pytest.mark.parametrize("calls", [1, 2])
def test_models_within_models_as_outputs(calls: int, tmp_path: Path) -> None:
    """Keras counts their calls from 1 on there, and from 0 on elsewhere."""

    def made(k: Any) -> Any:
        inner_in = k.layers.Input((4,))
        inner = k.Model(inner_in, k.layers.Dense(4)(inner_in), name="inner")
        x = k.layers.Input((4,))
        between = k.layers.Activation("tanh")(inner(x)) if calls == 2 else x
        return k.Model(x, inner(between))

    x = np.random.default_rng(3).normal(size=(12, 4)).astype("float32")
    ours, theirs = made(fastnn), made(keras)
    theirs.save(tmp_path / "a.keras")
    alike(fastnn.saving.load_model(tmp_path / "a.keras"), theirs, x)
    ours.save(tmp_path / "b.keras")
    alike(ours, keras.models.load_model(tmp_path / "b.keras"), x)
    alike(ours, fastnn.saving.load_model(tmp_path / "b.keras"), x)


# --- what `compile` was given


def row_model(k: Any) -> Any:
    layers = k.layers
    return k.Sequential([layers.Input((5,)), layers.Dense(4, "tanh"), layers.Dense(2)])


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_optimizers_both_ways(case: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 5)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")
    ours = row_model(fastnn)
    ours.compile(optimizer(fastnn, case), "mse")
    ours.fit(x, y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    ours.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    assert type(theirs.optimizer).__name__ == type(ours.optimizer).__name__
    alike(ours, theirs, x)
    theirs.save(tmp_path / "b.keras")
    again = fastnn.saving.load_model(tmp_path / "b.keras")
    states = [model.optimizer.variables for model in (ours, theirs, again)]
    for mine, other, back in zip(*states, strict=True):
        np.testing.assert_array_equal(mine.numpy().astype("float32"), np.asarray(other).astype("float32"))
        np.testing.assert_array_equal(back.numpy().astype("float32"), np.asarray(other).astype("float32"))
    wanted, got = (model.optimizer.get_config() for model in (ours, again))
    rates = [config.pop("learning_rate") for config in (wanted, got)]
    assert rates[0] == (rates[1] if isinstance(rates[1], dict) else pytest.approx(rates[1], rel=1e-6))
    assert wanted == got
    if "excluded" not in OPTIMIZERS[case][1]:  # Keras's files do not hold what is excluded from weight decay
        going_on = [ours, again] if OPTIMIZERS[case][1] else [ours, again, theirs]  # Keras compiles for each anew
        for model in going_on:
            model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        for model in going_on[1:]:
            for mine, other in zip(ours.get_weights(), model.get_weights(), strict=True):
                close(np.asarray(other), mine, "float32", 20)


LOSSES = ["mse", "Huber", "MeanAbsolutePercentageError", "log_cosh", "kl_divergence", "CategoricalCrossentropy"]
METRICS = ["mae", "AUC", "Precision", "R2Score", "F1Score", "CosineSimilarity", "TopKCategoricalAccuracy", "accuracy"]


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_metrics_both_ways(loss: str, tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(size=(12, 5)).astype("float32")
    y = np.eye(2, dtype="float32")[np.arange(12) % 2]
    theirs = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(2, "softmax")])
    metrics = [getattr(keras.metrics, name)() if name[0].isupper() else name for name in METRICS]
    theirs.compile("sgd", loss if loss[0].islower() else getattr(keras.losses, loss)(), metrics=metrics)
    theirs.save(tmp_path / "a.keras")
    ours = fastnn.saving.load_model(tmp_path / "a.keras")
    ours.save(tmp_path / "b.keras")
    results = [
        model.evaluate(x, y, verbose=0, return_dict=True)
        for model in (theirs, ours, keras.models.load_model(tmp_path / "b.keras"))
    ]
    assert list(results[0]) == list(results[1]) == list(results[2])
    for name, expected in results[0].items():
        for result in results[1:]:
            np.testing.assert_allclose(result[name], expected, rtol=1e-4, atol=1e-6)


def test_float64_both_ways(tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(size=(12, 5))
    with floatx("float64"):
        theirs = row_model(keras)
        theirs.save(tmp_path / "a.keras")
        ours = fastnn.saving.load_model(tmp_path / "a.keras")
        assert ours.dtype == np.float64
        alike(ours, theirs, x, "float64")
        ours.save(tmp_path / "b.keras")
        alike(keras.models.load_model(tmp_path / "b.keras"), ours, x, "float64")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_layers_that_compute_in_16_bits_are_float32_here(policy: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    with floatx("float32"):
        keras.config.set_dtype_policy(policy)
        inputs = keras.layers.Input((4,))
        hidden = keras.layers.Dense(8, "relu")(inputs) + 1.0
        theirs = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(hidden))
    theirs.compile("adam", "mse")
    theirs.fit(x, x[:, :1], epochs=2, verbose=0)
    theirs.save(tmp_path / "a.keras")
    with pytest.warns(fastnn.warnings.FileWarning, match=rf"made for .*{policy}, and is loaded as float32"):
        ours = fastnn.saving.load_model(tmp_path / "a.keras")
    assert ours.dtype == np.float32
    alike(ours, theirs, x, factor=1000)
    theirs.fit(x, x[:, :1], epochs=2, verbose=0)
    ours.fit(x, x[:, :1], epochs=2, verbose=0)
    assert ours.optimizer.iterations == 4
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, np.asarray(other, np.float32), atol=5e-3)


def test_inputs_take_on_the_dtype_of_layers(tmp_path: Path) -> None:
    x = keras.layers.Input((4,))
    theirs = keras.Model(x, keras.layers.Dense(2, dtype="float64")(keras.layers.Dense(3, dtype="float64")(x)))
    theirs.save(tmp_path / "a.keras")
    ours = fastnn.saving.load_model(tmp_path / "a.keras")
    assert ours.dtype == np.float64
    alike(ours, theirs, np.ones((3, 4)), "float64")


def test_what_only_one_side_has(tmp_path: Path) -> None:
    theirs = keras.Sequential([keras.layers.Input((8, 3)), keras.layers.LSTM(4)])
    theirs.save(tmp_path / "a.keras")
    with pytest.raises(fastnn.saving.FileError, match=r"has no LSTM\. It is for sequences"):
        fastnn.saving.load_model(tmp_path / "a.keras")
    ours = fastnn.Sequential([fastnn.layers.Input((4,)), fastnn.layers.FeatureScale()])
    with pytest.raises(NotImplementedError, match=r"Keras has no layers\.FeatureScale"):
        ours.save(tmp_path / "b.keras")
    assert not os.path.exists(tmp_path / "b.keras")


def test_layers_of_ones_own(tmp_path: Path) -> None:
    class Block(keras.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.second = keras.layers.Dense(3)
            self.first = [keras.layers.Dense(4), keras.layers.Dense(4)]

        def call(self, x: Any) -> Any:
            for layer in self.first:
                x = layer(x)
            return self.second(x)

    class OurBlock(fastnn.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.first = [fastnn.layers.Dense(4), fastnn.layers.Dense(4)]
            self.second = fastnn.layers.Dense(3)

        def call(self, x: Any) -> Any:
            for layer in self.first:
                x = layer(x)
            return self.second(x)

    OurBlock.__name__ = "Block"
    theirs = keras.Sequential([keras.layers.Input((5,)), Block(), keras.layers.Dense(2)])
    theirs.save(tmp_path / "a.keras")
    with pytest.raises(fastnn.saving.FileError, match="Unknown layer name"):
        fastnn.saving.load_model(tmp_path / "a.keras")
    ours = fastnn.saving.load_model(tmp_path / "a.keras", {"Block": OurBlock})
    x = np.random.default_rng(3).normal(size=(12, 5)).astype("float32")
    for one, other in zip(predictions(ours, x), predictions(theirs, x), strict=True):
        close(one, other, "float32")
    ours.save(tmp_path / "b.keras")
    again = keras.models.load_model(tmp_path / "b.keras", {"Block": Block})
    for one, other in zip(predictions(ours, x), predictions(again, x), strict=True):
        close(one, other, "float32")
