"""What became of each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.callbacks.callback import Callback, Logs
from fastnn.utils.axes import axes_or_new, shown_as_result
from fastnn.utils.html import html_table

SHOWN = 12  # epochs in a table; of more, the first and the last


class History(Callback):
    """Keeps the losses and metrics of every epoch. `fit` adds one by itself, and returns it.

    Attributes:
        epoch: Numbers of the epochs.
        history: The values of each loss and metric, one for each epoch, by name.
        params: What was run: `"verbose"`, `"epochs"` and `"steps"` (in an epoch).

    Example:

    >>> history = History()
    >>> history.on_train_begin()
    >>> history.on_epoch_end(0, {"accuracy": 0.5, "loss": 0.7})
    >>> history.history["loss"]
    [0.7]
    >>> history
    <History of 1 epoch: accuracy=0.5, loss=0.7>
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}
        self._places: dict[str, list[int]] = {}  # of each value: its epoch, counted from 1, trainings one after another
        self._last = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        self._last = max(self._last, epoch) + 1
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._places.setdefault(name, []).append(self._last)

    def get_state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "history": self.history, "places": self._places, "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch, self.history, self._places, self._last = (
            state[name] for name in ("epoch", "history", "places", "last")
        )

    def plot(self, names: Sequence[str] | None = None) -> Any:
        """Draws losses and metrics over the epochs, training and validation in one, by matplotlib (the extra `plot`).

        Args:
            names: Which of them, such as `["loss"]`; by default all.

        Returns:
            The `matplotlib.figure.Figure`, which a notebook shows where it is the result of a cell.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: There are no epochs, or no losses or metrics of these names.
        """
        known = list(dict.fromkeys(name.removeprefix("val_") for name in self.history))
        names = known if names is None else list(names)
        if not known:
            raise ValueError("A history can be drawn after training: there are no epochs. Received: an empty history")
        if not names or not set(names) <= set(known):
            raise ValueError(f"Argument `names` must name some of {known}. Received: names={names!r}")
        first = axes_or_new(None, (5.0 * len(names), 3.5))
        figure = first.figure
        figure.clear()
        for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            for key, label in ((name, "training"), (f"val_{name}", "validation")):
                values = self.history.get(key, [])
                if values:
                    ax.plot(self._epochs_of(key), values, label=label, marker="o" if len(values) == 1 else None)
            ax.set_xlabel("epoch")
            ax.set_ylabel(name, parse_math=False)
            ax.legend()
        shown_as_result(figure)
        return figure

    def _epochs_of(self, name: str) -> list[int]:
        """The epochs, counted from 1, that the values are of: validation may be left out in some of them."""
        places, count = self._places.get(name, []), len(self.history[name])
        return places if len(places) == count else list(range(1, count + 1))  # values may be put in by others

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of the epochs."""
        columns = {name: dict(zip(self._epochs_of(name), self.history[name], strict=True)) for name in self.history}
        epochs = sorted({epoch for column in columns.values() for epoch in column})
        rows = [
            [str(epoch), *(_written(column[epoch]) if epoch in column else "" for column in columns.values())]
            for epoch in epochs
        ]
        if len(rows) > SHOWN:
            rows[3 : 4 - SHOWN] = [["…"] * (1 + len(columns))]
        return html_table(f"History of {_counted(len(epochs))}", ["epoch", *columns], rows)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={_written(values[-1])}" for name, values in self.history.items())
        return f"<History of {_counted(len(self.epoch))}{': ' if last else ''}{last}>"


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _counted(epochs: int) -> str:
    return f"{epochs} epoch{'' if epochs == 1 else 's'}"
