"""torch.compile: forward, loss, backward and update in one compiled function over plain tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ..cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, MOMENTUM, Case
from . import time_epochs
from .torch import model_of

LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "bce": functional.binary_cross_entropy_with_logits,
    "mse": functional.mse_loss,
    "ce": functional.cross_entropy,
}
ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "silu": functional.silu,
}


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        if case.dropout or case.normalization:
            raise NotImplementedError(f"not written for {case.setting}")
        torch.set_flush_denormal(True)
        self.case = case
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        if case.loss == "ce":
            self.y = self.y.long()
        self.parameters = [torch.from_numpy(w) for w in case.weights()]
        self.m = [torch.zeros_like(w) for w in self.parameters]
        self.v = [torch.zeros_like(w) for w in self.parameters]
        self.alpha = torch.zeros(())  # a tensor, so that its changes compile nothing
        self.steps = 0
        self.step = torch.compile(self._step, dynamic=False, fullgraph=True)

    def _mean_loss(self, parameters: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        for i in range(0, len(parameters), 2):
            x = torch.addmm(parameters[i + 1], x, parameters[i])
            if i + 2 < len(parameters):
                x = ACTIVATIONS[self.case.activation](x)
        return LOSSES[self.case.loss](x, y)

    def _step(self, x: torch.Tensor, y: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        gradients, loss = torch.func.grad_and_value(self._mean_loss)(self.parameters, x, y)
        for w, g, m, v in zip(self.parameters, gradients, self.m, self.v, strict=True):
            if self.case.optimizer == "momentum":
                m.mul_(MOMENTUM).add_(g)
                w.sub_(LEARNING_RATE * m)
                continue
            m.lerp_(g, 1 - BETA_1)
            v.lerp_(g * g, 1 - BETA_2)
            w.sub_(alpha * m / (v.sqrt() + EPSILON))
        return loss

    @torch.no_grad()
    def _epoch(self) -> float:
        order = torch.randperm(len(self.x))
        total = torch.zeros(())
        batches = zip(self.x[order].split(self.case.batch), self.y[order].split(self.case.batch), strict=True)
        for x, y in batches:
            self.steps += 1
            self.alpha.fill_(LEARNING_RATE * (1 - BETA_2**self.steps) ** 0.5 / (1 - BETA_1**self.steps))
            total += self.step(x, y, self.alpha)
        return float(total.item())

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        return [w.numpy() for w in self.parameters]


class Predictor:
    within = torch.inference_mode

    def __init__(self, case: Case) -> None:
        torch.set_flush_denormal(True)
        self.model = torch.compile(model_of(case).eval(), dynamic=False, fullgraph=True)

    def prepare(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x)

    def calls(self) -> dict[str, Callable[[Any], Any]]:
        return {"model(x)": self.model}
