"""PyTorch, eager: fused Adam; an epoch's samples gathered at once, so that a step takes views."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Case
from peers import time_epochs

LOSSES = {"bce": nn.BCEWithLogitsLoss, "mse": nn.MSELoss, "ce": nn.CrossEntropyLoss}


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        torch.set_flush_denormal(True)
        self.case = case
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        if case.loss == "ce":
            self.y = self.y.long()
        stack: list[nn.Module] = []
        start = case.weights()
        for i in range(0, len(start), 2):
            inputs, outputs = start[i].shape
            layer = nn.Linear(inputs, outputs)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(start[i].T))
                layer.bias.copy_(torch.from_numpy(start[i + 1]))
            stack += [layer, nn.ReLU()]
        self.model = nn.Sequential(*stack[:-1])
        self.loss = LOSSES[case.loss]()
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=LEARNING_RATE, betas=(BETA_1, BETA_2), eps=EPSILON, fused=True
        )

    def _epoch(self) -> float:
        order = torch.randperm(len(self.x))
        total = torch.zeros(())
        batches = zip(self.x[order].split(self.case.batch), self.y[order].split(self.case.batch), strict=True)
        for x, y in batches:
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        return total.item()

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        layers = [layer for layer in self.model if isinstance(layer, nn.Linear)]
        return [a for layer in layers for a in (layer.weight.detach().numpy().T, layer.bias.detach().numpy())]
