"""Layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn._refused import refuser
from fastnn._registry import Registry
from fastnn.layers.activation import Activation
from fastnn.layers.activity_regularization import ActivityRegularization
from fastnn.layers.batch_ensemble import BatchEnsembleDense
from fastnn.layers.batch_normalization import BatchNormalization
from fastnn.layers.comparisons import Where
from fastnn.layers.dense import Dense
from fastnn.layers.dropout import AlphaDropout, Dropout, SpatialDropout1D
from fastnn.layers.einsum_dense import EinsumDense
from fastnn.layers.embedding import Embedding
from fastnn.layers.feature_scale import FeatureScale
from fastnn.layers.flatten import Flatten
from fastnn.layers.functions import StopGradient, Wave
from fastnn.layers.group_normalization import GroupNormalization
from fastnn.layers.input_layer import Input, InputLayer
from fastnn.layers.layer import Layer
from fastnn.layers.layer_normalization import LayerNormalization, RMSNormalization, UnitNormalization
from fastnn.layers.merging import (
    Add,
    Average,
    Concatenate,
    Divide,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from fastnn.layers.noise import GaussianDropout, GaussianNoise
from fastnn.layers.operations import Function, Rearrange, Reduce, Slice, WithWeights
from fastnn.layers.periodic_embedding import PeriodicEmbedding
from fastnn.layers.piecewise_linear_embedding import PiecewiseLinearEmbedding
from fastnn.layers.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D
from fastnn.layers.prelu import PReLU
from fastnn.layers.preprocessing.category_encoding import CategoryEncoding
from fastnn.layers.preprocessing.discretization import Discretization
from fastnn.layers.preprocessing.hashed_crossing import HashedCrossing
from fastnn.layers.preprocessing.hashing import Hashing
from fastnn.layers.preprocessing.integer_lookup import IntegerLookup
from fastnn.layers.preprocessing.normalization import Normalization
from fastnn.layers.preprocessing.rescaling import Rescaling
from fastnn.layers.preprocessing.string_lookup import StringLookup
from fastnn.layers.relu import ELU, LeakyReLU, ReLU
from fastnn.layers.reshaping import Identity, Permute, RepeatVector, Reshape
from fastnn.layers.softmax import Softmax

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "Average",
    "BatchEnsembleDense",
    "BatchNormalization",
    "CategoryEncoding",
    "Concatenate",
    "Dense",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "FeatureScale",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAvgPool1D",
    "GlobalMaxPool1D",
    "GlobalMaxPooling1D",
    "GroupNormalization",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "IntegerLookup",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "PeriodicEmbedding",
    "Permute",
    "PiecewiseLinearEmbedding",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "StringLookup",
    "Subtract",
    "UnitNormalization",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

GlobalAvgPool1D = GlobalAveragePooling1D
GlobalMaxPool1D = GlobalMaxPooling1D

if not TYPE_CHECKING:
    __getattr__ = refuser(__name__)

_registry = Registry(
    "layer",
    "fastnn.layers",
    (
        Activation,
        ActivityRegularization,
        Add,
        AlphaDropout,
        Average,
        BatchEnsembleDense,
        BatchNormalization,
        CategoryEncoding,
        Concatenate,
        Dense,
        Discretization,
        Divide,
        Dot,
        Dropout,
        ELU,
        EinsumDense,
        Embedding,
        FeatureScale,
        Flatten,
        Function,
        GaussianDropout,
        GaussianNoise,
        GlobalAveragePooling1D,
        GlobalMaxPooling1D,
        GroupNormalization,
        HashedCrossing,
        Hashing,
        Identity,
        InputLayer,
        IntegerLookup,
        LayerNormalization,
        LeakyReLU,
        Maximum,
        Minimum,
        Multiply,
        Normalization,
        PReLU,
        PeriodicEmbedding,
        Permute,
        PiecewiseLinearEmbedding,
        RMSNormalization,
        ReLU,
        Rearrange,
        Reduce,
        RepeatVector,
        Rescaling,
        Reshape,
        Slice,
        Softmax,
        SpatialDropout1D,
        StopGradient,
        StringLookup,
        Subtract,
        UnitNormalization,
        Wave,
        Where,
        WithWeights,
    ),
    accepts=lambda layer: isinstance(layer, Layer),
)


def serialize(layer: Layer) -> dict[str, Any]:
    """Returns the configuration of a layer, from which `deserialize` makes an equal one.

    >>> serialize(Flatten())["class_name"]
    'Flatten'
    """
    return _registry.serialize(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """Makes a layer from its configuration.

    Args:
        config: What `serialize` returned.
        custom_objects: Classes by name, beyond those of this module.

    >>> deserialize(serialize(Dense(3, "tanh"))).units
    3
    """
    return _registry.deserialize(config, custom_objects)
