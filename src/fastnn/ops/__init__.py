"""The kernels as functions of NumPy arrays, with NumPy's habits.

Inputs are whatever NumPy makes an array of: any strides, read-only or not, with any axes in front. Float32 is computed
in float32 (float16 too), everything else in float64. `out` receives the result where it is given, and is returned; it
may be the input of an element-by-element function. A result without axes is a scalar.

A gradient stands beside its function and is named after it: `tanh_backward(dy, y)` is `dy · tanh'`. Its first argument
is the gradient by the output; its second is the output `y` or the input `x`, whichever the derivative is taken from.
A loss returns `(loss of each row, gradient by the predictions)`.

Nothing here checks for NaN or infinity: both go through as they do in NumPy. Numbers smaller in size than the smallest
normal one count as zero. Results do not depend on the number of threads.
"""

from __future__ import annotations

from fastnn._kernels import linear, linear_backward, matmul
from fastnn.ops.activations import (
    elu,
    elu_backward,
    exponential,
    exponential_backward,
    gelu,
    gelu_backward,
    hard_sigmoid,
    hard_sigmoid_backward,
    leaky_relu,
    leaky_relu_backward,
    log_softmax,
    log_softmax_backward,
    mish,
    mish_backward,
    relu,
    relu_backward,
    selu,
    selu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softmax,
    softmax_backward,
    softplus,
    softplus_backward,
    softsign,
    softsign_backward,
    swish,
    swish_backward,
    tanh,
    tanh_backward,
)
from fastnn.ops.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    huber,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "elu",
    "elu_backward",
    "exponential",
    "exponential_backward",
    "gelu",
    "gelu_backward",
    "hard_sigmoid",
    "hard_sigmoid_backward",
    "huber",
    "leaky_relu",
    "leaky_relu_backward",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "mean_absolute_error",
    "mean_squared_error",
    "mish",
    "mish_backward",
    "relu",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
    "softplus",
    "softplus_backward",
    "softsign",
    "softsign_backward",
    "sparse_categorical_crossentropy",
    "swish",
    "swish_backward",
    "tanh",
    "tanh_backward",
]
