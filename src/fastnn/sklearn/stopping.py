"""When a perceptron's training ends, and what it says on the way: scikit-learn's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.callbacks import Callback

SMALLEST_RATE = 1e-6  # below it an adaptive learning rate is not divided any further
KEPT = (  # what an estimator is told of each epoch
    "n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_",
    "_no_improvement_count",
)  # fmt: skip


class Validation:
    """Data that is not trained on.

    Args:
        x: Inputs, an array or a sparse matrix.
        y: Targets, encoded as those that are trained on.
        sample_weight: Weights, or `None`.
        predict: Returns the network's outputs for `x`.
        loss: `(y, outputs, sample_weight) -> loss`.
        score: `(y, outputs, sample_weight) -> score`.
    """

    def __init__(
        self,
        x: Any,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        predict: Callable[[Any], np.ndarray],
        loss: Callable[..., float],
        score: Callable[..., float],
    ) -> None:
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.predict, self.loss, self.score = predict, loss, score

    def __call__(self) -> dict[str, float]:
        """Loss and score at the present weights."""
        outputs = self.predict(self.x)
        score = self.score(self.y, outputs, self.sample_weight) if np.isfinite(outputs).all() else float("nan")
        return {"val_loss": self.loss(self.y, outputs, self.sample_weight), "val_score": score}


class Stopping(Callback):
    """Keeps an estimator's curves, lowers its learning rate, and stops where nothing gets better.

    Args:
        estimator: The estimator.
        validation: What it is validated with, or `None`.
        incremental: Whether this is an epoch of `partial_fit`.
        samples: Samples in an epoch.

    Attributes:
        converged: Whether it was this that stopped training.
    """

    def __init__(self, estimator: Any, validation: Validation | None, incremental: bool, samples: int) -> None:
        super().__init__()
        self.estimator = estimator
        self.validation = validation
        self.incremental = incremental
        self.samples = samples
        self.converged = False
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs, estimator = {} if logs is None else logs, self.estimator
        estimator.n_iter_ += 1
        estimator.t_ += self.samples
        estimator.loss_ = logs["loss"]
        estimator.loss_curve_.append(estimator.loss_)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if self.validation is not None:
            logs.update(self.validation())
        self._count(logs)
        if estimator.learning_rate == "invscaling" and self._has_rates:
            self._set_rate(estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t)
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            if self._stops():
                self.converged = True
                self.model.stop_training = True
            else:
                estimator._no_improvement_count = 0

    def _count(self, logs: dict[str, Any]) -> None:
        """Counts the epochs since the last that was better."""
        estimator = self.estimator
        if estimator.early_stopping and not self.incremental:
            score = logs["val_score"]
            estimator.validation_scores_.append(score)
            if estimator.verbose:
                print(f"Validation score: {score:f}")
            worse = score < estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                self.best_weights = self.model.get_weights()
        else:
            worse = estimator.loss_ > estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0

    @property
    def _has_rates(self) -> bool:
        return bool(self.estimator.solver == "sgd")

    def _set_rate(self, rate: float) -> None:
        self.model.optimizer.learning_rate = rate

    def _stops(self) -> bool:
        """Says why nothing is to be gained; whether to stop, and not to go on at a lower rate."""
        estimator = self.estimator
        what = "Validation score" if estimator.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive "
            "epochs."
        )
        stops, then = True, "Stopping."
        if self._has_rates and isinstance(estimator.learning_rate, str) and estimator.learning_rate == "adaptive":
            rate = float(self.model.optimizer.learning_rate)
            if rate <= SMALLEST_RATE:
                then = "Learning rate too small. Stopping."
            else:
                self._set_rate(rate / 5)
                stops, then = False, f"Setting learning rate to {rate / 5:f}"
        if estimator.verbose:
            print(f"{message} {then}")
        return stops

    def get_state(self) -> dict[str, Any]:
        kept = {name: getattr(self.estimator, name, None) for name in KEPT}
        return {"converged": self.converged, "best_weights": self.best_weights, "estimator": kept}

    def set_state(self, state: dict[str, Any]) -> None:
        self.converged, self.best_weights = state["converged"], state["best_weights"]
        vars(self.estimator).update(state["estimator"])

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
