"""Models to PyTorch and back: the same predictions, the same state dict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from fastnn import layers
from fastnn.exchange import from_torch, load_state_dict, to_state_dict, to_torch
from fastnn.models import Model, Sequential

torch = pytest.importorskip("torch")
nn = torch.nn

ROWS = [
    "dense",
    "softmax",
    "log_softmax",
    "batch_normalization",
    "layer_normalization",
    "rms_normalization",
    "group_normalization",
    "activity",
    "softmax_layer",
]
ACTIVATIONS = [
    *("celu", "elu", "gelu", "gelu_tanh", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu"),
    *("linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softplus"),
    *("softsign", "tanh", "tanh_shrink", "threshold", "elu_small", "celu_small", "leaky_relu_small", "log_softmax"),
]


def run(module: Any, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        y: np.ndarray = module(torch.from_numpy(x)).numpy()
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*ROWS, *(f"activation_{each}" for each in ACTIVATIONS)])
def test_to_torch_and_back(name: str, dtype: str) -> None:
    model, x = networks.make(name, dtype)
    expected = networks.predicted(model, x)[0]
    module = to_torch(model)
    assert isinstance(module, nn.Sequential)
    y = run(module, x[0])
    assert y.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    if not model.weights and dtype == "float64":
        return  # a module without weights has no dtype
    again = from_torch(module, input_shape=model.sample_shapes[0])
    assert again.dtype == dtype
    np.testing.assert_allclose(again.predict(x[0], verbose=0), expected, rtol=tolerance, atol=tolerance)


def test_shapes_in_a_row() -> None:
    stack = [layers.Dense(4), layers.Reshape((2, 2)), layers.Dense(3, activation="relu"), layers.Flatten()]
    model = Sequential([layers.Input((6,)), *stack, layers.PReLU()])
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    module = to_torch(model)
    names = [type(each).__name__ for each in module]
    assert names == ["Linear", "Unflatten", "Linear", "ReLU", "Flatten", "PReLU"]
    np.testing.assert_allclose(run(module, x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(from_torch(module).predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_embedding() -> None:
    model = Sequential([layers.Input((3,)), layers.Embedding(9, 4), layers.Flatten(), layers.Dense(2)])
    ids = np.random.default_rng(0).integers(0, 9, (5, 3))
    module = to_torch(model)
    np.testing.assert_allclose(run(module, ids), model.predict(ids, verbose=0), rtol=1e-5, atol=1e-6)
    again = from_torch(module, input_shape=(3,))
    np.testing.assert_array_equal(again.predict(ids, verbose=0), model.predict(ids, verbose=0))
    with pytest.raises(ValueError, match=r"`input_shape` must be given.*\['Embedding', 'Flatten', 'Linear'\]"):
        from_torch(module)


def test_momentum_epsilon_and_dropout() -> None:
    stack = [layers.Dense(4), layers.BatchNormalization(momentum=0.75, epsilon=0.25), layers.Dropout(0.375)]
    module = to_torch(Sequential([layers.Input((6,)), *stack, layers.Dense(1)]))
    assert (module[1].momentum, module[1].eps, module[2].p, module.training) == (0.25, 0.25, 0.375, False)
    again = from_torch(module)
    assert (again.layers[1].momentum, again.layers[1].epsilon, again.layers[2].rate) == (0.75, 0.25, 0.375)


def test_moving_averages_move_alike() -> None:
    model = Sequential([layers.Input((3,)), layers.BatchNormalization(momentum=0.75)])
    module = to_torch(model).train()
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    model(x, training=True)
    module(torch.from_numpy(x))
    np.testing.assert_allclose(module[0].running_mean.numpy(), model.layers[0].moving_mean, rtol=1e-4, atol=1e-6)
    biased = (module[0].running_var.numpy() - 0.75) * 49 / 50 + 0.75
    np.testing.assert_allclose(biased, model.layers[0].moving_variance, rtol=1e-4)


def test_modules_within_modules_and_their_names() -> None:
    inner = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
    module = nn.Sequential(nn.Dropout(0.1), nn.Linear(6, 5), inner, nn.Identity(), nn.Linear(5, 2)).eval()
    model = from_torch(module, name="mine")
    assert model.name == "mine"
    assert [layer.name for layer in model.layers] == ["0", "1", "2.0", "2.1", "3", "4"]
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    np.testing.assert_allclose(model.predict(x, verbose=0), run(module, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "module, shape",
    [
        (nn.Hardtanh(0.0, 3.0), (6,)),
        (nn.GELU(approximate="tanh"), (6,)),
        (nn.LayerNorm((2, 3)), (2, 3)),
        (nn.LayerNorm(6, bias=False), (6,)),
        (nn.LayerNorm(6, elementwise_affine=False), (6,)),
        (nn.RMSNorm(6), (6,)),
        (nn.GroupNorm(2, 6), (6,)),
        (nn.BatchNorm1d(6, affine=False), (6,)),
        (nn.PReLU(6), (6,)),
        (nn.PReLU(2), (2, 3)),
        (nn.PReLU(), (2, 3)),
        (nn.Softmax(1), (6,)),
        (nn.Flatten(), (2, 3)),
        (nn.Unflatten(1, (2, -1)), (6,)),
        (nn.Unflatten(-1, (3, 2)), (2, 6)),
        (nn.AlphaDropout(0.5), (6,)),
        (nn.Linear(6, 2, dtype=torch.float64), (4, 6)),
    ],
    ids=repr,
)
def test_single_modules(module: Any, shape: tuple[int, ...]) -> None:
    module = module.eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    dtype = next((str(each.dtype).removeprefix("torch.") for each in module.parameters()), "float32")
    x = np.random.default_rng(0).normal(0, 3, (5, *shape)).astype(dtype)
    y = from_torch(module, input_shape=shape).predict(x, verbose=0)
    np.testing.assert_allclose(y, run(module, x), rtol=1e-5, atol=1e-6)


class Own(nn.Module):
    def forward(self, x: Any) -> Any:
        return x + 1


@pytest.mark.parametrize(
    "module",
    [
        Own(),
        nn.Conv1d(2, 2, 1),
        nn.LSTM(2, 2),
        nn.Softplus(beta=2),
        nn.Softmax(None),
        nn.Hardtanh(-2.0, 3.0),
        nn.BatchNorm1d(6, track_running_stats=False),
        nn.BatchNorm1d(6, momentum=None),
        nn.Embedding(6, 2, max_norm=1.0),
        nn.Flatten(2),
    ],
    ids=repr,
)
def test_modules_without_a_layer_are_refused(module: Any) -> None:
    with pytest.raises(NotImplementedError, match=r"Received: module '1'"):
        from_torch(nn.Sequential(nn.Linear(6, 6), module))


@pytest.mark.parametrize("module", [Own(), nn.LSTM(2, 2)], ids=repr)
def test_unknown_modules_are_refused_before_a_shape_is_asked_for(module: Any) -> None:
    with pytest.raises(NotImplementedError, match=r"module '0' of class"):
        from_torch(module)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module. Received: list"):
        from_torch([])
    with pytest.raises(ValueError, match="convert them first"):
        from_torch(nn.Linear(2, 2).half())
    with pytest.raises(ValueError, match=r"Module '1' takes samples of 3 features. Received: samples of shape \(4,\)"):
        from_torch(nn.Sequential(nn.Linear(2, 4), nn.Linear(3, 1)))
    shared = nn.Linear(4, 4)
    np.testing.assert_equal(len(from_torch(nn.Sequential(shared, nn.ReLU(), shared)).layers), 3)


@pytest.mark.parametrize("name", ["residual", "named", "capped_relu", "subclassed", "tabular", "feature_scale"])
def test_models_that_are_no_row_are_refused(name: str) -> None:
    model, _ = networks.make(f"activation_{name}" if name == "capped_relu" else name)
    with pytest.raises(NotImplementedError, match="to_onnx"):
        to_torch(model)
    x = layers.Input((3,))
    with pytest.raises(NotImplementedError, match=r"Received: an output in the middle|to_onnx"):
        to_torch(Model(x, [layers.Dense(2)(x), x]))


def test_the_state_dict_is_that_of_the_module(tmp_path: Path) -> None:
    model, x = networks.make("batch_normalization")
    module = to_torch(model)
    state = to_state_dict(model, tmp_path / "m.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()} == {
        name: array.shape for name, array in state.items()
    }
    safetensors_torch = pytest.importorskip("safetensors.torch")
    module.load_state_dict(safetensors_torch.load_file(tmp_path / "m.safetensors"))
    np.testing.assert_allclose(run(module, x[0]), networks.predicted(model, x)[0], rtol=1e-5, atol=1e-6)


def test_a_trained_module_comes_back() -> None:
    model, x = networks.make("dense")
    module = to_torch(model)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    load_state_dict(model, module.state_dict())
    np.testing.assert_allclose(networks.predicted(model, x)[0], run(module, x[0]), rtol=1e-5, atol=1e-5)
