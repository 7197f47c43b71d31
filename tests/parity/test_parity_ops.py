"""Functions of `ops` on arrays, and in models by a training step; merging layers; losses that layers add; draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beside import close, fastnn, floatx, keras, names_of, table_of
from steps import Case, check, keras_steps

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 5, 4)).astype("float32") * 2
A[0], B[0] = [1, 0, -1, 2], [1, 0, -2, 3]  # some are equal, some zero
P = np.abs(A) + 0.5
WHOLE = np.array([[3, 1, 2], [0, 2, 2]])

# Of each name what it is called with; those that are not named take A, or A and B.
ONE = (A,)
TWO = (A, B)
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "arange": [(2, 8, 3)],
    "arccos": [(A / 9,)],
    "arccosh": [(P + 1,)],
    "arcsin": [(A / 9,)],
    "arctanh": [(A / 9,)],
    "array_split": [(A, 2, -1)],
    "bincount": [(WHOLE[0],)],
    "broadcast_to": [(A[:1], (5, 4))],
    "cast": [(A, "int32"), (A, "bool"), (WHOLE, "float32")],
    "cbrt": [(P,)],
    "celu": [(A, 0.5)],
    "clip": [(A, -0.5, 1.0)],
    "concatenate": [([A, B], -1)],
    "digitize": [(A[1], np.array([-1.0, 0.0, 1.0], "float32"))],
    "dot": [(A, B.T)],
    "einsum": [("ab,cb->ac", A, B)],
    "expand_dims": [(A, 1)],
    "eye": [(3,), (2, 3, 1)],
    "full": [((2, 3), 1.5)],
    "full_like": [(A, 2.0)],
    "identity": [(3,)],
    "inner": [TWO],
    "isin": [(WHOLE, np.array([2, 3]))],
    "leaky_relu": [ONE, (A, 0.5)],
    "linspace": [(0.0, 1.0, 5)],
    "log": [(P,)],
    "log10": [(P,)],
    "log1p": [(P,)],
    "log2": [(P,)],
    "logical_not": [(A > 0,)],
    "logsumexp": [ONE, (A, 1), (A, -1, True)],
    "moveaxis": [(A, 0, 1)],
    "nan_to_num": [(A / np.where(A == 0, np.nan, 1).astype("float32"),)],
    "norm": [ONE, (A, None, -1), (A, 1, 1, True), (A, np.inf, 0)],
    "normalize": [ONE, (A, 0), (A, -1, 1)],
    "one_hot": [(WHOLE, 4), (WHOLE, 3, 1)],
    "ones": [((2, 3),)],
    "outer": [(A[0], B[1])],
    "pad": [(A, ((1, 0), (0, 2)))],
    "percentile": [(A, 30.0, 1)],
    "power": [(P, B), (A, 3.0)],
    "quantile": [(A, 0.3, 1)],
    "reciprocal": [(P,)],
    "repeat": [(A, 2, 1)],
    "reshape": [(A, (4, 5)), (A, (-1,))],
    "roll": [(A, 1, 1)],
    "rsqrt": [(P,)],
    "searchsorted": [(np.sort(A[1]), B[1])],
    "soft_shrink": [(A, 0.3)],
    "split": [(A, 2, -1), (A, [1, 3], 1)],
    "sqrt": [(P,)],
    "squeeze": [(A[:, None], 1), (A[:1],)],
    "stack": [([A, B], 1)],
    "swapaxes": [(A, 0, 1)],
    "take": [(A, WHOLE, 1)],
    "take_along_axis": [(A, np.argsort(A, -1), -1)],
    "tensordot": [(A, B.T, 1)],
    "threshold": [(A, 0.5, -1.0)],
    "tile": [(A, (2, 1))],
    "top_k": [(A, 2)],
    "transpose": [ONE, (A, (1, 0))],
    "tri": [(3,)],
    "vdot": [(A[0], B[1])],
    "where": [(A > 0, A, B), (A > 0, A, 0.0)],
    "zeros": [((2, 3),)],
}
CALLS |= {name: [([A, B],)] for name in ("hstack", "vstack")}
CALLS |= {name: [(A[0], B[1])] for name in ("meshgrid",)}
CALLS |= {name: [(np.square(A),)] for name in ("diag", "diagonal", "trace")}
CALLS |= {name: [ONE, (A, 1)] for name in ("all", "any", "argmax", "argmin", "average", "median", "prod")}
CALLS |= {name: [ONE, (A, 1), (A, -1, True), (A, (0, 1))] for name in ("max", "mean", "min", "std", "sum", "var")}
CALLS |= {name: [(A, 1)] for name in ("count_nonzero", "cumprod", "cumsum", "flip")}
CALLS |= {name: [(WHOLE,)] for name in ("unique",)}
BINARY = (
    "add allclose append arctan2 divide divide_no_nan equal floor_divide greater greater_equal isclose less less_equal "
    "logaddexp logical_and logical_or maximum minimum mod multiply not_equal subtract true_divide"
)
CALLS |= {name: [TWO] for name in BINARY.split() if name not in ("floor_divide", "mod")}
CALLS |= {name: [(A, P)] for name in ("floor_divide", "mod")}
# What returns no array, or asks for one in a way of its own; and what ties decide.
NOT_BESIDE = {"is_tensor", "argpartition", "convert_to_numpy", "histogram", "shape"}
OF_NUMPY = next(names for names, how in table_of("ops").differs.items() if how.startswith("is NumPy's")).split()
NAMES = sorted({*names_of("ops", "same"), *OF_NUMPY, "all", "any", "argmax", "argmin", "dot"} - NOT_BESIDE)


def in_a_list(results: Any) -> list[np.ndarray]:
    return [np.asarray(each) for each in (results if isinstance(results, (list, tuple)) else [results])]


@pytest.mark.parametrize("name", NAMES)
def test_on_arrays(name: str) -> None:
    with floatx("float32"):
        for arguments in CALLS.get(name, [ONE]):
            ours, theirs = (in_a_list(getattr(library.ops, name)(*arguments)) for library in (fastnn, keras))
            assert len(ours) == len(theirs)
            for one, wanted in zip(ours, theirs, strict=True):
                assert one.dtype.kind == wanted.dtype.kind
                close(one, wanted, "float32", 5)


def test_what_is_no_array() -> None:
    for library in (fastnn, keras):
        assert library.ops.is_tensor(library.ops.convert_to_tensor([1.0]))
        assert not library.ops.is_tensor([1.0])
        assert tuple(library.ops.shape(A)) == A.shape
        np.testing.assert_array_equal(library.ops.convert_to_numpy(A), A)


# --- in models


def composed(function: Callable[[Any, Any], Any], loss: Callable[[Any, Any], Any] | None = None) -> Case:
    """A layer whose `call` is the function of `ops` and its input, between two dense layers; or that adds a loss."""

    def layers(k: Any) -> list[Any]:
        class Composed(k.layers.Layer):
            def call(self, inputs: Any) -> Any:
                if loss is not None:
                    self.add_loss(loss(k.ops, inputs))
                return function(k.ops, inputs)

            def compute_output_shape(self, input_shape: Any) -> Any:
                return (*input_shape[:-1], width)

        width = function(keras.ops, np.ones((1, 6), "float32")).shape[-1]
        return [k.layers.Dense(6), Composed(), k.layers.Dense(2)]

    return Case(layers)


def merged(name: str, **given: Any) -> Case:
    """A layer, or a function, that merges two branches, and its gradient by both."""

    def layers(k: Any) -> list[Any]:
        merge = getattr(k.layers, name)
        x = k.layers.Input((5,), dtype="float64")
        branches = [k.layers.Dense(4, "tanh")(x), k.layers.Dense(4)(x)]
        y = merge(**given)(branches) if name[0].isupper() else merge(branches, **given)
        return [k.Model(x, y), k.layers.Dense(2)]

    return Case(layers)


def dots(axes: Any, first: tuple[int, ...], second: tuple[int, ...], normalize: bool = False) -> Case:
    """The dot products of vectors in branches with more axes."""

    def layers(k: Any) -> list[Any]:
        x = k.layers.Input((5,), dtype="float64")
        branches = [
            k.layers.Reshape(shape)(k.layers.Dense(int(np.prod(shape)), "tanh")(x)) for shape in (first, second)
        ]
        return [k.Model(x, k.layers.Flatten()(k.layers.Dot(axes, normalize)(branches))), k.layers.Dense(2)]

    return Case(layers)


COMPOSED: dict[str, Callable[[Any, Any], Any]] = {
    "absolute": lambda o, x: o.absolute(x) + o.abs(x),
    "activations": lambda o, x: o.relu(x) + o.tanh(x) * o.sigmoid(x) + o.softplus(x) + o.silu(x) - o.gelu(x, False),
    "average": lambda o, x: (
        x * o.expand_dims(o.average(x, axis=-1, weights=np.arange(6.0)), 1) + o.average(x, 1)[:, None]
    ),
    "clip": lambda o, x: o.clip(x, -0.3, 0.4),
    "comparisons": lambda o, x: o.where(x > 0.1, o.square(x), o.where(o.less(x, -0.2), x, 0.5 * x)),
    "concatenate": lambda o, x: o.concatenate([x, o.exp(x)], axis=-1),
    "divide_no_nan": lambda o, x: o.divide_no_nan(x, 2.0 + o.square(x)),
    "glu": lambda o, x: o.glu(x),
    "logarithms": lambda o, x: o.log(2.0 + x * x) + o.log2(3.0 + o.tanh(x)) + o.log10(1.5 + x * x) + o.log1p(x * x),
    "logsumexp": lambda o, x: o.logsumexp(x, axis=-1, keepdims=True) * x + o.logaddexp(x, 0.5 * x),
    "matrices": lambda o, x: o.reshape(o.matmul(o.reshape(x, (-1, 2, 3)), o.reshape(o.tanh(x), (-1, 3, 2))), (-1, 4)),
    "matrix": lambda o, x: o.dot(o.cumsum(x, axis=1), np.arange(12.0).reshape(6, 2) / 9) + o.matmul(x, np.ones((6, 2))),
    "maximum": lambda o, x: o.maximum(x, 0.1) + o.minimum(x, o.square(x)),
    "normalize": lambda o, x: o.normalize(x, axis=-1),
    "norms": lambda o, x: x * o.norm(x, axis=-1, keepdims=True) + o.norm(x, ord=1, axis=-1, keepdims=True),
    "pad": lambda o, x: o.pad(x, ((0, 0), (1, 2)), constant_values=3.0) * o.pad(x, ((0, 0), (2, 1)), "reflect"),
    "places": lambda o, x: (
        o.tile(x[:, :3], (1, 2)) * o.roll(x, 2, axis=1) + o.repeat(x[:, 3:], 2, axis=-1) * o.flip(x, 1)
    ),
    "powers": lambda o, x: o.power(x, 3) + o.power(1.0 + o.square(x), 0.3) + o.power(o.square(x) + 0.5, x) + 2.0**x,
    "products": lambda o, x: (
        o.prod(x[:, :3], axis=1, keepdims=True) * o.diff(x) + o.prod(o.reshape(x, (-1, 2, 3)), 2)[:, :1]
    ),
    "reciprocals": lambda o, x: o.reciprocal(3.0 + o.tanh(x)) + o.rsqrt(1.0 + o.square(x)) + 1.0 / (2.0 + x * x),
    "reductions": lambda o, x: x - o.mean(x, axis=-1, keepdims=True) + o.max(x, axis=1, keepdims=True) * x,
    "reshape": lambda o, x: o.reshape(o.transpose(o.reshape(x, (-1, 2, 3)), (0, 2, 1)), (-1, 6)),
    "sines": lambda o, x: o.sin(3.0 * x) * o.cos(x),
    "slices": lambda o, x: x[:, 1:4] * x[:, ::-2],
    "sinh": lambda o, x: o.sinh(x) * o.cosh(x) + o.exp2(x) + o.tan(0.3 * o.tanh(x)),
    "softmax of columns": lambda o, x: o.reshape(o.softmax(o.reshape(x, (-1, 2, 3)), axis=1), (-1, 6)) * x,
    "split": lambda o, x: o.split(x, 2, axis=-1)[0] * o.exp(o.split(x, [2, 3], axis=1)[2]),
    "squeeze": lambda o, x: o.squeeze(o.expand_dims(x, 1) * 2.0, 1),
    "stack": lambda o, x: o.sum(o.stack([x, o.square(x)], axis=1), axis=1),
    "std": lambda o, x: (x - o.mean(x, -1, True)) / (0.1 + o.std(x, axis=-1, keepdims=True)) + o.var(x, -1, True),
    "turned": lambda o, x: o.reshape(
        o.moveaxis(o.triu(o.swapaxes(x[:, :, None] * x[:, None, :], 1, 2)), 1, 2)[:, [0, 2], 1:4], (-1, 6)
    ),
    "taken": lambda o, x: o.take(x, [1, 1, 5], axis=1) * o.append(x[:, :2], o.hstack([x[:, 4:5]]), axis=1),
    "stop_gradient": lambda o, x: x * o.stop_gradient(o.exp(x)),
}
ADDED: dict[str, Callable[[Any, Any], Any]] = {
    "of its mean": lambda o, x: 0.3 * o.mean(o.square(x)),
    "of its sum": lambda o, x: 0.01 * o.sum(o.abs(x)),
    "of a sum of means": lambda o, x: -0.5 * o.mean(o.sum(1 + x - o.square(x) - o.exp(x), axis=1)) + 0.1 * o.mean(x),
}
STEPS: dict[str, Case] = {f"ops, {name}": composed(function) for name, function in COMPOSED.items()}
STEPS |= {f"a loss {name}": composed(lambda o, x: x, loss) for name, loss in ADDED.items()}
MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
STEPS |= {name: merged(name) for merge in MERGES for name in (merge, merge.lower())}
STEPS |= {f"{name}, {given}": merged(name, **given) for name in ("Dot", "dot") for given in (
    {"axes": 1}, {"axes": -1, "normalize": True},
)}  # fmt: skip
STEPS |= {
    "Dot of matrices": dots((2, 1), (2, 3), (3, 4)),
    "Dot of matrices, by other axes": dots((-2, -1), (3, 2), (4, 3)),
    "Dot of more axes": dots((1, 3), (3, 2), (2, 2, 3), normalize=True),
    "Dot of a vector and a matrix": dots((1, 2), (3,), (4, 3)),
}


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    return keras_steps(STEPS, "float64")


@pytest.mark.parametrize("case", STEPS)
def test_one_training_step(case: str, steps: dict[str, Any]) -> None:
    check(STEPS[case], steps[case], "float64", 10)


# --- random numbers

DRAWS: dict[str, Callable[[Any], Any]] = {
    "beta": lambda r: r.beta((40_000,), 2.0, 3.0, seed=1),
    "binomial": lambda r: r.binomial((40_000,), 10.0, 0.3, seed=1),
    "categorical": lambda r: r.categorical(np.log([[0.2, 0.5, 0.3]]).astype("float32"), 40_000, seed=1)[0],
    "dropout": lambda r: r.dropout(np.ones(40_000, "float32"), 0.3, seed=1),
    "gamma": lambda r: r.gamma((40_000,), 2.0, seed=1),
    "normal": lambda r: r.normal((40_000,), 1.0, 2.0, seed=1),
    "randint": lambda r: r.randint((40_000,), 2, 7, seed=1),
    "shuffle": lambda r: r.shuffle(np.arange(40_000), seed=1),
    "truncated_normal": lambda r: r.truncated_normal((40_000,), 1.0, 2.0, seed=1),
    "uniform": lambda r: r.uniform((40_000,), -1.0, 3.0, seed=1),
}


def test_every_draw_has_a_case() -> None:
    assert set(DRAWS) == set(names_of("random", "same")) - {"SeedGenerator"}


@pytest.mark.parametrize("name", DRAWS)
def test_draws(name: str) -> None:
    with floatx("float32"):
        ours, theirs = (np.asarray(DRAWS[name](library.random)) for library in (fastnn, keras))
    assert ours.shape == theirs.shape
    assert ours.dtype.kind == theirs.dtype.kind
    assert (np.diff(ours) != 0).any()
    tolerance = 6 * theirs.std() / np.sqrt(theirs.size)
    deciles = np.linspace(0.1, 0.9, 9)
    if ours.dtype.kind == "f" and name not in ("binomial", "dropout"):
        assert (np.abs(np.quantile(ours, deciles) - np.quantile(theirs, deciles)) < 3 * tolerance).all()
    assert abs(ours.mean() - theirs.mean()) < 1.5 * tolerance
    assert abs(ours.std() - theirs.std()) < 3 * tolerance
