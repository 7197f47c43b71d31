"""Models from ONNX graphs: round trips, PyTorch's exports, and operators that fastnn's own exports do not have."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import parser

import networks
from fastnn import layers
from fastnn.exchange import from_onnx, to_onnx
from fastnn.models import Model, Sequential
from fastnn.optimizers import Adam
from test_onnx_export import run

ONE_WAY = {"periodic", "periodic_shared", "piecewise_dense"}  # sines, and a matrix for each feature
DATA = Path(__file__).parent / "data"


def graph(body: str, opset: int = 17, inputs: str = "float[N,4] x", outputs: str = "float[N,M] y") -> Any:
    """A model in ONNX's own notation."""
    return parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> g ({inputs}) => ({outputs}) {{ {body} }}')


def kinds(model: Any) -> list[str]:
    """What a model is made of: names of layers, or of their functions."""
    names = []
    for layer in model.layers:
        if isinstance(layer, layers.Activation):
            names.append(layer.activation.__name__)
        elif not isinstance(layer, layers.InputLayer):
            names.append(getattr(layer, "function", type(layer).__name__))
    return names


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(networks.NAMES) - ONE_WAY))
def test_round_trip(name: str, dtype: str) -> None:
    model, x = networks.make(name, dtype)
    again = from_onnx(to_onnx(model))
    assert again.dtype == dtype
    assert again.input_names == model.input_names
    for y, reference in zip(networks.predicted(again, x), networks.predicted(model, x), strict=True):
        assert y.dtype == reference.dtype
        assert y.shape == reference.shape
        np.testing.assert_allclose(y, reference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "selu", "softplus", "hard_silu", "tanh_shrink"])
def test_activations_come_back_as_one(name: str, dtype: str) -> None:
    model, _ = networks.make(f"activation_{name}", dtype)
    assert kinds(from_onnx(to_onnx(model))) == [name]


@pytest.mark.parametrize("name", ["elu_small", "celu_small", "threshold", "capped_relu", "squareplus_round"])
def test_activations_come_back_with_their_settings(name: str) -> None:
    model, _ = networks.make(f"activation_{name}", "float64")
    (_, layer) = from_onnx(to_onnx(model)).layers
    settings = networks.ACTIVATIONS[name].keywords
    assert {abs(number) for number in layer.params} == {abs(number) for number in settings.values()}


@pytest.mark.parametrize("name", ["dense", "residual", "embedding", "layers_on_matrices", "named", "tabular"])
def test_what_was_imported_is_a_model_like_others(name: str) -> None:
    model, x = networks.make(name)
    imported = from_onnx(to_onnx(model))
    expected = networks.predicted(imported, x)
    again = Model.from_config(imported.get_config())
    again.set_weights(imported.get_weights())
    for other in (again, pickle.loads(pickle.dumps(imported))):
        for y, reference in zip(networks.predicted(other, x), expected, strict=True):
            np.testing.assert_array_equal(y, reference)


def test_what_was_imported_learns() -> None:
    model = Sequential([layers.Input((4,)), layers.Dense(8, activation="gelu"), layers.Dense(1)])
    imported = from_onnx(to_onnx(model))
    assert imported.count_params() == model.count_params()
    x = np.random.default_rng(0).normal(size=(64, 4))
    imported.compile(Adam(0.02), "mse")
    losses = imported.fit(x, x[:, :1], epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]


def test_layers_of_the_same_weights_are_one() -> None:
    x = layers.Input((3,))
    layer = layers.Dense(3, name="shared")
    model = Model(x, layer(layer(x)))
    imported = from_onnx(to_onnx(model))
    assert imported.count_params() == 12
    assert imported.get_layer("shared").kernel.shape == (3, 3)


# --- files that PyTorch wrote: tests/exchange/write_torch_files.py ----------------------------------------------------

FILES = sorted(path.name for path in DATA.glob("*.onnx"))
MADE_OF = {
    "mlp": ["Dense", "BatchNormalization", "relu", "Dense", "LayerNormalization", "gelu", "Dense", "softmax"],
    "gated": ["Dense", "silu", "Dense", "Add", "mish", "Dense", "gelu_tanh"],
    "residual": ["Dense", "tanh", "Add", "LayerNormalization", "Dense"],
    "recommender": ["Embedding", "Reshape", "Concatenate", "Dense", "relu", "Dense"],
}


