"""What every model is asked to do: compile, fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import data, loop, training
from fastnn._structure import flatten, pack
from fastnn.adapters import Batch, Batches, is_batches
from fastnn.callbacks import CallbackList, History
from fastnn.gradients import Derivatives
from fastnn.models.unbuilt import stays_unbuilt
from fastnn.prediction import Predictor
from fastnn.sources import InMemory, Streamed

# Methods of Keras's models that its training calls and this one does not: they must not be passed over in silence.
NOT_CALLED = ("train_step", "test_step", "predict_step", "make_train_function", "compute_loss", "compute_metrics")


class Trainer:
    """The verbs of Keras's models, in terms of what a model is: its inputs, outputs, `lower` and weights."""

    name: str
    _dtype: Any

    def _start(self) -> None:
        """Before anything was compiled, trained or predicted."""
        self._training: training.Training | None = None
        self._predictor: Predictor | None = None
        self._few: Any = None  # the program that serves few rows at once
        self._derivatives: Derivatives | None = None
        self.history: History | None = None
        self.stop_training = False
        self.run: loop.Run | None = None  # the call of `fit` that is running

    def _state_of_training(self) -> dict[str, Any]:
        """What a copy of the model needs: programs are made anew."""
        return {
            "_predictor": None,
            "run": None,
            "_few": None,
            "_derivatives": None,
            "_training": None if self._training is None else self._training.arguments,
        }

    def _start_again(self, state: dict[str, Any]) -> None:
        if state["_training"] is not None:
            self._training = training.Training(self, *state["_training"])

    def _input_arrays(self, x: Any, name: str = "x", y: Any = None) -> list[Any]:
        raise NotImplementedError

    # --- compile ---

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._training is not None

    @property
    def optimizer(self) -> Any:
        """The optimizer given to `compile`."""
        return self._settled("optimizer").optimizer

    @property
    def loss(self) -> Any:
        """The loss given to `compile`."""
        return self._settled("loss").loss_identifier

    @property
    def metrics(self) -> list[Any]:
        """The metrics, once data has settled them."""
        settled = self._training
        return [] if settled is None else list(settled.results.metrics)

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns."""
        return list(self._training.results.names) if self._training else ["loss"]

    def reset_metrics(self) -> None:
        """Forgets what the metrics have added up, as every epoch and every evaluation does when it begins."""
        if self._training is not None:
            self._training.reset_metrics()

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how the model is to be trained. Weights stay as they are; the optimizer starts afresh.

        Args:
            optimizer: Optimizer, or its name.
            loss: Loss or its name; or a function `(y_true, y_pred)` that composes the losses of rows of
                `fastnn.ops`, or returns them and their gradient in NumPy. For several outputs: a list or dictionary of
                losses by outputs, or one for all.
            loss_weights: Factors of the losses: a list or dictionary by outputs.
            metrics: Metrics or their names. For several outputs: a list or dictionary of such by outputs.
            weighted_metrics: The same, weighted by sample weights and class weights.
            run_eagerly: Without effect.
            steps_per_execution: Without effect: a whole epoch runs in compiled code.
            jit_compile: Without effect.
            auto_scale_loss: Without effect.

        Raises:
            ValueError: A name is unknown.
            NotImplementedError: The model's class has a method that Keras would train by, such as `train_step`.
        """
        mine = [name for name in NOT_CALLED if hasattr(self, name)]
        if mine:
            raise NotImplementedError(
                "A model trains in compiled steps, and no step calls a method of its class: compose the loss in a "
                "function or a `Loss`, and outputs in `call`; for steps of one's own there is `train_on_batch`. "
                f"Received: model '{self.name}' of class {type(self).__name__} with {', '.join(mine)}"
            )
        self._training = training.Training(self, optimizer, loss, loss_weights, metrics, weighted_metrics)

    def _forget_programs(self) -> None:
        """Starts afresh where layers have changed: without programs, and without what was chosen for data."""
        if self.run is not None:
            raise RuntimeError(
                "Layers cannot be added to a model or taken from it while it trains: do so after `fit`, then call "
                f"compile() and fit() again. Received: a change of the layers of '{self.name}' amid its fit"
            )
        self._predictor = self._few = self._derivatives = None
        if self._training is not None and self._training.heads:  # else it has met neither layers nor data
            self._training = training.Training(self, *self._training.arguments)

    # --- fit, evaluate, predict ---

    @stays_unbuilt
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        *,
        check_finite: bool = True,
    ) -> History:
        """Trains the model.

        Args:
            x: Inputs: array of shape `(samples, ...)`, of any real dtype and any strides; it is never copied whole. For
                several inputs: a list of arrays, or a dictionary by their names. Or what yields batches, `(x, y)` or
                `(x, y, sample_weight)`: a generator, a data loader, a `PyDataset`; y and the rest are then left out.
            y: Targets, likewise by outputs.
            batch_size: Samples in a step; 32 by default.
            epochs: Number of the epoch to end with.
            verbose: 0: silent; 1: a line that grows; 2: a line an epoch; `"auto"`: 1.
            callbacks: Callbacks to call while training.
            validation_split: Share of the samples, from the end, to validate with and not to train on.
            validation_data: `(x, y)` or `(x, y, sample_weight)` to validate with; or what yields such batches.
            shuffle: Whether to draw a new order of the samples for every epoch.
            class_weight: Weights of classes, by their numbers; or a dictionary of such by outputs.
            sample_weight: Weights of samples, for all outputs; or a list or dictionary of such by outputs.
            initial_epoch: Number of epochs done before.
            steps_per_epoch: Batches in an epoch, where x yields batches; `None` for arrays.
            validation_steps: The same, of `validation_data`.
            validation_batch_size: Batch size for validation; by default `batch_size`.
            validation_freq: Validate every so many epochs, or in these epochs.
            check_finite: Whether to look for NaN and infinity in x and y first.

        Returns:
            A `History`, whose `history` holds losses and metrics of every epoch.

        Raises:
            ValueError: `compile` was not called, or an argument does not fit; the model is unchanged.
        """
        settled = self._settled("fit")
        epochs = _positive(epochs, "epochs")
        initial_epoch = _positive(initial_epoch, "initial_epoch", least=0)
        streams = is_batches(x)
        if streams:
            _refuse_beside_batches(
                y=y, batch_size=batch_size, sample_weight=sample_weight, validation_split=validation_split or None
            )
        else:
            _refuse_for_arrays(steps_per_epoch=steps_per_epoch)
        batch_size = _positive(32 if batch_size is None else batch_size, "batch_size")
        validation_batch_size = _positive(
            batch_size if validation_batch_size is None else validation_batch_size, "validation_batch_size"
        )
        if not isinstance(validation_freq, (list, tuple, set, range)):
            validation_freq = _positive(validation_freq, "validation_freq")
        source: InMemory | Streamed
        validation: InMemory | Streamed | None = None
        if streams:
            source = self._streamed(settled, x, steps_per_epoch, bool(shuffle), check_finite, class_weight)
        else:
            _check_given(x, y)
            arrays = settled.arrays(self._input_arrays(x, y=y), y, sample_weight, check_finite)
            if validation_data is None and validation_split:
                arrays, kept = arrays.split(validation_split)
                validation = InMemory(settled, kept, validation_batch_size)
            arrays = settled.weigh_classes(arrays, class_weight)  # those trained with alone, as in Keras
            if settled.optimizer.full_batch:
                batch_size = len(arrays)
            source = InMemory(settled, arrays, batch_size, bool(shuffle))
        if is_batches(validation_data):
            validation = self._streamed(settled, validation_data, validation_steps, False, check_finite)
        else:
            _refuse_for_arrays(validation_steps=validation_steps)
            if validation_data is not None:
                kept = self._validation_arrays(settled, validation_data, check_finite)
                validation = InMemory(settled, kept, validation_batch_size)
        listening = self._listeners(callbacks, verbose, epochs, source.steps, add_history=True)
        try:
            loop.fit(
                settled,
                source,
                validation,
                epochs=epochs,
                initial_epoch=initial_epoch,
                callbacks=listening,
                validation_freq=validation_freq,
            )
        finally:
            self.run = None  # nothing of the data is held on to
        assert listening.history is not None
        return listening.history

    @stays_unbuilt
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        *,
        check_finite: bool = True,
    ) -> Any:
        """Returns the loss, and the metrics if there are any, over a data set.

        Args:
            x: Inputs.
            y: Targets.
            batch_size: Samples in a batch; 32 by default, and without influence on the result.
            verbose: As for `fit`.
            sample_weight: Weights of samples.
            steps: Batches, where x yields batches; `None` for arrays.
            callbacks: Callbacks.
            return_dict: Whether to return a dictionary by names.
            check_finite: Whether to look for NaN and infinity first.

        Returns:
            The loss; or a list of the loss and the metrics; or a dictionary.
        """
        settled = self._settled("evaluate")
        source: InMemory | Streamed
        if is_batches(x):
            _refuse_beside_batches(y=y, batch_size=batch_size, sample_weight=sample_weight)
            source = self._streamed(settled, x, steps, False, check_finite)
        else:
            _refuse_for_arrays(steps=steps)
            batch_size = _positive(32 if batch_size is None else batch_size, "batch_size")
            _check_given(x, y)
            arrays = settled.arrays(self._input_arrays(x, y=y), y, sample_weight, check_finite)
            source = InMemory(settled, arrays, batch_size)
        listening = self._listeners(callbacks, verbose, 1, source.steps)
        return _returned(loop.evaluate(source, listening), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Returns the model's outputs for all samples.

        Args:
            x: Inputs.
            batch_size: Samples computed together, at most; without influence on the result.
            verbose: As for `fit`.
            steps: Not needed for arrays: `None`.
            callbacks: Callbacks.

        Returns:
            Array of shape `(samples, ...)` and of the model's dtype; or the structure of them that the outputs have.
        """
        if verbose == 0 and self._few is not None and batch_size is None and steps is None and callbacks is None:
            y = self._few.predict_few(x)
            if y is not None:
                return y
        if batch_size is not None:
            batch_size = _positive(batch_size, "batch_size")
        if is_batches(x):
            return self._predict_batches(x, steps, callbacks, verbose)
        _refuse_for_arrays(steps=steps)
        arrays = self._input_arrays(x)
        if callbacks is None and verbose == 0:
            return self._predict(arrays)
        size = batch_size or 32
        batches = range(0, len(arrays[0]), size)
        listening = self._listeners(callbacks, verbose, 1, len(batches))
        listening.on_predict_begin()
        if listening.wants_predict_batches:
            parts = []
            for batch, first in enumerate(batches):
                listening.on_predict_batch_begin(batch)
                parts.append(self._predict([array[first : first + size] for array in arrays]))
                listening.on_predict_batch_end(batch, {"outputs": parts[-1]})
            y = pack(parts[0], [np.concatenate(some) for some in zip(*map(flatten, parts), strict=True)])
        else:
            y = self._predict(arrays)
        listening.on_predict_end()
        return y

    def _predict(self, x: list[Any], in_training: bool = False, out: np.ndarray | None = None) -> Any:
        if self._few is not None and len(x) == 1 and not in_training:
            y = self._few.predict_few(x[0], out)
            if y is not None:
                return y
        if self._predictor is None:
            self._predictor = Predictor(self)
        y = self._predictor(x, in_training, out)
        self._few = self._predictor.few
        return y

    @stays_unbuilt
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Takes one step of the optimizer on one batch.

        Args:
            x: Inputs.
            y: Targets.
            sample_weight: Weights of samples.
            class_weight: Weights of classes.
            return_dict: Whether to return a dictionary by names.

        Returns:
            Loss and metrics, before the step, as `evaluate` returns them.
        """
        settled = self._settled("train_on_batch")
        _check_given(x, y)
        arrays = settled.arrays(self._input_arrays(x, y=y), y, sample_weight, finite=True)
        arrays = settled.weigh_classes(arrays, class_weight)
        with settled.lock:
            compiled = settled.train_program(arrays, len(arrays))
            settled.reset_metrics()
            for _ in settled.run_epoch(compiled, arrays, len(arrays)):
                pass
            return _returned(settled.logs(compiled), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Returns loss and metrics of one batch.

        Args:
            x: Inputs.
            y: Targets.
            sample_weight: Weights of samples.
            return_dict: Whether to return a dictionary by names.
        """
        parts = [part for part in (x, *flatten(x)) if hasattr(part, "__len__")]
        size = max((part.shape[0] if hasattr(part, "shape") else len(part) for part in parts), default=0)
        return self.evaluate(x, y, size or None, 0, sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Returns the model's outputs for one batch.

        Args:
            x: Inputs.
        """
        return self.predict(x, verbose=0)

    def _streamed(
        self,
        settled: training.Training,
        x: Any,
        steps: int | None,
        shuffle: bool,
        finite: bool,
        class_weight: Any = None,
    ) -> Streamed:
        """What yields batches, as a source; the model is built by the first of them."""

        def arrays_of(batch: Batch) -> data.Arrays:
            _check_given(batch.x, batch.y)
            arrays = settled.arrays(self._input_arrays(batch.x, y=batch.y), batch.y, batch.sample_weight, finite)
            arrays = settled.weigh_classes(arrays, class_weight)
            return arrays

        batches = Batches(x, steps, shuffle)
        arrays_of(batches.first)
        return Streamed(settled, batches, arrays_of)

    def _predict_batches(self, x: Any, steps: int | None, callbacks: Any, verbose: Any) -> Any:
        batches = Batches(x, steps)
        listening = self._listeners(callbacks, verbose, 1, batches.num_batches)
        listening.on_predict_begin()
        parts = []
        for number, batch in enumerate(batches.epoch()):
            listening.on_predict_batch_begin(number)
            parts.append(self._predict(self._input_arrays(batch.x)))
            listening.on_predict_batch_end(number, {"outputs": parts[-1]})
        listening.on_predict_end()
        return pack(parts[0], [np.concatenate(some) for some in zip(*map(flatten, parts), strict=True)])

    def _listeners(
        self, callbacks: Any, verbose: Any, epochs: int, steps: int | None, add_history: bool = False
    ) -> CallbackList:
        return CallbackList(
            callbacks, add_history, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=epochs, steps=steps
        )

    # --- checks ---

    def _validation_arrays(self, settled: training.Training, validation_data: Any, finite: bool) -> data.Arrays:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError(
                "Argument `validation_data` must be (x, y) or (x, y, sample_weight). "
                f"Received: {type(validation_data).__name__}"
            )
        x, y, *weights = validation_data
        try:
            return settled.arrays(self._input_arrays(x), y, weights[0] if weights else None, finite)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Argument `validation_data` does not fit. {error}") from None

    def _settled(self, what: str) -> training.Training:
        """What `compile` settled; raises `ValueError` where it was not called."""
        if self._training is None:
            raise ValueError(f"The model '{self.name}' must be compiled first: call compile(). Received: {what}")
        return self._training


def _positive(value: Any, name: str, least: int = 1) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
        raise ValueError(f"Argument `{name}` must be an integer >= {least}. Received: {name}={value!r}")
    return int(value)


def _check_given(x: Any, y: Any) -> None:
    for name, value in (("x", x), ("y", y)):
        if value is None:
            raise ValueError(f"Argument `{name}` must be given. Received: {name}=None")


def _returned(logs: dict[str, float], as_dict: bool) -> Any:
    if as_dict:
        return dict(sorted(logs.items()))
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _refuse_for_arrays(**steps: int | None) -> None:
    for name, value in steps.items():
        if value is not None:
            raise ValueError(f"Argument `{name}` goes with batches, not with arrays. Received: {name}={value}")


def _refuse_beside_batches(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"Argument `{name}` must be left out where x yields batches, which hold it all. Received: {name}="
                f"{type(value).__name__}"
            )
