"""Losses: values and gradients, weights, reductions, and each as the loss of a training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beside import DTYPES, close, fastnn, floatx, jax, keras, names_of, together, untried, without_lookups
from steps import Case, check, keras_steps

ROWS, WIDTH = 24, 5
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Targets and predictions of every kind."""
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=2.0, size=(ROWS, WIDTH))
    p = 1 / (1 + np.exp(-rng.normal(scale=2.0, size=(ROWS, WIDTH))))
    p[0, :3] = [0.0, 1.0, 1e-9]  # clipped, as in Keras
    q = softmax(rng.normal(scale=2.0, size=(ROWS, WIDTH)))
    q[1] = [0.0, 1.0, 0.0, 0.0, 0.0]
    labels = rng.integers(0, WIDTH, ROWS)
    return {
        "real": rng.normal(scale=2.0, size=(ROWS, WIDTH)),
        "real_prediction": z,
        "positive": rng.uniform(0.1, 3.0, size=(ROWS, WIDTH)),
        "positive_prediction": rng.uniform(0.1, 3.0, size=(ROWS, WIDTH)),
        "bits": rng.integers(0, 2, (ROWS, WIDTH)).astype(float),
        "signs": rng.choice([-1.0, 1.0], (ROWS, WIDTH)),
        "probabilities": p,
        "one_hot": np.eye(WIDTH)[labels],
        "shares": softmax(rng.normal(size=(ROWS, WIDTH))),
        "distribution": q,
        "inner_distribution": softmax(rng.normal(size=(ROWS, WIDTH))),  # without 0 and 1, where slopes are undefined
        "unnormalized": rng.uniform(0.1, 2.0, size=(ROWS, WIDTH)),
        "labels": labels.astype(float),
        "column": labels.astype(float)[:, None],
    }


# Name of the loss's function -> (kinds of targets and predictions, settings), case by case.
ERRORS = [("real", "real_prediction", {})]
BINARY = [("bits", "probabilities", {}), ("bits", "real_prediction", {"from_logits": True})]
BINARY += [(*kinds, {**given, "label_smoothing": 0.2}) for *kinds, given in BINARY]
CATEGORICAL = [
    ("one_hot", "distribution", {}),
    ("shares", "unnormalized", {}),
    ("one_hot", "real_prediction", {"from_logits": True}),
    ("one_hot", "distribution", {"label_smoothing": 0.2}),
    ("shares", "real_prediction", {"from_logits": True, "label_smoothing": 0.2}),
]
FUNCTIONS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "binary_crossentropy": BINARY,
    "binary_focal_crossentropy": [
        *BINARY,
        ("bits", "probabilities", {"gamma": 3.0, "apply_class_balancing": True, "alpha": 0.4}),
        ("bits", "real_prediction", {"gamma": 1.0, "from_logits": True, "apply_class_balancing": True}),
    ],
    "categorical_crossentropy": CATEGORICAL,
    "categorical_focal_crossentropy": [*CATEGORICAL, ("one_hot", "distribution", {"alpha": 0.5, "gamma": 1.5})],
    "categorical_generalized_cross_entropy": [
        ("labels", "inner_distribution", {"q": 0.5}),
        ("labels", "inner_distribution", {"q": 0.9}),
    ],
    "categorical_hinge": [("one_hot", "real_prediction", {}), ("one_hot", "distribution", {})],
    "cosine_similarity": ERRORS,
    "hinge": [("signs", "real_prediction", {}), ("bits", "real_prediction", {})],
    "huber": [*ERRORS, ("real", "real_prediction", {"delta": 0.3})],
    "kl_divergence": [("shares", "inner_distribution", {}), ("one_hot", "unnormalized", {})],
    "log_cosh": ERRORS,
    "mean_absolute_error": ERRORS,
    "mean_absolute_percentage_error": ERRORS,
    "mean_squared_error": ERRORS,
    "mean_squared_logarithmic_error": [*ERRORS, ("positive", "positive_prediction", {})],
    "poisson": [("positive", "positive_prediction", {})],
    "sparse_categorical_crossentropy": [
        ("labels", "distribution", {}),
        ("column", "unnormalized", {}),
        ("labels", "real_prediction", {"from_logits": True}),
        ("labels", "real_prediction", {"from_logits": True, "ignore_class": 2}),
        ("labels", "distribution", {"ignore_class": 0}),
    ],
    "squared_hinge": [("signs", "real_prediction", {}), ("bits", "real_prediction", {})],
}
CLASSES = {
    "CategoricalGeneralizedCrossEntropy": "categorical_generalized_cross_entropy",
    "KLDivergence": "kl_divergence",
}
CLASSES |= {
    "".join(word.capitalize() for word in name.split("_")): name for name in FUNCTIONS if name not in CLASSES.values()
}
ALIASES = ("mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD")
HERE = without_lookups(names_of("losses", "same", "differs"))
CASES = {
    f"{name}-{target}-{prediction}" + "".join(f"-{k}={v}" for k, v in given.items()): (name, target, prediction, given)
    for name, cases in FUNCTIONS.items()
    if name in HERE
    for target, prediction, given in cases
}


