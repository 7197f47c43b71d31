"""What fastnn is held against: the NumPy that a careful user would write.

Every result and every intermediate has its array from the start, no expression is computed twice, and each formula is
the one with the fewest passes over the data. Functions of elements take two arrays of the shape of their input for what
lies between, `t` and `u`, and gradients one of booleans besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    from scipy.special import erf
except ImportError:  # NumPy has none of its own
    erf = None

Array = np.ndarray[Any, Any]
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
GELU_LINEAR, GELU_CUBIC = 0.7978845608028654, 0.044715


# --- dense -----------------------------------------------------------------------------------------------------------


def linear(x: Array, w: Array, b: Array, y: Array) -> Array:
    np.matmul(x, w, out=y)
    return np.add(y, b, out=y)


def linear_relu(x: Array, w: Array, b: Array, y: Array) -> Array:
    np.matmul(x, w, out=y)
    np.add(y, b, out=y)
    return np.maximum(y, 0, out=y)


def linear_relu_backward(
    dy: Array, x: Array, w: Array, y: Array, dx: Array, dw: Array, db: Array, dz: Array, mask: Array
) -> tuple[Array, Array, Array]:
    np.greater(y, 0, out=mask)
    np.multiply(dy, mask, out=dz)
    np.matmul(dz, w.T, out=dx)
    np.matmul(x.T, dz, out=dw)
    np.add.reduce(dz, axis=0, out=db)
    return dx, dw, db


# --- activations: y = f(x), and dx = dy · f' from what the comment of fastnn's gradient names ------------------------


def relu(x: Array, y: Array, t: Array, u: Array) -> Array:
    return np.maximum(x, 0, out=y)


def relu_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.greater(y, 0, out=mask)
    return np.multiply(dy, mask, out=dx)


def leaky_relu(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.multiply(x, 0.2, out=y)
    return np.maximum(x, y, out=y)


def leaky_relu_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.greater(y, 0, out=mask)
    np.multiply(dy, 0.2, out=dx)
    np.copyto(dx, dy, where=mask)
    return dx


def elu(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.minimum(x, 0, out=t)
    np.expm1(t, out=t)
    np.maximum(x, 0, out=y)
    return np.add(y, t, out=y)


def elu_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.minimum(y, 0, out=t)
    np.add(t, 1, out=t)
    return np.multiply(dy, t, out=dx)


def selu(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.minimum(x, 0, out=t)
    np.expm1(t, out=t)
    np.multiply(t, SELU_ALPHA, out=t)
    np.maximum(x, 0, out=y)
    np.add(y, t, out=y)
    return np.multiply(y, SELU_SCALE, out=y)


def selu_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.greater(y, 0, out=mask)
    np.add(y, SELU_SCALE * SELU_ALPHA, out=t)
    np.copyto(t, SELU_SCALE, where=mask)
    return np.multiply(dy, t, out=dx)


def gelu(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.multiply(x, 0.5**0.5, out=t)
    erf(t, out=t)
    np.add(t, 1, out=t)
    np.multiply(x, t, out=y)
    return np.multiply(y, 0.5, out=y)


def gelu_backward(dy: Array, x: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.multiply(x, 0.5**0.5, out=t)
    erf(t, out=t)
    np.add(t, 1, out=t)
    np.multiply(t, 0.5, out=t)
    np.multiply(x, x, out=u)
    np.multiply(u, -0.5, out=u)
    np.exp(u, out=u)
    np.multiply(u, x, out=u)
    np.multiply(u, (2 * np.pi) ** -0.5, out=u)
    np.add(t, u, out=t)
    return np.multiply(dy, t, out=dx)


def gelu_tanh(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.multiply(x, x, out=t)
    np.multiply(t, GELU_LINEAR * GELU_CUBIC, out=t)
    np.add(t, GELU_LINEAR, out=t)
    np.multiply(t, x, out=t)
    np.tanh(t, out=t)
    np.add(t, 1, out=t)
    np.multiply(t, x, out=y)
    return np.multiply(y, 0.5, out=y)


def gelu_tanh_backward(dy: Array, x: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.multiply(x, x, out=t)
    np.multiply(t, 3 * GELU_LINEAR * GELU_CUBIC, out=u)
    np.add(u, GELU_LINEAR, out=u)
    np.multiply(u, x, out=u)
    np.multiply(t, GELU_LINEAR * GELU_CUBIC, out=t)
    np.add(t, GELU_LINEAR, out=t)
    np.multiply(t, x, out=t)
    np.tanh(t, out=t)
    # (1 + t + (1 - t²) · u) / 2 = (1 + t) · (1 + (1 - t) · u) / 2
    np.subtract(1, t, out=dx)
    np.multiply(u, dx, out=u)
    np.add(u, 1, out=u)
    np.add(t, 1, out=t)
    np.multiply(t, u, out=t)
    np.multiply(t, 0.5, out=t)
    return np.multiply(dy, t, out=dx)


def silu(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.negative(x, out=t)
    np.exp(t, out=t)
    np.add(t, 1, out=t)
    return np.divide(x, t, out=y)


def silu_backward(dy: Array, x: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    sigmoid(x, t, t, u)
    np.subtract(1, t, out=u)
    np.multiply(u, x, out=u)
    np.add(u, 1, out=u)
    np.multiply(t, u, out=t)
    return np.multiply(dy, t, out=dx)


def sigmoid(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.negative(x, out=y)
    np.exp(y, out=y)
    np.add(y, 1, out=y)
    return np.reciprocal(y, out=y)


def sigmoid_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.subtract(1, y, out=dx)
    np.multiply(dx, y, out=dx)
    return np.multiply(dx, dy, out=dx)


def hard_sigmoid(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.multiply(x, 1 / 6, out=y)
    np.add(y, 0.5, out=y)
    np.maximum(y, 0, out=y)
    return np.minimum(y, 1, out=y)


def hard_sigmoid_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.subtract(1, y, out=t)
    np.multiply(t, y, out=t)
    np.greater(t, 0, out=mask)
    np.multiply(dy, 1 / 6, out=dx)
    return np.multiply(dx, mask, out=dx)


def tanh(x: Array, y: Array, t: Array, u: Array) -> Array:
    return np.tanh(x, out=y)


def tanh_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.multiply(y, y, out=dx)
    np.subtract(1, dx, out=dx)
    return np.multiply(dx, dy, out=dx)


def softplus(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.abs(x, out=t)
    np.negative(t, out=t)
    np.exp(t, out=t)
    np.log1p(t, out=t)
    np.maximum(x, 0, out=y)
    return np.add(y, t, out=y)


def softplus_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.negative(y, out=t)
    np.exp(t, out=t)
    np.subtract(1, t, out=t)
    return np.multiply(dy, t, out=dx)


def softsign(x: Array, y: Array, t: Array, u: Array) -> Array:
    np.abs(x, out=t)
    np.add(t, 1, out=t)
    return np.divide(x, t, out=y)


def softsign_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    np.abs(y, out=t)
    np.subtract(1, t, out=t)
    np.multiply(t, t, out=t)
    return np.multiply(dy, t, out=dx)


def exponential(x: Array, y: Array, t: Array, u: Array) -> Array:
    return np.exp(x, out=y)


def exponential_backward(dy: Array, y: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    return np.multiply(dy, y, out=dx)


def mish(x: Array, y: Array, t: Array, u: Array) -> Array:
    # tanh(log(1 + e)) = n / (n + 2) with n = e · (e + 2)
    np.exp(x, out=t)
    np.add(t, 2, out=u)
    np.multiply(t, u, out=t)
    np.add(t, 2, out=u)
    np.multiply(x, t, out=t)
    return np.divide(t, u, out=y)


def mish_backward(dy: Array, x: Array, dx: Array, t: Array, u: Array, mask: Array) -> Array:
    # (n + 4x · e · (e + 1) / (n + 2)) / (n + 2), with n = e · (e + 2)
    np.exp(x, out=t)
    np.add(t, 1, out=u)
    np.multiply(u, t, out=u)
    np.multiply(u, x, out=u)
    np.multiply(u, 4, out=u)
    np.add(t, 2, out=dx)
    np.multiply(t, dx, out=t)
    np.add(t, 2, out=dx)
    np.divide(u, dx, out=u)
    np.add(u, t, out=u)
    np.divide(u, dx, out=u)
    return np.multiply(dy, u, out=dx)


# --- along rows; `row` holds a number for each -----------------------------------------------------------------------


def softmax(x: Array, y: Array, row: Array) -> Array:
    np.maximum.reduce(x, axis=-1, keepdims=True, out=row)
    np.subtract(x, row, out=y)
    np.exp(y, out=y)
    np.add.reduce(y, axis=-1, keepdims=True, out=row)
    return np.divide(y, row, out=y)


def softmax_backward(dy: Array, y: Array, dx: Array, row: Array) -> Array:
    np.multiply(dy, y, out=dx)
    np.add.reduce(dx, axis=-1, keepdims=True, out=row)
    np.subtract(dy, row, out=dx)
    return np.multiply(dx, y, out=dx)


def log_softmax(x: Array, y: Array, row: Array) -> Array:
    np.maximum.reduce(x, axis=-1, keepdims=True, out=row)
    np.subtract(x, row, out=y)
    np.add.reduce(np.exp(y), axis=-1, keepdims=True, out=row)
    np.log(row, out=row)
    return np.subtract(y, row, out=y)


def log_softmax_backward(dy: Array, y: Array, dx: Array, row: Array) -> Array:
    np.add.reduce(dy, axis=-1, keepdims=True, out=row)
    np.exp(y, out=dx)
    np.multiply(dx, row, out=dx)
    return np.subtract(dy, dx, out=dx)


# --- losses: the loss of each row, and its gradient in dp ------------------------------------------------------------


def mean_squared_error(y: Array, p: Array, dp: Array, t: Array, u: Array) -> tuple[Array, Array]:
    n = p.shape[1]
    np.subtract(p, y, out=dp)
    np.multiply(dp, dp, out=t)
    losses = np.add.reduce(t, axis=1)
    np.divide(losses, n, out=losses)
    np.multiply(dp, 2 / n, out=dp)
    return losses, dp


def mean_absolute_error(y: Array, p: Array, dp: Array, t: Array, u: Array) -> tuple[Array, Array]:
    n = p.shape[1]
    np.subtract(p, y, out=t)
    np.sign(t, out=dp)
    np.multiply(dp, 1 / n, out=dp)
    np.abs(t, out=t)
    losses = np.add.reduce(t, axis=1)
    np.divide(losses, n, out=losses)
    return losses, dp


def huber(y: Array, p: Array, dp: Array, t: Array, u: Array) -> tuple[Array, Array]:
    n = p.shape[1]
    np.subtract(p, y, out=t)
    np.clip(t, -1, 1, out=dp)
    np.multiply(dp, 0.5, out=u)  # with the slope s cut to ±1, the loss is s · (d - s / 2)
    np.subtract(t, u, out=t)
    np.multiply(t, dp, out=t)
    losses = np.add.reduce(t, axis=1)
    np.divide(losses, n, out=losses)
    np.multiply(dp, 1 / n, out=dp)
    return losses, dp


def binary_crossentropy(y: Array, p: Array, dp: Array, t: Array, u: Array) -> tuple[Array, Array]:
    n = p.shape[1]
    low = p.dtype.type(1e-7)
    c = np.clip(p, low, 1 - low)
    np.log(c, out=t)
    np.multiply(t, y, out=t)
    np.subtract(1, c, out=u)
    np.subtract(c, y, out=dp)
    np.multiply(c, u, out=c)
    np.divide(dp, c, out=dp)
    np.multiply(dp, 1 / n, out=dp)
    np.log(u, out=u)
    np.add(t, u, out=t)
    np.multiply(u, y, out=u)
    np.subtract(u, t, out=t)
    losses = np.add.reduce(t, axis=1)
    np.divide(losses, n, out=losses)
    return losses, dp


def sigmoid_binary_crossentropy(y: Array, z: Array, dz: Array, t: Array, u: Array) -> tuple[Array, Array]:
    n = z.shape[1]
    # log(1 + exp(-z)) + (1 - y) · z: good for the logits met here, no further from 0 than exp can go
    np.negative(z, out=t)
    np.exp(t, out=t)
    np.add(t, 1, out=u)
    np.reciprocal(u, out=dz)
    np.subtract(dz, y, out=dz)
    np.multiply(dz, 1 / n, out=dz)
    np.log1p(t, out=t)
    np.subtract(1, y, out=u)
    np.multiply(u, z, out=u)
    np.add(t, u, out=t)
    losses = np.add.reduce(t, axis=1)
    np.divide(losses, n, out=losses)
    return losses, dz


def categorical_crossentropy(y: Array, p: Array, dp: Array, t: Array, u: Array) -> tuple[Array, Array]:
    # of probabilities whose sums need not be 1: with q = p / Σ p, -Σ y · log q and (Σ y - y / q) / Σ p
    total = np.add.reduce(p, axis=1, keepdims=True)
    np.divide(p, total, out=u)
    np.divide(y, u, out=t)
    np.subtract(np.add.reduce(y, axis=1, keepdims=True), t, out=dp)
    np.divide(dp, total, out=dp)
    np.log(u, out=u)
    np.multiply(u, y, out=u)
    losses = np.add.reduce(u, axis=1)
    np.negative(losses, out=losses)
    return losses, dp


def softmax_categorical_crossentropy(y: Array, z: Array, dz: Array, t: Array, u: Array) -> tuple[Array, Array]:
    np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=t)
    np.exp(t, out=dz)
    total = np.add.reduce(dz, axis=1, keepdims=True)
    np.divide(dz, total, out=dz)
    np.subtract(dz, y, out=dz)
    np.multiply(t, y, out=t)
    losses = np.log(total[:, 0])
    np.subtract(losses, np.add.reduce(t, axis=1), out=losses)
    return losses, dz


def sparse_categorical_crossentropy(classes: Array, p: Array, dp: Array, t: Array, u: Array) -> tuple[Array, Array]:
    rows = np.arange(len(p))
    total = np.add.reduce(p, axis=1)
    picked = p[rows, classes]
    np.copyto(dp, (1 / total)[:, None])
    dp[rows, classes] -= 1 / picked
    return np.log(total / picked), dp


def softmax_sparse_categorical_crossentropy(
    classes: Array, z: Array, dz: Array, t: Array, u: Array
) -> tuple[Array, Array]:
    rows = np.arange(len(z))
    np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=t)
    np.exp(t, out=dz)
    total = np.add.reduce(dz, axis=1, keepdims=True)
    np.divide(dz, total, out=dz)
    dz[rows, classes] -= 1
    return np.log(total[:, 0]) - t[rows, classes], dz


# --- updates: h as in fastnn's, h[0] the decay -----------------------------------------------------------------------


def _decay(w: Array, h: Sequence[float]) -> None:
    if h[0] != 1:
        np.multiply(w, h[0], out=w)


def sgd(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    np.multiply(g, h[1], out=t)
    return np.subtract(w, t, out=w)


def momentum(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    (v,) = slots
    np.multiply(v, h[2], out=v)
    np.multiply(g, h[1], out=t)
    np.subtract(v, t, out=v)
    return np.add(w, v, out=w)


def nesterov(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    (v,) = slots
    np.multiply(v, h[2], out=v)
    np.multiply(g, h[1], out=t)
    np.subtract(v, t, out=v)
    np.subtract(w, t, out=w)
    np.multiply(v, h[2], out=t)
    return np.add(w, t, out=w)


def _moments(g: Array, m: Array, v: Array, h: Sequence[float], t: Array) -> None:
    np.subtract(g, m, out=t)
    np.multiply(t, h[2], out=t)
    np.add(m, t, out=m)
    np.multiply(g, g, out=t)
    np.subtract(t, v, out=t)
    np.multiply(t, h[3], out=t)
    np.add(v, t, out=v)


def adam(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    m, v = slots
    _moments(g, m, v, h, t)
    np.sqrt(v, out=t)
    np.add(t, h[4], out=t)
    np.divide(m, t, out=t)
    np.multiply(t, h[1], out=t)
    return np.subtract(w, t, out=w)


def amsgrad(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    m, v, largest = slots
    _moments(g, m, v, h, t)
    np.maximum(largest, v, out=largest)
    np.sqrt(largest, out=t)
    np.add(t, h[4], out=t)
    np.divide(m, t, out=t)
    np.multiply(t, h[1], out=t)
    return np.subtract(w, t, out=w)


def _rmsprop_step(g: Array, v: Array, average: Array | None, h: Sequence[float], t: Array, u: Array) -> Array:
    """In t, the step before momentum."""
    np.multiply(v, h[2], out=v)
    np.multiply(g, g, out=t)
    np.multiply(t, 1 - h[2], out=t)
    np.add(v, t, out=v)
    if average is None:
        np.add(v, h[3], out=t)
    else:
        np.multiply(average, h[2], out=average)
        np.multiply(g, 1 - h[2], out=t)
        np.add(average, t, out=average)
        np.multiply(average, average, out=u)
        np.subtract(v, u, out=t)
        np.add(t, h[3], out=t)
    np.sqrt(t, out=t)
    np.divide(g, t, out=t)
    return np.multiply(t, h[1], out=t)


def rmsprop(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    return np.subtract(w, _rmsprop_step(g, slots[0], None, h, t, u), out=w)


def rmsprop_momentum(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    np.multiply(slots[1], h[4], out=slots[1])
    np.add(slots[1], _rmsprop_step(g, slots[0], None, h, t, u), out=slots[1])
    return np.subtract(w, slots[1], out=w)


def rmsprop_centered(w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array) -> Array:
    _decay(w, h)
    return np.subtract(w, _rmsprop_step(g, slots[0], slots[1], h, t, u), out=w)


def rmsprop_centered_momentum(
    w: Array, g: Array, slots: Sequence[Array], h: Sequence[float], t: Array, u: Array
) -> Array:
    _decay(w, h)
    np.multiply(slots[1], h[4], out=slots[1])
    np.add(slots[1], _rmsprop_step(g, slots[0], slots[2], h, t, u), out=slots[1])
    return np.subtract(w, slots[1], out=w)
