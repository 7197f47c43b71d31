"""Estimators of tables: columns of every kind, what is refused by name, and what is learned."""

from __future__ import annotations

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnn import callbacks
from fastnn.tabular import TabularClassifier, TabularRegressor
from fastnn.tabular.columns import Scaler
from fastnn.tabular.table import Table

ROWS = 200


def quick(kind=TabularClassifier, **settings):
    return kind(**{"hidden_layer_sizes": (32, 32), "members": 2, "max_epochs": 30, "random_state": 0, **settings})


def table(rows=ROWS, seed=0):
    """One of everything; whether a row is of the class depends on a number, a category and a date."""
    rng = np.random.default_rng(seed)
    day = pd.Timestamp("2024-01-01", tz="Europe/Berlin")
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=rows),
            "count": rng.integers(0, 50, rows),
            "gaps": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            "nullable": pd.array(np.where(rng.random(rows) < 0.2, None, rng.integers(0, 9, rows)), dtype="Int64"),
            "yes": rng.random(rows) < 0.5,
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], rows)),
            "city": pd.array([f"city {n}" for n in rng.integers(0, 20, rows)], dtype="string"),
            "zip": pd.Categorical(rng.integers(0, 3, rows)),
            "mixed": pd.Series([1, "a"] * (rows // 2), dtype=object),
            "when": [day + pd.Timedelta(hours=int(h)) for h in rng.integers(0, 8000, rows)],
            "day": [datetime.date(2024, 1, 1) + datetime.timedelta(days=int(d)) for d in rng.integers(0, 300, rows)],
            "took": pd.to_timedelta(rng.integers(0, 90, rows), "min"),
            "constant": 1.0,
            "empty": None,
        }
    )
    y = (frame["number"] + (frame["colour"] == "red") + (frame["when"].dt.hour > 12)) > 1
    return frame, np.where(y, "in", "out")


# --- columns ---


def test_scaling_is_robust_and_clips_smoothly():
    values = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 3.0]])
    scale = Scaler(values)
    np.testing.assert_allclose(scale.factor, [1 / 2, 1.0])  # by quartiles; by the ends where these are equal
    scaled = scale(np.array([[2.0, 1.0], [4.0, 3.0], [np.nan, np.nan], [np.inf, -np.inf], [1e300, 1.0]]))
    np.testing.assert_allclose(scaled[0], 0)
    np.testing.assert_allclose(scaled[1], [1 / np.sqrt(1 + 1 / 9), 2 / np.sqrt(1 + 4 / 9)], rtol=1e-6)
    np.testing.assert_array_equal(scaled[2], 0)
    np.testing.assert_allclose(scaled[3], [3, -3], rtol=1e-6)
    assert abs(scaled).max() <= 3
    constant = Scaler(np.array([[1.0], [1.0], [np.inf]]))
    assert not constant.factor.any()
    np.testing.assert_array_equal(constant(np.array([[np.inf], [-np.inf]])), 0)


def test_every_kind_of_column_is_encoded():
    frame, _ = table()
    learned = Table(frame)
    kinds = {column.name: type(column).__name__ for column in learned.columns}
    assert {name for name, kind in kinds.items() if kind == "Categories"} == {"yes", "colour", "city", "zip", "mixed"}
    assert {name for name, kind in kinds.items() if kind == "Dates"} == {"when", "day"}
    encoded = learned(frame)
    assert {kind: array.shape for kind, array in encoded.items()} == {
        "numbers": (ROWS, 5 + 7 + 5),  # of one year; and without a time of day
        "flags": (ROWS, 2 + 1 + 3 + 3 + 1),
        "ids": (ROWS, 1),
    }
    assert all(np.isfinite(array).all() for array in encoded.values())
    assert encoded["ids"].min() >= 1
    assert encoded["ids"].max() < learned.rows_of_vectors == 21


