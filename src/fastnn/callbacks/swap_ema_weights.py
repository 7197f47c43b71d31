"""Evaluation with the running means of the weights."""

from __future__ import annotations

from fastnn.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Evaluates, validates and predicts with the running means of the weights, which an optimizer with `use_ema` keeps.

    Training goes on with the weights themselves. (Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation
    by Averaging".)

    Args:
        swap_on_epoch: Whether the means take the weights' place at the end of every epoch already, for the callbacks
            that come after this one, such as `ModelCheckpoint`.

    Raises:
        ValueError: When training or evaluation begins: the optimizer has no `use_ema`.

    Example:

    >>> import numpy as np
    >>> from fastnn import Sequential, layers, optimizers
    >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile(optimizers.SGD(0.1, use_ema=True), "mse")
    >>> x = np.ones((8, 1))
    >>> history = model.fit(x, x, epochs=3, validation_data=(x, x), callbacks=[SwapEMAWeights()], verbose=0)
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = bool(swap_on_epoch)

    def _put(self, averages: bool) -> None:
        """Sees to it that the model has its averages, or its weights."""
        optimizer = self.model.optimizer
        if optimizer.averages_in_place != averages:
            optimizer.swap_averages()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not self.model.optimizer.use_ema:
            self.model.optimizer.swap_averages()  # which says what is wrong
        self._put(averages=False)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._put(averages=False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put(averages=True)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._put(averages=True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._put(averages=False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._put(averages=True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._put(averages=False)
