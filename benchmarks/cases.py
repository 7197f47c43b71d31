"""The networks that are trained, as data: sizes, batch, samples, loss; their work in FLOPs; and data to train on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
OUTPUT_ACTIVATION = {"bce": "sigmoid", "mse": "linear", "ce": "softmax"}


@dataclass(frozen=True)
class Case:
    """One network and its data set. Hidden layers are ReLU; the optimizer is Adam; everything is float32.

    Args:
        name: What it is called on the command line and in results.
        sizes: Widths from the inputs to the outputs.
        batch: Samples in a step. The last batch of an epoch may be smaller.
        samples: Samples in an epoch.
        loss: `"bce"` (sigmoid output), `"mse"` (linear output) or `"ce"` (softmax output, integer labels).
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    samples: int
    loss: str

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

    def cut(self, steps: int) -> Case:
        """The same case with no more than this many steps in an epoch."""
        return replace(self, samples=min(self.samples, steps * self.batch))

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets: what a random linear map says about normal inputs, with noise.

        The noise keeps gradients alive, so that no peer is slowed by the denormal numbers of a network that has
        nothing left to learn.

        Returns:
            x: `(samples, inputs)` float32.
            y: `"bce"`: `(samples, 1)` float32 of 0 and 1; `"mse"`: `(samples, outputs)` float32; `"ce"`: `(samples,)`
                int32 labels.
        """
        random = np.random.default_rng(20)
        inputs, outputs = self.sizes[0], self.sizes[-1]
        x = random.standard_normal((self.samples, inputs), np.float32)
        score = x @ random.standard_normal((inputs, outputs), np.float32) * np.float32(inputs**-0.5)
        score += np.float32(0.5) * random.standard_normal(score.shape, np.float32)
        if self.loss == "bce":
            return x, (score > 0).astype(np.float32)
        if self.loss == "mse":
            return x, np.tanh(score)
        return x, score.argmax(axis=1).astype(np.int32)

    def weights(self) -> list[np.ndarray]:
        """Kernels `(in, out)` (Glorot uniform) and biases (zeros), one after the other: where every peer starts."""
        random = np.random.default_rng(21)
        result = []
        for a, b in pairwise(self.sizes):
            limit = (6 / (a + b)) ** 0.5
            result += [random.uniform(-limit, limit, (a, b)).astype(np.float32), np.zeros(b, np.float32)]
        return result

    def mean_loss(self, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
        """The mean loss over all samples with these weights: how a peer's training is checked."""
        total = 0.0
        for first in range(0, len(x), 1024):
            h, t = x[first : first + 1024], y[first : first + 1024]
            for i in range(0, len(weights), 2):
                h = h @ weights[i] + weights[i + 1]
                if i + 2 < len(weights):
                    h = np.maximum(h, 0)
            if self.loss == "bce":
                rows = np.logaddexp(0, h) - t * h
            elif self.loss == "mse":
                rows = np.mean((h - t) ** 2, axis=1)
            else:
                top = h.max(axis=1)
                rows = np.log(np.exp(h - top[:, None]).sum(axis=1)) + top - h[np.arange(len(t)), t]
            total += float(rows.sum(dtype=np.float64))
        return total / len(x)


CASES = {
    case.name: case
    for case in (
        Case("seed", (8, 10, 1), 32, 1000, "bce"),
        Case("rl", (17, 64, 64, 6), 64, 4096, "mse"),
        Case("tabular", (54, 256, 256, 7), 256, 20_000, "ce"),
        Case("mnist", (784, 512, 256, 10), 128, 10_000, "ce"),
        Case("deep", (128, *(128,) * 8, 10), 64, 8192, "ce"),
        Case("wide", (2048, 2048, 2048, 16), 512, 4096, "ce"),
    )
}
QUICK_CASES = ("seed", "rl", "mnist")
