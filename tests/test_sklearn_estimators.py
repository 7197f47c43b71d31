"""The perceptrons among scikit-learn's tools, and what they have that scikit-learn's own have not."""

from __future__ import annotations

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnn import callbacks, losses, ops, optimizers
from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def wine():
    x, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(x), y


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(x), y / 100


def quick(**settings):
    return MLPClassifier(**{"max_iter": 20, "hidden_layer_sizes": (20,), "random_state": 0, **settings})


# --- scikit-learn's own checks, and its tools ---


@parametrize_with_checks(
    [
        MLPClassifier(max_iter=100),
        MLPRegressor(max_iter=100),
        MLPClassifier(solver="lbfgs", max_iter=100),
        MLPRegressor(solver="lbfgs", max_iter=100),
    ]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow  # it starts processes
def test_pipelines_searches_and_validation(wine):
    x, y = wine
    pipeline = make_pipeline(StandardScaler(), quick(learning_rate_init=0.01))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.8
    search = GridSearchCV(
        pipeline, {"mlpclassifier__alpha": [1e-4, 10.0], "mlpclassifier__hidden_layer_sizes": [(1,), (30,)]}, n_jobs=2
    )
    assert search.fit(x, y).best_params_["mlpclassifier__hidden_layer_sizes"] == (30,)
    alone = GridSearchCV(search.estimator, search.param_grid).fit(x, y)
    np.testing.assert_array_equal(alone.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


def test_calibration_importance_and_threads(wine):
    x, y = wine
    calibrated = CalibratedClassifierCV(quick(), cv=3).fit(x, y)
    np.testing.assert_allclose(calibrated.predict_proba(x).sum(axis=1), 1)
    fitted = quick(max_iter=100).fit(x, y)
    importance = permutation_importance(fitted, x, y, n_repeats=2, random_state=0).importances_mean
    assert importance.max() > 0.02
    with joblib.parallel_backend("threading", n_jobs=2):
        in_threads = BaggingClassifier(quick(), n_estimators=4, random_state=0).fit(x, y)
    alone = BaggingClassifier(quick(), n_estimators=4, random_state=0).fit(x, y)
    np.testing.assert_array_equal(in_threads.predict_proba(x), alone.predict_proba(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_search_under_dask(wine):
    from distributed import Client

    x, y = wine
    search = GridSearchCV(quick(), {"alpha": [1e-4, 10.0]}, cv=3)
    with (
        Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None),
        joblib.parallel_backend("dask"),
    ):
        scores = clone(search).fit(x, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, search.fit(x, y).cv_results_["mean_test_score"])


@pytest.mark.parametrize("copied", ["pickle", "deepcopy", "joblib"])
@pytest.mark.parametrize("settings", [{}, {"solver": "sgd", "batch_normalization": True, "dropout": 0.2}], ids=str)
def test_copies_predict_and_go_on_alike(wine, copied, settings):
    x, y = wine
    fitted = quick(**settings).fit(x, y)
    if copied == "pickle":
        other = pickle.loads(pickle.dumps(fitted))
    elif copied == "deepcopy":
        other = copy.deepcopy(fitted)
    else:
        file = io.BytesIO()
        joblib.dump(fitted, file)
        file.seek(0)
        other = joblib.load(file)
    before = fitted.predict_proba(x)
    np.testing.assert_array_equal(other.predict_proba(x), before)
    other.partial_fit(x, y)
    np.testing.assert_array_equal(fitted.predict_proba(x), before)  # the copy shares nothing
    fitted.partial_fit(x, y)
    np.testing.assert_array_equal(other.predict_proba(x), fitted.predict_proba(x))


def test_the_same_seed_gives_the_same_bits(wine):
    x, y = wine
    first, second = (quick(dropout=0.3).fit(x, y).predict_proba(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (quick(dropout=0.3, random_state=1).fit(x, y).predict_proba(x) != first).any()


# --- weights and models ---


def test_weights_are_live_and_can_be_replaced(wine):
    x, y = wine
    fitted = quick().fit(x, y)
    expected = np.maximum(x @ fitted.coefs_[0] + fitted.intercepts_[0], 0) @ fitted.coefs_[1] + fitted.intercepts_[1]
    np.testing.assert_array_equal(fitted.predict(x), expected.argmax(axis=1))
    fitted.coefs_[1][...] = 0
    fitted.intercepts_[1] = np.array([0.0, 5.0, 0.0])
    assert (fitted.predict(x) == 1).all()
    fitted.set_params(warm_start=True, max_iter=1).fit(x, y)  # goes on from these
    assert fitted.loss_ > 1.0


def test_the_model_is_there(wine):
    x, y = wine
    with pytest.raises(AttributeError, match="model_"):
        _ = quick().model_
    fitted = quick(dtype="float32").fit(x, y)
    np.testing.assert_array_equal(fitted.model_.predict(x, verbose=0), fitted.predict_proba(x))
    assert fitted.model_.count_params() == sum(a.size for a in (*fitted.coefs_, *fitted.intercepts_))


def test_partial_fit_keeps_its_programs(wine):
    x, y = wine
    fitted = quick().partial_fit(x, y, classes=[0, 1, 2])
    training = fitted.model_._training
    programs = list(training.programs.values())
    fitted.partial_fit(x, y)
    assert fitted.model_._training is training
    assert list(training.programs.values()) == programs


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"solver": "lbfgs"}, {"solver": "sgd"}),
        ({"early_stopping": True}, {"early_stopping": False}),
        ({}, {"early_stopping": True}),
        ({}, {"solver": "lbfgs"}),
    ],
    ids=str,
)
def test_settings_may_change_on_the_way(wine, first, then):
    x, y = wine
    fitted = quick(warm_start=True, **first).fit(x, y)
    before = fitted.loss_
    assert fitted.set_params(**then).fit(x, y).loss_ < before


def test_no_hidden_layer_is_logistic_regression(wine):
    x, y = wine
    fitted = quick(hidden_layer_sizes=(), solver="lbfgs", max_iter=100).fit(x, y)
    assert fitted.n_layers_ == 2
    assert fitted.score(x, y) == 1.0


# --- sparse inputs ---


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_sparse_inputs_give_the_same_numbers(wine, solver):
    x, y = wine
    x = np.where(x > 0, x, 0)
    weights = np.random.default_rng(0).uniform(0, 2, len(y))
    estimators = []
    for inputs in (x, scipy.sparse.csr_matrix(x), scipy.sparse.csc_array(x)):
        fitted = quick(solver=solver, batch_size=16).fit(inputs, y, weights)
        np.testing.assert_allclose(fitted.predict_proba(inputs), fitted.predict_proba(x), rtol=1e-12)
        estimators.append(fitted)
    for other in estimators[1:]:
        np.testing.assert_allclose(other.predict_proba(x), estimators[0].predict_proba(x), rtol=1e-10)
        assert other.loss_ == pytest.approx(estimators[0].loss_, rel=1e-12)


def test_sparse_inputs_stay_sparse():
    """Dense, the matrix would be of 34 GB, and a batch of 7 GB."""
    rng, columns = np.random.default_rng(0), 1 << 22
    places = rng.integers(0, columns, 10_000), np.arange(0, 10_001, 10)
    x = scipy.sparse.csr_matrix((np.ones(10_000), *places), shape=(1000, columns))
    y = np.arange(1000) % 2
    fitted = quick(hidden_layer_sizes=(1,), solver="sgd", max_iter=2, early_stopping=True, n_iter_no_change=5)
    assert fitted.fit(x, y).predict(x).shape == (1000,)
    assert fitted.set_params(early_stopping=False).partial_fit(x, y).n_iter_ == 1


# --- beyond scikit-learn ---


def test_dropout_and_batch_normalization(wine):
    x, y = wine
    names = [type(layer).__name__ for layer in quick(dropout=0.5).fit(x, y).model_.layers]
    assert names == ["Dense", "Dropout", "Dense"]
    fitted = quick(batch_normalization=True, hidden_layer_sizes=(20, 10), dropout=[0.0, 0.1], max_iter=100).fit(x, y)
    block = ["Dense", "BatchNormalization", "Activation"]
    assert [type(layer).__name__ for layer in fitted.model_.layers] == [*block, *block, "Dropout", "Dense"]
    assert fitted.score(x, y) > 0.97


def test_an_activation_for_each_layer(wine):
    x, y = wine
    fitted = quick(hidden_layer_sizes=(20, 10), activation=["gelu", "tanh"]).fit(x, y)
    functions = [layer.activation.__name__ for layer in fitted.model_.layers]
    assert functions == ["gelu", "tanh", "softmax"]


def test_class_weights_are_sample_weights(wine):
    x, y = wine
    by_class = quick(class_weight={0: 3.0, 1: 1.0, 2: 0.5}).fit(x, y)
    by_sample = quick().fit(x, y, np.array([3.0, 1.0, 0.5])[y])
    np.testing.assert_array_equal(by_class.predict_proba(x), by_sample.predict_proba(x))
    counts = np.bincount(y)
    balanced = quick(class_weight="balanced").fit(x, y)
    by_sample = quick().fit(x, y, (len(y) / (3 * counts))[y])
    np.testing.assert_array_equal(balanced.predict_proba(x), by_sample.predict_proba(x))
    with pytest.raises(ValueError, match="balanced"):
        quick(class_weight="balanced").partial_fit(x, y, classes=[0, 1, 2])


def test_a_validation_set_of_ones_own(wine):
    x, y = wine
    train, test = slice(0, None, 2), slice(1, None, 2)
    fitted = quick().fit(x[train], y[train], X_val=x[test], y_val=y[test])
    assert {name: len(values) for name, values in fitted.history_.items()} == {
        "loss": 20,
        "val_loss": 20,
        "val_score": 20,
    }
    assert fitted.history_["val_score"][-1] == fitted.score(x[test], y[test])
    expected = -np.log(fitted.predict_proba(x[test])[np.arange(len(y[test])), y[test]]).mean()
    assert fitted.history_["val_loss"][-1] == pytest.approx(expected)
    assert fitted.history_["loss"] == fitted.loss_curve_
    stopped = quick(early_stopping=True, max_iter=200, n_iter_no_change=3).fit(
        x[train], y[train], X_val=x[test], y_val=y[test]
    )
    assert stopped.n_iter_ < 200
    assert stopped.score(x[test], y[test]) == max(stopped.validation_scores_)
    with pytest.raises(ValueError, match=r"`y_val` must be given"):
        quick().fit(x, y, X_val=x)
    with pytest.raises(ValueError, match="13 features"):
        quick().fit(x, y, X_val=x[:, :5], y_val=y)


def test_callbacks(wine):
    x, y = wine
    seen = []
    stop = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    listener = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
    fitted = quick(callbacks=[stop, listener], learning_rate_init=0.05, max_iter=500)
    fitted.fit(x[::2], y[::2], X_val=x[1::2], y_val=y[1::2])
    assert seen == fitted.loss_curve_
    assert len(seen) < 500
    outputs = fitted.predict_proba(x[1::2])
    best = -np.log(outputs[np.arange(len(outputs)), y[1::2]]).mean()
    assert best == pytest.approx(min(fitted.history_["val_loss"]))
    with pytest.raises(TypeError, match="callback"):
        quick(callbacks=[3]).fit(x, y)


class Crash(Exception):
    pass


def crash_in_batch(number):
    """Raises after so many batches."""
    seen = []

    def count(batch, logs=None):
        seen.append(batch)
        if len(seen) == number:
            raise Crash

    return callbacks.LambdaCallback(on_train_batch_end=count)


@pytest.mark.parametrize("save_freq", ["epoch", 3])
@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.3, "batch_normalization": True},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5, "tol": 0.1, "n_iter_no_change": 1},
        {"early_stopping": True, "n_iter_no_change": 4, "learning_rate_init": 0.02},
    ],
    ids=str,
)
def test_training_that_crashed_goes_on_with_the_same_bits(wine, tmp_path, settings, save_freq):
    x, y = wine

    def fit(*watching):
        return quick(max_iter=12, batch_size=32, callbacks=watching, **settings).fit(x, y)

    whole = fit()
    with pytest.raises(Crash):  # in the midst of an epoch
        fit(callbacks.BackupAndRestore(tmp_path, save_freq=save_freq), crash_in_batch(26))
    again = fit(callbacks.BackupAndRestore(tmp_path, save_freq=save_freq))
    for one, other in zip([*whole.coefs_, *whole.intercepts_], [*again.coefs_, *again.intercepts_], strict=True):
        np.testing.assert_array_equal(other, one)
    for name in ("history_", "loss_curve_", "validation_scores_", "best_validation_score_", "n_iter_", "t_"):
        assert getattr(again, name) == getattr(whole, name), name


