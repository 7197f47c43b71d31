"""Models as estimators of scikit-learn's, as Keras wraps them. scikit-learn comes with the extra `sklearn`."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils import column_or_1d
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "fastnn.wrappers needs scikit-learn 1.6 or newer. Install the extra: python -m pip install "
        "'fastnn-cpu[sklearn]'"
    ) from error

from fastnn.models import Model, clone_model

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class Wrapper(BaseEstimator):
    """What the wrappers have in common; `SKLearnClassifier` says what its arguments are."""

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __sklearn_clone__(self) -> Any:
        """A wrapper with the same arguments, not fitted. A model is copied, a function is not."""
        model = copy.deepcopy(self.model) if isinstance(self.model, Model) else self.model
        cloned = type(self)(model, self.warm_start, copy.deepcopy(self.model_kwargs), copy.deepcopy(self.fit_kwargs))
        if hasattr(self, "_metadata_request"):
            cloned._metadata_request = copy.deepcopy(self._metadata_request)
        return cloned

    @property
    def epoch_(self) -> int:
        """How many epochs the last `fit` took; 0 before it."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs: Any) -> Any:
        """Says which metadata `fit` asks for, as for every estimator of scikit-learn's.

        Args:
            **kwargs: `True`, `False`, `None` or another name for each argument.
        """
        self._metadata_request = MetadataRequest(owner=self)
        for param, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=param, alias=alias)
        return self

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Trains the model.

        Args:
            X: Inputs, of shape `(samples, features)`.
            y: Targets, of shape `(samples,)` or `(samples, outputs)`.
            **kwargs: Arguments of `Model.fit`.

        Returns:
            The estimator itself.
        """
        X, y = validate_data(self, X, y, multi_output=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = self._encoded(y)
        fitted = getattr(self, "model_", None) if self.warm_start else None
        model = self._new_model(X, targets) if fitted is None else fitted
        if not model.compiled or not model.loss or not model.optimizer:
            raise RuntimeError(
                "Argument `model` must be compiled, with a loss and an optimizer, or return such a model. "
                f"Received: {model!r}"
            )
        self.history_ = model.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_: Any = model
        return self

    def _new_model(self, X: np.ndarray, y: np.ndarray) -> Any:
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        model, compiled = clone_model(self.model), self.model._training
        if compiled is not None:
            optimizer, *others = compiled.arguments
            fresh = type(optimizer).from_config(optimizer.get_config())
            model.compile(fresh, *copy.deepcopy(others))
        return model

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        """Targets as the model is trained on them."""
        type_of_target(y, input_name="y", raise_unknown=True)
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def predict(self, X: Any) -> np.ndarray:
        """Returns what the model predicts for samples: an array `(samples,)` where it is one number, else as it is.

        Args:
            X: Inputs, of shape `(samples, features)`.
        """
        outputs = self._raw(X)
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs

    def _raw(self, X: Any) -> np.ndarray:
        """What the model puts out."""
        check_is_fitted(self)
        return np.asarray(self.model_.predict(validate_data(self, X, reset=False), verbose=0))


class SKLearnClassifier(ClassifierMixin, Wrapper):
    """A model as a classifier of scikit-learn's; it is trained on one-hot classes.

    Args:
        model: A compiled model, of which `fit` trains a clone with new weights; or a function that returns one, called
            as `model(X=X, y=y, **model_kwargs)` with the checked data.
        warm_start: Whether `fit` goes on with the model of the last `fit`, if there was one.
        model_kwargs: Further arguments of the function.
        fit_kwargs: Arguments of `Model.fit`, before those that `fit` is given.

    Attributes:
        classes_: The labels.
        model_: The fitted model.
        history_: What `Model.fit` returned.
        n_features_in_: Features.

    Raises:
        RuntimeError: When fitted, with a model that is not compiled, or has no loss.

    >>> from fastnn import Sequential, layers
    >>> from fastnn.optimizers import Adam
    >>> def network(X, y, units=8):
    ...     model = Sequential([layers.Dense(units, "tanh"), layers.Dense(y.shape[1], "softmax")])
    ...     model.compile(Adam(0.01), "categorical_crossentropy")
    ...     return model
    >>> x = np.repeat(np.eye(2), 20, axis=0)
    >>> labels = np.repeat(["left", "right"], 20)
    >>> classifier = SKLearnClassifier(network, fit_kwargs={"epochs": 100, "verbose": 0}).fit(x, labels)
    >>> print(classifier.predict([[1.0, 0.0], [0.0, 1.0]]))
    ['left' 'right']
    """

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}")
        self.classes_ = np.unique(y)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        return (y[:, None] == self.classes_).astype(np.float32)

    def predict(self, X: Any) -> np.ndarray:
        """Returns the labels of samples.

        Args:
            X: Inputs, of shape `(samples, features)`.
        """
        best = self._raw(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def decision_function(self, X: Any) -> np.ndarray:
        """Returns what the model puts out: an array `(samples, classes)`.

        Args:
            X: Inputs, of shape `(samples, features)`.
        """
        return self._raw(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, Wrapper):
    """A model as a regressor of scikit-learn's.

    Arguments, attributes and errors are those of `SKLearnClassifier`, but for `classes_`.

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> regressor = SKLearnRegressor(model, fit_kwargs={"epochs": 10, "verbose": 0})
    >>> regressor.fit([[1.0], [2.0]], [3.0, 4.0]).predict([[1.5]]).shape
    (1,)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, Wrapper):
    """A model as a transformer of scikit-learn's: features become what the model puts out.

    Arguments, attributes and errors are those of `SKLearnClassifier`, but for `classes_`.

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Dense(2)])
    >>> model.compile("adam", "mse")
    >>> transformer = SKLearnTransformer(model, fit_kwargs={"verbose": 0})
    >>> transformer.fit_transform([[1.0], [2.0]], [[3.0, 1.0], [4.0, 1.0]]).shape
    (2, 2)
    """

    def transform(self, X: Any) -> np.ndarray:
        """Returns what the model puts out.

        Args:
            X: Inputs, of shape `(samples, features)`.
        """
        return self._raw(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
