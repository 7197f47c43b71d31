"""Helpers for data: class numbers, norms, splits, seeds."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn import layers, utils
from fastnn.utils.splitting import _sizes


def test_public_names() -> None:
    for name in utils.__all__:
        assert getattr(utils, name) is not None


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(utils.__path__)])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"fastnn.utils.{name}")).failed == 0


def test_clear_session_starts_names_again() -> None:
    utils.clear_session()
    names = [layers.Dense(1).name for _ in range(2)]
    utils.clear_session()
    assert [*names, layers.Dense(1).name] == ["dense", "dense_1", "dense"]


class TestToCategorical:
    @pytest.mark.parametrize(
        "x, num_classes, shape",
        [
            (1, 5, (5,)),
            ([1, 0], None, (2, 2)),
            ([[0], [2]], None, (2, 3)),
            ([[0, 1], [2, 3]], 6, (2, 2, 6)),
            (np.zeros((2, 3, 1), np.uint8), 2, (2, 3, 2)),
            (np.zeros((0,), int), 3, (0, 3)),
            (np.array([True, False]), None, (2, 2)),
            (np.array([3.0, 1.0]), None, (2, 4)),
        ],
    )
    def test_shapes(self, x, num_classes, shape) -> None:
        rows = utils.to_categorical(x, num_classes)
        assert rows.shape == shape
        assert rows.dtype == np.float64
        if rows.size:
            np.testing.assert_array_equal(rows.argmax(axis=-1).ravel(), np.ravel(x).astype(int))
            np.testing.assert_array_equal(rows.sum(axis=-1), 1.0)

    @pytest.mark.parametrize("x", [[-1, 0], [0.5], [np.nan], [np.inf], ["a"], [1j]])
    def test_refuses_what_is_no_class_number(self, x) -> None:
        with pytest.raises(ValueError, match=r"class numbers.*Received: "):
            utils.to_categorical(x)

    def test_refuses_numbers_past_the_classes(self) -> None:
        with pytest.raises(ValueError, match=r"integers from 0 to 2\. Received: 3"):
            utils.to_categorical([0, 3], 3)

    @pytest.mark.parametrize("num_classes", [0, -1, 2.0, True])
    def test_refuses_numbers_of_classes(self, num_classes) -> None:
        with pytest.raises(ValueError, match=r"`num_classes`.*Received: "):
            utils.to_categorical([0], num_classes)

    def test_empty_needs_a_number_of_classes(self) -> None:
        with pytest.raises(ValueError, match="`num_classes`"):
            utils.to_categorical([])


class TestNormalize:
    @pytest.mark.parametrize("axis", [-1, 0, 1])
    @pytest.mark.parametrize("order", [1, 2, np.inf])
    def test_norms_are_one(self, rng, axis, order) -> None:
        x = rng.normal(size=(4, 5, 3))
        y = utils.normalize(x, axis=axis, order=order)
        np.testing.assert_allclose(np.linalg.norm(y, order, axis), 1.0, rtol=1e-12)
        assert y.shape == x.shape

    def test_dtypes_and_zeros(self) -> None:
        assert utils.normalize(np.ones((2, 2), np.float32)).dtype == np.float32
        assert utils.normalize([[3, 4]]).dtype == np.float64
        np.testing.assert_array_equal(utils.normalize([0.0, 0.0]), [0.0, 0.0])

    def test_the_argument_stays(self) -> None:
        x = np.array([3.0, 4.0])
        utils.normalize(x)
        np.testing.assert_array_equal(x, [3.0, 4.0])

    @pytest.mark.parametrize("x", [3.0, ["a"], [None]])
    def test_refuses(self, x) -> None:
        with pytest.raises(ValueError, match=r"`x`.*Received: "):
            utils.normalize(x)


class TestSplitDataset:
    def test_views_of_all_arrays(self) -> None:
        x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
        (left_x, left_y), (right_x, right_y) = utils.split_dataset((x, y), left_size=7)
        assert np.shares_memory(left_x, x)
        assert np.shares_memory(right_y, y)
        np.testing.assert_array_equal(np.concatenate([left_y, right_y]), y)
        np.testing.assert_array_equal(left_x, x[:7])
        np.testing.assert_array_equal(right_x, x[7:])

    @pytest.mark.parametrize(
        "left, right, counts",
        [
            (0.8, None, (80, 20)),
            (None, 0.25, (75, 25)),
            (10, None, (10, 90)),
            (None, 1, (99, 1)),
            (0.5, 0.3, (50, 30)),
            (10, 20, (10, 20)),
            (0.5, 20, (50, 20)),
        ],
    )
    def test_sizes(self, left, right, counts) -> None:
        a, b = utils.split_dataset(np.arange(100), left, right)
        assert (len(a), len(b)) == counts
        assert a[0] == 0
        assert b[-1] == 99

    @given(st.floats(0.01, 0.99), st.integers(2, 1000))
    def test_complementary_fractions_lose_nothing(self, left, samples) -> None:
        right = 1.0 - left
        if not 0 < round(left * samples) < samples:
            return
        if left + right == 1.0:
            assert sum(_sizes(left, right, samples)) == samples

    @pytest.mark.parametrize("kind", [tuple, list])
    def test_structure(self, kind) -> None:
        left, right = utils.split_dataset(kind([np.arange(4), np.arange(4)]), 0.5)
        assert type(left) is type(right) is kind
        left, right = utils.split_dataset({"x": np.arange(4), "y": np.arange(4)}, 0.5)
        assert list(left) == list(right) == ["x", "y"]

    def test_shuffling_keeps_rows_together(self) -> None:
        x, y = np.arange(50) * 10, np.arange(50)
        (left_x, left_y), (right_x, right_y) = utils.split_dataset((x, y), 0.6, shuffle=True, seed=3)
        np.testing.assert_array_equal(left_x, left_y * 10)
        np.testing.assert_array_equal(right_x, right_y * 10)
        together = np.concatenate([left_y, right_y])
        assert sorted(together) == list(range(50))
        assert list(together) != list(range(50))
        again, _ = utils.split_dataset(y, 0.6, shuffle=True, seed=3)
        np.testing.assert_array_equal(again, left_y)

    def test_shuffling_follows_the_common_seed(self) -> None:
        utils.set_random_seed(5)
        first, _ = utils.split_dataset(np.arange(50), 0.5, shuffle=True)
        second, _ = utils.split_dataset(np.arange(50), 0.5, shuffle=True)
        utils.set_random_seed(5)
        third, _ = utils.split_dataset(np.arange(50), 0.5, shuffle=True)
        assert list(first) != list(second)
        assert list(first) == list(third)

    @pytest.mark.parametrize(
        "sizes",
        [
            {},
            {"left_size": 0},
            {"left_size": 10},
            {"left_size": 1.0},
            {"right_size": -0.1},
            {"right_size": 11},
            {"left_size": 0.7, "right_size": 0.7},
            {"left_size": 6, "right_size": 6},
            {"left_size": 0.01},
        ],
    )
    def test_refuses_sizes(self, sizes) -> None:
        with pytest.raises(ValueError, match="Received: "):
            utils.split_dataset(np.arange(10), **sizes)

    @pytest.mark.parametrize("size", ["0.5", True, 1j, [1]])
    def test_refuses_types_of_sizes(self, size) -> None:
        with pytest.raises(TypeError, match=r"`left_size`.*Received: "):
            utils.split_dataset(np.arange(10), left_size=size)

    @pytest.mark.parametrize("dataset", [5, [1, 2, 3], None])
    def test_refuses_what_has_no_samples(self, dataset) -> None:
        with pytest.raises(TypeError, match=r"`dataset`.*Received: "):
            utils.split_dataset(dataset, 0.5)

    @pytest.mark.parametrize("dataset", [(np.arange(3), np.arange(4)), ()])
    def test_refuses_lengths(self, dataset) -> None:
        with pytest.raises(ValueError, match=r"same length.*Received: "):
            utils.split_dataset(dataset, 0.5)


def test_set_random_seed_repeats_everything() -> None:
    def draw() -> tuple:
        utils.set_random_seed(11)
        return random.random(), np.random.random(), tuple(utils.split_dataset(np.arange(9), 0.5, shuffle=True)[0])

    assert draw() == draw()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", True])
def test_set_random_seed_refuses(seed) -> None:
    with pytest.raises(ValueError, match=r"`seed`.*Received: "):
        utils.set_random_seed(seed)
