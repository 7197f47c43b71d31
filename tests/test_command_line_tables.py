"""`fastnn train`, `predict` and `evaluate`: a table in, a model in a file, predictions out."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

from fastnn import __main__ as command_line
from fastnn import saving, tabular
from fastnn.commands import tables
from fastnn.files import tensors
from fastnn.files.tensors import TensorFile


@pytest.fixture(scope="module")
def houses() -> pandas.DataFrame:
    random = np.random.default_rng(0)
    size, town = random.uniform(30, 200, 200), random.choice(["Ulm", "Bonn", "Kiel"], 200)
    frame = pandas.DataFrame({"size": size, "town": town, "code": random.choice(list("0123456789ab"), 200)})
    frame["sold"] = pandas.date_range("2020-01-01", periods=200).astype(str)
    frame["price"] = size * 3.5 + (town == "Ulm") * 100
    frame["dear"] = np.where(frame["price"] > 450, "yes", "no")
    frame.loc[3, "size"] = np.nan
    return frame


def main(*words: object) -> int:
    return command_line.main([str(word) for word in words])


@pytest.fixture(scope="module")
def folder(houses: pandas.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("houses")
    houses.drop(columns="dear").to_csv(folder / "price.csv", index=False)
    houses.drop(columns="price").to_csv(folder / "dear.csv", index=False)
    for target in ("price", "dear"):
        words = ("--target", target, "--save", folder / f"{target}.safetensors", "--epochs", 30, "--members", 2)
        assert main("train", folder / f"{target}.csv", *words) == 0
    return folder


def test_train_says_what_it_learned_and_progress_is_on_standard_error(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--target", "price", "--save", tmp_path / "m.safetensors", "--epochs", 2, "--members", 1)
    assert main("train", folder / "price.csv", *words) == 0
    printed = capsys.readouterr()
    assert "task      regression" in printed.out
    assert "epoch 2/2: loss" in printed.err
    assert "epoch" not in printed.out
    assert main("train", folder / "price.csv", *words, "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_numbers_are_predicted_and_evaluated(
    folder: Path, houses: pandas.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("evaluate", folder / "price.safetensors", folder / "price.csv") == 0
    results = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert results["rows"] == "200"
    assert float(results["R²"]) > 0.8
    assert main("predict", folder / "price.safetensors", folder / "price.csv") == 0
    predicted = pandas.read_csv(io.StringIO(capsys.readouterr().out))["price"]
    error = np.mean(np.abs(predicted - houses["price"]))
    assert float(results["MAE"]) == pytest.approx(error, rel=1e-4)


def test_classes_are_predicted_and_evaluated(
    folder: Path, houses: pandas.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("evaluate", folder / "dear.safetensors", folder / "dear.csv") == 0
    accuracy = float(capsys.readouterr().out.splitlines()[1].split()[1])
    assert accuracy > 0.8
    output = tmp_path / "out.csv"
    assert main("predict", folder / "dear.safetensors", folder / "dear.csv", "--probabilities", "--output", output) == 0
    assert capsys.readouterr().out == ""
    table = pandas.read_csv(output)
    assert list(table.columns) == ["dear", "p(no)", "p(yes)"]
    assert (table["dear"] == houses["dear"]).mean() == pytest.approx(accuracy)
    np.testing.assert_allclose(table["p(no)"] + table["p(yes)"], 1)


def test_text_that_looks_like_numbers_stays_text(
    folder: Path, houses: pandas.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = houses[houses["code"].str.isdigit()].drop(columns="dear")
    some.to_csv(tmp_path / "some.csv", index=False)
    assert main("predict", folder / "price.safetensors", tmp_path / "some.csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(some) + 1


def test_columns_that_lack_or_are_strange(
    folder: Path, houses: pandas.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    houses.assign(id=1).to_csv(tmp_path / "more.csv", index=False)
    assert main("predict", folder / "price.safetensors", tmp_path / "more.csv") == 0
    assert "left out: dear, id" in capsys.readouterr().err
    houses[["size", "sold", "code"]].to_csv(tmp_path / "less.csv", index=False)
    assert main("predict", folder / "price.safetensors", tmp_path / "less.csv") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "'town'" in printed.err
    words = ("--target", "cost", "--save", tmp_path / "m.safetensors")
    assert main("train", folder / "price.csv", *words) == 1
    assert "Received: 'cost'" in capsys.readouterr().err
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize(("separator", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("|", ",")])
def test_other_separators_are_told_by_the_beginning(
    separator: str,
    decimal: str,
    folder: Path,
    houses: pandas.DataFrame,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "BEGINNING", 2020)
    rows = houses.drop(columns="dear").round(3).assign(note='a, b; c\t| d\n"e"')
    rows.to_csv(tmp_path / "plain.csv", index=False)
    rows.to_csv(tmp_path / "other.csv.gz", index=False, sep=separator, decimal=decimal)
    printed = []
    for name in ("plain.csv", "other.csv.gz"):
        assert main("predict", folder / "price.safetensors", tmp_path / name) == 0
        printed.append(capsys.readouterr())
    assert printed[0].out == printed[1].out
    assert f"columns are separated by {separator!r}" in printed[1].err
    assert ("decimals by a comma" in printed[1].err) == (decimal == ",")


def test_parquet(folder: Path, houses: pandas.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Types come from the file: categories, dates, gaps in whole numbers, and text of digits."""
    typed = houses.drop(columns="dear").assign(
        town=houses["town"].astype("category"),
        sold=pandas.to_datetime(houses["sold"]),
        code=(houses["code"].index % 3).astype(str),
        year=[str(2000 + at % 3) for at in range(len(houses))],
        rooms=pandas.array([None if at % 7 == 0 else at % 5 for at in range(len(houses))], dtype="Int64"),
    )
    table, model = tmp_path / "houses.parquet", tmp_path / "m.safetensors"
    typed.to_parquet(table)
    assert main("train", table, "--target", "price", "--save", model, "--epochs", 30, "--members", 1, "--quiet") == 0
    capsys.readouterr()
    assert main("evaluate", model, table) == 0
    assert float(dict(line.split() for line in capsys.readouterr().out.splitlines())["R²"]) > 0.8
    kinds = {column.name: type(column).__name__ for column in tabular.load_estimator(model).table_.columns}
    assert kinds == {
        "size": "Numbers", "town": "Categories", "code": "Categories", "sold": "Dates", "year": "Categories",
        "rooms": "Numbers",
    }  # fmt: skip
    assert main("predict", model, table) == 0
    predicted = capsys.readouterr().out
    typed.to_csv(tmp_path / "houses.csv", index=False)
    assert main("predict", model, tmp_path / "houses.csv") == 0  # the same rows, whatever they were written as
    assert capsys.readouterr().out == predicted
    typed.assign(rooms="many").to_parquet(table)
    assert main("predict", model, table) == 1
    assert "Column 'rooms' held numbers" in capsys.readouterr().err


