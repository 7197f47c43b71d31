"""Tables, sparse matrices and batches: what they become, what is not copied, and what is refused by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fastnn.adapters import Batches, CSRRows, as_array, frame_to_array, is_batches, is_frame, is_sparse
from fastnn.utils import PyDataset

# --- tables --------------------------------------------------------------------------------------------------------


def test_a_pandas_table_of_one_dtype_is_not_copied() -> None:
    pandas = pytest.importorskip("pandas")
    memory = np.arange(12, dtype=np.float32).reshape(4, 3)
    array = frame_to_array(pandas.DataFrame(memory, columns=["a", "b", "c"], copy=False))
    assert np.shares_memory(array, memory)
    np.testing.assert_array_equal(array, memory, strict=True)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_mixed_columns_get_the_smallest_dtype_that_holds_them(library: str) -> None:
    DataFrame = pytest.importorskip(library).DataFrame
    columns = {
        "flag": np.array([True, False]),
        "small": np.array([1, 2], np.int8),
        "real": np.array([0.5, 1.5], np.float32),
    }
    table = DataFrame(columns)
    assert is_frame(table)
    assert not is_batches(table)
    np.testing.assert_array_equal(as_array(table), np.array([[1, 1, 0.5], [0, 2, 1.5]], np.float32), strict=True)
    wide = DataFrame({**columns, "large": np.array([2**40, 1])})
    np.testing.assert_array_equal(as_array(wide)[:, 3], [2**40, 1])
    assert as_array(wide).dtype == np.float64


def test_missing_values_become_nan() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    wanted = [[1.0, np.nan], [np.nan, 0.0]]
    nullable = pandas.DataFrame({"n": pandas.array([1, None], "Int64"), "f": pandas.array([None, False], "boolean")})
    np.testing.assert_array_equal(as_array(nullable), wanted)
    np.testing.assert_array_equal(as_array(polars.DataFrame({"n": [1, None], "f": [None, False]})), wanted)
    np.testing.assert_array_equal(as_array(nullable["n"]), [1, np.nan])
    np.testing.assert_array_equal(as_array(polars.Series("f", [None, False])), [np.nan, 0])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_without_numbers_are_named(library: str) -> None:
    DataFrame = pytest.importorskip(library).DataFrame
    table = DataFrame({"city": ["a", "b"], "size": [1, 2], "when": np.array(["2020-01-01", "2021-01-01"], "M8[us]")})
    with pytest.raises(TypeError, match=r"`x_train` must hold numbers.*'city'.*'when'") as raised:
        as_array(table, "x_train")
    assert "size" not in str(raised.value)
    with pytest.raises(TypeError, match="the column 'city'"):
        as_array(table["city"])
    np.testing.assert_array_equal(as_array(table["size"]), [1, 2])


def test_categories_are_no_numbers() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match=r"'c' \(category\)"):
        as_array(pandas.DataFrame({"c": pandas.Categorical([1, 2])}))


def test_what_is_no_table_stays_what_it_is() -> None:
    array = np.zeros(3)
    assert as_array(array) is array
    assert as_array(None) is None
    nested = [array, array]
    assert as_array(nested) is nested


def test_tensors_become_arrays() -> None:
    class Tensor:
        requires_grad = True

        def detach(self) -> np.ndarray:
            return np.ones(2)

        def __array__(self) -> np.ndarray:
            raise RuntimeError("it requires a gradient")

    np.testing.assert_array_equal(as_array(Tensor()), [1, 1])


# --- sparse matrices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "coo_array", "csr_array"])
def test_rows_of_a_sparse_matrix(kind: str, rng: np.random.Generator) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(rng.random((9, 5)) < 0.3, rng.normal(size=(9, 5)), 0)
    matrix = getattr(sparse, kind)(dense)
    assert is_sparse(matrix)
    assert not is_sparse(dense)
    rows = CSRRows(matrix)
    assert len(rows) == 9
    np.testing.assert_array_equal(rows.dense(slice(2, 7), np.float64), dense[2:7], strict=True)
    order = rng.permutation(9)
    out = np.full((9, 5), 7, np.float32)
    assert rows.dense(order, out=out) is out
    np.testing.assert_array_equal(out, dense[order].astype(np.float32))
    assert rows.dense([]).shape == (0, 5)


def test_places_that_occur_twice_count_twice_and_csr_is_not_copied() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    data = np.array([1.0, 2.0, 5.0])
    matrix = sparse.csr_matrix((data, np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 2))
    rows = CSRRows(matrix)
    assert np.shares_memory(rows.data, matrix.data)
    np.testing.assert_array_equal(rows.dense(slice(None)), [[0, 3], [5, 0]])


@pytest.mark.parametrize(
    "indptr, indices", [([0, 1, 2], [0, 9]), ([0, 1, 2], [0, -1]), ([0, 2, 1], [0, 1]), ([0, 1, 9], [0, 1])]
)
def test_a_broken_sparse_matrix_is_refused(indptr: list[int], indices: list[int]) -> None:
    class Broken:
        shape = (2, 3)

        def tocsr(self) -> Broken:
            self.indptr, self.indices, self.data = np.array(indptr), np.array(indices), np.ones(2)
            return self

    with pytest.raises(ValueError, match="no valid sparse matrix"):
        CSRRows(Broken())


# --- batches -------------------------------------------------------------------------------------------------------


def pairs(count: int, size: int = 2) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for i in range(count):
        yield np.full((size, 3), i), np.full(size, 10 * i)


def numbers(epoch: Iterator[Any]) -> list[int]:
    return [int(batch.x[0, 0]) for batch in epoch]


class Pairs(PyDataset):
    def __init__(self, count: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.count = count
        self.calls: list[str] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full((2, 3), index), np.full(2, 10 * index)

    def on_epoch_begin(self) -> None:
        self.calls.append("begin")

    def on_epoch_end(self) -> None:
        self.calls.append("end")


class Loader:
    """An iterable that can be begun again and does not know its length."""

    def __iter__(self) -> Iterator[Any]:
        return pairs(4)


def test_a_generator_goes_on_from_epoch_to_epoch() -> None:
    batches = Batches(pairs(7), steps_per_epoch=3)
    assert batches.num_batches == 3
    np.testing.assert_array_equal(batches.first.y, [0, 0])
    assert numbers(batches.epoch()) == [0, 1, 2]
    assert numbers(batches.epoch()) == [3, 4, 5]
    with pytest.raises(ValueError, match="a generator that ends before batch 1 of steps_per_epoch=3 in epoch 3"):
        list(batches.epoch())


def test_a_generator_without_steps_serves_one_epoch() -> None:
    batches = Batches(pairs(3))
    assert batches.num_batches is None
    assert numbers(batches.epoch()) == [0, 1, 2]
    with pytest.raises(ValueError, match="before batch 0 in epoch 2") as raised:
        list(batches.epoch())
    assert "steps_per_epoch" in str(raised.value)
    assert "PyDataset" in str(raised.value)


@pytest.mark.parametrize("make", [lambda: Pairs(4), Loader])
def test_what_can_begin_again_does(make: Callable[[], Any]) -> None:
    batches = Batches(make())
    assert [numbers(batches.epoch()) for _ in range(2)] == [[0, 1, 2, 3]] * 2
    assert batches.num_batches == 4
    next(iter(batches.epoch()))
    assert numbers(batches.epoch()) == [0, 1, 2, 3]  # though an epoch was left
    batches = Batches(make(), steps_per_epoch=3)
    assert [numbers(batches.epoch()) for _ in range(3)] == [[0, 1, 2], [3, 0, 1], [2, 3, 0]]
    assert numbers(Batches(make(), steps_per_epoch=9).epoch()) == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_a_dataset_hears_of_epochs_and_is_shuffled() -> None:
    np.random.seed(3)
    data = Pairs(20)
    batches = Batches(data, shuffle=True)
    first, second = numbers(batches.epoch()), numbers(batches.epoch())
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first != list(range(20))
    assert data.calls == ["begin", "end"] * 2


def test_a_dataset_without_end() -> None:
    class Endless(Pairs):
        num_batches = None

    assert numbers(Batches(Endless(1), steps_per_epoch=3).epoch()) == [0, 1, 2]


def test_workers_prepare_batches_ahead_in_order() -> None:
    class Threads(Pairs):
        def __getitem__(self, index: int) -> Any:
            names.add(threading.current_thread().name)
            return super().__getitem__(index)

    names: set[str] = set()
    assert numbers(Batches(Threads(9, workers=3, max_queue_size=2)).epoch()) == list(range(9))
    assert names - {threading.current_thread().name}
    assert not any(name.startswith("ThreadPoolExecutor") for name in (t.name for t in threading.enumerate()))


def test_any_class_with_a_length_and_batches_by_number_will_do() -> None:
    class Plain:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return np.full((2, 3), index)

    batches = Batches(Plain())
    assert batches.first.y is None
    assert numbers(batches.epoch()) == [0, 1]


def test_dictionaries_lists_weights_tables_and_sparse_parts() -> None:
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    parts = {"a": frame, "b": [[1], [2]]}, [frame["a"], sparse.eye_array(2, format="csr")], None
    (batch,) = Batches(iter([parts])).epoch()
    assert batch.sample_weight is None
    np.testing.assert_array_equal(batch.x["a"], frame.to_numpy())
    np.testing.assert_array_equal(batch.x["b"], [[1], [2]])
    np.testing.assert_array_equal(batch.y[0], [1, 2])
    np.testing.assert_array_equal(batch.y[1], np.eye(2))


@pytest.mark.parametrize("x", [np.zeros(3), [np.zeros(3)], (1, 2), {"a": 1}, "words", None, 3])
def test_data_sets_are_no_batches(x: Any) -> None:
    assert not is_batches(x)


def x_of(*shapes: tuple[int, ...]) -> Iterator[np.ndarray]:
    return iter([np.zeros(shape) for shape in shapes])


@pytest.mark.parametrize(
    "source, settings, words",
    [
        (iter([]), {}, ["at least one batch", "iterator"]),
        (Pairs(0), {}, ["length 0"]),
        (np.zeros(3), {}, ["must yield batches", "ndarray"]),
        (pairs(1), {"steps_per_epoch": 0}, ["`steps_per_epoch`", "0"]),
        (x_of((2, 3), (2, 3), (2, 4)), {}, ["x of shape (4,), not (3,)", "batch 2 of epoch 1"]),
        (iter([(np.zeros((2, 3)), np.zeros(2)), np.zeros((2, 3))]), {}, ["y of shape None", "batch 1"]),
        (iter([{"a": np.zeros(2)}, {"b": np.zeros(2)}]), {}, ["x['a'] of shape None", "x['b']", "batch 1"]),
        (x_of((2, 3), (0, 3)), {}, ["at least one", "{'x': 0}", "batch 1"]),
        (iter([(np.zeros((2, 3)), np.zeros(3))]), {}, ["{'x': 2, 'y': 3}", "batch 0"]),
        (iter([(1, 2, 3, 4)]), {}, ["4 things", "batch 0"]),
    ],
)
def test_batches_that_do_not_fit_are_named(source: Any, settings: dict[str, Any], words: list[str]) -> None:
    with pytest.raises((ValueError, TypeError)) as raised:
        list(Batches(source, **settings).epoch())
    for word in ("Received", *words):
        assert word in str(raised.value)


def test_what_a_generator_raises_is_seen_where_it_was_raised() -> None:
    def failing() -> Iterator[Any]:
        yield from pairs(1)
        raise KeyError("the user's own")

    with pytest.raises(KeyError, match="the user's own") as raised:
        list(Batches(failing()).epoch())
    assert raised.traceback[-1].name == "failing"


def test_a_data_loader_of_pytorch_yields_batches_and_its_dataset_does_not() -> None:
    data = pytest.importorskip("torch.utils.data")
    import torch

    samples = data.TensorDataset(torch.arange(10.0).reshape(5, 2), torch.arange(5))
    batches = Batches(data.DataLoader(samples, batch_size=2))
    assert batches.num_batches == 3
    np.testing.assert_array_equal(np.concatenate([batch.x for batch in batches.epoch()])[:, 0], [0, 2, 4, 6, 8])
    np.testing.assert_array_equal(np.concatenate([batch.y for batch in batches.epoch()]), range(5))
    with pytest.raises(TypeError, match="DataLoader"):
        Batches(samples)


def test_a_dataset_must_say_what_it_has() -> None:
    class Silent(PyDataset):
        pass

    with pytest.raises(NotImplementedError, match="num_batches"):
        Batches(Silent())
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Silent()[0]
