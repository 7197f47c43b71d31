"""A NumPy twin of every kernel: slow, plain, in the widest floating point type there is.

Each function says what a kernel of `kernels.h` means, as the formula and nothing else; tests compare the two. Arguments
are array-likes, results `np.longdouble` (80 bits on x86), so that a twin's own rounding never counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference_losses import CLIP, LOSSES, loss
from reference_losses import one_hot as one_hot
from reference_math import Wide, or_default, sigmoid, softplus, wide
from reference_math import log_softmax as log_softmax
from reference_math import softmax as softmax

# --- dense -----------------------------------------------------------------------------------------------------------


def gemm(
    a: ArrayLike, b: ArrayLike, bias: ArrayLike | None = None, c: ArrayLike | None = None, relu: bool = False
) -> Wide:
    """f(start + a · b), where start is a bias row, a matrix to add to, or nothing."""
    a, b = wide(a), wide(b)
    y = np.zeros((a.shape[0], b.shape[1]), np.longdouble)
    if bias is not None:
        y += wide(bias)
    if c is not None:
        y += wide(c)
    for p in range(a.shape[1]):
        y += np.outer(a[:, p], b[p])
    return np.where(np.isnan(y) | (y > 0), y, 0) if relu else y


def pack(b: ArrayLike, tile_cols: int) -> Wide:
    """b[k, n] as panels [panel, k, tile_cols], filled up with zeros."""
    b = wide(b)
    k, n = b.shape
    panels = -(-n // tile_cols)
    packed = np.zeros((panels, k, tile_cols), np.longdouble)
    for j in range(n):
        packed[j // tile_cols, :, j % tile_cols] = b[:, j]
    return packed


def pack_transposed(b: ArrayLike, tile_cols: int) -> Wide:
    """pack(bᵀ)."""
    return pack(wide(b).T, tile_cols)


def column_sums(a: ArrayLike, start: ArrayLike = 0.0) -> Wide:
    """start[j] + Σ_i a[i, j]."""
    return wide(start) + wide(a).sum(axis=0)


def linear_backward(dz: ArrayLike, x: ArrayLike, w: ArrayLike) -> tuple[Wide, Wide, Wide]:
    """dx = dz · wᵀ, dw = xᵀ · dz, db = Σ dz."""
    return gemm(dz, wide(w).T), gemm(wide(x).T, dz), column_sums(dz)


# --- activations -----------------------------------------------------------------------------------------------------

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def erf(x: ArrayLike) -> Wide:
    return wide(np.vectorize(math.erf, otypes=[float])(np.asarray(x, float)))


def normal_cdf(x: ArrayLike) -> Wide:
    """P(N < x), without cancellation on the left."""
    return wide(np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float])(np.asarray(x, float)))


def normal_pdf(x: ArrayLike) -> Wide:
    return np.exp(-(wide(x) ** 2) / 2) / np.sqrt(2 * wide(np.pi))


def _gelu_tanh_inner(x: Wide) -> Wide:
    return np.sqrt(2 / wide(np.pi)) * (x + wide("0.044715") * x**3)


def _clipped_relu(x: Wide, params: Sequence[float]) -> Wide:
    slope, top, threshold = or_default(params, 0, 0.0), or_default(params, 1, np.inf), or_default(params, 2, 0.0)
    return np.where(x >= top, top, np.where(x >= threshold, x, slope * (x - threshold)))


def activation(name: str, x: ArrayLike, params: Sequence[float] = ()) -> Wide:
    """y = f(x)."""
    x = wide(x)
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            "linear": lambda: x,
            "relu": lambda: np.maximum(x, 0),
            "clipped_relu": lambda: _clipped_relu(x, params),
            "leaky_relu": lambda: np.where(x > 0, x, or_default(params, 0, 0.2) * x),
            "elu": lambda: np.where(x > 0, x, or_default(params, 0, 1.0) * np.expm1(x)),
            "selu": lambda: wide(SELU_SCALE) * np.where(x > 0, x, wide(SELU_ALPHA) * np.expm1(x)),
            "gelu": lambda: x * normal_cdf(x),
            "gelu_tanh": lambda: x * sigmoid(2 * _gelu_tanh_inner(x)),
            "silu": lambda: x * sigmoid(x),
            "sigmoid": lambda: sigmoid(x),
            "hard_sigmoid": lambda: np.clip(x / 6 + wide(0.5), 0, 1),
            "tanh": lambda: np.tanh(x),
            "softplus": lambda: softplus(x),
            "softsign": lambda: x / (1 + np.abs(x)),
            "exponential": lambda: np.exp(x),
            "mish": lambda: x * np.tanh(softplus(x)),
            "hard_silu": lambda: x * np.clip(x / 6 + wide(0.5), 0, 1),
            "hard_tanh": lambda: np.clip(x, -1, 1),
            "hard_shrink": lambda: np.where(np.abs(x) > or_default(params, 0, 0.5), x, 0),
            "soft_shrink": lambda: np.where(
                np.abs(x) > or_default(params, 0, 0.5), x - np.sign(x) * wide(or_default(params, 0, 0.5)), 0
            ),
            "threshold": lambda: np.where(x > or_default(params, 0, 0.0), x, or_default(params, 1, 0.0)),
            "sparse_sigmoid": lambda: np.clip((x + 1) / 2, 0, 1),
            "sparse_plus": lambda: np.where(x >= 1, x, np.maximum(x + 1, 0) ** 2 / 4),
            "celu": lambda: np.where(x > 0, x, or_default(params, 0, 1.0) * np.expm1(x / or_default(params, 0, 1.0))),
            "log_sigmoid": lambda: -softplus(-x),
            "squareplus": lambda: (x + np.sqrt(x**2 + or_default(params, 0, 4.0))) / 2,
            "tanh_shrink": lambda: x - np.tanh(x),
        }[name]()


def activation_derivative(name: str, x: ArrayLike, params: Sequence[float] = ()) -> Wide:
    """f'(x); at a kink, what the kernels take: the slope of the left side, but of a clip's inside."""
    x = wide(x)
    one = np.ones_like(x)
    with np.errstate(over="ignore", invalid="ignore"):
        if name == "clipped_relu":
            slope, top, threshold = (
                or_default(params, 0, 0.0),
                or_default(params, 1, np.inf),
                or_default(params, 2, 0.0),
            )
            return np.where(x >= top, 0 * one, np.where(x >= threshold, one, slope * one))
        if name == "gelu_tanh":
            s = sigmoid(2 * _gelu_tanh_inner(x))
            slope = 2 * np.sqrt(2 / wide(np.pi)) * (1 + 3 * wide("0.044715") * x**2)
            return s + x * s * (1 - s) * slope
        if name == "mish":
            t = np.tanh(softplus(x))
            return t + x * (1 - t**2) * sigmoid(x)
        return {
            "linear": lambda: one,
            "relu": lambda: np.where(x > 0, one, 0),
            "leaky_relu": lambda: np.where(x > 0, one, or_default(params, 0, 0.2)),
            "elu": lambda: np.where(x > 0, one, or_default(params, 0, 1.0) * np.exp(x)),
            "selu": lambda: wide(SELU_SCALE) * np.where(x > 0, one, wide(SELU_ALPHA) * np.exp(x)),
            "gelu": lambda: normal_cdf(x) + x * normal_pdf(x),
            "silu": lambda: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
            "sigmoid": lambda: sigmoid(x) * sigmoid(-x),
            "hard_sigmoid": lambda: np.where(np.abs(x) < 3, one / 6, 0),
            "tanh": lambda: 1 - np.tanh(x) ** 2,
            "softplus": lambda: sigmoid(x),
            "softsign": lambda: 1 / (1 + np.abs(x)) ** 2,
            "exponential": lambda: np.exp(x),
            "hard_silu": lambda: np.where(x <= -3, 0, np.where(x >= 3, one, x / 3 + wide(0.5))),
            "hard_tanh": lambda: np.where(np.abs(x) < 1, one, 0),
            "hard_shrink": lambda: np.where(np.abs(x) > or_default(params, 0, 0.5), one, 0),
            "soft_shrink": lambda: np.where(np.abs(x) > or_default(params, 0, 0.5), one, 0),
            "threshold": lambda: np.where(x > or_default(params, 0, 0.0), one, 0),
            "sparse_sigmoid": lambda: np.where(np.abs(x) < 1, one / 2, 0),
            "sparse_plus": lambda: np.clip((x + 1) / 2, 0, 1),
            "celu": lambda: np.where(x > 0, one, np.exp(x / or_default(params, 0, 1.0))),
            "log_sigmoid": lambda: sigmoid(-x),
            "squareplus": lambda: (1 + x / np.sqrt(x**2 + or_default(params, 0, 4.0))) / 2,
            "tanh_shrink": lambda: np.tanh(x) ** 2,
        }[name]()


def softmax_backward(y: ArrayLike, dy: ArrayLike) -> Wide:
    """y · (dy - Σ dy·y)."""
    y, dy = wide(y), wide(dy)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def log_softmax_backward(y: ArrayLike, dy: ArrayLike) -> Wide:
    """dy - exp(y) · Σ dy."""
    y, dy = wide(y), wide(dy)
    return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)


# --- elements --------------------------------------------------------------------------------------------------------


def add(a: ArrayLike, b: ArrayLike) -> Wide:
    return wide(a) + wide(b)


def affine(x: ArrayLike, scale: ArrayLike | None = None, shift: ArrayLike | None = None) -> Wide:
    """x[i, j] · scale[j] + shift[j]."""
    return wide(x) * (1 if scale is None else wide(scale)) + (0 if shift is None else wide(shift))


def scale(g: ArrayLike, factor: float) -> Wide:
    return wide(g) * factor


def clip(g: ArrayLike, limit: float) -> Wide:
    return np.clip(wide(g), -limit, limit)


def sum_of_squares(g: ArrayLike) -> np.longdouble:
    return (wide(g) ** 2).sum()


def max_abs_difference(a: ArrayLike, b: ArrayLike) -> np.longdouble:
    difference = np.abs(wide(a) - wide(b))
    return difference.max() if difference.size else np.longdouble(0)


# --- normalization ---------------------------------------------------------------------------------------------------


def moments(x: ArrayLike) -> tuple[Wide, Wide]:
    """Mean and biased variance of the columns."""
    x = wide(x)
    mean = x.mean(axis=0)
    return mean, ((x - mean) ** 2).mean(axis=0)


def normalization_sums(x: ArrayLike, dy: ArrayLike, mean: ArrayLike, inv_std: ArrayLike) -> tuple[Wide, Wide]:
    """Σ dy and Σ dy · xhat, with xhat = (x - mean) · inv_std."""
    xhat = (wide(x) - wide(mean)) * wide(inv_std)
    return wide(dy).sum(axis=0), (wide(dy) * xhat).sum(axis=0)


def normalization_backward(
    x: ArrayLike, dy: ArrayLike, mean: ArrayLike, inv_std: ArrayLike, gamma: ArrayLike | None = None
) -> Wide:
    """gamma · inv_std · (dy - mean of dy - xhat · mean of dy·xhat)."""
    x, dy, inv_std = wide(x), wide(dy), wide(inv_std)
    rows = x.shape[0]
    xhat = (x - wide(mean)) * inv_std
    sum_dy, sum_dy_xhat = normalization_sums(x, dy, mean, inv_std)
    return (1 if gamma is None else wide(gamma)) * inv_std * (dy - sum_dy / rows - xhat * sum_dy_xhat / rows)


# --- metrics ---------------------------------------------------------------------------------------------------------


def _argmax(x: Wide) -> NDArray[np.intp]:
    """The first of the largest; a NaN is never the largest."""
    return np.where(np.isnan(x), -np.inf, x).argmax(axis=1)


def _top_k(p: Wide, classes: NDArray[np.intp], params: Sequence[float]) -> Wide:
    k = int(or_default(params, 0, 5))
    hits = np.zeros(p.shape[0], np.longdouble)
    for i, c in enumerate(classes):
        if 0 <= c < p.shape[1] and not np.isnan(p[i, c]):
            hits[i] = (p[i] > p[i, c]).sum() < k
    return hits


def metric_values(
    name: str, prediction: ArrayLike, target: ArrayLike, params: Sequence[float] = (), dtype: type = np.float64
) -> Wide:
    """What each row adds to the total of a metric that is a mean."""
    p, y = wide(prediction), wide(target)
    if name in LOSSES:
        return loss(name, p, y, params=params, dtype=dtype)[0]
    return {
        "accuracy": lambda: wide(p == y).mean(axis=1),
        "binary_accuracy": lambda: wide((p > np.dtype(dtype).type(or_default(params, 0, 0.5))) == y).mean(axis=1),
        "categorical_accuracy": lambda: wide(_argmax(p) == _argmax(y)),
        "sparse_categorical_accuracy": lambda: wide(_argmax(p) == y[:, 0]),
        "top_k_categorical_accuracy": lambda: _top_k(p, _argmax(y), params),
        "sparse_top_k_categorical_accuracy": lambda: _top_k(p, y[:, 0].astype(np.intp), params),
    }[name]()


def metric(
    name: str,
    state: ArrayLike,
    prediction: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    params: Sequence[float] = (),
    dtype: type = np.float64,
) -> Wide:
    """The state after folding the rows into it."""
    w = np.ones(np.shape(prediction)[0], np.longdouble) if weight is None else wide(weight)
    if name == "auc":
        return wide(state) + auc_buckets(prediction, target, w, int(or_default(params, 0, 200)))
    values = metric_values(name, prediction, target, params, dtype)
    return wide(state) + wide([(w * values).sum(), w.sum()])


def auc_thresholds(count: int) -> NDArray[np.float64]:
    """Keras's: evenly spaced, the outer two moved outwards a little."""
    thresholds = np.arange(count) / (count - 1)
    thresholds[0], thresholds[-1] = -CLIP, 1 + CLIP
    return thresholds


