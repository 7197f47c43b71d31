"""The regressor of tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, column_or_1d

from fastnn.sklearn.parameters import keep
from fastnn.tabular.estimator import TabularEstimator


class TabularRegressor(RegressorMixin, TabularEstimator):
    """Predicts numbers from the rows of tables as they are: numbers, strings, categories, booleans, dates, and gaps.

    The network and its training are those of `TabularClassifier`, with RealMLP's settings for numbers. Targets are
    scaled, and predictions stay within the range of the targets that were trained on.

    Args:
        hidden_layer_sizes: Units of the hidden layers.
        members: Members of the ensemble; 1 for a single network, which trains several times as fast.
        max_epochs: Epochs, over which the learning rate has its cycles.
        batch_size: Rows in a step.
        learning_rate: The highest rate; by default 0.04.
        weight_decay: Decay of kernels.
        dropout: Share of units that is dropped after each hidden layer.
        activation: Activation of the hidden layers; by default `"mish"`.
        numeric_embedding: `"pbld"`, `"piecewise_linear"` (TabM's bins), or `None` for the numbers themselves.
        embedding_size: Length of the vectors of categories.
        max_one_hot: Columns with more categories than that get vectors.
        unknown: What is done about categories that were not there in `fit`: `"warn"` and `"ignore"` take them for
            missing, `"error"` refuses them.
        validation_fraction: Share of the rows to validate with, where `fit` is not given any.
        patience: Epochs without a better one after which training stops; `None`: it takes all its epochs.
        callbacks: Callbacks of fastnn's; `val_loss` and `val_score` are in their logs.
        verbose: Whether to print each epoch's loss and score.
        random_state: Seed or generator.

    Attributes:
        table_: What was learned from the columns.
        model_: The fitted model.
        history_: Lists of every epoch's `loss`, `val_loss` and `val_score`.
        best_epoch_: Number of the epoch whose weights were kept.
        best_score_: Its R², in the mean over the outputs.
        n_iter_: Epochs.
        n_features_in_: Columns.
        feature_names_in_: Their names, where the table had some.

    >>> from sklearn.datasets import load_diabetes
    >>> x, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> regressor = TabularRegressor(max_epochs=20, random_state=0).fit(x, y)
    >>> bool(regressor.score(x, y) > 0.4)
    True
    """

    _rate = 0.04  # RealMLP's 0.2 did worse here, on the data sets of docs/tables.md
    _activation = "mish"

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        members: int = 4,
        max_epochs: int = 256,
        batch_size: int = 256,
        learning_rate: float | None = None,
        weight_decay: float = 0.02,
        dropout: float = 0.15,
        activation: str | None = None,
        numeric_embedding: str | None = "pbld",
        embedding_size: int = 8,
        max_one_hot: int = 8,
        unknown: str = "warn",
        validation_fraction: float = 0.2,
        patience: int | None = None,
        callbacks: Any = None,
        verbose: Any = False,
        random_state: Any = None,
    ) -> None:
        keep(self, locals())

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> TabularRegressor:
        """Trains on a table.

        Args:
            X: A DataFrame of pandas or Polars, or an array of shape `(rows, columns)`.
            y: Targets of the rows, of shape `(rows,)` or `(rows, outputs)`.
            sample_weight: Weights of the rows.
            X_val: A table to validate with, in place of a share of the rows.
            y_val: Its targets.

        Returns:
            The estimator itself.
        """
        self._fit(X, y, sample_weight, (X_val, y_val))
        return self

    def _targets_of(self, y: Any, reset: bool) -> np.ndarray:
        if np.asarray(y).dtype.kind in "USmM":
            raise TypeError(f"Argument `y` must hold numbers. Received: values of dtype {np.asarray(y).dtype}")
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if reset:
            self._flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        if reset:
            self._mean, spread = y.mean(axis=0), y.std(axis=0)
            self._spread = np.where(spread > 0, spread, 1.0)
            self._range = y.min(axis=0), y.max(axis=0)
        return np.asarray((y - self._mean) / self._spread)

    def _learned(self) -> dict[str, Any]:
        numbers = {"mean": self._mean, "spread": self._spread, "low": self._range[0], "high": self._range[1]}
        return {"flat": self._flat, **{name: array.tolist() for name, array in numbers.items()}}

    def _relearn(self, learned: Any) -> None:
        self._flat = bool(learned["flat"])
        mean, spread, low, high = (np.array(learned[key], np.float64) for key in ("mean", "spread", "low", "high"))
        self._mean, self._spread, self._range = mean, spread, (low, high)

    def _outputs(self) -> int:
        return len(self._mean)

    def _trained_on(self, targets: np.ndarray) -> np.ndarray:
        return targets.astype(np.float32)

    def _scores(self, targets: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> dict[str, float]:
        squares = np.average(np.square(outputs - targets), axis=0, weights=sample_weight)
        mean = np.average(targets, axis=0, weights=sample_weight)
        spread = np.average(np.square(targets - mean), axis=0, weights=sample_weight)
        ratio = squares / np.where(spread > 0, spread, 1.0)
        return {"val_loss": float(squares.mean()), "val_score": float(1 - ratio.mean())}

    def predict(self, X: Any) -> np.ndarray:
        """Returns the numbers of rows: an array `(rows,)` or `(rows, outputs)`.

        Args:
            X: A table with the columns of that in `fit`, in any order.

        Raises:
            ValueError: A column is missing, or is not known; the message names it.
            TypeError: A column holds something else than in `fit`; the message names it.
        """
        outputs = np.clip(self._predicted_of(X) * self._spread + self._mean, *self._range)
        return outputs[:, 0] if self._flat else outputs
