"""Objects that watch training, and act: at its beginning and end, at each epoch's and, if they ask for it, batch's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._refused import refuser
from fastnn.callbacks.callback import Callback
from fastnn.callbacks.callback_list import CallbackList
from fastnn.callbacks.convergence_stopping import ConvergenceStopping
from fastnn.callbacks.csv_logger import CSVLogger
from fastnn.callbacks.early_stopping import EarlyStopping
from fastnn.callbacks.history import History
from fastnn.callbacks.lambda_callback import LambdaCallback
from fastnn.callbacks.learning_rate_scheduler import LearningRateScheduler
from fastnn.callbacks.monitor_callback import MonitorCallback
from fastnn.callbacks.progbar_logger import ProgbarLogger
from fastnn.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from fastnn.callbacks.swap_ema_weights import SwapEMAWeights
from fastnn.callbacks.tensorboard import TensorBoard
from fastnn.callbacks.terminate_on_nan import TerminateOnNaN
from fastnn.callbacks.tqdm_callback import TqdmCallback

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "ConvergenceStopping",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "TqdmCallback",
]

if not TYPE_CHECKING:
    __getattr__ = refuser(__name__)
