"""Activations and their gradients, each pair together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn.ops.places import moveaxis


def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    *,
    out: np.ndarray | None = None,
) -> Any:
    """Rectified linear unit: `max(x, 0)`.

    Args:
        x: Array of any shape.
        negative_slope: Slope below the threshold: `negative_slope · (x - threshold)`.
        max_value: Where the function saturates; None for nowhere.
        threshold: Up to here the function takes its negative slope.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return _kernels.activation("relu", x, (), out)
    return _kernels.activation("clipped_relu", x, _relu_params(negative_slope, max_value, threshold), out)


def relu_backward(
    dy: Any,
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    *,
    out: np.ndarray | None = None,
) -> Any:
    """Gradient of `relu`: `dy` where `x > 0`, else 0.

    Args:
        dy: Gradient by the output.
        x: Input of `relu`; its output serves as well where the other arguments have their defaults.
        negative_slope: As given to `relu`.
        max_value: As given to `relu`.
        threshold: As given to `relu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.relu_backward([5.0, 6.0, 7.0], [-1.0, 0.0, 2.0])
    array([0., 0., 7.])
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return _kernels.activation_backward("relu", x, dy, (), out)
    return _kernels.activation_backward("clipped_relu", x, dy, _relu_params(negative_slope, max_value, threshold), out)


def _relu_params(negative_slope: float, max_value: float | None, threshold: float) -> tuple[float, float, float]:
    return float(negative_slope), float("inf") if max_value is None else float(max_value), float(threshold)


def leaky_relu(x: Any, negative_slope: float = 0.2, *, out: np.ndarray | None = None) -> Any:
    """`x` where `x > 0`, else `negative_slope · x`.

    Args:
        x: Array of any shape.
        negative_slope: Slope below zero.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.leaky_relu([-1.0, 2.0], 0.5)
    array([-0.5,  2. ])
    """
    return _kernels.activation("leaky_relu", x, (negative_slope,), out)


def leaky_relu_backward(dy: Any, x: Any, negative_slope: float = 0.2, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `leaky_relu`: `dy` where `x > 0`, else `negative_slope · dy`.

    Args:
        dy: Gradient by the output.
        x: Input of `leaky_relu`; its output serves as well if `negative_slope` is positive.
        negative_slope: As given to `leaky_relu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.leaky_relu_backward([1.0, 1.0], [-1.0, 2.0], 0.5)
    array([0.5, 1. ])
    """
    return _kernels.activation_backward("leaky_relu", x, dy, (negative_slope,), out)


def elu(x: Any, alpha: float = 1.0, *, out: np.ndarray | None = None) -> Any:
    """Exponential linear unit: `x` where `x > 0`, else `alpha · (exp(x) - 1)`.

    Args:
        x: Array of any shape.
        alpha: The value approached for large negative inputs, with its sign changed.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.elu([-1000.0, 2.0])
    array([-1.,  2.])
    """
    return _kernels.activation("elu", x, (alpha,), out)


