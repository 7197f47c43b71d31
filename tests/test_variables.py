"""Variables behave as arrays and never lose their memory."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn._registry import auto_name, reset_names, to_snake_case
from fastnn.random import SeedGenerator, draw_seed, set_random_seed
from fastnn.variables import ALIGNMENT, Variable, aligned_empty


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (5, 7), (2, 3, 4)])
def test_memory_is_aligned_and_contiguous(shape: tuple[int, ...], dtype: str) -> None:
    for _ in range(5):  # malloc's own alignment differs from call to call
        memory = aligned_empty(shape, dtype)
        assert memory.shape == shape
        assert memory.dtype == dtype
        assert memory.size == 0 or memory.ctypes.data % ALIGNMENT == 0
        assert memory.flags.c_contiguous
        assert memory.flags.writeable


def test_attributes() -> None:
    v = Variable(np.ones((2, 3), np.float64), name="kernel", path="dense/kernel", trainable=False)
    assert (v.name, v.path, v.trainable, v.shape, v.ndim, v.size) == ("kernel", "dense/kernel", False, (2, 3), 2, 6)
    assert v.dtype == "float64"
    assert len(v) == 2
    assert "dense/kernel" in repr(v)


@pytest.mark.parametrize(
    "initializer, dtype, expected",
    [
        ([1, 2], None, "float32"),
        (1.5, None, "float32"),
        (np.array([1.0]), None, "float64"),
        (np.array([1], np.int64), None, "float32"),
        (np.array([1.0]), "float32", "float32"),
    ],
)
def test_dtype(initializer: object, dtype: str | None, expected: str) -> None:
    assert Variable(initializer, dtype=dtype).dtype == expected


def test_initializer_is_called_with_shape_and_dtype() -> None:
    def initializer(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.full(shape, 7, dtype)

    v = Variable(initializer, shape=(2, 1), dtype="float64")
    assert v.dtype == "float64"
    assert v.numpy().tolist() == [[7.0], [7.0]]
    with pytest.raises(ValueError, match=r"`shape` must be given.*Received"):
        Variable(initializer)


def test_writes_reach_the_live_memory() -> None:
    v = Variable([1.0, 2.0, 3.0])
    live = v.value
    v[0] = 10.0
    v[1:] = [20.0, 30.0]
    v += 1.0
    v *= np.array([1.0, 2.0, 1.0])
    np.sqrt(v, out=v)
    assert v.value is live
    np.testing.assert_array_equal(live, np.sqrt(np.array([11.0, 42.0, 31.0], np.float32)))
    v.assign([1, 2, 3])
    v.assign_add([1.0, 1.0, 1.0])
    v.assign_sub(1.0)
    assert v.value is live
    assert live.tolist() == [1.0, 2.0, 3.0]


def test_numpy_returns_a_copy() -> None:
    v = Variable([1.0])
    v.numpy()[0] = 5.0
    assert v[0] == 1.0


def test_arithmetic() -> None:
    v, w = Variable([1.0, 2.0]), Variable([3.0, 4.0])
    assert isinstance(v + w, np.ndarray)
    assert (v + w).tolist() == [4.0, 6.0]
    assert (2.0 - v).tolist() == [1.0, 0.0]
    assert (np.ones((2, 2)) @ v).tolist() == [3.0, 3.0]
    assert (v < w).all()
    assert np.mean(v) == 1.5
    assert np.concatenate([v, w]).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert (v == v.numpy()).all()
    assert np.add.reduce(v) == 3.0


def test_scalars() -> None:
    v = Variable(2.5, dtype="float64")
    assert float(v) == 2.5
    assert int(v) == 2
    assert bool(v)
    assert f"{v:.3f}" == "2.500"
    assert v * 2 == 5.0


def test_hash_is_by_identity() -> None:
    v, w = Variable([1.0]), Variable([1.0])
    assert len({v, w, v}) == 2


def test_array_protocol() -> None:
    v = Variable([1.0, 2.0])
    assert np.shares_memory(np.asarray(v), v.value)
    assert not np.shares_memory(np.array(v), v.value)
    assert np.asarray(v, np.float64).dtype == np.float64


@pytest.mark.parametrize("value", [[1.0], [[1.0, 2.0]], 1.0, [1.0, 2.0, 3.0]])
def test_assign_refuses_another_shape(value: object) -> None:
    v = Variable([1.0, 2.0], name="bias")
    with pytest.raises(ValueError, match=r"'bias'.*\(2,\).*Received"):
        v.assign(value)
    assert v.numpy().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [["a", "b"], [1j, 2j], [None, None]])
def test_assign_refuses_what_is_not_a_real_number(value: object) -> None:
    v = Variable([1.0, 2.0])
    with pytest.raises(TypeError, match="Received"):
        v.assign(value)
    assert v.numpy().tolist() == [1.0, 2.0]


def test_move_to() -> None:
    v = Variable([1.0, 2.0])
    arena = aligned_empty((16,), np.float32)
    v.move_to(arena[4:6])
    v[0] = 9.0
    assert arena[4:6].tolist() == [9.0, 2.0]
    for wrong in (np.empty(3, np.float32), np.empty(2, np.float64), np.empty(4, np.float32)[::2]):
        with pytest.raises(ValueError, match="Received"):
            v.move_to(wrong)
    assert v.numpy().tolist() == [9.0, 2.0]


def test_names() -> None:
    assert to_snake_case("BatchNormalization") == "batch_normalization"
    assert to_snake_case("SGD") == "sgd"
    assert to_snake_case("RMSprop") == "rm_sprop"  # Keras's name for it too
    assert to_snake_case("AdamW") == "adam_w"
    reset_names()
    assert [auto_name("Dense"), auto_name("Dense"), auto_name("dense")] == ["dense", "dense_1", "dense_2"]
    reset_names()
    assert auto_name("Dense") == "dense"


def test_set_random_seed_repeats_everything() -> None:
    def draw() -> tuple[float, int, int]:
        import random

        return random.random(), int(np.random.randint(1 << 30)), draw_seed()

    set_random_seed(5)
    first = draw()
    set_random_seed(5)
    assert draw() == first
    set_random_seed(6)
    assert draw() != first


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", None, True])
def test_set_random_seed_refuses(seed: object) -> None:
    with pytest.raises(ValueError, match=r"`seed`.*Received"):
        set_random_seed(seed)


def test_seed_generator() -> None:
    a, b = SeedGenerator(3), SeedGenerator(3)
    seeds = [a.next() for _ in range(5)]
    assert seeds == [b.next() for _ in range(5)]
    assert len(set(seeds)) == 5
    assert SeedGenerator.from_config(a.get_config()).next() == seeds[0]
    set_random_seed(1)
    first = SeedGenerator().next()
    set_random_seed(1)
    assert SeedGenerator().next() == first
    with pytest.raises(ValueError, match="Received"):
        SeedGenerator(-1)
