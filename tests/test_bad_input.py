"""Bad input: a clear error that names the argument, and model, weights and arrays as they were."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import layers
from fastnn.models import Sequential

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4))
Y = RNG.integers(0, 3, 20)
NAN = np.where(np.arange(80).reshape(20, 4) == 37, np.nan, X)
INFINITE = np.where(np.arange(80).reshape(20, 4) == 37, np.inf, X)


@pytest.fixture
def model():
    model = Sequential([layers.Dense(5, activation="relu", input_dim=4), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, verbose=0)
    return model


FITS = {
    "too narrow": (X[:, :3], Y, {}, "x"),
    "too wide": (np.hstack([X, X]), Y, {}, "x"),
    "of a higher rank": (X[:, :, None, None], Y, {}, "x"),
    "a scalar": (np.float64(3), Y, {}, "x"),
    "of other lengths": (X, Y[:-1], {}, "y"),
    "empty": (X[:0], Y[:0], {}, "empty"),
    "without inputs": (None, Y, {}, "x"),
    "without targets": (X, None, {}, "y"),
    "objects": (X.astype(object), Y, {}, "x"),
    "strings": (X.astype(str), Y, {}, "x"),
    "complex": (X + 1j, Y, {}, "x"),
    "dates": (X.astype("datetime64[s]"), Y, {}, "x"),
    "ragged": ([[1.0, 2.0, 3.0, 4.0], [1.0]], Y, {}, "x"),
    "strings as targets": (X, Y.astype(str), {}, "y"),
    "NaN": (NAN, Y, {}, "x.*nan"),
    "infinite": (INFINITE, Y, {}, "x.*inf"),
    "NaN in targets": (X, np.where(Y == 1, np.nan, Y), {}, "y.*nan"),
    "a label too large": (X, Y + 1, {}, "y.*class"),
    "a negative label": (X, Y - 1, {}, "y.*class"),
    "a label that is not whole": (X, Y + 0.5, {}, "y.*class"),
    "one-hot targets": (X, np.eye(3)[Y], {}, "y"),
    "batch_size 0": (X, Y, {"batch_size": 0}, "batch_size"),
    "batch_size negative": (X, Y, {"batch_size": -1}, "batch_size"),
    "batch_size a float": (X, Y, {"batch_size": 2.5}, "batch_size"),
    "epochs 0": (X, Y, {"epochs": 0}, "epochs"),
    "epochs negative": (X, Y, {"epochs": -3}, "epochs"),
    "initial_epoch negative": (X, Y, {"initial_epoch": -1}, "initial_epoch"),
    "validation_split 1": (X, Y, {"validation_split": 1.0}, "validation_split"),
    "validation_split negative": (X, Y, {"validation_split": -0.1}, "validation_split"),
    "validation_data an array": (X, Y, {"validation_data": X}, "validation_data"),
    "validation_data too narrow": (X, Y, {"validation_data": (X[:, :2], Y)}, "x"),
    "sample_weight too short": (X, Y, {"sample_weight": np.ones(3)}, "sample_weight"),
    "sample_weight of a higher rank": (X, Y, {"sample_weight": np.ones((20, 3))}, "sample_weight"),
    "class_weight a list": (X, Y, {"class_weight": [1, 2, 3]}, "class_weight"),
    "callbacks a number": (X, Y, {"callbacks": 3}, "callbacks"),
    "verbose unknown": (X, Y, {"verbose": "loud"}, "verbose"),
}


@pytest.mark.parametrize("case", FITS)
def test_fit_refuses(model, case):
    x, y, arguments, names = FITS[case]
    before = [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]
    untouched = [None if a is None else np.array(a, copy=True) for a in (x, y) if not isinstance(a, list)]
    with pytest.raises((ValueError, TypeError), match=f"(?is){names}") as error:
        model.fit(x, y, **{"verbose": 0, **arguments})
    assert "Received" in str(error.value)
    after = [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]
    for a, b in zip(before, after, strict=True):
        assert np.array_equal(a, b)
    for a, b in zip(untouched, [a for a in (x, y) if not isinstance(a, list)], strict=True):
        assert (a is None and b is None) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    model.fit(X, Y, verbose=0)


def test_nan_is_let_through_when_asked(model):
    model.fit(NAN, Y, verbose=0, check_finite=False)


@pytest.mark.parametrize("method", ["evaluate", "train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("case", ["too narrow", "of other lengths", "empty", "NaN", "a label too large", "objects"])
def test_the_others_refuse(model, method, case):
    x, y, _, names = FITS[case]
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError), match=f"(?i){names}"):
        getattr(model, method)(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("case", ["too narrow", "a scalar", "empty", "objects", "complex"])
def test_predict_refuses(model, case):
    for method in (model.predict, model.predict_on_batch, model):
        with pytest.raises((ValueError, TypeError)):
            method(FITS[case][0])


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        ({"optimizer": "adamm", "loss": "mse"}, "adam"),
        ({"optimizer": "adam", "loss": "mean_squared_eror"}, "mean_squared_error"),
        ({"optimizer": "adam", "loss": "mse", "metrics": ["acuracy"]}, "accuracy"),
    ],
)
def test_compile_offers_the_nearest_names(model, arguments, nearest):
    optimizer = model.optimizer
    with pytest.raises(ValueError, match=nearest):
        model.compile(**arguments)
    assert model.optimizer is optimizer
    model.fit(X, Y, verbose=0)


def test_an_unknown_activation_offers_the_nearest_name():
    with pytest.raises(ValueError, match="relu"):
        layers.Dense(3, activation="rellu")


@pytest.mark.parametrize("units", [0, -1, 2.5, "3", None, True])
def test_units_that_cannot_be(units):
    with pytest.raises(ValueError, match=r"units.*Received"):
        layers.Dense(units)


def test_fit_before_compile():
    model = Sequential([layers.Dense(3, input_dim=4)])
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(RuntimeError, match="compile"):
            call(X, Y)


def test_training_a_frozen_model(model):
    model.trainable = False
    with pytest.raises(ValueError, match="trainable"):
        model.fit(X, Y, verbose=0)
    model.trainable = True
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("change", ["too few", "wrong shape", "strings", "not a list"])
def test_set_weights_is_all_or_none(model, change):
    before = model.get_weights()
    new = [np.ones_like(w) for w in before]
    if change == "too few":
        new = new[:-1]
    elif change == "wrong shape":
        new[-1] = np.ones(7)
    elif change == "strings":
        new[-1] = np.array(["a", "b", "c"])
    else:
        new = 3
    with pytest.raises((ValueError, TypeError), match="weights"):
        model.set_weights(new)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_memory_that_cannot_be_had(model):
    before = model.get_weights()
    huge = np.broadcast_to(np.float32(0), (1 << 46, 4))
    labels = np.broadcast_to(np.int8(0), (1 << 46,))
    with pytest.raises((MemoryError, ValueError)):
        model.fit(huge, labels, batch_size=1 << 46, shuffle=False, check_finite=False, verbose=0)
    with pytest.raises((MemoryError, ValueError)):
        Sequential([layers.Dense(1 << 40, input_dim=1 << 20)])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.fit(X, Y, verbose=0)
