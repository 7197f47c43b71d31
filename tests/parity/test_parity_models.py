"""How models behave: what methods return, print, name and refuse."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beside import close, fastnn, floatx, keras

ROWS = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 5)).astype("float32")
Y = RNG.integers(0, 3, ROWS)
W = RNG.uniform(0.1, 2.0, ROWS).astype("float32")
START = [RNG.normal(size=shape) for shape in ((5, 4), (4,), (4, 3), (3,))]


def model(library: Any, metrics: Any = ("accuracy",), rate: Any = 0.1, **compiled: Any) -> Any:
    layers = library.layers
    made = library.Sequential(
        [layers.Input((5,)), layers.Dense(4, "relu", name="hidden"), layers.Dense(3, "softmax", name="out")],
        name="small",
    )
    made.set_weights(START)
    made.compile(library.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=list(metrics), **compiled)
    return made


def plain(library: Any) -> Any:
    """The model with its defaults; Keras's is made once, since each new one costs seconds of compilation."""
    if library is fastnn:
        return model(fastnn)
    made = keras_model()
    made.set_weights(START)
    made.optimizer.iterations.assign(0)
    made.optimizer.learning_rate = 0.1
    made.reset_metrics()
    return made


@functools.cache
def keras_model() -> Any:
    return model(keras)


def both(run: Callable) -> tuple[Any, Any]:
    """What `run` returns, or the type of what it raises, given fastnn and given Keras."""
    found = []
    for library in (fastnn, keras):
        with floatx("float32"):
            try:
                found.append(run(library))
            except Exception as error:
                found.append(type(error))
    return found[0], found[1]


def same(received: Any, expected: Any) -> None:
    """Asserts that structures of numbers agree, in their types, keys and order too."""
    if isinstance(expected, dict):
        assert list(received) == list(expected)
        received, expected = list(received.values()), list(expected.values())
    if isinstance(expected, (list, tuple)):
        assert len(received) == len(expected)
        for one, wanted in zip(received, expected, strict=True):
            same(one, wanted)
    elif isinstance(expected, (str, bool, type, type(None))):
        assert received == expected
    else:
        close(received, expected, "float32", 5)


# --- numbers that methods return

FITTED: dict[str, Callable] = {
    "two epochs": lambda m: m.fit(X, Y, epochs=2, shuffle=False, verbose=0).history,
    "numbered epochs": lambda m: m.fit(X, Y, epochs=3, initial_epoch=1, shuffle=False, verbose=0).epoch,
    "class weights": lambda m: m.fit(X, Y, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, shuffle=False, verbose=0).history,
    "a class without a weight": lambda m: m.fit(X, Y, class_weight={0: 3.0}, shuffle=False, verbose=0).history,
    "split, with weights": lambda m: (
        m.fit(X, Y, sample_weight=W, validation_split=0.3, epochs=2, shuffle=False, verbose=0).history
    ),
    "validation data, with weights": lambda m: (
        m.fit(
            X[:30], Y[:30], sample_weight=W[:30], validation_data=(X[30:], Y[30:], W[30:]), shuffle=False, verbose=0
        ).history
    ),
    "validation now and then": lambda m: (
        m.fit(X, Y, validation_data=(X, Y), validation_freq=2, epochs=4, shuffle=False, verbose=0).history
    ),
    "validation in some epochs": lambda m: (
        m.fit(
            X,
            Y,
            validation_data=(X, Y),
            validation_freq=[1, 3],
            validation_batch_size=7,
            epochs=3,
            shuffle=False,
            verbose=0,
        ).history
    ),
    "batches one by one": lambda m: [m.train_on_batch(X[i : i + 10], Y[i : i + 10]) for i in (0, 10, 20)],
    "tests one by one": lambda m: [m.test_on_batch(X[i : i + 10], Y[i : i + 10]) for i in (0, 10, 20)],
    "tests and batches in turn": lambda m: [
        m.train_on_batch(X[:10], Y[:10], return_dict=True),
        m.test_on_batch(X[10:30], Y[10:30], return_dict=True),
        m.reset_metrics(),
        m.train_on_batch(X[:10], Y[:10], class_weight={0: 1.0, 1: 2.0, 2: 0.5}),
        m.test_on_batch(X[:10], Y[:10], sample_weight=W[:10]),
        m.evaluate(X, Y, verbose=0),
        m.evaluate(X, Y, sample_weight=W, batch_size=7, verbose=0, return_dict=True),
    ],
    "predictions": lambda m: [
        m.predict(X, verbose=0),
        m.predict(X, batch_size=7, verbose=0),
        m.predict_on_batch(X[:3]),
    ],
    "called": lambda m: [np.asarray(m(X)), np.asarray(m(X, training=True))],
}


