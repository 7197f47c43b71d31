"""NumPy, as a careful user writes it: buffers made once, everything in place, parameters in one array."""

from __future__ import annotations

import numpy as np

from cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Case
from peers import time_epochs

ADAM_BLOCK = 1 << 15  # parameters: four arrays of so many stay in the second-level cache
SMALL = 1 << 12  # values: below, np.sign is faster than a comparison and a product with bools


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        self.case, self.x, self.y = case, x, y
        start = case.weights()
        self.parameters = np.concatenate([w.ravel() for w in start])
        self.gradient, self.m, self.v = (np.zeros_like(self.parameters) for _ in range(3))
        self.scratch = np.empty(min(ADAM_BLOCK, self.parameters.size), np.float32)
        shapes = [w.shape for w in start]
        self.kernels, self.biases = self._views(self.parameters, shapes)
        self.kernel_gradients, self.bias_gradients = self._views(self.gradient, shapes)
        arrays = (self.parameters, self.gradient, self.m, self.v)
        self.blocks = [
            tuple(a[first : first + ADAM_BLOCK] for a in arrays) for first in range(0, len(self.m), ADAM_BLOCK)
        ]
        self.epoch_x, self.epoch_y = np.empty_like(x), np.empty_like(y)
        self.random = np.random.default_rng(1)
        self.steps = 0
        self.buffers = {rows: self._buffers(rows) for rows in {min(case.batch, len(x)), len(x) % case.batch} - {0}}

    @staticmethod
    def _views(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        views = [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
        return views[0::2], views[1::2]

    def _buffers(
        self, rows: int
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
        """For batches of so many rows: outputs and deltas of each layer, masks, row numbers, ones."""
        widths = self.case.sizes[1:]
        outputs = [np.empty((rows, width), np.float32) for width in widths]
        masks = [np.empty((rows, width), np.float32 if rows * width < SMALL else bool) for width in widths]
        return outputs, [np.empty_like(a) for a in outputs], masks, np.arange(rows), np.ones(rows, np.float32)

    def _loss(self, z: np.ndarray, y: np.ndarray, d: np.ndarray, rows: np.ndarray) -> float:
        """The sum of the losses; d becomes the gradient of the mean loss with respect to z."""
        if self.case.loss == "bce":
            np.negative(z, out=z)
            np.exp(z, out=z)
            z += 1
            np.reciprocal(z, out=z)
            np.subtract(z, y, out=d)
            np.abs(d, out=z)
            np.minimum(z, np.float32(1 - 1e-7), out=z)
            np.negative(z, out=z)
            np.log1p(z, out=z)
            d *= np.float32(1 / len(d))
            return -float(z.sum())
        if self.case.loss == "mse":
            np.subtract(z, y, out=d)
            total = np.vdot(d, d) / d.shape[1]
            d *= np.float32(2 / d.size)
            return float(total)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=d)
        sums = d.sum(axis=1, keepdims=True)
        total = np.log(sums).sum() - z[rows, y].sum()
        sums *= np.float32(len(d))
        d /= sums
        d[rows, y] -= np.float32(1 / len(d))
        return float(total)

    def _step(self, x: np.ndarray, y: np.ndarray) -> float:
        outputs, deltas, masks, rows, ones = self.buffers[len(x)]
        last = len(outputs) - 1
        h = x
        for i, (w, b, z) in enumerate(zip(self.kernels, self.biases, outputs, strict=True)):
            np.matmul(h, w, out=z)
            z += b
            if i < last:
                np.maximum(z, 0, out=z)
            h = z
        loss = self._loss(h, y, deltas[last], rows)
        for i in range(last, -1, -1):
            d = deltas[i]
            np.dot((outputs[i - 1] if i else x).T, d, out=self.kernel_gradients[i])
            np.dot(ones, d, out=self.bias_gradients[i])
            if i:
                before, mask = deltas[i - 1], masks[i - 1]
                np.dot(d, self.kernels[i].T, out=before)
                if mask.dtype == bool:
                    np.greater(outputs[i - 1], 0, out=mask)
                else:
                    np.sign(outputs[i - 1], out=mask)
                np.multiply(before, mask, out=before)
        self._adam()
        return loss

    def _adam(self) -> None:
        self.steps += 1
        alpha = np.float32(LEARNING_RATE * (1 - BETA_2**self.steps) ** 0.5 / (1 - BETA_1**self.steps))
        rate_1, rate_2, epsilon = np.float32(1 - BETA_1), np.float32(1 - BETA_2), np.float32(EPSILON)
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

    def _epoch(self) -> float:
        order = self.random.permutation(len(self.x))
        x = np.take(self.x, order, axis=0, out=self.epoch_x, mode="clip")  # "clip" writes without a buffer
        y = np.take(self.y, order, axis=0, out=self.epoch_y, mode="clip")
        batch, total = self.case.batch, 0.0
        for first in range(0, len(x), batch):
            total += self._step(x[first : first + batch], y[first : first + batch])
        return total / len(x)

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        return [a for pair in zip(self.kernels, self.biases, strict=True) for a in pair]
