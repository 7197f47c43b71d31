"""What both perceptrons have in common: scikit-learn's parameters, attributes and ways, around a compiled model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastnn import loop
from fastnn._arrays import standardize_dtype
from fastnn.callbacks import CallbackList, History
from fastnn.data import Arrays, as_samples
from fastnn.optimizers import SGD, Adam, Optimizer
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.sklearn.epochs import Epochs
from fastnn.sklearn.lbfgs import Minimizer
from fastnn.sklearn.network import Network, Plan, activations_for, shares_for
from fastnn.sklearn.objectives import Objective
from fastnn.sklearn.parameters import CONSTRAINTS, listed
from fastnn.sklearn.stopping import Stopping, Validation
from fastnn.warnings import DataWarning, TrainingWarning, warn

SPARSE = ["csr", "csc"]
CURVES = ("loss_curve_", "validation_scores_", "best_validation_score_", "best_loss_")


class Samples(NamedTuple):
    """Inputs, encoded targets of shape `(samples, outputs)` or of class numbers, and weights or `None`."""

    x: Any
    y: np.ndarray
    sample_weight: np.ndarray | None


class Perceptron(BaseEstimator, ABC):
    """Base class of the perceptrons; not to be used itself."""

    _parameter_constraints: dict[str, Any] = CONSTRAINTS

    # --- what the two differ in ---

    @abstractmethod
    def _encoded(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        """Checks inputs and targets; returns targets as they are trained on."""

    @abstractmethod
    def _outputs_of(self, y: np.ndarray) -> int:
        """How many outputs such targets ask for."""

    @abstractmethod
    def _out_activation(self) -> str:
        """scikit-learn's name of the output's activation."""

    @abstractmethod
    def _objective(self) -> Objective:
        """What is minimized."""

    @abstractmethod
    def _score_of(self, y: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """What early stopping goes by."""

    def _weighed(self, y: Any, sample_weight: np.ndarray | None, incremental: bool) -> np.ndarray | None:
        """Weights of samples, those of their classes included."""
        return sample_weight

    # --- fit ---

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Perceptron:
        """Trains on data.

        Args:
            X: Inputs, an array or a sparse matrix of shape `(samples, features)`.
            y: Targets: class labels or numbers, of shape `(samples,)` or `(samples, outputs)`.
            sample_weight: Weights of samples.
            X_val: Inputs to validate with: `history_` then holds their loss and score, and `early_stopping` goes by
                them in place of a share of `X`. scikit-learn has it not.
            y_val: Their targets.
            sample_weight_val: Their weights.

        Returns:
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, False, (X_val, y_val, sample_weight_val))

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
        return True

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.array(sizes) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _validated(self, X: Any, y: Any, reset: bool, **more: Any) -> tuple[Any, Any]:
        """Inputs and targets as scikit-learn checks them."""
        dtypes = np.float64, np.float32
        X, y = validate_data(self, X, y, accept_sparse=SPARSE, multi_output=True, dtype=dtypes, reset=reset, **more)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, validation: tuple[Any, Any, Any]
    ) -> Perceptron:
        hidden = self._hidden_sizes()
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        given = y
        X, y = self._encoded(X, y, incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._weighed(given, sample_weight, incremental)
        self.n_outputs_ = self._outputs_of(y)
        self._random_state = check_random_state(self.random_state)
        units = (X.shape[1], *hidden, self.n_outputs_)
        if first_pass:
            self._initialize(units, standardize_dtype(self.dtype or X.dtype))
        self._prepare_network(units)
        samples = Samples(X, y, sample_weight)
        if self.solver == "lbfgs":
            self._fit_lbfgs(samples)
        else:
            self._fit_stochastic(samples, incremental, validation)
        if not all(np.isfinite(weights).all() for weights in (*self.coefs_, *self.intercepts_)):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )
        return self

    def _initialize(self, units: tuple[int, ...], dtype: np.dtype) -> None:
        """The attributes of an estimator that has seen nothing, and its first weights: scikit-learn's very own."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(units)
        self.out_activation_ = self._out_activation()
        self.coefs_ = []
        self.intercepts_ = []
        names = activations_for(self.activation, len(units) - 2)
        for fan_in, fan_out, name in zip(units, units[1:], (*names, names[-1] if names else None), strict=False):
            bound = np.sqrt((2.0 if name in ("logistic", "sigmoid") else 6.0) / (fan_in + fan_out))
            self.coefs_.append(self._random_state.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype, copy=False))
            self.intercepts_.append(self._random_state.uniform(-bound, bound, fan_out).astype(dtype, copy=False))
        self._network: Network | None = None
        self._optimizer: Optimizer | None = None
        for name in CURVES:
            self.__dict__.pop(name, None)

    # --- the network ---

    def _prepare_network(self, units: tuple[int, ...]) -> None:
        """The network that the parameters ask for, with the present weights."""
        fitted = (self.coefs_[0].shape[0], *[coef.shape[1] for coef in self.coefs_])
        if units != fitted:
            raise ValueError(
                "Training goes on only in a network of the same shape: `hidden_layer_sizes` and the number of outputs "
                f"must stay. Received: layers of {list(units)} units after {list(fitted)}"
            )
        hidden = len(units) - 2
        plan = Plan(
            units,
            (*activations_for(self.activation, hidden)[:hidden], self.out_activation_),
            shares_for(self.dropout, hidden),
            bool(self.batch_normalization),
            float(self.alpha),
            self.coefs_[0].dtype.name,
        )
        before = self._network
        if before is None or before.plan != plan:
            self._network = Network(plan, lambda: int(self._random_state.randint(1, 2**31 - 1)))
            if before is not None:
                self._optimizer = self._network.succeed(before, self._optimizer)
        self._settle_weights()

    def _settle_weights(self) -> None:
        """Puts the weights into the network; the estimator's arrays are the network's own from then on."""
        network = self._fitted_network()
        self.coefs_ = network.coefs
        self.intercepts_ = network.intercepts

    def _fitted_network(self) -> Network:
        """The network, with whatever weights the estimator's attributes hold now."""
        network = self._network
        assert network is not None
        network.assign(self.coefs_, self.intercepts_)
        return network

    @property
    def model_(self) -> Any:
        """The fitted `fastnn.Sequential`, which can be saved, looked at and trained further."""
        if getattr(self, "_network", None) is None:
            raise AttributeError(f"{type(self).__name__} has no `model_` before it is fitted.")
        return self._fitted_network().model

    def _arrays(self, samples: Samples, training: Any) -> Arrays:
        """The data as `Training` has it."""
        weights = samples.sample_weight
        if weights is not None and self._objective().in_python:
            weights = weights / weights.mean()
        arrays: Arrays = training.arrays([as_samples(samples.x)], samples.y, weights, False)
        return arrays

    # --- solvers ---

    def _new_optimizer(self) -> Optimizer:
        rate = self.learning_rate if isinstance(self.learning_rate, LearningRateSchedule) else self.learning_rate_init
        if self.solver == "adam":
            return Adam(rate, float(self.beta_1), float(self.beta_2), float(self.epsilon))
        if self.solver == "sgd":
            return SGD(rate, float(self.momentum), self.nesterovs_momentum)
        return type(self.solver).from_config(self.solver.get_config())

    def _fit_stochastic(self, samples: Samples, incremental: bool, validation: tuple[Any, Any, Any]) -> None:
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        network = self._fitted_network()
        self._open_curves()
        if not incremental or self._optimizer is None:
            self._optimizer = self._new_optimizer()
        samples, held_out = self._split(samples, validation)
        batch_size = self._batch_size(len(samples.y))
        objective = self._objective()
        training = network.training(self._optimizer, objective, samples.sample_weight is not None)
        steady = not self.callbacks and (self.solver != "sgd" or self.learning_rate in ("constant",))
        orders = self._random_state if self.shuffle else None
        source = Epochs(training, objective, self._arrays(samples, training), batch_size, orders, steady)
        stopping = Stopping(self, held_out, incremental, len(samples.y))
        history = History()
        epochs = 1 if incremental else self.max_iter
        listeners = CallbackList(
            [stopping, *listed(self.callbacks), history],
            model=network.model,
            verbose=int(self.verbose),
            epochs=epochs,
            steps=source.steps,
        )
        self.n_iter_ = 0
        try:
            loop.fit(training, source, None, epochs=epochs, initial_epoch=0, callbacks=listeners, validation_freq=1)
        except KeyboardInterrupt:
            warn("Training interrupted by user.", TrainingWarning)
            stopping.on_train_end()
        else:
            if self.n_iter_ == self.max_iter and not incremental and not network.model.stop_training:
                warn(
                    f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                    "converged yet.",
                    ConvergenceWarning,
                )
        self._keep_history(history.history, goes_on=incremental)

    def _open_curves(self) -> None:
        """Makes room for what is kept of epochs, where there was none: with `early_stopping`, and without."""
        if not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
            self.validation_scores_: list[float] | None = None
            self.best_validation_score_ = self.best_loss_ = None
            self._no_improvement_count = 0
        if self.early_stopping and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf

    def _keep_history(self, history: dict[str, list[Any]], goes_on: bool) -> None:
        if not goes_on or not hasattr(self, "history_"):
            self.history_: dict[str, list[Any]] = {}
        for name, values in history.items():
            self.history_.setdefault(name, []).extend(values)

    def _batch_size(self, samples: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, samples)
        if self.batch_size > samples:
            warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", DataWarning)
        return int(np.clip(self.batch_size, 1, samples))

    def _split(self, samples: Samples, given: tuple[Any, Any, Any]) -> tuple[Samples, Validation | None]:
        """What to train on, and what to validate with."""
        held_out = self._validation_samples(given)
        if self.early_stopping and held_out is None:
            # as in scikit-learn: stratified by the classes of two only
            stratify = samples.y if is_classifier(self) and self.n_outputs_ == 1 else None
            parts = [part for part in samples if part is not None]
            split = train_test_split(
                *parts, random_state=self._random_state, test_size=self.validation_fraction, stratify=stratify
            )
            samples = Samples(split[0], split[2], split[4] if len(parts) > 2 else None)
            held_out = Samples(split[1], split[3], split[5] if len(parts) > 2 else None)
            if held_out.x.shape[0] < 2:
                raise ValueError(
                    "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
                )
        if held_out is None:
            return samples, None
        loss = self._objective().validate
        return samples, Validation(*held_out, self._outputs, loss, self._score_of)

    def _validation_samples(self, given: tuple[Any, Any, Any]) -> Samples | None:
        x, y, sample_weight = given
        if x is None:
            if y is not None or sample_weight is not None:
                raise ValueError("Arguments `y_val` and `sample_weight_val` go with `X_val`. Received: X_val=None")
            return None
        if y is None:
            raise ValueError("Argument `y_val` must be given with `X_val`. Received: y_val=None")
        x, encoded = self._encoded(x, y, incremental=True, reset=False)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, x)
        return Samples(x, encoded, self._weighed(y, sample_weight, False))

    def _fit_lbfgs(self, samples: Samples) -> None:
        from sklearn.utils.optimize import _check_optimize_result

        network, objective = self._fitted_network(), self._objective()
        minimizer = Minimizer(self.max_iter, self.max_fun, float(self.tol), bool(self.verbose))
        training = network.training(minimizer, objective, samples.sample_weight is not None)
        arrays = self._arrays(samples, training)
        with training.lock:
            compiled = training.train_program(arrays, len(arrays))
            for _ in training.run_epoch(compiled, arrays, len(arrays)):
                pass
        self.n_iter_ = _check_optimize_result("lbfgs", minimizer.result, self.max_iter)
        minimizer.result = None  # which is large, and would be pickled with the model
        loss_sum, samples_seen = compiled.program.totals
        told = (objective.factor - objective.told) * compiled.program.loss_total(compiled.losses[0])
        self.loss_ = (loss_sum - told) / samples_seen
        self._keep_history({"loss": minimizer.losses}, goes_on=False)

    # --- predict ---

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network puts out for checked inputs, of shape `(samples, outputs)`."""
        return np.asarray(self._fitted_network().model.predict(X, verbose=0))

    def _checked_outputs(self, X: Any) -> np.ndarray:
        """The same for any inputs."""
        check_is_fitted(self)
        return self._outputs(validate_data(self, X, accept_sparse=SPARSE, reset=False))

    # --- copies ---

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if getattr(self, "_network", None) is not None:
            self._settle_weights()
