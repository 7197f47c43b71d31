"""Models of tables on real data sets that packages ship: how good, and how long a fit takes.

python benchmarks/tables.py              measures all, keeps the result, and writes the table in docs/tables.md
python benchmarks/tables.py --only iris  measures some data sets; the others stay as they are in the result
python benchmarks/tables.py --times      measures only times, of a fit of each model to each data set, in a few minutes
python benchmarks/tables.py --write      only writes the table from the result that is kept
python benchmarks/tables.py --check      only says whether the table is up to date (exit code 1 where not)

Needs scikit-learn and pandas; `palmerpenguins` and `vega_datasets` add three tables with text, dates and gaps, and
`pytabkit`, which needs PyTorch, its RealMLP: `python -m pip install pytabkit palmerpenguins vega_datasets`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastnn.bench.environment import describe
from fastnn.tabular import TabularClassifier, TabularRegressor

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "tables" / "result.json"
DOCUMENT = HERE.parent / "docs" / "tables.md"
BEGIN, END = "<!-- tables:begin -->", "<!-- tables:end -->"
FOLDS = 5


class Data(NamedTuple):
    """A table, its targets, and whether these are classes."""

    x: pd.DataFrame
    y: Any
    classifies: bool


def of_scikit_learn(name: str, classifies: bool) -> Callable[[], Data]:
    def load() -> Data:
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
        return Data(x, y.to_numpy(), classifies)

    return load


def penguins() -> Data:
    from palmerpenguins import load_penguins

    table = load_penguins()
    return Data(table.drop(columns="species"), table["species"].to_numpy(str), True)


def cars() -> Data:
    from vega_datasets import local_data

    table = local_data.cars().dropna(subset="Miles_per_Gallon").reset_index(drop=True)
    return Data(table.drop(columns=["Name", "Miles_per_Gallon"]), table["Miles_per_Gallon"].to_numpy(), False)


def weather() -> Data:
    from vega_datasets import local_data

    table = local_data.seattle_weather()
    return Data(table.drop(columns="weather"), table["weather"].to_numpy(str), True)


DATA: dict[str, Callable[[], Data]] = {
    "breast cancer": of_scikit_learn("breast_cancer", True),
    "wine": of_scikit_learn("wine", True),
    "iris": of_scikit_learn("iris", True),
    "digits": of_scikit_learn("digits", True),
    "diabetes": of_scikit_learn("diabetes", False),
    "linnerud": of_scikit_learn("linnerud", False),
    "penguins": penguins,
    "cars": cars,
    "weather": weather,
}


def without_dates(x: pd.DataFrame) -> pd.DataFrame:
    """Dates as numbers, and text as categories: for the peers, which take no others."""
    x = x.copy()
    for name in x.select_dtypes("datetime"):
        dates = x.pop(name).dt
        x[f"{name} year"], x[f"{name} day"] = dates.year, dates.day_of_year
    for name in x.columns:
        if not pd.api.types.is_numeric_dtype(x[name]):
            x[name] = x[name].astype("category")
    return x


def perceptron(data: Data) -> Any:
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        remainder=make_pipeline(SimpleImputer(), StandardScaler()),
    )
    network = MLPClassifier if data.classifies else MLPRegressor
    return make_pipeline(encoder, network(max_iter=1000, random_state=0))


def boosting(data: Data) -> Any:
    if data.classifies:
        return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    trees = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    return trees if data.y.ndim == 1 else MultiOutputRegressor(trees)


def real_mlp(data: Data) -> Any:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    filled = make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_exclude="category")),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    network = RealMLP_TD_Classifier if data.classifies else RealMLP_TD_Regressor
    return make_pipeline(filled, network(device="cpu", random_state=0))


def ours(members: int, **settings: Any) -> Callable[[Data], Any]:
    def make(data: Data) -> Any:
        kind: Any = TabularClassifier if data.classifies else TabularRegressor
        return kind(members=members, unknown="ignore", random_state=0, **settings)

    return make


MODELS: dict[str, Callable[[Data], Any]] = {
    "fastnn": ours(4),
    "fastnn, 1 member": ours(1),
    "scikit-learn's MLP": perceptron,
    "HistGradientBoosting": boosting,
    **({"pytabkit's RealMLP": real_mlp} if importlib.util.find_spec("pytabkit") else {}),
}


def folds_of(data: Data, make: Callable[[Data], Any], folds: int) -> Iterator[tuple[Any, Any]]:
    """The table as the model takes it, and the rows to train on and to test with, for each fold."""
    split = (StratifiedKFold if data.classifies else KFold)(folds, shuffle=True, random_state=0)
    x = data.x if make.__qualname__.startswith("ours") else without_dates(data.x)
    for train, test in split.split(x, data.y if data.classifies else None):
        yield (x.iloc[train], data.y[train]), (x.iloc[test], data.y[test])


def scores(data: Data, make: Callable[[Data], Any], folds: int = FOLDS) -> dict[str, list[float]]:
    """How good the model is in each fold."""
    found: dict[str, list[float]] = {"score": [], **({"log_loss": []} if data.classifies else {})}
    for train, (x, y) in folds_of(data, make, folds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that iterations ended
            model = make(data).fit(*train)
            found["score"].append(float(model.score(x, y)))
            if data.classifies:
                found["log_loss"].append(float(log_loss(y, model.predict_proba(x), labels=model.classes_)))
    return found


def seconds(data: Data, make: Callable[[Data], Any], folds: int = FOLDS) -> float:
    """How long a fit to the rows of the first fold takes."""
    train, _ = next(folds_of(data, make, folds))
    model = make(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        model.fit(*train)
        return time.perf_counter() - began


def measure(names: list[str], times_alone: bool) -> None:
    """Measures data sets, and keeps what was found; what was found before of others, and by other models, stays."""
    result: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {"data": {}}
    packages = ("scikit-learn", "pandas", *(("pytabkit", "torch") if importlib.util.find_spec("pytabkit") else ()))
    result["environment"], result["folds"] = describe(), FOLDS
    result["versions"] = {name: metadata.version(name) for name in packages}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            data = DATA[name]()
        except ImportError as error:
            print(f"{name}: left out ({error})", file=sys.stderr)
            continue
        shape = {"rows": len(data.x), "columns": data.x.shape[1], "classifies": data.classifies}
        kept = result["data"].setdefault(name, {"models": {}})
        kept.update(shape)
        for label, make in MODELS.items():
            found = kept["models"].setdefault(label, {})
            if not times_alone:
                found.update(scores(data, make))
            found["seconds"] = seconds(data, make)
            print(f"{name:14} {label:22} {_score(found)}  {_seconds(found)}", flush=True)
        result["data"] = {each: result["data"][each] for each in DATA if each in result["data"]}
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _score(found: dict[str, Any]) -> str:
    score = f"{np.mean(found['score']):.3f} ± {np.std(found['score']):.3f}"
    return f"{score} ({np.mean(found['log_loss']):.3f})" if "log_loss" in found else score


def _seconds(found: dict[str, Any]) -> str:
    return f"{found['seconds']:.2g} s"


def document(result: dict[str, Any]) -> str:
    """The table, and what it was measured on and with."""
    e, versions = result["environment"], result["versions"]
    labels = list(next(iter(result["data"].values()))["models"])
    rows = [["data set", "rows × columns", *labels], ["---"] * (len(labels) + 2)]
    for name, data in result["data"].items():
        models = data["models"]
        cells = [f"{_score(models[label])}, {_seconds(models[label])}" if label in models else "" for label in labels]
        what = "accuracy" if data["classifies"] else "R²"
        rows.append([f"{name} ({what})", f"{data['rows']} × {data['columns']}", *cells])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    machine = f"{e['cpu']}, {e['cores']} cores, {e['isa']}, {e['threads']} threads, {e['compiler']}"
    software = ", ".join([f"Python {e['python']}", f"NumPy {e['numpy']}", *(f"{k} {v}" for k, v in versions.items())])
    return (
        f"{table}\n\nAccuracy (and log loss), or R², as mean ± standard deviation over {result['folds']} folds; and "
        f"the time of one fit, to the rows of the first fold. {machine}, {software}, fastnn {e['fastnn']} at "
        f"{(e['commit'] or 'unknown')[:12]}, {e['date'][:10]}."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Models of tables: how good, and how long a fit takes.")
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA), metavar="NAME", help="some data sets")
    parser.add_argument("--times", action="store_true", help="only measure times")
    parser.add_argument("--write", action="store_true", help="only write the table from the result that is kept")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where the table is old")
    given = parser.parse_args(arguments)
    if not (given.write or given.check):
        measure(given.only, given.times)
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    wanted = f"{before}{BEGIN}\n{document(json.loads(RESULT.read_text(encoding='utf-8')))}\n{END}{after}"
    if given.check and wanted != text:
        print("docs/tables.md differs from the result: run `python benchmarks/tables.py --write`.", file=sys.stderr)
        return 1
    if not given.check:
        DOCUMENT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
