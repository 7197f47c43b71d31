"""`fastnn train`, `fastnn predict` and `fastnn evaluate`: models of tables in files."""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import re
import sys
import zlib
from pathlib import Path
from typing import Any

from fastnn.callbacks import LambdaCallback
from fastnn.commands.running import positive, say, seed

TABLES = (".csv", ".csv.gz", ".tsv", ".parquet")
SEPARATORS = (",", ";", "\t", "|")
DECIMAL_COMMA, DECIMAL_POINT = re.compile(r"\s*[-+]?\d+,\d+\s*"), re.compile(r"\s*[-+]?\d+\.\d+\s*")
BEGINNING = 1 << 18  # characters of a CSV, by which its separators are told
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MOST_CLASSES = 20  # whole numbers that differ more are taken for amounts


def add_commands(commands: Any) -> None:
    """Adds the three commands to those of a parser."""
    text = "train a model of a table"
    train = commands.add_parser("train", help=text, description=f"{text.capitalize()}, and save it.")
    _add_table(train)
    train.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    train.add_argument("--save", required=True, type=_model, metavar="FILE", help="the model, such as m.safetensors")
    train.add_argument(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="what the target is; auto: numbers with a fraction, or of more than "
        f"{MOST_CLASSES} values, are amounts, all else are classes (default: %(default)s)",
    )
    train.add_argument("--epochs", type=positive, default=256, metavar="N", help="passes (default: %(default)s)")
    train.add_argument(
        "--members", type=positive, default=4, metavar="N", help="of the ensemble (default: %(default)s)"
    )
    train.add_argument("--seed", type=seed, default=0, metavar="N", help="of all that is random (default: %(default)s)")
    train.add_argument("--quiet", action="store_true", help="no progress on standard error")
    train.set_defaults(run=_train)

    text = "predict the rows of a table"
    predict = commands.add_parser("predict", help=text, description=f"{text.capitalize()}, as CSV.")
    predict.add_argument("model", type=_model, metavar="MODEL", help="what `fastnn train` saved")
    _add_table(predict)
    predict.add_argument("--probabilities", action="store_true", help="a column for the probability of each class, too")
    predict.add_argument("--output", type=Path, metavar="CSV", help="where to write (default: standard output)")
    predict.set_defaults(run=_predict)

    text = "measure how well a model predicts a table"
    evaluate = commands.add_parser("evaluate", help=text, description=f"{text.capitalize()}.")
    evaluate.add_argument("model", type=_model, metavar="MODEL", help="what `fastnn train` saved")
    _add_table(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _add_table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", type=_table, metavar="TABLE", help=f"a file with a row of names: {', '.join(TABLES)}")


def _table(text: str) -> str:
    if not text.endswith(TABLES):
        raise argparse.ArgumentTypeError(f"expected a name that ends in {', '.join(TABLES)}. Received: {text}")
    return text


def _model(text: str) -> str:
    if not text.endswith(".safetensors"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .safetensors. Received: {text}")
    return text


# --- tables ---


def _read(path: str, text: tuple[str, ...] = ()) -> Any:
    """A table as a DataFrame; the columns `text` of a CSV stay text, even where all of it looks like numbers."""
    import pandas

    if not os.path.isfile(path):
        raise OSError(f"There is no such file, or it is a folder. Received: {path!r}")
    try:
        if path.endswith(".parquet"):
            frame = pandas.read_parquet(path)
        else:
            separator, decimal = ("\t", ".") if path.endswith(".tsv") else _signs(path)
            frame = pandas.read_csv(
                path, sep=separator, decimal=decimal, dtype=dict.fromkeys(text, str), low_memory=False
            )
    except UnicodeDecodeError as error:
        raise ValueError(f"The table {path!r} cannot be read: it must be text in UTF-8. {error}") from error
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: python -m pip install 'fastnn-cpu[parquet]'") from error
    except (ValueError, OSError, EOFError, zlib.error) as error:  # of parser, encoding, and decompression
        raise ValueError(f"The table {path!r} cannot be read: {error}") from error
    if not len(frame) or not len(frame.columns):
        raise ValueError(f"The table {path!r} must have rows and columns. Received: {frame.shape[0]} rows")
    return frame


def _signs(path: str) -> tuple[str, str]:
    """What separates the columns of a CSV, and the decimals of its numbers, as far as its beginning shows."""
    opened: Any = gzip.open if path.endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
            beginning = file.read(BEGINNING)
    except (OSError, EOFError, zlib.error):
        return ",", "."  # pandas says what is wrong
    lines, cut = beginning.splitlines(keepends=True), len(beginning) == BEGINNING
    for separator in SEPARATORS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=separator) if row]
            rows = rows[:-1] if cut else rows  # the last one is not all there
        except csv.Error:
            continue
        if rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows):
            break
    else:
        return ",", "."
    cells = [cell for row in rows for cell in row] if separator != "," else []
    decimal = "," if any(map(DECIMAL_COMMA.fullmatch, cells)) and not any(map(DECIMAL_POINT.fullmatch, cells)) else "."
    if separator != ",":
        say(f"{path}: columns are separated by {separator!r}{', and decimals by a comma' if decimal == ',' else ''}")
    return separator, decimal


