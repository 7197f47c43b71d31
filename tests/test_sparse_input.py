"""Sparse matrices as inputs: the numbers of dense ones, never made dense whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from fastnn import _kernels, callbacks, layers, optimizers
from fastnn.adapters import CSRRows
from fastnn.models import Model, Sequential
from fastnn.utils import set_random_seed

ROWS, COLUMNS = 90, 70


def _matrix(dtype: Any = np.float64, rows: int = ROWS, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(rows, COLUMNS)) * (rng.uniform(size=(rows, COLUMNS)) < 0.1)
    dense[3] = 0  # a row of nothing
    return scipy.sparse.csr_matrix(dense.astype(dtype))


def _model(hidden: Any = None, optimizer: Any = "adam", dtype: str = "float64") -> Any:
    first = [layers.Dense(37, "relu")] if hidden is None else hidden
    model = Sequential([layers.Input((COLUMNS,)), *first, layers.Dense(2)], dtype=dtype)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) * 0.2 for w in model.get_weights()])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def _ops(model: Any) -> list[str]:
    return [record.op for compiled in model._training.programs.values() for record in compiled.builder.records]


Y = np.random.default_rng(2).normal(size=(ROWS, 2))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", lambda: optimizers.SGD(0.1, momentum=0.9)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_is_that_on_the_dense_matrix(optimizer: Any, dtype: str) -> None:
    matrix, found = _matrix(), []
    for x in (matrix, matrix.toarray()):
        model = _model(optimizer=optimizer() if callable(optimizer) else optimizer, dtype=dtype)
        set_random_seed(3)  # the same order of the samples
        history = model.fit(x, Y, batch_size=16, epochs=3, validation_split=0.2, verbose=0).history
        found.append((model.get_weights(), history, model.evaluate(x, Y, verbose=0), model.predict(x, verbose=0)))
        if x is matrix:
            assert "sparse_dense" in _ops(model)
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    for one, other in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    for name, values in found[0][1].items():
        np.testing.assert_allclose(values, found[1][1][name], rtol=tolerance)
    np.testing.assert_allclose(found[0][2], found[1][2], rtol=tolerance)
    np.testing.assert_allclose(found[0][3], found[1][3], rtol=tolerance, atol=tolerance)


FORMS: dict[str, Any] = {
    "csr": lambda m: m,
    "array": scipy.sparse.csr_array,
    "csc": lambda m: m.tocsc(),
    "coo": lambda m: m.tocoo(),
    "float32": lambda m: m.astype(np.float32),
    "int8": lambda m: (m * 3).astype(np.int8),
    "bool": lambda m: m.astype(bool),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_and_dtypes(form: str) -> None:
    model, matrix = _model(), FORMS[form](_matrix())
    dense = np.asarray(matrix.toarray(), np.float64)
    before = matrix.copy()
    np.testing.assert_allclose(
        model.predict(matrix, verbose=0), model.predict(dense, verbose=0), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(
        model(matrix[:5] if form != "coo" else matrix.tocsr()[:5]), model(dense[:5]), rtol=1e-12, atol=1e-12
    )
    model.fit(matrix, Y, verbose=0)
    assert (before != matrix).nnz == 0


def test_unsorted_columns_doubled_entries_and_wide_indices() -> None:
    rng = np.random.default_rng(0)
    starts = np.arange(0, 8 * ROWS + 1, 8)
    columns = rng.integers(0, COLUMNS, 8 * ROWS)
    for index in (np.int32, np.int64):
        matrix = scipy.sparse.csr_matrix((ROWS, COLUMNS))
        matrix.data, matrix.indices, matrix.indptr = (
            rng.normal(size=8 * ROWS),
            columns.astype(index),
            starts.astype(index),
        )
        assert not matrix.has_sorted_indices
        dense = CSRRows(matrix).dense(slice(None), np.float64)
        found = []
        for x in (matrix, dense):
            model = _model(optimizer="sgd")
            model.fit(x, Y, batch_size=16, shuffle=False, verbose=0)
            found.append(model.get_weights()[0])
        np.testing.assert_allclose(*found, rtol=1e-11, atol=1e-13)


def test_layers_that_need_all_columns_get_them_batch_by_batch() -> None:
    matrix = _matrix()
    for hidden in (
        [layers.Rescaling(2.0), layers.Dense(5)],
        [layers.BatchNormalization()],
        [layers.Dropout(0.3, seed=1)],
    ):
        model = _model(hidden)
        twin = _model([type(layer).from_config(layer.get_config()) for layer in hidden])
        twin.set_weights(model.get_weights())
        model.fit(matrix, Y, batch_size=16, shuffle=False, verbose=0)
        twin.fit(matrix.toarray(), Y, batch_size=16, shuffle=False, verbose=0)
        assert "sparse_dense" not in _ops(model)
        for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_several_inputs_and_a_matrix_that_two_layers_read() -> None:
    text, numbers = layers.Input((COLUMNS,), name="text"), layers.Input((3,), name="numbers")
    hidden = layers.Concatenate()([layers.Dense(6, "relu")(text), layers.Dense(4, "tanh")(text), numbers])
    model = Model([text, numbers], layers.Dense(2)(hidden))
    model.compile("sgd", "mse")
    matrix, others = _matrix(), np.random.default_rng(0).normal(size=(ROWS, 3))
    model.fit({"text": matrix, "numbers": others}, Y, verbose=0)
    assert _ops(model).count("sparse_dense") == 2
    expected = model.predict([matrix.toarray(), others], verbose=0)
    np.testing.assert_allclose(model.predict([matrix, others], verbose=0), expected, rtol=1e-5, atol=1e-6)
    both = Model(text, layers.Concatenate()([layers.Dense(2)(text), text]))
    np.testing.assert_allclose(both.predict(matrix, verbose=0)[:, 2:], matrix.toarray(), rtol=1e-6)


def test_generators_steps_and_callbacks() -> None:
    matrix, dense = _matrix(), _matrix().toarray()
    found = []
    for x in (matrix, dense):
        model = _model()
        model.fit(((x[at : at + 30], Y[at : at + 30]) for at in (0, 30, 60)), verbose=0)
        model.train_on_batch(x[:10], Y[:10])
        found.append((model.get_weights()[0], model.test_on_batch(x, Y), model.predict_on_batch(x[:7])))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
    seen: list[Any] = []
    listening = callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append(logs["outputs"]))
    whole = model.predict(matrix, callbacks=[listening], verbose=0)
    np.testing.assert_array_equal(np.concatenate(seen), whole)


def test_a_model_is_built_by_a_sparse_matrix() -> None:
    model = Sequential([layers.Dense(3, "relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(_matrix(), Y[:, :1], verbose=0)
    assert model.input_shape == (None, COLUMNS)


def test_threads_do_not_matter() -> None:
    matrix = _matrix(rows=2000)
    y = np.random.default_rng(0).normal(size=(2000, 2))
    found, before = [], _kernels.get_num_threads()
    for threads in (1, 2, 3, 8):
        _kernels.set_num_threads(threads)
        model = _model([layers.Dense(256, "tanh"), layers.Dense(256, "tanh")], dtype="float32")
        model.fit(matrix, y, batch_size=500, shuffle=False, verbose=0)
        found.append(model.get_weights())
    _kernels.set_num_threads(before)
    for weights in zip(*found, strict=True):
        for other in weights[1:]:
            np.testing.assert_array_equal(weights[0], other)


def test_a_wide_matrix_needs_little_memory() -> None:
    """A batch of it, dense, would be 1 GB."""
    rng, columns = np.random.default_rng(0), 1 << 22
    places = rng.integers(0, columns, 640), np.arange(0, 641, 10)
    matrix = scipy.sparse.csr_matrix((rng.normal(size=640), *places), shape=(64, columns))
    model = Sequential([layers.Input((columns,)), layers.Dense(1, kernel_initializer="zeros", use_bias=False)])
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(matrix, np.ones((64, 1)), batch_size=64, verbose=0)
    (compiled,) = model._training.programs.values()
    assert compiled.program.arena_bytes < 1 << 22
    assert np.count_nonzero(model.get_weights()[0]) == len(np.unique(matrix.indices))


def test_gradients_by_the_columns() -> None:
    model, matrix = _model(), _matrix()
    np.testing.assert_allclose(model.jacobian(matrix), model.jacobian(matrix.toarray()), rtol=1e-12)


def test_what_is_refused() -> None:
    model, matrix = _model(), _matrix()
    before = model.get_weights()
    broken = matrix.copy()
    broken.data[11] = np.nan
    row = int(np.searchsorted(broken.indptr, 11, side="right")) - 1
    with pytest.raises(
        ValueError, match=rf"`x` must be finite .* Received: nan at index \[{row}, {broken.indices[11]}\]"
    ):
        model.fit(broken, Y, verbose=0)
    for x, message in (
        (matrix[:, :9], r"shape \('samples', 70\) to fit the model. Received: shape=\(90, 9\)"),
        (matrix[:50], "as many samples"),
        (matrix[:0], "must not be empty"),
        (matrix.astype(complex), "real numbers"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            model.fit(x, Y, verbose=0)
    outside = matrix.copy()
    outside.indices[0] = COLUMNS
    with pytest.raises(ValueError, match="no valid sparse matrix"):
        model.fit(outside, Y, verbose=0)
    with pytest.raises((ValueError, TypeError)):
        model.fit(matrix, scipy.sparse.csr_matrix(Y), verbose=0)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