@pytest.mark.parametrize("what", FITTED)
def test_numbers(what: str) -> None:
    same(*both(lambda k: FITTED[what](plain(k))))


def several(k: Any) -> list[Any]:
    return [
        "accuracy",
        "sparse_categorical_crossentropy",
        "acc",
        k.metrics.SparseTopKCategoricalAccuracy(k=2),
        k.metrics.SparseTopKCategoricalAccuracy(k=1, name="first"),
        k.metrics.SparseCategoricalAccuracy(),
    ]


def test_metrics_are_named_as_in_keras() -> None:
    def run(k: Any) -> Any:
        fitted = model(k, several(k), weighted_metrics=["accuracy", k.metrics.SparseCategoricalAccuracy(name="w")])
        history = fitted.fit(X, Y, sample_weight=W, validation_split=0.25, shuffle=False, verbose=0).history
        return [history, fitted.evaluate(X, Y, verbose=0, return_dict=True)]

    same(*both(run))


def test_evaluation_returns_a_number_or_a_list_or_a_dictionary() -> None:
    def run(k: Any) -> Any:
        unmeasured, measured = model(k, ()), plain(k)
        results = [unmeasured.evaluate(X, Y, verbose=0), measured.evaluate(X, Y, verbose=0)]
        results += [unmeasured.train_on_batch(X, Y), measured.train_on_batch(X, Y, return_dict=True)]
        return [*results, *(type(each) for each in (results[0], results[1], results[1][0], results[2]))]

    ours, theirs = both(run)
    same(ours[:4], [float(each) if np.ndim(each) == 0 and not isinstance(each, dict) else each for each in theirs[:4]])
    assert ours[4:7] == theirs[4:7]


def test_what_compile_takes_without_effect_changes_nothing() -> None:
    def run(k: Any) -> Any:
        made = model(k, steps_per_execution=2, jit_compile=True, auto_scale_loss=False)
        return made.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0).history

    same(*both(run))


# --- callbacks


def history_with(*callbacks: Callable, epochs: int = 6, rate: Any = None, **fitted: Any) -> Callable:
    def run(k: Any) -> Any:
        made = plain(k) if rate is None else model(k, rate=rate(k) if callable(rate) else rate)
        history = made.fit(
            X, Y, epochs=epochs, shuffle=False, verbose=0, callbacks=[make(k.callbacks) for make in callbacks], **fitted
        )
        return [history.history, history.epoch, float(made.optimizer.learning_rate), made.get_weights()]

    return run


CALLBACKS: dict[str, Callable] = {
    "EarlyStopping": history_with(lambda c: c.EarlyStopping("loss", min_delta=0.2, patience=1), epochs=9),
    "EarlyStopping that restores": history_with(
        lambda c: c.EarlyStopping("val_loss", min_delta=0.3, patience=2, restore_best_weights=True, start_from_epoch=1),
        epochs=9,
        validation_split=0.25,
    ),
    "EarlyStopping below a baseline": history_with(lambda c: c.EarlyStopping("loss", baseline=0.1, patience=2)),
    "EarlyStopping of what grows": history_with(
        lambda c: c.EarlyStopping("accuracy", mode="max", restore_best_weights=True)
    ),
    "EarlyStopping that never stops": history_with(
        lambda c: c.EarlyStopping("loss", patience=50, restore_best_weights=True), epochs=3
    ),
    "ReduceLROnPlateau": history_with(lambda c: c.ReduceLROnPlateau("loss", factor=0.3, patience=1, min_delta=0.5)),
    "ReduceLROnPlateau that cools down": history_with(
        lambda c: c.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.9, cooldown=2, min_lr=0.03),
        epochs=9,
        validation_split=0.25,
    ),
    "LearningRateScheduler": history_with(lambda c: c.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))),
    "LearningRateScheduler of the rate": history_with(
        lambda c: c.LearningRateScheduler(lambda epoch, rate: rate * 0.7)
    ),
    "a schedule": history_with(rate=lambda k: k.optimizers.schedules.ExponentialDecay(0.2, 3, 0.5), batch_size=10),
    "TerminateOnNaN": history_with(lambda c: c.TerminateOnNaN(), rate=float("1e30")),
}


