"""How a command ends: in an exit code, and in one line on standard error where a user's mistake is at fault."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import Any

FAILED, INTERRUPTED = 1, 130
# What files, tables, arguments and missing extras raise; all else is a defect, which shows its traceback.
MISTAKES = (OSError, ValueError, TypeError, NotImplementedError, ImportError, MemoryError)


def say(text: str) -> None:
    """Prints a line about what is being done, on standard error: results have standard output to themselves."""
    print(text, file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """An argument that is a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number. Received: {text}")
    return int(text)


def seed(text: str) -> int:
    """An argument that random numbers can begin with."""
    if not text.isdecimal() or int(text) >= 1 << 32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {(1 << 32) - 1}. Received: {text}")
    return int(text)


def run(chosen: argparse.Namespace) -> int:
    """Runs the command that was chosen.

    Args:
        chosen: Its arguments; `run` is the command, `traceback` says whether errors show where they come from.

    Returns:
        The exit code: 0 when all went well, 1 when it failed, 130 when it was interrupted.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _shown
            code = int(chosen.run(chosen))
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads, such as `head`, has had enough; nothing more may be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MISTAKES as error:
        if chosen.traceback:
            raise
        say(f"fastnn: error: {str(error) or type(error).__name__}")
        return FAILED


def _shown(message: Any, *where: Any, **more: Any) -> None:
    say(f"fastnn: warning: {message}")