def elu_backward(dy: Any, y: Any, alpha: float = 1.0, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `elu`: `dy` where `y > 0`, else `dy · (y + alpha)`.

    Args:
        dy: Gradient by the output.
        y: Output of `elu`.
        alpha: As given to `elu`; not negative, or y does not tell what x was.
        out: Array that receives the result.

    Raises:
        ValueError: If `alpha` is negative.

    Example:

    >>> from fastnn import ops
    >>> ops.elu_backward([1.0, 1.0], [-0.5, 2.0])
    array([0.5, 1. ])
    """
    if not alpha >= 0:
        raise ValueError(f"alpha must not be negative. Received: alpha={alpha}")
    return _kernels.activation_backward("elu", y, dy, (alpha,), out)


def selu(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Scaled exponential linear unit: `1.0507 · elu(x, 1.6733)`, with the constants that keep mean and variance.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.selu([-1000.0, 0.0]).round(4)
    array([-1.7581,  0.    ])
    """
    return _kernels.activation("selu", x, (), out)


def selu_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `selu`.

    Args:
        dy: Gradient by the output.
        y: Output of `selu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.selu_backward([1.0], [2.0]).round(4)
    array([1.0507])
    """
    return _kernels.activation_backward("selu", y, dy, (), out)


def gelu(x: Any, approximate: bool = False, *, out: np.ndarray | None = None) -> Any:
    """Gaussian error linear unit: `x · P(X <= x)` for a standard normal `X`.

    Args:
        x: Array of any shape.
        approximate: Whether to use the approximation by `tanh`, which is the default of `keras.ops.gelu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.gelu([1.0]).round(4), ops.gelu([1.0], approximate=True).round(4)
    (array([0.8413]), array([0.8412]))
    """
    return _kernels.activation("gelu_tanh" if approximate else "gelu", x, (), out)


def gelu_backward(dy: Any, x: Any, approximate: bool = False, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `gelu`.

    Args:
        dy: Gradient by the output.
        x: Input of `gelu`.
        approximate: As given to `gelu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.gelu_backward([1.0], [0.0])
    array([0.5])
    """
    return _kernels.activation_backward("gelu_tanh" if approximate else "gelu", x, dy, (), out)


def silu(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Sigmoid linear unit, also called swish: `x · sigmoid(x)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.silu([1.0]).round(4)
    array([0.7311])
    """
    return _kernels.activation("silu", x, (), out)


def silu_backward(dy: Any, x: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `silu`.

    Args:
        dy: Gradient by the output.
        x: Input of `silu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.silu_backward([1.0], [0.0])
    array([0.5])
    """
    return _kernels.activation_backward("silu", x, dy, (), out)


swish = silu
swish_backward = silu_backward


def sigmoid(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Logistic function: `1 / (1 + exp(-x))`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return _kernels.activation("sigmoid", x, (), out)


def sigmoid_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `sigmoid`: `dy · y · (1 - y)`.

    Args:
        dy: Gradient by the output.
        y: Output of `sigmoid`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.sigmoid_backward([1.0], [0.5])
    array([0.25])
    """
    return _kernels.activation_backward("sigmoid", y, dy, (), out)


def hard_sigmoid(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Piecewise linear stand-in for the sigmoid: `min(max(x / 6 + 0.5, 0), 1)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_sigmoid([-4.0, 0.0, 4.0])
    array([0. , 0.5, 1. ])
    """
    return _kernels.activation("hard_sigmoid", x, (), out)


def hard_sigmoid_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `hard_sigmoid`: `dy / 6` where `0 < y < 1`, else 0.

    Args:
        dy: Gradient by the output.
        y: Output of `hard_sigmoid`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_sigmoid_backward([6.0, 6.0, 6.0], [0.0, 0.5, 1.0])
    array([0., 1., 0.])
    """
    return _kernels.activation_backward("hard_sigmoid", y, dy, (), out)


def tanh(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Hyperbolic tangent.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.tanh([-1000.0, 0.0, 1000.0])
    array([-1.,  0.,  1.])
    """
    return _kernels.activation("tanh", x, (), out)


def tanh_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `tanh`: `dy · (1 - y²)`.

    Args:
        dy: Gradient by the output.
        y: Output of `tanh`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.tanh_backward([1.0], [0.5])
    array([0.75])
    """
    return _kernels.activation_backward("tanh", y, dy, (), out)


def softplus(x: Any, *, out: np.ndarray | None = None) -> Any:
    """`log(1 + exp(x))`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.softplus([0.0, 1000.0]).round(4)
    array([6.931e-01, 1.000e+03])
    """
    return _kernels.activation("softplus", x, (), out)


def softplus_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `softplus`: `dy · (1 - exp(-y))`.

    Args:
        dy: Gradient by the output.
        y: Output of `softplus`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.softplus_backward([1.0], ops.softplus([0.0])).round(4)
    array([0.5])
    """
    return _kernels.activation_backward("softplus", y, dy, (), out)


def softsign(x: Any, *, out: np.ndarray | None = None) -> Any:
    """`x / (1 + |x|)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.softsign([-1.0, 0.0, 1.0])
    array([-0.5,  0. ,  0.5])
    """
    return _kernels.activation("softsign", x, (), out)


def softsign_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `softsign`: `dy · (1 - |y|)²`.

    Args:
        dy: Gradient by the output.
        y: Output of `softsign`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.softsign_backward([1.0], [0.5])
    array([0.25])
    """
    return _kernels.activation_backward("softsign", y, dy, (), out)


def exponential(x: Any, *, out: np.ndarray | None = None) -> Any:
    """`exp(x)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.exponential([0.0])
    array([1.])
    """
    return _kernels.activation("exponential", x, (), out)


def exponential_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `exponential`: `dy · y`.

    Args:
        dy: Gradient by the output.
        y: Output of `exponential`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.exponential_backward([2.0], [3.0])
    array([6.])
    """
    return _kernels.activation_backward("exponential", y, dy, (), out)


def mish(x: Any, *, out: np.ndarray | None = None) -> Any:
    """`x · tanh(softplus(x))`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.mish([1.0]).round(4)
    array([0.8651])
    """
    return _kernels.activation("mish", x, (), out)


def mish_backward(dy: Any, x: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `mish`.

    Args:
        dy: Gradient by the output.
        x: Input of `mish`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.mish_backward([1.0], [0.0]).round(4)
    array([0.6])
    """
    return _kernels.activation_backward("mish", x, dy, (), out)


def _along_axis(kernel: Callable[..., Any], x: Any, axis: int, out: np.ndarray | None) -> Any:
    if hasattr(x, "__fastnn__") and axis not in (-1, x.ndim - 1):
        return moveaxis(kernel(moveaxis(x, axis, -1), out, -1), -1, axis)
    return kernel(x, out, axis)


def softmax(x: Any, axis: int = -1, *, out: np.ndarray | None = None) -> Any:
    """Turns values into probabilities: `exp(x) / sum(exp(x))`, the sum over `axis`.

    Args:
        x: Array with at least one axis.
        axis: The axis whose values sum to one.
        out: Array that receives the result.

    Raises:
        ValueError: If `x` has no such axis.

    Example:

    >>> from fastnn import ops
    >>> ops.softmax([[0.0, 0.0], [-1000.0, 1000.0]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    return _along_axis(_kernels.softmax, x, axis, out)


def softmax_backward(dy: Any, y: Any, axis: int = -1, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `softmax`: `y · (dy - sum(dy · y))`, the sum over `axis`.

    Args:
        dy: Gradient by the output.
        y: Output of `softmax`.
        axis: As given to `softmax`.
        out: Array that receives the result.

    Raises:
        ValueError: If `y` has no such axis.

    Example:

    >>> from fastnn import ops
    >>> ops.softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]])
    """
    return _kernels.softmax_backward(y, dy, out, axis)


def log_softmax(x: Any, axis: int = -1, *, out: np.ndarray | None = None) -> Any:
    """The logarithm of `softmax`, without its loss of digits.

    Args:
        x: Array with at least one axis.
        axis: The axis whose probabilities sum to one.
        out: Array that receives the result.

    Raises:
        ValueError: If `x` has no such axis.

    Example:

    >>> from fastnn import ops
    >>> ops.log_softmax([[0.0, 0.0]]).round(4)
    array([[-0.6931, -0.6931]])
    """
    return _along_axis(_kernels.log_softmax, x, axis, out)


def log_softmax_backward(dy: Any, y: Any, axis: int = -1, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `log_softmax`: `dy - exp(y) · sum(dy)`, the sum over `axis`.

    Args:
        dy: Gradient by the output.
        y: Output of `log_softmax`.
        axis: As given to `log_softmax`.
        out: Array that receives the result.

    Raises:
        ValueError: If `y` has no such axis.

    Example:

    >>> from fastnn import ops
    >>> ops.log_softmax_backward([[1.0, 0.0]], ops.log_softmax([[0.0, 0.0]]))
    array([[ 0.5, -0.5]])
    """
    return _kernels.log_softmax_backward(y, dy, out, axis)
