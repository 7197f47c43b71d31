"""NumPy, as a careful user writes it: buffers made once, everything in place, parameters in one array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import numpy_kernels
from ..cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, MOMENTUM, SLOTS, Case
from . import time_epochs

BLOCK = 1 << 15  # parameters: four arrays of so many stay in the second-level cache
SMALL = 1 << 12  # values: below, np.sign is faster than a comparison and a product with bools
OF_INPUTS = ("gelu", "silu")  # activations whose slope is computed from what went in


def check(case: Case) -> None:
    """Refuses what is not written here."""
    if case.dropout or case.normalization or (case.activation == "gelu" and numpy_kernels.erf is None):
        raise NotImplementedError(f"not written for {case.setting}")


class Relu:
    """The activation of a hidden layer, with its arrays."""

    def __init__(self, z: np.ndarray) -> None:
        self.mask = np.empty(z.shape, z.dtype if z.size < SMALL else bool)

    def forward(self, z: np.ndarray) -> np.ndarray:
        return np.maximum(z, 0, out=z)

    def backward(self, d: np.ndarray, z: np.ndarray) -> np.ndarray:
        if self.mask.dtype == bool:
            np.greater(z, 0, out=self.mask)
        else:
            np.sign(z, out=self.mask)
        return np.multiply(d, self.mask, out=d)


class Curved:
    """Any other activation: its values in place where its slope can be had from them."""

    def __init__(self, name: str, z: np.ndarray) -> None:
        self.function = getattr(numpy_kernels, name)
        self.slope = getattr(numpy_kernels, f"{name}_backward")
        self.of_inputs = name in OF_INPUTS
        self.y, self.t, self.u, self.dx = (np.empty_like(z) for _ in range(4))
        self.mask = np.empty(z.shape, bool)

    def forward(self, z: np.ndarray) -> np.ndarray:
        y = self.y if self.of_inputs else z
        self.function(z, y, self.t, self.u)
        return y

    def backward(self, d: np.ndarray, z: np.ndarray) -> np.ndarray:
        self.slope(d, z, self.dx, self.t, self.u, self.mask)
        return self.dx


class Buffers:
    """For batches of so many rows: sums and deltas of each layer, activations, row numbers, ones."""

    def __init__(self, case: Case, rows: int) -> None:
        self.sums = [np.empty((rows, width), case.dtype) for width in case.sizes[1:]]
        self.deltas = [np.empty_like(z) for z in self.sums]
        self.activations: list[Relu | Curved] = [
            Relu(z) if case.activation == "relu" else Curved(case.activation, z) for z in self.sums[:-1]
        ]
        self.rows, self.ones = np.arange(rows), np.ones(rows, case.dtype)


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        check(case)
        self.case, self.x, self.y = case, x, y
        self.real = x.dtype.type
        start = case.weights()
        self.parameters = np.concatenate([w.ravel() for w in start])
        self.gradient = np.zeros_like(self.parameters)
        slots = [np.zeros_like(self.parameters) for _ in range(SLOTS[case.optimizer])]
        self.scratch = np.empty(min(BLOCK, self.parameters.size), x.dtype)
        shapes = [w.shape for w in start]
        self.kernels, self.biases = self._views(self.parameters, shapes)
        self.kernel_gradients, self.bias_gradients = self._views(self.gradient, shapes)
        arrays = (self.parameters, self.gradient, *slots)
        self.blocks = [[a[first : first + BLOCK] for a in arrays] for first in range(0, len(self.parameters), BLOCK)]
        self.update = {"adam": self._adam, "momentum": self._momentum}[case.optimizer]
        self.copies = [np.empty((self.samples_at_once, *a.shape[1:]), a.dtype) for a in (x, y)]
        self.random = np.random.default_rng(1)
        self.steps = 0
        self.buffers = {rows: Buffers(case, rows) for rows in {min(case.batch, len(x)), len(x) % case.batch} - {0}}

    @staticmethod
    def _views(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        views = [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
        return views[0::2], views[1::2]

    def _loss(self, z: np.ndarray, y: np.ndarray, d: np.ndarray, rows: np.ndarray) -> float:
        """The sum of the losses; d becomes the gradient of the mean loss with respect to z."""
        if self.case.loss == "bce":
            np.negative(z, out=z)
            np.exp(z, out=z)
            z += 1
            np.reciprocal(z, out=z)
            np.subtract(z, y, out=d)
            np.abs(d, out=z)
            np.minimum(z, self.real(1 - 1e-7), out=z)
            np.negative(z, out=z)
            np.log1p(z, out=z)
            d *= self.real(1 / len(d))
            return -float(z.sum())
        if self.case.loss == "mse":
            np.subtract(z, y, out=d)
            total = np.vdot(d, d) / d.shape[1]
            d *= self.real(2 / d.size)
            return float(total)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=d)
        sums = d.sum(axis=1, keepdims=True)
        total = np.log(sums).sum() - z[rows, y].sum()
        sums *= self.real(len(d))
        d /= sums
        d[rows, y] -= self.real(1 / len(d))
        return float(total)

    def _step(self, x: np.ndarray, y: np.ndarray) -> float:
        buffers = self.buffers[len(x)]
        sums, deltas, activations = buffers.sums, buffers.deltas, buffers.activations
        last = len(sums) - 1
        inputs = [x]
        for i, (w, b, z) in enumerate(zip(self.kernels, self.biases, sums, strict=True)):
            np.dot(inputs[i], w, out=z)  # np.matmul takes half a microsecond longer
            z += b
            if i < last:
                inputs.append(activations[i].forward(z))
        d = deltas[last]
        loss = self._loss(sums[last], y, d, buffers.rows)
        for i in range(last, -1, -1):
            np.dot(inputs[i].T, d, out=self.kernel_gradients[i])
            np.dot(buffers.ones, d, out=self.bias_gradients[i])
            if i:
                np.dot(d, self.kernels[i].T, out=deltas[i - 1])
                d = activations[i - 1].backward(deltas[i - 1], sums[i - 1])
        self.update()
        return loss

    def _adam(self) -> None:
        self.steps += 1
        alpha = self.real(LEARNING_RATE * (1 - BETA_2**self.steps) ** 0.5 / (1 - BETA_1**self.steps))
        rate_1, rate_2, epsilon = self.real(1 - BETA_1), self.real(1 - BETA_2), self.real(EPSILON)
        for w, g, m, v in self.blocks:
            t = self.scratch[: len(w)]
            np.subtract(g, m, out=t)
            t *= rate_1
            m += t
            np.multiply(g, g, out=t)
            t -= v
            t *= rate_2
            v += t
            np.sqrt(v, out=t)
            t += epsilon
            np.divide(m, t, out=t)
            t *= alpha
            w -= t

    def _momentum(self) -> None:
        rate, momentum = self.real(LEARNING_RATE), self.real(MOMENTUM)
        for w, g, v in self.blocks:
            v *= momentum
            g *= rate
            v -= g
            w += v

    @property
    def samples_at_once(self) -> int:
        """How many are gathered together: whole batches, or all."""
        return len(self.x)

    def _epoch(self) -> float:
        order = self.random.permutation(len(self.x))
        batch, total = self.case.batch, 0.0
        for start in range(0, len(order), self.samples_at_once):
            rows = order[start : start + self.samples_at_once]
            # "clip" writes without a buffer
            x, y = (
                np.take(a, rows, axis=0, out=copy[: len(rows)], mode="clip")
                for a, copy in zip((self.x, self.y), self.copies, strict=True)
            )
            for first in range(0, len(rows), batch):
                total += self._step(x[first : first + batch], y[first : first + batch])
        return total / len(order)

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        return [a for pair in zip(self.kernels, self.biases, strict=True) for a in pair]


class FrugalTrainer(Trainer):
    """Gathers a batch when its step has come."""

    @property
    def samples_at_once(self) -> int:
        return min(self.case.batch, len(self.x))


class Predictor:
    def __init__(self, case: Case) -> None:
        check(case)
        weights = case.weights()
        self.case, self.kernels, self.biases = case, weights[0::2], weights[1::2]

    def prepare(self, x: np.ndarray) -> np.ndarray:
        buffers = Buffers(self.case, len(x))
        self.hidden = list(zip(self.kernels, self.biases, buffers.sums, buffers.activations, strict=False))
        self.last = buffers.sums[-1]
        return x

    def _predict(self, x: np.ndarray) -> np.ndarray:
        for w, b, z, activation in self.hidden:
            np.dot(x, w, out=z)
            z += b
            x = activation.forward(z)
        np.dot(x, self.kernels[-1], out=self.last)
        return np.add(self.last, self.biases[-1], out=self.last)

    def calls(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        return {"by hand": self._predict}
