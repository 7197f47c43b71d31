"""Layers for PyTorch's modules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from fastnn import layers
from fastnn.layers import Function
from fastnn.layers.layer import Layer

Shape = tuple[int, ...]
Made = tuple[Layer, dict[str, Any]]  # the layer, and its weights as PyTorch's tensors


def sample_shape_of(module: Any) -> Shape | None:
    """The shape of samples that a module says it takes."""
    for argument in ("in_features", "num_features", "num_channels"):
        if isinstance(getattr(module, argument, None), int):
            return (getattr(module, argument),)
    shape = getattr(module, "normalized_shape", None)
    return None if shape is None else tuple(shape)


def check_known(module: Any, name: str) -> None:
    """Raises `NotImplementedError` for a module that there is no layer for, whatever its settings."""
    kind = type(module)
    if not kind.__module__.startswith("torch.nn.modules.") or kind.__name__ not in _LAYERS:
        raise NotImplementedError(
            "Modules must be those of torch.nn that fastnn has layers for: write others to ONNX, torch.onnx.export, "
            f"and read that by from_onnx. Received: module '{name}' of class {kind.__qualname__}"
        )


def layer_of(module: Any, shape: Shape, name: str) -> Made:
    """The layer that computes what a module computes.

    Args:
        module: A module, of a kind that is known.
        shape: Shape of the samples that it is called on.
        name: Name of the layer.

    Returns:
        The layer, and its weights by name.

    Raises:
        NotImplementedError: There is none for its settings.
    """
    made = _LAYERS[type(module).__name__](module, shape, name)
    return made if isinstance(made, tuple) else (made, {})


def _refuse(module: Any, name: str) -> NoReturn:
    raise NotImplementedError(
        f"There is no layer for a module with such settings. Received: module '{name}', {module!r}"
    )


def _plain(activation: str) -> Callable[..., Layer]:
    return lambda module, shape, name: layers.Activation(activation, name=name)


def _function(kernel: str, *arguments: str) -> Callable[..., Layer]:
    """A function by its kernel, whose parameters are attributes of the module."""

    def make(module: Any, shape: Shape, name: str) -> Layer:
        return Function(kernel, [getattr(module, argument) for argument in arguments], name=name)

    return make


def _gelu(module: Any, shape: Shape, name: str) -> Layer:
    return layers.Activation("gelu", name=name) if module.approximate == "none" else Function("gelu_tanh", name=name)


def _linear(module: Any, shape: Shape, name: str) -> Made:
    layer = layers.Dense(module.out_features, use_bias=module.bias is not None, name=name)
    if shape[-1:] != (module.in_features,):
        raise ValueError(
            f"Module '{name}' takes samples of {module.in_features} features. Received: samples of shape {shape}"
        )
    return layer, {"kernel": module.weight, **({} if module.bias is None else {"bias": module.bias})}


def _embedding(module: Any, shape: Shape, name: str) -> Made:
    if module.max_norm is not None:
        _refuse(module, name)
    layer = layers.Embedding(module.num_embeddings, module.embedding_dim, name=name)
    return layer, {"embeddings": module.weight}


def _factors(module: Any, gamma: str = "gamma", beta: str = "beta") -> dict[str, Any]:
    given = {gamma: module.weight, beta: getattr(module, "bias", None)}
    return {name: tensor for name, tensor in given.items() if tensor is not None}


def _batch_norm(module: Any, shape: Shape, name: str) -> Made:
    if module.running_mean is None or module.momentum is None or len(shape) != 1:
        _refuse(module, name)
    weights = _factors(module)
    layer = layers.BatchNormalization(
        momentum=1 - module.momentum, epsilon=module.eps, center="beta" in weights, scale="gamma" in weights, name=name
    )
    return layer, {**weights, "moving_mean": module.running_mean, "moving_variance": module.running_var}


def _layer_norm(module: Any, shape: Shape, name: str) -> Made:
    weights = _factors(module)
    axes = list(range(-len(module.normalized_shape), 0))
    settings = {"axis": axes, "epsilon": module.eps, "center": "beta" in weights, "scale": "gamma" in weights}
    return layers.LayerNormalization(name=name, **settings), weights


def _rms_norm(module: Any, shape: Shape, name: str) -> Made:
    if module.weight is None:
        _refuse(module, name)
    double = str(module.weight.dtype) == "torch.float64"
    epsilon = float(np.finfo(np.float64 if double else np.float32).eps) if module.eps is None else module.eps
    axes = list(range(-len(module.normalized_shape), 0))
    return layers.RMSNormalization(axis=axes, epsilon=epsilon, name=name), {"scale": module.weight}


def _group_norm(module: Any, shape: Shape, name: str) -> Made:
    if len(shape) != 1:  # features on axis 1
        _refuse(module, name)
    weights = _factors(module)
    settings = {"center": "beta" in weights, "scale": "gamma" in weights}
    return layers.GroupNormalization(module.num_groups, epsilon=module.eps, name=name, **settings), weights


def _prelu(module: Any, shape: Shape, name: str) -> Made:
    axes = range(1, len(shape) + 1)
    own = [] if module.num_parameters == 1 else [1]
    return layers.PReLU(shared_axes=[axis for axis in axes if axis not in own], name=name), {"alpha": module.weight}


def _hardtanh(module: Any, shape: Shape, name: str) -> Layer:
    if (module.min_val, module.max_val) == (-1, 1):
        return layers.Activation("hard_tanh", name=name)
    if module.min_val != 0:
        _refuse(module, name)
    return layers.ReLU(max_value=float(module.max_val), name=name)


def _softplus(module: Any, shape: Shape, name: str) -> Layer:
    if module.beta != 1:
        _refuse(module, name)
    return layers.Activation("softplus", name=name)


def _softmax(activation: str) -> Callable[..., Layer]:
    def make(module: Any, shape: Shape, name: str) -> Layer:
        if module.dim not in (-1, len(shape)):
            _refuse(module, name)
        return layers.Activation(activation, name=name)

    return make


def _flatten(module: Any, shape: Shape, name: str) -> Layer:
    if module.start_dim != 1 or module.end_dim not in (-1, len(shape)):
        _refuse(module, name)
    return layers.Flatten(name=name)


def _unflatten(module: Any, shape: Shape, name: str) -> Layer:
    axis = (module.dim + len(shape) + 1 if module.dim < 0 else module.dim) - 1
    if not isinstance(module.dim, int) or axis < 0:
        _refuse(module, name)
    sizes = list(module.unflattened_size)
    if -1 in sizes:
        sizes[sizes.index(-1)] = shape[axis] // math.prod(size for size in sizes if size != -1)
    return layers.Reshape((*shape[:axis], *sizes, *shape[axis + 1 :]), name=name)


_LAYERS: dict[str, Callable[..., Made | Layer]] = {
    "AlphaDropout": lambda module, shape, name: layers.AlphaDropout(module.p, name=name),
    "BatchNorm1d": _batch_norm,
    "CELU": _function("celu", "alpha"),
    "Dropout": lambda module, shape, name: layers.Dropout(module.p, name=name),
    "ELU": lambda module, shape, name: layers.ELU(module.alpha, name=name),
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GELU": _gelu,
    "GroupNorm": _group_norm,
    "Hardshrink": _function("hard_shrink", "lambd"),
    "Hardsigmoid": _plain("hard_sigmoid"),
    "Hardswish": _plain("hard_silu"),
    "Hardtanh": _hardtanh,
    "Identity": lambda module, shape, name: layers.Identity(name=name),
    "LayerNorm": _layer_norm,
    "LeakyReLU": lambda module, shape, name: layers.LeakyReLU(module.negative_slope, name=name),
    "Linear": _linear,
    "LogSigmoid": _plain("log_sigmoid"),
    "LogSoftmax": _softmax("log_softmax"),
    "Mish": _plain("mish"),
    "PReLU": _prelu,
    "RMSNorm": _rms_norm,
    "ReLU": _plain("relu"),
    "ReLU6": _plain("relu6"),
    "SELU": _plain("selu"),
    "SiLU": _plain("silu"),
    "Sigmoid": _plain("sigmoid"),
    "Softmax": _softmax("softmax"),
    "Softplus": _softplus,
    "Softshrink": _function("soft_shrink", "lambd"),
    "Softsign": _plain("softsign"),
    "Tanh": _plain("tanh"),
    "Tanhshrink": _plain("tanh_shrink"),
    "Threshold": _function("threshold", "threshold", "value"),
    "Unflatten": _unflatten,
}