@pytest.mark.parametrize("what", CALLBACKS)
def test_callbacks(what: str) -> None:
    ours, theirs = both(CALLBACKS[what])
    if what == "TerminateOnNaN":
        assert ours[1] == theirs[1]
        return
    same(ours, theirs)


def test_callbacks_hear_the_same_in_the_same_order() -> None:
    def run(k: Any) -> Any:
        heard: list[Any] = []

        class Listener(k.callbacks.Callback):
            pass

        def hook(name: str) -> Callable:
            def call(self: Any, *args: Any, **kwargs: Any) -> None:
                where = [each for each in args if isinstance(each, int)]
                logs = next((each for each in args if isinstance(each, dict)), None)
                heard.append((name, *where, sorted(logs or {})))

            return call

        for name in dir(k.callbacks.Callback):
            if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end"):
                setattr(Listener, name, hook(name))
        listener = Listener()
        made = plain(k)
        made.fit(X, Y, batch_size=20, epochs=2, validation_data=(X[:10], Y[:10]), verbose=0, callbacks=[listener])
        made.evaluate(X[:10], Y[:10], verbose=0, callbacks=[listener])
        made.predict(X, batch_size=20, verbose=0, callbacks=[listener])
        return heard, {key: listener.params[key] for key in sorted(listener.params)}

    (ours, params), (theirs, wanted) = both(run)
    assert ours == theirs
    assert params == wanted


# --- what is printed


def printed(run: Callable) -> Callable:
    def lines(k: Any) -> list[str]:
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            run(k)
        shown = re.sub(r"\x1b\[\d*m", "", text.getvalue())
        ends = [re.split(r"[\r\x08]+", line)[-1] for line in shown.splitlines()]  # what is left on the screen
        ends = [re.sub(r"(?<![\w.])\d+(?:s|ms|us)(?:/(?:step|epoch))?\b", "T", line) for line in ends]
        return [re.sub(r"\s+", " ", line).strip() for line in ends if line.strip()]

    return lines


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_the_lines_of_fit_and_evaluate(verbose: Any) -> None:
    def run(k: Any) -> None:
        made = plain(k)
        made.fit(X, Y, batch_size=10, epochs=2, validation_split=0.25, shuffle=False, verbose=verbose)
        made.evaluate(X, Y, verbose=verbose)
        made.predict(X, verbose=verbose)

    ours, theirs = both(printed(run))
    assert ours == theirs
    assert bool(ours) == (verbose != 0)


@pytest.mark.parametrize("given", [{"verbose": 1}, {"verbose": 0}])
def test_the_lines_of_callbacks(given: dict[str, int]) -> None:
    def run(k: Any) -> None:
        callbacks = [
            k.callbacks.EarlyStopping("loss", min_delta=1.0, patience=3, restore_best_weights=True, **given),
            k.callbacks.ReduceLROnPlateau("loss", factor=0.5, min_delta=1.0, patience=1, **given),
        ]
        plain(k).fit(X, Y, epochs=6, shuffle=False, verbose=0, callbacks=callbacks)
        schedule = k.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1), **given)
        plain(k).fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=[schedule])

    ours, theirs = both(printed(run))
    assert [re.sub(r"\d+\.\d+(e-\d+)?", lambda n: f"{float(n[0]):.5g}", line) for line in ours] == [
        re.sub(r"\d+\.\d+(e-\d+)?", lambda n: f"{float(n[0]):.5g}", line) for line in theirs
    ]


def summarized(k: Any, **given: Any) -> str:
    lines: list[str] = []
    layers = k.layers
    made = k.Sequential(
        [
            layers.Input((5,)),
            layers.Dense(300, name="first"),
            layers.BatchNormalization(name="normal"),
            layers.Dense(3, name="a_layer_with_quite_a_long_name_indeed"),
        ],
        name="net",
    )
    made.layers[0].trainable = False
    made.summary(print_fn=lambda line: lines.append(line), **given)
    return "\n".join(lines)


@pytest.mark.parametrize("given", [{}, {"show_trainable": True}, {"line_length": 60}])
def test_summaries(given: dict[str, Any]) -> None:
    ours, theirs = both(lambda k: summarized(k, **given))
    assert ours == theirs


