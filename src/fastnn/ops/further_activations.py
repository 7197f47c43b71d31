"""Further activations of Keras's and their gradients, each pair together."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import _kernels


def celu(x: Any, alpha: float = 1.0, *, out: np.ndarray | None = None) -> Any:
    """Continuously differentiable exponential linear unit: `x` where `x > 0`, else `alpha · (exp(x / alpha) - 1)`.

    Args:
        x: Array of any shape.
        alpha: The value approached for large negative inputs, with its sign changed; positive.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.celu([-1000.0, 2.0])
    array([-1.,  2.])
    """
    return _kernels.activation("celu", x, (float(alpha),), out)


def celu_backward(dy: Any, y: Any, alpha: float = 1.0, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `celu`: `dy` where `y > 0`, else `dy · (y / alpha + 1)`.

    Args:
        dy: Gradient by the output.
        y: Output of `celu`.
        alpha: As given to `celu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.celu_backward([1.0, 1.0], [-1.0, 2.0])
    array([0., 1.])
    """
    return _kernels.activation_backward("celu", y, dy, (float(alpha),), out)


def hard_shrink(x: Any, threshold: float = 0.5, *, out: np.ndarray | None = None) -> Any:
    """`x` where `|x| > threshold`, else 0.

    Args:
        x: Array of any shape.
        threshold: Up to this size, values are set to zero.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_shrink([-2.0, 0.5, 1.0])
    array([-2.,  0.,  1.])
    """
    return _kernels.activation("hard_shrink", x, (float(threshold),), out)