def test_parquet_without_pyarrow(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pandas, "read_parquet", refuse)
    (tmp_path / "t.parquet").touch()
    assert main("evaluate", folder / "price.safetensors", tmp_path / "t.parquet") == 1
    assert "fastnn-cpu[parquet]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.csv", None),
        ("empty.csv", b""),
        ("names alone.csv", b"size,town\n"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3,4\n"),
        ("binary.csv", bytes(range(256)) * 20),
        ("of Windows.csv", "größe,b\n1,2\n".encode("cp1252")),
        ("short.csv.gz", gzip.compress(b"a,b\n1,2\n" * 100)[:-20]),
        ("damaged.csv.gz", gzip.compress(b"a,b\n1,2\n" * 100)[:20] + bytes(40)),
        ("no.csv.gz", b"a,b\n1,2\n"),
        ("no.parquet", b"a,b\n1,2\n"),
        ("short.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    ],
)
def test_tables_that_cannot_be_read(
    name: str, content: bytes | None, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    for words in (
        ("train", tmp_path / name, "--target", "b", "--save", tmp_path / "m.safetensors"),
        ("predict", folder / "price.safetensors", tmp_path / name),
    ):
        assert main(*words) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("fastnn: error: ")
        assert name in printed.err
        assert "Traceback" not in printed.err
    assert not (tmp_path / "m.safetensors").exists()


def test_where_a_model_cannot_be_saved_is_said_before_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    for save in (tmp_path / "absent" / "m.safetensors", tmp_path / "folder.safetensors"):
        assert main("train", folder / "price.csv", "--target", "price", "--save", save) == 1
        printed = capsys.readouterr().err
        assert "--save must name a file" in printed
        assert "epoch" not in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "t.xlsx", "--target", "y", "--save", "m.safetensors"), "Received: t.xlsx"),
        (("train", "t.csv", "--target", "y", "--save", "m.keras"), "Received: m.keras"),
        (("train", "t.csv", "--target", "y", "--save", "m.safetensors", "--epochs", "0"), "whole number. Received: 0"),
        (("train", "t.csv", "--target", "y", "--save", "m.safetensors", "--members", "x"), "whole number. Received: x"),
        (("train", "t.csv", "--target", "y", "--save", "m.safetensors", "--seed", "-1"), "from 0 to 4294967295"),
        (("train", "t.csv", "--save", "m.safetensors"), "--target"),
        (("evaluate", "m.safetensors"), "TABLE"),
        (("learn",), "invalid choice"),
    ],
    ids=str,
)
def test_wrong_words(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(*words)
    assert left.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "task", "message"),
    [
        ([1, 0, None] * 20, "classification", None),
        (["a", "b"] * 30, "regression", "The target must be numbers. Received: 'y'"),
        ([0.5, 1.5] * 30, "classification", "Unknown label type"),
        ([None, None] * 30, "auto", "y"),
        (["a"] * 60, "auto", "one class"),
    ],
    ids=str,
)
def test_targets(
    labels: list[object], task: str, message: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, model = tmp_path / "t.csv", tmp_path / "m.safetensors"
    pandas.DataFrame({"x": range(60), "y": labels}).to_csv(table, index=False)
    words = ("--target", "y", "--save", model, "--epochs", 2, "--members", 1, "--task", task, "--quiet")
    assert main("train", table, *words) == (message is not None)
    printed = capsys.readouterr()
    if message is not None:
        assert message in printed.err
        assert not model.exists()
        return
    assert main("evaluate", model, table) == 0  # the same gaps
    assert "rows      40" in capsys.readouterr().out


def test_a_network_without_a_table_is_no_estimator(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saving.load_model(folder / "price.safetensors").save(tmp_path / "m.safetensors")
    assert main("predict", tmp_path / "m.safetensors", folder / "price.csv") == 1
    assert "holds no estimator of tables" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [tabular.TabularClassifier, tabular.TabularRegressor])
def test_estimators_come_back_from_files_as_they_were(kind: type, houses: pandas.DataFrame, tmp_path: Path) -> None:
    x = houses.drop(columns=["price", "dear"]).assign(sold=pandas.to_datetime(houses["sold"]), big=houses["size"] > 99)
    y = houses["dear" if kind is tabular.TabularClassifier else "price"]
    estimator = kind(members=2, max_epochs=3, random_state=0, unknown="ignore").fit(x, y)
    tabular.save_estimator(estimator, tmp_path / "m.safetensors")
    again = tabular.load_estimator(tmp_path / "m.safetensors")
    assert again.get_params() == estimator.get_params()
    assert list(again.feature_names_in_) == list(x.columns)
    assert again.score(x, y) == estimator.score(x, y)
    x.loc[:3, "town"] = "Rome"  # unknown
    np.testing.assert_array_equal(again.predict(x), estimator.predict(x))


def _lies(described: dict) -> list[dict]:
    """Descriptions that do not fit the network, or are none at all."""
    lies: list[dict] = [json.loads(json.dumps(described)) for _ in range(6)]
    lies[0]["table"]["columns"][2]["categories"] += list("cdefgh")  # more than there are vectors
    lies[1]["table"]["columns"].pop()
    lies[2]["parameters"]["members"] = 1
    lies[3]["parameters"]["nonsense"] = 1
    lies[4]["estimator"] = "os.system"
    lies[5]["table"]["columns"][0]["scale"]["median"] = [[1], 2]
    return lies


def test_descriptions_that_lie_are_refused(folder: Path, tmp_path: Path) -> None:
    file = TensorFile(folder / "price.safetensors")
    arrays = {name: file.array(name) for name in file.names}
    for lie in _lies(file.document["tabular"]):
        tensors.write(tmp_path / "m.safetensors", arrays, {**file.document, "tabular": lie})
        with pytest.raises(saving.FileError):
            tabular.load_estimator(tmp_path / "m.safetensors")


def test_what_json_cannot_say_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    x = pandas.DataFrame({"pair": [(1, 2), (3, 4)] * 10, "n": range(20)})
    estimator = tabular.TabularRegressor(members=1, max_epochs=1, random_state=0).fit(x, np.arange(20.0))
    with pytest.raises(TypeError, match="Received: tuple"):
        tabular.save_estimator(estimator, tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["pandas", "safetensors", "sklearn"])
def test_the_extra_is_named_before_anything_is_done(
    missing: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert main("train", folder / "price.csv", "--target", "price", "--save", folder / "x.safetensors") == 1
    printed = capsys.readouterr()
    assert printed.err == (
        f"fastnn: error: Tables need {missing}. Install the extra: python -m pip install 'fastnn-cpu[tables]'\n"
    )
    assert printed.out == ""
