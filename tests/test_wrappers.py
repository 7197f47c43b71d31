"""Models wrapped as estimators of scikit-learn's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnn import Input, Model, Sequential, layers, optimizers
from fastnn.utils import set_random_seed
from fastnn.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer


def network(X, y, loss="mse", out="softmax", units=(10,)):
    set_random_seed(0)  # or every fit would draw other weights, which many checks do not expect
    inputs = hidden = Input((X.shape[1],))
    for width in units:
        hidden = layers.Dense(width, activation="relu")(hidden)
    model = Model(inputs, layers.Dense(y.shape[1] if y.ndim > 1 else 1, activation=out)(hidden))
    model.compile(optimizers.RMSprop(0.01), loss)
    return model


def two_layers(outputs=3, activation="softmax", loss="categorical_crossentropy"):
    model = Sequential([layers.Dense(10, "relu"), layers.Dense(outputs, activation)])
    model.compile(optimizers.Adam(0.01), loss)
    return model


QUIET = {"epochs": 5, "verbose": 0}
CLASSIFIER = SKLearnClassifier(
    network, model_kwargs={"loss": "categorical_crossentropy", "units": [20, 20]}, fit_kwargs=QUIET
)
# As in Keras, decisions have a column for each of two classes.
DECISIONS = "decisions have a column for each of two classes"
EXPECTED = {"SKLearnClassifier": dict.fromkeys(("check_classifiers_train", "check_classifiers_classes"), DECISIONS)}


@parametrize_with_checks(
    [
        CLASSIFIER,
        SKLearnRegressor(network, model_kwargs={"out": None}, fit_kwargs=QUIET),
        SKLearnTransformer(network, model_kwargs={"out": None}, fit_kwargs=QUIET),
    ],
    expected_failed_checks=lambda estimator: EXPECTED.get(type(estimator).__name__, {}),
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def wine():
    x, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(x), np.array(["low", "middle", "high"])[y]


def test_a_model_is_cloned_and_stays_as_it_was(wine):
    x, y = wine
    model = two_layers()
    model.build((None, 13))
    before = model.get_weights()
    classifier = SKLearnClassifier(model, fit_kwargs={"verbose": 0})
    assert classifier.fit(x, y, epochs=30) is classifier
    assert classifier.score(x, y) > 0.9
    assert classifier.model_ is not model
    for weight, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, weight)
    assert not model.optimizer.built
    assert len(classifier.history_.history["loss"]) == classifier.epoch_ == 30
    assert classifier.fit_kwargs == {"verbose": 0}
    assert classifier.decision_function(x).shape == (len(x), 3)
    assert set(classifier.predict(x)) == {"low", "middle", "high"}


def test_warm_start_goes_on(wine):
    x, y = wine
    classifier = SKLearnClassifier(two_layers(), warm_start=True, fit_kwargs={"verbose": 0, "epochs": 10})
    first = classifier.fit(x, y).history_.history["loss"]
    model = classifier.model_
    second = classifier.fit(x, y).history_.history["loss"]
    assert classifier.model_ is model
    assert second[0] < first[-1]


def test_regression_of_several_numbers():
    x, y = load_diabetes(return_X_y=True)
    x, y = StandardScaler().fit_transform(x), (y - y.mean()) / y.std()
    settings = {"model_kwargs": {"out": None, "units": (20,)}, "fit_kwargs": {"epochs": 30, "verbose": 0}}
    regressor = SKLearnRegressor(network, **settings)
    assert regressor.fit(x, y).predict(x).shape == (len(x),)
    assert regressor.score(x, y) > 0.4
    weighted = clone(regressor).fit(x, y, sample_weight=np.where(y > 0, 1.0, 0.1))
    assert weighted.predict(x).mean() > regressor.predict(x).mean()
    both = clone(regressor).fit(x, np.stack([y, -y], axis=1))
    assert both.predict(x).shape == (len(x), 2)


@pytest.mark.slow  # it starts processes
def test_searches_pipelines_and_pickles(wine):
    x, y = wine
    search = GridSearchCV(CLASSIFIER, {"model_kwargs": [{"loss": "mse", "units": [n]} for n in (1, 30)]}, n_jobs=2)
    assert search.fit(x, y, epochs=30).best_params_["model_kwargs"]["units"] == [30]
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict(x), search.predict(x))
    features = SKLearnTransformer(two_layers(), fit_kwargs={"verbose": 0, "epochs": 20})
    encoded = (y[:, None] == np.unique(y)).astype(float)
    assert features.fit(x, encoded).transform(x).shape == (len(x), 3)
    np.testing.assert_array_equal(features.predict(x), features.transform(x))
    pipeline = make_pipeline(StandardScaler(), clone(CLASSIFIER)).fit(x, y, sklearnclassifier__epochs=40)
    assert pipeline.score(x, y) > 0.9
    assert LogisticRegression().fit(features.transform(x), y).score(features.transform(x), y) > 0.9


def test_clones_keep_every_argument():
    wrapped = SKLearnClassifier(two_layers(), True, {"a": 1}, {"epochs": 3})
    copied = clone(wrapped)
    assert copied.model is not wrapped.model
    assert (copied.warm_start, copied.model_kwargs, copied.fit_kwargs) == (True, {"a": 1}, {"epochs": 3})


def test_metadata_is_routed(wine):
    x, y = wine
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = clone(CLASSIFIER).set_fit_request(sample_weight=True)
        assert clone(classifier).get_metadata_routing().fit.requests == {"sample_weight": True}
        make_pipeline(classifier).fit(x, y, sample_weight=np.ones(len(y)))


def test_bad_uses(wine):
    x, y = wine
    with pytest.raises(RuntimeError, match="must be compiled"):
        SKLearnClassifier(Sequential([layers.Dense(3)])).fit(x, y)
    with pytest.raises(ValueError, match="only one class"):
        SKLearnClassifier(two_layers()).fit(x, np.zeros(len(x), int))
    with pytest.raises(ValueError, match="binary and multiclass"):
        SKLearnClassifier(two_layers()).fit(x, np.random.default_rng(0).normal(size=len(x)))
    with pytest.raises(ValueError, match="13 features"):
        SKLearnClassifier(two_layers(), fit_kwargs={"verbose": 0}).fit(x, y).predict(x[:, :5])
