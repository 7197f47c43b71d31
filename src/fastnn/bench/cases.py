"""The networks that are trained, as data: sizes, batch, samples, loss; their work in FLOPs; and data to train on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON, MOMENTUM = 1e-3, 0.9, 0.999, 1e-7, 0.9
NORMALIZATION_MOMENTUM, NORMALIZATION_EPSILON = 0.99, 1e-3
OUTPUT_ACTIVATION = {"bce": "sigmoid", "mse": "linear", "ce": "softmax"}
SLOTS = {"adam": 2, "momentum": 1}


@dataclass(frozen=True)
class Case:
    """One network and its data set.

    Args:
        name: What it is called on the command line and in results.
        sizes: Widths from the inputs to the outputs.
        batch: Samples in a step. The last batch of an epoch may be smaller.
        samples: Samples in an epoch.
        loss: `"bce"` (sigmoid output), `"mse"` (linear output) or `"ce"` (softmax output, integer labels).
        activation: Of hidden layers: `"relu"`, `"tanh"`, `"gelu"` or `"silu"`.
        dtype: `"float32"` or `"float64"`.
        optimizer: `"adam"`, or `"momentum"`: stochastic gradient descent with it.
        dropout: Rate of the dropout after each hidden layer; 0 for none.
        normalization: Whether each hidden layer's sums are normalized over the batch, before the activation.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    samples: int
    loss: str
    activation: str = "relu"
    dtype: str = "float32"
    optimizer: str = "adam"
    dropout: float = 0.0
    normalization: bool = False

    @staticmethod
    def of(fields: dict[str, Any]) -> Case:
        """The case with these fields, as JSON has them."""
        return Case(**fields | {"sizes": tuple(fields["sizes"])})

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return -(-self.samples // self.batch)

    @property
    def flops(self) -> int:
        """Floating-point operations of an epoch's products.

        Forward, gradient of the weights and gradient of the inputs each take 2·samples·in·out in every layer; nobody
        needs the gradient of the first layer's inputs. Activations, loss and optimizer are not counted.
        """
        work = sum(a * b for a, b in pairwise(self.sizes))
        return self.samples * (6 * work - 2 * self.sizes[0] * self.sizes[1])

    @property
    def parameters(self) -> int:
        """Weights that learn."""
        normalized = 2 * sum(self.sizes[1:-1]) if self.normalization else 0
        return sum((a + 1) * b for a, b in pairwise(self.sizes)) + normalized

    @property
    def least_bytes(self) -> int:
        """What training needs beside the data: weights, gradients, the optimizer's slots, and a batch's activations."""
        numbers = self.parameters * (2 + SLOTS[self.optimizer]) + self.batch * sum(self.sizes)
        return numbers * np.dtype(self.dtype).itemsize

    @property
    def network(self) -> str:
        """The widths as text: `8-10-1`; a run of four or more equal ones as `128×9`."""
        words: list[str] = []
        i = 0
        while i < len(self.sizes):
            n = 1
            while i + n < len(self.sizes) and self.sizes[i + n] == self.sizes[i]:
                n += 1
            words += [f"{self.sizes[i]}×{n}"] if n > 3 else [str(self.sizes[i])] * n
            i += n
        return "-".join(words)

    @property
    def setting(self) -> str:
        """What is not as in most cases, as text: nothing, or `tanh, float64`."""
        words = [
            *([self.activation] if self.activation != "relu" else []),
            *([self.dtype] if self.dtype != "float32" else []),
            *(["SGD with momentum"] if self.optimizer == "momentum" else []),
            *([f"dropout {self.dropout:g}"] if self.dropout else []),
            *(["batch normalization"] if self.normalization else []),
        ]
        return ", ".join(words)

    def cut(self, steps: int) -> Case:
        """The same case with no more than this many steps in an epoch."""
        return replace(self, samples=min(self.samples, steps * self.batch))

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets: what a random linear map says about normal inputs, with noise.

        The noise keeps gradients alive, so that no peer is slowed by the denormal numbers of a network that has
        nothing left to learn.

        Returns:
            x: `(samples, inputs)` of the case's dtype.
            y: `"bce"`: `(samples, 1)` of 0 and 1; `"mse"`: `(samples, outputs)`, both of the case's dtype; `"ce"`:
                `(samples,)` int32 labels.
        """
        random = np.random.default_rng(20)
        inputs, outputs = self.sizes[0], self.sizes[-1]
        x = random.standard_normal((self.samples, inputs), np.float32)
        score = x @ random.standard_normal((inputs, outputs), np.float32) * np.float32(inputs**-0.5)
        score += np.float32(0.5) * random.standard_normal(score.shape, np.float32)
        x = x.astype(self.dtype, copy=False)
        if self.loss == "bce":
            return x, (score > 0).astype(self.dtype)
        if self.loss == "mse":
            return x, np.tanh(score).astype(self.dtype, copy=False)
        return x, score.argmax(axis=1).astype(np.int32)

    def weights(self) -> list[np.ndarray]:
        """Where every peer starts: of each layer the kernel `(in, out)` (Glorot uniform) and the bias (zeros).

        Where hidden layers are normalized, each has scale, offset, mean and variance behind them.
        """
        random = np.random.default_rng(21)
        result = []
        for layer, (a, b) in enumerate(pairwise(self.sizes)):
            limit = (6 / (a + b)) ** 0.5
            result += [random.uniform(-limit, limit, (a, b)), np.zeros(b)]
            if self.normalization and layer + 2 < len(self.sizes):
                result += [np.ones(b), np.zeros(b), np.zeros(b), np.ones(b)]
        return [w.astype(self.dtype) for w in result]

    def outputs(self, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
        """What the network computes in inference, before the output's activation."""
        each = 6 if self.normalization else 2
        h = x
        for i in range(0, len(weights), each):
            h = h @ weights[i] + weights[i + 1]
            if i + 2 == len(weights):
                break
            if self.normalization:
                scale, offset, mean, variance = weights[i + 2 : i + 6]
                h = (h - mean) / np.sqrt(variance + NORMALIZATION_EPSILON) * scale + offset
            h = ACTIVATIONS[self.activation](h)
        return h

    def mean_loss(self, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
        """The mean loss over all samples with these weights: how a peer's training is checked."""
        total = 0.0
        for first in range(0, len(x), 1024):
            h, t = self.outputs(weights, x[first : first + 1024]), y[first : first + 1024]
            if self.loss == "bce":
                rows = np.logaddexp(0, h) - t * h
            elif self.loss == "mse":
                rows = np.mean((h - t) ** 2, axis=1)
            else:
                top = h.max(axis=1)
                rows = np.log(np.exp(h - top[:, None]).sum(axis=1)) + top - h[np.arange(len(t)), t]
            total += float(rows.sum(dtype=np.float64))
        return total / len(x)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "gelu": lambda z: 0.5 * z * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z**3))),  # to within a thousandth
    "silu": lambda z: z / (1 + np.exp(-z)),
}


