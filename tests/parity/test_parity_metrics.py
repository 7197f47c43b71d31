"""Metrics: streamed over batches, with weights and without; and their functions."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from beside import close, fastnn, floatx, jax, keras, names_of, together, untried, without_lookups
from test_parity_losses import ALIASES, ROWS, WIDTH
from test_parity_losses import FUNCTIONS as LOSSES
from test_parity_losses import arrays as loss_arrays

BATCHES = 3
KINDS = ("plain", "weighted")


def arrays(seed: int) -> dict[str, np.ndarray]:
    """A batch of targets and predictions of every kind, in float32."""
    rng = np.random.default_rng(seed)
    data = loss_arrays(seed)
    data["bit_column"] = rng.integers(0, 2, (ROWS, 1)).astype(float)
    data["probability_column"] = np.round(rng.uniform(size=(ROWS, 1)), 2)  # ties, and values on thresholds
    data["logit_column"] = rng.normal(size=(ROWS, 1))
    data["classes"] = rng.integers(0, WIDTH, ROWS).astype(float)
    data["sorted_ids"] = np.argsort(-data["distribution"], axis=-1).astype(float)
    data["three"] = np.eye(3)[rng.integers(0, 3, ROWS)]
    data["three_prediction"] = rng.dirichlet(np.ones(3), ROWS)
    return {kind: array.astype("float32") for kind, array in data.items()}


Settings = dict[str, Any]
REAL, REAL_COLUMNS = ("real", "real_prediction"), ("positive", "positive_prediction")
BITS, COLUMN, LOGITS = ("bits", "probabilities"), ("bit_column", "probability_column"), ("bit_column", "logit_column")
ONE_HOT, LABELS, SORTED = ("one_hot", "distribution"), ("labels", "distribution"), ("labels", "sorted_ids")
SIGNS, SHARES, CLASSES = ("signs", "real_prediction"), ("shares", "distribution"), ("labels", "classes")

AT_THRESHOLDS: list[tuple[tuple[str, str], Settings]] = [
    (COLUMN, {}),
    (BITS, {}),
    (COLUMN, {"thresholds": 0.3}),
    (BITS, {"thresholds": [0.2, 0.5, 0.8]}),
]
OF_CLASSES = [
    *AT_THRESHOLDS,
    (ONE_HOT, {"top_k": 2}),
    (ONE_HOT, {"class_id": 1}),
    (ONE_HOT, {"class_id": 0, "top_k": 3}),
]
SCORES: list[tuple[tuple[str, str], Settings]] = [
    (ONE_HOT, {"average": average, "threshold": threshold})
    for average in (None, "micro", "macro", "weighted")
    for threshold in (None, 0.3)
]
ERRORS: list[tuple[tuple[str, str], Settings]] = [(REAL, {}), (REAL_COLUMNS, {})]

CASES_OF: dict[str, list[tuple[tuple[str, str], Settings]]] = {
    "AUC": [
        *((COLUMN, {"curve": curve, "summation_method": how}) for curve in ("ROC", "PR") for how in ("interpolation",)),
        *(
            (COLUMN, {"curve": curve, "summation_method": how})
            for curve in ("ROC", "PR")
            for how in ("minoring", "majoring")
        ),
        (COLUMN, {"num_thresholds": 7}),
        (COLUMN, {"thresholds": [0.1, 0.35, 0.6]}),
        (LOGITS, {"from_logits": True}),
        (BITS, {}),
        (BITS, {"multi_label": True}),
        (BITS, {"multi_label": True, "num_labels": WIDTH, "curve": "PR"}),
        (BITS, {"multi_label": True, "label_weights": [0.1, 0.2, 0.3, 0.4, 0.5]}),
    ],
    "Accuracy": [(CLASSES, {}), (("bits", "one_hot"), {})],
    "BinaryAccuracy": [(BITS, {}), (COLUMN, {"threshold": 0.3})],
    "BinaryCrossentropy": [(BITS, {}), (LOGITS, {"from_logits": True}), (COLUMN, {"label_smoothing": 0.2})],
    "BinaryIoU": [
        (COLUMN, {}),
        (COLUMN, {"target_class_ids": [1], "threshold": 0.3}),
    ],
    "CategoricalAccuracy": [(ONE_HOT, {})],
    "CategoricalCrossentropy": [
        (ONE_HOT, {}),
        (("shares", "real_prediction"), {"from_logits": True, "label_smoothing": 0.1}),
    ],
    "CategoricalHinge": [(ONE_HOT, {})],
    "ConcordanceCorrelation": ERRORS,
    "CosineSimilarity": ERRORS,
    "F1Score": SCORES,
    "FBetaScore": [(kinds, {**given, "beta": 2.0}) for kinds, given in SCORES],
    "FalseNegatives": AT_THRESHOLDS,
    "FalsePositives": AT_THRESHOLDS,
    "Hinge": [(SIGNS, {}), (("bits", "real_prediction"), {})],
    "IoU": [
        (CLASSES, {"num_classes": WIDTH, "target_class_ids": [0, 2]}),
        (CLASSES, {"num_classes": WIDTH, "target_class_ids": [1], "ignore_class": 3}),
        (ONE_HOT, {"num_classes": WIDTH, "target_class_ids": [1, 4], "sparse_y_true": False, "sparse_y_pred": False}),
    ],
    "KLDivergence": [(SHARES, {})],
    "LogCoshError": ERRORS,
    "MeanAbsoluteError": ERRORS,
    "MeanAbsolutePercentageError": ERRORS,
    "MeanIoU": [
        (CLASSES, {"num_classes": WIDTH}),
        (CLASSES, {"num_classes": WIDTH, "ignore_class": 0}),
        (LABELS, {"num_classes": WIDTH, "sparse_y_pred": False}),
        (("one_hot", "classes"), {"num_classes": WIDTH, "sparse_y_true": False}),
    ],
    "MeanMetricWrapper": [(REAL, {"fn": "mean_absolute_error"}), (REAL, {"fn": "huber", "delta": 0.5})],
    "MeanSquaredError": ERRORS,
    "MeanSquaredLogarithmicError": ERRORS,
    "OneHotIoU": [
        (ONE_HOT, {"num_classes": WIDTH, "target_class_ids": [0, 3]}),
        (("one_hot", "classes"), {"num_classes": WIDTH, "target_class_ids": [0, 3], "sparse_y_pred": True}),
        (ONE_HOT, {"num_classes": WIDTH, "target_class_ids": [0, 3], "ignore_class": 1}),
    ],
    "OneHotMeanIoU": [
        (ONE_HOT, {"num_classes": WIDTH, "ignore_class": 2}),
        (("one_hot", "classes"), {"num_classes": WIDTH, "sparse_y_pred": True}),
    ],
    "PearsonCorrelation": ERRORS,
    "Poisson": [(REAL_COLUMNS, {})],
    "Precision": OF_CLASSES,
    "PrecisionAtRecall": [
        (COLUMN, {"recall": 0.5}),
        (COLUMN, {"recall": 0.8, "num_thresholds": 20}),
        (ONE_HOT, {"recall": 0.6, "class_id": 2}),
    ],
    "R2Score": [
        *((REAL, {"class_aggregation": how}) for how in (None, "uniform_average", "variance_weighted_average")),
    ],
    "Recall": OF_CLASSES,
    "RecallAtPrecision": [
        (COLUMN, {"precision": 0.4, "num_thresholds": 20}),
        (ONE_HOT, {"precision": 0.5, "class_id": 1}),
    ],
    "RootMeanSquaredError": ERRORS,
    "SensitivityAtSpecificity": [
        (COLUMN, {"specificity": 0.5}),
        (COLUMN, {"specificity": 0.8, "num_thresholds": 1}),
        (ONE_HOT, {"specificity": 0.5, "class_id": 2}),
    ],
    "SparseCategoricalAccuracy": [(LABELS, {}), (("column", "distribution"), {})],
    "SparseCategoricalCrossentropy": [
        (LABELS, {}),
        (("column", "real_prediction"), {"from_logits": True}),
        (LABELS, {"ignore_class": 1}),
    ],
    "SparseTopKCategoricalAccuracy": [
        (LABELS, {"k": 2}),
        (("column", "distribution"), {}),
        (SORTED, {"k": 2, "from_sorted_ids": True}),
    ],
    "SpecificityAtSensitivity": [
        (COLUMN, {"sensitivity": 0.5}),
        (COLUMN, {"sensitivity": 0.9, "num_thresholds": 30}),
        (ONE_HOT, {"sensitivity": 0.5, "class_id": 2}),
    ],
    "SquaredHinge": [(SIGNS, {}), (("bits", "real_prediction"), {})],
    "TopKCategoricalAccuracy": [(ONE_HOT, {"k": 2}), (("three", "three_prediction"), {})],
    "TrueNegatives": AT_THRESHOLDS,
    "TruePositives": AT_THRESHOLDS,
}
MEANS = ("Mean", "Sum")
HERE = without_lookups(names_of("metrics", "same", "differs"))
CASES = {
    f"{name}-{target}-{prediction}" + "".join(f"-{k}={v}" for k, v in given.items()): (name, target, prediction, given)
    for name, cases in CASES_OF.items()
    if name in HERE
    for (target, prediction), given in cases
}


def make(library: Any, case: str) -> Any:
    name, _, _, given = CASES[case]
    given = {k: getattr(library.losses, v) if k == "fn" else v for k, v in given.items()}
    return getattr(library.metrics, name)(**given)


def test_every_metric_has_cases() -> None:
    classes = {name for name in names_of("metrics", "same", "differs") if name[0].isupper()}
    assert classes == {name for name in (*CASES_OF, *MEANS, "Metric") if name in HERE}


# In batches whose other axis makes rows, sample weights have no place.
ALONG: dict[str, tuple[str, str, Settings]] = {
    "ConcordanceCorrelation": (*REAL, {}),
    "IoU": ("one_hot", "distribution", {"num_classes": WIDTH, "target_class_ids": [1, 2]}),
    "MeanIoU": ("one_hot", "distribution", {"num_classes": WIDTH}),
    "OneHotIoU": ("one_hot", "distribution", {"num_classes": WIDTH, "target_class_ids": [1, 2]}),
    "OneHotMeanIoU": ("one_hot", "distribution", {"num_classes": WIDTH}),
    "PearsonCorrelation": (*REAL, {}),
}


@pytest.mark.parametrize("name", ALONG)
def test_along_another_axis(name: str) -> None:
    target, prediction, given = ALONG[name]
    if name in ("IoU", "MeanIoU"):
        given = {**given, "sparse_y_true": False, "sparse_y_pred": False}
    y_true, y_pred = arrays(0)[target].T.copy(), arrays(0)[prediction].T.copy()
    close(*plain_results(name, {"axis": 0, **given}, y_true, y_pred), "float32", 10)


def plain_results(name: str, given: Settings, y_true: np.ndarray, y_pred: np.ndarray) -> list[np.ndarray]:
    """What the metric says of one batch here and in Keras, called by itself."""
    results = []
    with floatx("float32"):
        for library in (fastnn, keras):
            metric = getattr(library.metrics, name)(**given)
            metric.update_state(y_true, y_pred)
            results.append(np.asarray(metric.result()))
    return results


def test_regressors_are_counted() -> None:  # which Keras cannot compile
    y_true, y_pred = (arrays(0)[kind] for kind in REAL)
    close(*plain_results("R2Score", {"num_regressors": 2}, y_true, y_pred), "float32")


OF_THE_LAST_AXIS = {"CategoricalCrossentropy", "CosineSimilarity", "SparseCategoricalCrossentropy"}


@pytest.mark.parametrize("name", sorted(OF_THE_LAST_AXIS))
def test_another_axis_is_refused_where_losses_make_the_metric(name: str) -> None:
    with pytest.raises(NotImplementedError, match=r"must name the last axis of predictions\. Received: axis=0"):
        getattr(fastnn.metrics, name)(axis=0).update_state(np.ones((3, 3)), np.ones((3, 3)))


@pytest.mark.parametrize("name", sorted(set(CASES_OF) & HERE))
def test_every_option_has_a_case(name: str) -> None:
    tried = [given for of, _, _, given in CASES.values() if of == name]
    aside = {"axis"} if {name} & {*ALONG, *OF_THE_LAST_AXIS} else set()
    assert untried(getattr(keras.metrics, name), tried, "num_regressors") <= aside


def weights(seed: int) -> np.ndarray:
    return np.random.default_rng(100 + seed).uniform(0.0, 2.0, ROWS).astype("float32")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What Keras makes of all cases: the results after each batch, without weights and with them."""
    with floatx("float32"):
        batches = [(arrays(seed), weights(seed)) for seed in range(BATCHES)]
        metrics, states = {}, {}
        for case, (_, target, prediction, _) in CASES.items():
            metrics[case] = metric = make(keras, case)
            shapes = (batches[0][0][target].shape, batches[0][0][prediction].shape)
            if not getattr(metric, "_built", True):  # made at the first batch, which may not be while JAX traces
                metric._build(*(shapes[1:] if isinstance(metric, keras.metrics.AUC) else shapes))
            for kind in KINDS:
                states[case, kind] = [v.value for v in metric.variables]

        @jax.jit
        def one_batch(states: Any, data: Any, weight: Any) -> Any:
            done = {}
            for (case, kind), state in states.items():
                _, target, prediction, _ = CASES[case]
                given = {"sample_weight": weight} if kind == "weighted" else {}
                after = metrics[case].stateless_update_state(state, data[target], data[prediction], **given)
                done[case, kind] = after, metrics[case].stateless_result(after)
            return done

        results: dict[str, Any] = {kind: {case: [] for case in CASES} for kind in KINDS}
        for data, weight in batches:
            done = one_batch(states, data, weight)
            for (case, kind), (after, result) in done.items():
                states[case, kind] = after
                results[kind][case].append(np.asarray(result))
        return results


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_streamed_over_batches(case: str, kind: str, expected: dict[str, Any]) -> None:
    _, target, prediction, _ = CASES[case]
    metric = make(fastnn, case)
    for _ in range(2):  # the same after `reset_state`
        for seed in range(BATCHES):
            data = arrays(seed)
            given = {"sample_weight": weights(seed)} if kind == "weighted" else {}
            metric.update_state(data[target], data[prediction], **given)
            close(metric.result(), expected[kind][case][seed], "float32", 10)
        metric.reset_state()