def nested(k: Any) -> list[Any]:
    """Models in models, branches, shared layers, several outputs."""
    layers = k.layers
    inner = k.Sequential([layers.Input((8,)), layers.Dense(6, name="d0"), layers.Dense(4, name="d1")], name="encoder")
    x = layers.Input((4,), name="in1")
    deep = k.Model(x, layers.Dense(3, name="d2")(layers.ReLU(name="r")(x)), name="deep")
    outer = k.Sequential([inner, deep, layers.Dense(2, name="last", trainable=False)], name="outer")
    a, b, c = (layers.Input((n,), name=name) for n, name in ((8, "left"), (8, "right"), (3, "a_name_that_is_too_long")))
    joined = layers.Concatenate(name="joined")([layers.Subtract(name="apart")([outer(a), outer(b)]), c, a])
    whole = k.Model([a, b, c], [layers.Dense(1, name="p")(joined), layers.Dense(3, name="q")(joined)], name="whole")
    x = layers.Input((4,), name="x")
    chain = k.Model(x, layers.Dense(1, name="y")(deep(x)), name="chain")
    shared = layers.Dense(4, name="shared")
    twice = k.Model(x, shared(shared(x)), name="twice")
    hidden = layers.Dense(3, name="h")(x)
    return [outer, whole, chain, twice, k.Model(x, [hidden, layers.Dense(2, name="o")(hidden)], name="two")]


