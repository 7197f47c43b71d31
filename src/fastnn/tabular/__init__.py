"""Strong models of tables without preprocessing: DataFrames of numbers, strings, categories, booleans, dates, and gaps.

scikit-learn, whose estimators they are, comes with the extra `sklearn`.
"""

from __future__ import annotations

try:
    from sklearn.utils.validation import validate_data  # noqa: F401 - scikit-learn 1.6 is the first to have it
except ImportError as error:
    raise ImportError(
        "fastnn.tabular needs scikit-learn 1.6 or newer. Install the extra: python -m pip install 'fastnn-cpu[sklearn]'"
    ) from error

from fastnn.tabular.classifier import TabularClassifier
from fastnn.tabular.importance import Importance
from fastnn.tabular.regressor import TabularRegressor
from fastnn.tabular.saving import load_estimator, save_estimator

__all__ = ["Importance", "TabularClassifier", "TabularRegressor", "load_estimator", "save_estimator"]