def test_the_same_table_of_polars_is_encoded_alike():
    frame, _ = table()
    frame = frame.drop(columns=["mixed", "empty", "zip", "when"])
    columns = {name: [None if pd.isna(cell) else cell for cell in frame[name].tolist()] for name in frame}
    ours, theirs = Table(frame)(frame), pl.DataFrame(columns, strict=False)  # without pyarrow, which from_pandas needs
    for kind, array in Table(theirs)(theirs).items():
        np.testing.assert_allclose(array, ours[kind], atol=1e-6, err_msg=kind)


def test_arrays_are_tables_too():
    x = np.array([[1.0, np.nan], [2.0, 3.0], [3.0, 4.0]])
    assert Table(x)(x)["numbers"].shape == (3, 2)
    objects = np.array([["a", 1.0], ["b", None], ["a", 2.0]], dtype=object)
    assert {kind: array.shape for kind, array in Table(objects)(objects).items()} == {
        "numbers": (3, 1),
        "flags": (3, 2),
    }
    with pytest.raises(ValueError, match="X has 1 features, but Table is expecting 2"):
        Table(x)(x[:, :1])
    with pytest.raises(ValueError, match="2D"):
        Table(x[0])
    assert Table(np.ones((3, 2)))(np.ones((3, 2)))["flags"].shape == (3, 1)  # nothing varies


def test_columns_go_by_their_names():
    frame, _ = table()
    learned = Table(frame)
    for kind, array in learned(frame[frame.columns[::-1]]).items():
        np.testing.assert_array_equal(array, learned(frame)[kind])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: f.drop(columns=["number", "day"]), ValueError, "missing .* 'number', 'day'"),
        (lambda f: f.rename(columns={"number": "nummer"}), ValueError, "missing .* 'number'"),
        (lambda f: f.assign(extra=1), ValueError, "no such columns .* 'extra'"),
        (lambda f: f.assign(number="abc"), TypeError, "Column 'number' held numbers .* such as 'abc'"),
        (lambda f: f.assign(number=f["number"].astype(str)), TypeError, "Column 'number' held numbers"),
        (lambda f: f.assign(count=f["when"]), TypeError, "Column 'count' held numbers"),
        (lambda f: f.assign(when=3.0), TypeError, "Column 'when' held dates .* float64, such as"),
        (lambda f: f.assign(colour=5), TypeError, "Column 'colour' held text .* int64"),
        (lambda f: f.assign(city=[["a"]] * len(f)), TypeError, "Column 'city' held text"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, error, message):
    frame, _ = table()
    with pytest.raises(error, match=f"{message}"):
        Table(frame)(change(frame))


def test_unknown_categories_count_as_missing():
    frame, _ = table()
    other = frame.assign(colour=["mauve", "red"] * (ROWS // 2), city="nowhere")
    with pytest.warns(
        UserWarning, match="Column '(colour|city)' .* '(mauve|nowhere)' .(100|200) of its rows"
    ) as caught:
        encoded = Table(frame)(other)
    assert len(caught) == 2
    silent = Table(frame, unknown="ignore")(other.assign(city=None))
    np.testing.assert_array_equal(encoded["ids"], 0)
    np.testing.assert_array_equal(encoded["flags"], silent["flags"])
    with pytest.raises(ValueError, match="Column 'colour' holds categories"):
        Table(frame, unknown="error")(other)


def test_tables_of_pyarrow_and_lists_are_tables_too():
    frame, _ = table()
    frame = frame[["number", "colour", "when", "yes"]]
    arrow = pyarrow.Table.from_pandas(frame)
    learned = Table(frame)
    for kind, array in learned(arrow).items():
        np.testing.assert_array_equal(array, learned(frame)[kind])
    lists = [[0.5, "a"], [1.5, "b"], [2.5, "a"]]  # numbers that NumPy makes text of
    assert [type(column).__name__ for column in Table(lists).columns] == ["Numbers", "Categories"]
    with pytest.raises(ValueError, match="0 sample"):
        learned(frame[:0])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": [[1], [2]]}), r"Column 'a' must hold .* such as \[1\]"),
        (pl.DataFrame({"a": [[1], [2]]}), "Column 'a' must hold"),
        (pl.DataFrame({"a": [{"b": 1}, {"b": 2}]}), "Column 'a' must hold"),
        (pd.DataFrame({"a": [1j, 2j]}), "Column 'a' must hold .* dtype complex128"),
    ],
    ids=["lists", "lists of Polars", "structs", "complex"],
)
def test_columns_that_cannot_be_learned_from(frame, message):
    with pytest.raises(TypeError, match=message):
        Table(frame)


