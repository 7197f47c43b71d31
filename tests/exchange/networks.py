"""Networks that between them hold every layer and every activation that predicts, each with inputs for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastnn import activations, layers, ops
from fastnn.layers import Input
from fastnn.models import Model, Sequential

EDGES = [-90.0, -30.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 30.0, 90.0]  # where pieces begin, and far out


class Subclassed(Model):
    """A model with a `call` of its own: it is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(6, activation="tanh")
        self.second = layers.Dense(6)

    def call(self, inputs: Any) -> Any:
        x = self.first(inputs)
        return ops.relu(self.second(x) * 2.0 - 1.0) / (1.0 + abs(x)) + x[:, ::-1]


def randomized(model: Any, rng: np.random.Generator) -> Any:
    """The model with random weights; variances stay positive."""
    for variable in model.weights:
        values = rng.normal(size=variable.shape)
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.name else values)
    return model


def _row(*stack: Any, shape: tuple[int, ...] = (6,), dtype: str = "float32") -> Any:
    return Sequential([Input(shape), *stack], dtype=dtype)


def _merged(merge: Callable[[list[Any]], Any], dtype: str, shapes: tuple[tuple[int, ...], ...] = ((6,), (6,))) -> Any:
    inputs = [Input(shape, dtype=dtype) for shape in shapes]
    return Model(inputs, merge(inputs))


def _named(dtype: str) -> Any:
    """Several inputs and outputs by name; an input that is an output, and one that leads nowhere."""
    inputs = {name: Input((4,), dtype=dtype, name=name) for name in ("int", "work", "unused")}
    joined = layers.Concatenate()([inputs["int"], inputs["work"]])
    dense = layers.Dense(5, activation="relu")(joined)
    return Model(inputs, {"mean value": layers.Dense(2)(dense), "hidden": dense, "passed": inputs["work"]})


def _residual(dtype: str) -> Any:
    x = Input((6,), dtype=dtype)
    shared = layers.Dense(6, activation="gelu")
    y = shared(x)
    return Model(x, layers.Add()([layers.LayerNormalization()(shared(y)), y, x]))


def _tabular(dtype: str) -> Any:
    """Columns cut out of one input: an id to look up, numbers to scale."""
    x = Input((5,), dtype=dtype)
    ids = layers.Embedding(7, 3)(x[:, 0])
    return Model(x, layers.Dense(4)(layers.Concatenate()([ids, layers.Rescaling(0.5, 1.0)(x[:, 1:])])))


