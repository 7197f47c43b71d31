"""The functions for NumPy users: each is its kernel, with its gradient, on any array. Accuracy is tested elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import reference
from fastnn import _kernels, get_num_threads, ops, set_num_threads
from kernel_arrays import MARK, REALS, Guarded, assert_close, edges

Array = NDArray[np.floating]

# function -> (its kernel, arguments, the kernel's parameters)
ACTIVATIONS: dict[str, tuple[str, dict[str, Any], tuple[float, ...]]] = {
    "relu": ("relu", {}, ()),
    "relu, clipped": (
        "clipped_relu",
        {"negative_slope": 0.25, "max_value": 2.0, "threshold": 0.5},
        (0.25, 2.0, 0.5),
    ),
    "relu, leaking": ("clipped_relu", {"negative_slope": 0.25}, (0.25, np.inf, 0.0)),
    "leaky_relu": ("leaky_relu", {}, (0.2,)),
    "leaky_relu, steep": ("leaky_relu", {"negative_slope": 0.75}, (0.75,)),
    "elu": ("elu", {}, (1.0,)),
    "elu, low": ("elu", {"alpha": 2.5}, (2.5,)),
    "selu": ("selu", {}, ()),
    "gelu": ("gelu", {}, ()),
    "gelu, approximate": ("gelu_tanh", {"approximate": True}, ()),
    "silu": ("silu", {}, ()),
    "swish": ("silu", {}, ()),
    "sigmoid": ("sigmoid", {}, ()),
    "hard_sigmoid": ("hard_sigmoid", {}, ()),
    "tanh": ("tanh", {}, ()),
    "softplus": ("softplus", {}, ()),
    "softsign": ("softsign", {}, ()),
    "exponential": ("exponential", {}, ()),
    "mish": ("mish", {}, ()),
    "celu": ("celu", {}, (1.0,)),
    "celu, low": ("celu", {"alpha": 2.5}, (2.5,)),
    "hard_shrink": ("hard_shrink", {}, (0.5,)),
    "hard_shrink, narrow": ("hard_shrink", {"threshold": 0.0625}, (0.0625,)),
    "hard_silu": ("hard_silu", {}, ()),
    "hard_tanh": ("hard_tanh", {}, ()),
    "log_sigmoid": ("log_sigmoid", {}, ()),
    "soft_shrink": ("soft_shrink", {}, (0.5,)),
    "soft_shrink, narrow": ("soft_shrink", {"threshold": 0.0625}, (0.0625,)),
    "sparse_plus": ("sparse_plus", {}, ()),
    "sparse_sigmoid": ("sparse_sigmoid", {}, ()),
    "squareplus": ("squareplus", {}, (4.0,)),
    "squareplus, sharp": ("squareplus", {"b": 0.5}, (0.5,)),
    "tanh_shrink": ("tanh_shrink", {}, ()),
    "threshold": ("threshold", {"threshold": 0.25, "default_value": -2.0}, (0.25, -2.0)),
}
NAMES = pytest.mark.parametrize("name", ACTIVATIONS)
BY_ROWS = pytest.mark.parametrize("name", ["softmax", "log_softmax"])


def functions(name: str) -> tuple[Callable[..., Any], Callable[..., Any], dict[str, Any]]:
    """The function, its gradient, and their arguments besides arrays."""
    function, _, _ = name.partition(",")
    arguments = ACTIVATIONS[name][1] if name in ACTIVATIONS else {}
    return getattr(ops, function), getattr(ops, f"{function}_backward"), arguments


def taken_from(name: str, x: Array, y: Array) -> Array:
    """What the gradient is taken from: the input or the output."""
    _, backward, _ = functions(name)
    return {"x": x, "y": y}[list(inspect.signature(backward).parameters)[1]]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "misaligned": lambda a: misaligned(a),
    "the other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": lambda a: read_only(a),
}
LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)


def misaligned(a: Array) -> Array:
    view = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def read_only(a: Array) -> Array:
    a = a.copy()
    a.flags.writeable = False
    return a


def test_every_kernel_has_its_function_and_gradient() -> None:
    arithmetic = {"linear", "linear_map", "absolute", "square", "square_root", "reciprocal", "logarithm"}  # NumPy's own
    arithmetic |= {"logarithm_plus_one", "sign", "positive", "not_negative", "is_zero"}
    assert {kernel for kernel, _, _ in ACTIVATIONS.values()} == set(_kernels.activation_names()) - arithmetic
    public = {name for name in vars(ops) if not name.startswith("_") and callable(getattr(ops, name))}
    assert public == {*ops.__all__, "refuser"}
    modules = ("arithmetic", "arrays", "comparisons", "composed", "places", "reductions")
    numbers = {f"fastnn.ops.{module}" for module in modules}
    of_numpy = {name for name in public if getattr(np, name, None) is getattr(ops, name)}
    public -= (
        {name for name in public if getattr(ops, name).__module__ in numbers} | of_numpy | {"hard_swish", "refuser"}
    )
    named = {name.partition(",")[0] for name in ACTIVATIONS} | {"softmax", "log_softmax"}
    assert (
        named
        | {f"{name}_backward" for name in named}
        | set(LOSSES)
        | set(MORE_LOSSES)
        | {"linear", "linear_backward", "matmul"}
        == public
    )


# --- activations -----------------------------------------------------------------------------------------------------


@REALS
@NAMES
def test_values(name: str, dtype: type, rng: np.random.Generator) -> None:
    function, _, arguments = functions(name)
    kernel, _, params = ACTIVATIONS[name]
    for n in edges(dtype):
        x = Guarded(rng.normal(scale=3, size=n), dtype, 1 + n % 5)
        out = Guarded(np.full(n, np.nan), dtype, 2)
        assert function(x.array, **arguments, out=out.array) is out.array
        # 16: two units in the last place of an elementary function, times what is done with it
        assert_close(out.array, reference.activation(kernel, x.array, params), dtype, 16, 1)
        out.check()
        np.testing.assert_array_equal(function(x.array, **arguments), out.array)


@REALS
@NAMES
def test_gradients(name: str, dtype: type, rng: np.random.Generator) -> None:
    function, backward, arguments = functions(name)
    kernel, _, params = ACTIVATIONS[name]
    for n in edges(dtype):
        x, dy = rng.normal(scale=3, size=n).astype(dtype), rng.normal(size=n).astype(dtype)
        y = function(x, **arguments)
        out = Guarded(np.full(n, np.nan), dtype, 3)
        assert backward(dy, taken_from(name, x, y), **arguments, out=out.array) is out.array
        slope = reference.activation_derivative(kernel, x, params)
        # y carries its own rounding into the slope
        assert_close(out.array, dy * slope, dtype, 32, np.abs(dy) * np.maximum(np.abs(y), 1))
        out.check()


@REALS
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "leaky_relu, steep"])
def test_gradients_that_take_input_or_output(name: str, dtype: type, rng: np.random.Generator) -> None:
    function, backward, arguments = functions(name)
    x, dy = rng.normal(size=99).astype(dtype), rng.normal(size=99).astype(dtype)
    np.testing.assert_array_equal(backward(dy, x, **arguments), backward(dy, function(x, **arguments), **arguments))


@REALS
@LAYOUT
@NAMES
def test_layouts(name: str, layout: str, dtype: type, rng: np.random.Generator) -> None:
    function, backward, arguments = functions(name)
    lay = LAYOUTS[layout]
    x, dy = (rng.normal(size=(3, 4, 9)).astype(dtype) for _ in range(2))
    y = function(x, **arguments)
    np.testing.assert_array_equal(function(lay(x), **arguments), y)
    source = taken_from(name, x, y)
    dx = backward(dy, source, **arguments)
    np.testing.assert_array_equal(backward(lay(dy), lay(source), **arguments), dx)
    if layout not in ("read-only", "the other byte order"):
        out = lay(np.zeros_like(x))
        assert function(x, **arguments, out=out) is out
        np.testing.assert_array_equal(out, y)
        assert backward(dy, source, **arguments, out=out) is out
        np.testing.assert_array_equal(out, dx)


@REALS
@NAMES
def test_in_place_and_across(name: str, dtype: type, rng: np.random.Generator) -> None:
    function, backward, arguments = functions(name)
    x, dy = (rng.normal(size=40).astype(dtype) for _ in range(2))
    y = function(x, **arguments)
    source = taken_from(name, x, y)
    dx = backward(dy, source, **arguments)
    buffer = x.copy()
    np.testing.assert_array_equal(function(buffer, **arguments, out=buffer), y)
    for shift in (-3, 3):
        buffer = np.zeros(60, dtype)
        buffer[10:50] = x
        np.testing.assert_array_equal(function(buffer[10:50], **arguments, out=buffer[10 + shift : 50 + shift]), y)
        buffer[10:50] = source
        np.testing.assert_array_equal(backward(dy, buffer[10:50], **arguments, out=buffer[10 + shift : 50 + shift]), dx)
        buffer[10:50] = dy
        np.testing.assert_array_equal(
            backward(buffer[10:50], source, **arguments, out=buffer[10 + shift : 50 + shift]), dx
        )
    for buffer in (dy.copy(), source.copy()):
        given = (buffer, source) if np.array_equal(buffer, dy) else (dy, buffer)
        np.testing.assert_array_equal(backward(*given, **arguments, out=buffer), dx)


@NAMES
def test_dtypes_and_scalars(name: str) -> None:
    function, backward, arguments = functions(name)
    single, double = function(np.ones(3, "f4"), **arguments), function(np.ones(3), **arguments)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    np.testing.assert_array_equal(function(np.ones(3, "f2"), **arguments), single, strict=True)
    for same in (np.ones(3, "i8"), np.ones(3, "u1"), np.ones(3, "?"), [1, 1, 1], np.ones(3, "g")):
        np.testing.assert_array_equal(function(same, **arguments), double, strict=True)
    for scalar in (1.0, 1, np.float64(1), np.array(1.0)):
        assert isinstance(function(scalar, **arguments), np.float64)
        assert isinstance(backward(scalar, scalar, **arguments), np.float64)
        assert function(scalar, **arguments) == double[0]
    assert isinstance(function(np.float32(1), **arguments), np.float32)
    held = np.zeros((), "f4")
    assert function(np.float32(1), **arguments, out=held) is held
    assert held == single[0]
    assert backward(np.ones(3, "f4"), np.ones(3), **arguments).dtype == np.float64
    narrow = np.empty(3, "f4")
    np.testing.assert_array_equal(function(np.ones(3), **arguments, out=narrow), double.astype("f4"))
    assert function(np.empty((2, 0, 3)), **arguments).shape == (2, 0, 3)


@NAMES
def test_nan_goes_through(name: str) -> None:
    function, backward, arguments = functions(name)
    x = np.array([1.0, np.nan, 1.0])
    assert np.isnan(function(x, **arguments)).tolist() == [False, True, False]
    assert np.isnan(backward(x, np.full(3, 0.5), **arguments)).tolist() == [False, True, False]


@NAMES
def test_bad_input(name: str) -> None:
    function, backward, arguments = functions(name)
    x = np.arange(3.0)
    for bad in (x.astype(complex), x.astype(object), x.astype(str), [None]):
        with pytest.raises(TypeError, match=r"x must hold real numbers.*Received: dtype="):
            function(bad, **arguments)
        with pytest.raises(TypeError, match=r"dy must hold real numbers.*Received: dtype="):
            backward(bad, x, **arguments)
    with pytest.raises(ValueError, match=r"dy must have the shape.*\(3,\).*Received: dy.shape=\(2,\)"):
        backward(x[:2], x, **arguments)
    for out, error, message in [
        (np.empty(2), ValueError, r"out must have shape \(3,\). Received: shape=\(2,\)"),
        (np.empty(3, int), TypeError, r"out must be able to hold float64. Received: dtype=int64"),
        (read_only(x), ValueError, r"out must be writable. Received: a read-only array"),
        ([0, 0, 0], TypeError, r"out must be a NumPy array. Received: list"),
    ]:
        with pytest.raises(error, match=message):
            function(x, **arguments, out=out)
        with pytest.raises(error, match=message):
            backward(x, x, **arguments, out=out)
    assert x.tolist() == [0.0, 1.0, 2.0]


def test_elu_of_negative_alpha_has_no_gradient_from_its_output() -> None:
    with pytest.raises(ValueError, match=r"alpha must not be negative. Received: alpha=-1"):
        ops.elu_backward([1.0], [1.0], -1.0)


@REALS
def test_threads_change_no_bit(dtype: type, rng: np.random.Generator, threads: Callable[[int], None]) -> None:
    x = rng.normal(size=(3, 100_001)).astype(dtype)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append((ops.tanh(x), ops.gelu_backward(x, x)))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = get_num_threads()
    yield set_num_threads
    set_num_threads(before)


@settings(deadline=None, max_examples=100)
@given(
    numbers=hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0), elements=st.integers(-9, 9)),
    dtype=st.sampled_from(["f2", "f4", "f8", ">f4", "g", "i1", "i8", "?"]),
    transposed=st.booleans(),
)
def test_anything_that_numpy_can_hold(numbers: NDArray[np.int64], dtype: str, transposed: bool) -> None:
    x = numbers.astype(dtype)
    x = x.T if transposed else x
    before = x.copy()
    np.testing.assert_array_equal(ops.relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(ops.relu(x, max_value=4), np.clip(x, 0, 4))
    np.testing.assert_array_equal(ops.relu_backward(x, x), np.maximum(x, 0))
    np.testing.assert_array_equal(x, before)


# --- softmax ---------------------------------------------------------------------------------------------------------


@REALS
@BY_ROWS
@pytest.mark.parametrize("shape, axis", [((5,), 0), ((3, 4), -1), ((3, 40), 0), ((2, 3, 4), 1), ((2, 3, 4, 5), -4)])
def test_softmax_along_any_axis(
    name: str, shape: tuple[int, ...], axis: int, dtype: type, rng: np.random.Generator
) -> None:
    function, backward, _ = functions(name)
    x, dy = (rng.normal(scale=3, size=shape).astype(dtype) for _ in range(2))

    def along(f: Callable[..., Any], *arrays: Array) -> Any:
        return np.moveaxis(f(*(np.moveaxis(a, axis, -1) for a in arrays)), -1, axis)

    y = function(x, axis)
    # sums and maxima of up to 40 numbers of size up to 10
    assert_close(y, along(getattr(reference, name), x), dtype, 64, 1)
    dx = backward(dy, y, axis)
    assert_close(dx, along(getattr(reference, f"{name}_backward"), y, dy), dtype, 64, np.abs(dy).max() * shape[axis])
    for lay in LAYOUTS.values():
        np.testing.assert_array_equal(function(lay(x), axis), y)
        np.testing.assert_array_equal(backward(lay(dy), lay(y), axis), dx)
    for out in (Guarded(np.zeros(shape), dtype).array, np.zeros(shape, dtype, order="F"), np.zeros(shape, "g")):
        assert function(x, axis, out=out) is out
        np.testing.assert_array_equal(out, y)
        assert backward(dy, y, axis, out=out) is out
        np.testing.assert_array_equal(out, dx)
    buffer = x.copy()
    np.testing.assert_array_equal(function(buffer, axis, out=buffer), y)
    buffer = dy.copy()
    np.testing.assert_array_equal(backward(buffer, y, axis, out=buffer), dx)
    buffer = y.copy()
    np.testing.assert_array_equal(backward(dy, buffer, axis, out=buffer), dx)


@BY_ROWS
def test_softmax_of_bad_input(name: str) -> None:
    function, backward, _ = functions(name)
    x = np.zeros((2, 3))
    for axis in (2, -3, None, 1.0):
        with pytest.raises(ValueError, match=rf"axis must be an axis of x. Received: axis={axis}, x.shape=\(2, 3\)"):
            function(x, axis)
        with pytest.raises(ValueError, match="axis must be an axis of y"):
            backward(x, x, axis)
    with pytest.raises(ValueError, match="axis must be an axis of x"):
        function(1.0)
    with pytest.raises(TypeError, match="x must hold real numbers"):
        function(x.astype(complex), 0)
    for axis in (0, 1):
        with pytest.raises(ValueError, match="dy must have the shape of y"):
            backward(x[:1], x, axis)
        with pytest.raises(ValueError, match="out must have shape"):
            function(x, axis, out=x.T)
    assert function(np.zeros((0, 3))).shape == (0, 3)
    assert function(np.zeros((3, 0))).shape == (3, 0)


# --- losses ----------------------------------------------------------------------------------------------------------

# function -> (its kernel, arguments, the kernel's parameters)
LOSSES: dict[str, list[tuple[str, dict[str, Any], tuple[float, ...]]]] = {
    "mean_squared_error": [("mean_squared_error", {}, ())],
    "mean_absolute_error": [("mean_absolute_error", {}, ())],
    "huber": [("huber", {}, ()), ("huber", {"delta": 0.5}, (0.5,))],
    "binary_crossentropy": [
        ("binary_crossentropy", {"label_smoothing": 0.25}, (0.25,)),
        ("sigmoid_binary_crossentropy", {"from_logits": True, "label_smoothing": 0.25}, (0.25,)),
    ],
    "categorical_crossentropy": [
        ("categorical_crossentropy", {"label_smoothing": 0.25}, (0.25,)),
        ("softmax_categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.25}, (0.25,)),
    ],
    "sparse_categorical_crossentropy": [
        ("sparse_categorical_crossentropy", {}, ()),
        ("softmax_sparse_categorical_crossentropy", {"from_logits": True}, ()),
    ],
}
CASES = pytest.mark.parametrize(
    "name, kernel, arguments, params", [(name, *case) for name, cases in LOSSES.items() for case in cases]
)


def pair(kernel: str, shape: tuple[int, ...], dtype: type, rng: np.random.Generator) -> tuple[Array, NDArray[Any]]:
    """Predictions and targets that the loss may meet."""
    if "crossentropy" not in kernel:
        return rng.normal(size=shape).astype(dtype), rng.normal(size=shape)
    prediction = rng.normal(size=shape) if "so" in kernel or "sigmoid" in kernel else rng.uniform(0.1, 0.9, shape)
    if "sparse" in kernel:
        return prediction.astype(dtype), rng.integers(shape[-1], size=shape[:-1])
    return prediction.astype(dtype), rng.integers(2, size=shape)


@REALS
@CASES
@pytest.mark.parametrize("shape", [(5,), (1, 1), (17, 3), (2, 3, 40), (0, 3)])
def test_losses(
    name: str,
    kernel: str,
    arguments: dict[str, Any],
    params: tuple[float, ...],
    shape: tuple[int, ...],
    dtype: type,
    rng: np.random.Generator,
) -> None:
    loss = getattr(ops, name)
    y_pred, y_true = pair(kernel, shape, dtype, rng)
    weight = rng.uniform(0.5, 2, shape[:-1])
    flat = y_true.reshape(-1, 1 if "sparse" in kernel else shape[-1])
    rows, gradient, _ = reference.loss(
        kernel, y_pred.reshape(-1, shape[-1]), flat, weight.astype(dtype).ravel(), params, 0.5, dtype
    )
    got, dx = loss(y_true, y_pred, weight, **arguments, scale=0.5)
    assert np.shape(got) == shape[:-1]
    assert got.dtype == dx.dtype == dtype
    # a row's sum of up to 40 terms, each the size of a logarithm
    assert_close(np.ravel(got), rows, dtype, 64, 4)
    assert_close(dx.reshape(gradient.shape), gradient, dtype, 64, 4)
    assert isinstance(got, np.ndarray if shape[:-1] else dtype)

    for lay in LAYOUTS.values():
        other = (
            loss(lay(y_true), lay(y_pred), weight, **arguments, scale=0.5) if y_true.size and y_true.ndim else (got, dx)
        )
        np.testing.assert_array_equal(other[0], got)
        np.testing.assert_array_equal(other[1], dx)
    alone = loss(y_true, y_pred, weight, **arguments, gradient=False)
    np.testing.assert_array_equal(alone[0], got)
    assert alone[1] is None
    column = y_true[..., None] if "sparse" in kernel else y_true
    np.testing.assert_array_equal(
        loss(column.astype("u1" if column.dtype.kind == "i" else "f8"), y_pred, weight, **arguments)[0], got
    )


@REALS
@CASES
def test_where_the_gradient_of_a_loss_goes(
    name: str,
    kernel: str,
    arguments: dict[str, Any],
    params: tuple[float, ...],
    dtype: type,
    rng: np.random.Generator,
) -> None:
    loss = getattr(ops, name)
    y_pred, y_true = pair(kernel, (7, 21), dtype, rng)
    y_true = y_true.astype(dtype)
    rows, dx = loss(y_true, y_pred, **arguments)
    guarded = Guarded(np.zeros((7, 21)), dtype)
    both = np.zeros((7, 42), dtype)
    across = np.zeros(7 * 21 + 5, dtype)
    across[5:] = y_pred.ravel()
    cases = [
        (y_true, y_pred, guarded.array),
        (y_true, y_pred, both[:, ::2]),
        (y_true, y_pred, np.zeros((7, 21), "g")),
        (y_true, across[5:].reshape(7, 21), across[:-5].reshape(7, 21)),
    ]
    if y_true.shape == dx.shape:
        target = y_true.copy()
        cases.append((target, y_pred, target))
    prediction = y_pred.copy()
    cases.append((y_true, prediction, prediction))
    for target, prediction, out in cases:
        got = loss(target, prediction, **arguments, out=out)
        assert got[1] is out
        np.testing.assert_array_equal(got[0], rows)
        np.testing.assert_array_equal(out, dx)
    guarded.check()
    assert (both[:, 1::2] == 0).all()


@CASES
def test_losses_of_bad_input(
    name: str, kernel: str, arguments: dict[str, Any], params: tuple[float, ...], rng: np.random.Generator
) -> None:
    loss = getattr(ops, name)
    y_pred, y_true = pair(kernel, (4, 3), np.float64, rng)
    before = y_pred.copy(), y_true.copy()
    for call, error, message in [
        (lambda: loss(y_true[:2], y_pred, **arguments), ValueError, r"y_true must have shape \(4, [13]\).*Received"),
        (lambda: loss(y_true, y_pred[:, None], **arguments), ValueError, r"y_true must have shape \(4, 1, [13]\)"),
        (lambda: loss(y_true, y_pred[:, :0], **arguments), ValueError, r"y_pred must have shape.*\(4, 0\)"),
        (lambda: loss(1.0, 1.0, **arguments), ValueError, r"y_pred must have shape.*Received: y_pred.shape=\(\)"),
        (lambda: loss(y_true, y_pred.astype(complex), **arguments), TypeError, r"y_pred must hold real numbers"),
        (lambda: loss(y_true.astype(str), y_pred, **arguments), TypeError, r"y_true must hold real numbers"),
        (lambda: loss(y_true, y_pred, [1, 2], **arguments), ValueError, r"sample_weight must have shape \(4,\)"),
        (lambda: loss(y_true, y_pred, **arguments, out=y_pred[:2]), ValueError, r"out must have shape \(4, 3\)"),
        (lambda: loss(y_true, y_pred, **arguments, out=[]), TypeError, r"out must be a NumPy array. Received: list"),
        (lambda: loss(y_true, y_pred, **arguments, out=read_only(y_pred)), ValueError, r"out must be writable"),
        (lambda: loss(y_true, y_pred, **arguments, out=np.empty((4, 3), int)), TypeError, r"able to hold float64"),
        (lambda: loss(y_true, y_pred, **arguments, gradient=False, out=y_pred), ValueError, r"out must be None"),
    ]:
        with pytest.raises(error, match=message):
            call()
    np.testing.assert_array_equal(y_pred, before[0])
    np.testing.assert_array_equal(y_true, before[1])


@pytest.mark.parametrize("classes", [[0, 3], [0, -1], [0.5, 0], [np.nan, 0], [np.inf, 0]])
@pytest.mark.parametrize("from_logits", [True, False])
def test_classes_that_are_none(classes: list[float], from_logits: bool) -> None:
    with pytest.raises(
        ValueError, match=r"y_true must hold class numbers, integers from 0 to 2. Received: values from"
    ):
        ops.sparse_categorical_crossentropy(classes, np.full((2, 3), 0.3), from_logits=from_logits)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, np.nan])
@pytest.mark.parametrize("loss", [ops.binary_crossentropy, ops.categorical_crossentropy])
def test_smoothing_out_of_range(loss: Callable[..., Any], smoothing: float) -> None:
    with pytest.raises(ValueError, match=r"label_smoothing must be between 0 and 1. Received: label_smoothing="):
        loss([[1.0]], [[0.5]], label_smoothing=smoothing)


def test_nothing_outside_strided_out_is_written() -> None:
    frame = np.full((6, 8), MARK)
    ops.tanh(np.ones((3, 4)), out=frame[::2, ::2])
    assert (frame[1::2] == MARK).all()
    assert (frame[:, 1::2] == MARK).all()


MORE_LOSSES = [
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "log_cosh",
    "poisson",
    "kl_divergence",
    "cosine_similarity",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
]


@pytest.mark.parametrize("name", MORE_LOSSES)
def test_more_losses(name: str, rng: np.random.Generator) -> None:
    y_true, y_pred = rng.uniform(0.1, 0.9, (2, 5, 2, 4))
    weight = rng.uniform(0.5, 2.0, (5, 2))
    for w in (None, weight):
        rows, gradient = getattr(ops, name)(y_true, y_pred, w, scale=0.5)
        flat = None if w is None else w.reshape(-1)
        wanted = reference.loss(name, y_pred.reshape(-1, 4), y_true.reshape(-1, 4), flat, (), 0.5)
        assert_close(rows.reshape(-1), wanted[0], np.float64, 16, 8)
        assert_close(gradient.reshape(-1, 4), wanted[1], np.float64, 32, 8)
    with pytest.raises(ValueError, match="y_true must have shape"):
        getattr(ops, name)(y_true[:4], y_pred)
