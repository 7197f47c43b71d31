"""NumPy twins of layers: `twin(layer, x)` is what the built layer makes of x in inference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def prelu(layer: Any, x: NDArray) -> NDArray:
    return np.where(x > 0, x, x * layer.alpha.value)


def softmax(x: NDArray, axes: tuple[int, ...]) -> NDArray:
    e = np.exp(x - x.max(axes, keepdims=True))
    return e / e.sum(axes, keepdims=True)


def _moments(x: NDArray, axes: tuple[int, ...]) -> tuple[NDArray, NDArray]:
    return x.mean(axes, keepdims=True), x.var(axes, keepdims=True)


def layer_normalization(layer: Any, x: NDArray) -> NDArray:
    axes = tuple(layer.axis) if isinstance(layer.axis, list) else (layer.axis,)
    mean, variance = _moments(x, axes)
    return (x - mean) / np.sqrt(variance + layer.epsilon) * layer.gamma.value + layer.beta.value


def rms_normalization(layer: Any, x: NDArray) -> NDArray:
    axes = tuple(layer.axis) if isinstance(layer.axis, list) else (layer.axis,)
    return x / np.sqrt((x**2).mean(axes, keepdims=True) + layer.epsilon) * layer.scale.value


def group_normalization(layer: Any, x: NDArray) -> NDArray:
    features = x.shape[-1]
    groups = features if layer.groups == -1 else layer.groups
    parts = x.reshape(*x.shape[:-1], groups, features // groups)
    mean, variance = _moments(parts, (*range(1, x.ndim - 1), x.ndim))
    y = ((parts - mean) / np.sqrt(variance + layer.epsilon)).reshape(x.shape)
    return y * layer.gamma.value + layer.beta.value


def batch_normalization(layer: Any, x: NDArray) -> NDArray:
    """By the moving statistics; features on the axis that is as long as they are many."""
    shape = [-1 if axis == layer.axis % x.ndim else 1 for axis in range(x.ndim)]
    mean, variance, gamma, beta = (
        np.asarray(v.value, np.float64).reshape(shape)
        for v in (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
    )
    return (x - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta


def batch_ensemble(layer: Any, x: NDArray) -> NDArray:
    """Each member by itself."""
    members = []
    for i in range(layer.members):
        given = x if x.ndim == 2 else x[:, i]
        z = ((given * layer.input_scale.value[i]) @ layer.kernel.value) * layer.output_scale.value[i]
        members.append(np.tanh(z + layer.bias.value[i]))
    return np.stack(members, axis=1)


def einsum_dense(layer: Any, x: NDArray) -> NDArray:
    y = np.einsum(layer.equation, x, layer.kernel.value)
    return y if layer.bias is None else np.tanh(y + layer.bias.value)
