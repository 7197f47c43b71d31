"""First values of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._arrays import standardize_dtype
from fastnn._refused import refuser
from fastnn._registry import Registry
from fastnn.initializers.drawn import RandomInitializer, RandomNormal, RandomUniform, TruncatedNormal
from fastnn.initializers.fixed import Constant, Identity, Initializer, Ones, Zeros
from fastnn.initializers.scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    VarianceScaling,
    compute_fans,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

if not TYPE_CHECKING:
    __getattr__ = refuser(__name__)

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

_registry = Registry(
    "initializer",
    "fastnn.initializers",
    (
        Initializer,
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Identity,
        LecunNormal,
        LecunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        TruncatedNormal,
        VarianceScaling,
        Zeros,
    ),
    aliases={
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
    },
)


def get(identifier: Any) -> Any:
    """Returns the initializer that `identifier` stands for.

    Args:
        identifier: A name (`"glorot_uniform"`), an initializer, a callable `(shape, dtype=None)`, a configuration, an
            array that holds the values themselves, or `None`.

    Raises:
        ValueError: There is no such initializer.

    >>> print(get("ones")((2,)))
    [1. 1.]
    """
    if isinstance(identifier, (np.ndarray, np.generic)):
        return _values_initializer(np.asarray(identifier))
    return _registry.get(identifier)


def _values_initializer(values: np.ndarray) -> Callable[..., np.ndarray]:
    def initializer(shape: Any, dtype: Any = None) -> np.ndarray:
        if tuple(shape) != values.shape:
            raise ValueError(
                f"The array given as an initializer has the shape {values.shape}, and so must the weight. Received: "
                f"shape={tuple(shape)}"
            )
        return values.astype(standardize_dtype(dtype))

    return initializer


def serialize(initializer: Any) -> Any:
    """Returns the configuration from which `deserialize` makes the initializer again.

    >>> serialize(Zeros())["class_name"]
    'Zeros'
    """
    return _registry.serialize(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the initializer that `serialize` described.

    Args:
        config: A name or a configuration.
        custom_objects: Further names, with what they stand for.

    >>> print(deserialize(serialize(Zeros()))((2,)))
    [0. 0.]
    """
    return _registry.deserialize(config, custom_objects)