def test_schedules_and_optimizers(wine):
    x, y = wine
    rates = []
    listener = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(float(listener.model.optimizer.learning_rate))
    )
    schedule = optimizers.schedules.CosineDecay(0.01, decay_steps=20)
    quick(learning_rate=schedule, callbacks=listener).fit(x, y)
    np.testing.assert_allclose(rates, [schedule(step) for step in range(1, 21)])
    given = optimizers.AdamW(0.01)
    fitted = quick(solver=given).fit(x, y)
    assert isinstance(fitted.model_.optimizer, optimizers.AdamW)
    assert not given.built


@pytest.mark.parametrize(
    ("loss", "share"),
    [
        ("absolute_error", None),
        ("huber", None),
        ("quantile", 0.9),
        ("log_cosh", None),
        (losses.Pinball(0.2), 0.2),
        (lambda y, p: ops.mean(ops.absolute(y - p), axis=-1), None),
        (lambda y, p: (np.mean((p - y) ** 2, axis=-1), 2 * (p - y)), None),
    ],
)
def test_losses_of_numbers(diabetes, loss, share):
    x, y = diabetes
    regressor = MLPRegressor(loss=loss, quantile=0.9, random_state=0, learning_rate_init=0.01, max_iter=150)
    regressor.fit(x, y, X_val=x, y_val=y)
    if share is None:
        assert regressor.score(x, y) > 0.4
    else:
        assert np.mean(y < regressor.predict(x)) == pytest.approx(share, abs=0.07)
    assert regressor.history_["val_loss"][-1] == pytest.approx(regressor.loss_, rel=0.2)


