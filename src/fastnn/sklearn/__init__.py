"""scikit-learn's multi-layer perceptrons, trained in C, with what their users miss.

`from fastnn.sklearn import MLPClassifier, MLPRegressor` in place of `from sklearn.neural_network import ...` is all it
takes. scikit-learn comes with the extra `sklearn`.
"""

from __future__ import annotations

try:
    from sklearn.utils.validation import validate_data  # noqa: F401 - scikit-learn 1.6 is the first to have it
except ImportError as error:
    raise ImportError(
        "fastnn.sklearn needs scikit-learn 1.6 or newer. Install the extra: python -m pip install 'fastnn-cpu[sklearn]'"
    ) from error

from fastnn.sklearn.classifier import MLPClassifier
from fastnn.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
