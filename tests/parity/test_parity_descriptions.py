"""Initializers, regularizers, constraints and schedules: by themselves, and in a training step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beside import DTYPES, close, fastnn, floatx, jax, keras, names_of, together, without_lookups
from steps import Case, check, keras_steps

# --- initializers: the distribution, and what is not drawn at random exactly

SHAPES = ((40, 60), (25,), (3, 4, 50))
SCALINGS = [
    {"scale": scale, "mode": mode, "distribution": distribution}
    for scale, mode in ((2.0, "fan_in"), (0.5, "fan_out"), (1.0, "fan_avg"))
    for distribution in ("truncated_normal", "untruncated_normal", "uniform")
]
INITIALIZERS: dict[str, list[dict[str, Any]]] = {
    "Constant": [{"value": 0.5}],
    "Identity": [{}, {"gain": 0.5}],
    "Ones": [{}],
    "Orthogonal": [{}, {"gain": 2.0}],
    "RandomNormal": [{}, {"mean": 1.0, "stddev": 2.0}],
    "RandomUniform": [{}, {"minval": -1.0, "maxval": 3.0}],
    "TruncatedNormal": [{}, {"mean": 1.0, "stddev": 2.0}],
    "VarianceScaling": SCALINGS,
    "Zeros": [{}],
}
INITIALIZERS |= {f"{who}{how}": [{}] for who in ("Glorot", "He", "Lecun") for how in ("Normal", "Uniform")}
EXACT = ("Constant", "Identity", "Ones", "Zeros")
DRAWS = 12


def moments(values: np.ndarray) -> np.ndarray:
    """Mean, deviation, and how far the values spread."""
    deciles = np.quantile(values, np.linspace(0.02, 0.98, 9))
    return np.array([values.mean(), values.std(), np.abs(values).max(), *deciles])


@pytest.mark.parametrize(("name", "given"), [(name, each) for name in INITIALIZERS for each in INITIALIZERS[name]])
def test_initializers(name: str, given: dict[str, Any]) -> None:
    for shape in SHAPES:
        if (name == "Identity" and len(shape) != 2) or (name == "Orthogonal" and len(shape) < 2):
            for library in (keras, fastnn):
                with pytest.raises(ValueError):  # noqa: PT011 - each in its own words
                    getattr(library.initializers, name)(**given)(shape)
            continue
        if name in EXACT:
            ours, theirs = (np.asarray(getattr(k.initializers, name)(**given)(shape)) for k in (fastnn, keras))
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
            continue
        drawn = {
            library: np.stack(
                [
                    np.asarray(getattr(library.initializers, name)(**given, seed=seed)(shape))
                    for seed in range(DRAWS * (1 if np.prod(shape) > 100 else 30))
                ]
            )
            for library in (fastnn, keras)
        }
        ours, theirs = drawn[fastnn], drawn[keras]
        assert ours.dtype == theirs.dtype
        scale = theirs.std()
        # Deciles of n draws scatter by some scale * 2 / sqrt(n); the largest of them by more.
        tolerance = np.full(12, 10 * scale / np.sqrt(theirs.size))
        tolerance[2] = 0.02 * scale if "Uniform" in name or given.get("distribution") == "uniform" else 1.2 * scale
        assert (np.abs(moments(ours) - moments(theirs)) <= tolerance).all(), (moments(ours), moments(theirs))
        if name == "Orthogonal":
            flat = ours[0].reshape(-1, shape[-1])
            gram = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
            close(gram, given.get("gain", 1.0) ** 2 * np.eye(len(gram)), "float32", 10)


OF_AXES = {"VarianceScaling", *(f"{who}{how}" for who in ("Glorot", "He", "Lecun") for how in ("Normal", "Uniform"))}


@pytest.mark.parametrize("name", sorted(OF_AXES))
def test_initializers_of_given_axes(name: str) -> None:
    drawn = [
        np.asarray(getattr(library.initializers, name)(input_axes=[0, 1], output_axes=[2], seed=1)((4, 9, 700)))
        for library in (fastnn, keras)
    ]
    np.testing.assert_allclose(drawn[0].std(), drawn[1].std(), rtol=0.03)


def test_a_seed_gives_the_same_values_again_as_in_keras() -> None:
    for library in (keras, fastnn):
        make = library.initializers.GlorotUniform
        first, again = np.asarray(make(seed=1)((4, 4))), np.asarray(make(seed=1)((4, 4)))
        np.testing.assert_array_equal(first, again)
        one = make(seed=1)
        np.testing.assert_array_equal(np.asarray(one((4, 4))), np.asarray(one((4, 4))))
        assert (first != np.asarray(make(seed=2)((4, 4)))).any()


# --- regularizers and constraints

REGULARIZERS: dict[str, list[dict[str, Any]]] = {
    "L1": [{}, {"l1": 0.3}],
    "L1L2": [{}, {"l1": 0.3}, {"l1": 0.1, "l2": 0.2}],
    "L2": [{}, {"l2": 0.3}],
    "OrthogonalRegularizer": [{}, {"factor": 0.3, "mode": "columns"}],
}
CONSTRAINTS: dict[str, list[dict[str, Any]]] = {
    "MaxNorm": [{}, {"max_value": 0.7}, {"max_value": 0.7, "axis": 1}, {"max_value": 0.7, "axis": [0, 1]}],
    "MinMaxNorm": [
        {},
        {"min_value": 0.8, "max_value": 1.1, "rate": 0.6},
        {"min_value": 1.0, "max_value": 2.0, "axis": 1},
    ],
    "NonNeg": [{}],
    "UnitNorm": [{}, {"axis": 1}],
}


def alternatives(module: str, cases: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """A case for each setting, of those names that are written."""
    here = names_of(module, "same", "differs")
    return {f"{name}-{given}": (name, given) for name in cases if name in here for given in cases[name]}


REGULARIZER_CASES = alternatives("regularizers", REGULARIZERS)
CONSTRAINT_CASES = alternatives("constraints", CONSTRAINTS)


def weights(dtype: str) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(6, 4)).astype(dtype)


@pytest.fixture(scope="module")
def applied() -> dict[str, Any]:
    functions = {}
    for case, (name, given) in REGULARIZER_CASES.items():
        functions[case] = getattr(keras.regularizers, name)(**given)
    for case, (name, given) in CONSTRAINT_CASES.items():
        functions[case] = getattr(keras.constraints, name)(**given)
    results = {}
    for dtype in DTYPES:
        with floatx(dtype):
            results[dtype] = together(functions, weights(dtype))
    return results


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", REGULARIZER_CASES)
def test_regularizers(case: str, dtype: str, applied: dict[str, Any]) -> None:
    name, given = REGULARIZER_CASES[case]
    close(getattr(fastnn.regularizers, name)(**given)(weights(dtype)), applied[dtype][case], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CONSTRAINT_CASES)
def test_constraints(case: str, dtype: str, applied: dict[str, Any]) -> None:
    name, given = CONSTRAINT_CASES[case]
    close(getattr(fastnn.constraints, name)(**given)(weights(dtype)), applied[dtype][case], dtype)


def regularized(case: str) -> Any:
    name, given = REGULARIZER_CASES[case]

    def layers(k: Any) -> list[Any]:
        penalty = getattr(k.regularizers, name)(**given)
        both = {} if name == "OrthogonalRegularizer" else {"bias_regularizer": penalty, "activity_regularizer": penalty}
        return [k.layers.Dense(4, "tanh", kernel_regularizer=penalty, **both), k.layers.Dense(2)]

    return layers


STEPS = {case: Case(regularized(case)) for case in REGULARIZER_CASES}


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    return keras_steps(STEPS, "float64")


@pytest.mark.parametrize("case", STEPS)
def test_regularizers_in_a_training_step(case: str, steps: dict[str, Any]) -> None:
    check(STEPS[case], steps[case], "float64")


# --- schedules

COSINE = {"initial_learning_rate": 0.3, "decay_steps": 10}
SCHEDULES: dict[str, list[dict[str, Any]]] = {
    "CosineDecay": [
        COSINE,
        {**COSINE, "alpha": 0.1},
        {**COSINE, "initial_learning_rate": 0.1, "warmup_target": 0.5, "warmup_steps": 4, "alpha": 0.2},
    ],
    "CosineDecayRestarts": [
        {"initial_learning_rate": 0.3, "first_decay_steps": 7},
        {"initial_learning_rate": 0.3, "first_decay_steps": 7, "t_mul": 1.0, "m_mul": 0.7, "alpha": 0.1},
        {"initial_learning_rate": 0.3, "first_decay_steps": 5, "t_mul": 1.5, "m_mul": 0.9},
    ],
    "ExponentialDecay": [
        {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.8},
        {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.8, "staircase": True},
    ],
    "InverseTimeDecay": [
        {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.8},
        {"initial_learning_rate": 0.3, "decay_steps": 7, "decay_rate": 0.8, "staircase": True},
    ],
    "PiecewiseConstantDecay": [{"boundaries": [5, 12], "values": [0.3, 0.2, 0.1]}],
    "PolynomialDecay": [
        {"initial_learning_rate": 0.3, "decay_steps": 10},
        {"initial_learning_rate": 0.3, "decay_steps": 10, "end_learning_rate": 0.05, "power": 2.0, "cycle": True},
    ],
}
SCHEDULE_CASES = alternatives("optimizers.schedules", SCHEDULES)
LAST = 40


@pytest.fixture(scope="module")
def rates() -> dict[str, Any]:
    with floatx("float32"):
        functions = {
            case: jax.vmap(getattr(keras.optimizers.schedules, name)(**given))
            for case, (name, given) in SCHEDULE_CASES.items()
        }
        return together(functions, np.arange(LAST))


@pytest.mark.parametrize("case", SCHEDULE_CASES)
def test_schedules(case: str, rates: dict[str, Any]) -> None:
    name, given = SCHEDULE_CASES[case]
    schedule = getattr(fastnn.optimizers.schedules, name)(**given)
    close([schedule(step) for step in range(LAST)], rates[case], "float32")
    close(schedule.at(np.arange(LAST)), rates[case], "float32")


# --- all four

BASES = {"Initializer", "Regularizer", "Constraint", "LearningRateSchedule"}
MODULES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "initializers": INITIALIZERS,
    "regularizers": REGULARIZERS,
    "constraints": CONSTRAINTS,
    "optimizers.schedules": SCHEDULES,
}


def public(library: Any, module: str) -> Any:
    return library.optimizers.schedules if module == "optimizers.schedules" else getattr(library, module)


@pytest.mark.parametrize("module", MODULES)
def test_every_name_has_cases(module: str) -> None:
    names = without_lookups(names_of(module, "same", "differs"))
    kinds = {getattr(public(keras, module), name) for name in names}
    held = {getattr(public(keras, module), name) for name in (*MODULES[module], *BASES & names) if name in names}
    assert kinds == held
    for name in names:  # "glorot_uniform" and GlorotUniform are one class here as they are there
        twins = [
            other for other in names if getattr(public(keras, module), other) is getattr(public(keras, module), name)
        ]
        assert len({getattr(public(fastnn, module), other) for other in twins}) == 1


@pytest.mark.parametrize(
    ("module", "name", "given"),
    [
        (module, name, given)
        for module, cases in MODULES.items()
        for name in cases
        if name in names_of(module, "same", "differs")
        for given in cases[name]
    ],
)
def test_configurations(module: str, name: str, given: dict[str, Any]) -> None:
    ours, theirs = (getattr(public(library, module), name)(**given) for library in (fastnn, keras))
    wanted = theirs.get_config()
    received = ours.get_config()
    assert {k: received.get(k, "missing") for k in wanted} == wanted
    read = public(fastnn, module).deserialize(public(keras, module).serialize(theirs))
    assert type(read) is type(ours)
    assert read.get_config() == type(ours).from_config(wanted).get_config()
