"""Twins of the losses: `LOSSES` holds a function `(prediction, target, params, dtype)` for each kernel.

Each returns the losses of rows, their gradient and, of those that take logits, the probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reference_math import Wide, log_softmax, or_default, sigmoid, softmax, softplus, wide

CLIP = 1e-7


def one_hot(classes: ArrayLike, n: int) -> Wide:
    """A row for each class number; zeros for a number that is no class."""
    return wide(np.asarray(classes, float).reshape(-1, 1) == np.arange(n))


def _smooth_binary(y: Wide, params: Sequence[Any]) -> Wide:
    s = wide(or_default(params, 0, 0.0))
    return y * (1 - s) + s / 2


def _smooth_classes(y: Wide, params: Sequence[Any]) -> Wide:
    s = wide(or_default(params, 0, 0.0))
    return y * (1 - s) + s / y.shape[1]


def _clip_limits(params: Sequence[Any], index: int, dtype: type) -> tuple[Wide, Wide]:
    """The limits that probabilities are kept between, as numbers of the kernel's dtype."""
    low = np.dtype(dtype).type(or_default(params, index, 0.0) or CLIP)
    return wide(low), wide(np.dtype(dtype).type(1) - low)


def _smallest(params: Sequence[Any], index: int, dtype: type) -> Wide:
    return _clip_limits(params, index, dtype)[0]


