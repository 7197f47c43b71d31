"""Operations between layers in Keras's files: what Keras writes is loaded here, and what is written here, there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beside import close, fastnn, keras
from fastnn.layers import Function, Rearrange
from fastnn.models import keras_configurations
from test_parity_files import predictions

# Written with the names that both have: `k` is a package, `h` the output of a dense layer of four units.
BOTH: dict[str, Callable[[Any, Any], Any]] = {
    "slices": lambda k, h: k.ops.concatenate(
        [h[:, ::-1], h[:, 1:3], h[..., :1], k.ops.expand_dims(h[:, 2], 1)], axis=1
    ),
    "reductions": lambda k, h: [
        k.ops.sum(h, axis=1),
        k.ops.mean(h, axis=-1, keepdims=True),
        k.ops.max(k.ops.reshape(h, (-1, 2, 2)), axis=[1, 2]),
        k.ops.min(h, axis=-1),
    ],
    "where": lambda k, h: k.ops.where(h > 0.25, h * 2.0, k.ops.minimum(h, -0.5)),
    "comparisons": lambda k, h: [
        k.ops.cast(condition, "float32")
        for condition in (h > 0, h >= h[:, :1], h < 0.5, h <= 0.5, k.ops.equal(h, h), k.ops.logical_not(h > 0.1))
    ],
    "truths": lambda k, h: k.ops.cast(k.ops.logical_or(h > 1, k.ops.logical_and(h > -1, h < 0)), "float32"),
    "quotients": lambda k, h: h / (1.0 + abs(h)) + 2.0 / (h * h + 1.0),
    "functions": lambda k, h: [
        function(abs(h) + 0.5) for function in (k.ops.log, k.ops.exp, k.ops.sqrt, k.ops.square, k.ops.log1p, k.ops.sign)
    ],
    "powers": lambda k, h: h**2 + h**3 - (abs(h) + 1.0) ** 0.5,
    "arrays": lambda k, h: (1.0 - h) * np.arange(4.0, dtype="float32") + np.ones((1, 4), "float32") - h,
    "waves": lambda k, h: k.ops.sin(h) * k.ops.cos(3.0 * h) + k.ops.stop_gradient(h),
    "logsumexp": lambda k, h: k.ops.logsumexp(h, axis=1),
    "clip": lambda k, h: k.ops.clip(h, -0.5, 0.75),
    "new axes": lambda k, h: [h[:, None], h[..., None], h[:, None, 1:3, None], h[:, :, None] - h[:, None, :]],
    "places": lambda k, h: [
        k.ops.tile(h, (1, 2)),
        k.ops.repeat(h, 2, axis=-1),
        k.ops.roll(h, 1, axis=1),
        k.ops.flip(h, axis=1),
        k.ops.moveaxis(k.ops.reshape(h, (-1, 2, 2)), 1, 2),
        k.ops.swapaxes(k.ops.reshape(h, (-1, 2, 2)), -1, 1),
        k.ops.take(h, [1, 3, 3], axis=1),
        k.ops.pad(h, ((0, 0), (1, 2))),
        k.ops.pad(h, ((0, 0), (1, 2)), mode="reflect"),
        k.ops.diff(h),
        k.ops.hstack([h, h]),
        k.ops.append(h, h, axis=1),
        k.ops.triu(k.ops.reshape(h, (-1, 2, 2))),
    ],
    "split": lambda k, h: [*k.ops.split(h, 2, axis=1), k.ops.split(h, [1, 2], axis=-1)[2]],
    "along an axis": lambda k, h: [
        k.ops.average(h, axis=-1),
        k.ops.average(h, axis=1, weights=np.arange(1.0, 5.0, dtype="float32")),
        k.ops.var(h, axis=1),
        k.ops.std(h, axis=-1, keepdims=True),
        k.ops.prod(h, axis=1),
        k.ops.cumsum(h, axis=1),
        k.ops.cast(k.ops.argmax(h, axis=1), "float32"),
        k.ops.cast(k.ops.any(h > 1.0, axis=1), "float32"),
        k.ops.softmax(k.ops.reshape(h, (-1, 2, 2)), axis=1),
    ],
    "matrices": lambda k, h: [
        k.ops.matmul(h, np.arange(8.0, dtype="float32").reshape(4, 2)),
        k.ops.matmul(k.ops.reshape(h, (-1, 2, 2)), k.ops.reshape(h, (-1, 2, 2))),
    ],
    "extremes": lambda k, h: k.ops.maximum(h, -3.0) + k.ops.minimum(h, h * 0.5) + k.ops.maximum(h, 0.5),
    "likes": lambda k, h: h + k.ops.ones_like(h) - k.ops.zeros_like(h),
    "stack": lambda k, h: k.ops.transpose(k.ops.stack([h, -h, h * h], axis=1), (0, 2, 1)),
    "relu": lambda k, h: k.ops.leaky_relu(h, 0.3) + k.ops.relu(h) + k.ops.leaky_relu(h),
    "elu": lambda k, h: k.ops.elu(h, 0.5) + k.ops.celu(h, 0.7) + k.ops.selu(h),
    "gelu": lambda k, h: k.ops.gelu(h, approximate=False) + 3.0 * k.ops.gelu(h, approximate=True),
    "shrinks": lambda k, h: k.ops.hard_shrink(h, 0.2) + k.ops.soft_shrink(h, 0.3) + k.ops.threshold(h, 0.1, 3.0),
    "plus": lambda k, h: k.ops.squareplus(h, 2) + k.ops.softplus(h) + k.ops.sparse_plus(h),
    "soft": lambda k, h: k.ops.softmax(h) + k.ops.log_softmax(h) + k.ops.softsign(h) + k.ops.log_sigmoid(h),
    "hard": lambda k, h: k.ops.hard_sigmoid(h) + k.ops.hard_silu(h) + k.ops.hard_tanh(h) + k.ops.tanh_shrink(h),
}
KERAS_ALONE: dict[str, Callable[[Any, Any], Any]] = {
    "gelu": lambda k, h: k.ops.gelu(h),  # approximate there, and by default not here
    "relu6": lambda k, h: k.ops.relu6(h * 5.0),
    "take": lambda k, h: k.ops.take(h, [[1, 0], [-1, 2]], axis=1),
    "take_one": lambda k, h: k.ops.take(h, 1, axis=1),
    "slice": lambda k, h: k.ops.slice(h, (0, 1), (20, 2)),
    "axes": lambda k, h: k.ops.expand_dims(h, (1, -1)),
    "flip": lambda k, h: k.ops.flip(k.ops.swapaxes(k.ops.reshape(h, (-1, 2, 2)), 1, 2), axis=1),
    "spread": lambda k, h: [k.ops.var(h, axis=-1), k.ops.std(h, axis=1, keepdims=True)],
    "reciprocal": lambda k, h: k.ops.reciprocal(h * h + 1.0),
    "extremes": lambda k, h: [k.ops.amax(h, axis=1), k.ops.amin(h, axis=1)],
    "cast": lambda k, h: k.ops.cast(k.ops.cast(h, "bool"), "float32"),
}
X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32") * 2


def made(k: Any, of: Callable[[Any, Any], Any]) -> Any:
    """A model that ends in some operations."""
    x = k.layers.Input((4,))
    model = k.Model(x, of(k, k.layers.Dense(4)(x)))
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def alike(one: Any, other: Any) -> None:
    for a, b in zip(*(predictions(model, X) for model in (one, other)), strict=True):
        close(a, b, "float32", 5)


@pytest.mark.parametrize("case", [*BOTH, *(f"{name} (Keras)" for name in KERAS_ALONE)])
def test_from_keras(case: str, tmp_path: Path) -> None:
    theirs = made(keras, KERAS_ALONE[case.removesuffix(" (Keras)")] if case.endswith(" (Keras)") else BOTH[case])
    theirs.save(tmp_path / "a.keras")
    alike(fastnn.saving.load_model(tmp_path / "a.keras"), theirs)


@pytest.mark.parametrize("case", BOTH)
def test_to_keras_and_back(case: str, tmp_path: Path) -> None:
    ours = made(fastnn, BOTH[case])
    ours.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    alike(ours, theirs)
    theirs.save(tmp_path / "b.keras")
    alike(fastnn.saving.load_model(tmp_path / "b.keras"), ours)
    alike(fastnn.saving.load_model(tmp_path / "a.keras"), ours)


def test_operations_in_models_within_models(tmp_path: Path) -> None:
    inner = made(fastnn, BOTH["where"])
    x = fastnn.layers.Input((4,))
    places = Rearrange([[3, 0], [1, 1]])(inner(x))
    ours = fastnn.Model(x, [places[:, 0], Rearrange([0, 3])(places), inner(x * 2.0)])
    ours.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    alike(ours, theirs)
    theirs.save(tmp_path / "b.keras")
    alike(fastnn.saving.load_model(tmp_path / "b.keras"), ours)


def test_one_hot_rows(tmp_path: Path) -> None:
    numbers = np.array([[0], [2], [1], [4]])
    x = keras.layers.Input((1,), dtype="int32")
    theirs = keras.Model(x, [keras.ops.one_hot(x, 4), keras.ops.one_hot(keras.ops.squeeze(x, 1), 4)])
    theirs.save(tmp_path / "a.keras")
    ours = fastnn.saving.load_model(tmp_path / "a.keras")
    for one, other in zip(*(predictions(model, numbers) for model in (ours, theirs)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_of_operations_stay_apart_from_file_to_file(tmp_path: Path) -> None:
    x = keras.layers.Input((4,))
    keras.Model(x, keras.ops.cast(x > 1.0, "float32")).save(tmp_path / "0.keras")
    for number in range(2):
        fastnn.saving.load_model(tmp_path / f"{number}.keras").save(tmp_path / f"{number + 1}.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "2.keras").predict(X, verbose=0), X > 1)


def test_what_only_graphs_hold_is_refused_in_rows(tmp_path: Path) -> None:
    for layer in (Rearrange([0]), Function("square"), Function("threshold", (1.0, 0.0))):
        model = fastnn.Sequential([fastnn.layers.Input((4,)), layer])
        with pytest.raises(NotImplementedError, match=rf"only a functional model.* Received: layer '{layer.name}'"):
            model.save(tmp_path / "a.keras")
    assert list(tmp_path.iterdir()) == []


def test_functions_in_rows_are_layers_of_keras(tmp_path: Path) -> None:
    functions = [("leaky_relu", (0.3,)), ("elu", (0.5,)), ("clipped_relu", (0.1, 3.0, 0.5)), ("mish", ())]
    rows = [Function(name, params) for name, params in functions]
    ours = fastnn.Sequential([fastnn.layers.Input((4,)), *rows])
    ours.save(tmp_path / "a.keras")
    alike(ours, keras.models.load_model(tmp_path / "a.keras"))


def test_operations_that_are_not_here_are_refused_with_their_names(tmp_path: Path) -> None:
    theirs = made(keras, lambda k, h: k.ops.sort(h, axis=1))
    theirs.save(tmp_path / "a.keras")
    with pytest.raises(fastnn.saving.FileError, match=r"has no operation 'Sort' on symbolic tensors. Received: 'sort"):
        fastnn.saving.load_model(tmp_path / "a.keras")


@pytest.mark.parametrize("room", ["layers", "losses", "metrics", "optimizers", "optimizers.schedules", "regularizers"])
def test_what_keras_has_not_is_known(room: str) -> None:
    ours, theirs = fastnn, keras
    for part in room.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    known = ours._registry._own if hasattr(ours, "_registry") else vars(ours).values()
    names = {each.__name__ for each in known if inspect.isclass(each) and each.__module__.startswith("fastnn.")}
    missing = {name for name in names if not hasattr(theirs, name)}
    if room == "layers":
        missing -= {"Function", *keras_configurations._IN_GRAPHS.split()}
    assert missing <= set(keras_configurations._OURS.get(f"fastnn.{room}", "").split())
