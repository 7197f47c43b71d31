"""What does not fit is refused by name, with what was expected and what came; model and arrays stay as they were."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastnn import activations, callbacks, initializers, layers, losses, metrics, optimizers, regularizers
from fastnn.layers import Dense, Dropout, Input
from fastnn.models import Sequential
from fastnn.optimizers import Adam

SAMPLES = 20


def _model(loss: str = "sparse_categorical_crossentropy") -> Sequential:
    model = Sequential([Input((5,)), Dense(7, "tanh"), Dense(3, "softmax")])
    model.set_weights([np.random.default_rng(2).normal(size=v.shape) for v in model.weights])
    model.compile(Adam(0.01), loss, metrics=["accuracy"])
    model.train_on_batch(_x(), _y() if loss.startswith("sparse") else np.eye(3)[_y()])
    return model


def _x() -> NDArray:
    return np.random.default_rng(3).normal(size=(SAMPLES, 5))


def _y() -> NDArray:
    return np.arange(SAMPLES) % 3


def _with(array: NDArray, value: Any, at: Any = -1) -> NDArray:
    array = np.array(array, np.result_type(array, np.float32) if isinstance(value, float) else array.dtype)
    array.flat[at] = value
    return array


def _state(model: Sequential) -> Any:
    """All there is to a model, as far as it can be seen."""
    variables = [(v.path, v.trainable, v.numpy()) for v in model.weights] if model.built else None
    optimizer = [variable.numpy() for variable in model.optimizer.variables] if model.compiled else None
    return model.built, model.compiled, model.get_config(), variables, optimizer


def _assert_equal(one: Any, other: Any) -> None:
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, (list, tuple)):
        assert type(one) is type(other)
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            _assert_equal(a, b)
    else:
        assert one == other


def _refused(model: Sequential, call: Callable[[], Any], error: type[Exception], words: list[str], *given: Any) -> None:
    before, arrays = _state(model), copy.deepcopy(given)
    with pytest.raises(error) as caught:
        call()
    for word in [*words, "Received: "]:
        assert word in str(caught.value), str(caught.value)
    _assert_equal(before, _state(model))
    _assert_equal(list(arrays), list(given))


ROWS = {
    "rank": (lambda: np.zeros((SAMPLES, 5, 2)), ValueError, ["`x`", "5", "(20, 5, 2)"]),
    "vector": (lambda: np.zeros(SAMPLES), ValueError, ["`x`", "5", "(20,)"]),
    "scalar": (lambda: np.float64(3.0), ValueError, ["`x`", "scalar"]),
    "width": (lambda: np.zeros((SAMPLES, 4)), ValueError, ["`x`", "5", "(20, 4)"]),
    "no samples": (lambda: np.zeros((0, 5)), ValueError, ["`x`", "empty", "(0, 5)"]),
    "no features": (lambda: np.zeros((SAMPLES, 0)), ValueError, ["`x`", "empty", "(20, 0)"]),
    "no list": (list, ValueError, ["`x`", "empty"]),
    "ragged list": (lambda: [[1.0, 2.0], [3.0]], ValueError, ["`x`", "list"]),
    "objects": (lambda: np.full((SAMPLES, 5), None), TypeError, ["`x`", "real numbers", "object"]),
    "strings": (lambda: np.full((SAMPLES, 5), "a"), TypeError, ["`x`", "real numbers", "<U1"]),
    "bytes": (lambda: np.full((SAMPLES, 5), b"a"), TypeError, ["`x`", "real numbers", "S1"]),
    "dates": (lambda: np.zeros((SAMPLES, 5), "datetime64[s]"), TypeError, ["`x`", "real numbers", "datetime64"]),
    "complex": (lambda: np.zeros((SAMPLES, 5), complex), TypeError, ["`x`", "real numbers", "complex128"]),
    "a dictionary": (lambda: {"a": 1}, ValueError, ["`x`", "the names", "'a'"]),
}


@pytest.mark.parametrize("use", ["fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"])
@pytest.mark.parametrize("name", ROWS)
def test_inputs(name: str, use: str) -> None:
    make, error, words = ROWS[name]
    model, x, y = _model(), make(), _y()
    arguments = (x,) if use.startswith("predict") else (x, y)
    silent = {} if use.endswith("batch") else {"verbose": 0}
    _refused(model, lambda: getattr(model, use)(*arguments, **silent), error, words, x, y)


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"no list", "ragged list", "a dictionary", "scalar"}))
def test_inputs_of_a_call(name: str) -> None:
    make, error, words = ROWS[name]
    model, x = _model(), make()
    _refused(model, lambda: model(x), error, words, x)


@pytest.mark.parametrize("use", ["fit", "evaluate", "train_on_batch"])
@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: np.zeros(SAMPLES - 1, int), ValueError, ["`x` and `y`", "(20, 5)", "(19,)"]),
        (lambda: np.zeros(0, int), ValueError, ["`y`", "empty", "(0,)"]),
        (lambda: np.zeros((SAMPLES, 3)), ValueError, ["`y`", "one class number", "(20, 3)", "One-hot"]),
        (lambda: np.zeros((SAMPLES, 1, 1), int), ValueError, ["`y`", "(20, 1, 1)"]),
        (lambda: np.full(SAMPLES, "1"), TypeError, ["`y`", "real numbers", "<U1"]),
        (lambda: np.full(SAMPLES, None), TypeError, ["`y`", "real numbers", "object"]),
        (lambda: np.zeros(SAMPLES, complex), TypeError, ["`y`", "real numbers", "complex128"]),
        (lambda: [[1], [2, 3]], ValueError, ["`y`", "list"]),
        (lambda: None, ValueError, ["`y`", "None"]),
        (lambda: _with(_y(), 3), ValueError, ["`y`", "0 to 2", "3"]),
        (lambda: _with(_y(), -1), ValueError, ["`y`", "0 to 2", "-1"]),
        (lambda: _with(_y(), 0.5), ValueError, ["`y`", "0 to 2", "whole"]),
        (lambda: _with(_y(), np.nan), ValueError, ["`y`", "finite", "nan", "[19]"]),
        (lambda: _with(_y(), -np.inf, 3), ValueError, ["`y`", "finite", "-inf", "[3]"]),
    ],
)
def test_class_numbers(make: Callable[[], Any], error: type[Exception], words: list[str], use: str) -> None:
    model, x, y = _model(), _x(), make()
    silent = {} if use.endswith("batch") else {"verbose": 0}
    _refused(model, lambda: getattr(model, use)(x, y, **silent), error, words, x, y)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: np.zeros(SAMPLES), ["`y`", "3", "(20,)", "to_categorical"]),
        (lambda: np.zeros((SAMPLES, 1)), ["`y`", "3", "(20, 1)", "to_categorical"]),
        (lambda: np.zeros((SAMPLES, 4)), ["`y`", "3", "(20, 4)"]),
        (lambda: np.zeros((SAMPLES, 2, 3)), ["`y`", "3", "(20, 2, 3)"]),
        (lambda: _with(np.eye(3)[_y()], np.inf, 4), ["`y`", "finite", "inf", "[1, 1]"]),
    ],
)
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mse"])
def test_targets_like_the_output(make: Callable[[], Any], words: list[str], loss: str) -> None:
    model, x, y = _model(loss), _x(), make()
    _refused(model, lambda: model.fit(x, y, verbose=0), ValueError, words, x, y)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_numbers_that_are_not_finite(value: float, dtype: str) -> None:
    model, x, y = _model(), _with(_x().astype(dtype), value, 42).astype(dtype), _y()
    for use in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.fit(np.asfortranarray(x), y, verbose=0),
        lambda: model.fit(x[::-1][::-1], y, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.train_on_batch(x, y),
    ):
        _refused(model, use, ValueError, ["`x`", "finite", str(value), "[8, 2]", "check_finite"], x, y)
    model.fit(x, y, check_finite=False, verbose=0)  # as whoever asks for it wants it
    assert model.predict(x, verbose=0).shape == (SAMPLES, 3)


@pytest.mark.parametrize("large", [1e39, -1e300, 2.0**128 - 2.0**103])
def test_numbers_that_float32_cannot_hold(large: float) -> None:
    """Finite where they come from, they would be infinite where they go."""
    model, x, y = _model(), _with(_x(), large, 42), _y()
    for given in (x, np.asfortranarray(x), x[::-1][::-1]):
        words = ["`x`", "finite in float32", str(large), "[8, 2]"]
        _refused(model, lambda given=given: model.fit(given, y, verbose=0), ValueError, words, given, y)
    largest = float(np.finfo(np.float32).max)
    model.evaluate(_with(_x(), largest, 42), y, verbose=0)
    wide = Sequential([Input((5,)), Dense(3, "softmax")], dtype="float64")
    wide.compile("sgd", "sparse_categorical_crossentropy")
    wide.fit(_with(_x(), 1e39, 42), y, verbose=0)


@pytest.mark.parametrize("wrong", [3, -1, 0.5, 2**40])
def test_labels_out_of_range_are_refused_with_check_finite_off(wrong: float) -> None:
    model, x, y = _model(), _x(), _with(_y(), wrong)
    for use in (model.fit, model.evaluate):
        call = lambda use=use: use(x, y, check_finite=False, verbose=0)  # noqa: E731
        _refused(model, call, ValueError, ["`y`", "0 to 2"], x, y)


def test_labels_that_leave_their_range_during_training_do_no_harm() -> None:
    model, x, y = _model(), _x(), _y()

    class Meddling(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            y[:] = (2**40, -(2**40), *y[2:])

    model.fit(x, y, callbacks=[Meddling()], verbose=0)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"batch_size": 0}, ValueError, ["`batch_size`", "integer >= 1", "0"]),
        ({"batch_size": -3}, ValueError, ["`batch_size`", "-3"]),
        ({"batch_size": 2.5}, ValueError, ["`batch_size`", "2.5"]),
        ({"batch_size": "32"}, ValueError, ["`batch_size`", "'32'"]),
        ({"batch_size": True}, ValueError, ["`batch_size`", "True"]),
        ({"epochs": 0}, ValueError, ["`epochs`", "integer >= 1", "0"]),
        ({"epochs": -1}, ValueError, ["`epochs`", "-1"]),
        ({"epochs": None}, ValueError, ["`epochs`", "None"]),
        ({"initial_epoch": -1}, ValueError, ["`initial_epoch`", "-1"]),
        ({"verbose": 7}, ValueError, ["`verbose`", "7"]),
        ({"verbose": "loud"}, ValueError, ["`verbose`", "loud"]),
        ({"callbacks": ["early"]}, TypeError, ["`callbacks`", "early"]),
        ({"validation_split": 1.0}, ValueError, ["`validation_split`", "1.0"]),
        ({"validation_split": -0.1}, ValueError, ["`validation_split`", "-0.1"]),
        ({"validation_split": 0.99}, ValueError, ["`validation_split`", "0.99", "20"]),
        ({"validation_split": "half"}, ValueError, ["`validation_split`", "half"]),
        ({"validation_data": np.zeros((3, 5))}, ValueError, ["`validation_data`", "(x, y)", "ndarray"]),
        ({"validation_data": (np.zeros((3, 5)),)}, ValueError, ["`validation_data`", "(x, y)"]),
        ({"validation_data": (np.zeros((3, 4)), np.zeros(3))}, ValueError, ["validation_data", "5", "(3, 4)"]),
        ({"validation_data": (np.zeros((3, 5)), np.zeros(2))}, ValueError, ["validation_data", "(3, 5)", "(2,)"]),
        ({"validation_data": (np.zeros((3, 5)), np.full(3, 3))}, ValueError, ["validation_data", "0 to 2"]),
        ({"validation_data": (np.full((3, 5), np.nan), np.zeros(3))}, ValueError, ["validation_data", "finite"]),
        ({"validation_batch_size": 0}, ValueError, ["`validation_batch_size`", "0"]),
        ({"validation_freq": 0, "validation_split": 0.5}, ValueError, ["`validation_freq`", "0"]),
        ({"validation_freq": "x", "validation_split": 0.5}, ValueError, ["`validation_freq`", "x"]),
        ({"steps_per_epoch": 3}, ValueError, ["`steps_per_epoch`", "3"]),
        ({"sample_weight": np.ones(7)}, ValueError, ["`sample_weight`", "(7,)", "(20,)"]),
        ({"sample_weight": np.ones((SAMPLES, 3))}, ValueError, ["`sample_weight`", "(20, 3)"]),
        ({"sample_weight": np.full(SAMPLES, "a")}, TypeError, ["`sample_weight`", "<U1"]),
        ({"sample_weight": np.full(SAMPLES, np.nan)}, ValueError, ["`sample_weight`", "finite", "nan"]),
        ({"class_weight": [1, 2, 3]}, ValueError, ["`class_weight`", "[1, 2, 3]"]),
        ({"class_weight": {0: "heavy"}}, ValueError, ["`class_weight`", "heavy"]),
        ({"class_weight": {0: np.inf}}, ValueError, ["`class_weight`", "inf"]),
        ({"class_weight": {"first": 1.0}}, ValueError, ["`class_weight`", "'first'"]),
        ({"class_weight": {-1: 1.0}}, ValueError, ["`class_weight`", "-1"]),
        ({"class_weight": {0.5: 1.0}}, ValueError, ["`class_weight`", "0.5"]),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_arguments_of_fit(arguments: dict[str, Any], error: type[Exception], words: list[str]) -> None:
    model, x, y = _model(), _x(), _y()
    given = {"verbose": 0, **arguments}
    _refused(model, lambda: model.fit(x, y, **given), error, words, x, y, *arguments.values())


def test_after_mistakes_training_goes_as_if_there_had_been_none() -> None:
    x, y = _x(), _y()
    mistaken, other = _model(), _model()
    for bad_x, bad_y in ((x[:, :4], y), (x, y[:-1]), (x, np.eye(3)[y]), (_with(x, np.nan), y), (x, _with(y, 7))):
        with pytest.raises(ValueError, match="Received"):
            mistaken.fit(bad_x, bad_y, verbose=0)
    histories = [m.fit(x, y, epochs=3, shuffle=False, verbose=0).history for m in (mistaken, other)]
    assert histories[0] == histories[1]
    _assert_equal(mistaken.get_weights(), other.get_weights())


def test_mistaken_arrays_build_nothing() -> None:
    x, y = _x(), _y()
    model = Sequential([Dense(7, "tanh"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    for bad_x, bad_y in ((x.T, y), (x[:0], y), (x.astype(str), y), (x, y.astype(str)), (x, None)):
        for use in (model.fit, model.evaluate, model.train_on_batch):
            with pytest.raises((ValueError, TypeError), match="Received"):
                use(bad_x, bad_y)
        assert not model.built
    model.fit(x, y, verbose=0)


def test_data_that_only_a_built_model_can_judge_build_nothing_either() -> None:
    x, y = _x(), _y()
    shared = Dense(7, "tanh")
    model = Sequential([shared, layers.BatchNormalization(), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def refused(use: Callable[..., Any], *given: Any, **arguments: Any) -> None:
        with pytest.raises((ValueError, TypeError, MemoryError)):
            use(*given, **arguments)
        assert not model.built
        assert not model.optimizer.built
        assert all(not layer.built and not layer.weights for layer in model.layers)

    for bad_x, bad_y in ((_with(x, np.nan), y), (x, np.eye(3)[y]), (x, _with(y, 3)), (_with(x, 1e39), y)):
        for use in (model.fit, model.evaluate, model.train_on_batch):
            refused(use, bad_x, bad_y)
    for arguments in (
        {"sample_weight": np.ones(3)},
        {"validation_data": (x[:, :3], y)},
        {"class_weight": 3},
        {"validation_split": 2.0},
        {"callbacks": 3},
        {"verbose": 7},
    ):
        refused(model.fit, x, y, **arguments)
    model.trainable = False
    refused(model.fit, x, y, verbose=0)
    model.trainable = True
    model.compile("sgd", "mse")
    many = np.broadcast_to(np.float32(1), (1 << 45, 3))
    refused(model.fit, many, many, batch_size=1 << 45, verbose=0, check_finite=False, shuffle=False)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[:, :2], y, verbose=0)  # as if nothing had been
    assert shared.kernel.shape == (2, 7)


def test_a_model_that_has_trained_stays_as_it_is_when_a_callback_raises() -> None:
    class Breaking(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise ZeroDivisionError

    model = Sequential([Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ZeroDivisionError):
        model.fit(_x(), _y(), callbacks=[Breaking()], verbose=0)
    assert model.built
    assert model.optimizer.iterations == 1


def test_lists_of_one_array_are_the_array() -> None:
    x, y = _x(), _y()
    one, other = _model(), _model()
    one.fit([x], [y], shuffle=False, verbose=0)
    other.fit(x, y, shuffle=False, verbose=0)
    _assert_equal(one.get_weights(), other.get_weights())
    other.fit(x.tolist(), y.tolist(), shuffle=False, verbose=0)


def test_targets_of_another_kind_after_a_mistake() -> None:
    """What "accuracy" means is chosen for the targets that are trained with, not for those that were refused."""
    x, y = _x(), _y()
    model = Sequential([Input((5,)), Dense(3, "softmax")])
    model.compile("adam", "crossentropy", metrics=["accuracy"])
    with pytest.raises(ValueError, match="0 to 2"):
        model.fit(x, y + 1, verbose=0)
    model.fit(x, np.eye(3)[y], verbose=0)
    expected = (model.predict(x, verbose=0).argmax(axis=1) == y).mean()
    assert model.evaluate(x, np.eye(3)[y], verbose=0)[1] == pytest.approx(expected)


def test_before_compile() -> None:
    model, x, y = Sequential([Input((5,)), Dense(3)]), _x(), _y()
    for use in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        _refused(model, lambda use=use: use(x, y), ValueError, ["compile()"], x, y)
    with pytest.raises(ValueError, match=r"compile\(\)"):
        _ = model.optimizer
    model.compile("adam")
    _refused(model, lambda: model.fit(x, y, verbose=0), ValueError, ["loss"], x, y)


def test_before_layers() -> None:
    model = Sequential()
    model.compile("adam", "mse")
    for use in (lambda: model.fit(_x(), _x(), verbose=0), lambda: model.predict(_x(), verbose=0), lambda: model(_x())):
        _refused(model, use, ValueError, ["no layers"])


@pytest.mark.parametrize("freeze", ["model", "layers", "nothing to learn"])
def test_a_frozen_model(freeze: str) -> None:
    x, y = _x(), _y()
    model = _model()
    if freeze == "model":
        model.trainable = False
    elif freeze == "layers":
        for layer in model.layers:
            layer.trainable = False
    else:
        model = Sequential([Input((3,)), Dropout(0.5)])
        model.compile("sgd", "sparse_categorical_crossentropy")
        x = x[:, :3]
    for use in (lambda: model.fit(x, y, verbose=0), lambda: model.train_on_batch(x, y)):
        _refused(model, use, ValueError, ["no trainable weights"], x, y)
    model.predict(x, verbose=0)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: w[:-1], ValueError, ["`weights`", "4 arrays", "3"]),
        (lambda w: [*w, w[0]], ValueError, ["`weights`", "4 arrays", "5"]),
        (lambda w: [*w[:3], w[3][:2]], ValueError, ["`weights`", "bias", "(3,)", "(2,)"]),
        (lambda w: [w[0].T, *w[1:]], ValueError, ["`weights`", "kernel", "(5, 7)", "(7, 5)"]),
        (lambda w: [*w[:3], np.full(3, "a")], TypeError, ["`weights`", "real numbers", "<U1"]),
        (lambda w: [*w[:3], np.full(3, None)], TypeError, ["`weights`", "real numbers", "object"]),
        (lambda w: [*w[:3], np.ones(3, complex)], TypeError, ["`weights`", "real numbers", "complex128"]),
        (lambda w: [*w[:3], [[1], [2, 3]]], ValueError, ["`weights`", "bias"]),
        (lambda w: w[0], ValueError, ["`weights`", "4 arrays"]),
        (lambda w: None, ValueError, ["`weights`", "4 arrays", "NoneType"]),
    ],
)
def test_set_weights(make: Callable[[list], Any], error: type[Exception], words: list[str]) -> None:
    model = _model()
    weights = make([w + 1 for w in model.get_weights()])
    _refused(model, lambda: model.set_weights(weights), error, words)


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda name: Dense(3, name), ("rleu", "relu")),
        (lambda name: layers.Activation(name), ("sofmax", "softmax")),
        (activations.get, ("sigmoyd", "sigmoid")),
        (lambda name: _model().compile("adam", name), ("mean_square_error", "mean_squared_error")),
        (losses.get, ("binary_crosentropy", "binary_crossentropy")),
        (lambda name: _model().compile(name, "mse"), ("adm", "adam")),
        (optimizers.get, ("rmsporp", "rmsprop")),
        (lambda name: _model().compile("adam", "mse", metrics=[name]), ("acuracy", "accuracy")),
        (metrics.get, ("binary_acuracy", "binary_accuracy")),
        (lambda name: Dense(3, kernel_initializer=name), ("glorot_unifrom", "glorot_uniform")),
        (initializers.get, ("he_norml", "he_normal")),
        (lambda name: Dense(3, kernel_regularizer=name), ("l1l3", "l1l2")),
        (regularizers.get, ("L3", "L1")),
    ],
)
def test_unknown_names_come_with_the_nearest(call: Callable[[str], Any], near: tuple[str, str]) -> None:
    wrong, right = near
    with pytest.raises(ValueError, match=f"(?i)unknown.*{right}.*Received: '{wrong}'"):
        call(wrong)


@pytest.mark.parametrize("argument", ["kernel_regularizer", "bias_regularizer", "activity_regularizer"])
def test_regularizers_without_a_gradient(argument: str) -> None:
    """They are refused, for a penalty that is left out in silence is worse than none."""

    class Own(regularizers.Regularizer):
        def __call__(self, x: Any) -> float:
            return 3.0

    for regularizer in (Own(), abs):
        with pytest.raises(NotImplementedError, match=r"L1, L2.*Received: "):
            Sequential([Input((5,)), Dense(3, **{argument: regularizer})])


def test_a_compile_that_fails_leaves_the_last_one() -> None:
    model, x, y = _model(), _x(), _y()
    optimizer = model.optimizer
    for arguments in (
        {"loss": "mean_square_error"},
        {"loss": "mse", "optimizer": "adm"},
        {"loss": "mse", "metrics": ["acuracy"]},
        {"loss": "mse", "metrics": "accuracy"},
        {"loss": 3},
        {"loss": "mse", "optimizer": 3},
        {"loss": "mse", "optimizer": None},
        {"loss": "mse", "metrics": [3]},
    ):
        _refused(model, lambda arguments=arguments: model.compile(**arguments), ValueError, [])
    assert model.optimizer is optimizer
    assert model.loss == "sparse_categorical_crossentropy"
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dense(0), ["`units`", "0"]),
        (lambda: Dense(-2), ["`units`", "-2"]),
        (lambda: Dense(2.5), ["`units`", "2.5"]),
        (lambda: Dense("3"), ["`units`", "'3'"]),
        (lambda: Dense(None), ["`units`", "None"]),
        (lambda: Dense(True), ["`units`", "True"]),
        (lambda: Dense(3, dtype="float16"), ["`dtype`", "float16"]),
        (lambda: Dense(3, dtype="int32"), ["`dtype`", "int32"]),
        (lambda: Dense(3, dtype="nonsense"), ["`dtype`", "nonsense"]),
        (lambda: Dense(3, input_shape=(0,)), ["`input_shape`", "0"]),
        (lambda: Dense(3, input_shape=(2,), input_dim=2), ["`input_shape`", "`input_dim`"]),
        (lambda: Dense(3, name=7), ["`name`", "7"]),
        (lambda: Dropout(1.1), ["`rate`", "1.1"]),
        (lambda: Dropout(-0.1), ["`rate`", "-0.1"]),
        (lambda: Dropout("half"), ["`rate`", "half"]),
        (lambda: layers.Normalization(mean=1.0), ["`mean`", "`variance`"]),
        (lambda: layers.Normalization().adapt(np.zeros((0, 3))), ["`data`", "(0, 3)"]),
        (lambda: layers.Normalization().adapt(np.full((2, 3), "a")), ["`data`", "<U1"]),
        (lambda: Input(), ["`shape`"]),
        (lambda: Input((3, -1)), ["shape", "(3, -1)"]),
        (lambda: Input((2.5,)), ["shape", "(2.5,)"]),
        (lambda: Input("eight"), ["shape", "eight"]),
        (lambda: Input((3,), sparse=True), ["`sparse`", "True"]),
        (lambda: Input((3,), optional=True), ["`optional`", "True"]),
        (lambda: Sequential([Input((4,)), Dense(2)], dtype="float16"), ["`dtype`", "float16"]),
        (lambda: Sequential([Dense(2)]).build((None,)), ["rank"]),
        (lambda: Sequential([Input((4,))]).add(3), ["layers", "3"]),
    ],
)
def test_layers(make: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    for word in [*words, "Received"]:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda v: optimizers.SGD(momentum=v), ["`momentum`", "0 to 1"]),
        (lambda v: Adam(beta_1=v), ["`beta_1`", "0 to 1"]),
        (lambda v: Adam(beta_2=v), ["`beta_2`", "0 to 1"]),
        (lambda v: optimizers.RMSprop(rho=v), ["`rho`", "0 to 1"]),
        (lambda v: optimizers.Lion(beta_2=v), ["`beta_2`", "0 to 1"]),
        (lambda v: Adam(epsilon=-v if v == 2 else v), ["`epsilon`", "at least 0"]),
        (lambda v: optimizers.Adagrad(epsilon=-v if v == 2 else v), ["`epsilon`", "at least 0"]),
        (lambda v: Adam(clipnorm=0 if v in (2, None) else v), ["`clipnorm`", "positive"]),
        (lambda v: Adam(clipvalue=0 if v in (2, None) else v), ["`clipvalue`", "positive"]),
        (lambda v: Adam(global_clipnorm=0 if v in (2, None) else v), ["`global_clipnorm`", "positive"]),
        (lambda v: Adam(weight_decay="0.1" if v in (2, None, -1) else v), ["`weight_decay`", "LearningRateSchedule"]),
    ],
)
@pytest.mark.parametrize("value", ["a", -1, 2, np.nan, None, True])
def test_settings_of_optimizers(make: Callable[[Any], Any], words: list[str], value: Any) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make(value)
    for word in [*words, "Received"]:
        assert word in str(caught.value), str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert Dropout(np.float32(0.5)).rate == 0.5
    optimizer = Adam(np.float32(0.5), beta_1=np.float64(0.5), clipnorm=np.int64(1))
    assert (optimizer.beta_1, optimizer.clipnorm) == (0.5, 1.0)


# --- memory that cannot be had ---


def test_weights_too_large_for_memory() -> None:
    model = Sequential([Input((1 << 10,)), Dense(2, name="first")])
    before = _state(model)
    for units in (1 << 50, 1 << 62):
        with pytest.raises(MemoryError, match=rf"'second/kernel'.*Received: .*{units}"):
            model.add(Dense(units, name="second"))
    assert [layer.name for layer in model.layers] == ["first"]
    _assert_equal(before, _state(model))


def test_batches_too_large_for_memory() -> None:
    """Inputs of 2^44 elements that all lie in one place; a batch of them all would be 2^54 bytes after the layer."""
    x = np.broadcast_to(np.float32(1), (1 << 34, 1 << 10, 1))
    y = np.broadcast_to(np.float32(1), (1 << 34, 1 << 10, 1 << 8))
    model = Sequential([Input((1 << 10, 1)), Dense(1 << 8)])
    model.compile("sgd", "mse")
    before = _state(model)
    for use in (model.fit, model.evaluate):
        with pytest.raises(MemoryError, match="batch_size"):
            use(x, y, batch_size=1 << 34, verbose=0, check_finite=False)
        _assert_equal(before[:4], _state(model)[:4])
    with pytest.raises(MemoryError):
        model.predict(x, verbose=0)
    assert model.predict(x[:1], verbose=0).shape == (1, 1 << 10, 1 << 8)
    model.fit(x[:2], y[:2], verbose=0)


STRUCTURES = [
    ("loss_weights", [["mae"]], "finite numbers"),
    ("loss_weights", {"a": ["mae"]}, "finite numbers"),
    ("loss_weights", "half", "finite numbers"),
    ("loss_weights", [np.nan], "finite numbers"),
    ("loss_weights", np.ones(2), "finite numbers"),
    ("loss", [["mae"]], "losses or names of losses"),
    ("loss", 5, "losses or names of losses"),
    ("loss", {"class_name": 5}, "losses or names of losses"),
    ("metrics", [5], "metrics or names of metrics"),
    ("metrics", [[["mae"]]], "metrics or names of metrics"),
    ("metrics", [["mae"], ["mse"]], "one list for each output"),
    ("weighted_metrics", {"a": {"b": "mse"}}, "metrics or names of metrics"),
]


@pytest.mark.parametrize("argument, given, message", STRUCTURES)
def test_compile_names_the_argument_that_is_of_another_form(argument: str, given: Any, message: str) -> None:
    model = Sequential([layers.Input((3,)), layers.Dense(1, name="a")])
    model.compile("sgd", "mae", metrics=["mse"])
    before = model.get_config(), model._training, [w.copy() for w in model.get_weights()]
    with pytest.raises(ValueError, match=rf"Argument `{argument}` must .*{message}.*Received: {argument}="):
        model.compile("sgd", **{"loss": "mse", argument: given})
    assert (model.get_config(), model._training) == before[:2]
    for w, kept in zip(model.get_weights(), before[2], strict=True):
        np.testing.assert_array_equal(w, kept)
