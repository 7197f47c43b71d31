"""Further activation functions: those of straight and quadratic pieces, and a few smooth ones."""

from __future__ import annotations

from typing import Any

from fastnn._activation import apply


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Continuously differentiable exponential linear unit: `x` where `x > 0`, else `alpha * (exp(x / alpha) - 1)`.

    (Barron 2017, "Continuously Differentiable Exponential Linear Units".)

    Args:
        x: Input array.
        alpha: The value approached for large negative inputs, with its sign changed; positive.

    >>> print(celu([-1000.0, 2.0]))
    [-1.  2.]
    """
    return apply("celu", x, (float(alpha),))


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` where `|x| > threshold`, else 0.

    (Donoho and Johnstone 1994, "Ideal Spatial Adaptation by Wavelet Shrinkage".)

    Args:
        x: Input array.
        threshold: Up to this size, values are set to zero.

    >>> print(hard_shrink([-2.0, 0.5, 1.0]))
    [-2.  0.  1.]
    """
    return apply("hard_shrink", x, (float(threshold),))


def hard_silu(x: Any) -> Any:
    """Piecewise stand-in for the SiLU: `x * min(max(x / 6 + 0.5, 0), 1)`.

    (Howard et al. 2019, "Searching for MobileNetV3".)

    Args:
        x: Input array.

    >>> print(hard_silu([-4.0, 0.0, 4.0]))
    [-0.  0.  4.]
    """
    return apply("hard_silu", x, ())


def hard_tanh(x: Any) -> Any:
    """Piecewise linear stand-in for tanh: `min(max(x, -1), 1)`.

    Args:
        x: Input array.

    >>> print(hard_tanh([-4.0, 0.5, 4.0]))
    [-1.   0.5  1. ]
    """
    return apply("hard_tanh", x, ())


def log_sigmoid(x: Any) -> Any:
    """The logarithm of the sigmoid, without its loss of digits: `-softplus(-x)`.

    Args:
        x: Input array.

    >>> print(log_sigmoid([-1000.0, 0.0]))
    [-1.000000e+03 -6.931472e-01]
    """
    return apply("log_sigmoid", x, ())


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards 0 by `threshold`, and 0 where `|x| <= threshold`.

    (Donoho 1995, "De-Noising by Soft-Thresholding".)

    Args:
        x: Input array.
        threshold: How far; up to this size, values are set to zero.

    >>> print(soft_shrink([-2.0, 0.5, 1.0]))
    [-1.5  0.   0.5]
    """
    return apply("soft_shrink", x, (float(threshold),))


def sparse_plus(x: Any) -> Any:
    """Piecewise stand-in for the softplus: 0 below -1, `x` above 1, `(x + 1)² / 4` between.

    Args:
        x: Input array.

    >>> print(sparse_plus([-2.0, 0.0, 2.0]))
    [0.   0.25 2.  ]
    """
    return apply("sparse_plus", x, ())


def sparse_sigmoid(x: Any) -> Any:
    """Piecewise linear stand-in for the sigmoid: `min(max((x + 1) / 2, 0), 1)`.

    Args:
        x: Input array.

    >>> print(sparse_sigmoid([-2.0, 0.0, 2.0]))
    [0.  0.5 1. ]
    """
    return apply("sparse_sigmoid", x, ())


def squareplus(x: Any, b: float = 4) -> Any:
    """Algebraic stand-in for the softplus: `(x + sqrt(x² + b)) / 2`.

    (Barron 2021, "Squareplus: A Softplus-Like Algebraic Rectifier".)

    Args:
        x: Input array.
        b: How round the corner is; 0 makes a ReLU.

    >>> print(squareplus([0.0, 1.5]))
    [1. 2.]
    """
    return apply("squareplus", x, (float(b),))


def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`.

    Args:
        x: Input array.

    >>> print(tanh_shrink([0.0, 100.0]))
    [ 0. 99.]
    """
    return apply("tanh_shrink", x, ())


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where `x > threshold`, else `default_value`.

    Args:
        x: Input array.
        threshold: Values up to here are replaced.
        default_value: By what.

    >>> print(threshold([-1.0, 2.0], 1.0, -5.0))
    [-5.  2.]
    """
    return apply("threshold", x, (float(threshold), float(default_value)))
