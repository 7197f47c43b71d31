"""What a callback is that shows how far a loop has come."""

from __future__ import annotations

from fastnn.callbacks.callback import Callback, Logs


class ProgressCallback(Callback):
    """Base class of callbacks that show progress: one among the callbacks takes the place of the usual lines.

    It must leave the model and the logs as they are.
    """

    @property
    def draws(self) -> bool:
        """Whether `on_progress` is to be called."""
        return True

    def on_progress(self, step: int, logs: Logs | None = None) -> None:
        """Called some twenty times a second while an epoch or an evaluation runs.

        Args:
            step: Number of steps done.
            logs: Loss and metrics since the start of the epoch.
        """
