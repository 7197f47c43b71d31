"""Metrics by hand: streams of batches, weights, options, identifiers, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import reference
from fastnn import Sequential, layers, losses, metrics

CLASSES = 4
BATCHES = (6, 9, 1)
# class, arguments, kind of targets
CASES = [
    (metrics.Accuracy, {}, "binary"),
    (metrics.BinaryAccuracy, {}, "binary"),
    (metrics.BinaryAccuracy, {"threshold": 0.3}, "binary"),
    (metrics.CategoricalAccuracy, {}, "one-hot"),
    (metrics.SparseCategoricalAccuracy, {}, "labels"),
    (metrics.TopKCategoricalAccuracy, {"k": 2}, "one-hot"),
    (metrics.SparseTopKCategoricalAccuracy, {"k": 2}, "labels"),
    (metrics.MeanSquaredError, {}, "binary"),
    (metrics.MeanAbsoluteError, {}, "binary"),
    (metrics.BinaryCrossentropy, {"label_smoothing": 0.1}, "binary"),
    (metrics.BinaryCrossentropy, {"from_logits": True}, "binary"),
    (metrics.CategoricalCrossentropy, {}, "one-hot"),
    (metrics.CategoricalCrossentropy, {"from_logits": True, "label_smoothing": 0.1}, "one-hot"),
    (metrics.SparseCategoricalCrossentropy, {}, "labels"),
    (metrics.SparseCategoricalCrossentropy, {"from_logits": True}, "labels"),
]
FUNCTIONS = {
    metrics.BinaryAccuracy: metrics.binary_accuracy,
    metrics.BinaryCrossentropy: metrics.binary_crossentropy,
    metrics.CategoricalAccuracy: metrics.categorical_accuracy,
    metrics.CategoricalCrossentropy: metrics.categorical_crossentropy,
    metrics.MeanAbsoluteError: metrics.mean_absolute_error,
    metrics.MeanSquaredError: metrics.mean_squared_error,
    metrics.SparseCategoricalAccuracy: metrics.sparse_categorical_accuracy,
    metrics.SparseCategoricalCrossentropy: metrics.sparse_categorical_crossentropy,
    metrics.SparseTopKCategoricalAccuracy: metrics.sparse_top_k_categorical_accuracy,
    metrics.TopKCategoricalAccuracy: metrics.top_k_categorical_accuracy,
}


def batch(kind: str, rows: int, rng: np.random.Generator, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    y_pred = np.round(rng.uniform(0.05, 0.95, size=(rows, CLASSES)), 2).astype(dtype)
    if kind == "binary":
        return (rng.uniform(size=(rows, CLASSES)) > 0.5).astype(dtype), y_pred
    labels = rng.integers(0, CLASSES, rows)
    return (labels if kind == "labels" else np.eye(CLASSES)[labels]), y_pred


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind, arguments, targets", CASES)
def test_streams(
    kind: type, arguments: dict, targets: str, weighted: bool, dtype: str, rng: np.random.Generator
) -> None:
    metric = kind(**arguments)
    assert metric.result() == 0.0
    for _ in range(2):
        state = np.zeros(2)
        for rows in BATCHES:
            y_true, y_pred = batch(targets, rows, rng, dtype)
            weight = rng.uniform(0.5, 2.0, rows).astype(dtype) if weighted else None
            metric.update_state(y_true, y_pred, sample_weight=weight)
            target = y_true[:, None] if metric.sparse else y_true
            state = reference.metric(metric.kernel, state, y_pred, target, weight, metric.params, np.dtype(dtype).type)
        assert metric.count == pytest.approx(float(state[1]))
        assert isinstance(metric.result(), float)
        assert metric.result() == pytest.approx(float(state[0] / state[1]), rel=1e-5 if dtype == "float32" else 1e-12)
        metric.reset_state()
        assert metric.result() == 0.0


@pytest.mark.parametrize("kind, arguments, targets", [case for case in CASES if case[0] in FUNCTIONS])
def test_functions_agree(kind: type, arguments: dict, targets: str, rng: np.random.Generator) -> None:
    y_true, y_pred = batch(targets, 11, rng)
    values = FUNCTIONS[kind](y_true, y_pred, **arguments)
    assert kind(**arguments)(y_true, y_pred) == pytest.approx(float(np.mean(values, dtype=float)), rel=1e-12)


@pytest.mark.parametrize("kind, arguments, targets", CASES)
def test_a_column_of_weights_and_a_single_weight(
    kind: type, arguments: dict, targets: str, rng: np.random.Generator
) -> None:
    y_true, y_pred = batch(targets, 11, rng)
    weight = rng.uniform(size=11)
    expected = kind(**arguments)(y_true, y_pred, weight)
    assert kind(**arguments)(y_true, y_pred, weight[:, None]) == expected
    assert kind(**arguments)(y_true, y_pred, 2.0) == pytest.approx(kind(**arguments)(y_true, y_pred))
    if targets == "labels":
        assert kind(**arguments)(y_true[:, None], y_pred, weight) == expected


def test_a_class_that_is_ignored(rng: np.random.Generator) -> None:
    """As in Keras: zeros that count, but for sample weights, which become zeros too."""
    y_true, y_pred = batch("labels", 11, rng)
    weight = rng.uniform(size=11)
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1)
    values = np.where(y_true == 1, 0, metrics.sparse_categorical_crossentropy(y_true, y_pred))
    assert metric(y_true, y_pred) == pytest.approx(values.mean())
    metric.reset_state()
    assert metric(y_true, y_pred, weight) == pytest.approx((values * weight).sum() / weight[y_true != 1].sum())


def test_predictions_that_are_sorted_ids(rng: np.random.Generator) -> None:
    y_true, y_pred = batch("labels", 11, rng)
    ids, weight = np.argsort(-y_pred, axis=1), rng.uniform(size=11)
    for w in (None, weight):
        sorted_ids = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
        plain = metrics.SparseTopKCategoricalAccuracy(k=2)
        assert sorted_ids(y_true, ids, w) == pytest.approx(plain(y_true, np.argsort(np.argsort(y_pred)), w))
    assert metrics.deserialize(metrics.serialize(sorted_ids)).from_sorted_ids


def test_root_mean_squared_error(rng: np.random.Generator) -> None:
    y_true, y_pred = batch("binary", 11, rng)
    assert metrics.RootMeanSquaredError()(y_true, y_pred) == pytest.approx(math.sqrt(np.mean((y_true - y_pred) ** 2)))


def test_ranks(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.normal(size=(2, 5, 4, 3))
    weight = rng.uniform(size=(5, 4))
    rows = ((y_true - y_pred) ** 2).mean(axis=-1)
    assert metrics.MeanSquaredError()(y_true, y_pred) == pytest.approx(rows.mean())
    assert metrics.MeanSquaredError()(y_true, y_pred, weight) == pytest.approx((rows * weight).sum() / weight.sum())
    by_sample = np.average(rows.mean(axis=1), weights=weight[:, 0])
    assert metrics.MeanSquaredError()(y_true, y_pred, weight[:, 0]) == pytest.approx(by_sample)


def test_elements_weighed_one_by_one(rng: np.random.Generator) -> None:
    y_true, y_pred = batch("binary", 11, rng)
    weight = rng.uniform(size=(11, CLASSES))
    hits = (y_pred > 0.5) == y_true
    assert metrics.BinaryAccuracy()(y_true, y_pred, weight) == pytest.approx(np.average(hits, weights=weight))
    column = metrics.BinaryAccuracy()
    column.update_state(y_true[:, 0], y_pred[:, 0], weight[:, 0])
    assert column.result() == pytest.approx(np.average(hits[:, 0], weights=weight[:, 0]))
    column.reset_state()
    column.update_state(y_true[:, 0], y_pred[:, 0])
    assert column.count == 11


def test_mean_and_sum() -> None:
    mean, total = metrics.Mean(), metrics.Sum()
    for values, weight in (([1.0, 3.0], None), ([5.0], [3.0]), (2.0, None), ([[1.0, 3.0]], [2.0])):
        mean.update_state(values, sample_weight=weight)
        total.update_state(values, sample_weight=weight)
    assert total.result() == 1 + 3 + 15 + 2 + 8
    assert mean.result() == (1 + 3 + 15 + 2 + 4) / (1 + 1 + 3 + 1 + 2)
    with pytest.raises(ValueError, match=r"`sample_weight`.*Received: sample_weight.shape=\(3,\)"):
        mean.update_state([1.0, 2.0], [1.0, 1.0, 1.0])


def confusion(y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray, thresholds: list) -> np.ndarray:
    """tp, fp, tn, fn at each threshold, by counting."""
    above = y_pred.ravel() > np.asarray(thresholds)[:, None]
    positive, weight = y_true.ravel() != 0, weight.ravel()
    return np.array(
        [
            (weight * (above & positive)).sum(1),
            (weight * (above & ~positive)).sum(1),
            (weight * (~above & ~positive)).sum(1),
            (weight * (~above & positive)).sum(1),
        ]
    )


def riemann(x: np.ndarray, y: np.ndarray, method: str) -> float:
    heights = {"interpolation": (y[1:] + y[:-1]) / 2, "minoring": np.minimum(y[1:], y[:-1])}
    heights["majoring"] = np.maximum(y[1:], y[:-1])
    return float(((x[:-1] - x[1:]) * heights[method]).sum())


@pytest.mark.parametrize("method", ["interpolation", "minoring", "majoring"])
@pytest.mark.parametrize("arguments", [{}, {"num_thresholds": 5}, {"thresholds": [0.1, 0.33, 0.9]}])
@pytest.mark.parametrize("weighted", [False, True])
def test_auc(arguments: dict, method: str, weighted: bool, rng: np.random.Generator) -> None:
    roc = metrics.AUC(curve="ROC", summation_method=method, **arguments)
    pr = metrics.AUC(curve="pr", summation_method=method, **arguments)
    assert roc.result() == pr.result() == 0.0
    counts = np.zeros((4, roc.num_thresholds))
    for rows in BATCHES:
        y_true, y_pred = batch("binary", rows, rng)
        weight = rng.uniform(size=rows) if weighted else None
        for metric in (roc, pr):
            metric.update_state(y_true, y_pred, weight)
        spread = np.broadcast_to(np.ones((rows, 1)) if weight is None else weight[:, None], y_pred.shape)
        counts += confusion(y_true, y_pred, spread, roc.thresholds)
    tp, fp, tn, fn = counts
    assert roc.result() == pytest.approx(riemann(fp / (fp + tn), tp / (tp + fn), method), rel=1e-12)
    if method != "interpolation":
        precision = np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp + fp > 0)
        assert pr.result() == pytest.approx(riemann(tp / (tp + fn), precision, method), rel=1e-12)


def test_auc_of_perfect_and_of_useless_predictions() -> None:
    y_true = np.array([0, 0, 1, 1])
    for curve in ("ROC", "PR"):
        assert metrics.AUC(curve=curve)(y_true, [0.1, 0.2, 0.7, 0.9]) == pytest.approx(1.0, abs=1e-6)
    assert metrics.AUC()(y_true, [0.7, 0.9, 0.1, 0.2]) == 0.0
    assert metrics.AUC()(y_true, [0.5] * 4) == 0.5
    assert metrics.AUC()([1, 1], [0.5, 0.6]) == 0.0  # no negatives, no curve


def test_auc_is_the_chance_that_a_positive_is_above_a_negative(rng: np.random.Generator) -> None:
    y_true = rng.integers(0, 2, 300)
    y_pred = np.clip(0.3 * y_true + 0.7 * rng.uniform(size=300), 0, 1)
    positive, negative = y_pred[y_true == 1], y_pred[y_true == 0]
    exact = np.mean(positive[:, None] > negative)
    assert metrics.AUC(num_thresholds=5000)(y_true, y_pred) == pytest.approx(exact, abs=1e-3)


def test_auc_kernel_and_numpy_agree(rng: np.random.Generator) -> None:
    y_true, y_pred = batch("binary", 50, rng)
    weight = rng.uniform(size=50)
    plain = metrics.AUC()
    assert plain.kernel == "auc"
    weighed = metrics.AUC(label_weights=[1.0] * CLASSES)
    assert weighed.kernel is None
    for metric in (plain, weighed):
        metric.update_state(y_true, y_pred, weight)
        metric.update_state(y_true, y_pred, rng.uniform(size=(50, CLASSES)) if metric is plain else None)
    plain.reset_state()
    weighed.reset_state()
    for metric in (plain, weighed):
        metric.update_state(y_true, y_pred, weight)
    np.testing.assert_allclose(plain.state, weighed.state, rtol=1e-12)
    even = metrics.AUC(thresholds=[0.25, 0.5, 0.75])
    assert (even.kernel, even.params) == ("auc", (5.0,))


def test_auc_of_many_labels(rng: np.random.Generator) -> None:
    y_true, y_pred = batch("binary", 50, rng)
    alone = [metrics.AUC()(y_true[:, j], y_pred[:, j]) for j in range(CLASSES)]
    label_weights = [0.1, 0.2, 0.3, 0.4]
    assert metrics.AUC(multi_label=True)(y_true, y_pred) == pytest.approx(np.mean(alone))
    weighted = metrics.AUC(multi_label=True, num_labels=CLASSES, label_weights=label_weights)
    assert weighted(y_true, y_pred) == pytest.approx(np.dot(alone, label_weights))
    with pytest.raises(ValueError, match=r"4 columns.*Received: 3"):
        weighted.update_state(y_true[:, :3], y_pred[:, :3])


def test_auc_of_logits(rng: np.random.Generator) -> None:
    y_true, y_pred = batch("binary", 50, rng)
    logits = np.log(y_pred / (1 - y_pred))
    expected = metrics.AUC(num_thresholds=6)(y_true, y_pred)
    assert metrics.AUC(num_thresholds=6, from_logits=True)(y_true, logits) == pytest.approx(expected)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"num_thresholds": 1}, "num_thresholds"),
        ({"curve": "RIC"}, "curve"),
        ({"summation_method": "sum"}, "summation_method"),
        ({"thresholds": [0.5, 1.5]}, "thresholds"),
        ({"num_labels": 3}, "num_labels"),
    ],
)
def test_auc_refuses(arguments: dict, name: str) -> None:
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: {name}="):
        metrics.AUC(**arguments)


ALL = [
    *CASES,
    (metrics.RootMeanSquaredError, {}, ""),
    (metrics.Mean, {}, ""),
    (metrics.Sum, {}, ""),
    (metrics.AUC, {"num_thresholds": 9, "curve": "PR", "summation_method": "minoring"}, ""),
    (metrics.AUC, {"thresholds": [0.2, 0.7]}, ""),
    (metrics.AUC, {"multi_label": True, "num_labels": 2, "label_weights": [0.5, 0.5]}, ""),
]


@pytest.mark.parametrize("kind, arguments, targets", ALL)
def test_configuration(kind: type, arguments: dict, targets: str) -> None:
    metric = kind(name="mine", dtype="float64", **arguments)
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is kind
    assert again.get_config() == metric.get_config()
    assert (again.name, again.dtype, again.kernel, again.params) == ("mine", "float64", metric.kernel, metric.params)
    assert again.state.shape == metric.state.shape


def test_state_is_float64_and_stays_where_it_is(rng: np.random.Generator) -> None:
    for kind, arguments, targets in CASES:
        metric = kind(**arguments)
        state = metric.state
        metric.update_state(*batch(targets, 5, rng, "float32"))
        assert metric.state is state
        assert state.dtype == np.float64
        metric.reset_state()
        assert metric.state is state


@pytest.mark.parametrize(
    "identifier, kind",
    [
        ("mse", metrics.MeanSquaredError),
        ("MAE", metrics.MeanAbsoluteError),
        ("bce", metrics.BinaryCrossentropy),
        ("AUC", metrics.AUC),
        ("auc", metrics.AUC),
        ("binary_accuracy", metrics.BinaryAccuracy),
        ("TopKCategoricalAccuracy", metrics.TopKCategoricalAccuracy),
        ("root_mean_squared_error", metrics.RootMeanSquaredError),
        (metrics.AUC, metrics.AUC),
        ({"class_name": "BinaryAccuracy", "config": {"threshold": 0.2}}, metrics.BinaryAccuracy),
    ],
)
def test_get(identifier: object, kind: type) -> None:
    assert type(metrics.get(identifier)) is kind
    resolved = metrics.resolve(identifier, 3, 3)
    assert type(resolved) is kind
    if isinstance(identifier, str):
        assert resolved.name == identifier


@pytest.mark.parametrize(
    "output, target, sparse, accuracy, crossentropy",
    [
        (1, 1, None, metrics.BinaryAccuracy, metrics.BinaryCrossentropy),
        (1, 0, None, metrics.BinaryAccuracy, metrics.BinaryCrossentropy),
        (3, 3, None, metrics.CategoricalAccuracy, metrics.CategoricalCrossentropy),
        (3, 1, None, metrics.SparseCategoricalAccuracy, metrics.SparseCategoricalCrossentropy),
        (3, 0, None, metrics.SparseCategoricalAccuracy, metrics.SparseCategoricalCrossentropy),
        (3, 3, True, metrics.SparseCategoricalAccuracy, metrics.SparseCategoricalCrossentropy),
    ],
)
def test_what_fits(output: int, target: int, sparse: bool | None, accuracy: type, crossentropy: type) -> None:
    for name in ("accuracy", "acc", "Accuracy"):
        metric = metrics.resolve(name, output, target, sparse)
        assert type(metric) is accuracy
        assert metric.name == name
    assert type(metrics.resolve("crossentropy", output, target, sparse)) is crossentropy


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda f: f.__name__)
def test_functions_are_resolved_to_kernels(function: object) -> None:
    metric = metrics.resolve(function, 3, 3)
    assert metric.kernel is not None
    assert metric.name == function.__name__


def test_functions_and_losses_as_metrics(rng: np.random.Generator) -> None:
    y_true, y_pred = batch("binary", 11, rng)

    def Worst(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.abs(y_true - y_pred).max(axis=-1)

    metric = metrics.resolve(Worst, 3, 3)
    assert (metric.name, metric.kernel) == ("worst", None)
    assert metric(y_true, y_pred) == pytest.approx(Worst(y_true, y_pred).mean())
    huber = metrics.resolve(losses.huber, 3, 3)
    assert (huber.kernel, huber.params) == ("huber", (1.0,))
    assert huber(y_true, y_pred) == pytest.approx(losses.huber(y_true, y_pred).mean())
    again = metrics.deserialize(metrics.serialize(metrics.MeanMetricWrapper(losses.huber, name="h", delta=0.5)))
    assert again(y_true, y_pred) == pytest.approx(losses.huber(y_true, y_pred, 0.5).mean())
    loss = metrics.resolve(losses.Huber(0.5), 3, 3)
    assert loss(y_true, y_pred) == pytest.approx(losses.Huber(0.5)(y_true, y_pred))


def test_a_metric_in_python() -> None:
    class Largest(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="largest", dtype="float64")
            self.value = self.add_weight(name="value")

        def update_state(self, y_true: object, y_pred: np.ndarray, sample_weight: object = None) -> None:
            self.value.assign(max(float(self.value), np.max(y_pred)))

        def result(self) -> float:
            return float(self.value)

    metric = Largest()
    assert metric.kernel is None
    assert metric([0.0], [2.0]) == 2.0
    assert metric([0.0], [1.0]) == 2.0
    assert [v.path for v in metric.variables] == ["largest/value"]
    metric.reset_state()
    assert metric.result() == 0.0
    for method in (metrics.Metric().update_state, metrics.Metric().result):
        with pytest.raises(NotImplementedError):
            method()


@pytest.mark.parametrize(
    "name, near", [("acuracy", "accuracy"), ("binary_acc", "binary_accuracy"), ("AUCC", "AUC|auc")]
)
def test_unknown_names(name: str, near: str) -> None:
    for look_up in (metrics.get, lambda name: metrics.resolve(name, 1)):
        with pytest.raises(ValueError, match=rf"Unknown metric name. Did you mean .*({near}).*Received: '{name}'"):
            look_up(name)


def test_bad_input(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="Received: None"):
        metrics.resolve(None, 1)
    with pytest.raises(ValueError, match=r"`y_true`.*`y_pred`.*Received: y_true.shape="):
        metrics.MeanSquaredError().update_state(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"`sample_weight`.*Received: sample_weight.shape=\(4,\)"):
        metrics.MeanSquaredError().update_state(np.zeros((3, 2)), np.zeros((3, 2)), np.ones(4))
    with pytest.raises(ValueError, match=r"class numbers.*Received: 4"):
        metrics.SparseCategoricalAccuracy().update_state([4], np.zeros((1, 4)))
    with pytest.raises(TypeError, match=r"`y_pred` must hold real numbers.*Received"):
        metrics.MeanSquaredError().update_state([1.0], ["a"])
    for k in (0, 1.5, True):
        with pytest.raises(ValueError, match=r"`k`.*Received: k="):
            metrics.TopKCategoricalAccuracy(k=k)
    for axis in (0, -2):
        with pytest.raises(NotImplementedError, match=rf"last axis of predictions. Received: axis={axis} of 2 axes"):
            metrics.CategoricalCrossentropy(axis=axis).update_state(np.eye(3), np.eye(3))
    model = Sequential([layers.Input((2, 3)), layers.Dense(3)])
    model.compile("sgd", "mse", metrics=[metrics.CosineSimilarity(axis=1)])
    with pytest.raises(NotImplementedError, match=r"Received: axis=1 of 3 axes"):
        model.fit(np.ones((4, 2, 3)), np.ones((4, 2, 3)), verbose=0)


def test_the_last_axis_by_its_number() -> None:
    y, p = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    assert metrics.CosineSimilarity(axis=1)(y, p) == metrics.CosineSimilarity()(y, p)
