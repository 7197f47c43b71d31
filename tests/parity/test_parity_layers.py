"""Layers: forward and, through one training step, backward; noise by its statistics; configurations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beside import DTYPES, close, fastnn, floatx, keras, names_of, untried, without_lookups
from steps import Case, check, keras_steps
from test_parity_names import LEFT_OUT

IDS = np.random.default_rng(4).integers(0, 9, (12, 3))
AXES = (12, 4, 6)  # (batch, steps, features)

Settings = dict[str, Any]


def between(name: str, units: int = 6, x: Any = (12, 5), **given: Any) -> Case:
    """A layer between two dense ones, so that its gradient by its input counts too."""
    return Case(lambda k: [k.layers.Dense(units), getattr(k.layers, name)(**given), k.layers.Dense(2)], x)


def of_axes(name: str, last: bool = True, x: tuple[int, ...] = AXES, **given: Any) -> Case:
    """The same for samples that are matrices."""
    return Case(
        lambda k: [
            k.layers.Dense(6),
            getattr(k.layers, name)(**given),
            *([k.layers.Flatten()] if last else []),
            k.layers.Dense(2),
        ],
        x,
    )


def constrained(name: str, **given: Any) -> Case:
    return Case(
        lambda k: [
            k.layers.Dense(
                4, "tanh", kernel_constraint=getattr(k.constraints, name)(**given), bias_constraint="non_neg"
            ),
            k.layers.Dense(2),
        ]
    )


def normalized(k: Any) -> list[Any]:
    mean, variance = np.linspace(-1, 1, 5), np.linspace(0.5, 2, 5)
    return [k.layers.Normalization(mean=mean, variance=variance), k.layers.Dense(2)]


def everywhere(*weights: str) -> Settings:
    """An initializer, a regularizer and a constraint for each of some weights."""
    kinds = {"initializer": "ones", "regularizer": "l2", "constraint": "unit_norm"}
    return {f"{weight}_{kind}": name for weight in weights for kind, name in kinds.items()}


CASES: dict[str, list[Case]] = {
    "Activation": [between("Activation", activation="tanh"), of_axes("Activation", activation="softmax")],
    "ActivityRegularization": [between("ActivityRegularization", l1=0.02, l2=0.03)],
    "BatchNormalization": [
        between("BatchNormalization"),
        between("BatchNormalization", momentum=0.7, epsilon=0.1, center=False),
        between("BatchNormalization", scale=False, axis=1),
        between("BatchNormalization", beta_regularizer="l2", gamma_regularizer="l1", trainable=True),
        between("BatchNormalization", trainable=False),
        between(
            "BatchNormalization",
            **everywhere("gamma", "beta"),
            moving_mean_initializer="ones",
            moving_variance_initializer="zeros",
        ),
        of_axes("BatchNormalization", momentum=0.9),
        of_axes("BatchNormalization", momentum=0.9, axis=1),
    ],
    "Dense": [
        Case(lambda k: [k.layers.Dense(4, use_bias=False), k.layers.Dense(2, "sigmoid")]),
        Case(lambda k: [k.layers.Dense(4, "relu", trainable=False), k.layers.Dense(2)]),
        Case(lambda k: [k.layers.Dense(4, "relu"), k.layers.Dense(2)], (12, 3, 5), (12, 3, 2)),
        Case(
            lambda k: [
                k.layers.Dense(4, "tanh", **everywhere("kernel", "bias"), activity_regularizer="l1"),
                k.layers.Dense(2),
            ]
        ),
        constrained("MaxNorm", max_value=0.5),
        constrained("MaxNorm", max_value=0.5, axis=1),
        constrained("MinMaxNorm", min_value=0.8, max_value=0.9, rate=0.5),
        constrained("NonNeg"),
        constrained("UnitNorm"),
    ],
    "ELU": [between("ELU"), between("ELU", alpha=0.3)],
    "EinsumDense": [
        Case(lambda k: [k.layers.EinsumDense("ab,bc->ac", 4, bias_axes="c", activation="relu"), k.layers.Dense(2)]),
        Case(
            lambda k: [k.layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), k.layers.Flatten()],
            (12, 3, 5),
            (12, 12),
        ),
        between("EinsumDense", equation="ab,bc->ac", output_shape=4, bias_axes="c", **everywhere("kernel", "bias")),
    ],
    "Embedding": [
        Case(lambda k: [k.layers.Embedding(9, 4), k.layers.Flatten(), k.layers.Dense(2)], IDS),
        Case(
            lambda k: [
                k.layers.Embedding(9, 4, embeddings_regularizer="l2", embeddings_constraint="unit_norm"),
                k.layers.Flatten(),
                k.layers.Dense(2),
            ],
            IDS,
        ),
        Case(
            lambda k: [
                k.layers.Embedding(9, 4, embeddings_initializer="ones", weights=[np.arange(36.0).reshape(9, 4)]),
                k.layers.Flatten(),
                k.layers.Dense(2),
            ],
            IDS,
        ),
    ],
    "Flatten": [Case(lambda k: [k.layers.Flatten(), k.layers.Dense(2)], AXES)],
    "GlobalAveragePooling1D": [
        of_axes("GlobalAveragePooling1D", last=False),
        of_axes("GlobalAveragePooling1D", keepdims=True),
    ],
    "GlobalAvgPool1D": [of_axes("GlobalAvgPool1D", last=False), of_axes("GlobalAvgPool1D", keepdims=True)],
    "GlobalMaxPool1D": [of_axes("GlobalMaxPool1D", last=False), of_axes("GlobalMaxPool1D", keepdims=True)],
    "GlobalMaxPooling1D": [
        of_axes("GlobalMaxPooling1D", last=False),
        of_axes("GlobalMaxPooling1D", keepdims=True),
    ],
    "GroupNormalization": [
        between("GroupNormalization", groups=3),
        between("GroupNormalization", groups=-1, epsilon=0.1, center=False),
        of_axes("GroupNormalization", groups=2, scale=False),
        of_axes("GroupNormalization", groups=2, axis=2, **everywhere("gamma", "beta")),
    ],
    "Identity": [between("Identity")],
    "Input": [Case(lambda k: [k.layers.Dense(2)])],
    "InputLayer": [Case(lambda k: [k.layers.Dense(2)])],
    "LayerNormalization": [
        between("LayerNormalization"),
        between("LayerNormalization", epsilon=0.1, center=False),
        between("LayerNormalization", scale=False, beta_regularizer="l2"),
        of_axes("LayerNormalization"),
        of_axes("LayerNormalization", axis=[1, 2]),
        between("LayerNormalization", **everywhere("gamma", "beta")),
    ],
    "LeakyReLU": [between("LeakyReLU"), between("LeakyReLU", negative_slope=0.1)],
    "Normalization": [
        Case(normalized),
        Case(lambda k: [k.layers.Normalization(mean=0.5, variance=2.0), k.layers.Dense(2)]),
    ],
    "PReLU": [
        between("PReLU"),
        between("PReLU", alpha_initializer="ones", alpha_regularizer="l2"),
        of_axes("PReLU", shared_axes=[1]),
        between("PReLU", **everywhere("alpha")),
    ],
    "Permute": [of_axes("Permute", dims=(2, 1))],
    "RMSNormalization": [
        between("RMSNormalization"),
        between("RMSNormalization", epsilon=0.1),
        of_axes("RMSNormalization"),
        of_axes("RMSNormalization", axis=[1, 2]),
    ],
    "ReLU": [between("ReLU"), between("ReLU", max_value=0.8, negative_slope=0.1, threshold=0.2)],
    "RepeatVector": [
        Case(lambda k: [k.layers.Dense(4), k.layers.RepeatVector(3), k.layers.Dense(2), k.layers.Flatten()], y=(12, 6))
    ],
    "Rescaling": [between("Rescaling", scale=0.5, offset=0.3)],
    "Reshape": [
        Case(lambda k: [k.layers.Dense(6), k.layers.Reshape((3, 2)), k.layers.Dense(2), k.layers.Flatten()], y=(12, 6)),
        Case(
            lambda k: [k.layers.Dense(6), k.layers.Reshape((-1, 2)), k.layers.Dense(2), k.layers.Flatten()], y=(12, 6)
        ),
    ],
    "Softmax": [between("Softmax"), of_axes("Softmax"), of_axes("Softmax", axis=(1, 2))],
    "UnitNormalization": [
        between("UnitNormalization"),
        of_axes("UnitNormalization"),
        of_axes("UnitNormalization", axis=[1, 2]),
    ],
}
HERE = without_lookups(names_of("layers", "same", "differs"))
STEPS = {f"{name}-{number}": case for name, cases in CASES.items() if name in HERE for number, case in enumerate(cases)}


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    return {dtype: keras_steps(STEPS, dtype) for dtype in DTYPES}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", STEPS)
def test_one_training_step(case: str, dtype: str, steps: dict[str, Any]) -> None:
    check(STEPS[case], steps[dtype][case], dtype, 10)


# --- layers that draw at random: the same in inference, and of the same distribution in training

NOISE: dict[str, list[Settings]] = {
    "AlphaDropout": [{"rate": 0.3}, {"rate": 0.3, "noise_shape": (None, 1)}],
    "Dropout": [{"rate": 0.3}, {"rate": 0.5, "noise_shape": (None, 1)}, {"rate": 0.0}],
    "GaussianDropout": [{"rate": 0.3}],
    "GaussianNoise": [{"stddev": 0.7}],
    "SpatialDropout1D": [{"rate": 0.4}],
}
NOISE_CASES = {f"{name}-{given}": (name, given) for name in NOISE if name in HERE for given in NOISE[name]}


@pytest.mark.parametrize("case", NOISE_CASES)
def test_noise(case: str) -> None:
    name, given = NOISE_CASES[case]
    x = np.full((2000, 10, 8) if name == "SpatialDropout1D" else (4000, 30), 1.5, "float32")
    noisy = {}
    for library in (keras, fastnn):
        layer = getattr(library.layers, name)(**given, **({} if name == "SpatialDropout1D" else {"seed": 1}))
        close(layer(x, training=False), x, "float32")
        noisy[library] = np.asarray(layer(x, training=True))
    ours, theirs = noisy[fastnn], noisy[keras]
    values = [sorted({round(float(v), 4) for v in np.unique(each)}) for each in (ours, theirs)]
    if len(values[1]) <= 2:  # what is kept and what is dropped; else the distribution is continuous
        close(*values, "float32", 50)
    spread = 6 * theirs.std() / np.sqrt(len(x)) + 1e-6
    assert abs(ours.mean() - theirs.mean()) < spread
    assert abs(ours.std() - theirs.std()) < spread
    for axis in range(1, x.ndim):  # what is dropped together
        share = [np.ptp(each, axis=axis).min() == 0 and np.ptp(each, axis=axis).max() == 0 for each in (ours, theirs)]
        assert share[0] == share[1]


# --- layers that prepare data

ROWS = np.random.default_rng(6).normal(size=(40, 4)).astype("float32")
PREPARED: dict[str, list[tuple[Settings, Any]]] = {
    "CategoryEncoding": [
        ({"num_tokens": 6}, np.array([[1, 2], [5, 0]])),
        ({"num_tokens": 6, "output_mode": "one_hot"}, np.array([1, 2, 5])),
        ({"num_tokens": 6, "output_mode": "count"}, np.array([[1, 1], [5, 0]])),
    ],
    "Discretization": [
        ({"bin_boundaries": [-0.5, 0.0, 1.0]}, ROWS),
        ({"bin_boundaries": [-0.5, 0.0, 1.0], "output_mode": "one_hot"}, ROWS[:, :1]),
        ({"bin_boundaries": [-0.5, 0.0, 1.0], "output_mode": "multi_hot"}, ROWS),
        ({"bin_boundaries": [-0.5, 0.0, 1.0], "output_mode": "count"}, ROWS),
    ],
    "Normalization": [({}, ROWS), ({"axis": None}, ROWS), ({"invert": True}, ROWS)],
    "Rescaling": [({"scale": 0.5, "offset": -1.0}, ROWS), ({"scale": 1 / 255.0}, np.arange(6).reshape(2, 3))],
}
ADAPTED = ("Normalization",)  # Discretization's `adapt` wants TensorFlow in Keras
PREPARED_CASES = {
    f"{name}-{given}": (name, given, x) for name in PREPARED if name in HERE for given, x in PREPARED[name]
}


@pytest.mark.parametrize("case", PREPARED_CASES)
def test_preparation(case: str) -> None:
    name, given, x = PREPARED_CASES[case]
    results = {}
    for library in (keras, fastnn):
        layer = getattr(library.layers, name)(**given)
        if name in ADAPTED:
            layer.adapt(x)
        results[library] = np.asarray(layer(x))
    close(results[fastnn], results[keras], "float32")
    assert results[fastnn].dtype.kind == results[keras].dtype.kind


# --- all

MERGING = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
MERGING |= {name.lower() for name in MERGING}
# Keras itself wants TensorFlow for these; their numbers are those of its hashes, which other tests hold.
OF_TENSORFLOW = {"HashedCrossing", "Hashing", "IntegerLookup", "StringLookup"}


# What says where data is, or names streams of random numbers; what is tried elsewhere; and what is refused.
ASIDE = {
    "Discretization": {"num_bins", "epsilon"},  # which `adapt` takes: see test_parity_preprocessing
    "Embedding": {"mask_zero"},
    "InputLayer": {"shape", "batch_size", "batch_shape"},
}


@pytest.mark.parametrize("name", sorted({*CASES, *NOISE, *PREPARED} & HERE - {"Input"}))
def test_every_option_has_a_case(name: str) -> None:
    given: set[str] = set()

    class Listening:
        """Keras's layers, of which one is asked what it is given."""

        def __init__(self, library: Any) -> None:
            self.library = library

        def __getattr__(self, asked: str) -> Any:
            found = getattr(self.library, asked)
            if asked == "layers":
                return Listening(found)
            if asked != name:
                return found
            names = list(inspect.signature(found).parameters)
            return lambda *args, **kwargs: (given.update(names[: len(args)], kwargs), found(*args, **kwargs))[1]

    for case in CASES.get(name, ()):
        case.layers(Listening(keras))
    tried = [dict.fromkeys(given), *NOISE.get(name, ()), *(each for each, _ in PREPARED.get(name, ()))]
    left = untried(getattr(keras.layers, name), tried, "trainable", "seed", "data_format", *LEFT_OUT)
    assert left == ASIDE.get(name, set())


