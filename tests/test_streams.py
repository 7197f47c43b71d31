"""fit, evaluate and predict on what yields batches, and on tables: the same numbers as on the arrays in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas
import pytest

from fastnn import Sequential
from fastnn.layers import Dense, Input
from fastnn.utils import PyDataset, set_random_seed

X = np.random.default_rng(1).normal(size=(100, 5)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
W = np.linspace(0, 2, 100)


def model() -> Sequential:
    set_random_seed(3)
    model = Sequential([Input((5,)), Dense(4, "relu"), Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def generator(weighted: bool = False) -> Iterator[Any]:
    while True:
        for at in range(0, 100, 32):
            part = slice(at, at + 32)
            yield (X[part], Y[part], W[part]) if weighted else (X[part], Y[part])


class Dataset(PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, at: int) -> Any:
        return X[32 * at : 32 * at + 32], Y[32 * at : 32 * at + 32]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_generator_trains_as_its_arrays_do(weighted: bool) -> None:
    first, second = model(), model()
    expected = first.fit(X, Y, epochs=3, shuffle=False, sample_weight=W if weighted else None, verbose=0).history
    found = second.fit(generator(weighted), steps_per_epoch=4, epochs=3, verbose=0).history
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_dataset_trains_validates_evaluates_and_predicts(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = model(), model()
    expected = first.fit(X, Y, epochs=2, shuffle=False, validation_data=(X, Y), verbose=0).history
    found = second.fit(Dataset(), epochs=2, shuffle=False, validation_data=Dataset(), verbose=1).history
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    assert "4/4" in capsys.readouterr().out
    np.testing.assert_allclose(second.evaluate(Dataset(), verbose=0), first.evaluate(X, Y, verbose=0), rtol=1e-6)
    np.testing.assert_array_equal(second.predict(Dataset(), verbose=0), first.predict(X, verbose=0))


def test_a_table_trains_as_its_array_does() -> None:
    table = pandas.DataFrame(X, columns=list("abcde")).astype({"b": "float64"})
    first, second = model(), model()
    first.fit(X, Y, shuffle=False, verbose=0)
    second.fit(table, pandas.Series(Y), shuffle=False, verbose=0)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.predict(X, verbose=0), second.predict(table, verbose=0))


def test_mistakes_leave_the_model_as_it_was() -> None:
    net = model()
    before = net.get_weights()
    with pytest.raises(ValueError, match="`y` must be left out"):
        net.fit(generator(), Y, steps_per_epoch=4, verbose=0)
    with pytest.raises(ValueError, match="`steps_per_epoch` goes with batches"):
        net.fit(X, Y, steps_per_epoch=4, verbose=0)
    with pytest.raises(ValueError, match="`y` must be given"):
        net.fit(iter([X]), verbose=0)
    with pytest.raises(TypeError, match="'name'"):
        net.fit(pandas.DataFrame({"name": ["a"] * 100}), Y, verbose=0)
    for one, other in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
