"""The matrix product and its gradients: exact on small integers, whatever the shape, the strides and the threads."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
from fastnn import _kernels, get_num_threads, ops, set_num_threads
from kernel_arrays import MARK, REALS, Guarded, assert_close

Array = NDArray[np.floating]
TILE = {dtype: _kernels.tile(dtype) for dtype in (np.float32, np.float64)}


def integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> Array:
    """Small whole numbers: products and sums of a few thousand of them are exact in every order."""
    return rng.integers(-4, 5, shape).astype(dtype)


def rows_edges(dtype: type) -> list[int]:
    rows = TILE[dtype][0]
    return sorted({0, 1, 2, rows - 1, rows, rows + 1, 2 * rows + 3, 61})


def columns_edges(dtype: type) -> list[int]:
    lanes, columns = _kernels.lanes(dtype), TILE[dtype][1]
    return sorted(
        {0, 1, 2, lanes - 1, lanes, lanes + 1, columns - 1, columns, columns + 1, 2 * columns + lanes + 1, 97}
    )


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = get_num_threads()
    yield set_num_threads
    set_num_threads(before)


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda a: a,
    "fortran": np.asfortranarray,
    "misaligned": lambda a: misaligned(a),
    "every second row": lambda a: spread(a, 2, 1),
    "every second column": lambda a: spread(a, 1, 2),
    "part of wider rows": lambda a: np.pad(a, ((1, 1), (3, 5)), constant_values=MARK)[1:-1, 3:-5],
    "part of taller columns": lambda a: np.asfortranarray(np.pad(a, ((1, 1), (3, 5)), constant_values=MARK))[
        1:-1, 3:-5
    ],
    "upside down": lambda a: a[::-1].copy()[::-1],
    "backwards": lambda a: a[:, ::-1].copy()[:, ::-1],
    "the other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": lambda a: read_only(a),
}


def misaligned(a: Array) -> Array:
    raw = np.empty(a.nbytes + 1, np.uint8)[1:]
    view = raw.view(a.dtype).reshape(a.shape)
    view[...] = a
    assert not a.size or not view.flags.aligned
    return view


def spread(a: Array, row: int, col: int) -> Array:
    wide = np.full((a.shape[0] * row, a.shape[1] * col), MARK, a.dtype)
    wide[::row, ::col] = a
    return wide[::row, ::col]


def read_only(a: Array) -> Array:
    a = a.copy()
    a.flags.writeable = False
    return a


# --- forward ---------------------------------------------------------------------------------------------------------


@REALS
def test_edges_of_the_tile(dtype: type, rng: np.random.Generator) -> None:
    for m in rows_edges(dtype):
        for n in columns_edges(dtype):
            for k in (0, 1, 7, 33):
                x, w, b = (integers(rng, shape, dtype) for shape in [(m, k), (k, n), (n,)])
                exact = x.astype(np.int64) @ w.astype(np.int64) + b.astype(np.int64)
                out = Guarded(np.full((m, n), np.nan), dtype)
                assert ops.linear(Guarded(x, dtype).array, Guarded(w, dtype, 3).array, b, out=out.array) is out.array
                np.testing.assert_array_equal(out.array, exact)
                out.check()
                np.testing.assert_array_equal(ops.linear(x, w, b, "relu"), np.maximum(exact, 0))
                np.testing.assert_array_equal(ops.linear(x, w), exact - b)


@REALS
@pytest.mark.parametrize("of_w", LAYOUTS)
@pytest.mark.parametrize("of_x", LAYOUTS)
def test_layouts(of_x: str, of_w: str, dtype: type, rng: np.random.Generator) -> None:
    for m, k, n in [(5, 7, 9), (1, 6, 3), (6, 1, 4), (4, 5, 1), (1, 1, 1), (3 * TILE[dtype][0] + 1, 40, 70)]:
        x, w = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
        exact = x.astype(np.int64) @ w.astype(np.int64)
        np.testing.assert_array_equal(ops.linear(LAYOUTS[of_x](x), LAYOUTS[of_w](w)), exact)
        np.testing.assert_array_equal(ops.matmul(LAYOUTS[of_x](x), LAYOUTS[of_w](w)), exact)


@REALS
def test_layouts_change_no_bit(dtype: type, rng: np.random.Generator) -> None:
    x, w = rng.normal(size=(37, 300)).astype(dtype), rng.normal(size=(300, 41)).astype(dtype)
    b = rng.normal(size=41).astype(dtype)
    plain = ops.linear(x, w, b, "tanh")
    for of_x in LAYOUTS.values():
        for of_w in LAYOUTS.values():
            np.testing.assert_array_equal(ops.linear(of_x(x), of_w(w), b, "tanh"), plain)


@REALS
@pytest.mark.parametrize("m, n, k", [(1, 1, 1000), (3, 50, 1000), (70, 1, 1000), (50, 30, 100), (2, 3, 10000)])
def test_rounding(m: int, n: int, k: int, dtype: type, rng: np.random.Generator) -> None:
    x, w, b = (rng.normal(size=shape).astype(dtype) for shape in [(m, k), (k, n), (n,)])
    # each of k additions rounds a partial sum, none larger than the sum of sizes
    sizes = np.abs(x).astype(float) @ np.abs(w).astype(float) + np.abs(b)
    assert_close(ops.linear(x, w, b), reference.gemm(x, w, b), dtype, k + 1, sizes)


@REALS
@pytest.mark.parametrize("m, n, k", [(1000, 1, 2000), (257, 1, 6000), (129, 65, 300), (3, 3000, 400), (2000, 3, 300)])
def test_threads_change_no_bit(
    m: int, n: int, k: int, dtype: type, rng: np.random.Generator, threads: Callable[[int], None]
) -> None:
    x, w, dy = (rng.normal(size=shape).astype(dtype) for shape in [(m, k), (k, n), (m, n)])
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append((ops.linear(x, w, activation="gelu"), *ops.linear_backward(dy, x, w)))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@REALS
def test_rows_cut_into_blocks_change_no_bit(dtype: type, rng: np.random.Generator) -> None:
    for n in (1, 2, TILE[dtype][1] + 1):
        x, w = rng.normal(size=(2 * TILE[dtype][0] + 3, 70)).astype(dtype), rng.normal(size=(70, n)).astype(dtype)
        whole = ops.linear(x, w)
        dx = ops.linear_backward(whole, None, w, needs=["dx"])[0]
        for rows in (1, 2, TILE[dtype][0], TILE[dtype][0] + 1):
            for i in range(0, len(x), rows):
                part = ops.linear(x[i : i + rows], w)
                np.testing.assert_array_equal(part, whole[i : i + rows])
                np.testing.assert_array_equal(ops.linear_backward(part, None, w, needs=["dx"])[0], dx[i : i + rows])


@REALS
def test_activations(dtype: type, rng: np.random.Generator) -> None:
    x, w, b = (rng.normal(size=shape).astype(dtype) for shape in [(9, 5), (5, 20), (20,)])
    z = ops.linear(x, w, b)
    for name in _kernels.activation_names():
        np.testing.assert_array_equal(ops.linear(x, w, b, name), _kernels.activation(name, z))
    np.testing.assert_array_equal(ops.linear(x, w, b, "linear"), z)
    np.testing.assert_array_equal(ops.linear(x, w, b, "leaky_relu", params=(0.5,)), np.where(z > 0, z, z * dtype(0.5)))
    np.testing.assert_array_equal(ops.linear(x, w, b, "softmax"), ops.softmax(z))
    np.testing.assert_array_equal(ops.linear(x, w, b, "log_softmax"), ops.log_softmax(z))


@REALS
def test_nan_and_infinity_go_through(dtype: type) -> None:
    x = np.ones((3, 4), dtype)
    x[0, 1], x[1, 2] = np.nan, np.inf
    for n in (1, 2, TILE[dtype][1] + 3):
        w = np.ones((4, n), dtype)
        for activation in (None, "relu", "tanh"):
            y = ops.linear(x, w, activation=activation)
            assert np.isnan(y[0]).all()
            np.testing.assert_array_equal(y[1], 1 if activation == "tanh" else np.inf)
            assert np.isfinite(y[2]).all()
        np.testing.assert_array_equal(ops.linear(-x, w, activation="relu")[1:], 0)


@REALS
def test_axes_in_front(dtype: type, rng: np.random.Generator) -> None:
    x, w, b = (integers(rng, shape, dtype) for shape in [(2, 3, 5, 4), (4, 6), (6,)])
    exact = x @ w + b
    np.testing.assert_array_equal(ops.linear(x, w, b), exact)
    np.testing.assert_array_equal(ops.linear(x.transpose(2, 0, 1, 3), w, b), exact.transpose(2, 0, 1, 3))
    np.testing.assert_array_equal(ops.linear(x[0, 0, 0], w, b), exact[0, 0, 0])
    assert ops.linear(np.zeros((2, 0, 4), dtype), w).shape == (2, 0, 6)
    np.testing.assert_array_equal(ops.linear(np.zeros((2, 0), dtype), np.zeros((0, 3), dtype), b[:3]), [b[:3], b[:3]])


def test_dtypes() -> None:
    for x, w, expected in [
        ("f4", "f4", "f4"),
        ("f2", "f2", "f4"),
        ("f2", "f4", "f4"),
        ("f4", "f8", "f8"),
        ("f8", "f4", "f8"),
        ("u1", "f4", "f4"),
        ("?", "f4", "f4"),
        ("i8", "f4", "f8"),
        ("i4", "i4", "f8"),
        ("i1", "i1", "f8"),
        ("g", "f4", "f8"),
    ]:
        y = ops.linear(np.ones((2, 3), x), np.ones((3, 4), w), np.ones(4, "i8"))
        assert y.dtype == expected
        np.testing.assert_array_equal(y, 4)
        assert ops.matmul(np.ones((2, 3), x), np.ones((3, 4), w)).dtype == expected
    assert ops.linear([[1, 2]], [[1], [1]]).tolist() == [[3.0]]


# --- where the result goes -------------------------------------------------------------------------------------------


@REALS
def test_out(dtype: type, rng: np.random.Generator) -> None:
    x, w = integers(rng, (5, 4), dtype), integers(rng, (4, 6), dtype)
    exact = x @ w
    for activation in (None, "relu", "exponential", "softmax"):
        wanted = ops.linear(x, w, activation=activation)
        frame = np.full((7, 12), MARK, dtype)
        inner = frame[1:6, 2:8]
        assert ops.linear(x, w, activation=activation, out=inner) is inner
        np.testing.assert_array_equal(inner, wanted)
        frame[1:6, 2:8] = MARK
        assert (frame == MARK).all()
    for out in (np.empty((6, 5), dtype).T, np.empty((10, 12), dtype)[::2, ::2], np.empty((5, 6), np.longdouble)):
        assert ops.linear(x, w, out=out) is out
        np.testing.assert_array_equal(out, exact)
    narrow = np.empty((5, 6), np.float32)
    np.testing.assert_array_equal(ops.linear(x, w, out=narrow), exact)


@REALS
def test_out_may_overlap_inputs(dtype: type, rng: np.random.Generator) -> None:
    x, w, b = integers(rng, (6, 6), dtype), integers(rng, (6, 6), dtype), integers(rng, (6,), dtype)
    exact = x @ w + b
    for which in range(3):
        given = [x.copy(), w.copy(), b.copy()]
        out = given[which] if which < 2 else np.broadcast_to(given[2], (6, 6)).copy()
        given[2] = out[3] if which == 2 else given[2]
        np.testing.assert_array_equal(ops.linear(*given, out=out), exact)
    frame = np.zeros((6, 12), dtype)
    frame[:, 3:9] = x
    np.testing.assert_array_equal(ops.linear(frame[:, 3:9], w, b, out=frame[:, :6]), exact)
    np.testing.assert_array_equal(ops.matmul(x, w, out=x), exact - b)


BAD = [
    (lambda x, w, b, y: ops.linear(x, w[0]), ValueError, r"w must have shape \(inputs, units\).*w.shape=\(3,\)"),
    (lambda x, w, b, y: ops.linear(x.T, w), ValueError, r"x must have shape \(\.\.\., 2\).*Received: x.shape=\(2, 4\)"),
    (lambda x, w, b, y: ops.linear(np.float32(1), w), ValueError, r"x must have shape"),
    (lambda x, w, b, y: ops.linear(x, w, b[:2]), ValueError, r"b must have shape \(3,\).*Received: b.shape=\(2,\)"),
    (lambda x, w, b, y: ops.linear(x, w, b, "rely"), ValueError, r"activation must be one of .*activation='rely'"),
    (lambda x, w, b, y: ops.linear(x, w, b, out=y.T), ValueError, r"out must have shape \(4, 3\).*shape=\(3, 4\)"),
    (lambda x, w, b, y: ops.linear(x, w, b, out=[1]), TypeError, r"out must be a NumPy array.*Received: list"),
    (lambda x, w, b, y: ops.linear(x, w, b, out=y.astype(int)), TypeError, r"out must be able to hold.*dtype=int64"),
    (lambda x, w, b, y: ops.linear(x, w, b, out=read_only(y)), ValueError, r"out must be writable.*read-only"),
    (lambda x, w, b, y: ops.linear(x.astype(complex), w), TypeError, r"x must hold real numbers.*dtype=complex128"),
    (lambda x, w, b, y: ops.linear(x, w.astype(object)), TypeError, r"w must hold real numbers.*dtype=object"),
    (lambda x, w, b, y: ops.linear(x, w, b.astype(str)), TypeError, r"b must hold real numbers.*Received: dtype=<U"),
    (lambda x, w, b, y: ops.linear(x, w, b, "elu", params=[1] * 99), ValueError, r"params must have at most"),
    (lambda x, w, b, y: ops.matmul(x, np.float32(2)), ValueError, r"at least one axis.*b.shape=\(\)"),
    (lambda x, w, b, y: ops.matmul(x, x), ValueError, r"last axis of a.*Received: a.shape=\(4, 2\), b.shape=\(4, 2\)"),
    (lambda x, w, b, y: ops.matmul(np.ones((3, 1, 2)), np.ones((2, 2, 1))), ValueError, r"broadcast.*Received"),
    (lambda x, w, b, y: ops.matmul(x, w, out=y[0]), ValueError, r"out must have shape \(4, 3\)"),
    (lambda x, w, b, y: ops.linear_backward(y, None, w), ValueError, r"x is needed for dw"),
    (lambda x, w, b, y: ops.linear_backward(y, x, None), ValueError, r"w is needed for dx"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w, None, "tanh"), ValueError, r"y is needed for .* tanh"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w, y[:2], "tanh"), ValueError, r"y must have the shape of dy"),
    (lambda x, w, b, y: ops.linear_backward(y, x[:2], w), ValueError, r"x must have shape.*Received: x.shape=\(2, 2\)"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w.T), ValueError, r"w must have shape.*Received: w.shape=\(3, 2\)"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w[:1]), ValueError, r"w must have shape \(2, 3\)"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w, needs=["dz"]), ValueError, r"needs must be some of.*dz"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w, db=b, needs=["dx"]), ValueError, r"needs must name"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w, dw=w, db=b[:2]), ValueError, r"db must have shape \(3,\)"),
    (lambda x, w, b, y: ops.linear_backward(y, x, w, y, "rely", dw=w), ValueError, r"activation must be one of"),
    (lambda x, w, b, y: ops.linear_backward(np.float32(0), x, w), ValueError, r"dy must have shape"),
]  # fmt: skip


@REALS
@pytest.mark.parametrize("call, error, message", BAD, ids=range(len(BAD)))
def test_bad_input_says_what_came_and_changes_nothing(
    call: Callable[..., object], error: type[Exception], message: str, dtype: type, rng: np.random.Generator
) -> None:
    arrays = [integers(rng, shape, dtype) for shape in [(4, 2), (2, 3), (3,), (4, 3)]]
    before = [a.copy() for a in arrays]
    with pytest.raises(error, match=message):
        call(*arrays)
    for now, then in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(now, then)


# --- backward --------------------------------------------------------------------------------------------------------


@REALS
def test_gradients_at_the_edges_of_the_tile(dtype: type, rng: np.random.Generator) -> None:
    for m in rows_edges(dtype):
        for k in (0, 1, 7, TILE[dtype][1] + 1):
            for n in columns_edges(dtype):
                x, w, dy = (integers(rng, shape, dtype) for shape in [(m, k), (k, n), (m, n)])
                exact = dy @ w.T, x.T @ dy, dy.sum(axis=0)
                into = [Guarded(np.full(g.shape, 5), dtype) for g in exact]
                for start in (0, 5):
                    for wanted, got, held in zip(
                        exact,
                        ops.linear_backward(
                            dy, x, w, dx=into[0].array, dw=into[1].array, db=into[2].array, accumulate=start == 5
                        ),
                        into,
                        strict=True,
                    ):
                        assert got is held.array
                        np.testing.assert_array_equal(got, wanted + start)
                        held.check()
                        held.array[...] = 5


@REALS
@pytest.mark.parametrize("m, k, n", [(2, 300, 200), (200, 30, 20), (40, 1, 50), (1, 200, 300), (1, 1, 1), (50, 40, 1)])
def test_gradients_against_the_formulas(m: int, k: int, n: int, dtype: type, rng: np.random.Generator) -> None:
    x, w, dy = (rng.normal(size=shape).astype(dtype) for shape in [(m, k), (k, n), (m, n)])
    sizes = reference.linear_backward(np.abs(dy), np.abs(x), np.abs(w))
    wanted = reference.linear_backward(dy, x, w)
    for got, exact, size, length in zip(ops.linear_backward(dy, x, w), wanted, sizes, (n, m, m), strict=True):
        assert_close(got, exact, dtype, length + 1, size)


@REALS
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_of_any_layout(layout: str, dtype: type, rng: np.random.Generator) -> None:
    lay = LAYOUTS[layout]
    for m, k, n in [(5, 7, 9), (1, 6, 3), (6, 1, 4), (4, 5, 1), (1, 1, 1), (3, 90, 80), (80, 30, 30)]:
        x, w, dy = (integers(rng, shape, dtype) for shape in [(m, k), (k, n), (m, n)])
        exact = dy @ w.T, x.T @ dy, dy.sum(axis=0)
        for wanted, got in zip(exact, ops.linear_backward(lay(dy), lay(x), lay(w)), strict=True):
            np.testing.assert_array_equal(got, wanted)
        if layout in ("read-only", "the other byte order"):
            continue
        dx, dw = lay(np.ones((m, k), dtype)), lay(np.ones((k, n), dtype))
        ops.linear_backward(dy, x, w, dx=dx, dw=dw, accumulate=True)
        np.testing.assert_array_equal(dx, exact[0] + 1)
        np.testing.assert_array_equal(dw, exact[1] + 1)


@REALS
def test_gradients_through_activations(dtype: type, rng: np.random.Generator) -> None:
    x, w, dy = (rng.normal(size=shape).astype(dtype) for shape in [(6, 5), (5, 7), (6, 7)])
    z = ops.linear(x, w)
    for name in [*_kernels.activation_names(), "softmax", "log_softmax"]:
        if name in ("softmax", "log_softmax"):
            y = getattr(ops, name)(z)
            dz = getattr(ops, f"{name}_backward")(dy, y)
        else:
            y = z if _kernels.activation_needs_input(name) else _kernels.activation(name, z)
            dz = _kernels.activation_backward(name, y, dy)
        for got, wanted in zip(ops.linear_backward(dy, x, w, y, name), ops.linear_backward(dz, x, w), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_gradient_along_a_direction(rng: np.random.Generator) -> None:
    """The loss Σ c·y moves by the gradients times the step."""
    x, w, b, c = (rng.normal(size=shape) for shape in [(6, 5), (5, 7), (7,), (6, 7)])
    moves = [rng.normal(size=a.shape) for a in (x, w, b)]
    y = ops.linear(x, w, b, "tanh")
    gradients = ops.linear_backward(c, x, w, y, "tanh")
    slope = sum((g * move).sum() for g, move in zip(gradients, moves, strict=True))

    def loss(step: float) -> float:
        return (c * ops.linear(*(a + step * move for a, move in zip((x, w, b), moves, strict=True)), "tanh")).sum()

    step = 1e-5
    # the error of the central difference: a few step² of third derivatives, and rounding over the step
    assert (loss(step) - loss(-step)) / (2 * step) == pytest.approx(slope, rel=1e-7)


@REALS
def test_gradients_of_axes_in_front_and_only_some_of_them(dtype: type, rng: np.random.Generator) -> None:
    x, w, dy = (integers(rng, shape, dtype) for shape in [(2, 3, 5), (5, 4), (2, 3, 4)])
    flat = ops.linear_backward(dy.reshape(6, 4), x.reshape(6, 5), w)
    dx, dw, db = ops.linear_backward(dy, x, w)
    np.testing.assert_array_equal(dx, flat[0].reshape(2, 3, 5))
    np.testing.assert_array_equal(dw, flat[1])
    np.testing.assert_array_equal(db, flat[2])
    assert ops.linear_backward(dy, x, w, needs=()) == (None, None, None)
    one = ops.linear_backward(dy, x, None, needs=("dw",))
    assert one[0] is None
    assert one[2] is None
    np.testing.assert_array_equal(one[1], dw)
    vector = ops.linear_backward(dy[0, 0], x[0, 0], w)
    np.testing.assert_array_equal(vector[0], w @ dy[0, 0])
    np.testing.assert_array_equal(vector[1], np.outer(x[0, 0], dy[0, 0]))
    np.testing.assert_array_equal(vector[2], dy[0, 0])


@REALS
def test_gradients_may_replace_what_they_are_made_from(dtype: type, rng: np.random.Generator) -> None:
    x, w, dy = (integers(rng, shape, dtype) for shape in [(6, 5), (5, 5), (6, 5)])
    exact = dy @ w.T, x.T @ dy, dy.sum(axis=0)
    for dx, dw in [(x, w), (dy, w), (x, None)]:
        given = {id(a): a.copy() for a in (x, w, dy)}
        results = ops.linear_backward(
            given[id(dy)], given[id(x)], given[id(w)], dx=given[id(dx)], dw=None if dw is None else given[id(dw)]
        )
        for got, wanted in zip(results, exact, strict=True):
            np.testing.assert_array_equal(got, wanted)


# --- matmul ----------------------------------------------------------------------------------------------------------

SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((0, 2, 3), (0, 3, 4)),
    ((5, 2, 0), (5, 0, 4)),
    ((5, 0, 3), (5, 3, 1)),
]


@REALS
@pytest.mark.parametrize("left, right", SHAPES)
def test_matmul_is_that_of_numpy(
    left: tuple[int, ...], right: tuple[int, ...], dtype: type, rng: np.random.Generator
) -> None:
    a, b = integers(rng, left, dtype), integers(rng, right, dtype)
    wanted = np.matmul(a, b)
    got = ops.matmul(a, b)
    np.testing.assert_array_equal(got, wanted)
    assert np.shape(got) == np.shape(wanted)
    assert got.dtype == dtype
    assert isinstance(got, type(wanted))
    np.testing.assert_array_equal(ops.matmul(a.T.copy().T, b.T.copy().T), wanted)
    if np.ndim(wanted):
        out = Guarded(np.zeros(wanted.shape), dtype)
        assert ops.matmul(a, b, out.array) is out.array
        np.testing.assert_array_equal(out.array, wanted)
        out.check()
        apart = np.zeros((*wanted.shape, 2), dtype)[..., 0]
        np.testing.assert_array_equal(ops.matmul(a, b, out=apart), wanted)


@settings(deadline=None, max_examples=100)
@given(
    m=st.integers(0, 70),
    n=st.integers(0, 70),
    k=st.integers(0, 70),
    dtypes=st.tuples(*[st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "u2", "i8", "?"])] * 3),
    orders=st.tuples(*[st.sampled_from("CF")] * 3),
    steps=st.tuples(*[st.sampled_from([1, 2, -1])] * 2),
    seed=st.integers(0, 1000),
)
def test_anything_that_numpy_can_hold(
    m: int, n: int, k: int, dtypes: tuple, orders: tuple, steps: tuple, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, w, dy = (
        np.asarray(rng.integers(0, 4, shape), dtype, order=order)
        for shape, dtype, order in zip([(m, k), (k, n), (m, n)], dtypes, orders, strict=True)
    )
    x, w, dy = x[:: steps[0]], w[:, :: steps[1]], dy[:: steps[0], :: steps[1]]
    before = [a.copy() for a in (x, w, dy)]
    xi, wi, dyi = (a.astype(np.int64) for a in (x, w, dy))
    np.testing.assert_array_equal(ops.linear(x, w), xi @ wi)
    np.testing.assert_array_equal(ops.matmul(x, w), xi @ wi)
    for got, wanted in zip(ops.linear_backward(dy, x, w), (dyi @ wi.T, xi.T @ dyi, dyi.sum(axis=0)), strict=True):
        np.testing.assert_array_equal(got, wanted)
    for now, then in zip((x, w, dy), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("function", [ops.linear, ops.linear_backward, ops.matmul], ids=lambda f: f.__name__)
def test_examples(function: Callable[..., object]) -> None:
    example = doctest.DocTestParser().get_doctest(function.__doc__ or "", {}, function.__name__, None, None)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0
