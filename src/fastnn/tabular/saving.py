"""Estimators of tables in files: the network's own, whose document also says what is known of the columns."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastnn.files import FileError, trusting_nothing
from fastnn.files.tensors import TensorFile
from fastnn.models.saving import load_model, write_model
from fastnn.tabular.classifier import TabularClassifier
from fastnn.tabular.estimator import TabularEstimator
from fastnn.tabular.regressor import TabularRegressor
from fastnn.tabular.table import Table

KINDS = {kind.__name__: kind for kind in (TabularClassifier, TabularRegressor)}
PLAIN = (str, bool, int, float, type(None))


def save_estimator(estimator: TabularEstimator, filepath: Any, target: str | None = None) -> None:
    """Writes a fitted estimator to a file that `load_estimator` reads: whole or not at all, and without pickle.

    `fastnn.saving.load_model` reads its network alone. Of the parameters, callbacks and what else JSON cannot say are
    left out.

    Args:
        estimator: A `TabularClassifier` or `TabularRegressor`.
        filepath: The file. Ends in `.safetensors`.
        target: Name of the column that it predicts.

    Raises:
        ValueError: The name ends otherwise.
        TypeError: The estimator is none of the two; or a column, a category or a class is no string, number or boolean.

    Example:

    >>> import os, tempfile
    >>> x, y = np.arange(40.0)[:, None], np.arange(40.0)
    >>> estimator = TabularRegressor(members=1, max_epochs=2, random_state=0).fit(x, y)
    >>> path = os.path.join(tempfile.mkdtemp(), "m.safetensors")
    >>> save_estimator(estimator, path)
    >>> bool((load_estimator(path).predict(x) == estimator.predict(x)).all())
    True
    """
    kind = type(estimator).__name__
    if KINDS.get(kind) is not type(estimator):
        raise TypeError(f"Argument `estimator` must be one of {sorted(KINDS)}. Received: {estimator!r}")
    check_is_fitted(estimator)
    path = os.fspath(filepath)
    if not path.endswith(".safetensors"):
        raise ValueError(f"Argument `filepath` must end in '.safetensors'. Received: filepath={path!r}")
    described = {
        "estimator": kind,
        "target": target,
        "parameters": {name: value for name, value in estimator.get_params().items() if _is_plain(value)},
        "table": _plain(estimator.table_.get_config()),
        "learned": _plain(estimator._learned()),
    }
    write_model(estimator.model_, path, {"tabular": described})


def load_estimator(filepath: Any) -> Any:
    """Makes the estimator that a file holds. No code of the file's is run.

    Args:
        filepath: What `save_estimator` wrote.

    Returns:
        A fitted `TabularClassifier` or `TabularRegressor`, with the attribute `target_`: what `save_estimator` was
        given.

    Raises:
        FileError: The file is damaged, or holds no estimator.
        OSError: It cannot be read.
    """
    path = os.fspath(filepath)
    described = TensorFile(path).document.get("tabular")
    if described is None:
        raise FileError(path, "it holds no estimator of tables: see `fastnn.saving.load_model`")
    model = load_model(path)
    with trusting_nothing(path):
        kind: Any = KINDS[described["estimator"]]
        parameters = described["parameters"].items()  # where JSON has lists, tuples have been
        estimator = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in parameters})
        estimator._validate_params()
        estimator.table_ = Table.from_config(described["table"])
        estimator._relearn(described["learned"])
        estimator.model_ = model
        estimator.target_ = described["target"]
        estimator._note_features()
        _check_fit(estimator)
    return estimator


def _check_fit(estimator: Any) -> None:
    """Raises `ValueError` where a network is not one for the table and the targets."""
    table = estimator.table_
    encoded = table.encoded_gaps()
    given, taken = {kind: array.shape[1] for kind, array in encoded.items()}, estimator.model_.inputs
    if [(kind, (None, width)) for kind, width in given.items()] != [(each.name, tuple(each.shape)) for each in taken]:
        raise ValueError(f"the network is not one for the columns {table.names}")
    if "ids" in given and estimator.model_.get_layer("vectors").input_dim != table.rows_of_vectors:
        raise ValueError("the network has another number of categories than the table")
    members = () if estimator.members == 1 else (estimator.members,)
    if tuple(estimator.model_.output_shape) != (None, *members, estimator._outputs()):
        raise ValueError("the network has other outputs than the estimator")


def _is_plain(value: Any) -> bool:
    return isinstance(value, PLAIN) or (isinstance(value, (list, tuple)) and all(map(_is_plain, value)))


def _plain(part: Any) -> Any:
    """The same, made of Python's own scalars, which come back from JSON as what they were."""
    if isinstance(part, dict):
        return {key: _plain(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_plain(value) for value in part]
    part = part.item() if isinstance(part, np.generic) else part
    if not isinstance(part, PLAIN):
        raise TypeError(
            "To be saved, names of columns, categories and classes must be strings, numbers or booleans. "
            f"Received: {type(part).__name__}, {part!r}"
        )
    return part
