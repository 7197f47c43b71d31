"""Losses, metrics and weights for TensorBoard."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import numpy as np

from fastnn.callbacks.callback import Callback, Logs


class TensorBoard(Callback):
    """Writes losses, metrics and the learning rate, and if asked histograms of the weights, for TensorBoard to show.

    They go to `log_dir/train` and `log_dir/validation`, by TensorBoard's own writer, under Keras's names. It comes with
    the extra `tensorboard`, and needs no TensorFlow.

    Args:
        log_dir: The directory.
        histogram_freq: Every how many epochs the weights' histograms are written; 0 for never.
        write_graph: Whether to write the model's graph.
        write_images: Not supported: `False`.
        write_steps_per_second: Whether to write how many steps are made in a second.
        update_freq: `"epoch"`; or `"batch"`, or every how many batches to write losses and metrics besides: Python then
            runs between any two steps.
        profile_batch: Not supported: 0.
        embeddings_freq: Not supported: 0.
        embeddings_metadata: Not supported: `None`.

    Raises:
        ImportError: TensorBoard is not installed.
        ValueError: An argument is not supported.

    `tensorboard --logdir logs` shows what was written to `logs`.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> logs = tempfile.mkdtemp()
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=3, callbacks=[TensorBoard(logs)], verbose=0)
    >>> os.listdir(logs)
    ['train']
    """

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        unsupported = {
            "write_images": write_images,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        for name, value in unsupported.items():
            if value:
                raise ValueError(f"Argument `{name}` of TensorBoard is not supported. Received: {name}={value!r}")
        whole = isinstance(update_freq, int) and not isinstance(update_freq, bool) and update_freq >= 1
        if update_freq not in ("epoch", "batch") and not whole:
            raise ValueError(
                "Argument `update_freq` must be 'epoch', 'batch' or a positive integer. "
                f"Received: update_freq={update_freq!r}"
            )
        if isinstance(histogram_freq, bool) or not isinstance(histogram_freq, int) or histogram_freq < 0:
            raise ValueError(
                f"Argument `histogram_freq` must be an integer >= 0. Received: histogram_freq={histogram_freq!r}"
            )
        _parts()  # what is missing is said at once
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = bool(write_graph)
        self.write_steps_per_second = bool(write_steps_per_second)
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers: dict[str, Any] = {}
        self._train_batch = 0
        self._in_fit = False
        self._epoch_began = 0.0
        self._steps_before = 0
        if self.update_freq != "epoch":  # nobody else listens to batches
            self.on_train_batch_end = self._write_batch  # type: ignore[method-assign]

    def _write(self, where: str, summaries: list[Any], step: int) -> None:
        """Writes what `tensorboard` made; the files appear when there is something to write."""
        writer, event = _parts()["EventFileWriter"], _parts()["Event"]
        if where not in self._writers:
            self._writers[where] = writer(os.path.join(self.log_dir, where))
        for summary in summaries:
            self._writers[where].add_event(event(wall_time=time.time(), step=step, summary=summary))

    def _scalars(self, where: str, values: dict[str, Any], step: int) -> None:
        make = _parts()["scalar_pb"]
        numbers = {name: np.asarray(value) for name, value in values.items()}
        self._write(where, [make(name, value) for name, value in numbers.items() if value.ndim == 0], step)

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._train_batch = 0
        self._in_fit = True
        if self.write_graph:
            self._write_graph()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_began, self._steps_before = time.perf_counter(), self.model.optimizer.iterations

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        train = {f"epoch_{name}": value for name, value in (logs or {}).items() if not name.startswith("val_")}
        train["epoch_learning_rate"] = float(optimizer.learning_rate)
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._epoch_began
            train["epoch_steps_per_second"] = (optimizer.iterations - self._steps_before) / seconds
        validation = {f"epoch_{name[4:]}": value for name, value in (logs or {}).items() if name.startswith("val_")}
        self._scalars("train", train, epoch)
        if validation:
            self._scalars("validation", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            make = _parts()["histogram_pb"]
            weights = [(weight.path, weight.numpy()) for layer in self.model.layers for weight in layer.weights]
            finite = [(path, values) for path, values in weights if np.isfinite(values).all()]  # others have no bins
            self._write("train", [make(f"{path}/histogram", values) for path, values in finite], epoch)
        self._flush()

    def _write_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._train_batch += 1
        if self._train_batch % self.update_freq == 0:
            values = {f"batch_{name}": value for name, value in (logs or {}).items()}
            self._scalars("train", values, self._train_batch)

    def on_test_end(self, logs: Logs | None = None) -> None:
        values = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._scalars("validation", values, self.model.optimizer.iterations)
        if not self._in_fit:
            self._close()

    def _write_graph(self) -> None:
        """The configuration of the model, from which TensorBoard draws it; models of code alone have none."""
        try:
            config = {"class_name": type(self.model).__name__, "config": self.model.get_config()}
        except NotImplementedError:
            return
        if "layers" not in config["config"]:
            return
        text = json.dumps(config, default=str)
        parts = _parts()
        metadata = parts["SummaryMetadata"](
            plugin_data=parts["SummaryMetadata"].PluginData(plugin_name="graph_keras_model", content=b"1")
        )
        tensor = parts["TensorProto"](dtype="DT_STRING", string_val=[text.encode()])
        value = parts["Summary"].Value(tag="keras", metadata=metadata, tensor=tensor)
        self._write("train", [parts["Summary"](value=[value])], 0)


def _parts() -> dict[str, Any]:
    """What is used of TensorBoard, by name."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard is not installed. Install the extra: python -m pip install 'fastnn-cpu[tensorboard]'"
        ) from error
    return {
        "Event": Event,
        "EventFileWriter": EventFileWriter,
        "Summary": Summary,
        "SummaryMetadata": SummaryMetadata,
        "TensorProto": TensorProto,
        "histogram_pb": histogram_pb,
        "scalar_pb": scalar_pb,
    }