def test_every_loss_has_cases() -> None:
    assert without_lookups(names_of("losses", "same")) == {n for n in (*FUNCTIONS, *CLASSES) if n in HERE}


@pytest.mark.parametrize("name", sorted(set(CLASSES) & HERE))
def test_every_option_has_a_case(name: str) -> None:
    tried = [given for of, _, _, given in CASES.values() if of == CLASSES[name]]
    # Reductions have a test of their own, and so has the axis.
    assert untried(getattr(keras.losses, name), tried, "reduction", "axis") == set()


ALONG = [
    ("binary_crossentropy", "bits", "probabilities", {}),
    ("binary_focal_crossentropy", "bits", "probabilities", {}),
    ("categorical_crossentropy", "one_hot", "distribution", {}),
    ("categorical_focal_crossentropy", "one_hot", "real_prediction", {"from_logits": True}),
    ("cosine_similarity", "real", "real_prediction", {}),
]


@pytest.mark.parametrize(("name", "target", "prediction", "given"), ALONG)
def test_along_another_axis(name: str, target: str, prediction: str, given: dict[str, Any]) -> None:
    y_true, y_pred = (arrays()[each].T.copy() for each in (target, prediction))
    kind = next(kind for kind, of in CLASSES.items() if of == name)
    with floatx("float64"):
        expected = getattr(keras.losses, name)(y_true, y_pred, axis=0, **given)
        whole = getattr(keras.losses, kind)(axis=0, **given)(y_true, y_pred)
    close(getattr(fastnn.losses, name)(y_true, y_pred, axis=0, **given), expected, "float64", 10)
    close(getattr(fastnn.losses, kind)(axis=0, **given)(y_true, y_pred), whole, "float64", 10)


def function(library: Any, case: str) -> Callable:
    name, _, _, given = CASES[case]
    return lambda y_true, y_pred: getattr(library.losses, name)(y_true, y_pred, **given)


def loss(library: Any, case: str, **settings: Any) -> Any:
    name, _, _, given = CASES[case]
    return getattr(library.losses, CLASS_OF[name])(**given, **settings)