@pytest.mark.parametrize("file", FILES)
def test_files_of_pytorch(file: str) -> None:
    model = from_onnx(DATA / file)
    rng = np.random.default_rng(1)
    shapes = [(5, *shape) for shape in model.sample_shapes]
    x = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    if "recommender" in file:
        x[0] = rng.integers(0, 9, shapes[0])
    proto = onnx.load(DATA / file)
    for y, reference in zip(networks.predicted(model, x), run(proto, x), strict=True):
        np.testing.assert_allclose(y, reference, rtol=1e-5, atol=1e-5)
    made_of = MADE_OF[file.split("_")[0]]
    if "dynamo" in file:  # which folds batch normalization into the product before it
        made_of = [kind for kind in made_of if kind != "BatchNormalization"]
    if "opset11" not in file:  # which has no layer normalization
        assert sorted(kinds(model)) == sorted(made_of)


def test_there_are_files_of_both_exporters() -> None:
    assert {file.partition("_")[2] for file in FILES} == {"legacy.onnx", "legacy_opset11.onnx", "dynamo.onnx"}


# --- operators --------------------------------------------------------------------------------------------------------

BODIES = {
    "gemm with factors": "w = Constant<value=float[2,4]{1,2,3,4,5,6,7,8}>() c = Constant<value=float[1]{3}>()"
    "y = Gemm<transB=1, alpha=0.5, beta=2.0>(x, w, c)",
    "a product and its bias": "w = Constant<value=float[4,2]{1,2,3,4,5,6,7,8}>() b = Constant<value=float[2]{3,4}>()"
    "p = MatMul(x, w) y = Add(b, p)",
    "a product that is used twice": "w = Constant<value=float[4,2]{1,2,3,4,5,6,7,8}>()"
    "b = Constant<value=float[2]{3,4}>() p = MatMul(x, w) q = Add(b, p) y = Mul(q, p)",
    "gemm with a tensor": "w = Constant<value=float[4,4]{1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1}>() r = Relu(x)"
    "y = Gemm<beta=0.5>(x, w, r)",
    "clip": "l = Constant<value=float{-0.5}>() h = Constant<value=float{0.75}>() y = Clip(x, l, h)",
    "clip from below": "l = Constant<value=float{-0.5}>() y = Clip(x, l)",
    "clip from above": "h = Constant<value=float{0.5}>() y = Clip(x, , h)",
    "numbers around": "a = Constant<value=float{3}>() b = Sub(a, x) c = Div(b, a) d = Div(a, c)"
    "e = Add(d, a) y = Mul(a, e)",
    "vectors around": "a = Constant<value=float[4]{3,4,5,6}>() b = Sub(a, x) c = Div(b, a)d = Div(a, c) y = Max(a, d)",
    "least": "a = Constant<value=float[1,4]{0,1,-1,2}>() y = Min(x, a)",
    "powers": "a = Constant<value=float{3}>() b = Pow(x, a) h = Constant<value=float{0.5}>() s = Abs(b) y = Pow(s, h)",
    "variadic": "r = Relu(x) s = Sum(x, r, x) m = Mean(x, s) y = Max(r, m, x)",
    "soft plus a little": "s = Softplus(x) e = Constant<value=float{0.000001}>() z = Add(s, e) y = Log(z)",
    "not quite a gelu": "a = Constant<value=float{1.702}>() b = Mul(x, a) s = Sigmoid(b) y = Mul(x, s)",
    "a far clip": "s = Softplus(x) h = Constant<value=float{20000.0}>()"
    "l = Constant<value=float{0.0}>() y = Clip(s, l, h)",
    "hard sigmoid": "y = HardSigmoid<alpha=0.3, beta=0.4>(x)",
    "leaky slopes": "a = LeakyRelu(x) y = LeakyRelu<alpha=-0.5>(a)",
    "slopes": "a = Constant<value=float[4]{0.5,0.25,0.125,1}>() y = PRelu(x, a)",
    "one slope": "a = Constant<value=float[1]{0.5}>() y = PRelu(x, a)",
    "slices": "s = Constant<value=int64[1]{-1}>() e = Constant<value=int64[1]{-5}>() a = Constant<value=int64[1]{1}>()"
    "t = Constant<value=int64[1]{-2}>() y = Slice(x, s, e, a, t)",
    "parts": "a, b = Split<axis=-1>(x) y = Concat<axis=1>(b, a, b)",
    "chosen": "i = Constant<value=int64[3]{-1,0,1}>() y = Gather<axis=1>(x, i)",
    "columns": "a = Transpose<perm=[1,0]>(x) i = Constant<value=int64[3,1]{3,-4,1}>() b = GatherND(a, i)"
    "y = Transpose<perm=[1,0]>(b)",
    "rows": "s = Constant<value=int64[3]{0,2,2}>() r = Reshape(x, s) a = Transpose<perm=[2,0,1]>(r)"
    "i = Constant<value=int64[3,1]{1,0,1}>() b = GatherND(a, i) c = Transpose<perm=[1,2,0]>(b) y = Flatten(c)",
    "shapes": "s = Constant<value=int64[3]{0,2,-1}>() a = Reshape(x, s) b = Transpose<perm=[0,2,1]>(a) y = Flatten(b)",
    "a shape from a shape": "s = Shape(x) i = Constant<value=int64{0}>() n = Gather(s, i)"
    "z = Constant<value=int64[1]{0}>() u = Unsqueeze(n, z) m = Constant<value=int64[1]{-1}>() t = Concat<axis=0>(u, m)"
    "r = Relu(x) y = Reshape(r, t)",
    "axes of length one": "a = Constant<value=int64[1]{1}>() u = Unsqueeze(x, a) s = Constant<value=int64[3]{1,3,4}>()"
    "e = Expand(u, s) r = Constant<value=int64[3]{1,1,2}>() t = Tile(e, r) y = ReduceMean<axes=[1], keepdims=0>(t)",
    "squeezed": "a = Constant<value=int64[1]{1}>() u = Unsqueeze(x, a) y = Squeeze(u, a)",
    "sums": "a = Constant<value=int64[1]{1}>() b = ReduceSum(x, a) c = ReduceL2<axes=[1]>(x)"
    "d = ReduceMin<axes=[-1]>(x)"
    "e = ReduceL1<axes=[1]>(x) f = ReduceSumSquare<axes=[1]>(x) y = Concat<axis=1>(b, c, d, e, f)",
    "unit length": "y = LpNormalization(x)",
    "left out": "r = Constant<value=float{0.25}>() d = Dropout(x, r) y = Identity(d)",
    "softmax on an axis": "s = Constant<value=int64[3]{0,2,2}>() a = Reshape(x, s) b = Softmax<axis=1>(a)"
    "y = Flatten(b)",
    "log of softmax": "y = LogSoftmax(x)",
    "elu and selu": "a = Elu<alpha=0.5>(x) b = Selu(a) c = Selu<alpha=1.0, gamma=2.0>(b) y = Celu<alpha=2.0>(c)",
    "shrinks": "a = Shrink<lambd=0.25, bias=0.25>(x) b = Shrink<lambd=0.25>(x) y = Sub(b, a)",
    "conditions": "z = Constant<value=float{0.5}>() g = Greater(x, z) n = Neg(x) l = LessOrEqual(z, n) o = Or(g, l)"
    "a = Abs(x) b = Not(o) c = And(b, g) d = Equal(x, a) e = Less(n, x) f = GreaterOrEqual(x, z)"
    "w = Where(o, a, x) t = Cast<to=1>(f) u = Cast<to=9>(t) v = Cast<to=1>(u) i = Cast<to=7>(e) j = Cast<to=1>(i)"
    "k = Cast<to=1>(c) m = Cast<to=1>(d) y = Sum(w, t, v, j, k, m)",
    "choices": "z = Constant<value=float[4]{0,1,2,3}>() g = Greater(x, z) i = Constant<value=float{inf}>() n = Neg(i)"
    "m = Where(g, n, x) c = Constant<value=float{3}>() w = Where(g, c, z) s = Softmax(m) y = Sub(w, s)",
    "signs": "y = Sign(x)",
    "instances": "s = Constant<value=int64[3]{0,2,-1}>() a = Reshape(x, s) g = Constant<value=float[2]{2,3}>()"
    "b = Constant<value=float[2]{0.5,0}>() n = InstanceNormalization(a, g, b) y = Flatten(n)",
    "constants reduced": "w = Constant<value=float[4,2]{1,2,3,4,5,6,7,8}>() n = ReduceL2<axes=[0]>(w) k = Div(w, n)"
    "m = ReduceMax(w) s = ReduceSum(w) q = Div(k, m) r = Div(q, s) y = MatMul(x, r)",
    "numbers of steps": "a = ThresholdedRelu<alpha=0.3>(x) b = HardSwish(a) c = Reciprocal(x) y = Mul(b, c)",
}