@pytest.mark.parametrize("name", MEANS)
def test_sums_and_means_of_values(name: str) -> None:
    with floatx("float32"):
        ours, theirs = getattr(fastnn.metrics, name)(), getattr(keras.metrics, name)()
        for seed, given in enumerate(({}, {"sample_weight": weights(1)}, {"sample_weight": 0.5}, {})):
            values = arrays(seed)["real"]
            ours.update_state(values, **given)
            theirs.update_state(values, **given)
            close(ours.result(), theirs.result(), "float32")


FUNCTIONS = {
    "binary_accuracy": [(BITS, {}), (BITS, {"threshold": 0.2})],
    "categorical_accuracy": [(ONE_HOT, {})],
    "concordance_correlation": ERRORS,
    "pearson_correlation": ERRORS,
    "sparse_categorical_accuracy": [(LABELS, {}), (("column", "distribution"), {})],
    "sparse_top_k_categorical_accuracy": [(LABELS, {"k": 2}), (SORTED, {"k": 3, "from_sorted_ids": True})],
    "top_k_categorical_accuracy": [(ONE_HOT, {"k": 2})],
    # The others are the losses, which are held against Keras there.
    **{
        name: [((target, prediction), {}) for target, prediction, given in cases if not given]
        for name, cases in LOSSES.items()
    },
}
FUNCTION_CASES = {
    f"{name}-{number}": (name, target, prediction, given)
    for name, cases in FUNCTIONS.items()
    if name in HERE
    for number, ((target, prediction), given) in enumerate(cases)
}


