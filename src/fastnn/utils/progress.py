"""The lines that show how far a loop has come, and what else is said to the person who watches it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

_BAR = "━"
_BOLD, _GREEN, _WHITE, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


def write(text: str) -> None:
    """Writes to what standard output is at this moment, and at once: tests and notebooks put others in its place."""
    stream = sys.stdout
    if stream is None:  # a process without a console
        return
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.replace(_BAR, "=").encode(encoding, errors="replace").decode(encoding))
    stream.flush()


def print_message(message: str) -> None:
    """Writes a line to standard output."""
    write(f"{message}\n")


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    isatty = getattr(sys.stdout, "isatty", None)
    return bool(isatty and isatty())


def can_redraw() -> bool:
    """Whether a line on standard output can be drawn again in place: on a terminal, and in a notebook."""
    return is_terminal() or "PYCHARM_HOSTED" in os.environ or type(sys.stdout).__module__.startswith("ipykernel.")


def _columns() -> int:
    """Width of the terminal."""
    import shutil  # brings half a dozen compression modules with it

    return shutil.get_terminal_size().columns


def format_time_per_unit(seconds: float, unit: str = "step") -> str:
    """Writes how long one step takes, in the unit that suits.

    >>> format_time_per_unit(0.0023), format_time_per_unit(3.4e-6)
    ('2ms/step', '3us/step')
    """
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/{unit}"
    return f"{seconds * 1e6:.0f}us/{unit}"


def format_time_left(seconds: float) -> str:
    """Writes a number of seconds as people read clocks.

    >>> format_time_left(9), format_time_left(75), format_time_left(3671)
    ('9s', '1:15', '1:01:11')
    """
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if seconds > 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"


def format_value(value: float) -> str:
    """Writes the value of a loss or metric.

    >>> format_value(0.69314), format_value(0.0001)
    ('0.6931', '1.0000e-04')
    """
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


class Progbar:
    """Shows how far a loop has come, how fast it is, and its metrics.

    Where a line can be drawn again in place, it is, while the loop runs. Elsewhere (in a file, in a log) there is one
    plain line, when the loop is done.

    If neither `stateful_metrics` nor `stateless_metrics` is given, all metrics are averaged over the steps.

    Args:
        target: Number of steps, or `None` if it is not known.
        width: Characters in the bar.
        verbose: 0 shows nothing, 1 a bar, 2 one line without a bar when the loop is done.
        interval: Least time between two drawings, in seconds.
        stateful_metrics: Names of the metrics that are shown as they are given; the others are averaged over the
            steps.
        stateless_metrics: Names of the metrics that are averaged over the steps; the others are shown as they are
            given.
        unit_name: What is counted: `"step"` or `"sample"`.

    Raises:
        ValueError: Both `stateful_metrics` and `stateless_metrics` are given.

    Example:

    >>> progress = Progbar(target=100, verbose=0)
    >>> for step in range(100):
    ...     progress.update(step + 1, [("loss", 1 / (step + 1))])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Only one of `stateful_metrics` and `stateless_metrics` can be given. Received: "
                f"stateful_metrics={stateful_metrics!r}, stateless_metrics={stateless_metrics!r}"
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self._stateful = None if stateful_metrics is None else frozenset(stateful_metrics)
        self._stateless = None if stateless_metrics is None else frozenset(stateless_metrics)
        self._sums: dict[str, tuple[float, float]] = {}  # name -> sum of values, number of steps
        self._seen = 0
        self._start = time.perf_counter()
        self._after_first_step: float | None = None
        self._last_drawn = float("-inf")
        self._drawn_width = 0

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Sets the number of steps done, and draws it unless the last drawing is very recent.

        Args:
            current: Number of steps done.
            values: Pairs of a metric's name and its value: since the last update if it is averaged, else as it is to
                be shown.
            finalize: Whether the loop is done. By default, when `current` has reached `target`.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._add_values(current, values or (), finalize)
        self._seen = current
        now = time.perf_counter()
        seconds = self._time_per_unit(current, now)
        if self.verbose == 1:
            self._draw(current, now, seconds, finalize)
        elif self.verbose == 2 and finalize and self.target:
            count = f"{current:{len(str(self.target))}d}/{self.target}"
            time_per_unit = format_time_per_unit(seconds, self.unit_name)
            print_message(f"{count} - {now - self._start:.0f}s - {time_per_unit}{self._metrics()}")

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Counts `n` more steps: see `update`."""
        self.update(self._seen + n, values)

    def _add_values(self, current: int, values: Iterable[tuple[str, Any]], finalize: bool) -> None:
        for name, value in values:
            number = float(np.mean(value))
            averaged = name in self._stateless if self._stateless is not None else name not in (self._stateful or ())
            if finalize or not averaged:  # the last value is that of the whole loop
                self._sums[name] = (number, 1)
            else:
                steps = max(current - self._seen, 1)
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + number * steps, count + steps)

    def _time_per_unit(self, current: int, now: float) -> float:
        """Seconds a step. The first one, which often prepares the others, does not count when there are more."""
        if not current:
            return 0.0
        if self._after_first_step is not None and current > 1:
            return (now - self._after_first_step) / (current - 1)
        if current == 1:
            self._after_first_step = now
        return (now - self._start) / current

    def _metrics(self) -> str:
        return "".join(f" - {name}: {format_value(total / count)}" for name, (total, count) in self._sums.items())

    def _draw(self, current: int, now: float, seconds: float, finalize: bool) -> None:
        redraw = can_redraw()
        if not finalize and (not redraw or now - self._last_drawn < self.interval):
            return
        self._last_drawn = now
        if self.target:
            count = f"{current:{len(str(self.target))}d}/{self.target}"
            done = min(int(self.width * current / self.target), self.width)
        else:
            count, done = f"{current:7d}/Unknown", 0
        left = format_time_left(seconds * (self.target - current)) if self.target and not finalize else None
        clock = left or f"{now - self._start:.0f}s"
        rest = f" {format_time_per_unit(seconds, self.unit_name)}{self._metrics()}"
        width = self.width if self.target else 0
        if not redraw:
            bar = f" {_BAR * width}" if width else ""
            print_message(f"{count}{bar} {clock}{rest}")
            return
        drawn = len(count) + (1 + width if width else 0) + 1 + len(clock)
        if not finalize and is_terminal():
            rest = rest[: max(_columns() - 1 - drawn, 0)]  # a line that wraps cannot be drawn again in place
        drawn += len(rest)
        bar = f" {_GREEN}{_BAR * done}{_WHITE}{_BAR * (width - done)}{_PLAIN}" if width else ""
        blanks = " " * (self._drawn_width - drawn)
        end = "\n" if finalize else ""
        write(f"\r{_BOLD}{count}{_PLAIN}{bar} {_BOLD}{clock}{_PLAIN}{rest}{blanks}{end}")
        self._drawn_width = 0 if finalize else drawn
