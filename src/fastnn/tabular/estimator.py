"""What both estimators of tables have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from fastnn.random import seeded
from fastnn.sklearn.parameters import listed
from fastnn.tabular.importance import Importance
from fastnn.tabular.network import Design, build, compile_for
from fastnn.tabular.selection import BestEpoch
from fastnn.tabular.table import Table


class TabularEstimator(BaseEstimator, ABC):
    """Base class of the estimators of tables; not to be used itself."""

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 - as scikit-learn has it
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "members": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "activation": [str, None],
        "numeric_embedding": [StrOptions({"pbld", "piecewise_linear"}), None],
        "embedding_size": [Interval(Integral, 1, None, closed="left")],
        "max_one_hot": [Interval(Integral, 2, None, closed="left")],
        "unknown": [StrOptions({"warn", "ignore", "error"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, tuple, object, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }
    _rate: float  # by default
    _activation: str

    # --- what the two differ in ---

    @abstractmethod
    def _targets_of(self, y: Any, reset: bool) -> np.ndarray:
        """Checked targets: class numbers, or scaled numbers of shape `(samples, outputs)`."""

    @abstractmethod
    def _outputs(self) -> int:
        """How many the network has."""

    @abstractmethod
    def _trained_on(self, targets: np.ndarray) -> np.ndarray:
        """Targets as the loss takes them, `(samples, outputs)`."""

    @abstractmethod
    def _scores(self, targets: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> dict[str, float]:
        """`val_loss` and `val_score`, of which more is better."""

    def _settle(self, targets: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> None:
        """What is to be learned from the validation data when the weights have been."""

    @abstractmethod
    def _learned(self) -> dict[str, Any]:
        """What is known of the targets, as JSON can say it."""

    @abstractmethod
    def _relearn(self, learned: Any) -> None:
        """Takes what `_learned` returned."""

    # --- fit ---

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, Any]) -> None:
        self._validate_params()
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. Received: y=None"
            )
        random_state = check_random_state(self.random_state)
        self.table_ = Table(X, self.max_one_hot, self.unknown, type(self).__name__)
        self._note_features()
        targets = self._targets_of(y, reset=True)
        rows = len(next(iter(self.table_(X).values())))
        if len(targets) != rows:
            raise ValueError(f"Found input variables with inconsistent numbers of samples: {[rows, len(targets)]}")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, np.empty((rows, 1)))
            if (sample_weight < 0).any() or not sample_weight.any():
                raise ValueError(
                    "Argument `sample_weight` must not be negative, nor all zero. "
                    f"Received: numbers from {sample_weight.min()} to {sample_weight.max()}"
                )
        parts = self._split(self.table_(X), targets, sample_weight, validation, random_state)
        with seeded(int(random_state.randint(1, 2**31 - 1))):
            self._train(*parts)

    def _note_features(self) -> None:
        self.n_features_in_ = len(self.table_.names)
        if self.table_.named and all(isinstance(name, str) for name in self.table_.names):
            self.feature_names_in_ = np.array(self.table_.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _split(
        self,
        encoded: dict[str, np.ndarray],
        targets: np.ndarray,
        sample_weight: np.ndarray | None,
        validation: tuple[Any, Any],
        random_state: Any,
    ) -> tuple[Any, Any]:
        """What is trained on and what is validated with: each `(encoded, targets, weights)`."""
        whole = encoded, targets, sample_weight
        if validation[0] is not None:
            if validation[1] is None:
                raise ValueError("Argument `y_val` must be given with `X_val`. Received: y_val=None")
            return whole, (self.table_(validation[0]), self._targets_of(validation[1], reset=False), None)
        stratify = targets if is_classifier(self) and np.bincount(targets).min() > 1 else None
        held = max(1, round(self.validation_fraction * len(targets)))
        if stratify is not None and held < self._outputs():
            stratify = None
        if len(targets) < 2:
            raise ValueError("n_samples=1 cannot be split into data to train on and data to validate with.")
        train, test = train_test_split(
            np.arange(len(targets)), test_size=held, random_state=random_state, stratify=stratify
        )
        return _rows(whole, train), _rows(whole, test)

    def _train(self, train: Any, test: Any) -> None:
        encoded, targets, sample_weight = train
        sizes = self.hidden_layer_sizes
        design = Design(
            tuple(int(size) for size in (sizes if hasattr(sizes, "__iter__") else [sizes])),
            int(self.members),
            self.activation or self._activation,
            float(self.dropout),
            self.numeric_embedding,
            int(self.embedding_size),
            self._outputs(),
            is_classifier(self),
        )
        model = build(design, encoded, self.table_.rows_of_vectors)
        self.model_: Any = model
        batch = min(self.batch_size, len(targets))
        smoothing = getattr(self, "label_smoothing", 0.0)
        steps = self.max_epochs * -(-len(targets) // batch)
        compile_for(model, design, steps, self.learning_rate or self._rate, self.weight_decay, smoothing)
        selection = BestEpoch(
            lambda: self._scores(test[1], self._predicted(test[0]), test[2]), self.patience, self.max_epochs
        )
        self.history_ = model.fit(
            list(encoded.values()),
            self._for_members(self._trained_on(targets)),
            batch_size=batch,
            epochs=self.max_epochs,
            sample_weight=sample_weight,
            callbacks=[selection, *listed(self.callbacks)],
            verbose=2 if self.verbose else 0,
            check_finite=False,
        ).history
        self.best_epoch_ = selection.best_epoch
        self.best_score_ = selection.best
        self.n_iter_ = len(self.history_["loss"])
        self._settle(test[1], self._predicted(test[0]), test[2])

    def _for_members(self, targets: np.ndarray) -> np.ndarray:
        """The same targets for every member, without a copy."""
        if self.members == 1:
            return targets
        return np.broadcast_to(targets[:, None], (len(targets), self.members, targets.shape[1]))

    # --- predict ---

    def _predicted(self, encoded: dict[str, np.ndarray]) -> np.ndarray:
        """What the members put out in the mean, `(samples, outputs)`."""
        outputs = np.asarray(self.model_.predict(list(encoded.values()), verbose=0))
        return outputs if self.members == 1 else outputs.mean(axis=1)

    def _predicted_of(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._predicted(self.table_(X))

    def importance(
        self, X: Any, y: Any, *, n_repeats: int = 5, scoring: str | None = None, random_state: Any = 0
    ) -> Importance:
        """Measures how much each column matters: by how much the score falls when the column is shuffled.

        Args:
            X: A table, best one that was not trained on.
            y: Its targets.
            n_repeats: How often each column is shuffled.
            scoring: Name of a score of scikit-learn's; by default accuracy, or R².
            random_state: Seed or generator.

        Returns:
            An `Importance`, which prints as a list and has a `plot`.
        """
        check_is_fitted(self)
        found = permutation_importance(self, X, y, n_repeats=n_repeats, scoring=scoring, random_state=random_state)
        return Importance(
            self.table_.names, found.importances, scoring or ("accuracy" if is_classifier(self) else "R²")
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.sparse = False
        return tags


def _rows(data: tuple[dict[str, np.ndarray], np.ndarray, Any], rows: np.ndarray) -> tuple[Any, np.ndarray, Any]:
    encoded, targets, sample_weight = data
    return (
        {kind: array[rows] for kind, array in encoded.items()},
        targets[rows],
        None if sample_weight is None else sample_weight[rows],
    )
