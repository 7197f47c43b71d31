"""Callbacks that write, copies of models, and the small tools of `utils`, beside Keras's."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beside import fastnn, keras

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(k: Any) -> Any:
    made = k.Sequential([k.layers.Input((3,)), k.layers.Dense(4, "tanh"), k.layers.Dense(1)])
    made.set_weights([np.sin(np.arange(w.size)).reshape(w.shape) for w in made.get_weights()])
    made.compile(k.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return made


def fitted(k: Any, *callbacks: Any) -> Any:
    made = model(k)
    options = {"validation_data": (X[:8], Y[:8])} if callbacks[1:] else {}
    made.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0, callbacks=list(callbacks[:1]), **options)
    return made


def both(run: Callable[[Any], Any]) -> tuple[Any, Any]:
    return run(fastnn), run(keras)


@pytest.mark.parametrize("validated", [False, True])
def test_csv_logger(validated: bool, tmp_path: Path) -> None:
    def run(k: Any) -> list[list[str]]:
        name = tmp_path / f"{k.__name__}.csv"
        fitted(k, k.callbacks.CSVLogger(str(name)), *([None] if validated else []))
        return [line.split(",") for line in name.read_text().splitlines()]

    (names, *ours), (wanted, *theirs) = both(run)
    assert names == wanted
    for one, other in zip(ours, theirs, strict=True):
        assert [field == "NA" for field in one] == [field == "NA" for field in other]
        numbers = [[float(field) for field in line if field != "NA"] for line in (one, other)]
        np.testing.assert_allclose(*numbers, rtol=1e-5)


@pytest.mark.parametrize("given", [{}, {"save_best_only": True, "monitor": "loss"}, {"save_weights_only": True}])
def test_model_checkpoint(given: dict[str, Any], tmp_path: Path) -> None:
    def run(k: Any) -> list[str]:
        folder = tmp_path / k.__name__
        folder.mkdir()
        ending = "weights.h5" if "save_weights_only" in given else "keras"
        callback = k.callbacks.ModelCheckpoint(str(folder / f"{{epoch:02d}}-{{loss:.3f}}.{ending}"), **given)
        made = fitted(k, callback)
        last = max(folder.iterdir())
        other = model(k) if "save_weights_only" in given else k.models.load_model(str(last))
        if "save_weights_only" in given:
            other.load_weights(str(last))
        np.testing.assert_allclose(other.predict(X, verbose=0), made.predict(X, verbose=0), rtol=1e-6)
        return sorted(path.name for path in folder.iterdir())

    ours, theirs = both(run)
    assert ours == theirs


def test_history() -> None:
    def run(k: Any) -> tuple[Any, ...]:
        made = fitted(k, k.callbacks.Callback(), None)
        history = made.history
        return history.epoch, history.params, list(history.history), [v for k in history.history.values() for v in k]

    ours, theirs = both(run)
    assert ours[:3] == theirs[:3]
    np.testing.assert_allclose(ours[3], theirs[3], rtol=1e-5)


def test_copies() -> None:
    def run(k: Any) -> list[Any]:
        made = model(k)
        cloned, read = k.models.clone_model(made), k.models.model_from_json(made.to_json())
        for other in (cloned, read):
            other.set_weights(made.get_weights())
        return [np.asarray(each.predict(X, verbose=0)) for each in (cloned, read)]

    for one, other in zip(*both(run), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


UTILS: dict[str, Callable[[Any], Any]] = {
    "to_categorical": lambda u: [u.to_categorical([0, 2, 1]), u.to_categorical(np.array([[1], [0]]), 4)],
    "normalize": lambda u: [u.normalize(X), u.normalize(X, axis=1, order=1)],
    "pack and unpack": lambda u: [
        part for part in u.unpack_x_y_sample_weight(u.pack_x_y_sample_weight(X, Y)) if part is not None
    ],
}


@pytest.mark.parametrize("name", UTILS)
def test_utils(name: str) -> None:
    ours, theirs = both(lambda k: [np.asarray(each) for each in UTILS[name](k.utils)])
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_progbar() -> None:
    def run(k: Any) -> str:
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            bar = k.utils.Progbar(4, verbose=2, stateful_metrics=["a"])
            bar.update(2, values=[("a", 1.0), ("b", 2.0)])
            bar.update(4, values=[("a", 3.0), ("b", 4.0)])
        return text.getvalue().partition("step - ")[2]

    ours, theirs = both(run)
    assert ours == theirs


def test_batches_of_a_py_dataset() -> None:
    def run(k: Any) -> list[float]:
        class Rows(k.utils.PyDataset):
            def __len__(self) -> int:
                return 3

            def __getitem__(self, index: int) -> Any:
                return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]

        made = model(k)
        losses = made.fit(Rows(), epochs=2, shuffle=False, verbose=0).history["loss"]
        return [*losses, *made.evaluate(Rows(), verbose=0)]

    np.testing.assert_allclose(*both(run), rtol=1e-5)