def _with_dates(frame: Any, wanted: list[str] | None = None) -> Any:
    """The table with its columns of dates in ISO 8601 as such: those `wanted`, or all that hold nothing else."""
    import pandas

    for name in frame.columns if wanted is None else wanted:
        column = frame[name]
        if column.dtype.kind in "buifmM" or not column.notna().any():
            continue
        if wanted is None and not column.dropna().map(_looks_like_a_date).all():
            continue  # years and codes are dates to pandas
        try:
            frame[name] = pandas.to_datetime(column, format="ISO8601", utc=False)
        except (ValueError, TypeError):
            continue  # the estimator says which column it is, and what it holds
    return frame


def _looks_like_a_date(cell: Any) -> bool:
    return not isinstance(cell, str) or DATE.match(cell) is not None


def _with_target(frame: Any, target: str, path: str) -> tuple[Any, Any]:
    """The other columns and the target, of the rows where there is one."""
    if target not in frame.columns:
        raise ValueError(
            f"The target must be a column of {path!r}: {', '.join(map(str, frame.columns))}. Received: {target!r}"
        )
    known = frame[target].notna()
    if not known.all():
        say(f"{path}: {int((~known).sum())} rows have no {target!r} and are left out")
    return frame.loc[known].drop(columns=target), frame.loc[known, target]


def _whole(y: Any) -> Any:
    """Whole numbers as such, which pandas reads as floats where some are missing."""
    return y.astype(int) if y.dtype.kind == "f" and not (y % 1).any() else y


def _for_model(path: str, estimator: Any) -> Any:
    """The table with the columns that a model knows, and its target where that is there."""
    from fastnn.tabular.columns import Categories, Dates

    columns = estimator.table_.columns
    frame = _read(path, tuple(c.name for c in columns if isinstance(c, Categories) and c.text))
    known = [name for name in frame.columns if name in estimator.table_.names]
    ignored = [str(name) for name in frame.columns if name not in known and name != estimator.target_]
    if ignored:
        say(f"{path}: columns that the model does not know are left out: {', '.join(ignored)}")
    frame = frame.drop(columns=ignored)
    return _with_dates(frame, [c.name for c in columns if isinstance(c, Dates) and c.name in known])


# --- commands ---


def _tabular() -> Any:
    """The module of the estimators; whatever it takes is looked for here, before time is spent."""
    try:
        import pandas  # noqa: F401
        import safetensors  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"Tables need {error.name}. Install the extra: python -m pip install 'fastnn-cpu[tables]'"
        ) from error
    from fastnn import tabular

    return tabular