def hard_shrink_backward(dy: Any, y: Any, threshold: float = 0.5, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `hard_shrink`: `dy` where `y` is not 0, else 0.

    Args:
        dy: Gradient by the output.
        y: Output of `hard_shrink`.
        threshold: As given to `hard_shrink`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_shrink_backward([3.0, 3.0], [0.0, 1.0])
    array([0., 3.])
    """
    return _kernels.activation_backward("hard_shrink", y, dy, (float(threshold),), out)


def hard_silu(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Piecewise stand-in for the SiLU: `x · min(max(x / 6 + 0.5, 0), 1)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_silu([-4.0, 0.0, 4.0])
    array([-0.,  0.,  4.])
    """
    return _kernels.activation("hard_silu", x, (), out)


def hard_silu_backward(dy: Any, x: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `hard_silu`: `dy` times 0 below -3, 1 above 3, and `x / 3 + 0.5` between.

    Args:
        dy: Gradient by the output.
        x: Input of `hard_silu`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_silu_backward([1.0, 1.0, 1.0], [-4.0, 0.0, 4.0])
    array([0. , 0.5, 1. ])
    """
    return _kernels.activation_backward("hard_silu", x, dy, (), out)


def hard_tanh(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Piecewise linear stand-in for tanh: `min(max(x, -1), 1)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_tanh([-4.0, 0.5, 4.0])
    array([-1. ,  0.5,  1. ])
    """
    return _kernels.activation("hard_tanh", x, (), out)


def hard_tanh_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `hard_tanh`: `dy` where `-1 < y < 1`, else 0.

    Args:
        dy: Gradient by the output.
        y: Output of `hard_tanh`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.hard_tanh_backward([3.0, 3.0], [0.5, 1.0])
    array([3., 0.])
    """
    return _kernels.activation_backward("hard_tanh", y, dy, (), out)


def log_sigmoid(x: Any, *, out: np.ndarray | None = None) -> Any:
    """The logarithm of the sigmoid, without its loss of digits: `-softplus(-x)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.log_sigmoid([-1000.0, 0.0])
    array([-1.00000000e+03, -6.93147181e-01])
    """
    return _kernels.activation("log_sigmoid", x, (), out)


def log_sigmoid_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `log_sigmoid`: `dy · (1 - exp(y))`.

    Args:
        dy: Gradient by the output.
        y: Output of `log_sigmoid`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.log_sigmoid_backward([3.0], [-1000.0])
    array([3.])
    """
    return _kernels.activation_backward("log_sigmoid", y, dy, (), out)


def soft_shrink(x: Any, threshold: float = 0.5, *, out: np.ndarray | None = None) -> Any:
    """`x` moved towards 0 by `threshold`, and 0 where `|x| <= threshold`.

    Args:
        x: Array of any shape.
        threshold: How far; up to this size, values are set to zero.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.soft_shrink([-2.0, 0.5, 1.0])
    array([-1.5,  0. ,  0.5])
    """
    return _kernels.activation("soft_shrink", x, (float(threshold),), out)


def soft_shrink_backward(dy: Any, y: Any, threshold: float = 0.5, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `soft_shrink`: `dy` where `y` is not 0, else 0.

    Args:
        dy: Gradient by the output.
        y: Output of `soft_shrink`.
        threshold: As given to `soft_shrink`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.soft_shrink_backward([3.0, 3.0], [0.0, 0.5])
    array([0., 3.])
    """
    return _kernels.activation_backward("soft_shrink", y, dy, (float(threshold),), out)


def sparse_plus(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Piecewise stand-in for the softplus: 0 below -1, `x` above 1, `(x + 1)² / 4` between.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ])
    """
    return _kernels.activation("sparse_plus", x, (), out)


def sparse_plus_backward(dy: Any, x: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `sparse_plus`: `dy · sparse_sigmoid(x)`.

    Args:
        dy: Gradient by the output.
        x: Input of `sparse_plus`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.sparse_plus_backward([1.0, 1.0, 1.0], [-2.0, 0.0, 2.0])
    array([0. , 0.5, 1. ])
    """
    return _kernels.activation_backward("sparse_plus", x, dy, (), out)


def sparse_sigmoid(x: Any, *, out: np.ndarray | None = None) -> Any:
    """Piecewise linear stand-in for the sigmoid: `min(max((x + 1) / 2, 0), 1)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.sparse_sigmoid([-2.0, 0.0, 2.0])
    array([0. , 0.5, 1. ])
    """
    return _kernels.activation("sparse_sigmoid", x, (), out)


def sparse_sigmoid_backward(dy: Any, y: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `sparse_sigmoid`: `dy / 2` where `0 < y < 1`, else 0.

    Args:
        dy: Gradient by the output.
        y: Output of `sparse_sigmoid`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.sparse_sigmoid_backward([1.0, 1.0], [0.5, 1.0])
    array([0.5, 0. ])
    """
    return _kernels.activation_backward("sparse_sigmoid", y, dy, (), out)


def squareplus(x: Any, b: float = 4, *, out: np.ndarray | None = None) -> Any:
    """Algebraic stand-in for the softplus: `(x + sqrt(x² + b)) / 2`.

    Args:
        x: Array of any shape.
        b: How round the corner is; 0 makes a ReLU.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.squareplus([0.0, 1.5])
    array([1., 2.])
    """
    return _kernels.activation("squareplus", x, (float(b),), out)


def squareplus_backward(dy: Any, x: Any, b: float = 4, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `squareplus`: `dy · (1 + x / sqrt(x² + b)) / 2`.

    Args:
        dy: Gradient by the output.
        x: Input of `squareplus`.
        b: As given to `squareplus`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.squareplus_backward([1.0, 1.0], [0.0, 1.5])
    array([0.5, 0.8])
    """
    return _kernels.activation_backward("squareplus", x, dy, (float(b),), out)


def tanh_shrink(x: Any, *, out: np.ndarray | None = None) -> Any:
    """`x - tanh(x)`.

    Args:
        x: Array of any shape.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.tanh_shrink([0.0, 100.0])
    array([ 0., 99.])
    """
    return _kernels.activation("tanh_shrink", x, (), out)


def tanh_shrink_backward(dy: Any, x: Any, *, out: np.ndarray | None = None) -> Any:
    """Gradient of `tanh_shrink`: `dy · tanh(x)²`.

    Args:
        dy: Gradient by the output.
        x: Input of `tanh_shrink`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.tanh_shrink_backward([1.0, 1.0], [0.0, 100.0])
    array([0., 1.])
    """
    return _kernels.activation_backward("tanh_shrink", x, dy, (), out)


def threshold(x: Any, threshold: float, default_value: float, *, out: np.ndarray | None = None) -> Any:
    """`x` where `x > threshold`, else `default_value`.

    Args:
        x: Array of any shape.
        threshold: Values up to here are replaced.
        default_value: By what.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.threshold([-1.0, 2.0], 1.0, -5.0)
    array([-5.,  2.])
    """
    return _kernels.activation("threshold", x, (float(threshold), float(default_value)), out)


def threshold_backward(
    dy: Any, x: Any, threshold: float, default_value: float, *, out: np.ndarray | None = None
) -> Any:
    """Gradient of `threshold`: `dy` where `x > threshold`, else 0.

    Args:
        dy: Gradient by the output.
        x: Input of `threshold`.
        threshold: As given to `threshold`.
        default_value: As given to `threshold`.
        out: Array that receives the result.

    Example:

    >>> from fastnn import ops
    >>> ops.threshold_backward([3.0, 3.0], [-1.0, 2.0], 1.0, -5.0)
    array([0., 3.])
    """
    return _kernels.activation_backward("threshold", x, dy, (float(threshold), float(default_value)), out)
