"""The classifier of tables."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from fastnn.sklearn.parameters import keep
from fastnn.tabular.estimator import TabularEstimator

TEMPERATURES = (0.2, 5.0)


class TabularClassifier(ClassifierMixin, TabularEstimator):
    """Classifies the rows of tables as they are: numbers, strings, categories, booleans, dates, and gaps.

    The network and its training are RealMLP's (Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default: Strong
    Pre-Tuned MLPs and Boosted Trees on Tabular Data"), with the ensemble in one pass that is TabM's (Gorishniy,
    Kotelnikov and Babenko 2024, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling"): robust
    scaling and smooth clipping, one number for each of few categories and vectors for those of many, periodic
    embeddings of numbers, a layer of factors, three hidden layers, label smoothing, AdamW over four cycles of the
    learning rate, with rates of their own for each kind of weight. The weights that follow the epochs of the smallest
    losses on a share of the rows are kept, and probabilities are calibrated on that share by a temperature.

    Args:
        hidden_layer_sizes: Units of the hidden layers.
        members: Members of the ensemble; 1 for a single network, which trains several times as fast.
        max_epochs: Epochs, over which the learning rate has its cycles.
        batch_size: Rows in a step.
        learning_rate: The highest rate; by default RealMLP's, 0.04.
        weight_decay: Decay of kernels.
        dropout: Share of units that is dropped after each hidden layer.
        label_smoothing: How far classes are drawn towards equal probabilities.
        activation: Activation of the hidden layers; by default `"selu"`.
        numeric_embedding: `"pbld"`, `"piecewise_linear"` (TabM's bins), or `None` for the numbers themselves.
        embedding_size: Length of the vectors of categories.
        max_one_hot: Columns with more categories than that get vectors.
        unknown: What is done about categories that were not there in `fit`: `"warn"` and `"ignore"` take them for
            missing, `"error"` refuses them.
        class_weight: Weights of classes by label, or `"balanced"`.
        validation_fraction: Share of the rows to validate with, where `fit` is not given any.
        patience: Epochs without a better one after which training stops; `None`: it takes all its epochs.
        calibrate: Whether to calibrate probabilities.
        callbacks: Callbacks of fastnn's; `val_loss` and `val_score` are in their logs.
        verbose: Whether to print each epoch's loss and score.
        random_state: Seed or generator.

    Attributes:
        classes_: The labels.
        table_: What was learned from the columns.
        model_: The fitted model.
        history_: Lists of every epoch's `loss`, `val_loss` and `val_score`.
        best_epoch_: Number of the epoch whose weights were kept.
        best_score_: Its accuracy.
        temperature_: What logarithms of probabilities are divided by; 1 without `calibrate`.
        n_iter_: Epochs.
        n_features_in_: Columns.
        feature_names_in_: Their names, where the table had some.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True, as_frame=True)
    >>> classifier = TabularClassifier(max_epochs=50, random_state=0).fit(x, y)
    >>> bool(classifier.score(x, y) > 0.9)
    True
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 - as scikit-learn has it
        **TabularEstimator._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "calibrate": ["boolean"],
    }
    _rate = 0.04
    _activation = "selu"

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
        label_smoothing: float = 0.1,
        activation: str | None = None,
        numeric_embedding: str | None = "pbld",
        embedding_size: int = 8,
        max_one_hot: int = 8,
        unknown: str = "warn",
        class_weight: Any = None,
        validation_fraction: float = 0.2,
        patience: int | None = None,
        calibrate: bool = True,
        callbacks: Any = None,
        verbose: Any = False,
        random_state: Any = None,
    ) -> None:
        keep(self, locals())

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> TabularClassifier:
        """Trains on a table.

        Args:
            X: A DataFrame of pandas or Polars, or an array of shape `(rows, columns)`.
            y: Labels of the rows.
            sample_weight: Weights of the rows.
            X_val: A table to validate with, in place of a share of the rows.
            y_val: Its labels.

        Returns:
            The estimator itself.
        """
        if self.class_weight is not None and y is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            sample_weight = by_class if sample_weight is None else by_class * np.asarray(sample_weight)
        self._fit(X, y, sample_weight, (X_val, y_val))
        return self

    def _targets_of(self, y: Any, reset: bool) -> np.ndarray:
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "O" and (gaps := np.array([label is None or label != label for label in y], bool)).any():
            raise ValueError(f"Argument `y` must have a label for each row. Received: {gaps.sum()} rows without one")
        if reset:
            check_classification_targets(y)
            self.classes_ = np.unique(y)
            if len(self.classes_) == 1:
                raise ValueError("Classifier can't train when only one class is present.")
        numbers = np.clip(np.searchsorted(self.classes_, y), 0, len(self.classes_) - 1)
        if (self.classes_[numbers] != y).any():
            raise ValueError(f"`y_val` has classes that `y` has not. Received: {np.setdiff1d(y, self.classes_)}")
        return numbers

    def _learned(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist(), "temperature": self.temperature_}

    def _relearn(self, learned: Any) -> None:
        self.classes_ = np.asarray(learned["classes"])
        self.temperature_ = float(learned["temperature"])

    def _outputs(self) -> int:
        return len(self.classes_)

    def _trained_on(self, targets: np.ndarray) -> np.ndarray:
        return np.eye(len(self.classes_), dtype=np.float32)[targets]

    def _scores(self, targets: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> dict[str, float]:
        loss = -np.log(np.maximum(outputs[np.arange(len(targets)), targets], 1e-7))
        right = outputs.argmax(axis=1) == targets
        return {
            "val_loss": float(np.average(loss, weights=sample_weight)),
            "val_score": float(np.average(right, weights=sample_weight)),
        }

    def _settle(self, targets: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> None:
        """Chooses the temperature. As in Platt's scaling, no row is quite sure of its class."""
        self.temperature_ = 1.0
        if not self.calibrate:
            return
        doubt = 1.0 / (len(targets) + 2)
        wanted = (1 - doubt) * self._trained_on(targets).astype(float) + doubt / len(self.classes_)

        def loss(logarithm: float) -> float:
            rows = -(wanted * np.log(tempered(outputs, np.exp(logarithm)))).sum(axis=1)
            return float(np.average(rows, weights=sample_weight))

        found = scipy.optimize.minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
        self.temperature_ = float(np.exp(found.x))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Returns the probabilities of classes, in the order of `classes_`: an array `(rows, classes)`.

        Args:
            X: A table with the columns of that in `fit`, in any order.

        Raises:
            ValueError: A column is missing, or is not known; the message names it.
            TypeError: A column holds something else than in `fit`; the message names it.
        """
        return tempered(self._predicted_of(X), self.temperature_)

    def predict(self, X: Any) -> np.ndarray:
        """Returns the labels of rows.

        Args:
            X: A table with the columns of that in `fit`, in any order.
        """
        best = self._predicted_of(X).argmax(axis=1)
        return np.asarray(self.classes_[best])


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logarithms are divided by a temperature."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
