"""Metrics at thresholds, F-scores, intersections over unions, correlations: by counting, in streams, with weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastnn import layers, losses, metrics
from fastnn.models import Sequential

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
COUNTS = (metrics.TruePositives, metrics.FalsePositives, metrics.TrueNegatives, metrics.FalseNegatives)
ALL: list[tuple[type, dict[str, Any]]] = [
    *((kind, {"thresholds": [0.2, 0.7]}) for kind in COUNTS),
    (metrics.Precision, {"top_k": 2, "class_id": 1}),
    (metrics.Recall, {}),
    (metrics.SensitivityAtSpecificity, {"specificity": 0.4, "num_thresholds": 9}),
    (metrics.SpecificityAtSensitivity, {"sensitivity": 0.4}),
    (metrics.PrecisionAtRecall, {"recall": 0.4, "class_id": 0}),
    (metrics.RecallAtPrecision, {"precision": 0.4}),
    (metrics.FBetaScore, {"average": "macro", "beta": 2.0, "threshold": 0.3}),
    (metrics.F1Score, {"average": "weighted"}),
    (metrics.R2Score, {"num_regressors": 2, "class_aggregation": "variance_weighted_average"}),
    (metrics.PearsonCorrelation, {}),
    (metrics.ConcordanceCorrelation, {"axis": 0}),
    (metrics.IoU, {"num_classes": 3, "target_class_ids": [0, 2]}),
    (metrics.BinaryIoU, {"threshold": 0.3}),
    (metrics.MeanIoU, {"num_classes": 3, "ignore_class": 1}),
    (metrics.OneHotIoU, {"num_classes": 3, "target_class_ids": [1]}),
    (metrics.OneHotMeanIoU, {"num_classes": 3}),
    (metrics.CosineSimilarity, {}),
    (metrics.LogCoshError, {}),
]


@pytest.fixture
def data(rng: np.random.Generator) -> Arrays:
    y_true = rng.integers(0, 2, (30, 3)).astype("float32")
    return y_true, np.round(rng.uniform(size=(30, 3)), 2).astype("float32"), rng.uniform(0, 2, 30)


def stream(metric: metrics.Metric, y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None) -> Any:
    for part in (slice(0, 7), slice(7, 30)):
        metric.update_state(y_true[part], y_pred[part], None if weight is None else weight[part])
    return metric.result()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("thresholds", [None, 0.3, [0.7, 0.2], [0.0, 0.25, 0.5, 0.75, 1.0]])
def test_counts(thresholds: Any, weighted: bool, data: Arrays) -> None:
    y_true, y_pred, weight = data
    factors = np.broadcast_to(weight[:, None] if weighted else 1.0, y_true.shape)
    counted = []
    for t in np.atleast_1d(0.5 if thresholds is None else thresholds).astype("float32"):
        above, true = y_pred > t, y_true != 0
        counted.append(
            [(factors * part).sum() for part in (above & true, above & ~true, ~above & ~true, ~above & true)]
        )
    for kind, wanted in zip(COUNTS, np.transpose(counted), strict=True):
        found = stream(kind(thresholds=thresholds), y_true, y_pred, weight if weighted else None)
        np.testing.assert_allclose(found, wanted if np.ndim(found) else wanted[0], rtol=1e-6, atol=1e-9)
    tp, fp, _, fn = np.transpose(counted)
    for kind, wrong in ((metrics.Precision, fp), (metrics.Recall, fn)):
        found = stream(kind(thresholds=thresholds), y_true, y_pred, weight if weighted else None)
        wanted = np.divide(tp, tp + wrong, out=np.zeros_like(tp), where=tp + wrong > 0)
        np.testing.assert_allclose(np.atleast_1d(found), wanted, rtol=1e-6)


def test_the_largest_of_a_row_and_one_class(data: Arrays) -> None:
    y_true, y_pred, _ = data
    top = np.argsort(-y_pred, axis=1, kind="stable")[:, :2]
    chosen = np.zeros_like(y_true)
    np.put_along_axis(chosen, top, 1.0, axis=1)
    hits = (chosen * y_true).sum()
    assert metrics.Precision(top_k=2)(y_true, y_pred) == pytest.approx(hits / 60)
    assert metrics.Recall(top_k=2)(y_true, y_pred) == pytest.approx(hits / y_true.sum())
    alone = metrics.Precision()(y_true[:, 1], y_pred[:, 1])
    assert metrics.Precision(class_id=1)(y_true, y_pred) == pytest.approx(alone)
    with pytest.raises(ValueError, match=r"`class_id`.*Received: y_pred.shape=\(30,\)"):
        metrics.Precision(class_id=1)(y_true[:, 0], y_pred[:, 0])


def test_the_best_where_another_is_good_enough(data: Arrays) -> None:
    y_true, y_pred = data[0][:, 0], data[1][:, 0]
    tp, fp, tn, fn = (kind(thresholds=[i / 19 for i in range(20)])(y_true, y_pred) for kind in COUNTS)
    precision = np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp + fp > 0)
    recall, specificity = tp / (tp + fn), tn / (tn + fp)
    for kind, held, wanted in (
        (metrics.SensitivityAtSpecificity, specificity, recall),
        (metrics.SpecificityAtSensitivity, recall, specificity),
        (metrics.PrecisionAtRecall, recall, precision),
        (metrics.RecallAtPrecision, precision, recall),
    ):
        assert kind(0.5, num_thresholds=20)(y_true, y_pred) == pytest.approx(wanted[held >= 0.5].max(initial=0))
        assert kind(1.0, num_thresholds=1)(y_true, 1 - y_true) == 0.0


def test_f_scores(data: Arrays) -> None:
    y_true, y_pred, _ = data
    precision = np.array([metrics.Precision(0.4, class_id=c)(y_true, y_pred) for c in range(3)])
    recall = np.array([metrics.Recall(0.4, class_id=c)(y_true, y_pred) for c in range(3)])
    scores = 5 * precision * recall / (4 * precision + recall)
    np.testing.assert_allclose(metrics.FBetaScore(None, 2.0, 0.4)(y_true, y_pred), scores, rtol=1e-5)
    assert metrics.FBetaScore("macro", 2.0, 0.4)(y_true, y_pred) == pytest.approx(scores.mean(), rel=1e-5)
    shares = y_true.sum(axis=0) / y_true.sum()
    assert metrics.FBetaScore("weighted", 2.0, 0.4)(y_true, y_pred) == pytest.approx(scores @ shares, rel=1e-5)
    metric = metrics.F1Score()
    metric(y_true, y_pred)
    with pytest.raises(ValueError, match="3 columns"):
        metric(y_true[:, :2], y_pred[:, :2])


def test_intersections_over_unions(rng: np.random.Generator) -> None:
    true, predicted = rng.integers(0, 3, (2, 40))
    shares = [np.mean((true == c)[(true == c) | (predicted == c)] & (predicted == c)[(true == c) | (predicted == c)])
              for c in range(3)]  # fmt: skip
    assert metrics.MeanIoU(3)(true, predicted) == pytest.approx(np.mean(shares), rel=1e-5)
    assert metrics.IoU(3, [1])(true, predicted) == pytest.approx(shares[1], rel=1e-5)
    hot = np.eye(3)
    assert metrics.OneHotMeanIoU(3)(hot[true], hot[predicted]) == pytest.approx(np.mean(shares), rel=1e-5)
    assert metrics.MeanIoU(3)(np.append(true, [7, 0]), np.append(predicted, [0, -1])) == pytest.approx(
        np.mean(shares), rel=1e-5
    )
    with pytest.warns(UserWarning, match="whole numbers"):
        assert metrics.MeanIoU(3)(true, predicted, np.full(40, 0.5)) == 0.0
    assert metrics.MeanIoU(3, dtype="float32")(true, predicted, np.full(40, 0.5)) == pytest.approx(
        np.mean(shares), rel=1e-5
    )


def test_variance_explained(rng: np.random.Generator) -> None:
    y_true, y_pred = rng.normal(size=(2, 30, 3))
    scores = 1 - ((y_true - y_pred) ** 2).sum(axis=0) / ((y_true - y_true.mean(axis=0)) ** 2).sum(axis=0)
    metric = metrics.R2Score(class_aggregation=None)
    np.testing.assert_allclose(stream(metric, y_true, y_pred, None), scores)
    adjusted = metrics.R2Score(num_regressors=2)(y_true, y_pred)
    assert adjusted == pytest.approx(1 - (1 - scores.mean()) * 89 / 87)
    with pytest.warns(UserWarning, match="not adjusted"):
        metrics.R2Score(num_regressors=5)([[1.0], [2.0]], [[1.0], [1.0]])


@pytest.mark.parametrize("kind, arguments", ALL)
def test_configuration_and_reset(kind: type, arguments: dict[str, Any], data: Arrays) -> None:
    metric = kind(name="mine", **arguments)
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is kind
    assert again.get_config() == metric.get_config()
    y_true, y_pred, _ = data
    if kind in (metrics.IoU, metrics.MeanIoU):
        y_pred = np.round(y_pred * 2)
    first = metric(y_true, y_pred)
    metric.reset_state()
    np.testing.assert_array_equal(metric(y_true, y_pred), first)
    np.testing.assert_array_equal(again(y_true, y_pred), first)


@pytest.mark.parametrize(
    "kind, arguments, name",
    [
        (metrics.Precision, {"thresholds": 1.5}, "thresholds"),
        (metrics.Recall, {"thresholds": [0.5, "a"]}, "thresholds"),
        (metrics.SensitivityAtSpecificity, {"specificity": 2.0}, "specificity"),
        (metrics.PrecisionAtRecall, {"recall": 0.5, "num_thresholds": 0}, "num_thresholds"),
        (metrics.FBetaScore, {"average": "mean"}, "average"),
        (metrics.FBetaScore, {"beta": 0.0}, "beta"),
        (metrics.F1Score, {"threshold": 2.0}, "threshold"),
        (metrics.R2Score, {"class_aggregation": "sum"}, "class_aggregation"),
        (metrics.IoU, {"num_classes": 2, "target_class_ids": [2]}, "target_class_ids"),
    ],
)
def test_wrong_arguments(kind: type, arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: {name}="):
        kind(**arguments)


def test_in_training(rng: np.random.Generator) -> None:
    """Kernels and NumPy alike: what `evaluate` finds is what the metric makes of the predictions."""
    x, y = rng.normal(size=(50, 4)), rng.integers(0, 2, (50, 3))
    model = Sequential([layers.Input((4,)), layers.Dense(3, "sigmoid")])
    recall = metrics.Recall(thresholds=[0.3, 0.6], name="recall")
    chosen = [metrics.Precision(name="precision"), recall, metrics.F1Score("macro"), "mse", "hinge"]
    model.compile("sgd", losses.BinaryFocalCrossentropy(), metrics=chosen)
    model.fit(x, y, epochs=2, verbose=0)
    found = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    p = model.predict(x, verbose=0)
    assert found["precision"] == pytest.approx(metrics.Precision()(y, p))
    np.testing.assert_allclose(found["recall"], metrics.Recall(thresholds=[0.3, 0.6])(y, p))
    assert found["f1_score"] == pytest.approx(metrics.F1Score("macro")(y, p))
    assert found["hinge"] == pytest.approx(metrics.Hinge()(y, p), rel=1e-5)