def test_losses_of_classes(wine):
    x, y = wine
    expected = quick().fit(x, y).predict_proba(x)
    same = quick(loss="categorical_crossentropy").fit(x, y)
    np.testing.assert_allclose(same.predict_proba(x), expected, rtol=1e-10)
    smooth = quick(loss=losses.CategoricalCrossentropy(label_smoothing=0.3), max_iter=300).fit(x, y)
    assert smooth.score(x, y) > 0.97
    assert smooth.predict_proba(x).max(axis=1).mean() < 0.85
    focal = quick(loss=losses.BinaryFocalCrossentropy(), max_iter=300).fit(x, y == 1)
    assert focal.score(x, y == 1) > 0.95


def test_weighted_losses_in_python_are_those_in_c(diabetes):
    x, y = diabetes
    weights = np.random.default_rng(0).uniform(0, 2, len(y))
    settings = {"random_state": 0, "batch_size": len(y), "alpha": 0.0, "max_iter": 20}

    def squares(y_true, y_pred):
        return np.mean((y_pred - y_true) ** 2, axis=-1), 2 * (y_pred - y_true)

    in_python = MLPRegressor(squares, **settings).fit(x, y, weights)
    in_c = MLPRegressor("mean_squared_error", **settings).fit(x, y, weights)
    np.testing.assert_allclose(in_python.loss_curve_, in_c.loss_curve_, rtol=1e-10)