def _squared_error(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    return ((p - y) ** 2).mean(axis=1), 2 * (p - y) / p.shape[1], p


def _absolute_error(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    return np.abs(p - y).mean(axis=1), np.sign(p - y) / p.shape[1], p


def _huber(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    delta = wide(or_default(params, 0, 1.0))
    d = p - y
    terms = np.where(np.abs(d) <= delta, d**2 / 2, delta * np.abs(d) - delta**2 / 2)
    return terms.mean(axis=1), np.clip(d, -delta, delta) / p.shape[1], p


def _binary(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y = _smooth_binary(y, params)
    low, high = _clip_limits(params, 1, dtype)
    c = np.clip(p, low, high)
    terms = -(y * np.log(c) + (1 - y) * np.log(1 - c))
    slope = np.where((p < low) | (p > high), 0, -y / c + (1 - y) / (1 - c))
    return terms.mean(axis=1), slope / p.shape[1], p


def _sigmoid_binary(z: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y = _smooth_binary(y, params)
    terms = y * softplus(-z) + (1 - y) * softplus(z)
    return terms.mean(axis=1), (sigmoid(z) - y) / z.shape[1], sigmoid(z)


def _probabilities(p: Wide, y: Wide, limits: tuple[Wide, Wide]) -> tuple[Wide, Wide, Wide]:
    low, high = limits
    total = p.sum(axis=1, keepdims=True)
    q = p / total
    c = np.clip(q, low, high)
    dq = np.where((q < low) | (q > high), 0, -y / c)
    dp = (dq - (dq * q).sum(axis=1, keepdims=True)) / total  # q_j = p_j / Σ p: each p_i is in every q_j
    return -(y * np.log(c)).sum(axis=1), dp, p


def _categorical(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    return _probabilities(p, _smooth_classes(y, params), _clip_limits(params, 1, dtype))


def _kept(y: Wide, params: Sequence[Any]) -> Wide:
    """1, and 0 for rows of the class that is ignored."""
    return wide(y[:, 0] != params[2]) if or_default(params, 1, 0) else np.ones(len(y), np.longdouble)


def _sparse_categorical(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    rows, gradient, output = _probabilities(p, one_hot(y, p.shape[1]), _clip_limits(params, 0, dtype))
    return _kept(y, params) * rows, _kept(y, params)[:, None] * gradient, output


def _softmax(z: Wide, y: Wide) -> tuple[Wide, Wide, Wide]:
    p = softmax(z)
    terms = np.where(y == 0, 0, -y * log_softmax(z))
    return terms.sum(axis=1), p * y.sum(axis=1, keepdims=True) - y, p


def _softmax_categorical(z: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    return _softmax(z, _smooth_classes(y, params))


def _softmax_sparse_categorical(z: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    rows, gradient, output = _softmax(z, one_hot(y, z.shape[1]))
    return _kept(y, params) * rows, _kept(y, params)[:, None] * gradient, output


def _percentage_error(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    size = np.maximum(np.abs(y), _smallest(params, 0, dtype)) / 100
    return (np.abs(p - y) / size).mean(axis=1), np.sign(p - y) / size / p.shape[1], p


def _squared_logarithmic_error(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    low = _smallest(params, 0, dtype)
    d = np.log1p(np.maximum(p, low)) - np.log1p(np.maximum(y, low))
    return (d**2).mean(axis=1), np.where(p < low, 0, 2 * d / (1 + p)) / p.shape[1], p


def _log_cosh(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    d = np.abs(p - y)
    return (d + np.log1p(np.exp(-2 * d)) - np.log(wide(2))).mean(axis=1), np.tanh(p - y) / p.shape[1], p


def _pinball(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    q, e = wide(or_default(params, 0, 0.5)), y - p
    slope = np.where(e > 0, -q, np.where(e < 0, 1 - q, e))
    return np.where(e > 0, q * e, (q - 1) * e).mean(axis=1), slope / p.shape[1], p


def _poisson(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    shifted = p + _smallest(params, 0, dtype)
    return (p - y * np.log(shifted)).mean(axis=1), (1 - y / shifted) / p.shape[1], p


def _hinge(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y = np.where(y == 0, -1, y)
    margin = 1 - y * p
    slope = np.where(margin > 0, -y, np.where(np.isnan(margin), margin, 0))
    return np.maximum(margin, 0).mean(axis=1), slope / p.shape[1], p


def _squared_hinge(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y = np.where(y == 0, -1, y)
    margin = np.maximum(1 - y * p, 0)
    return (margin**2).mean(axis=1), -2 * y * margin / p.shape[1], p


def _categorical_hinge(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    negative = (1 - y) * p
    largest = negative == negative.max(axis=1, keepdims=True)
    margin = negative.max(axis=1) - (y * p).sum(axis=1) + 1
    slope = largest * (1 - y) / np.maximum(largest.sum(axis=1, keepdims=True), 1) - y
    wrong = np.where(np.isnan(margin), margin, margin > 0)
    return np.maximum(margin, 0), wrong[:, None] * slope, p


def _gaussian(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    n = y.shape[1]
    d, s = p[:, :n] - y, p[:, n:]
    terms = (s + d**2 * np.exp(-s) + np.log(2 * wide(np.pi))) / 2
    slope = np.concatenate([d * np.exp(-s), (1 - d**2 * np.exp(-s)) / 2], axis=1)
    return terms.mean(axis=1), slope / n, p


def _kl_divergence(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    low = _smallest(params, 0, dtype)
    c, y = np.clip(p, low, 1), np.clip(y, low, 1)
    return (y * np.log(y / c)).sum(axis=1), np.where((p < low) | (p > 1), 0, -y / c), p


def _cosine(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    low = _smallest(params, 0, dtype)
    length = np.sqrt((p**2).sum(axis=1, keepdims=True))
    u = 1 / np.maximum(length, low)
    direction = y / np.maximum(np.sqrt((y**2).sum(axis=1, keepdims=True)), low)
    value = -(p * direction).sum(axis=1, keepdims=True) * u
    return value[:, 0], -u * direction - np.where(length < low, 0, u**2 * value) * p, p


def _weighted_binary(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y, w = _smooth_binary(y, params), wide(or_default(params, 2, 1.0))
    low, high = _clip_limits(params, 1, dtype)
    c = np.clip(p, low, high)
    slope = np.where((p < low) | (p > high), 0, -w * y / c + (1 - y) / (1 - c))
    return -(w * y * np.log(c) + (1 - y) * np.log(1 - c)).mean(axis=1), slope / p.shape[1], p


def _sigmoid_weighted_binary(z: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y, w = _smooth_binary(y, params), wide(or_default(params, 2, 1.0))
    terms = w * y * softplus(-z) + (1 - y) * softplus(z)
    return terms.mean(axis=1), ((1 - y) * sigmoid(z) - w * y * sigmoid(-z)) / z.shape[1], sigmoid(z)


def _focal_factors(y: Wide, p: Wide, params: Sequence[Any]) -> tuple[Wide, Wide, Wide]:
    """b · t^gamma, its derivative by p, and b: t is how far from right p is, b balances yes and no."""
    gamma, alpha = wide(or_default(params, 2, 2.0)), wide(or_default(params, 3, 0.0))
    b = y * alpha + (1 - y) * (1 - alpha) if alpha else wide(1)
    t = y * (1 - p) + (1 - y) * p
    return b * t**gamma, b * gamma * t ** (gamma - 1) * (1 - 2 * y), b


def _binary_focal(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y = _smooth_binary(y, params)
    low, high = _clip_limits(params, 1, dtype)
    c = np.clip(p, low, high)
    term, factor, outer = -(y * np.log(c) + (1 - y) * np.log(1 - c)), *_focal_factors(y, p, params)[:2]
    slope = np.where((p < low) | (p > high), 0, -y / c + (1 - y) / (1 - c))
    return (factor * term).mean(axis=1), (factor * slope + outer * term) / p.shape[1], p


def _sigmoid_binary_focal(z: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y, p = _smooth_binary(y, params), sigmoid(z)
    term, factor, outer = y * softplus(-z) + (1 - y) * softplus(z), *_focal_factors(y, p, params)[:2]
    slope = factor * (p - y) + outer * term * p * sigmoid(-z)
    return (factor * term).mean(axis=1), slope / z.shape[1], p


def _class_focal(y: Wide, p: Wide, log_p: Wide, params: Sequence[Any]) -> tuple[Wide, Wide]:
    """-alpha · y · log p · (1 - p)^gamma, summed, and the derivatives by each p; nothing where y is 0."""
    gamma, w = wide(or_default(params, 2, 2.0)), wide(or_default(params, 3, 0.25)) * y
    slope = w * (gamma * (1 - p) ** (gamma - 1) * log_p - (1 - p) ** gamma / p)
    terms = np.where(w == 0, 0 * p, -w * log_p * (1 - p) ** gamma)
    return terms.sum(axis=1), np.where(w == 0, 0 * p, slope)


def _categorical_focal(x: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    y, (low, high) = _smooth_classes(y, params), _clip_limits(params, 1, dtype)
    total = x.sum(axis=1, keepdims=True)
    q = x / total
    c = np.clip(q, low, high)
    rows, slope = _class_focal(y, c, np.log(c), params)
    dq = np.where((q < low) | (q > high), 0, slope)
    return rows, (dq - (dq * q).sum(axis=1, keepdims=True)) / total, x


def _softmax_categorical_focal(z: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    p = softmax(z)
    rows, dp = _class_focal(_smooth_classes(y, params), p, log_softmax(z), params)
    return rows, p * (dp - (dp * p).sum(axis=1, keepdims=True)), p


def _generalized(p: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    q, y = wide(or_default(params, 0, 0.5)), one_hot(y, p.shape[1])
    right = (p * y).sum(axis=1, keepdims=True)
    return (1 - right[:, 0] ** q) / q, -y * np.maximum(right, wide(np.dtype(dtype).type(CLIP))) ** (q - 1), p


def _softmax_generalized(z: Wide, y: Wide, params: Sequence[Any], dtype: type) -> tuple[Wide, Wide, Wide]:
    q, p, y = wide(or_default(params, 0, 0.5)), softmax(z), one_hot(y, z.shape[1])
    power = (p * y).sum(axis=1, keepdims=True) ** q
    return ((1 - power) / q)[:, 0], power * (p - y), p


LOSSES: dict[str, Callable[[Wide, Wide, Sequence[Any], type], tuple[Wide, Wide, Wide]]] = {
    "mean_squared_error": _squared_error,
    "mean_absolute_error": _absolute_error,
    "mean_absolute_percentage_error": _percentage_error,
    "mean_squared_logarithmic_error": _squared_logarithmic_error,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "pinball": _pinball,
    "shared_pinball": _pinball,
    "poisson": _poisson,
    "hinge": _hinge,
    "squared_hinge": _squared_hinge,
    "categorical_hinge": _categorical_hinge,
    "gaussian_negative_log_likelihood": _gaussian,
    "kl_divergence": _kl_divergence,
    "cosine_similarity": _cosine,
    "binary_crossentropy": _binary,
    "sigmoid_binary_crossentropy": _sigmoid_binary,
    "categorical_crossentropy": _categorical,
    "softmax_categorical_crossentropy": _softmax_categorical,
    "sparse_categorical_crossentropy": _sparse_categorical,
    "softmax_sparse_categorical_crossentropy": _softmax_sparse_categorical,
    "weighted_binary_crossentropy": _weighted_binary,
    "sigmoid_weighted_binary_crossentropy": _sigmoid_weighted_binary,
    "binary_focal_crossentropy": _binary_focal,
    "sigmoid_binary_focal_crossentropy": _sigmoid_binary_focal,
    "categorical_focal_crossentropy": _categorical_focal,
    "softmax_categorical_focal_crossentropy": _softmax_categorical_focal,
    "categorical_generalized_cross_entropy": _generalized,
    "softmax_categorical_generalized_cross_entropy": _softmax_generalized,
}


# Which of the parameters may be one for each column.
BY_COLUMN = {
    "pinball": 0,
    "shared_pinball": 0,
    "weighted_binary_crossentropy": 2,
    "sigmoid_weighted_binary_crossentropy": 2,
    "categorical_focal_crossentropy": 3,
    "softmax_categorical_focal_crossentropy": 3,
}


def loss(
    name: str,
    prediction: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    params: Sequence[Any] = (),
    scale: float = 1.0,
    dtype: type = np.float64,
    columns: ArrayLike | None = None,
) -> tuple[Wide, Wide, Wide]:
    """(weight · row losses, scale · weight · gradient, output); `dtype` is that of the kernel, for its clip.

    `columns` takes the place of the parameter that each column may have by itself.
    """
    if columns is not None:
        at = BY_COLUMN[name]
        defaults = (0.0, 0.0, 2.0, 0.25)
        params = [*params[:at], *defaults[len(params) : at], wide(columns), *params[at + 1 :]]
    p = wide(prediction)
    w = np.ones(p.shape[0], np.longdouble) if weight is None else wide(weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows, gradient, output = LOSSES[name](p, wide(target), params, dtype)
    return w * rows, scale * w[:, None] * gradient, output