@pytest.mark.parametrize(
    "given", [{}, {"expand_nested": True}, {"expand_nested": True, "show_trainable": True}, {"line_length": 70}]
)
def test_summaries_of_graphs(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    def run(k: Any) -> list[str]:
        texts: list[str] = []
        for made in nested(k):
            made.summary(print_fn=texts.append, **given)
        return texts

    ours, theirs = both(run)
    assert ours == theirs


def test_summaries_of_operations() -> None:
    def run(k: Any) -> list[str]:
        k.utils.clear_session()
        x, o = k.layers.Input((4,), name="x"), k.ops
        h = o.sqrt(o.abs(o.sum(o.square(x), axis=1, keepdims=True)) + 1.0) * 2.0 - 0.5
        h = o.log(o.exp(h)) + o.mean(-x, axis=-1, keepdims=True) * o.sin(x[:, 1:2]) + o.relu(o.tanh(h))
        made = k.Model(x, k.layers.Dense(2, name="y")(o.matmul(h, np.ones((1, 3), "float32"))), name="net")
        texts: list[str] = []
        made.summary(print_fn=texts.append)
        made.compile("adam", "mse")
        made.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
        made.summary(print_fn=texts.append)
        return texts

    ours, theirs = both(run)
    assert ours == theirs


def test_the_order_of_results() -> None:
    def run(k: Any) -> list[Any]:
        x = k.layers.Input((5,))
        two = k.Model(x, [k.layers.Dense(1, name=name, kernel_initializer="ones")(x) for name in "za"])
        targets = [np.ones((6, 1)), np.full((6, 1), 5.0)]
        two.compile("sgd", ["mse", "mae"], metrics=[["mse", "mape"], ["mae"]], weighted_metrics=[["mse"], None])
        found = [two.evaluate(X[:6], targets, verbose=0), two.test_on_batch(X[:6], targets)]
        named = k.Model(x, {name: k.layers.Dense(1, kernel_initializer="ones")(x) for name in "za"})
        named.compile("sgd", {"z": "mse", "a": "mae"}, metrics={"a": "mse", "z": ["mae", "mape"]})
        found.append(named.evaluate(X[:6], dict(zip("za", targets, strict=True)), verbose=0))
        return [[float(number) for number in each] for each in found]

    ours, theirs = both(run)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


# --- names, orders, attributes


def test_weights_have_the_order_and_names_of_keras() -> None:
    def run(k: Any) -> Any:
        layers = k.layers
        made = k.Sequential([layers.Input((5,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
        lists = [
            made.weights,
            made.trainable_weights,
            made.non_trainable_weights,
            made.variables,
            made.layers[1].weights,
        ]
        made.layers[0].trainable = False
        lists += [made.trainable_weights, made.non_trainable_weights]
        return [[(v.name, tuple(v.shape)) for v in each] for each in lists], made.count_params(), len(made.layers)

    ours, theirs = both(run)
    assert ours == theirs


def test_automatic_names_count_as_in_keras() -> None:
    def run(k: Any) -> Any:
        first = k.layers.Dense(1).name
        number = int(first.rpartition("_")[2]) if first[-1].isdigit() else 0
        names = [k.layers.Dense(1).name, k.layers.BatchNormalization(name="own").name, k.layers.Dense(1).name]
        return [name.replace(str(number + 1 + at // 2), "N") for at, name in enumerate(names)]

    ours, theirs = both(run)
    assert ours == theirs


def test_shapes_of_a_built_model() -> None:
    def run(k: Any) -> Any:
        made = plain(k)
        return made.input_shape, made.output_shape, made.built, made.name, [layer.name for layer in made.layers]

    ours, theirs = both(run)
    assert ours == theirs


def test_the_optimizer_counts_and_its_rate_can_be_set() -> None:
    def run(k: Any) -> Any:
        made = plain(k)
        made.fit(X, Y, batch_size=10, epochs=2, verbose=0)
        seen = [int(made.optimizer.iterations), float(made.optimizer.learning_rate)]
        made.optimizer.learning_rate = 0.25
        seen.append(float(made.optimizer.learning_rate))
        made.optimizer.learning_rate.assign(0.125)
        return [*seen, float(made.optimizer.learning_rate), int(np.asarray(made.optimizer.iterations))]

    same(*both(run))


# --- what is refused, and by which kind of error

REFUSED: dict[str, Callable] = {
    "an unknown optimizer": lambda k: k.Sequential([k.layers.Dense(1)]).compile("nope", "mse"),
    "no compile": lambda k: k.Sequential([k.layers.Input((5,)), k.layers.Dense(1)]).fit(X, X[:, :1], verbose=0),
    "no units": lambda k: k.layers.Dense(-1),
    "half a unit": lambda k: k.layers.Dense(2.5),
    "an unknown activation": lambda k: k.layers.Dense(2, activation="nope"),
    "an unknown initializer": lambda k: k.layers.Dense(2, kernel_initializer="nope"),
    "an unknown regularizer": lambda k: k.layers.Dense(2, kernel_regularizer="nope"),
    "an unknown constraint": lambda k: k.layers.Dense(2, kernel_constraint="nope"),
    "an unknown argument": lambda k: k.layers.Dense(2, foo=1),
    "a rate above 1": lambda k: k.layers.Dropout(1.5),
    "what is no layer": lambda k: k.Sequential([3]),
    "samples of another width": lambda k: plain(k).predict(X[:, :4], verbose=0),
    "targets of another length": lambda k: plain(k).fit(X, Y[:10], verbose=0),
    "an unknown layer": lambda k: plain(k).get_layer("nope"),
    "a layer past the last": lambda k: plain(k).get_layer(index=9),
    "too few weights": lambda k: plain(k).set_weights([np.zeros((5, 4))]),
    "weights of another shape": lambda k: plain(k).set_weights([each.T for each in START]),
    "weights before they are": lambda k: k.Sequential([k.layers.Dense(1)]).count_params(),
    "a summary before it is built": lambda k: k.Sequential([k.layers.Dense(1)]).summary(print_fn=str) or 0,
    "two layers of one name": lambda k: k.Sequential([k.layers.Dense(1, name="a"), k.layers.Dense(1, name="a")]),
    "a negative rate": lambda k: k.optimizers.SGD(0.1, momentum=-1.0),
    "two ways of clipping": lambda k: k.optimizers.SGD(0.1, clipnorm=1.0, clipvalue=1.0),
    "a rate that follows a schedule": lambda k: setattr(
        k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)), "learning_rate", 0.1
    ),
    "a mode of its own": lambda k: k.callbacks.ReduceLROnPlateau(factor=1.5),
    "an unknown reduction": lambda k: k.losses.MeanSquaredError(reduction="nope"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_errors_are_of_the_same_kind(what: str) -> None:
    ours, theirs = both(REFUSED[what])
    if isinstance(theirs, type) and issubclass(theirs, Exception):
        assert isinstance(ours, type)
        assert issubclass(ours, theirs)
    else:
        assert not isinstance(ours, type)


# --- arguments of methods

METHODS = [
    *("compile", "evaluate", "fit", "predict", "predict_on_batch", "test_on_batch", "train_on_batch", "get_layer"),
    *("summary", "set_weights", "get_weights", "count_params", "reset_metrics"),
]


@pytest.mark.parametrize("method", METHODS)
def test_methods_take_the_arguments_of_keras(method: str) -> None:
    theirs = inspect.signature(getattr(keras.Model, method)).parameters
    ours = inspect.signature(getattr(fastnn.Model, method)).parameters
    wanted = {name: argument.default for name, argument in theirs.items() if argument.kind < 4}
    assert {name: ours[name].default for name in wanted if name in ours} == wanted
