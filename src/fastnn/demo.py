"""A demonstration: a classifier of handwritten digits, trained by fastnn and by plain NumPy from the same weights."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastnn import _kernels, callbacks, layers, models, utils
from fastnn.utils.axes import picture_format, write_picture

EPOCHS = 40
BATCH_SIZE = 32
HIDDEN = (256, 128)
CLASSES = 10
ACCURACY_ASKED = 0.97

Report = Callable[[int, dict[str, float]], None]


class PlainNumPy:
    """The same network as a careful NumPy user writes it: float32, buffers made once, one flat array of parameters.

    ReLU layers with a softmax on top, sparse categorical cross-entropy, and Adam with Keras's defaults.
    """

    def __init__(self, weights: list[np.ndarray], batch_size: int) -> None:
        self.parameters = np.concatenate([w.ravel() for w in weights]).astype(np.float32)
        self.gradient, self.m, self.v, self.scratch = (np.zeros_like(self.parameters) for _ in range(4))
        self.steps = 0
        shapes = [w.shape for w in weights]
        self.kernels, self.biases = self._views(self.parameters, shapes)
        self.kernel_gradients, self.bias_gradients = self._views(self.gradient, shapes)
        self.outputs = [np.empty((batch_size, w.shape[1]), np.float32) for w in self.kernels]
        self.deltas = [np.empty_like(y) for y in self.outputs]

    @staticmethod
    def _views(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        views = [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
        return views[0::2], views[1::2]

    def forward(self, x: np.ndarray, outputs: list[np.ndarray]) -> np.ndarray:
        """Probabilities[rows, classes]; every layer's output stays in `outputs`."""
        for i, (w, b, y) in enumerate(zip(self.kernels, self.biases, outputs, strict=True)):
            np.matmul(x, w, out=y)
            y += b
            if i < len(self.kernels) - 1:
                np.maximum(y, 0, out=y)
            x = y
        x -= x.max(axis=1, keepdims=True)
        np.exp(x, out=x)
        x /= x.sum(axis=1, keepdims=True)
        return x

    def step(self, x: np.ndarray, y: np.ndarray) -> tuple[float, int]:
        """One training step; returns the sum of the losses and the number of right answers."""
        rows = len(x)
        outputs = [output[:rows] for output in self.outputs]
        deltas = [delta[:rows] for delta in self.deltas]
        p = self.forward(x, outputs)
        picked = p[np.arange(rows), y]
        loss = -np.log(np.maximum(picked, 1e-7)).sum()
        right = np.count_nonzero(p.argmax(axis=1) == y)

        d = deltas[-1]
        d[...] = p
        d[np.arange(rows), y] -= 1
        d *= np.float32(1 / rows)
        for i in range(len(self.kernels) - 1, -1, -1):
            np.matmul((outputs[i - 1] if i else x).T, deltas[i], out=self.kernel_gradients[i])
            deltas[i].sum(axis=0, out=self.bias_gradients[i])
            if i:
                np.matmul(deltas[i], self.kernels[i].T, out=deltas[i - 1])
                deltas[i - 1] *= outputs[i - 1] > 0
        self.adam()
        return float(loss), int(right)

    def adam(self, rate: float = 1e-3, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> None:
        self.steps += 1
        alpha = rate * np.sqrt(1 - beta_2**self.steps) / (1 - beta_1**self.steps)
        g, t = self.gradient, self.scratch
        np.subtract(g, self.m, out=t)
        t *= np.float32(1 - beta_1)
        self.m += t
        np.multiply(g, g, out=t)
        t -= self.v
        t *= np.float32(1 - beta_2)
        self.v += t
        np.sqrt(self.v, out=t)
        t += np.float32(epsilon)
        np.divide(self.m, t, out=t)
        t *= np.float32(alpha)
        self.parameters -= t

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Loss and accuracy over all rows."""
        p = self.forward(x, [np.empty((len(x), w.shape[1]), np.float32) for w in self.kernels])
        picked = np.maximum(p[np.arange(len(y)), y], 1e-7)
        return float(-np.log(picked).mean()), float(np.mean(p.argmax(axis=1) == y))

    def fit(
        self, x: np.ndarray, y: np.ndarray, epochs: int, validation: tuple[np.ndarray, np.ndarray], report: Report
    ) -> dict[str, list[float]]:
        """Trains in the order of the rows and returns what Keras's history would hold."""
        batch_size = len(self.outputs[0])
        history: dict[str, list[float]] = {"accuracy": [], "loss": [], "val_accuracy": [], "val_loss": []}
        for epoch in range(epochs):
            loss, right = 0.0, 0
            for first in range(0, len(x), batch_size):
                batch_loss, batch_right = self.step(x[first : first + batch_size], y[first : first + batch_size])
                loss += batch_loss
                right += batch_right
            val_loss, val_accuracy = self.evaluate(*validation)
            logs = {
                "accuracy": right / len(x),
                "loss": loss / len(x),
                "val_accuracy": val_accuracy,
                "val_loss": val_loss,
            }
            for name, value in logs.items():
                history[name].append(value)
            report(epoch, logs)
        return history


@dataclass
class Run:
    """What one training left behind."""

    name: str
    seconds: float
    history: dict[str, list[float]]
    test_accuracy: float


class Progress:
    """Lines of an epoch's figures: one that changes in place in a terminal, else a few that stay."""

    def __init__(self, name: str, epochs: int) -> None:
        self.name = name
        self.epochs = epochs
        self.live = sys.stdout.isatty()

    def __call__(self, epoch: int, logs: dict[str, float]) -> None:
        last = epoch == self.epochs - 1
        if not self.live and not last and epoch != 0 and (epoch + 1) % 10:
            return
        done = 20 * (epoch + 1) // self.epochs
        figures = "  ".join(f"{key} {logs[key]:.4f}" for key in ("loss", "accuracy", "val_loss", "val_accuracy"))
        text = f"  {self.name:<7}{'━' * done}{'─' * (20 - done)} epoch {epoch + 1:>3}/{self.epochs}  {figures}"
        if self.live:
            print("\r" + text, end="\n" if last else "", flush=True)
        else:
            print(text)


def _data() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """The digits, scaled to [0, 1], as pairs (x, y): to train with, to validate with, to test with."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=42, stratify=y)
    x, x_validation, y, y_validation = train_test_split(x, y, test_size=0.1, random_state=42, stratify=y)
    return (x, y), (x_validation, y_validation), (x_test, y_test)


def _best_blas_threads(weights: list[np.ndarray], data: tuple[np.ndarray, np.ndarray]) -> int:
    """With how many threads NumPy's BLAS is fastest here, 1 or all: on small products, more can be far slower."""
    from threadpoolctl import threadpool_info, threadpool_limits

    seconds = {}
    for threads in {1, *(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")}:
        trial = PlainNumPy(weights, BATCH_SIZE)
        with threadpool_limits(threads, user_api="blas"):
            begin = time.perf_counter()
            trial.fit(*data, 1, data, lambda epoch, logs: None)
            seconds[threads] = time.perf_counter() - begin
    return min(seconds, key=lambda threads: seconds[threads])


def _plot(runs: list[Run], output: Path) -> None:
    """Loss and accuracy by epoch: training solid, validation dashed, plain NumPy dotted on top."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    ours, plain = runs
    epochs = np.arange(1, len(ours.history["loss"]) + 1)
    for pane, key in zip(panes, ("loss", "accuracy"), strict=True):
        pane.plot(epochs, ours.history[key], color="tab:blue", label="fastnn, training")
        pane.plot(epochs, ours.history[f"val_{key}"], color="tab:blue", linestyle="--", label="fastnn, validation")
        pane.plot(epochs, plain.history[key], color="tab:orange", linestyle=":", linewidth=2.5, label="NumPy, training")
        pane.set(xlabel="epoch", ylabel=key)
        pane.grid(alpha=0.3)
    panes[0].set_yscale("log")
    panes[1].legend(loc="lower right")
    figure.suptitle(f"Handwritten digits: fastnn {ours.seconds:.2f} s, NumPy {plain.seconds:.2f} s")
    write_picture(figure, output, dpi=120)
    pyplot.close(figure)


def _network() -> models.Sequential:
    model = models.Sequential()
    model.add(layers.Dense(HIDDEN[0], input_dim=64, activation="relu"))
    for units in HIDDEN[1:]:
        model.add(layers.Dense(units, activation="relu"))
    model.add(layers.Dense(CLASSES, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(output: str | Path = "learning_curve.png", epochs: int = EPOCHS) -> int:
    """Trains the digits with fastnn and with plain NumPy, prints a comparison, and draws the learning curve.

    Args:
        output: Where the picture goes (PNG).
        epochs: Passes over the training data.

    Returns:
        The exit code: 0, or 1 when the accuracy stays below what is asked.

    Raises:
        ImportError: scikit-learn or matplotlib is missing.
        OSError: The picture cannot be written.
        ValueError: Its name ends in no format that is known.
    """
    try:
        import matplotlib  # noqa: F401
        from threadpoolctl import threadpool_limits

        (x, y), validation, test = _data()
    except ImportError as error:
        raise ImportError(
            f"The demo needs scikit-learn and matplotlib, and {error.name} is missing. "
            "Install the extra: python -m pip install 'fastnn-cpu[demo]'"
        ) from error
    output = Path(output)
    picture_format(output)
    if output.is_dir() or not os.access(output.absolute().parent, os.W_OK | os.X_OK):
        raise OSError(f"--output must name a file in a folder that can be written to. Received: --output {output}")

    widths = "-".join(str(n) for n in (x.shape[1], *HIDDEN, CLASSES))
    print(f"Handwritten digits: {len(x)} to train with, {len(validation[0])} to validate, {len(test[0])} to test")
    print(f"Network {widths}, Adam, batches of {BATCH_SIZE}, {epochs} epochs, float32; the same for both:")
    print(f"same initial weights, same batches. ISA {_kernels.isa()}, {_kernels.get_num_threads()} threads.\n")

    utils.set_random_seed(0)
    model = _network()
    weights = model.get_weights()

    progress = Progress("fastnn", epochs)
    begin = time.perf_counter()
    history = model.fit(
        x,
        y,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=validation,
        shuffle=False,  # the split has shuffled already, and both see the same batches
        callbacks=[callbacks.LambdaCallback(on_epoch_end=progress)],
        verbose=0,
    ).history
    seconds = time.perf_counter() - begin
    accuracy: Any = model.evaluate(*test, verbose=0)[1]
    ours = Run("fastnn", seconds, history, float(accuracy))

    blas_threads = _best_blas_threads(weights, (x, y))
    plain = PlainNumPy(weights, BATCH_SIZE)
    with threadpool_limits(blas_threads, user_api="blas"):
        begin = time.perf_counter()
        plain_history = plain.fit(x, y, epochs, validation, Progress("NumPy", epochs))
        seconds = time.perf_counter() - begin
    theirs = Run("NumPy", seconds, plain_history, plain.evaluate(*test)[1])

    steps = epochs * -(-len(x) // BATCH_SIZE)
    print(f"\n  {'':<7}{'time':>9}{'a step':>11}{'final loss':>13}{'test accuracy':>16}")
    for run in (ours, theirs):
        a_step = 1e6 * run.seconds / steps
        print(
            f"  {run.name:<7}{run.seconds:>7.3f} s{a_step:>8.1f} µs"
            f"{run.history['loss'][-1]:>13.6f}{run.test_accuracy:>16.4f}"
        )
    print(f"\nNumPy's BLAS ran on {blas_threads} thread{'s'[blas_threads == 1 :]}, its best here.")
    print(f"fastnn was {theirs.seconds / ours.seconds:.1f} times as fast as plain NumPy.")

    _plot([ours, theirs], output)
    print(f"Learning curve: {output}")

    if ours.test_accuracy < ACCURACY_ASKED:
        print(
            f"Test accuracy {ours.test_accuracy:.4f} is below the {ACCURACY_ASKED} asked for"
            + (f"; {EPOCHS} epochs reach it." if epochs < EPOCHS else "."),
            file=sys.stderr,
        )
        return 1
    return 0
