"""Documents of files with anything in the place of anything, and further loaders: a sound object or one clear error."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn import Model, Sequential, exchange, layers, losses, models, ops, optimizers, saving, tabular
from fastnn import __main__ as command_line
from test_hostile_files import CHANGES, NUMBERS, THE_SAME_EACH_TIME, altered, archive, members_of, network, rewritten

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**13), 10**13),
    st.floats(),
    st.sampled_from(["", "x", "relu", "/etc/passwd", "a" * 10_000, "adam", "mse"]),
    st.sampled_from([[], [1], [None], [10**6, 10**6], {}, {"class_name": "Dense", "config": {"units": 3}}]),
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in nested lists and dictionaries."""
    found = [path] if path else []
    if isinstance(document, (dict, list)):
        for key, part in document.items() if isinstance(document, dict) else enumerate(document):
            found.extend(places(part, (*path, key)))
    return found


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The documents of three formats, of a graph with most there is; and of an estimator of tables."""
    left, right = layers.Input((4,), name="left"), layers.Input((2,), name="right")
    h = layers.LayerNormalization()(layers.Dense(5, "gelu", kernel_regularizer="l2")(left))
    h = layers.Concatenate()([h, layers.Flatten()(layers.Embedding(7, 3)(right))]) * 2.0
    inner = Sequential([layers.Input((3,)), layers.Dense(2), layers.BatchNormalization(), layers.PReLU()])
    model = Model([left, right], [layers.Dense(1, name="one")(h), inner(ops.where(h[:, 1:4] > 0, h[:, 1:4], 0.5))])
    rate = optimizers.schedules.CosineDecay(0.1, 100)
    model.compile(
        optimizers.AdamW(rate, weight_decay=0.1, use_ema=True), ["mse", losses.Huber()], metrics=[["mae"], ["mse"]]
    )
    folder = tmp_path_factory.mktemp("documents")
    model.save(folder / "m.keras")
    model.optimizer.set_group(".*bias", learning_rate_multiplier=2.0)
    model.save(folder / "m.safetensors")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"number": rng.normal(size=60), "word": rng.choice(["a", "b", "c"], 60)})
    table["flag"], table["day"] = table["number"] > 0, pd.date_range("2020", periods=60)
    estimator = tabular.TabularClassifier(members=2, max_epochs=1, random_state=0).fit(
        table, rng.choice(["u", "v"], 60)
    )
    tabular.save_estimator(estimator, folder / "e.safetensors")
    files = {name: (folder / name).read_bytes() for name in ("m.safetensors", "m.keras", "e.safetensors")}
    return {**files, "json": model.to_json()}


def exchanged(document: Any, changes: list[Any]) -> None:
    """Puts anything in the place of anything, in the document."""
    for number, value in changes:
        paths = places(document)
        *outer, last = paths[number % len(paths)]
        part: Any = document
        for key in outer:
            part = part[key]
        part[last] = value


@pytest.mark.parametrize("name", ["m.safetensors", "m.keras", "e.safetensors", "json"])
@given(changes=st.lists(st.tuples(NUMBERS, VALUES), min_size=1, max_size=3))
@settings(THE_SAME_EACH_TIME, max_examples=250)
def test_documents_with_anything_in_them(
    name: str, changes: list[Any], documents: dict[str, Any], tmp_path: Path
) -> None:
    whole, path = documents[name], tmp_path / name
    if name == "json":
        document = json.loads(whole)
        exchanged(document, changes)
        with contextlib.suppress(ValueError):
            models.model_from_json(json.dumps(document))
        return
    if name == "m.keras":
        members = members_of(whole)
        document = json.loads(members["config.json"])
        exchanged(document, changes)
        path.write_bytes(archive({**members, "config.json": json.dumps(document).encode()}))
    else:
        path.write_bytes(rewritten(whole, lambda header, document: exchanged(document, changes)))
    with contextlib.suppress(saving.FileError):
        loaded = tabular.load_estimator(path) if name[0] == "e" else saving.load_model(path)
        assert all(np.isfinite(w).all() for w in (loaded.model_ if name[0] == "e" else loaded).get_weights())


def test_estimators_whose_columns_are_damaged(documents: dict[str, Any], tmp_path: Path) -> None:
    def column(at: int, **changes: Any) -> Callable[[Any, Any], None]:
        return lambda header, document: document["tabular"]["table"]["columns"][at].update(changes)

    path = tmp_path / "e.safetensors"
    for change in (
        column(1, categories=["a", "b", "b"]),
        column(1, categories=[["a"], "b", "c"]),
        column(1, unknown="shout"),
        column(0, name="word"),
        column(0, name=["number"]),
    ):
        path.write_bytes(rewritten(documents["e.safetensors"], change))
        with pytest.raises(saving.FileError):
            tabular.load_estimator(path)


@given(changes=CHANGES)
@THE_SAME_EACH_TIME
def test_damaged_state_dicts(changes: list[Any], tmp_path: Path) -> None:
    model = Sequential([layers.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(1)])
    exchange.to_state_dict(model, tmp_path / "s.safetensors")
    (tmp_path / "s.safetensors").write_bytes(altered((tmp_path / "s.safetensors").read_bytes(), changes))
    before = model.get_weights()
    try:
        exchange.load_state_dict(model, tmp_path / "s.safetensors")
    except saving.FileError as error:
        told = str(error)
        assert "s.safetensors' cannot be loaded" in told
        for mine, kept in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, kept)
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("name", ["m.safetensors", "m.keras", "m.onnx", "m.weights.h5"])
@given(changes=CHANGES)
@settings(THE_SAME_EACH_TIME, max_examples=60)
def test_commands_on_damaged_files(name: str, changes: list[Any], tmp_path: Path) -> None:
    model = network()
    if name == "m.onnx":
        model.export(tmp_path / name, format="onnx")
    else:
        (model.save_weights if name == "m.weights.h5" else model.save)(tmp_path / name)
    (tmp_path / name).write_bytes(altered((tmp_path / name).read_bytes(), changes))
    for words in (["inspect", str(tmp_path / name)], ["convert", str(tmp_path / name), str(tmp_path / "to.c")]):
        if words[0] == "convert" and name == "m.weights.h5":
            continue  # weights alone are no model
        told = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
            code = command_line.main(words)
        assert code in (0, 1)
        assert code == 0 or (told.getvalue().startswith("fastnn: error: ") and len(told.getvalue().splitlines()) == 1)