_STACKS: dict[str, Callable[[], Any]] = {
    "dense": lambda: [layers.Dense(5, activation="relu"), layers.Dense(3, use_bias=False), layers.Dense(2)],
    "softmax": lambda: [layers.Dense(4, activation="softmax")],
    "log_softmax": lambda: [layers.Dense(4, activation="log_softmax")],
    "batch_normalization": lambda: [layers.BatchNormalization(), layers.BatchNormalization(center=False, scale=False)],
    "layer_normalization": lambda: [layers.LayerNormalization(), layers.LayerNormalization(center=False, scale=False)],
    "rms_normalization": lambda: [layers.RMSNormalization()],
    "unit_normalization": lambda: [layers.UnitNormalization()],
    "group_normalization": lambda: [layers.GroupNormalization(groups=3)],
    "dropouts": lambda: [layers.Dropout(0.5), layers.GaussianNoise(1.0), layers.AlphaDropout(0.1), layers.Identity()],
    "activity": lambda: [layers.ActivityRegularization(0.1), layers.Dense(3, activity_regularizer="l2")],
    "activation_layers": lambda: [
        layers.ReLU(max_value=2.0, negative_slope=0.25, threshold=0.5),
        layers.LeakyReLU(0.1),
        layers.ELU(0.7),
        layers.PReLU(),
    ],
    "softmax_layer": lambda: [layers.Softmax()],
    "feature_scale": lambda: [layers.FeatureScale()],
    "batch_ensemble": lambda: [layers.BatchEnsembleDense(4, members=3, activation="relu"), layers.Dense(2)],
    "rescaling": lambda: [layers.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], offset=-1.0)],
    "normalization": lambda: [layers.Normalization(mean=[0.5] * 6, variance=[0.25, 1.0, 2.0, 3.0, 4.0, 0.0])],
    "inverted": lambda: [layers.Normalization(axis=None, mean=0.5, variance=4.0, invert=True)],
    "reshape": lambda: [layers.Reshape((2, 3)), layers.Permute((2, 1)), layers.Dense(4), layers.Flatten()],
    "repeat": lambda: [layers.RepeatVector(3), layers.BatchNormalization(), layers.PReLU(shared_axes=[1])],
    "average_pooling": lambda: [layers.Reshape((3, 2)), layers.GlobalAveragePooling1D()],
    "max_pooling": lambda: [layers.Reshape((3, 2)), layers.GlobalMaxPooling1D(keepdims=True)],
    "layers_on_matrices": lambda: [
        layers.Reshape((2, 3)),
        layers.LayerNormalization(axis=[1, 2]),
        layers.GroupNormalization(groups=1),
        layers.Softmax(axis=[1, 2]),
        layers.RMSNormalization(),
        layers.Rescaling(np.arange(6.0).reshape(2, 3).tolist()),
        layers.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d", activation="elu"),
    ],
    "periodic": lambda: [layers.PeriodicEmbedding(3, 4), layers.Flatten(), layers.Dense(2)],
    "periodic_shared": lambda: [layers.PeriodicEmbedding(3, 4, shared=True, phases=True, keep_input=True)],
    "piecewise": lambda: [layers.PiecewiseLinearEmbedding(num_bins=3)],
    "piecewise_dense": lambda: [layers.PiecewiseLinearEmbedding(4, num_bins=3, activation="relu")],
    "discretization": lambda: [layers.Discretization([-1.0, 0.0, 0.5])],
    "bins_one_hot": lambda: [layers.Discretization([-1.0, 0.0, 0.5], output_mode="one_hot")],
    "bins_multi_hot": lambda: [layers.Discretization([-1.0, 0.0, 0.5], output_mode="multi_hot")],
    "bins_count": lambda: [layers.Discretization([-1.0, 0.0, 0.5], output_mode="count")],
}

_GRAPHS: dict[str, Callable[[str], Any]] = {
    "add": partial(_merged, lambda xs: layers.Add()(xs)),
    "broadcast": partial(_merged, lambda xs: layers.Multiply()(xs), shapes=((2, 1), (1, 3), (2, 3))),
    "subtract": partial(_merged, lambda xs: layers.Subtract()(xs)),
    "divide": partial(_merged, lambda xs: xs[0] / (xs[1] * xs[1] + 1.0)),
    "average": partial(_merged, lambda xs: layers.Average()(xs)),
    "maximum": partial(_merged, lambda xs: layers.Maximum()(xs)),
    "minimum": partial(_merged, lambda xs: layers.Minimum()(xs)),
    "concatenate": partial(_merged, lambda xs: layers.Concatenate()(xs), shapes=((6,), (3,))),
    "concatenate_rows": partial(_merged, lambda xs: layers.Concatenate(axis=1)(xs), shapes=((2, 3), (4, 3))),
    "dot": partial(_merged, lambda xs: layers.Dot(axes=1)(xs)),
    "cosine": partial(_merged, lambda xs: layers.Dot(axes=1, normalize=True)(xs)),
    "named": _named,
    "residual": _residual,
    "tabular": _tabular,
    "nested": lambda dtype: _row(layers.Dense(6), _residual(dtype), layers.Dense(2), dtype=dtype),
    "reductions": partial(
        _merged,
        lambda xs: [ops.sum(xs[0], axis=1), ops.mean(xs[0], axis=[1, 2]), ops.max(xs[0], axis=-1, keepdims=True)],
        shapes=((2, 3),),
    ),
    "where": partial(_merged, lambda xs: ops.where(xs[0] > xs[1], ops.log(xs[0] - xs[1]), ops.minimum(xs[1], 0.5))),
    "extremes": partial(
        _merged,
        lambda xs: [
            ops.maximum(xs[0], np.arange(6.0) - 2e5),
            ops.minimum(np.arange(6.0) - 2.0, xs[0]),
            ops.clip(xs[0], -3e4, 0.5),
        ],
        shapes=((6,),),
    ),
    "weights_in_arithmetic": partial(_merged, lambda xs: xs[0] * np.arange(6.0) + 0.5 * xs[1] ** 3),
}

