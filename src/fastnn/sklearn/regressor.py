"""The regressor."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if

from fastnn.losses import Loss, Poisson
from fastnn.sklearn import objectives
from fastnn.sklearn.parameters import CONSTRAINTS, keep
from fastnn.sklearn.perceptron import Perceptron


class MLPRegressor(RegressorMixin, Perceptron):
    """scikit-learn's `MLPRegressor`, trained in C: the same arguments, attributes and, to rounding, numbers.

    Arguments up to `max_fun` are scikit-learn's, and mean the same; those after it are new, and so are the further
    values of some.

    Args:
        loss: `"squared_error"`, `"poisson"` (the output is then an exponential), `"absolute_error"`, `"huber"`,
            `"quantile"`; or a loss of fastnn's, its name, or a function `(y_true, y_pred)` as `compile` takes it.
        hidden_layer_sizes: Units of the hidden layers.
        activation: `"identity"`, `"logistic"`, `"tanh"`, `"relu"` or any other of fastnn's; or one for each hidden
            layer.
        solver: `"adam"`, `"sgd"`, `"lbfgs"`; or an optimizer of fastnn's, which a copy is taken of.
        alpha: Strength of the penalty on squared weights, which is divided by the samples of a batch.
        batch_size: Samples in a step; `"auto"`: 200 at most.
        learning_rate: `"constant"`, `"invscaling"`, `"adaptive"` (of `"sgd"`); or a schedule of fastnn's, by steps.
        learning_rate_init: The learning rate.
        power_t: Exponent of `"invscaling"`.
        max_iter: Epochs, at most.
        shuffle: Whether to draw a new order of the samples for every epoch.
        random_state: Seed or generator, of weights, orders, the split of `early_stopping`, and dropout.
        tol: By how much the loss or score must get better to count as better.
        verbose: Whether to print each epoch's loss.
        warm_start: Whether `fit` goes on from the weights that are there.
        momentum: Of `"sgd"`.
        nesterovs_momentum: Whether it is Nesterov's.
        early_stopping: Whether to stop by the score on data held out, and to keep the weights of its best epoch.
        validation_fraction: The share that is held out, where `fit` is not given a validation set.
        beta_1: Of `"adam"`.
        beta_2: Of `"adam"`.
        epsilon: Of `"adam"`.
        n_iter_no_change: Epochs without a better one after which training stops.
        max_fun: Evaluations of the loss, at most, of `"lbfgs"`.
        quantile: Of `loss="quantile"`: between 0 and 1.
        delta: Of `loss="huber"`: the error from which on the loss grows no longer with the square.
        dropout: Share of the units to drop after each hidden layer in training; or one for each.
        batch_normalization: Whether to normalize in each hidden layer, before its activation.
        callbacks: Callbacks of fastnn's, for `"adam"` and `"sgd"`. A model's `val_loss` and `val_score` are in their
            logs where there is validation data.
        dtype: `"float32"`, which is twice as fast, or `"float64"`; by default that of `X`, as in scikit-learn.

    Attributes:
        coefs_: Kernels, `(inputs, units)` each: the network's own arrays, which may be changed in place or replaced.
        intercepts_: Biases, likewise.
        loss_: The last loss, penalty included.
        loss_curve_: The loss of every epoch.
        best_loss_: The smallest of them; `None` with `early_stopping`.
        validation_scores_: R² of every epoch on the data held out; `None` without `early_stopping`.
        best_validation_score_: The largest of them.
        history_: Lists of every epoch's `loss`, and of `val_loss` and `val_score` where there is validation data.
        n_iter_: Epochs of the last `fit`.
        t_: Samples seen.
        n_layers_: Layers, inputs and outputs included.
        n_outputs_: Outputs.
        out_activation_: Activation of the output: `"identity"` or `"exp"`.
        model_: The fitted `fastnn.Sequential`.
        n_features_in_: Features.
        feature_names_in_: Their names, where `X` had some.

    >>> import numpy as np
    >>> x = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> regressor = MLPRegressor(solver="lbfgs", max_iter=1000, random_state=0).fit(x, np.abs(x[:, 0]))
    >>> bool(regressor.score(x, np.abs(x[:, 0])) > 0.99)
    True
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 - as scikit-learn has it
        **CONSTRAINTS,
        "loss": [str, callable, Loss],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        quantile: float = 0.5,
        delta: float = 1.0,
        dropout: Any = 0.0,
        batch_normalization: bool = False,
        callbacks: Any = None,
        dtype: Any = None,
    ) -> None:
        keep(self, locals())

    # --- targets ---

    def _encoded(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = self._validated(X, y, reset, y_numeric=True)
        if self._poisson and (y < 0).any():
            raise ValueError(f"Some values of `y` are negative, which loss='poisson' cannot take. Received: {y.min()}")
        return X, y.reshape(-1, 1) if y.ndim == 1 else y

    @property
    def _poisson(self) -> bool:
        return isinstance(self.loss, Poisson) or (isinstance(self.loss, str) and self.loss == "poisson")

    def _outputs_of(self, y: np.ndarray) -> int:
        return int(y.shape[1])

    def _out_activation(self) -> str:
        return "exp" if self._poisson else "identity"

    def _objective(self) -> objectives.Objective:
        return objectives.for_numbers(self.loss, self.n_outputs_, float(self.quantile), float(self.delta))

    def _score_of(self, y: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> float:
        return float(r2_score(y, outputs, sample_weight=sample_weight))

    # --- scikit-learn's verbs ---

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Trains for one epoch on data.

        Args:
            X: Inputs.
            y: Numbers.
            sample_weight: Weights of samples.

        Returns:
            The estimator itself.
        """
        self._fit(X, y, sample_weight, True, (None, None, None))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Returns the numbers of samples: an array `(samples,)` or `(samples, outputs)`.

        Args:
            X: Inputs, an array or a sparse matrix of shape `(samples, features)`.
        """
        outputs = self._checked_outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
