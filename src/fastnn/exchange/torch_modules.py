"""A model as a row of PyTorch's modules: their names, arguments and tensors. PyTorch itself is not needed for that."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnn.exporting.description import lowered, params_of
from fastnn.records import Record, Shape, required
from fastnn.variables import Variable


class Tensor(NamedTuple):
    """A parameter or buffer of a module.

    Attributes:
        shape: Its shape.
        variable: The weight that it is; `None` for what fastnn has no weight for.
        turned: Whether it is that transposed.
        fill: What it is full of, where there is no weight.
    """

    shape: Shape
    variable: Variable | None = None
    turned: bool = False
    fill: float = 0.0

    def array(self, dtype: np.dtype) -> np.ndarray:
        """Its value, in new memory."""
        if self.variable is None:
            return np.full(self.shape, self.fill, dtype)
        value = self.variable.value
        return np.array(value.reshape(self.shape[::-1]).T if self.turned else value.reshape(self.shape), order="C")

    def as_weight(self, array: np.ndarray) -> np.ndarray:
        """A value of it, as the weight has it."""
        return (array.T if self.turned else array).reshape(required(self.variable, "a weight").shape)


class Module(NamedTuple):
    """A module: the name of its class in `torch.nn`, the arguments of that, and its tensors by name."""

    name: str
    arguments: dict[str, Any]
    tensors: dict[str, Tensor]


# activation -> module, names of its arguments
ACTIVATIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "celu": ("CELU", ("alpha",)),
    "elu": ("ELU", ("alpha",)),
    "gelu": ("GELU", ()),
    "hard_shrink": ("Hardshrink", ("lambd",)),
    "hard_sigmoid": ("Hardsigmoid", ()),
    "hard_silu": ("Hardswish", ()),
    "hard_tanh": ("Hardtanh", ()),
    "leaky_relu": ("LeakyReLU", ("negative_slope",)),
    "linear": ("Identity", ()),
    "log_sigmoid": ("LogSigmoid", ()),
    "mish": ("Mish", ()),
    "relu": ("ReLU", ()),
    "selu": ("SELU", ()),
    "sigmoid": ("Sigmoid", ()),
    "silu": ("SiLU", ()),
    "soft_shrink": ("Softshrink", ("lambd",)),
    "softplus": ("Softplus", ()),
    "softsign": ("Softsign", ()),
    "tanh": ("Tanh", ()),
    "tanh_shrink": ("Tanhshrink", ()),
    "threshold": ("Threshold", ("threshold", "value")),
}


def modules_of(model: Any) -> list[Module]:
    """The modules that compute what a model computes, one after the other, in training and in prediction.

    Args:
        model: A model, built, of layers in a row that PyTorch has, too.

    Raises:
        ValueError: The model is not built.
        NotImplementedError: Its layers are not in a row, or PyTorch has no module for one.
    """
    return _Row(model).modules


class _Row:
    def __init__(self, model: Any) -> None:
        builder = lowered(model, training=True)
        self.modules: list[Module] = []
        if len(builder.feeds) != 1 or len(builder.results) != 1:
            raise NotImplementedError(
                "A row of modules has one input and one output: for other models, use to_onnx. "
                f"Received: {len(builder.feeds)} inputs, {len(builder.results)} outputs"
            )
        self.name = model.name
        (feed,), (result,) = builder.feeds, builder.results
        self.shape = feed.shape  # of the samples that the last module puts out
        last = feed
        for record in builder.records:
            if record.op not in _STEPS or record.x.root is not last.root:
                self._refuse(f"a step '{record.op}'" if record.x.root is last.root else "steps that are not in a row")
            _STEPS[record.op](self, record)
            last = record.y
        if result.root is not last.root:
            self._refuse("an output in the middle")
        self._reshape(result.shape)
        if not self.modules:
            self._add("Identity")

    def _refuse(self, what: str) -> None:
        raise NotImplementedError(
            f"The model '{self.name}' must be a row of layers that PyTorch has as modules, too: for others, use "
            f"to_onnx. Received: {what}"
        )

    def _add(self, name: str, tensors: dict[str, Tensor] | None = None, **arguments: Any) -> None:
        self.modules.append(Module(name, arguments, tensors or {}))

    def _reshape(self, shape: Shape) -> None:
        """Samples of this shape."""
        if shape == self.shape:
            return
        if len(self.shape) != 1:
            self._add("Flatten")
        if len(shape) != 1:
            self._add("Unflatten", dim=1, unflattened_size=shape)
        self.shape = shape

    # --- steps ---

    def _activation(self, record: Record) -> None:
        kernel, params = record.settings["activation"], params_of(record)
        if kernel == "gelu_tanh":
            self._add("GELU", approximate="tanh")
        elif kernel == "clipped_relu":
            self._clipped_relu(*params)
        elif kernel in ACTIVATIONS:
            name, arguments = ACTIVATIONS[kernel]
            settings: dict[str, Any] = dict(zip(arguments, params, strict=True))
            self._add(name, **settings)
        else:
            self._refuse(f"the activation '{kernel}'")

    def _clipped_relu(self, slope: float, limit: float, threshold: float) -> None:
        if threshold == 0 and limit == math.inf:
            self._add("LeakyReLU", negative_slope=slope)
        elif threshold == 0 and slope == 0:
            self._add("Hardtanh", min_val=0.0, max_val=limit) if limit != 6 else self._add("ReLU6")
        else:
            self._refuse(f"a ReLU with negative_slope={slope}, max_value={limit}, threshold={threshold}")

    def _softmax(self, record: Record) -> None:
        self._reshape(record.x.shape)
        self._add("Softmax" if record.op == "softmax" else "LogSoftmax", dim=-1)

    def _dense(self, record: Record) -> None:
        x, (kernel, bias) = record.x, record.variables
        self._reshape(x.shape)
        shape = (record.y.width, x.width)
        tensors = {"weight": Tensor(shape, kernel, turned=True)}
        if bias is not None:
            tensors["bias"] = Tensor(shape[:1], bias)
        self._add("Linear", tensors, in_features=x.width, out_features=record.y.width, bias=bias is not None)
        self.shape = record.y.shape

    def _dropout(self, record: Record) -> None:
        if "rate" not in record.settings:
            self._refuse("a rate of dropout that follows a schedule")
        self._add("Dropout", p=record.settings["rate"])

    def _embedding(self, record: Record) -> None:
        (table,) = record.variables
        shape = required(table, "a table").shape
        if self.modules:
            self._refuse("an embedding that is not the first layer")
        self._add("Embedding", {"weight": Tensor(shape, table)}, num_embeddings=shape[0], embedding_dim=shape[1])
        self.shape = record.y.shape

    def _batch_normalization(self, record: Record) -> None:
        self._reshape(record.x.shape)
        if len(self.shape) != 1:
            self._refuse(f"batch normalization of samples of shape {self.shape}")
        gamma, beta, mean, variance = record.variables
        tensors = self._factors(gamma, beta)
        tensors |= {"running_mean": Tensor(self.shape, mean), "running_var": Tensor(self.shape, variance)}
        settings = {"eps": record.settings["epsilon"], "momentum": 1 - record.settings["momentum"]}
        self._add("BatchNorm1d", tensors, num_features=self.shape[0], affine=len(tensors) == 4, **settings)

    def _factors(self, gamma: Variable | None, beta: Variable | None) -> dict[str, Tensor]:
        """A weight and a bias; both, where there is one of them."""
        if gamma is None and beta is None:
            return {}
        shape = self.shape[-1:]
        return {"weight": Tensor(shape, gamma, fill=1.0), "bias": Tensor(shape, beta, fill=0.0)}

    def _group_normalization(self, record: Record) -> None:
        kind, lines, groups = (int(number) for number in record.settings["params"])
        gamma, beta = record.variables
        epsilon = record.settings["epsilon"]
        self._reshape(record.x.shape)
        tensors = self._factors(gamma, beta)
        if kind == 0 and lines == groups == 1:
            if gamma is not None and beta is None:
                del tensors["bias"]
            affine = {"elementwise_affine": bool(tensors), "bias": "bias" in tensors}
            self._add("LayerNorm", tensors, normalized_shape=self.shape[-1:], eps=epsilon, **affine)
        elif kind == 0 and lines == 1 and len(self.shape) == 1:
            channels = self.shape[0]
            self._add("GroupNorm", tensors, num_groups=groups, num_channels=channels, eps=epsilon, affine=bool(tensors))
        elif kind == 1 and lines == groups == 1:
            tensors.pop("bias", None)
            self._add("RMSNorm", tensors, normalized_shape=self.shape[-1:], eps=epsilon)
        else:
            self._refuse("a normalization of groups or to length one")

    def _prelu(self, record: Record) -> None:
        slopes = required(record.variables[0], "slopes")
        if slopes.size not in (1, math.prod(self.shape)):
            self._refuse(f"a PReLU of {slopes.size} slopes for samples of shape {self.shape}")
        if slopes.size > 1:
            self._reshape((slopes.size,))
        self._add("PReLU", {"weight": Tensor((slopes.size,), slopes)}, num_parameters=slopes.size)


_STEPS: dict[str, Callable[[_Row, Record], None]] = {
    "activation": _Row._activation,
    "batch_normalization": _Row._batch_normalization,
    "dense": _Row._dense,
    "dropout": _Row._dropout,
    "embedding": _Row._embedding,
    "group_normalization": _Row._group_normalization,
    "log_softmax": _Row._softmax,
    "moving_normalization": _Row._batch_normalization,
    "prelu": _Row._prelu,
    "softmax": _Row._softmax,
}
