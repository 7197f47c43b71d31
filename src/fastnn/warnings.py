"""The classes of fastnn's warnings, so that they can be filtered and tested for.

>>> import warnings
>>> from fastnn.warnings import DataWarning
>>> warnings.filterwarnings("ignore", category=DataWarning)
"""

from __future__ import annotations

import sys
import warnings

__all__ = ["DataWarning", "FastnnWarning", "FileWarning", "TrainingWarning"]


class FastnnWarning(UserWarning):
    """The base class of all of them.

    >>> import warnings
    >>> warnings.simplefilter("error", FastnnWarning)
    """


class DataWarning(FastnnWarning):
    """Data are not what they seem to be meant as, and are used all the same: categories never seen before, say.

    >>> issubclass(DataWarning, FastnnWarning)
    True
    """


class FileWarning(FastnnWarning):
    """Something in a file does not fit or is damaged, and was left out.

    >>> issubclass(FileWarning, FastnnWarning)
    True
    """


class TrainingWarning(FastnnWarning):
    """Something that was asked for in training cannot be done: to watch a metric that there is not, say.

    >>> issubclass(TrainingWarning, FastnnWarning)
    True
    """


def warn(message: str, category: type[Warning] = FastnnWarning) -> None:
    """Warns of the line outside of fastnn that led here, however deep within fastnn it was noticed.

    Args:
        message: What is the matter, and what is done about it.
        category: The class of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_within(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_within(module: str) -> bool:
    """Whether a module is fastnn's; or is scikit-learn's whose decorators are around fastnn's methods."""
    return module.partition(".")[0] == "fastnn" or module == "sklearn.base"