# Reductions and weights know nothing of what they reduce: the first case of each loss stands for all.
REDUCED = [next(case for case in CASES if CASES[case][0] == name) for name in {name: 0 for name, *_ in CASES.values()}]
CLASS_OF = {name: kind for kind, name in CLASSES.items()}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What Keras makes of all cases: rows' losses, their gradients, and each reduction, with weights and without."""
    results = {}
    weights = np.random.default_rng(5).uniform(0.0, 2.0, ROWS)
    for dtype in DTYPES:
        data = {kind: array.astype(dtype) for kind, array in arrays().items()}
        with floatx(dtype):

            def of_case(case: str) -> Callable:
                _, target, prediction, _ = CASES[case]
                reduced = {str(each): loss(keras, case, reduction=each) for each in REDUCTIONS}

                def compute(arrays: dict[str, Any], weights: Any) -> Any:
                    y_true, y_pred = arrays[target], arrays[prediction]
                    rows = function(keras, case)(y_true, y_pred)
                    gradient = jax.grad(lambda y: function(keras, case)(y_true, y).sum())(y_pred)
                    if case not in REDUCED:
                        return rows, gradient
                    plain = {each: one(y_true, y_pred) for each, one in reduced.items()}
                    weighted = {each: one(y_true, y_pred, weights) for each, one in reduced.items()}
                    return rows, gradient, plain, weighted

                return compute

            results[dtype] = together({case: of_case(case) for case in CASES}, data, weights.astype(dtype))
    results["weights"] = weights
    return results


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_losses_of_rows_and_their_gradients(case: str, dtype: str, expected: dict[str, Any]) -> None:
    _, target, prediction, _ = CASES[case]
    y_true, y_pred = (arrays()[kind].astype(dtype) for kind in (target, prediction))
    rows, gradient = expected[dtype][case][:2]
    received = function(fastnn, case)(y_true, y_pred)
    assert received.dtype == dtype
    close(received, rows, dtype)
    received, slope = loss(fastnn, case).loss_and_gradient(y_true, y_pred)
    close(received, rows, dtype)
    close(slope, gradient, dtype, 5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", REDUCED)
def test_reductions_and_weights(case: str, dtype: str, expected: dict[str, Any]) -> None:
    _, target, prediction, _ = CASES[case]
    y_true, y_pred = (arrays()[kind].astype(dtype) for kind in (target, prediction))
    _, _, plain, weighted = expected[dtype][case]
    for reduction in REDUCTIONS:
        reduced = loss(fastnn, case, reduction=reduction)
        close(reduced(y_true, y_pred), plain[str(reduction)], dtype)
        close(reduced(y_true, y_pred, expected["weights"].astype(dtype)), weighted[str(reduction)], dtype)


# One model for each case, whose outputs are of the kind that the loss takes.
ACTIVATIONS = {"real_prediction": None, "probabilities": "sigmoid", "distribution": "softmax"}
ACTIVATIONS |= {"inner_distribution": "softmax"}
ACTIVATIONS |= {"positive_prediction": "softplus", "unnormalized": "softplus"}
STEPS = {
    case: Case(
        lambda k, kind=prediction: [k.layers.Dense(4, "tanh"), k.layers.Dense(WIDTH, ACTIVATIONS[kind])],
        x=(ROWS, 3),
        y=arrays(1)[target],
        loss=lambda k, case=case: loss(k, case),
    )
    for case, (_, target, prediction, _) in CASES.items()
}


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    return keras_steps(STEPS, "float64")


@pytest.mark.parametrize("case", STEPS)
def test_a_training_step(case: str, steps: dict[str, Any]) -> None:
    check(STEPS[case], steps[case], "float64")


UNREGISTERED = {"CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"}  # by Keras 3.15


@pytest.mark.parametrize("name", sorted(HERE - {"Loss"} - UNREGISTERED))
def test_identifiers_and_configurations(name: str) -> None:
    theirs, ours = keras.losses.get(name), fastnn.losses.get(name)
    read = fastnn.losses.deserialize(keras.losses.serialize(theirs))
    if name in FUNCTIONS:
        assert ours is read is getattr(fastnn.losses, name)
    else:
        assert type(read) is type(ours) is getattr(fastnn.losses, name)
        assert ours.get_config() == read.get_config()
        assert theirs.get_config().items() <= ours.get_config().items()


@pytest.mark.parametrize(
    "alias", ["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD"]
)
def test_aliases(alias: str) -> None:
    name = keras.losses.get(alias).__name__
    if name in HERE:
        assert fastnn.losses.get(alias).__name__ == name