def _train(arguments: argparse.Namespace) -> int:
    tabular = _tabular()
    folder = os.path.dirname(os.path.abspath(arguments.save))
    if os.path.isdir(arguments.save) or not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(f"--save must name a file in a folder that can be written to. Received: {arguments.save!r}")
    frame = _read(arguments.table)
    x, y = _with_target(frame, arguments.target, arguments.table)
    x = _with_dates(x)
    y = _whole(y)
    if arguments.task == "auto":
        regression = y.dtype.kind == "f" or (y.dtype.kind in "ui" and y.nunique() > MOST_CLASSES)
    else:
        regression = arguments.task == "regression"
    wanted, kinds = ("numbers", "buif") if regression else ("numbers or text", "buifO")
    if y.dtype.kind not in kinds:
        raise ValueError(f"The target must be {wanted}. Received: {arguments.target!r}, {y.dtype}")
    kind = tabular.TabularRegressor if regression else tabular.TabularClassifier
    score = "R²" if regression else "accuracy"
    step = max(1, arguments.epochs // 10)

    def progress(epoch: int, logs: Any) -> None:
        if not arguments.quiet and ((epoch + 1) % step == 0 or epoch + 1 == arguments.epochs):
            say(f"epoch {epoch + 1}/{arguments.epochs}: loss {logs['loss']:.4g}, {score} {logs['val_score']:.4f}")

    estimator = kind(
        members=arguments.members,
        max_epochs=arguments.epochs,
        random_state=arguments.seed,
        callbacks=[LambdaCallback(on_epoch_end=progress)],
    )
    estimator.fit(x, y.to_numpy())
    tabular.save_estimator(estimator, arguments.save, arguments.target)
    print(f"rows      {len(x)}")
    print(f"columns   {x.shape[1]}")
    print(f"task      {'regression' if regression else f'classification, {len(estimator.classes_)} classes'}")
    print(f"{score:<9} {estimator.best_score_:.4f} on rows held out")
    print(f"saved     {arguments.save}")
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    import numpy as np

    tabular = _tabular()
    estimator = tabular.load_estimator(arguments.model)
    x = _for_model(arguments.table, estimator).drop(columns=estimator.target_, errors="ignore")
    names = hasattr(estimator, "classes_")
    if arguments.probabilities and not names:
        raise ValueError("Only classes have probabilities. Received: --probabilities for a model of amounts")
    if names:
        probabilities = estimator.predict_proba(x)
        predicted = estimator.classes_[np.argmax(probabilities, axis=1)]
    else:
        predicted = estimator.predict(x)
    table = x[[]].assign(**{estimator.target_: predicted})
    if arguments.probabilities:
        for number, label in enumerate(estimator.classes_):
            table[f"p({label})"] = probabilities[:, number]
    if arguments.output is None:
        table.to_csv(sys.stdout, index=False)
    else:
        from fastnn.files import replacing

        with replacing(arguments.output) as file:
            file.write(table.to_csv(index=False).encode())
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    tabular = _tabular()
    from sklearn import metrics

    estimator = tabular.load_estimator(arguments.model)
    x, y = _with_target(_for_model(arguments.table, estimator), estimator.target_, arguments.table)
    results: dict[str, float] = {"rows": len(x)}
    if hasattr(estimator, "classes_"):
        y = _whole(y)
        if y.dtype.kind in "iuf" and estimator.classes_.dtype.kind == "U":
            y = y.astype(str)
        strange = sorted(set(map(str, y.unique())) - set(map(str, estimator.classes_)))
        if strange:
            raise ValueError(f"The target holds classes that the model was not trained on. Received: {strange[:10]}")
        y = y.to_numpy().astype(estimator.classes_.dtype)
        probabilities = estimator.predict_proba(x)
        results["accuracy"] = metrics.accuracy_score(y, estimator.classes_[probabilities.argmax(axis=1)])
        results["log loss"] = metrics.log_loss(y, probabilities, labels=estimator.classes_)
    else:
        predicted = estimator.predict(x)
        results["R²"] = metrics.r2_score(y, predicted)
        results["RMSE"] = metrics.mean_squared_error(y, predicted) ** 0.5
        results["MAE"] = metrics.mean_absolute_error(y, predicted)
    for name, value in results.items():
        print(f"{name:<9} {value:.6g}")
    return 0