@pytest.mark.parametrize(
    "operator, shape", [("Max", "float"), ("Max", "float[4]"), ("Min", "float"), ("Min", "float[4]"), ("Clip", "float")]
)
def test_extremes_keep_every_digit(operator: str, shape: str) -> None:
    count = 4 if "[" in shape else 1
    low, high = (f"{shape}{{{', '.join([number] * count)}}}" for number in ("-3000000.25", "5000000.5"))
    if operator == "Clip":
        body = f"l = Constant<value={low}>() h = Constant<value={high}>() y = Clip(x, l, h)"
    else:
        body = f"c = Constant<value={low if operator == 'Max' else high}>() y = {operator}(x, c)"
    proto = graph(body)
    x = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    x[:2] *= 1e7
    x[2] = [np.inf, -np.inf, np.float32(1e-30), 0]
    np.testing.assert_array_equal(networks.predicted(from_onnx(proto), [x])[0], run(proto, [x])[0])


@pytest.mark.parametrize("name", BODIES)
def test_operators(name: str) -> None:
    proto = graph(BODIES[name])
    x = [np.random.default_rng(0).normal(0, 3, (6, 4)).astype(np.float32)]
    x[0][0] *= 1e4
    (y,), (reference,) = networks.predicted(from_onnx(proto), x), run(proto, x)
    np.testing.assert_allclose(y, reference, rtol=1e-5, atol=1e-5)