def auc_buckets(prediction: ArrayLike, target: ArrayLike, weight: ArrayLike, count: int) -> Wide:
    """positives[count], negatives[count]: the weight with threshold[b] < prediction <= threshold[b+1]."""
    thresholds = auc_thresholds(count)
    state = np.zeros((2, count), np.longdouble)
    for row, targets, w in zip(np.asarray(prediction), np.asarray(target), wide(weight), strict=True):
        for x, y in zip(row, targets, strict=True):
            below = np.nonzero(x > thresholds)[0]
            state[0 if y != 0 else 1, min(below[-1], count - 2)] += w
    return state.ravel()


# --- updates ---------------------------------------------------------------------------------------------------------


def regularize(w: ArrayLike, l1: float, l2: float) -> tuple[np.longdouble, Wide]:
    """(l1 · Σ|w| + l2 · Σ w², its gradient)."""
    w = wide(w)
    return l1 * np.abs(w).sum() + l2 * (w * w).sum(), l1 * np.sign(w) + 2 * l2 * w


# --- random numbers --------------------------------------------------------------------------------------------------


def philox_block(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """One block of Philox 4x32-10, in Python's integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c3 ^ k1, p0 & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def philox_words(n: int, first: int, key: int, counter: int) -> NDArray[np.uint32]:
    """Words first .. first + n - 1 of the stream of (key, counter)."""
    low = 0xFFFFFFFF
    words: list[int] = []
    for block in range(first // 4, (first + n + 3) // 4):
        words += philox_block((key & low, key >> 32), (block & low, block >> 32, counter & low, counter >> 32))
    return np.array(words[first % 4 :][:n], np.uint32)


def permutation(n: int, key: int, counter: int) -> NDArray[np.int64]:
    """Fisher and Yates from the front, Lemire's choice of places; each word of the stream serves once."""
    words = iter(philox_words(2 * n + 16, 0, key, counter).tolist())
    order: list[int] = []
    for i in range(n):
        product = next(words) * (i + 1)
        while product % 2**32 < 2**32 % (i + 1):
            product = next(words) * (i + 1)
        place = product >> 32
        order.append(i)
        order[i], order[place] = order[place], i
    return np.array(order, np.int64)


def dropout(x: ArrayLike, rate: float, key: int, counter: int, first: int = 0) -> Wide:
    """x / (1 - rate) where the element's word is at least rate · 2^32, else 0."""
    x = wide(x)
    words = philox_words(x.size, first, key, counter).reshape(x.shape)
    kept = words >= np.uint64(int(rate * 2**32))
    return np.where(kept, x / (1 - wide(rate)), 0)


# --- data ------------------------------------------------------------------------------------------------------------


def convert(source: NDArray[np.generic], dtype: type) -> NDArray[np.floating]:
    """The elements of any array, as NumPy converts them."""
    with np.errstate(over="ignore"):
        return source.astype(dtype)


# --- features --------------------------------------------------------------------------------------------------------


def discretize(x: ArrayLike, boundaries: ArrayLike) -> np.ndarray:
    """How many of the boundaries are not above each element."""
    return np.digitize(x, boundaries)


def encode(x: np.ndarray, depth: int, count: bool) -> np.ndarray:
    """How often each number from 0 to depth - 1 is in a row of x, fractions cut off; or only whether."""
    counts = (np.trunc(x)[:, :, None] == np.arange(depth)).sum(axis=1)
    return counts if count else np.minimum(counts, 1)
