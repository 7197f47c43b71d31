"""The network for tables: RealMLP's layers and rates, with TabM's ensemble in one pass."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastnn import initializers, layers, losses
from fastnn.models import Model
from fastnn.optimizers import AdamW
from fastnn.optimizers.schedules import CosLog
from fastnn.random import draw_seed

# Holzmueller et al. 2024, table of RealMLP-TD's defaults
SCALE_RATE, BIAS_RATE, PERIODIC_RATE, ADAPTER_RATE = 6.0, 0.1, 0.1, 0.1
PBLD: dict[str, Any] = {
    "units": 4,
    "frequencies": 16,
    "scale": 0.1,
    "activation": None,
    "phases": True,
    "keep_input": True,
}


class Design(NamedTuple):
    """What the network is made from.

    Attributes:
        hidden: Units of the hidden layers.
        members: Members of the ensemble.
        activation: Activation of the hidden layers.
        dropout: Share that is dropped after each hidden layer.
        numeric_embedding: `"pbld"`, `"piecewise_linear"` or `None`.
        embedding_size: Length of the vectors of categories.
        outputs: Classes, or numbers.
        classifies: Whether outputs are classes.
    """

    hidden: tuple[int, ...]
    members: int
    activation: str
    dropout: float
    numeric_embedding: str | None
    embedding_size: int
    outputs: int
    classifies: bool


def build(design: Design, encoded: dict[str, np.ndarray], rows_of_vectors: int) -> Model:
    """A network for a table that is encoded like this one.

    Args:
        design: What it is made from.
        encoded: The training table, encoded; the edges of bins are taken from it.
        rows_of_vectors: Rows of the table of vectors of categories.
    """
    inputs = {kind: layers.Input((array.shape[1],), name=kind) for kind, array in encoded.items()}
    features = [_features(kind, inputs[kind], design, encoded[kind], rows_of_vectors) for kind in inputs]
    x = features[0] if len(features) == 1 else layers.Concatenate(name="features")(features)
    x = layers.FeatureScale(name="scale")(x)
    for number, units in enumerate(design.hidden, 1):
        x = _dense(f"hidden_{number}", units, design)(x)
        x = layers.Activation(design.activation, name=f"activation_{number}")(x)
        if design.dropout > 0:
            x = layers.Dropout(design.dropout, name=f"dropout_{number}")(x)
    x = _dense("output", design.outputs, design, zero=True)(x)
    if design.classifies:
        x = layers.Activation("softmax", name="probabilities")(x)
    model = Model(list(inputs.values()), x, name="tabular")
    if design.members > 1:  # random signs of their inputs tell the members apart
        first: Any = model.get_layer("hidden_1" if design.hidden else "output")
        scale = first.input_scale
        scale.assign(np.random.default_rng(draw_seed()).choice([-1.0, 1.0], scale.shape))
    return model


def _features(kind: str, x: Any, design: Design, values: np.ndarray, rows_of_vectors: int) -> Any:
    if kind == "ids":
        normal = initializers.RandomNormal(stddev=1.0)
        table = layers.Embedding(rows_of_vectors, design.embedding_size, normal, name="vectors")
        return layers.Flatten(name="vectors_of_row")(table(x))
    if kind == "flags" or design.numeric_embedding is None:
        return x
    if design.numeric_embedding == "pbld":
        embedding: Any = layers.PeriodicEmbedding(**PBLD, name="numbers_embedded")
    else:
        embedding = layers.PiecewiseLinearEmbedding(name="numbers_embedded")
        embedding.adapt(values)
    return layers.Flatten(name="numbers_of_row")(embedding(x))


def _dense(name: str, units: int, design: Design, zero: bool = False) -> Any:
    """A dense layer, or as many as there are members. Kernels begin as NTK's parametrization has them."""
    kernel: Any = "zeros" if zero else initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
    bias: Any = "zeros" if zero else initializers.RandomNormal(stddev=1.0)
    if design.members == 1:
        return layers.Dense(units, kernel_initializer=kernel, bias_initializer=bias, name=name)
    return layers.BatchEnsembleDense(
        units,
        design.members,
        kernel_initializer=kernel,
        bias_initializer=bias,
        name=name,
    )


def compile_for(
    model: Model,
    design: Design,
    steps: int,
    learning_rate: float,
    weight_decay: float,
    label_smoothing: float,
) -> None:
    """Says how the network is to be trained: AdamW over four cycles, with a rate and a decay for each kind of weight.

    NTK's parametrization divides what a kernel computes by the root of its inputs. Here kernels hold the quotients, so
    that their rate is divided by it, and their decay, which is multiplied by the rate, is the same.

    Args:
        model: The network.
        design: What it was made from.
        steps: Steps of the whole training.
        learning_rate: The highest rate.
        weight_decay: Decay of kernels.
        label_smoothing: How far classes are drawn towards equal probabilities.
    """
    optimizer = AdamW(CosLog(learning_rate, steps), weight_decay=0.0, beta_2=0.95, epsilon=1e-8)
    for variable in model.trainable_variables:
        name, layer = variable.name, variable.path.split("/")[0]
        if layer == "scale":
            optimizer.set_group(variable, learning_rate_multiplier=SCALE_RATE)
        elif layer == "numbers_embedded":
            optimizer.set_group(variable, learning_rate_multiplier=PERIODIC_RATE)
        elif name == "kernel":
            rate = 1 / math.sqrt(variable.shape[0])
            optimizer.set_group(variable, learning_rate_multiplier=rate, weight_decay=weight_decay / rate)
        elif name == "bias":
            optimizer.set_group(variable, learning_rate_multiplier=BIAS_RATE)
        elif name in ("input_scale", "output_scale"):
            optimizer.set_group(variable, learning_rate_multiplier=ADAPTER_RATE)
    if design.classifies:
        model.compile(optimizer, losses.CategoricalCrossentropy(label_smoothing=label_smoothing))
    else:
        model.compile(optimizer, "mse")
