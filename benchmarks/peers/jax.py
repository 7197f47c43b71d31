"""JAX: a whole epoch in one jitted scan over the batches, with the state's buffers donated."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Case
from peers import time_epochs


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        self.case = case
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        weights = [jnp.asarray(w) for w in case.weights()]
        zeros = [jnp.zeros_like(w) for w in weights], [jnp.zeros_like(w) for w in weights]
        self.state = (weights, *zeros, jnp.zeros((), jnp.float32))
        self.random = np.random.default_rng(1)
        self.jitted = jax.jit(self._train_epoch, donate_argnums=0)

    def _mean_loss(self, weights: list[Any], x: Any, y: Any) -> Any:
        for i in range(0, len(weights), 2):
            x = x @ weights[i] + weights[i + 1]
            if i + 2 < len(weights):
                x = jnp.maximum(x, 0)
        if self.case.loss == "bce":
            return jnp.mean(jnp.logaddexp(0, x) - y * x)
        if self.case.loss == "mse":
            return jnp.mean((x - y) ** 2)
        picked = jnp.take_along_axis(x, y[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(x, axis=1) - picked)

    def _step(self, state: Any, batch: Any) -> tuple[Any, Any]:
        weights, m, v, t = state
        loss, gradient = jax.value_and_grad(self._mean_loss)(weights, *batch)
        t = t + 1
        alpha = LEARNING_RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        m = [a + (g - a) * (1 - BETA_1) for a, g in zip(m, gradient, strict=True)]
        v = [a + (g * g - a) * (1 - BETA_2) for a, g in zip(v, gradient, strict=True)]
        update = zip(weights, m, v, strict=True)
        weights = [w - alpha * a / (jnp.sqrt(b) + EPSILON) for w, a, b in update]
        return (weights, m, v, t), loss

    def _train_epoch(self, state: Any, x: Any, y: Any, order: Any) -> tuple[Any, Any]:
        x, y = x[order], y[order]
        batch = min(self.case.batch, len(x))
        whole = len(x) // batch * batch
        batches = (x[:whole].reshape(-1, batch, x.shape[1]), y[:whole].reshape(-1, batch, *y.shape[1:]))
        state, losses = jax.lax.scan(self._step, state, batches)
        total = losses.sum()
        if whole < len(x):
            state, loss = self._step(state, (x[whole:], y[whole:]))
            total += loss
        return state, total

    def _epoch(self) -> float:
        order = self.random.permutation(len(self.x)).astype(np.int32)
        self.state, total = self.jitted(self.state, self.x, self.y, order)
        return float(total)  # waits for it

    def train(self, epochs: int) -> list[float]:
        return time_epochs(self._epoch, epochs)

    def weights(self) -> list[np.ndarray]:
        return [np.asarray(w) for w in self.state[0]]
