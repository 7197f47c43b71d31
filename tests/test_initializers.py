"""Initializers draw from the distributions they promise, repeatably."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastnn import initializers
from fastnn.random import SeedGenerator, set_random_seed

SHAPE = (300, 200)
FANS = {"fan_in": 300, "fan_out": 200, "fan_avg": 250}
DRAWN = [
    initializers.RandomNormal,
    initializers.RandomUniform,
    initializers.TruncatedNormal,
    initializers.VarianceScaling,
    initializers.GlorotNormal,
    initializers.GlorotUniform,
    initializers.HeNormal,
    initializers.HeUniform,
    initializers.LecunNormal,
    initializers.LecunUniform,
    initializers.Orthogonal,
]
ALL = [initializers.Zeros, initializers.Ones, initializers.Constant, initializers.Identity, *DRAWN]


@pytest.mark.parametrize("dtype", [None, "float32", "float64", np.float64])
@pytest.mark.parametrize("kind", ALL)
def test_shape_and_dtype(kind: type, dtype: object) -> None:
    values = kind()((4, 3), dtype=dtype)
    assert values.shape == (4, 3)
    assert values.dtype == np.dtype(dtype or "float32")
    with pytest.raises(ValueError, match=r"`dtype`.*Received"):
        kind()((4, 3), dtype="int32")


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in (initializers.Identity, initializers.Orthogonal)])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3, 4)])
def test_any_rank(kind: type, shape: tuple[int, ...]) -> None:
    assert kind()(shape).shape == shape


def test_fixed_values() -> None:
    assert not initializers.Zeros()((2, 2)).any()
    assert (initializers.Ones()((2, 2)) == 1).all()
    assert (initializers.Constant(2.5)((2, 2)) == 2.5).all()
    assert initializers.Constant([1.0, 2.0])((2, 2)).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert initializers.Identity(3.0)((2, 3)).tolist() == [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]
    with pytest.raises(ValueError, match=r"matrices.*Received: shape=\(3,\)"):
        initializers.Identity()((3,))


def check_moments(values: np.ndarray, mean: float, stddev: float) -> None:
    # Five standard errors: of the mean, and of the standard deviation (whose own is at most that of a normal's).
    n = values.size
    assert abs(values.mean() - mean) < 5 * stddev / math.sqrt(n)
    assert abs(values.std() / stddev - 1) < 5 / math.sqrt(2 * n)


def test_normal() -> None:
    check_moments(initializers.RandomNormal(0.5, 2.0, seed=1)(SHAPE), 0.5, 2.0)


def test_truncated_normal() -> None:
    values = initializers.TruncatedNormal(0.5, 2.0, seed=1)(SHAPE)
    assert abs(values - 0.5).max() <= 4.0 + 1e-6
    assert abs(values - 0.5).max() > 3.9
    check_moments(values, 0.5, 2.0 * 0.87962566)


def test_uniform() -> None:
    values = initializers.RandomUniform(-1.0, 3.0, seed=1)(SHAPE)
    assert values.min() >= -1.0
    assert values.max() <= 3.0
    assert values.min() < -0.99
    assert values.max() > 2.99
    check_moments(values, 1.0, 4.0 / math.sqrt(12))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "normal", "untruncated_normal", "uniform", "Uniform"])
def test_variance_scaling(mode: str, distribution: str) -> None:
    values = initializers.VarianceScaling(2.0, mode, distribution, seed=1)(SHAPE)
    stddev = math.sqrt(2.0 / FANS[mode])
    check_moments(values, 0.0, stddev)
    if distribution.lower() == "uniform":
        assert abs(values).max() <= math.sqrt(3) * stddev * (1 + 1e-6)
    elif distribution != "untruncated_normal":
        assert abs(values).max() <= 2 * stddev / 0.87962566 * (1 + 1e-6)


@pytest.mark.parametrize(
    "name, scale, mode, distribution",
    [
        ("glorot_uniform", 1.0, "fan_avg", "uniform"),
        ("glorot_normal", 1.0, "fan_avg", "truncated_normal"),
        ("he_uniform", 2.0, "fan_in", "uniform"),
        ("he_normal", 2.0, "fan_in", "truncated_normal"),
        ("lecun_uniform", 1.0, "fan_in", "uniform"),
        ("lecun_normal", 1.0, "fan_in", "truncated_normal"),
    ],
)
def test_named_scalings(name: str, scale: float, mode: str, distribution: str) -> None:
    expected = initializers.VarianceScaling(scale, mode, distribution, seed=3)(SHAPE)
    np.testing.assert_array_equal(getattr(initializers, name)(seed=3)(SHAPE), expected)


@pytest.mark.parametrize(
    "shape, fans",
    [((), (1, 1)), ((7,), (7, 7)), ((3, 4), (3, 4)), ((2, 3, 4), (6, 8)), ((5, 2, 3, 4), (30, 40))],
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert initializers.compute_fans(shape) == fans


def test_fans_of_axes() -> None:
    assert initializers.compute_fans((2, 3, 4), input_axes=[0], output_axes=[1, 2]) == (2, 12)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (2, 3, 4), (1, 6)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    q = initializers.Orthogonal(gain=2.0, seed=1)(shape, "float64").reshape(-1, shape[-1])
    product = q @ q.T if q.shape[0] < q.shape[1] else q.T @ q
    np.testing.assert_allclose(product, 4.0 * np.eye(len(product)), atol=1e-13)


def test_orthogonal_refuses_vectors() -> None:
    with pytest.raises(ValueError, match=r"two axes.*Received"):
        initializers.Orthogonal()((3,))


@pytest.mark.parametrize("kind", DRAWN)
def test_seeds(kind: type) -> None:
    np.testing.assert_array_equal(kind(seed=1)((6, 5)), kind(seed=1)((6, 5)))
    assert (kind(seed=1)((6, 5)) != kind(seed=2)((6, 5))).any()
    initializer = kind()
    np.testing.assert_array_equal(initializer((6, 5)), initializer((6, 5)))
    assert (kind()((6, 5)) != kind()((6, 5))).any()
    varying = kind(seed=SeedGenerator(1))
    assert (varying((6, 5)) != varying((6, 5))).any()


@pytest.mark.parametrize("kind", DRAWN)
def test_unseeded_values_follow_the_common_seed(kind: type) -> None:
    set_random_seed(4)
    first = [kind()((3, 3)), kind()((3, 3))]
    set_random_seed(4)
    np.testing.assert_array_equal([kind()((3, 3)), kind()((3, 3))], first)


@pytest.mark.parametrize("kind", DRAWN)
def test_both_dtypes_start_alike(kind: type) -> None:
    wide = kind(seed=1)((6, 5), "float64")
    np.testing.assert_array_equal(kind(seed=1)((6, 5), "float32"), wide.astype(np.float32))


@pytest.mark.parametrize("seed", ["1", 1.5, True])
def test_wrong_seeds(seed: object) -> None:
    with pytest.raises(ValueError, match=r"`seed`.*Received"):
        initializers.GlorotUniform(seed=seed)


@pytest.mark.parametrize(
    "arguments, name",
    [({"scale": 0.0}, "scale"), ({"scale": math.nan}, "scale"), ({"mode": "fan"}, "mode")]
    + [({"distribution": "gauss"}, "distribution")],
)
def test_wrong_arguments(arguments: dict, name: str) -> None:
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: {name}="):
        initializers.VarianceScaling(**arguments)


@pytest.mark.parametrize("kind", ALL)
def test_configuration(kind: type) -> None:
    initializer = kind(seed=3) if kind in DRAWN else kind()
    config = initializers.serialize(initializer)
    assert config["class_name"] == kind.__name__
    for again in (initializers.deserialize(config), initializers.get(config), initializer.clone()):
        assert type(again) is kind
        assert again.get_config() == initializer.get_config()
        np.testing.assert_array_equal(again((3, 3)), initializer((3, 3)))


def test_configuration_of_a_seed_generator() -> None:
    initializer = initializers.HeNormal(seed=SeedGenerator(5))
    again = initializers.deserialize(initializers.serialize(initializer))
    np.testing.assert_array_equal(again((3, 3)), initializer((3, 3)))


def test_a_clone_without_a_seed_draws_another() -> None:
    initializer = initializers.HeNormal()
    assert (initializer.clone()((3, 3)) != initializer((3, 3))).any()


@pytest.mark.parametrize(
    "identifier, kind",
    [
        ("glorot_uniform", initializers.GlorotUniform),
        ("GlorotUniform", initializers.GlorotUniform),
        ("zeros", initializers.Zeros),
        ("zero", initializers.Zeros),
        ("one", initializers.Ones),
        ("normal", initializers.RandomNormal),
        ("uniform", initializers.RandomUniform),
        ("orthogonal", initializers.Orthogonal),
        ("OrthogonalInitializer", initializers.Orthogonal),
        ("IdentityInitializer", initializers.Identity),
        (initializers.Ones, initializers.Ones),
        ({"class_name": "he_normal", "config": {"seed": 1}}, initializers.HeNormal),
    ],
)
def test_get(identifier: object, kind: type) -> None:
    assert type(initializers.get(identifier)) is kind


def test_get_other_things() -> None:
    def ones(shape: tuple[int, ...], dtype: object = None) -> np.ndarray:
        return np.ones(shape)

    assert initializers.get(None) is None
    assert initializers.get(ones) is ones
    values = initializers.get(np.array([1, 2]))
    assert values((2,), "float64").tolist() == [1.0, 2.0]
    assert values((2,)).dtype == "float32"
    with pytest.raises(ValueError, match=r"Received: shape=\(3,\)"):
        values((3,))


@pytest.mark.parametrize(
    "identifier, near", [("glorot_unifrom", "glorot_uniform"), ("HeNormall", "HeNormal"), ("ZEROS", "Zeros")]
)
def test_unknown_names(identifier: str, near: str) -> None:
    with pytest.raises(
        ValueError, match=rf"Unknown initializer name. Did you mean .*'{near}'.*Received: '{identifier}'"
    ):
        initializers.get(identifier)


def test_unknown_things() -> None:
    with pytest.raises(ValueError, match=r"Known names: .*'Zeros'.*Received: 'qqqq'"):
        initializers.get("qqqq")
    with pytest.raises(ValueError, match="Received: 3"):
        initializers.get(3)
    with pytest.raises(ValueError, match=r"'class_name'.*Received"):
        initializers.get({"config": {}})


def test_custom_objects() -> None:
    class Sevens(initializers.Initializer):
        def __call__(self, shape: tuple[int, ...], dtype: object = None) -> np.ndarray:
            return np.full(shape, 7.0)

    config = initializers.serialize(Sevens())
    assert config["registered_name"] == "Sevens"
    assert type(initializers.deserialize(config, {"Sevens": Sevens})) is Sevens
    with pytest.raises(ValueError, match="Unknown initializer name"):
        initializers.deserialize(config)
