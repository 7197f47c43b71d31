"""Losses by hand: reductions, weights, options, identifiers, errors. The kernels themselves are checked elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

import reference
from fastnn import losses

ROWS, CLASSES = 7, 4
REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None]
CASES = [
    (losses.MeanSquaredError, {}),
    (losses.MeanAbsoluteError, {}),
    (losses.Huber, {"delta": 0.3}),
    (losses.BinaryCrossentropy, {}),
    (losses.BinaryCrossentropy, {"label_smoothing": 0.2}),
    (losses.BinaryCrossentropy, {"from_logits": True, "label_smoothing": 0.2}),
    (losses.CategoricalCrossentropy, {}),
    (losses.CategoricalCrossentropy, {"label_smoothing": 0.2}),
    (losses.CategoricalCrossentropy, {"from_logits": True, "label_smoothing": 0.2}),
    (losses.SparseCategoricalCrossentropy, {}),
    (losses.SparseCategoricalCrossentropy, {"from_logits": True}),
    (losses.MeanAbsolutePercentageError, {}),
    (losses.MeanSquaredLogarithmicError, {}),
    (losses.LogCosh, {}),
    (losses.Pinball, {"quantiles": 0.8}),
    (losses.Poisson, {}),
    (losses.KLDivergence, {}),
    (losses.CosineSimilarity, {}),
    (losses.Hinge, {}),
    (losses.SquaredHinge, {}),
    (losses.CategoricalHinge, {}),
    (losses.BinaryCrossentropy, {"pos_weight": 3.0}),
    (losses.BinaryCrossentropy, {"pos_weight": [1.0, 2.0, 3.0, 4.0], "from_logits": True}),
    (losses.BinaryFocalCrossentropy, {}),
    (losses.BinaryFocalCrossentropy, {"apply_class_balancing": True, "gamma": 1.5, "from_logits": True}),
    (losses.CategoricalFocalCrossentropy, {"label_smoothing": 0.1}),
    (losses.CategoricalFocalCrossentropy, {"alpha": [0.1, 0.2, 0.3, 0.4], "from_logits": True}),
    (losses.CategoricalGeneralizedCrossEntropy, {"q": 0.7}),
]
FUNCTIONS = {
    losses.MeanSquaredError: losses.mean_squared_error,
    losses.MeanAbsoluteError: losses.mean_absolute_error,
    losses.Huber: losses.huber,
    losses.BinaryCrossentropy: losses.binary_crossentropy,
    losses.CategoricalCrossentropy: losses.categorical_crossentropy,
    losses.SparseCategoricalCrossentropy: losses.sparse_categorical_crossentropy,
    losses.MeanAbsolutePercentageError: losses.mean_absolute_percentage_error,
    losses.MeanSquaredLogarithmicError: losses.mean_squared_logarithmic_error,
    losses.LogCosh: losses.log_cosh,
    losses.Pinball: losses.pinball,
    losses.Poisson: losses.poisson,
    losses.KLDivergence: losses.kl_divergence,
    losses.CosineSimilarity: losses.cosine_similarity,
    losses.Hinge: losses.hinge,
    losses.SquaredHinge: losses.squared_hinge,
    losses.CategoricalHinge: losses.categorical_hinge,
    losses.BinaryFocalCrossentropy: losses.binary_focal_crossentropy,
    losses.CategoricalFocalCrossentropy: losses.categorical_focal_crossentropy,
    losses.CategoricalGeneralizedCrossEntropy: losses.categorical_generalized_cross_entropy,
}


def batch(kind: type, arguments: dict, rng: np.random.Generator, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    if arguments.get("from_logits"):
        y_pred = rng.normal(size=(ROWS, CLASSES)).astype(dtype)
    else:
        y_pred = rng.uniform(0.05, 0.95, size=(ROWS, CLASSES)).astype(dtype)
    classes = rng.integers(0, CLASSES, ROWS)
    if kind.sparse:
        return classes, y_pred
    lifted = 0.5 if kind is losses.MeanAbsolutePercentageError else 0.0  # it divides by the targets
    return np.eye(CLASSES)[classes] + lifted, y_pred


def twin(loss: losses.Loss, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    target = y_true[:, None] if loss.sparse else y_true
    dtype, columns = y_pred.dtype.type, loss.columns
    return np.asarray(reference.loss(loss.kernel, y_pred, target, None, loss.params, 1.0, dtype, columns)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weights", [None, "rows", "column", "scalar"])
@pytest.mark.parametrize("kind, arguments", CASES)
def test_reductions(
    kind: type, arguments: dict, weights: str | None, reduction: str | None, dtype: str, rng: np.random.Generator
) -> None:
    y_true, y_pred = batch(kind, arguments, rng, dtype)
    loss = kind(reduction=reduction, **arguments)
    w = rng.uniform(0.5, 2.0, size=ROWS)
    given = {None: None, "rows": w, "column": w[:, None], "scalar": 3.0}[weights]
    factors = {None: np.ones(ROWS), "rows": w, "column": w, "scalar": np.full(ROWS, 3.0)}[weights]
    values = twin(loss, y_true, y_pred) * factors
    if reduction in ("none", None):
        expected = values[:, None] if weights == "column" else values  # as in Keras
    elif reduction == "sum":
        expected = values.sum()
    elif reduction == "mean_with_sample_weight" and weights is not None:
        expected = values.sum() / (3.0 if weights == "scalar" else w.sum())
    else:
        expected = values.mean()
    result = loss(y_true, y_pred, sample_weight=given)
    assert result.dtype == dtype
    assert np.shape(result) == np.shape(expected)
    np.testing.assert_allclose(result, expected.astype(float), rtol=1e-5 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("kind, arguments", CASES)
def test_function_and_class_agree(kind: type, arguments: dict, rng: np.random.Generator) -> None:
    y_true, y_pred = batch(kind, arguments, rng, "float64")
    values = FUNCTIONS[kind](y_true, y_pred, **arguments)
    assert values.shape == (ROWS,)
    np.testing.assert_array_equal(values, kind(reduction=None, **arguments)(y_true, y_pred))


@pytest.mark.parametrize("kind, arguments", CASES)
def test_gradient(kind: type, arguments: dict, rng: np.random.Generator) -> None:
    y_true, y_pred = batch(kind, arguments, rng, "float64")
    loss = kind(**arguments)
    values, gradient = loss.loss_and_gradient(y_true, y_pred)
    np.testing.assert_array_equal(values, FUNCTIONS[kind](y_true, y_pred, **arguments))
    step = 1e-6
    for column in range(CLASSES):
        shift = step * np.eye(CLASSES)[column]
        above, below = (FUNCTIONS[kind](y_true, y_pred + s, **arguments) for s in (shift, -shift))
        np.testing.assert_allclose(gradient[:, column], (above - below) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [(5, 4, 3), (6,)])
def test_any_rank(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    y_true, y_pred = rng.normal(size=(2, *shape))
    np.testing.assert_allclose(
        losses.mean_squared_error(y_true, y_pred), ((y_true - y_pred) ** 2).mean(axis=-1), rtol=1e-14
    )


def test_axis(rng: np.random.Generator) -> None:
    y_pred = rng.uniform(0.1, 0.9, size=(3, 4, 5))
    y_true = (rng.uniform(size=(3, 4, 5)) > 0.5).astype(float)
    for axis in (0, 1, -2):
        for name in ("binary_crossentropy", "categorical_crossentropy"):
            function = getattr(losses, name)
            moved = function(np.moveaxis(y_true, axis, -1), np.moveaxis(y_pred, axis, -1))
            np.testing.assert_array_equal(function(y_true, y_pred, axis=axis), moved)
    labels = rng.integers(0, 4, size=(3, 5))
    expected = losses.sparse_categorical_crossentropy(labels, np.moveaxis(y_pred, 1, -1))
    np.testing.assert_array_equal(losses.sparse_categorical_crossentropy(labels, y_pred, axis=1), expected)
    np.testing.assert_array_equal(losses.sparse_categorical_crossentropy(labels[:, None], y_pred, axis=1), expected)


@pytest.mark.parametrize("shapes", [((6, 1), (6,)), ((6,), (6, 1)), ((6, 2, 1), (6, 2))])
def test_a_last_axis_of_one_is_forgiven(shapes: tuple, rng: np.random.Generator) -> None:
    y_true, y_pred = (rng.normal(size=shape) for shape in shapes)
    assert losses.MeanSquaredError()(y_true, y_pred) == pytest.approx(np.mean((y_true.ravel() - y_pred.ravel()) ** 2))


def test_layouts_and_dtypes(rng: np.random.Generator) -> None:
    y_true = rng.integers(0, 2, size=(6, 4))
    y_pred = rng.uniform(0.1, 0.9, size=(6, 4))
    expected = losses.binary_crossentropy(y_true, y_pred)
    for given in (np.asfortranarray(y_pred), np.repeat(y_pred, 2, axis=1)[:, ::2], y_pred.astype(">f8")):
        np.testing.assert_array_equal(losses.binary_crossentropy(y_true.astype(bool), given), expected)
    frozen = y_pred.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(losses.binary_crossentropy(y_true.astype("int8"), frozen), expected)
    assert losses.binary_crossentropy(y_true, y_pred.tolist()).dtype == "float32"
    assert losses.MeanSquaredError(dtype="float64")(y_true, y_pred.astype("float32")).dtype == "float64"


def test_fused_kernels() -> None:
    assert losses.BinaryCrossentropy().fused_with == {"sigmoid": "sigmoid_binary_crossentropy"}
    assert losses.CategoricalCrossentropy().fused_with == {"softmax": "softmax_categorical_crossentropy"}
    assert losses.SparseCategoricalCrossentropy().fused_with == {"softmax": "softmax_sparse_categorical_crossentropy"}
    for kind in (
        losses.BinaryCrossentropy,
        losses.CategoricalCrossentropy,
        losses.SparseCategoricalCrossentropy,
        losses.BinaryFocalCrossentropy,
        losses.CategoricalFocalCrossentropy,
    ):
        assert kind(from_logits=True).fused_with == {}
        assert kind(from_logits=True).kernel in kind().fused_with.values()
    assert losses.MeanSquaredError().fused_with == {}


@pytest.mark.parametrize("kind, arguments", CASES)
def test_configuration(kind: type, arguments: dict) -> None:
    loss = kind(reduction="sum", name="mine", **arguments)
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is kind
    assert again.get_config() == loss.get_config()
    assert (again.kernel, again.params, again.name, again.reduction) == (loss.kernel, loss.params, "mine", "sum")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [-1, 2])
def test_a_class_that_is_ignored(reduction: str | None, weighted: bool, ignored: int, rng: np.random.Generator) -> None:
    """The mean is over the rows that count: the loss is that of these rows alone."""
    loss = losses.SparseCategoricalCrossentropy(ignore_class=ignored, reduction=reduction)
    plain = losses.SparseCategoricalCrossentropy(reduction=reduction)
    y_pred = rng.uniform(0.05, 0.95, size=(9, CLASSES))
    y_true = np.array([0, ignored, 1, 3, ignored, 0, 1, ignored, 3])
    weight = rng.uniform(0.5, 2.0, 9) if weighted else None
    kept = y_true != ignored
    alone = plain(y_true[kept], y_pred[kept], weight[kept] if weighted else None)
    if reduction in ("none", None):
        np.testing.assert_allclose(loss(y_true, y_pred, weight)[kept], alone)
        np.testing.assert_array_equal(loss(y_true, y_pred, weight)[~kept], 0)
    else:
        assert loss(y_true, y_pred, weight) == pytest.approx(alone, rel=1e-12)
    assert loss(np.full(3, ignored), y_pred[:3]).sum() == 0
    with pytest.raises(ValueError, match="class numbers"):
        loss([ignored, CLASSES], y_pred[:2])


def test_several_quantiles(rng: np.random.Generator) -> None:
    quantiles = [0.1, 0.5, 0.9]
    y_true, y_pred = rng.normal(size=11), rng.normal(size=(11, 3))
    alone = [losses.pinball(y_true[:, None], y_pred[:, j : j + 1], q) for j, q in enumerate(quantiles)]
    np.testing.assert_allclose(losses.pinball(y_true, y_pred, quantiles), np.mean(alone, axis=0))
    np.testing.assert_allclose(losses.pinball(y_true[:, None], y_pred, quantiles), np.mean(alone, axis=0))
    with pytest.raises(ValueError, match=r"3 columns.*Received: y_pred.shape=\(11, 2\)"):
        losses.pinball(y_true, y_pred[:, :2], quantiles)
    with pytest.raises(ValueError, match=r"\(11, 1\).*Received: y_true.shape=\(11, 3\)"):
        losses.pinball(y_pred, y_pred, quantiles)
    # the least loss is at the quantile
    sample = np.sort(rng.normal(size=99))
    at = [losses.Pinball(0.9)(sample[:, None], np.full((99, 1), x)) for x in sample]
    assert np.argmin(at) == 89


def test_gaussian_negative_log_likelihood(rng: np.random.Generator) -> None:
    y_true, mean, log_variance = rng.normal(size=(3, 11, 2))
    y_pred = np.concatenate([mean, log_variance], axis=1)
    variance = np.exp(log_variance)
    density = np.exp(-((y_true - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    values = losses.gaussian_negative_log_likelihood(y_true, y_pred)
    np.testing.assert_allclose(values, -np.log(density).mean(axis=1))
    loss = losses.GaussianNegativeLogLikelihood()
    assert loss(y_true, y_pred) == pytest.approx(values.mean())
    _, gradient = loss.loss_and_gradient(y_true, y_pred)
    step = 1e-6
    for column in range(4):
        shift = step * np.eye(4)[column]
        above, below = (losses.gaussian_negative_log_likelihood(y_true, y_pred + s) for s in (shift, -shift))
        np.testing.assert_allclose(gradient[:, column], (above - below) / (2 * step), rtol=1e-6, atol=1e-8)
    with pytest.raises(ValueError, match=r"even number of columns.*Received: shape=\(11, 3\)"):
        loss(y_true, y_pred[:, :3])
    with pytest.raises(ValueError, match=r"\(11, 2\).*Received: y_true.shape=\(11, 1\)"):
        loss(y_true[:, :1], y_pred)


@pytest.mark.parametrize("name, value", [("pos_weight", 3.0), ("quantiles", 0.2)])
def test_one_for_each_column_is_one_for_all(name: str, value: float, rng: np.random.Generator) -> None:
    kind = losses.BinaryCrossentropy if name == "pos_weight" else losses.Pinball
    y_true, y_pred = np.ones((5, 1)), rng.uniform(0.1, 0.9, (5, 3))
    many = kind(**{name: [value] * 3})
    assert many(y_true if name == "quantiles" else np.ones((5, 3)), y_pred) == kind(**{name: value})(
        np.ones((5, 3)), y_pred
    )


def test_what_training_refuses() -> None:
    for loss, message in (
        (losses.MeanSquaredError(reduction="none"), "Received: reduction='none'"),
        (losses.CosineSimilarity(axis=1), "Received: axis=1"),
        (losses.BinaryCrossentropy(pos_weight=[1.0, 2.0]), r"Received: an output of shape \('samples', 4, 3\)"),
        (losses.GaussianNegativeLogLikelihood(), r"Received: shape=\(4, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            loss.check_training((4, 3))
    losses.CosineSimilarity(axis=1).check_training((3,))


@pytest.mark.parametrize("name", ["mse", "MSE", "mean_squared_error"])
def test_get_function(name: str) -> None:
    assert losses.get(name) is losses.mean_squared_error
    assert losses.deserialize(losses.serialize(losses.get(name))) is losses.mean_squared_error


@pytest.mark.parametrize(
    "identifier, kind",
    [
        ("mse", losses.MeanSquaredError),
        ("MAE", losses.MeanAbsoluteError),
        ("huber", losses.Huber),
        ("mape", losses.MeanAbsolutePercentageError),
        ("MSLE", losses.MeanSquaredLogarithmicError),
        ("kld", losses.KLDivergence),
        ("logcosh", losses.LogCosh),
        ("log_cosh", losses.LogCosh),
        ("kl_divergence", losses.KLDivergence),
        ("cosine_similarity", losses.CosineSimilarity),
        ("categorical_hinge", losses.CategoricalHinge),
        ("CategoricalFocalCrossentropy", losses.CategoricalFocalCrossentropy),
        ("binary_focal_crossentropy", losses.BinaryFocalCrossentropy),
        ("pinball", losses.Pinball),
        ("bce", losses.BinaryCrossentropy),
        ("binary_crossentropy", losses.BinaryCrossentropy),
        ("categorical_crossentropy", losses.CategoricalCrossentropy),
        ("SparseCategoricalCrossentropy", losses.SparseCategoricalCrossentropy),
        (losses.sparse_categorical_crossentropy, losses.SparseCategoricalCrossentropy),
        (losses.Huber(2.0), losses.Huber),
        (losses.Huber, losses.Huber),
        ({"class_name": "Huber", "config": {"delta": 2.0}}, losses.Huber),
    ],
)
def test_resolve(identifier: object, kind: type) -> None:
    assert type(losses.resolve(identifier, output_width=3, target_width=3)) is kind


@pytest.mark.parametrize("name", ["crossentropy", "ce", "CE"])
def test_crossentropy_that_fits(name: str) -> None:
    assert type(losses.resolve(name, 1, 1)) is losses.BinaryCrossentropy
    assert type(losses.resolve(name, 3, 3)) is losses.CategoricalCrossentropy
    assert type(losses.resolve(name, 3, 1)) is losses.SparseCategoricalCrossentropy
    assert type(losses.resolve(name, 3)) is losses.SparseCategoricalCrossentropy
    assert type(losses.resolve(name, 3, 3, sparse=True)) is losses.SparseCategoricalCrossentropy


def test_nothing_is_nothing() -> None:
    assert losses.get(None) is None
    assert losses.resolve(None, 1) is None


@pytest.mark.parametrize(
    "name, near",
    [
        ("mes", "mse"),
        ("binary_cross_entropy", "binary_crossentropy"),
        ("Hubert", "Huber"),
        ("mean_square_error", "mean_"),
    ],
)
def test_unknown_names(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=rf"Unknown loss name. Did you mean .*{near}.*Received: '{name}'"):
        losses.get(name)
    with pytest.raises(ValueError, match="Unknown loss name"):
        losses.resolve(name, 1)


def test_a_loss_in_python(rng: np.random.Generator) -> None:
    def cubic(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e = y_pred - y_true
        return (np.abs(e) ** 3).sum(axis=-1), 3 * e * np.abs(e)

    loss = losses.resolve(cubic, 3)
    assert isinstance(loss, losses.PythonLoss)
    assert (loss.kernel, loss.name) == (None, "cubic")
    y_true, y_pred = rng.normal(size=(2, 5, 3))
    assert loss(y_true, y_pred) == pytest.approx((np.abs(y_pred - y_true) ** 3).sum(axis=-1).mean())
    values, gradient = loss.loss_and_gradient(y_true.astype("float32"), y_pred.astype("float32"))
    assert (values.dtype, gradient.dtype) == ("float32", "float32")
    with pytest.raises(NotImplementedError):
        losses.serialize(loss)


@pytest.mark.parametrize(
    "returned, message",
    [
        (lambda p: (p**2).sum(-1), "must return a tuple"),
        (lambda p: (p.sum(), p), r"losses of shape \(\)"),
        (lambda p: (p.sum(-1), p[:, :1]), r"gradient of shape \(5, 1\)"),
    ],
)
def test_a_loss_in_python_that_returns_something_else(returned: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"'mine'.*Received: .*{message}|'mine' {message}.*Received"):
        losses.PythonLoss(lambda t, p: returned(p), name="mine")(np.zeros((5, 3)), np.zeros((5, 3)))


def test_a_subclass() -> None:
    class Fourth(losses.Loss):
        def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
            return np.mean((y_pred - y_true) ** 4, axis=-1)

    assert Fourth(name="f")([[0.0]], [[2.0]]) == 16.0
    with pytest.raises(NotImplementedError, match="loss_and_gradient"):
        Fourth().loss_and_gradient([[0.0]], [[2.0]])
    with pytest.raises(NotImplementedError, match="call"):
        losses.Loss()([[0.0]], [[2.0]])


@pytest.mark.parametrize("kind, arguments", CASES)
@pytest.mark.parametrize("shape", [(ROWS + 1, CLASSES), (ROWS, CLASSES + 1), (CLASSES,), (ROWS, 2, CLASSES)])
def test_shapes_that_do_not_fit(kind: type, arguments: dict, shape: tuple[int, ...]) -> None:
    y_true = np.zeros((ROWS, 1) if kind.sparse else (ROWS, CLASSES))
    if kind.sparse and shape == (ROWS, CLASSES + 1):
        return  # one more class is no error
    with pytest.raises(ValueError, match=r"`y_true`.*`y_pred`.*Received: y_true.shape="):
        kind(**arguments)(y_true, np.full(shape, 0.5))


@pytest.mark.parametrize("label", [-1, CLASSES, 1.5, math.nan])
def test_labels_out_of_range(label: float) -> None:
    with pytest.raises(ValueError, match=r"class numbers.*0 to 3.*Received"):
        losses.SparseCategoricalCrossentropy()([0, label], np.full((2, CLASSES), 0.25))


@pytest.mark.parametrize("values", [["a"], [1j], [None]])
def test_what_is_not_a_number(values: list) -> None:
    with pytest.raises(TypeError, match=r"`y_pred` must hold real numbers.*Received"):
        losses.MeanSquaredError()([1.0], values)
    with pytest.raises(TypeError, match=r"`y_true` must hold real numbers.*Received"):
        losses.MeanSquaredError()(values, [1.0])


def test_weights_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"`sample_weight`.*Received: sample_weight.shape=\(4,\)"):
        losses.MeanSquaredError()(np.zeros((3, 2)), np.zeros((3, 2)), sample_weight=np.ones(4))


@pytest.mark.parametrize(
    "kind, arguments, error, name",
    [
        (losses.MeanSquaredError, {"reduction": "average"}, ValueError, "reduction"),
        (losses.MeanSquaredError, {"dtype": "int8"}, ValueError, "dtype"),
        (losses.BinaryCrossentropy, {"label_smoothing": 1.5}, ValueError, "label_smoothing"),
        (losses.CategoricalCrossentropy, {"label_smoothing": -0.1}, ValueError, "label_smoothing"),
        (losses.SparseCategoricalCrossentropy, {"ignore_class": 0.5}, ValueError, "ignore_class"),
        (losses.Pinball, {"quantiles": 1.0}, ValueError, "quantiles"),
        (losses.Pinball, {"quantiles": [0.5, "a"]}, ValueError, "quantiles"),
        (losses.Pinball, {"quantiles": []}, ValueError, "quantiles"),
        (losses.BinaryCrossentropy, {"pos_weight": [[1.0]]}, ValueError, "pos_weight"),
        (losses.BinaryFocalCrossentropy, {"gamma": -1.0}, ValueError, "gamma"),
        (losses.BinaryFocalCrossentropy, {"apply_class_balancing": True, "alpha": 2.0}, ValueError, "alpha"),
        (losses.CategoricalFocalCrossentropy, {"alpha": None}, ValueError, "alpha"),
        (losses.CategoricalGeneralizedCrossEntropy, {"q": 1.0}, ValueError, "q"),
    ],
)
def test_wrong_arguments(kind: type, arguments: dict, error: type, name: str) -> None:
    with pytest.raises(error, match=rf"`{name}`.*Received: {name}="):
        kind(**arguments)
