"""The classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from fastnn.adapters import is_sparse
from fastnn.losses import Loss
from fastnn.sklearn import objectives
from fastnn.sklearn.parameters import CONSTRAINTS, keep
from fastnn.sklearn.perceptron import Perceptron


class MLPClassifier(ClassifierMixin, Perceptron):
    """scikit-learn's `MLPClassifier`, trained in C: the same arguments, attributes and, to rounding, numbers.

    Arguments up to `max_fun` are scikit-learn's, and mean the same; those after it are new, and so are the further
    values of some.

    Args:
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
        loss: `"log_loss"`; or a loss of fastnn's, its name, or a function `(y_true, y_pred)` as `compile` takes it. It
            sees the probabilities.
        class_weight: Weights of classes by label, or `"balanced"`; for several labels, a list of such.
        dropout: Share of the units to drop after each hidden layer in training; or one for each.
        batch_normalization: Whether to normalize in each hidden layer, before its activation.
        callbacks: Callbacks of fastnn's, for `"adam"` and `"sgd"`. A model's `val_loss` and `val_score` are in their
            logs where there is validation data.
        dtype: `"float32"`, which is twice as fast, or `"float64"`; by default that of `X`, as in scikit-learn.

    Attributes:
        classes_: The labels.
        coefs_: Kernels, `(inputs, units)` each: the network's own arrays, which may be changed in place or replaced.
        intercepts_: Biases, likewise.
        loss_: The last loss, penalty included.
        loss_curve_: The loss of every epoch.
        best_loss_: The smallest of them; `None` with `early_stopping`.
        validation_scores_: The accuracy of every epoch on the data held out; `None` without `early_stopping`.
        best_validation_score_: The largest of them.
        history_: Lists of every epoch's `loss`, and of `val_loss` and `val_score` where there is validation data.
        n_iter_: Epochs of the last `fit`.
        t_: Samples seen.
        n_layers_: Layers, inputs and outputs included.
        n_outputs_: Outputs.
        out_activation_: Activation of the output: `"softmax"` or `"logistic"`.
        model_: The fitted `fastnn.Sequential`.
        n_features_in_: Features.
        feature_names_in_: Their names, where `X` had some.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(max_iter=1000, random_state=0).fit(x, y)
    >>> bool(classifier.score(x, y) > 0.95)
    True
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 - as scikit-learn has it
        **CONSTRAINTS,
        "loss": [str, callable, Loss],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
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
        loss: Any = "log_loss",
        class_weight: Any = None,
        dropout: Any = 0.0,
        batch_normalization: bool = False,
        callbacks: Any = None,
        dtype: Any = None,
    ) -> None:
        keep(self, locals())

    # --- targets ---

    @property
    def _multiclass(self) -> bool:
        """Whether a sample is of one of several classes, and not of any number of labels, or of two classes."""
        return bool(self._label_binarizer.y_type_ == "multiclass")

    def _encoded(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = self._validated(X, y, reset)
        if not hasattr(self, "classes_") or (reset and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y), incremental)
        if self._multiclass and self._objective().sparse:
            return X, np.searchsorted(self.classes_, y)
        labels = self._label_binarizer.transform(y)  # a sparse matrix where y is one
        return X, (labels.toarray() if is_sparse(labels) else labels).astype(bool)

    def _check_classes(self, classes: np.ndarray, incremental: bool) -> None:
        if self.warm_start and not incremental:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _outputs_of(self, y: np.ndarray) -> int:
        return len(self.classes_) if self._multiclass else y.shape[1]

    def _out_activation(self) -> str:
        return "softmax" if self._multiclass else "logistic"

    def _objective(self) -> objectives.Objective:
        return objectives.for_classes(self.loss, len(self.classes_) if self._multilabel else 1, self._multiclass)

    @property
    def _multilabel(self) -> bool:
        return str(self._label_binarizer.y_type_).startswith("multilabel")

    def _weighed(self, y: Any, sample_weight: np.ndarray | None, incremental: bool) -> np.ndarray | None:
        if self.class_weight is None:
            return sample_weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' is not for partial_fit, which sees a part of the classes' samples: give their "
                "weights in a dictionary. Received: class_weight='balanced'"
            )
        by_class = compute_sample_weight(self.class_weight, y)
        return by_class if sample_weight is None else by_class * sample_weight

    def _decided(self, outputs: np.ndarray) -> np.ndarray:
        """Class numbers, or which labels there are, from the network's outputs."""
        return outputs.argmax(axis=1) if self._multiclass else outputs > 0.5

    def _score_of(self, y: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None) -> float:
        if self._multiclass and y.ndim == 2:
            y = y.argmax(axis=1)
        right = self._decided(outputs) == y
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=sample_weight))

    # --- scikit-learn's verbs ---

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Trains for one epoch on data.

        Args:
            X: Inputs.
            y: Labels.
            sample_weight: Weights of samples.
            classes: All labels, of which y need not have each; needed in the first call.

        Returns:
            The estimator itself.
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer().fit(y if type_of_target(y).startswith("multilabel") else classes)
        self._fit(X, y, sample_weight, True, (None, None, None))
        return self

    def predict(self, X: Any) -> Any:
        """Returns the labels of samples: an array, or, of several labels that were given as one, a sparse matrix.

        Args:
            X: Inputs, an array or a sparse matrix of shape `(samples, features)`.
        """
        outputs = self._checked_outputs(X)
        if self._multiclass:
            return np.asarray(self.classes_[self._decided(outputs)])
        return self._label_binarizer.inverse_transform(outputs.ravel() if self.n_outputs_ == 1 else outputs)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Returns the probabilities of classes, in the order of `classes_`: an array `(samples, classes)`.

        Args:
            X: Inputs, an array or a sparse matrix of shape `(samples, features)`.
        """
        outputs = self._checked_outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Returns the logarithms of `predict_proba`.

        Args:
            X: Inputs, an array or a sparse matrix of shape `(samples, features)`.
        """
        probabilities = self.predict_proba(X)
        return np.asarray(np.log(probabilities, out=probabilities))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
