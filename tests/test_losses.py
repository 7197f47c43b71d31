"""Losses and their gradients, of every kind, against the formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from fastnn import _kernels
from kernel_arrays import REALS, Guarded, assert_close, edges
from reference_losses import BY_COLUMN

LOSSES = list(reference.LOSSES)
FROM_LOGITS = [name for name in LOSSES if name.startswith(("sigmoid_", "softmax_"))]
SPARSE = [name for name in LOSSES if "sparse" in name or "generalized" in name]
SMOOTHED = (
    "binary_crossentropy",
    "sigmoid_binary_crossentropy",
    "categorical_crossentropy",
    "softmax_categorical_crossentropy",
)
PARAMS = {
    "huber": (0.75,),
    "mean_absolute_percentage_error": (0.5,),
    "mean_squared_logarithmic_error": (0.25,),
    "pinball": (0.9,),
    "shared_pinball": (0.9,),
    "poisson": (1e-3,),
    "kl_divergence": (1e-3,),
    "cosine_similarity": (1e-3,),
    "weighted_binary_crossentropy": (0.125, 1e-3, 3.0),
    "sigmoid_weighted_binary_crossentropy": (0.125, 0.0, 3.0),
    "binary_focal_crossentropy": (0.125, 1e-3, 1.5, 0.75),
    "sigmoid_binary_focal_crossentropy": (0.125, 0.0, 1.5, 0.75),
    "categorical_focal_crossentropy": (0.125, 1e-3, 1.5, 0.75),
    "softmax_categorical_focal_crossentropy": (0.125, 0.0, 1.5, 0.75),
    "categorical_generalized_cross_entropy": (0.75,),
    "softmax_categorical_generalized_cross_entropy": (0.75,),
    "sparse_categorical_crossentropy": (1e-3,),
    "binary_crossentropy": (0.125, 1e-3),
    "categorical_crossentropy": (0.125, 1e-3),
    "sigmoid_binary_crossentropy": (0.125,),
    "softmax_categorical_crossentropy": (0.125,),
}

Real = NDArray[np.floating]


def inputs(name: str, m: int, n: int, dtype: type, rng: np.random.Generator) -> tuple[Real, Real]:
    """Predictions and targets such as the loss may meet."""
    if name == "gaussian_negative_log_likelihood":
        half = (n + 1) // 2  # the least that n columns fit into
        return rng.normal(size=(m, 2 * half)).astype(dtype), rng.normal(size=(m, half)).astype(dtype)
    if name == "shared_pinball":
        return rng.normal(size=(m, n)).astype(dtype), rng.normal(size=(m, 1)).astype(dtype)
    if "hinge" in name:
        hot = np.eye(n)[rng.integers(n, size=m)] if "categorical" in name else rng.integers(-1, 2, (m, n))
        return rng.normal(size=(m, n)).astype(dtype), hot.astype(dtype)
    if name in ("poisson", "kl_divergence", "cosine_similarity"):
        return tuple(rng.uniform(0.05, 0.95, (2, m, n)).astype(dtype))
    if "entropy" not in name:
        return rng.normal(size=(m, n)).astype(dtype), rng.normal(size=(m, n)).astype(dtype)
    prediction = rng.normal(scale=3, size=(m, n)) if name in FROM_LOGITS else rng.uniform(0.05, 0.95, (m, n))
    classes = rng.integers(n, size=m)
    if name in SPARSE:
        target = classes[:, None]
    elif "binary" in name:
        target = rng.integers(2, size=(m, n))
    else:
        target = np.eye(n)[classes]
    return prediction.astype(dtype), np.asarray(target, dtype)


def test_every_loss_is_tested() -> None:
    assert sorted(_kernels.loss_names()) == sorted(LOSSES)


@REALS
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("given", [False, True], ids=["default", "params"])
def test_values_and_gradients(name: str, given: bool, dtype: type, rng: np.random.Generator) -> None:
    params = PARAMS.get(name, ()) if given else ()
    lanes = _kernels.lanes(dtype)
    for n in edges(dtype)[1:]:
        for m in (0, 1, lanes - 1, lanes + 1, 2 * lanes + 3):
            prediction, target = inputs(name, m, n, dtype, rng)
            weight = rng.uniform(0.5, 2, m).astype(dtype)
            for w in (None, weight):
                placed = Guarded(prediction, dtype)
                output = Guarded(np.zeros((m, n)), dtype, offset=3) if name in FROM_LOGITS else None
                rows, gradient = _kernels.loss(
                    name, placed.array, target, w, params, scale=0.5, output=None if output is None else output.array
                )
                wanted = reference.loss(name, prediction, target, w, params, 0.5, dtype)
                # the largest terms are logarithms of the clip, and logits
                assert_close(rows, wanted[0], dtype, 8 + n, 8)
                assert_close(gradient, wanted[1], dtype, 32, 0.5 if "binary" in name else 2)
                np.testing.assert_array_equal(placed.array, prediction)
                if output is not None:
                    assert_close(output.array, wanted[2], dtype, 32)
                    output.check()


@REALS
@pytest.mark.parametrize("name", BY_COLUMN)
def test_a_parameter_for_each_column(name: str, dtype: type, rng: np.random.Generator) -> None:
    for n in edges(dtype)[1:]:
        prediction, target = inputs(name, 2 * _kernels.lanes(dtype) + 3, n, dtype, rng)
        columns = rng.uniform(0.1, 0.9, n).astype(dtype)
        rows, gradient = _kernels.loss(name, prediction, target, columns=columns)
        wanted = reference.loss(name, prediction, target, dtype=dtype, columns=columns)
        assert_close(rows, wanted[0], dtype, 8 + n, 8)
        assert_close(gradient, wanted[1], dtype, 32, 2)
        same = _kernels.loss(name, prediction, target, None, (0.0, 0.0, 0.5, 0.5) if "binary" in name else (0.5,) * 4)
        if "focal" not in name:
            for one, other in zip(
                same, _kernels.loss(name, prediction, target, columns=np.full(n, 0.5, dtype)), strict=True
            ):
                np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="columns must have shape"):
        _kernels.loss(name, prediction, target, columns=columns[1:])


@REALS
@pytest.mark.parametrize("name", ["sparse_categorical_crossentropy", "softmax_sparse_categorical_crossentropy"])
@pytest.mark.parametrize("ignored", [0, 2, -1, 255])
def test_rows_of_a_class_that_is_ignored(name: str, ignored: int, dtype: type, rng: np.random.Generator) -> None:
    for n in (3, 40):
        prediction, target = inputs(name, 19, n, dtype, rng)
        target[[3, 11]] = ignored
        params = (0.0, 1.0, ignored)
        output = np.zeros_like(prediction)
        rows, gradient = _kernels.loss(name, prediction, target, None, params, output=output)
        wanted = reference.loss(name, prediction, target, None, params, dtype=dtype)
        assert (rows[target[:, 0] == ignored] == 0).all()
        assert (gradient[target[:, 0] == ignored] == 0).all()
        assert_close(rows, wanted[0], dtype, 8 + n, 8)
        assert_close(gradient, wanted[1], dtype, 32, 2)
        if name in FROM_LOGITS:
            assert_close(output, wanted[2], dtype, 32)


@REALS
def test_focal_at_its_ends(dtype: type) -> None:
    """Right with certainty: nothing to lose, nothing to learn, and no 0 · infinity, whatever gamma is."""
    for gamma in (0.0, 0.5, 1.0, 2.0):
        rows, gradient = _kernels.loss(
            "sigmoid_binary_focal_crossentropy",
            np.array([[800, -800]], dtype),
            np.array([[1, 0]], dtype),
            None,
            (0.0, 0.0, gamma),
        )
        np.testing.assert_array_equal(rows, [0])
        assert (np.abs(gradient) < 1e-15).all()
        rows, gradient = _kernels.loss(
            "softmax_categorical_focal_crossentropy",
            np.array([[800, -800]], dtype),
            np.array([[1, 0]], dtype),
            None,
            (0.0, 0.0, gamma, 1.0),
        )
        np.testing.assert_array_equal(rows, [0])
        assert (np.abs(gradient) < 1e-15).all()
    logits, hot = np.array([[0.3, -1.0, 2.0]], dtype), np.array([[0, 1, 0]], dtype)
    focal = _kernels.loss("softmax_categorical_focal_crossentropy", logits, hot, None, (0.0, 0.0, 0.0, 1.0))
    plain = _kernels.loss("softmax_categorical_crossentropy", logits, hot)
    for one, other in zip(focal, plain, strict=True):  # gamma = 0, alpha = 1
        assert_close(one, other, dtype, 8, 1)


@REALS
def test_more_figures_worked_out_by_hand(dtype: type) -> None:
    def rows(name: str, prediction: list[list[float]], target: list[list[float]], *params: float) -> Real:
        return _kernels.loss(name, np.array(prediction, dtype), np.array(target, dtype), None, params)[0]

    log = math.log
    assert_close(rows("mean_absolute_percentage_error", [[1, 3]], [[2, 4]]), [(50 + 25) / 2], dtype, 4)
    assert_close(rows("mean_squared_logarithmic_error", [[1, 3]], [[3, 3]]), [log(2) ** 2 / 2], dtype, 8)
    assert_close(rows("log_cosh", [[1.0], [-300.0]], [[0], [0]]), [log(math.cosh(1)), 300 - log(2)], dtype, 4)
    assert_close(rows("pinball", [[1, 1]], [[3, 0]], 0.9), [(0.9 * 2 + 0.1 * 1) / 2], dtype, 4)
    assert_close(rows("shared_pinball", [[1, 5]], [[3]], 0.9), [(0.9 * 2 + 0.1 * 2) / 2], dtype, 4)
    assert_close(rows("poisson", [[2.0]], [[3.0]]), [2 - 3 * log(2 + 1e-7)], dtype, 4, 2)
    assert_close(rows("hinge", [[0.5, 0.5]], [[1, -1]]), [(0.5 + 1.5) / 2], dtype, 4)
    assert_close(rows("hinge", [[0.5, 0.5]], [[1, 0]]), [(0.5 + 1.5) / 2], dtype, 4)
    assert_close(rows("squared_hinge", [[0.5, 0.5]], [[1, -1]]), [(0.25 + 2.25) / 2], dtype, 4)
    assert_close(rows("categorical_hinge", [[0.6, 0.4]], [[0, 1]]), [0.6 - 0.4 + 1], dtype, 4)
    assert_close(rows("categorical_hinge", [[0.6, 3.0]], [[0, 1]]), [0], dtype, 4)
    assert_close(rows("kl_divergence", [[0.5, 0.5]], [[0.25, 0.75]]), [log(0.5) / 4 + 0.75 * log(1.5)], dtype, 8, 1)
    assert_close(rows("cosine_similarity", [[3, 4], [0, 0]], [[4, 3], [1, 1]]), [-24 / 25, 0], dtype, 4)
    gauss = (0.5 * log(2 * math.pi), 0.5 * (log(2 * math.pi) + 1 + 4 * math.exp(-1)))
    assert_close(rows("gaussian_negative_log_likelihood", [[1, 0], [3, 1]], [[1], [1]]), gauss, dtype, 8)
    weighted = [-3 * log(0.75)], [-log(0.25)]
    assert_close(rows("weighted_binary_crossentropy", [[0.75]], [[1]], 0, 0, 3), weighted[0], dtype, 8)
    assert_close(rows("weighted_binary_crossentropy", [[0.75]], [[0]], 0, 0, 3), weighted[1], dtype, 8)
    assert_close(rows("binary_focal_crossentropy", [[0.75]], [[1]]), [-log(0.75) / 16], dtype, 16)
    assert_close(rows("binary_focal_crossentropy", [[0.75]], [[0]], 0, 0, 2, 0.25), [-log(0.25) * 27 / 64], dtype, 16)
    assert_close(rows("categorical_focal_crossentropy", [[1, 3]], [[0, 1]]), [-log(0.75) / 64], dtype, 32)
    assert_close(rows("categorical_generalized_cross_entropy", [[0.75, 0.25]], [[1]]), [1], dtype, 8)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n", [1, 2, 10, 19])
def test_gradient_is_the_slope_of_the_loss(name: str, n: int, rng: np.random.Generator) -> None:
    prediction, target = inputs(name, 5, n, np.float64, rng)
    weight = rng.uniform(0.5, 2, 5)
    params = PARAMS.get(name, ())
    _, gradient = _kernels.loss(name, prediction, target, weight, params, scale=0.25)
    step = 1e-6
    for j in range(n):
        ahead, behind = prediction.copy(), prediction.copy()
        ahead[:, j] += step
        behind[:, j] -= step
        above, _ = _kernels.loss(name, ahead, target, weight, params, gradient=False)
        below, _ = _kernels.loss(name, behind, target, weight, params, gradient=False)
        np.testing.assert_allclose(gradient[:, j], 0.25 * (above - below) / (2 * step), rtol=2e-6, atol=2e-9)


@REALS
@pytest.mark.parametrize("name", LOSSES)
def test_a_row_does_not_depend_on_its_neighbours(name: str, dtype: type, rng: np.random.Generator) -> None:
    m = 2 * _kernels.lanes(dtype) + 3
    for n in (1, 3, _kernels.lanes(dtype) + 1):
        prediction, target = inputs(name, m, n, dtype, rng)
        weight = rng.uniform(0.5, 2, m).astype(dtype)
        rows, gradient = _kernels.loss(name, prediction, target, weight)
        for i in range(m):
            here = slice(i, i + 1)
            row, slope = _kernels.loss(name, prediction[here], target[here], weight[here])
            assert row[0] == rows[i]
            np.testing.assert_array_equal(slope[0], gradient[i])


@REALS
@pytest.mark.parametrize("name", LOSSES)
def test_without_gradient_the_losses_are_the_same(name: str, dtype: type, rng: np.random.Generator) -> None:
    for n in (1, 5, 40):
        prediction, target = inputs(name, 9, n, dtype, rng)
        rows, gradient = _kernels.loss(name, prediction, target, gradient=False)
        assert gradient is None
        np.testing.assert_array_equal(rows, _kernels.loss(name, prediction, target)[0])


@REALS
@pytest.mark.parametrize("name", ["categorical_crossentropy", "softmax_categorical_crossentropy"])
def test_a_class_number_is_its_one_hot_row(name: str, dtype: type, rng: np.random.Generator) -> None:
    sparse = name.replace("categorical", "sparse_categorical")
    for n in edges(dtype)[2:]:
        prediction, classes = inputs(sparse, 21, n, dtype, rng)
        for one, other in zip(
            _kernels.loss(name, prediction, reference.one_hot(classes, n).astype(dtype)),
            _kernels.loss(sparse, prediction, classes),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


@REALS
def test_figures_worked_out_by_hand(dtype: type) -> None:
    def rows(name: str, prediction: list[list[float]], target: list[list[float]], *params: float) -> Real:
        return _kernels.loss(name, np.array(prediction, dtype), np.array(target, dtype), None, params)[0]

    p, y = [[0.6, 0.4], [0.4, 0.6]], [[0, 1], [0, 0]]
    assert_close(rows("mean_squared_error", p, y), [0.36, 0.26], dtype, 4)
    assert_close(rows("mean_absolute_error", p, y), [0.6, 0.5], dtype, 4)
    assert_close(rows("huber", p, y, 1.0), [0.18, 0.13], dtype, 4)
    assert_close(rows("huber", p, y, 0.5), [0.5 * 0.6 - 0.125, (0.08 + 0.175) / 2], dtype, 4)
    log = math.log
    assert_close(rows("binary_crossentropy", p, y), [-log(0.4), -(log(0.6) + log(0.4)) / 2], dtype, 8)
    p3 = [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]
    assert_close(rows("categorical_crossentropy", p3, [[0, 1, 0], [0, 0, 1]]), [-log(0.95), -log(0.1)], dtype, 16)
    assert_close(rows("sparse_categorical_crossentropy", p3, [[1], [2]]), [-log(0.95), -log(0.1)], dtype, 16)
    # probabilities need not add up to one: 1, 3 count as 1/4, 3/4
    assert_close(rows("sparse_categorical_crossentropy", [[1, 3]], [[1]]), [-log(0.75)], dtype, 8)
    assert_close(rows("softmax_sparse_categorical_crossentropy", [[0, log(3)]], [[1]]), [-log(0.75)], dtype, 8)
    assert_close(rows("sigmoid_binary_crossentropy", [[log(3)], [log(3)]], [[1], [0]]), [-log(0.75), log(4)], dtype, 8)
    # smoothing by 0.2 makes 0.9 and 0.1 of two classes' targets
    smooth = -0.9 * log(0.75) - 0.1 * log(0.25)
    assert_close(rows("softmax_categorical_crossentropy", [[0, log(3)]], [[0, 1]], 0.2), [smooth], dtype, 8)
    assert_close(rows("sigmoid_binary_crossentropy", [[log(3)]], [[1]], 0.2), [smooth], dtype, 8)


@REALS
@pytest.mark.parametrize("n", [1, 3])
def test_probabilities_are_clipped_and_the_gradient_stops_there(n: int, dtype: type) -> None:
    low = np.finfo(dtype).tiny
    for value, target, inside in [
        (0.0, 1.0, False),
        (1.0, 0.0, False),
        (low, 1.0, False),
        (-1.0, 0.0, False),
        (2.0, 1.0, False),
        (2e-7, 1.0, True),
    ]:
        rows, gradient = _kernels.loss(
            "binary_crossentropy", np.full((2, n), value, dtype), np.full((2, n), target, dtype)
        )
        wanted = reference.loss(
            "binary_crossentropy", np.full((2, n), value, dtype), np.full((2, n), target), dtype=dtype
        )
        assert_close(rows, wanted[0], dtype, 4, 1)  # 1 - p is rounded as a number near 1
        assert np.isfinite(rows).all()
        assert (gradient != 0).all() == inside

    # a wrong answer given with certainty: the loss is that of the clip, and the class itself has no slope
    p = np.array([[1, 0]], dtype)
    rows, gradient = _kernels.loss("categorical_crossentropy", p, np.array([[0, 1]], dtype))
    assert_close(rows, [-math.log(1e-7)], dtype, 4)
    np.testing.assert_array_equal(gradient, [[0, 0]])


@REALS
@pytest.mark.parametrize("n", [1, 2, 40])
def test_large_logits_do_not_overflow(n: int, dtype: type) -> None:
    z = np.zeros((2, n), dtype)
    z[:, 0] = 1000, -1000
    y = np.ones((2, n), dtype)
    rows, gradient = _kernels.loss("sigmoid_binary_crossentropy", z[:, :1].copy(), y[:, :1].copy())
    np.testing.assert_array_equal(rows, [0, 1000])
    np.testing.assert_array_equal(gradient, [[0], [-1]])
    if n > 1:
        rows, gradient = _kernels.loss("softmax_sparse_categorical_crossentropy", z, np.zeros((2, 1), dtype))
        assert_close(rows, [0, 1000 + math.log(n - 1)], dtype, 4)
        np.testing.assert_array_equal(gradient[:, 0], [0, -1])
        rows, gradient = _kernels.loss("softmax_sparse_categorical_crossentropy", z, np.ones((2, 1), dtype))
        assert rows[0] == 1000


@REALS
@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("name", ["softmax_categorical_crossentropy", "softmax_sparse_categorical_crossentropy"])
def test_a_logit_of_minus_infinity_rules_a_class_out(name: str, n: int, dtype: type, rng: np.random.Generator) -> None:
    prediction, target = inputs(name, 6, n, dtype, rng)
    ruled_out = np.concatenate([prediction, np.full((6, 1), -np.inf, dtype)], axis=1)
    wider = target if name in SPARSE else np.concatenate([target, np.zeros((6, 1), dtype)], axis=1)
    rows, gradient = _kernels.loss(name, ruled_out, np.ascontiguousarray(wider))
    wanted = reference.loss(name, prediction, target, dtype=dtype)
    assert_close(rows, wanted[0], dtype, 16, 8)
    assert_close(gradient[:, :n], wanted[1], dtype, 32, 1)
    np.testing.assert_array_equal(gradient[:, n], 0)


@REALS
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n", [1, 3, 40])
def test_nan_spoils_its_row_and_no_other(name: str, n: int, dtype: type, rng: np.random.Generator) -> None:
    prediction, target = inputs(name, 19, n, dtype, rng)
    clean, _ = _kernels.loss(name, prediction, target)
    prediction[7, n // 2] = np.nan
    rows, gradient = _kernels.loss(name, prediction, target)
    assert np.isnan(rows[7])
    assert np.isnan(gradient[7, n // 2])
    others = np.arange(19) != 7
    np.testing.assert_array_equal(rows[others], clean[others])
    assert np.isfinite(gradient[others]).all()


@REALS
def test_targets_that_are_no_distribution(dtype: type, rng: np.random.Generator) -> None:
    for name in ("categorical_crossentropy", "softmax_categorical_crossentropy"):
        for n in (3, 40):
            prediction, _ = inputs(name, 5, n, dtype, rng)
            target = rng.uniform(0, 1, (5, n)).astype(dtype)
            rows, gradient = _kernels.loss(name, prediction, target)
            wanted = reference.loss(name, prediction, target, dtype=dtype)
            assert_close(rows, wanted[0], dtype, 16 + n, 8 * n)
            assert_close(gradient, wanted[1], dtype, 32, n)


@REALS
def test_slope_of_the_absolute_error_at_its_kink(dtype: type) -> None:
    _, gradient = _kernels.loss(
        "mean_absolute_error", np.array([[1, 2, 3]], dtype), np.array([[2, 2, 2]], dtype), scale=3
    )
    np.testing.assert_array_equal(gradient, [[-1, 0, 1]])