def test_softmax_before_opset_13_is_over_all_axes_from_one_on() -> None:
    proto = graph("y = Softmax<axis=1>(x)", opset=11, inputs="float[N,2,3] x", outputs="float[N,2,3] y")
    x = [np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)]
    (y,) = networks.predicted(from_onnx(proto), x)
    np.testing.assert_allclose(y, run(proto, x)[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y.sum((1, 2)), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "body, opset",
    [
        ("y = Gelu(x)", 20),
        ('y = Gelu<approximate="tanh">(x)', 20),
        ("y = Mish(x)", 18),
        ("s = Constant<value=float[4]{1,2,3,4}>() y = LayerNormalization(x, s)", 17),
        ("a, b = Split<axis=1, num_outputs=2>(x) y = Sub(a, b)", 18),
        ("a = Constant<value=int64[1]{1}>() y = ReduceMax(x, a)", 18),
    ],
)
def test_operators_of_other_versions(body: str, opset: int) -> None:
    proto = graph(body, opset)
    x = [np.random.default_rng(0).normal(0, 3, (6, 4)).astype(np.float32)]
    np.testing.assert_allclose(networks.predicted(from_onnx(proto), x)[0], run(proto, x)[0], rtol=1e-5, atol=1e-5)


def test_channels_come_first_in_batch_normalization() -> None:
    v = "Constant<value=float[3]{1,2,3}>()"
    proto = graph(f"v = {v} y = BatchNormalization(x, v, v, v, v)", inputs="float[N,3,2] x", outputs="float[N,3,2] y")
    x = [np.random.default_rng(0).normal(size=(6, 3, 2)).astype(np.float32)]
    np.testing.assert_allclose(networks.predicted(from_onnx(proto), x)[0], run(proto, x)[0], rtol=1e-5, atol=1e-5)


def test_one_hot() -> None:
    proto = graph(
        "d = Constant<value=int64{3}>() v = Constant<value=float[2]{0,1}>() y = OneHot(x, d, v)",
        inputs="int64[N,2] x",
        outputs="float[N,2,3] y",
    )
    x = [np.array([[0, 2], [1, 1]])]
    np.testing.assert_array_equal(networks.predicted(from_onnx(proto), x)[0], run(proto, x)[0])


def test_names() -> None:
    proto = graph("y = Relu(x) z = Tanh(x)", outputs="float[N,4] y, float[N,4] z")
    model = from_onnx(proto, name="mine")
    assert (model.name, model.input_names, model.output_names) == ("mine", ["x"], ["y", "z"])
    assert from_onnx(proto).name == "g"


def test_weights_in_a_file_of_their_own(tmp_path: Path) -> None:
    model, x = networks.make("dense")
    onnx.save(to_onnx(model), tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    assert (tmp_path / "m.data").stat().st_size > 0
    np.testing.assert_allclose(
        networks.predicted(from_onnx(tmp_path / "m.onnx"), x)[0], networks.predicted(model, x)[0]
    )
    with pytest.raises(ValueError, match="pass its path"):
        from_onnx((tmp_path / "m.onnx").read_bytes())
