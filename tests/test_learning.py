"""Training that really learns: real data, beside scikit-learn's MLP with the same set-up."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import layers
from fastnn.models import Sequential
from fastnn.regularizers import L2
from fastnn.utils import set_random_seed

datasets = pytest.importorskip("sklearn.datasets")
model_selection = pytest.importorskip("sklearn.model_selection")
neural_network = pytest.importorskip("sklearn.neural_network")
preprocessing = pytest.importorskip("sklearn.preprocessing")

HIDDEN, BATCH, RATE, PENALTY = (64, 32), 32, 1e-3, 1e-4


def split(load):
    data = load()
    x, x_test, y, y_test = model_selection.train_test_split(data.data, data.target, test_size=0.25, random_state=0)
    scale = preprocessing.StandardScaler().fit(x)
    return scale.transform(x), scale.transform(x_test), y, y_test


def network(outputs, activation, loss, metrics=()):
    set_random_seed(0)
    penalty = L2(PENALTY / 2 / BATCH)  # as scikit-learn has it
    stack = [layers.Dense(units, activation="relu", kernel_regularizer=penalty) for units in HIDDEN]
    model = Sequential([*stack, layers.Dense(outputs, activation=activation, kernel_regularizer=penalty)])
    model.compile("adam", loss, metrics=list(metrics))
    return model


def theirs(kind, epochs):
    return kind(
        hidden_layer_sizes=HIDDEN,
        batch_size=BATCH,
        learning_rate_init=RATE,
        alpha=PENALTY,
        max_iter=epochs,
        random_state=0,
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("load", "outputs", "activation", "loss"),
    [
        (datasets.load_digits, 10, "softmax", "sparse_categorical_crossentropy"),
        (datasets.load_breast_cancer, 1, "sigmoid", "binary_crossentropy"),
        (datasets.load_wine, 3, "softmax", "sparse_categorical_crossentropy"),
    ],
)
def test_classification_is_as_good_as_scikit_learns(load, outputs, activation, loss):
    x, x_test, y, y_test = split(load)
    model = network(outputs, activation, loss, ["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=BATCH, verbose=0).history
    own = model.evaluate(x_test, y_test, verbose=0)[1]
    other = theirs(neural_network.MLPClassifier, 30).fit(x, y).score(x_test, y_test)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert own > 0.93
    assert own > other - 0.03


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_regression_is_as_good_as_scikit_learns():
    x, x_test, y, y_test = split(datasets.load_diabetes)
    centre, spread = y.mean(), y.std()
    y, y_test = (y - centre) / spread, (y_test - centre) / spread
    model = network(1, None, "mse")
    model.fit(x, y, epochs=20, batch_size=BATCH, verbose=0)
    residual = model.predict(x_test, verbose=0)[:, 0] - y_test
    own = 1 - np.sum(residual**2) / np.sum((y_test - y_test.mean()) ** 2)
    other = theirs(neural_network.MLPRegressor, 20).fit(x, y).score(x_test, y_test)
    assert own > 0.2
    assert own > other - 0.15