def test_every_layer_has_cases() -> None:
    held = {*CASES, *NOISE, *PREPARED, *MERGING, *OF_TENSORFLOW, "Layer"}
    assert {name for name in held if name in HERE} == HERE


EXAMPLES: dict[str, Callable] = {
    **{name: (lambda k, name=name, given=cases[0]: getattr(k.layers, name)(**given)) for name, cases in NOISE.items()},
    **{
        name: (lambda k, name=name, given=cases[0][0]: getattr(k.layers, name)(**given))
        for name, cases in PREPARED.items()
    },
    "Activation": lambda k: k.layers.Activation("tanh"),
    "ActivityRegularization": lambda k: k.layers.ActivityRegularization(l1=0.1),
    "BatchNormalization": lambda k: k.layers.BatchNormalization(momentum=0.5),
    "Dense": lambda k: k.layers.Dense(3, "relu", kernel_regularizer="l2", bias_constraint="non_neg"),
    "ELU": lambda k: k.layers.ELU(0.5),
    "EinsumDense": lambda k: k.layers.EinsumDense("ab,bc->ac", 4, bias_axes="c"),
    "Embedding": lambda k: k.layers.Embedding(9, 4),
    "Flatten": lambda k: k.layers.Flatten(),
    "GlobalAveragePooling1D": lambda k: k.layers.GlobalAveragePooling1D(),
    "GroupNormalization": lambda k: k.layers.GroupNormalization(2),
    "Identity": lambda k: k.layers.Identity(),
    "LayerNormalization": lambda k: k.layers.LayerNormalization(),
    "LeakyReLU": lambda k: k.layers.LeakyReLU(0.1),
    "PReLU": lambda k: k.layers.PReLU(shared_axes=[1]),
    "Permute": lambda k: k.layers.Permute((2, 1)),
    "RMSNormalization": lambda k: k.layers.RMSNormalization(),
    "ReLU": lambda k: k.layers.ReLU(6.0),
    "RepeatVector": lambda k: k.layers.RepeatVector(3),
    "Reshape": lambda k: k.layers.Reshape((3, 2)),
    "Softmax": lambda k: k.layers.Softmax(),
    "UnitNormalization": lambda k: k.layers.UnitNormalization(),
    "Concatenate": lambda k: k.layers.Concatenate(axis=1),
    "Dot": lambda k: k.layers.Dot(axes=1, normalize=True),
    **{
        name: (lambda k, name=name: getattr(k.layers, name)())
        for name in MERGING - {"Concatenate", "Dot"}
        if name[0].isupper()
    },
}
# Of Keras's configurations: what has no meaning here.
MEANINGLESS = {"dtype", "quantization_config", "synchronized", "renorm", "renorm_clipping", "renorm_momentum"}
MEANINGLESS |= {"sparse", "data_format", "gptq_unpacked_column_size"}


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) & HERE))
def test_configurations(name: str) -> None:
    ours, theirs = EXAMPLES[name](fastnn), EXAMPLES[name](keras)
    received = ours.get_config()
    wanted = {k: v for k, v in theirs.get_config().items() if k not in MEANINGLESS}
    assert [k for k in wanted if k not in received] == []
    plain = {k: v for k, v in wanted.items() if not isinstance(v, dict) and k != "name"}
    assert {k: list(received[k]) if isinstance(received[k], tuple) else received[k] for k in plain} == {
        k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()
    }
    read = fastnn.layers.deserialize(keras.layers.serialize(theirs))
    assert type(read) is type(ours)
    again = read.get_config()
    for unlike in ("name", "dtype"):
        again.pop(unlike), received.pop(unlike)
    assert again == received


@pytest.mark.parametrize("dtype", DTYPES)
def test_eager_calls_of_a_layer(dtype: str) -> None:
    with floatx(dtype):
        x = np.random.default_rng(0).normal(size=(6, 5)).astype(dtype)
        ours, theirs = (k.layers.Dense(4, "relu") for k in (fastnn, keras))
        theirs(x), ours(x)
        ours.set_weights(theirs.get_weights())
        close(ours(x), theirs(x), dtype)
        assert ours(x).dtype == np.dtype(dtype)
        assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
