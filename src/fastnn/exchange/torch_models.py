"""Models to PyTorch and back: `torch.nn.Sequential`, and state dicts in safetensors files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn.exchange.torch_layers import check_known, layer_of, sample_shape_of
from fastnn.exchange.torch_modules import modules_of
from fastnn.files import FileError, replacing
from fastnn.files.errors import naming, shortened
from fastnn.layers import Input
from fastnn.models import Sequential


def torch_module() -> Any:
    """The package `torch`.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError("This needs PyTorch. Install the extra: python -m pip install 'fastnn-cpu[torch]'") from error
    return torch


def safetensors_module() -> Any:
    """The part of the package `safetensors` that knows NumPy.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Files of state dicts need safetensors. Install the extra: python -m pip install 'fastnn-cpu[files]'"
        ) from error
    return safetensors.numpy


def to_torch(model: Any) -> Any:
    """Makes a `torch.nn.Sequential` of a model of layers in a row, with its weights.

    It is in evaluation mode; `module.train()` has it learn on, with dropout and moving averages as in fastnn. Moving
    averages of variances differ a little while it does: PyTorch's are unbiased. Inputs are of the model's dtype, ids
    of an embedding of int64. Needs PyTorch.

    Args:
        model: A model, built.

    Raises:
        ImportError: PyTorch is not installed.
        ValueError: The model is not built.
        NotImplementedError: Its layers are not in a row, or PyTorch has no module for one: use `to_onnx`.
    """
    torch = torch_module()
    modules = [getattr(torch.nn, module.name)(**module.arguments) for module in modules_of(model)]
    sequential = torch.nn.Sequential(*modules).to(getattr(torch, model.dtype.name))
    state = {name: torch.from_numpy(array) for name, array in to_state_dict(model).items()}
    sequential.load_state_dict(state)
    return sequential.eval()


def from_torch(module: Any, input_shape: Any = None, name: str | None = None) -> Sequential:
    """Makes a model of a `torch.nn.Sequential`, nested ones included, with its weights.

    Layers are called as the modules are in the state dict: `"0"`, `"2.1"`. For a module with a `forward` of its own,
    go by `torch.onnx.export` and `from_onnx`. Needs PyTorch.

    Args:
        module: The module, of float32 or float64.
        input_shape: Shape of a sample, without the batch axis; by default what the first module with weights says.
        name: Name of the model.

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: It is no module of PyTorch's.
        ValueError: A shape does not fit, or the shape of the input cannot be known.
        NotImplementedError: There is no layer for a module, or for its settings.
    """
    torch = torch_module()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"Argument `module` must be a torch.nn.Module. Received: {type(module).__name__}")
    found = list(_flattened(torch, module, ""))
    for path, each in found:
        check_known(each, path or "0")
    dtypes = {tensor.dtype for tensor in module.state_dict().values() if tensor.dtype.is_floating_point}
    if not dtypes <= {torch.float32, torch.float64} or len(dtypes) > 1:
        raise ValueError(
            "All weights must be of float32, or all of float64: convert them first, module.float(). "
            f"Received: {sorted(str(dtype) for dtype in dtypes)}"
        )
    dtype = "float64" if dtypes == {torch.float64} else "float32"
    shape = _input_shape([each for _, each in found]) if input_shape is None else input_shape
    if shape is None:
        raise ValueError(
            "Argument `input_shape` must be given where the first module does not say it. "
            f"Received: input_shape=None for {[type(each).__name__ for _, each in found][:3]}"
        )
    start = Input(shape)
    model = Sequential([start], name=name, dtype=dtype)
    shape = tuple(start.shape[1:])
    for path, each in found:
        layer, weights = layer_of(each, shape, path or "0")
        model.add(layer)
        shape = tuple(model.output_shape[1:])
        for weight, tensor in weights.items():
            array, variable = tensor.detach().cpu().numpy(), getattr(layer, weight)
            variable.assign((array.T if weight == "kernel" else array).reshape(variable.shape))
    return model


def _input_shape(modules: list[Any]) -> tuple[int, ...] | None:
    """What the first module with weights says, if those before it keep the shape."""
    for module in modules:
        if type(module).__name__ in ("Embedding", "Flatten", "Unflatten"):
            return None
        shape = sample_shape_of(module)
        if shape is not None:
            return shape
    return None


def _flattened(torch: Any, module: Any, path: str) -> Any:
    """The modules in a row, by their paths."""
    if not isinstance(module, torch.nn.Sequential):
        yield path, module
        return
    for name, child in module._modules.items():
        yield from _flattened(torch, child, f"{path}.{name}" if path else name)


# --- state dicts ------------------------------------------------------------------------------------------------------


def to_state_dict(model: Any, path: Any = None) -> dict[str, np.ndarray]:
    """The weights of a model by the names and in the shapes that they have in `to_torch(model).state_dict()`.

    PyTorch is not needed. A file is in the safetensors format, which `safetensors.torch.load_file` reads.

    Args:
        model: A model, built, of layers in a row.
        path: Where to write them, too; by default nowhere.

    Raises:
        ImportError: There is a path, and safetensors is not installed.
        ValueError: The model is not built.
        NotImplementedError: As in `to_torch`.

    Example:

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(3)])
    >>> {name: array.shape for name, array in to_state_dict(model).items()}
    {'0.weight': (8, 4), '0.bias': (8,), '2.weight': (3, 8), '2.bias': (3,)}
    """
    state: dict[str, np.ndarray] = {}
    for number, module in enumerate(modules_of(model)):
        for name, tensor in module.tensors.items():
            state[f"{number}.{name}"] = tensor.array(model.dtype)
        if module.name == "BatchNorm1d":
            state[f"{number}.num_batches_tracked"] = np.zeros((), np.int64)
    if path is not None:
        content = safetensors_module().save(state)
        with replacing(path) as file:
            file.write(content)
    return state


def load_state_dict(model: Any, source: Any) -> None:
    """Sets the weights of a model to those of a state dict of `to_torch(model)`: all or none.

    Args:
        model: A model, built, of layers in a row.
        source: Path of a safetensors file; or arrays or PyTorch's tensors by name.

    Raises:
        ImportError: It is a path, and safetensors is not installed.
        ValueError: A name is missing or too many, a shape is wrong, or the file is damaged (`FileError`). The model
            stays as it was.

    Example:

    >>> import numpy as np
    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((2,)), layers.Dense(1)])
    >>> load_state_dict(model, {"0.weight": np.array([[1.0, 2.0]]), "0.bias": np.array([3.0])})
    >>> model.predict(np.array([[10.0, 100.0]]), verbose=0)
    array([[213.]], dtype=float32)
    """
    if isinstance(source, Mapping):
        _load(model, source)
        return
    with naming(source):
        _load(model, _read(source))


def _load(model: Any, given: Mapping[Any, Any]) -> None:
    wanted = {
        f"{number}.{name}": tensor
        for number, module in enumerate(modules_of(model))
        for name, tensor in module.tensors.items()
    }
    given = {name: value for name, value in given.items() if not name.endswith(".num_batches_tracked")}
    if set(given) != set(wanted):
        more, less = sorted(map(str, set(given) - set(wanted))), sorted(set(wanted) - set(given))
        raise ValueError(
            f"The state dict must hold {shortened(str(sorted(wanted)))}. "
            f"Received: {shortened(str(more))} too many, {shortened(str(less))} missing"
        )
    arrays = {name: _array(name, value) for name, value in given.items()}
    for name, tensor in wanted.items():
        if arrays[name].shape != tensor.shape:
            raise ValueError(f"'{name}' must have the shape {tensor.shape}. Received: {arrays[name].shape}")
    for name, tensor in wanted.items():
        if tensor.variable is not None:
            tensor.variable.assign(tensor.as_weight(arrays[name]))


def _array(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"'{name}' must hold finite real numbers. Received: dtype={array.dtype}")
    return array


def _read(path: Any) -> dict[str, np.ndarray]:
    library = safetensors_module()
    try:
        return dict(library.load_file(os.fspath(path)))
    except FileNotFoundError:
        raise
    except Exception as error:  # of safetensors' own kind
        raise FileError(path, f"it is damaged, or no safetensors file: {error}") from error
