"""fastnn's perceptrons beside scikit-learn's own: the same numbers, to rounding, on the same data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import fastnn.sklearn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)


def scaled(load):
    x, y = load(return_X_y=True)
    return StandardScaler().fit_transform(x)[:300], y[:300]


WINE = scaled(datasets.load_wine)
CANCER = scaled(datasets.load_breast_cancer)
DIABETES = scaled(datasets.load_diabetes)
WEIGHTS = RNG.uniform(0, 2, 300)


def both(kind, x, y, weighted=False, **settings):
    """scikit-learn's estimator and ours, fitted; and how often the first of them warned."""
    fitted = []
    for module in (neural_network, fastnn.sklearn):
        estimator = getattr(module, kind)(random_state=3, **settings)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            estimator.fit(x, y, sample_weight=WEIGHTS[: len(y)] if weighted else None)
        fitted.append((estimator, [str(w.message) for w in caught if w.category is ConvergenceWarning]))
    (theirs, warned), (ours, also_warned) = fitted
    assert also_warned == warned
    return theirs, ours


def check_the_same(theirs, ours, x, tolerance=1e-9):
    for name in ("coefs_", "intercepts_"):
        for his, mine in zip(getattr(theirs, name), getattr(ours, name), strict=True):
            assert mine.dtype == his.dtype
            np.testing.assert_allclose(mine, his, rtol=0, atol=tolerance * max(1, np.abs(his).max()))
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=tolerance)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
        his = getattr(theirs, name, None)
        if his is None:
            assert getattr(ours, name, None) is None
        else:
            np.testing.assert_allclose(getattr(ours, name), his, rtol=tolerance)
    verb = "predict"
    if hasattr(ours, "classes_"):
        np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
        verb = "predict_proba"
    np.testing.assert_allclose(getattr(ours, verb)(x), getattr(theirs, verb)(x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"shuffle": False},
        {"batch_size": 32, "hidden_layer_sizes": (20, 10), "alpha": 1.0},  # the last batch is smaller
        {"activation": "tanh", "early_stopping": True, "n_iter_no_change": 3},
        {"activation": "identity", "tol": 0.05, "n_iter_no_change": 2},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "learning_rate_init": 0.01},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate_init": 0.1, "nesterovs_momentum": False, "momentum": 0.5},
        {"solver": "sgd", "momentum": 0.0, "activation": "logistic"},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "power_t": 0.3},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5, "tol": 0.1, "n_iter_no_change": 1},
        {"solver": "lbfgs"},
    ],
    ids=str,
)
def test_settings_give_the_same_numbers(settings):
    x, y = WINE
    theirs, ours = both("MLPClassifier", x, y, max_iter=15, **settings)
    check_the_same(theirs, ours, x)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", ["two classes", "several classes", "labels", "one label"])
def test_classifiers_give_the_same_numbers(kind, solver, weighted):
    x, y = WINE
    if kind == "two classes":
        x, y = CANCER[0], np.array(["benign", "malignant"])[CANCER[1]]
    elif kind == "labels":
        y = (y[:, None] == np.arange(3)).astype(int)
    elif kind == "one label":
        y = (y[:, None] == [1, 1]).astype(int)
    theirs, ours = both("MLPClassifier", x, y, weighted, solver=solver, alpha=0.5, batch_size=50, max_iter=10)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    check_the_same(theirs, ours, x)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(ours.predict_log_proba(x), np.log(ours.predict_proba(x)))
    assert ours.score(x, y) == theirs.score(x, y)


def test_sparse_labels_give_the_same_numbers():
    x, y = WINE
    labels = scipy.sparse.csr_matrix(y[:, None] == np.arange(3), dtype=int)
    theirs, ours = (
        module.MLPClassifier(random_state=3, max_iter=10, early_stopping=True).fit(x, labels)
        for module in (neural_network, fastnn.sklearn)
    )
    assert scipy.sparse.issparse(ours.predict(x))
    np.testing.assert_array_equal(ours.predict(x).toarray(), theirs.predict(x).toarray())
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=1e-9)
    assert ours.score(x, labels) == theirs.score(x, labels)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regressors_give_the_same_numbers(loss, outputs, early_stopping, weighted):
    x, y = DIABETES
    y = np.floor(y / 20) if loss == "poisson" else y
    y = y if outputs == 1 else np.stack([y, y / 2, np.zeros_like(y)], axis=1)
    theirs, ours = both(
        "MLPRegressor",
        x,
        y,
        weighted,
        loss=loss,
        early_stopping=early_stopping,
        learning_rate_init=0.01,
        alpha=2.0,
        batch_size=64,
        max_iter=20,
    )
    check_the_same(theirs, ours, x)


def test_lbfgs_regression_gives_the_same_numbers():
    x, y = DIABETES
    theirs, ours = both("MLPRegressor", x, y / 100, True, solver="lbfgs", alpha=2.0, max_iter=15)
    check_the_same(theirs, ours, x)


def test_float32_stays_float32():
    x, y = WINE
    theirs, ours = both("MLPClassifier", x.astype(np.float32), y, max_iter=10)
    check_the_same(theirs, ours, x.astype(np.float32), tolerance=1e-5)
    assert ours.predict_proba(x.astype(np.float32)).dtype == np.float32


def test_training_goes_on_as_in_scikit_learn():
    x, y = WINE
    pair = [module.MLPClassifier(random_state=1, max_iter=5) for module in (neural_network, fastnn.sklearn)]
    for estimator in pair:
        estimator.partial_fit(x[:60], y[:60], classes=[0, 1, 2])
        estimator.partial_fit(x[60:], y[60:], sample_weight=WEIGHTS[: len(y) - 60])
        estimator.set_params(warm_start=True, alpha=0.1).fit(x, y)
        estimator.set_params(activation="tanh").partial_fit(x, y)
    check_the_same(*pair, x)
    assert len(pair[1].loss_curve_) == 8


def test_what_is_printed_is_the_same(capsys):
    x, y = WINE
    printed = []
    for module in (neural_network, fastnn.sklearn):
        module.MLPClassifier(
            random_state=0, verbose=True, solver="sgd", learning_rate="adaptive", tol=0.2, n_iter_no_change=1
        ).fit(x, y)
        module.MLPClassifier(random_state=0, verbose=True, early_stopping=True, tol=0.5, n_iter_no_change=2).fit(x, y)
        printed.append(capsys.readouterr().out)
    assert printed[1] == printed[0]
    assert "Learning rate too small. Stopping." in printed[1]
    assert "Validation score" in printed[1]


@pytest.mark.parametrize("load", [datasets.load_digits, datasets.load_breast_cancer, datasets.load_wine])
def test_classification_is_as_good(load):
    x, y = load(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, random_state=0)
    scale = StandardScaler().fit(x)
    score = [
        module.MLPClassifier(max_iter=30, random_state=0)
        .fit(scale.transform(x), y)
        .score(scale.transform(x_test), y_test)
        for module in (neural_network, fastnn.sklearn)
    ]
    assert score[1] > max(0.9, score[0] - 0.02)
