"""PyTorch, eager: a fused optimizer; an epoch's samples gathered at once, so that a step takes views."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from ..cases import (
    BETA_1,
    BETA_2,
    EPSILON,
    LEARNING_RATE,
    MOMENTUM,
    NORMALIZATION_EPSILON,
    NORMALIZATION_MOMENTUM,
    Case,
)
from . import time_epochs

LOSSES = {"bce": nn.BCEWithLogitsLoss, "mse": nn.MSELoss, "ce": nn.CrossEntropyLoss}
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}


def model_of(case: Case) -> nn.Sequential:
    """The network, with its first weights; logits come out of it."""
    dtype = getattr(torch, case.dtype)
    start = case.weights()
    each = 6 if case.normalization else 2
    stack: list[nn.Module] = []
    for i in range(0, len(start), each):
        inputs, outputs = start[i].shape
        layer = nn.Linear(inputs, outputs, dtype=dtype)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(start[i].T))
            layer.bias.copy_(torch.from_numpy(start[i + 1]))
        stack.append(layer)
        if i + 2 == len(start):
            break
        if case.normalization:
            stack.append(nn.BatchNorm1d(outputs, NORMALIZATION_EPSILON, 1 - NORMALIZATION_MOMENTUM, dtype=dtype))
        stack.append(ACTIVATIONS[case.activation]())
        if case.dropout:
            stack.append(nn.Dropout(case.dropout))
    return nn.Sequential(*stack)


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        torch.set_flush_denormal(True)
        self.case = case
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        if case.loss == "ce":
            self.y = self.y.long()
        self.model = model_of(case)
        self.loss = LOSSES[case.loss]()
        parameters = self.model.parameters()
        self.optimizer: Any
        if case.optimizer == "momentum":
            self.optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)
        else:
            self.optimizer = torch.optim.Adam(
                parameters, lr=LEARNING_RATE, betas=(BETA_1, BETA_2), eps=EPSILON, fused=True
            )

    def _batches(self) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self.x))
        return zip(self.x[order].split(self.case.batch), self.y[order].split(self.case.batch), strict=True)

    def _epoch(self) -> float:
        total = torch.zeros(())
        for x, y in self._batches():
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        return float(total.item())

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        result: list[torch.Tensor] = []
        for layer in self.model:
            if isinstance(layer, nn.Linear):
                result += [layer.weight.detach().T, layer.bias.detach()]
            elif isinstance(layer, nn.BatchNorm1d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                result += [layer.weight.detach(), layer.bias.detach(), layer.running_mean, layer.running_var]
        return [tensor.numpy() for tensor in result]


class FrugalTrainer(Trainer):
    """Gathers a batch when its step has come."""

    def _batches(self) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        return ((self.x[rows], self.y[rows]) for rows in torch.randperm(len(self.x)).split(self.case.batch))


class Predictor:
    within = torch.inference_mode

    def __init__(self, case: Case) -> None:
        torch.set_flush_denormal(True)
        self.case = case
        self.model = model_of(case).eval()
        linears = [layer for layer in self.model if isinstance(layer, nn.Linear)]
        self.hidden, self.last = [(layer.weight, layer.bias) for layer in linears[:-1]], linears[-1]

    def prepare(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x)

    def calls(self) -> dict[str, Callable[[Any], Any]]:
        calls = {"model(x)": self.model}
        return calls | ({"by hand": self._predict} if self.case.activation == "tanh" else {})

    def _predict(self, x: torch.Tensor) -> torch.Tensor:
        for weight, bias in self.hidden:
            x = nn.functional.linear(x, weight, bias).tanh_()
        return nn.functional.linear(x, self.last.weight, self.last.bias)