def _by_name(*cases: Case) -> dict[str, Case]:
    return {case.name: case for case in cases}


CASES = _by_name(
    Case("seed", (8, 10, 1), 32, 1000, "bce"),
    Case("rl", (17, 64, 64, 6), 64, 4096, "mse"),
    Case("tabular", (54, 256, 256, 7), 256, 20_000, "ce"),
    Case("mnist", (784, 512, 256, 10), 128, 10_000, "ce"),
    Case("deep", (128, *(128,) * 8, 10), 64, 8192, "ce"),
    Case("wide", (2048, 2048, 2048, 16), 512, 4096, "ce"),
)
QUICK_CASES = ("seed", "rl", "mnist")

_TABULAR = replace(CASES["tabular"], samples=10_240)
VARIANTS = _by_name(
    Case("odd", (30, 100, 50, 1), 32, 4096, "bce"),
    Case("uneven", (200, 300, 200, 20), 128, 8192, "ce"),
    replace(CASES["rl"], name="batch61", batch=61),
    replace(_TABULAR, name="tanh", activation="tanh"),
    replace(_TABULAR, name="gelu", activation="gelu"),
    replace(_TABULAR, name="silu", activation="silu"),
    replace(_TABULAR, name="float64", dtype="float64"),
    replace(_TABULAR, name="momentum", optimizer="momentum"),
    replace(_TABULAR, name="dropout", dropout=0.2),
    replace(_TABULAR, name="normalization", normalization=True),
)

PREDICTED = Case("predicted", (64, 64, 64, 2), 1, 8192, "mse", activation="tanh")
