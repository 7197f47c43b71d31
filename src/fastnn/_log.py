"""Records of what happens, for `logging`, under the name `fastnn`.

An epoch, a file that was written or read, a backup that training goes on from are of level INFO; programs that were
compiled, DEBUG. Who wants to read them has imported `logging`; until someone has, it is not imported here either.
"""

from __future__ import annotations

import sys
from typing import Any

DEBUG, INFO = 10, 20

_logger: Any = None


def log(level: int, message: str, *values: Any) -> None:
    """Hands a record to the logger `fastnn`, and to nobody where nobody has imported `logging`.

    Args:
        level: `DEBUG` or `INFO`; what needs attention is a warning or an error of Python's.
        message: What happened, with `%s` and the like for the values.
        *values: They are not put into the message unless someone reads it.
    """
    global _logger
    if _logger is None and "logging" in sys.modules:
        _logger = sys.modules["logging"].getLogger("fastnn")
    if _logger is not None:
        _logger.log(level, message, *values, stacklevel=2)


class Measures:
    """Losses and metrics of an epoch, written out when a record with them is read.

    >>> str(Measures({"loss": 0.25, "accuracy": 0.5}))
    'loss=0.25, accuracy=0.5'
    """

    def __init__(self, logs: dict[str, Any]) -> None:
        self.logs = logs

    def __str__(self) -> str:
        return ", ".join(
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.logs.items()
        )