def test_two_columns_of_one_name():
    frame = pd.DataFrame(np.ones((3, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match="a name of its own"):
        Table(frame)


# --- estimators ---


@parametrize_with_checks(
    [quick(max_epochs=20, members=1), quick(TabularRegressor, max_epochs=20, members=1)],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "some rows are held out, whatever their weights"
    },
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_a_table_of_everything_is_learned():
    frame, y = table(600)
    other, expected = table(300, seed=1)
    classifier = quick(max_epochs=60, members=4).fit(frame, y)
    assert classifier.score(other, expected) > 0.8
    assert list(classifier.feature_names_in_) == list(frame.columns)
    probabilities = classifier.predict_proba(other)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(other), probabilities)
    with pytest.raises(ValueError, match="'number'"):
        classifier.predict(other.drop(columns="number"))


@pytest.mark.parametrize("numeric_embedding", ["pbld", "piecewise_linear", None])
@pytest.mark.parametrize("members", [1, 3])
def test_networks(numeric_embedding, members):
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    train, test, y_train, y_test = train_test_split(x, y, random_state=0)
    regressor = quick(TabularRegressor, numeric_embedding=numeric_embedding, members=members).fit(train, y_train)
    assert regressor.score(test, y_test) > 0.15
    assert regressor.predict(test * 100).max() <= y_train.max()
    names = [layer.name for layer in regressor.model_.layers]
    assert ("numbers_embedded" in names) == (numeric_embedding is not None)


def test_good_without_any_settings():
    x, y = load_wine(return_X_y=True, as_frame=True)
    assert TabularClassifier(max_epochs=60, random_state=0).fit(x[::2], y[::2]).score(x[1::2], y[1::2]) > 0.93


def test_the_same_seed_gives_the_same_bits():
    x, y = load_wine(return_X_y=True)
    first, second = (quick().fit(x, y).predict_proba(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (quick(random_state=1).fit(x, y).predict_proba(x) != first).any()


def test_the_best_epoch_is_kept():
    x, y = load_diabetes(return_X_y=True)
    regressor = quick(TabularRegressor, max_epochs=60).fit(x[:300], y[:300], X_val=x[300:], y_val=y[300:])
    scores = regressor.history_["val_score"]
    assert len(scores) == regressor.n_iter_ == 60
    losses = regressor.history_["val_loss"]
    means = [np.mean(losses[max(0, at - 1) : at + 1]) for at in range(60)]  # of as many epochs as fit 25 times
    assert regressor.best_epoch_ == np.argmin(means)
    assert regressor.best_score_ == scores[regressor.best_epoch_]
    assert regressor.score(x[300:], y[300:]) >= regressor.best_score_ - 1e-6
    stopped = quick(TabularRegressor, max_epochs=60, patience=3).fit(x, y)
    assert stopped.n_iter_ == stopped.best_epoch_ + 4 < 60


def test_short_trainings_keep_their_best_epoch_too():
    x, y = load_breast_cancer(return_X_y=True)
    classifier = quick(members=1, max_epochs=20, random_state=2).fit(x, y)
    assert classifier.best_epoch_ == np.argmin(classifier.history_["val_loss"])


def test_training_that_crashed_goes_on_with_the_same_bits(tmp_path):
    x, y = load_wine(return_X_y=True)

    def fit(*watching):
        return quick(max_epochs=10, callbacks=watching).fit(x, y)

    def crash(epoch, logs):
        if epoch == 6:
            raise InterruptedError

    whole = fit()
    with pytest.raises(InterruptedError):
        fit(callbacks.BackupAndRestore(tmp_path), callbacks.LambdaCallback(on_epoch_end=crash))
    again = fit(callbacks.BackupAndRestore(tmp_path))
    np.testing.assert_array_equal(again.predict_proba(x), whole.predict_proba(x))
    assert again.history_ == whole.history_
    assert (again.best_epoch_, again.best_score_) == (whole.best_epoch_, whole.best_score_)


def test_probabilities_are_calibrated():
    x, y = load_breast_cancer(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.4, random_state=0, stratify=y)
    losses = []
    for calibrate in (True, False):
        classifier = quick(calibrate=calibrate, label_smoothing=0.3).fit(x, y)
        losses.append(-np.log(classifier.predict_proba(x_test)[np.arange(len(y_test)), y_test]).mean())
        assert (classifier.temperature_ == 1) != calibrate
    assert losses[0] < losses[1]


def test_weights_of_rows_and_classes():
    x, y = load_wine(return_X_y=True)
    by_class = quick(class_weight={0: 5.0, 1: 1.0, 2: 1.0}).fit(x, y)
    by_row = quick().fit(x, y, np.array([5.0, 1.0, 1.0])[y])
    np.testing.assert_array_equal(by_class.predict_proba(x), by_row.predict_proba(x))
    assert np.isfinite(quick(class_weight="balanced").fit(x, y).predict_proba(x)).all()


def test_several_targets():
    x, y = load_diabetes(return_X_y=True)
    regressor = quick(TabularRegressor).fit(x, np.stack([y, -y], axis=1))
    assert regressor.predict(x).shape == (len(x), 2)
    assert regressor.score(x, np.stack([y, -y], axis=1)) > 0.4


def test_importance_names_the_columns(tmp_path):
    frame, y = table(400)
    frame = frame[["count", "number", "colour", "yes"]].rename(columns={"colour": "$colour_{$"})
    classifier = quick().fit(frame, y)
    importance = classifier.importance(frame, y, n_repeats=2)
    assert importance.names[0] == "number"
    assert importance.mean[0] > 0.05
    assert "number" in repr(importance)
    figure = importance.plot().figure
    figure.savefig(tmp_path / "importance.png")
    assert (tmp_path / "importance.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.slow  # it starts processes
def test_among_scikit_learns_tools():
    x, y = load_wine(return_X_y=True, as_frame=True)
    assert cross_val_score(quick(), x, y, cv=3, n_jobs=2).mean() > 0.9
    listener = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)))
    seen = []
    quick(callbacks=[listener], max_epochs=2).fit(x, y)
    assert seen == [["loss", "val_loss", "val_score"]] * 2
    assert clone(quick(members=5)).members == 5


def test_bad_uses():
    x, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match="only one class"):
        quick().fit(x, np.zeros(len(x), int))
    with pytest.raises(ValueError, match="Received: 1 rows without one"):
        quick().fit(x, np.array([None, *map(str, y[1:])], object))
    with pytest.raises(TypeError, match="`y` must hold numbers"):
        quick(TabularRegressor).fit(x, y.astype(str))
    with pytest.raises(ValueError, match="`sample_weight` must not be negative"):
        quick().fit(x, y, -np.ones(len(y)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick().fit(x, y[:-1])
    with pytest.raises(ValueError, match="`y_val` has classes"):
        quick().fit(x, y, X_val=x, y_val=y + 1)
    with pytest.raises(ValueError, match="The 'members' parameter"):
        quick(members=0).fit(x, y)
    with pytest.raises(ValueError, match="Unknown activation"):
        quick(activation="nonsense").fit(x, y)
