"""Activation functions, by Keras's names, on NumPy arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import _kernels, ops
from fastnn._activation import apply
from fastnn._arrays import as_float
from fastnn._further_activations import (
    celu,
    hard_shrink,
    hard_silu,
    hard_tanh,
    log_sigmoid,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    tanh_shrink,
    threshold,
)
from fastnn._registry import Registry


def linear(x: Any) -> Any:
    """Returns `x` unchanged: `f(x) = x`.

    Args:
        x: Input array.

    >>> print(linear([-1.0, 2.0]))
    [-1.  2.]
    """
    return x if hasattr(x, "__fastnn__") else as_float(x)[()]


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Rectified linear unit: `max(x, 0)` with the default arguments.

    (Nair and Hinton 2010, "Rectified Linear Units Improve Restricted Boltzmann Machines".)

    In full: `max_value` where `x >= max_value`, `x` where `threshold < x < max_value`, and
    `negative_slope * (x - threshold)` below.

    Args:
        x: Input array.
        negative_slope: Slope below the threshold.
        max_value: Where the function saturates; `None` for nowhere.
        threshold: Below it, values are damped or set to zero.

    >>> print(relu([-1.0, 0.0, 2.0]))
    [0. 0. 2.]
    >>> print(relu([-1.0, 0.0, 2.0], negative_slope=0.5, max_value=1.0))
    [-0.5  0.   1. ]
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return apply("relu", x)
    limit = float("inf") if max_value is None else float(max_value)
    return apply("clipped_relu", x, (float(negative_slope), limit, float(threshold)))


def relu6(x: Any) -> Any:
    """Rectified linear unit that saturates at 6: `min(max(x, 0), 6)`.

    (Krizhevsky 2010, "Convolutional Deep Belief Networks on CIFAR-10".)

    Args:
        x: Input array.

    >>> print(relu6([1.0, 2.0, 8.0]))
    [1. 2. 6.]
    """
    return relu(x, max_value=6.0)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x` where `x > 0`, else `negative_slope * x`.

    (Maas, Hannun and Ng 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".)

    Args:
        x: Input array.
        negative_slope: Slope below zero.

    >>> print(leaky_relu([-1.0, 2.0], negative_slope=0.5))
    [-0.5  2. ]
    """
    if negative_slope > 0.0:
        return apply("leaky_relu", x, (float(negative_slope),))
    return relu(x, negative_slope=negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit: `x` where `x > 0`, else `alpha * (exp(x) - 1)`.

    (Clevert, Unterthiner and Hochreiter 2015, "Fast and Accurate Deep Network Learning by Exponential Linear Units".)

    Args:
        x: Input array.
        alpha: The value approached for large negative inputs, with its sign changed.

    >>> print(elu([0.0, 2.0]))
    [0. 2.]
    """
    return apply("elu", x, (float(alpha),))


def selu(x: Any) -> Any:
    """Scaled exponential linear unit: `1.0507 * elu(x, 1.6733)`, the constants that keep mean and variance.

    (Klambauer et al. 2017, "Self-Normalizing Neural Networks".)

    Args:
        x: Input array.

    >>> print(selu([0.0]))
    [0.]
    """
    return apply("selu", x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Gaussian error linear unit: `x * P(X <= x)` for a standard normal `X`.

    (Hendrycks and Gimpel 2016, "Gaussian Error Linear Units".)

    Args:
        x: Input array.
        approximate: Whether to use the approximation by `tanh`.

    >>> print(gelu([0.0]))
    [0.]
    """
    return apply("gelu_tanh" if approximate else "gelu", x)


def silu(x: Any) -> Any:
    """Sigmoid linear unit, also called swish: `x * sigmoid(x)`.

    (Elfwing, Uchibe and Doya 2017, "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
    Reinforcement Learning"; Ramachandran, Zoph and Le 2017, "Searching for Activation Functions".)

    Args:
        x: Input array.

    >>> print(silu([0.0]))
    [0.]
    """
    return apply("silu", x)


def sigmoid(x: Any) -> Any:
    """Logistic function: `1 / (1 + exp(-x))`.

    Args:
        x: Input array.

    >>> print(sigmoid([0.0]))
    [0.5]
    """
    return apply("sigmoid", x)


def hard_sigmoid(x: Any) -> Any:
    """Piecewise linear stand-in for the sigmoid: `min(max(x / 6 + 0.5, 0), 1)`.

    (Howard et al. 2019, "Searching for MobileNetV3".)

    Args:
        x: Input array.

    >>> print(hard_sigmoid([-4.0, 0.0, 4.0]))
    [0.  0.5 1. ]
    """
    return apply("hard_sigmoid", x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

    Args:
        x: Input array.

    >>> print(tanh([0.0]))
    [0.]
    """
    return apply("tanh", x)


def softplus(x: Any) -> Any:
    """`log(1 + exp(x))`.

    (Dugas et al. 2000, "Incorporating Second-Order Functional Knowledge for Better Option Pricing".)

    Args:
        x: Input array.

    >>> print(softplus([0.0]).round(4))
    [0.6931]
    """
    return apply("softplus", x)


def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`.

    (Glorot and Bengio 2010, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", compare it
    with others.)

    Args:
        x: Input array.

    >>> print(softsign([-1.0, 1.0]))
    [-0.5  0.5]
    """
    return apply("softsign", x)


def exponential(x: Any) -> Any:
    """`exp(x)`.

    Args:
        x: Input array.

    >>> print(exponential([0.0]))
    [1.]
    """
    return apply("exponential", x)


def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`.

    (Misra 2019, "Mish: A Self Regularized Non-Monotonic Activation Function".)

    Args:
        x: Input array.

    >>> print(mish([0.0]))
    [0.]
    """
    return apply("mish", x)


def softmax(x: Any, axis: int = -1) -> Any:
    """Turns values into probabilities: `exp(x) / sum(exp(x))`, the sum over `axis`.

    (Bridle 1990, "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships to
    Statistical Pattern Recognition".)

    Args:
        x: Input array.
        axis: The axis whose values sum to one.

    Raises:
        ValueError: `x` has no axes, or not that one.

    >>> print(softmax([[0.0, 0.0]]))
    [[0.5 0.5]]
    """
    if hasattr(x, "__fastnn__"):
        return ops.softmax(x, axis)
    return _along_axis(_kernels.softmax, x, axis, "softmax")


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`, without its loss of digits.

    Args:
        x: Input array.
        axis: The axis whose probabilities sum to one.

    Raises:
        ValueError: `x` has no axes, or not that one.

    >>> print(log_softmax([[0.0, 0.0]]).round(4))
    [[-0.6931 -0.6931]]
    """
    if hasattr(x, "__fastnn__"):
        return ops.log_softmax(x, axis)
    return _along_axis(_kernels.log_softmax, x, axis, "log_softmax")


def _along_axis(kernel: Callable[..., Any], x: Any, axis: int, name: str) -> np.ndarray:
    x = as_float(x)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"Argument `axis` of {name} must be an axis of `x`. Received: axis={axis}, x.shape={x.shape}")
    if x.size == 0:
        return x.copy()
    lines = np.ascontiguousarray(np.moveaxis(x, axis, -1))
    y = kernel(lines.reshape(-1, lines.shape[-1])).reshape(lines.shape)
    return np.ascontiguousarray(np.moveaxis(y, -1, axis))


def glu(x: Any, axis: int = -1) -> Any:
    """Gated linear unit: `a * sigmoid(b)`, where `a` and `b` are the two halves of `x` along `axis`.

    (Dauphin et al. 2016, "Language Modeling with Gated Convolutional Networks".)

    Args:
        x: Input array, of even length along `axis`.
        axis: The axis that is cut in two.

    Raises:
        ValueError: `x` cannot be cut so.

    >>> print(glu([3.0, 0.0]))
    [1.5]
    """
    if hasattr(x, "__fastnn__"):
        return ops.glu(x, axis)
    x = as_float(x)
    if not -x.ndim <= axis < x.ndim or x.shape[axis] % 2:
        raise ValueError(f"Argument `x` of glu must have an even `axis`. Received: axis={axis}, x.shape={x.shape}")
    a, b = np.split(x, 2, axis)
    return a * sigmoid(b)


def sparsemax(x: Any, axis: int = -1) -> np.ndarray:
    """Turns values into probabilities, many of them zero: the point of the simplex that is nearest to `x`.

    (Martins and Astudillo 2016, "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label
    Classification".)

    Args:
        x: Input array.
        axis: The axis whose values sum to one.

    Raises:
        ValueError: `x` has no axes, or not that one.

    >>> print(sparsemax([0.0, 0.5, 3.0]))
    [0. 0. 1.]
    """
    return _along_axis(_sparsemax_of_rows, x, axis, "sparsemax")


def _sparsemax_of_rows(x: np.ndarray) -> np.ndarray:
    descending = -np.sort(-x, axis=1)
    above = np.cumsum(descending, axis=1) - 1  # the k largest, moved down by above / k, sum to one
    counts = np.arange(1, x.shape[1] + 1, dtype=x.dtype)
    k = np.count_nonzero(descending * counts > above, axis=1)
    k = np.maximum(k, 1)  # rows with NaN
    moved = np.take_along_axis(above, k[:, np.newaxis] - 1, 1) / k[:, np.newaxis].astype(x.dtype)
    return np.maximum(x - moved, 0)


_FUNCTIONS = (
    celu,
    elu,
    exponential,
    gelu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    tanh,
    tanh_shrink,
)
swish = silu
hard_swish = hard_silu
_registry = Registry(
    "activation",
    "fastnn.activations",
    (*_FUNCTIONS, glu, sparsemax, threshold),
    aliases={"swish": silu, "hard_swish": hard_silu},
)

# What a function is in C: the name of its kernel and the kernel's parameters.
_KERNELS: dict[Callable[..., Any], tuple[str, tuple[float, ...]]] = {
    function: (function.__name__, ()) for function in _FUNCTIONS
}
_KERNELS[relu6] = ("clipped_relu", (0.0, 6.0, 0.0))
_KERNELS[leaky_relu] = ("leaky_relu", (0.2,))
_KERNELS[elu] = ("elu", (1.0,))
_KERNELS[celu] = ("celu", (1.0,))
_KERNELS[hard_shrink] = ("hard_shrink", (0.5,))
_KERNELS[soft_shrink] = ("soft_shrink", (0.5,))
_KERNELS[squareplus] = ("squareplus", (4.0,))


def kernel_of(function: Any) -> str | None:
    """The name of the C kernel that computes `function`, or `None` for a function that fastnn does not know.

    `"softmax"` and `"log_softmax"` work on rows; all the others element by element.

    >>> kernel_of(relu)
    'relu'
    >>> kernel_of(functools.partial(gelu, approximate=True))
    'gelu_tanh'
    """
    return _kernel_and_params(function)[0]


def kernel_params(function: Any) -> tuple[float, ...]:
    """The parameters that the kernel `kernel_of(function)` takes to compute `function` with its default arguments.

    >>> kernel_params(elu)
    (1.0,)
    """
    return _kernel_and_params(function)[1]


def _relu_kernel(
    negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> tuple[str, tuple[float, ...]]:
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return "relu", ()
    return "clipped_relu", (float(negative_slope), float("inf") if max_value is None else max_value, float(threshold))


def _leaky_relu_kernel(negative_slope: float = 0.2) -> tuple[str, tuple[float, ...]]:
    return ("leaky_relu", (float(negative_slope),)) if negative_slope > 0.0 else _relu_kernel(negative_slope)


# The kernel of a function with settings, as `functools.partial(gelu, approximate=True)` gives them.
_WITH_SETTINGS: dict[Any, Callable[..., tuple[str, tuple[float, ...]]]] = {
    gelu: lambda approximate=False: ("gelu_tanh" if approximate else "gelu", ()),
    relu: _relu_kernel,
    leaky_relu: _leaky_relu_kernel,
    elu: lambda alpha=1.0: ("elu", (float(alpha),)),
    celu: lambda alpha=1.0: ("celu", (float(alpha),)),
    hard_shrink: lambda threshold=0.5: ("hard_shrink", (float(threshold),)),
    soft_shrink: lambda threshold=0.5: ("soft_shrink", (float(threshold),)),
    squareplus: lambda b=4: ("squareplus", (float(b),)),
    threshold: lambda threshold, default_value: ("threshold", (float(threshold), float(default_value))),
}


def _kernel_and_params(function: Any) -> tuple[str | None, tuple[float, ...]]:
    if isinstance(function, functools.partial) and not function.args and function.func in _WITH_SETTINGS:
        return _WITH_SETTINGS[function.func](**function.keywords)
    for known, found in _KERNELS.items():  # by identity: a user's callable need not be hashable
        if known is function:
            return found
    return None, ()


def get(identifier: Any) -> Callable[..., Any]:
    """Returns the activation function that `identifier` stands for.

    Args:
        identifier: A name, a callable, a configuration, or `None` for `linear`.

    Raises:
        ValueError: There is no such activation.

    >>> get("relu") is relu
    True
    """
    return linear if identifier is None else _registry.get(identifier)


def serialize(activation: Any) -> Any:
    """Returns the name, or the configuration, from which `deserialize` makes the activation again.

    >>> serialize(relu)
    'relu'
    """
    return _registry.serialize(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the activation that `serialize` described.

    Args:
        config: A name or a configuration.
        custom_objects: Further names, with what they stand for.

    >>> deserialize("relu") is relu
    True
    """
    return _registry.deserialize(config, custom_objects)