_SETTINGS: dict[str, Callable[..., Any]] = {
    "relu6": activations.relu6,
    "gelu_tanh": partial(activations.gelu, approximate=True),
    "capped_relu": partial(activations.relu, negative_slope=0.1, max_value=2.0, threshold=0.75),
    "leaky_relu_small": partial(activations.leaky_relu, negative_slope=0.01),
    "elu_small": partial(activations.elu, alpha=0.3),
    "celu_small": partial(activations.celu, alpha=0.3),
    "hard_shrink_one": partial(activations.hard_shrink, threshold=1.0),
    "soft_shrink_one": partial(activations.soft_shrink, threshold=1.0),
    "squareplus_round": partial(activations.squareplus, b=1.0),
    "threshold": partial(activations.threshold, threshold=0.25, default_value=-2.0),
    "threshold_zero": partial(activations.threshold, threshold=0.25, default_value=0.0),
}
ACTIVATIONS = {
    **{name: activations.get(name) for name in sorted(f.__name__ for f in activations._FUNCTIONS)},
    **_SETTINGS,
}
NUMBERS = ("linear_map", "absolute", "square", "square_root", "reciprocal", "logarithm")  # of positive numbers
NUMBERS += ("logarithm_plus_one", "sign", "positive", "not_negative", "is_zero")

NAMES = [
    *(f"activation_{name}" for name in ACTIVATIONS),
    *(f"function_{name}" for name in NUMBERS),
    *_STACKS,
    *_GRAPHS,
    "embedding",
    "category_one_hot",
    "category_multi_hot",
    "category_count",
    "subclassed",
]


def make(name: str, dtype: str = "float32") -> tuple[Any, list[np.ndarray]]:
    """The network of that name, with random weights, and samples for each of its inputs."""
    rng = np.random.default_rng(len(name))
    kind, _, rest = name.partition("_")
    samples = 17
    if name == "embedding":
        model = _row(layers.Embedding(9, 4), layers.GlobalAveragePooling1D(), shape=(3,), dtype=dtype)
        return randomized(model, rng), [rng.integers(0, 9, (samples, 3)).astype(dtype)]
    if kind == "category":
        model = _row(layers.CategoryEncoding(5, output_mode=rest), shape=(3,), dtype=dtype)
        return model, [rng.integers(-1, 6, (samples, 3)).astype(dtype)]
    if kind == "activation" and rest in ACTIVATIONS:
        model = _row(layers.Activation(ACTIVATIONS[rest]), shape=(len(EDGES),), dtype=dtype)
        x = np.concatenate([[EDGES], rng.normal(0, 2, (samples, len(EDGES)))])
        return model, [(x if rest != "exponential" else x / 9).astype(dtype)]
    if kind == "function":
        model = _row(layers.Function(rest, (2.0, -0.5) if rest == "linear_map" else ()), dtype=dtype)
        return model, [rng.uniform(0.1, 9.0, (samples, 6)).astype(dtype)]
    if name == "subclassed":
        model = Subclassed()
        model._dtype = np.dtype(dtype)
        model.build((None, 6))
    else:
        model = _row(*_STACKS[name](), dtype=dtype) if name in _STACKS else _GRAPHS[name](dtype)
    randomized(model, rng)
    x = [rng.normal(size=(samples, *shape)).astype(dtype) for shape in model.sample_shapes]
    if name == "tabular":
        x[0][:, 0] = rng.integers(0, 7, samples)
    return model, x


def predicted(model: Any, x: list[np.ndarray]) -> list[np.ndarray]:
    """What fastnn itself predicts, as a list."""
    given = dict(zip(model.input_names, x, strict=True)) if isinstance(model.input, dict) else x
    y = model.predict(given if len(x) > 1 or isinstance(given, dict) else x[0], verbose=0)
    if isinstance(y, dict):
        return [y[name] for name in sorted(y)]
    return list(y) if isinstance(y, (list, tuple)) else [y]