# --- bad input ---


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "nonsense"}, "Argument `activation` must be"),
        ({"activation": ["relu", "relu"]}, "each of the 1 hidden layers"),
        ({"dropout": 1.0}, "The 'dropout' parameter of MLPClassifier"),
        ({"dropout": [0.1, 1.0]}, "each of the 1 hidden layers"),
        ({"solver": "newton"}, "The 'solver' parameter of MLPClassifier"),
        ({"alpha": -1}, "The 'alpha' parameter of MLPClassifier"),
        ({"dtype": "float16"}, "The 'dtype' parameter of MLPClassifier"),
        ({"dtype": int}, "Argument `dtype` must be 'float32' or 'float64'"),
        ({"loss": "nonsense"}, "Unknown loss name"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
        ({"early_stopping": True, "validation_fraction": 0.005}, "validation set is too small"),
    ],
    ids=str,
)
def test_bad_parameters(wine, settings, message):
    x, y = wine
    with pytest.raises(ValueError, match=message):
        quick(**settings).fit(x, y)


def test_bad_uses(wine):
    x, y = wine
    with pytest.raises(NotFittedError):
        quick().predict(x)
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = quick(solver="lbfgs").partial_fit
    with pytest.raises(ValueError, match="early_stopping"):
        quick(early_stopping=True).partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="classes not in"):
        quick().partial_fit(x[:50], y[:50], classes=[0, 1]).partial_fit(x, y)
    with pytest.raises(ValueError, match="same shape"):
        quick(warm_start=True).fit(x, y).set_params(hidden_layer_sizes=(5,)).fit(x, y)
    with pytest.raises(ValueError, match="negative"):
        MLPRegressor("poisson").fit(x, -y)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite parameter weights"):
        MLPRegressor(solver="sgd", learning_rate_init=1e6).fit(x * 1e100, y)
    with pytest.warns(UserWarning, match="going to be clipped"):
        quick(batch_size=1000).fit(x, y)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(20\) reached"):
        quick().fit(x, y)


def test_an_interrupt_leaves_a_usable_estimator(wine):
    x, y = wine

    def interrupt(epoch, logs):
        if epoch == 3:
            raise KeyboardInterrupt

    estimator = quick(callbacks=callbacks.LambdaCallback(on_epoch_end=interrupt))
    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator.fit(x, y)
    assert estimator.n_iter_ == 4
    assert estimator.predict(x).shape == y.shape
    estimator.set_params(callbacks=None).partial_fit(x, y)