def test_every_function_has_cases() -> None:
    functions = {name for name in HERE if name[0].islower()}
    assert functions == {name for name, *_ in FUNCTION_CASES.values()}


@pytest.fixture(scope="module")
def function_results() -> dict[str, Any]:
    def function(case: str) -> Any:
        name, target, prediction, given = FUNCTION_CASES[case]
        return lambda data: getattr(keras.metrics, name)(data[target], data[prediction], **given)

    with floatx("float32"):
        return together({case: function(case) for case in FUNCTION_CASES}, arrays(0))


@pytest.mark.parametrize("case", FUNCTION_CASES)
def test_functions(case: str, function_results: dict[str, Any]) -> None:
    name, target, prediction, given = FUNCTION_CASES[case]
    data = arrays(0)
    close(getattr(fastnn.metrics, name)(data[target], data[prediction], **given), function_results[case], "float32")


@pytest.mark.parametrize("name", sorted({name for name, *_ in CASES.values()} - {"MeanMetricWrapper"}))
def test_configurations(name: str) -> None:
    case = next(case for case in CASES if CASES[case][0] == name)
    ours, theirs = make(fastnn, case), make(keras, case)
    read = fastnn.metrics.deserialize(keras.metrics.serialize(theirs))
    assert type(read) is type(ours)
    wanted, received, again = (
        {k: list(v) if isinstance(v, tuple) else v for k, v in each.get_config().items()}
        for each in (theirs, ours, read)
    )
    wanted.pop("dtype")
    if inspect.signature(type(theirs)).parameters["name"].default is None:  # names that are counted
        for config in (wanted, received, again):
            config.pop("name")
    assert {k: received.get(k, "missing") for k in wanted} == wanted
    assert again == received


@pytest.mark.parametrize("alias", [*ALIASES, "rmse", "RMSE", "cosine_similarity"])
def test_aliases(alias: str) -> None:
    try:
        theirs = keras.metrics.get(alias)
    except ValueError:
        return  # fastnn may know more
    name = getattr(theirs, "__name__", type(theirs).__name__)
    if name in HERE:
        ours = fastnn.metrics.get(alias)
        assert getattr(ours, "__name__", type(ours).__name__) == name
