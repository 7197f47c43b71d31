"""Pictures of what classifiers do, drawn by matplotlib: the extra `plot`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.utils.axes import axes_or_new

__all__ = ["confusion_matrix", "decision_boundary"]


def confusion_matrix(y_true: Any, y_pred: Any, labels: Any = None, normalize: bool = False, ax: Any = None) -> Any:
    """Draws how often each class was taken for each.

    Args:
        y_true: Classes, of shape `(samples,)`; or one-hot, `(samples, classes)`.
        y_pred: Classes, `(samples,)`; or what a model puts out: `(samples, classes)`, or probabilities `(samples, 1)`.
        labels: Names of the classes, in their order; by default the classes themselves.
        normalize: Whether to show shares of each true class in place of counts.
        ax: Axes to draw on; by default new ones.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: The arrays have not the same number of samples, or there are not as many labels as classes.

    Example:

    >>> confusion_matrix([0, 1, 1], [0, 1, 0], labels=["cat", "dog"]).get_xlabel()
    'predicted class'
    """
    true, predicted = _classes(y_true, "y_true"), _classes(y_pred, "y_pred")
    if true.shape != predicted.shape or not true.size:
        raise ValueError(
            "Arguments `y_true` and `y_pred` must have the same number of samples, and some. "
            f"Received: {len(true)} and {len(predicted)}"
        )
    classes, numbers = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    if classes.dtype.kind in "iu" and labels is not None and classes[0] >= 0 and classes[-1] < len(labels):
        classes, numbers = np.arange(len(labels)), np.concatenate([true, predicted])  # some may not occur
    names = [str(name) for name in (classes if labels is None else labels)]
    if len(names) != len(classes):
        raise ValueError(f"Argument `labels` must name {len(classes)} classes. Received: labels={labels!r}")
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (numbers[: len(true)], numbers[len(true) :]), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.0 + 0.5 * len(classes)
    ax = axes_or_new(ax, (side, side))
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{share:.2f}" if normalize else f"{counts[row, column]:.0f}"
        ax.text(column, row, text, ha="center", va="center", color="white" if share > 0.5 else "black")
    ax.set_xticks(range(len(names)), names, parse_math=False)  # a name with dollars is no formula
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    return ax


def decision_boundary(model: Any, x: Any, y: Any, resolution: int = 200, ax: Any = None) -> Any:
    """Draws which class a classifier of two numbers predicts where, and the samples.

    Args:
        model: A model, or an estimator of scikit-learn's kind, trained on inputs of shape `(samples, 2)`.
        x: The samples, `(samples, 2)`.
        y: Their classes, `(samples,)`, or one-hot.
        resolution: Points of the grid along each axis.
        ax: Axes to draw on; by default new ones.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: The samples are not pairs of numbers.

    Example:

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((2,)), layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")])
    >>> axes = decision_boundary(model, [[0.0, 0.0], [1.0, 1.0]], [0, 1], resolution=20)
    """
    x, y = np.asarray(x), _classes(y, "y")
    if x.ndim != 2 or x.shape[1] != 2 or len(x) != len(y) or not len(x):
        raise ValueError(
            "Argument `x` must be of shape (samples, 2), with a class in `y` for each sample. "
            f"Received: x.shape={x.shape}, y.shape={y.shape}"
        )
    if not np.isfinite(x.astype(np.float64)).all():
        raise ValueError("Argument `x` must hold finite numbers. Received: NaN or infinity among them")
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    across, up = (np.linspace(low[at] - margin[at], high[at] + margin[at], resolution) for at in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(x.dtype if x.dtype.kind == "f" else float)
    answer = model.predict(grid) if hasattr(model, "classes_") else model.predict(grid, verbose=0)
    taken = _classes(answer, "model")
    classes, numbers = np.unique(np.concatenate([taken, y]), return_inverse=True)
    ax = axes_or_new(ax, (5.0, 4.5))
    scale = {"cmap": "tab10" if len(classes) <= 10 else "viridis", "vmin": 0, "vmax": max(9, len(classes) - 1)}
    ax.pcolormesh(across, up, numbers[: len(taken)].reshape(resolution, resolution), alpha=0.3, **scale)
    drawn = ax.scatter(x[:, 0], x[:, 1], c=numbers[len(taken) :], s=14, edgecolors="white", linewidths=0.4, **scale)
    handles = [ax.scatter([], [], color=drawn.to_rgba(number), s=14) for number in range(len(classes))]
    for text in ax.legend(handles, [str(each) for each in classes], title="class").get_texts():
        text.set_parse_math(False)
    return ax


def _classes(values: Any, name: str) -> np.ndarray:
    """Classes of samples: as given, or the largest of scores, or probabilities from a half up."""
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
        return (values >= 0.5).astype(int) if values.dtype.kind == "f" else values
    if values.ndim == 2:
        return values.argmax(axis=1)
    if values.ndim != 1:
        raise ValueError(f"Argument `{name}` must be of one or two dimensions. Received: shape={values.shape}")
    return values
