"""What every model can do, however its layers are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn import data, training
from fastnn._arrays import as_float, standardize_dtype
from fastnn._registry import auto_name
from fastnn.callbacks import CallbackList, History
from fastnn.layers.layer import Layer, assign_all
from fastnn.layers.weighted import Weighted
from fastnn.prediction import Predictor
from fastnn.program import Builder, Value, required
from fastnn.summary import print_summary
from fastnn.variables import Variable

Shape = tuple[int, ...]


class Model(Weighted):
    """What every model can do: compile, fit, evaluate, predict.

    Args:
        trainable: Whether the weights learn.
        name: Its name; by default the class's.
        dtype: `"float32"` or `"float64"`, for all layers that name none.
    """

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._dtype = None if dtype is None else standardize_dtype(dtype)
        self._trainable = bool(trainable)
        self._training: training.Training | None = None
        self._predictor: Predictor | None = None
        self._few: Any = None  # the program that serves few rows at once
        self.history: History | None = None
        self.stop_training = False

    # --- what subclasses provide ---

    @property
    def layers(self) -> list[Layer]:
        """The layers, without inputs."""
        raise NotImplementedError

    @property
    def built(self) -> bool:
        """Whether the model has its weights."""
        raise NotImplementedError

    def build(self, input_shape: Any = None) -> None:
        """Creates the weights for inputs of this shape."""
        raise NotImplementedError

    def lower(self, builder: Builder, x: Value) -> Value:
        """Emits the steps of all layers."""
        raise NotImplementedError

    input_shape: Shape | None = None  # of one sample
    output_shape: Shape | None = None

    # --- weights ---

    @property
    def dtype(self) -> np.dtype:
        """The dtype of weights and computation."""
        return standardize_dtype(self._dtype)

    @property
    def trainable(self) -> bool:
        """Whether the weights learn."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.layers:
            layer.trainable = value

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer."""
        self._check_built("weights")
        return training.variables_of(self.layers)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights, in the order of `weights`; all or none.

        Args:
            weights: Arrays of the weights' shapes.

        Raises:
            ValueError: The number of arrays or a shape is wrong.
        """
        assign_all(self.weights, weights, f"model '{self.name}'")

    def count_params(self) -> int:
        """Number of elements of all weights."""
        return sum(variable.size for variable in self.weights)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Returns a layer by its name or its place.

        Args:
            name: Its name.
            index: Its place in `layers`.

        Raises:
            ValueError: There is no such layer.
        """
        if (name is None) == (index is None):
            raise ValueError(f"Give either `name` or `index`. Received: name={name!r}, index={index}")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"The model has {len(self.layers)} layers. Received: index={index}")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"The model has the layers {[layer.name for layer in self.layers]}. Received: name={name!r}")

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints the layers, their output shapes and their numbers of parameters.

        Args:
            line_length: Width of the table, in characters.
            positions: Where columns end, as shares of the width.
            print_fn: What to print with; by default `print`.
            expand_nested: Without effect.
            show_trainable: Whether to show which layers learn.
            layer_range: Names of the first and the last layer to show.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

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
        return [] if settled is None else [*settled.metrics, *settled.weighted]

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns."""
        return ["loss", *(self._training.metrics_names if self._training else ())]

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
            loss: Loss or its name; or a function `(y_true, y_pred) -> (losses of rows, gradient)`.
            loss_weights: Not needed for a model with one output: `None`.
            metrics: Metrics or their names.
            weighted_metrics: The same, weighted by sample weights and class weights.
            run_eagerly: Without effect.
            steps_per_execution: Without effect: a whole epoch runs in compiled code.
            jit_compile: Without effect.
            auto_scale_loss: Without effect.

        Raises:
            ValueError: A name is unknown.
        """
        if loss_weights is not None:
            raise NotImplementedError(f"Argument `loss_weights` must be None. Received: loss_weights={loss_weights!r}")
        self._training = training.Training(self, optimizer, loss, metrics, weighted_metrics)

    def _forget_programs(self) -> None:
        """Starts afresh where layers have changed: without programs, and without what was chosen for data."""
        self._predictor = self._few = None
        if self._training is not None:
            self._training = training.Training(self, *self._training.arguments)

    # --- fit, evaluate, predict ---

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
        class_weight: dict[int, float] | None = None,
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
            x: Inputs: array of shape `(samples, ...)`, of any real dtype and any strides; it is never copied whole.
            y: Targets.
            batch_size: Samples in a step; 32 by default.
            epochs: Number of the epoch to end with.
            verbose: 0: silent; 1: a line that grows; 2: a line an epoch; `"auto"`: 1.
            callbacks: Callbacks to call while training.
            validation_split: Share of the samples, from the end, to validate with and not to train on.
            validation_data: `(x, y)` or `(x, y, sample_weight)` to validate with.
            shuffle: Whether to draw a new order of the samples for every epoch.
            class_weight: Weights of classes, by their numbers.
            sample_weight: Weights of samples.
            initial_epoch: Number of epochs done before.
            steps_per_epoch: Not needed for arrays: `None`.
            validation_steps: The same.
            validation_batch_size: Batch size for validation; by default `batch_size`.
            validation_freq: Validate every so many epochs, or in these epochs.
            check_finite: Whether to look for NaN and infinity in x and y first.

        Returns:
            A `History`, whose `history` holds losses and metrics of every epoch.

        Raises:
            RuntimeError: `compile` was not called.
            ValueError: An argument does not fit; the model is unchanged.
        """
        settled = self._settled("fit")
        batch_size = _positive(32 if batch_size is None else batch_size, "batch_size")
        epochs = _positive(epochs, "epochs")
        initial_epoch = _positive(initial_epoch, "initial_epoch", least=0)
        for name, value in (("steps_per_epoch", steps_per_epoch), ("validation_steps", validation_steps)):
            if value is not None:
                raise NotImplementedError(f"Argument `{name}` must be None for arrays. Received: {name}={value}")
        validation_batch_size = _positive(
            batch_size if validation_batch_size is None else validation_batch_size, "validation_batch_size"
        )
        if not isinstance(validation_freq, (list, tuple, set, range)):
            validation_freq = _positive(validation_freq, "validation_freq")
        _check_given(x, y)
        self._build_for(x, y)
        arrays = settled.arrays(x, y, sample_weight, check_finite)
        validation = None
        if validation_data is not None:
            validation = self._validation_arrays(settled, validation_data, check_finite)
        elif validation_split:
            arrays, validation = arrays.split(validation_split)
        settled.weigh_classes(arrays, class_weight)  # those trained with alone, as in Keras
        steps = -(-len(arrays.x) // batch_size)
        listening = self._listeners(callbacks, verbose, epochs, steps, add_history=True)
        training.fit(
            settled,
            arrays,
            validation,
            batch_size=batch_size,
            epochs=epochs,
            initial_epoch=initial_epoch,
            shuffle=bool(shuffle),
            callbacks=listening,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )
        assert listening.history is not None
        return listening.history

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
            steps: Not needed for arrays: `None`.
            callbacks: Callbacks.
            return_dict: Whether to return a dictionary by names.
            check_finite: Whether to look for NaN and infinity first.

        Returns:
            The loss; or a list of the loss and the metrics; or a dictionary.
        """
        settled = self._settled("evaluate")
        batch_size = _positive(32 if batch_size is None else batch_size, "batch_size")
        _check_given(x, y)
        if steps is not None:
            raise NotImplementedError(f"Argument `steps` must be None for arrays. Received: steps={steps}")
        self._build_for(x, y)
        arrays = settled.arrays(x, y, sample_weight, check_finite)
        listening = self._listeners(callbacks, verbose, 1, -(-len(arrays.x) // batch_size))
        return _returned(training.evaluate(settled, arrays, batch_size, listening), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """Returns the model's outputs for all samples.

        Args:
            x: Inputs.
            batch_size: Samples computed together, at most; without influence on the result.
            verbose: As for `fit`.
            steps: Not needed for arrays: `None`.
            callbacks: Callbacks.

        Returns:
            Array of shape `(samples, ...)` and of the model's dtype.
        """
        if self._few is not None and verbose == 0 and batch_size is None and steps is None and callbacks is None:
            y = self._few.predict_few(x)
            if y is not None:
                return y
        if batch_size is not None:
            batch_size = _positive(batch_size, "batch_size")
        if steps is not None:
            raise NotImplementedError(f"Argument `steps` must be None for arrays. Received: steps={steps}")
        x = data.as_inputs(x, self._build_for(x))
        if callbacks is None and verbose == 0:
            return self._predict(x)
        size = batch_size or 32
        batches = range(0, len(x), size)
        listening = self._listeners(callbacks, verbose, 1, len(batches))
        listening.on_predict_begin()
        if listening.wants_predict_batches:
            parts = []
            for batch, first in enumerate(batches):
                listening.on_predict_batch_begin(batch)
                parts.append(self._predict(x[first : first + size]))
                listening.on_predict_batch_end(batch, {"outputs": parts[-1]})
            y = np.concatenate(parts)
        else:
            y = self._predict(x)
        listening.on_predict_end()
        return y

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """Computes the model's output, building the model first where it is not built.

        Args:
            x: Array of shape `(batch, ...)`.
            training: Whether layers behave as in training.
        """
        if self._few is not None and not training:
            y = self._few.predict_few(x)
            if y is not None:
                return y
        if not isinstance(x, np.ndarray):
            x = as_float(x, self._dtype)
        return self._predict(data.as_inputs(x, self._build_for(x)), bool(training))

    def _predict(self, x: np.ndarray, in_training: bool = False) -> np.ndarray:
        if self._predictor is None:
            self._predictor = Predictor(self)
        y = self._predictor(x, in_training)
        self._few = self._predictor.few
        return y

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
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
        self._build_for(x, y)
        arrays = settled.arrays(x, y, sample_weight, finite=True)
        settled.weigh_classes(arrays, class_weight)
        with settled.lock:
            compiled = settled.train_program(arrays, len(arrays.x))
            settled.reset_metrics()
            for _ in settled.run_epoch(compiled, arrays, len(arrays.x), None, by_batch=False):
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
        size = max(len(x), 1) if hasattr(x, "__len__") else None
        return self.evaluate(x, y, size, 0, sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Returns the model's outputs for one batch.

        Args:
            x: Inputs.
        """
        return self.predict(x, verbose=0)

    def _listeners(
        self, callbacks: Any, verbose: Any, epochs: int, steps: int, add_history: bool = False
    ) -> CallbackList:
        return CallbackList(
            callbacks, add_history, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=epochs, steps=steps
        )

    # --- checks ---

    def _validation_arrays(self, settled: training.Training, validation_data: Any, finite: bool) -> training.Arrays:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError(
                "Argument `validation_data` must be (x, y) or (x, y, sample_weight). "
                f"Received: {type(validation_data).__name__}"
            )
        x, y, *weights = validation_data
        try:
            return settled.arrays(x, y, weights[0] if weights else None, finite)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Argument `validation_data` does not fit. {error}") from None

    def _check_built(self, what: str) -> None:
        if not self.built:
            raise ValueError(
                f"The model '{self.name}' has no {what} before it is built: give its first layer an input shape, call "
                "build(), or fit it."
            )

    def _settled(self, what: str) -> training.Training:
        """What `compile` settled; raises `RuntimeError` where it was not called."""
        if self._training is None:
            raise RuntimeError(f"The model '{self.name}' must be compiled first: call compile(). Received: {what}")
        return self._training

    def _build_for(self, x: Any, y: Any = None) -> Shape:
        """Builds the model for samples like these, where it is not built; returns the shape of one it takes."""
        if self.input_shape is None:
            x = data.as_data(x, "x")
            if y is not None:  # a model is not built for arrays that turn out to be mistaken
                data.check_same_length(x, data.as_data(y, "y"), "x", "y")
            self.build((None, *x.shape[1:]) if x.ndim > 1 else (None, 1))
        return required(self.input_shape, "an input shape")

    # --- copies ---

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_predictor"] = state["_few"] = None
        state["_training"] = None if self._training is None else self._training.arguments
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["_training"] is not None:
            self._training = training.Training(self, *state["_training"])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


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
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
