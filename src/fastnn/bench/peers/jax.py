"""JAX: a whole epoch in one jitted scan over the batches, with the state's buffers donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

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

# Handing a computation to another thread costs more than a small one: 63 us a prediction of one sample instead of 6.
jax.config.update("jax_cpu_enable_async_dispatch", False)

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "silu": jax.nn.silu,
}


class Trainer:
    def __init__(self, case: Case, x: np.ndarray, y: np.ndarray) -> None:
        jax.config.update("jax_enable_x64", case.dtype == "float64")
        self.case = case
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        each = 6 if case.normalization else 2
        start = [jnp.asarray(w) for w in case.weights()]
        # A layer's moving mean and variance are state, and everything else learns.
        self.moving = [i for i in range(len(start)) if i % each > 3]
        weights = [w for i, w in enumerate(start) if i not in self.moving]
        zeros = [jnp.zeros_like(w) for w in weights], [jnp.zeros_like(w) for w in weights]
        # of the kind that is cheapest to draw from
        key = jax.random.key(1, impl="rbg") if case.dropout else None
        self.state = (weights, *zeros, jnp.zeros((), x.dtype), [start[i] for i in self.moving], key)
        self.random = np.random.default_rng(1)
        self.jitted = jax.jit(self._train_epoch, donate_argnums=0)

    def _mean_loss(self, weights: list[Any], moving: list[Any], key: Any, x: Any, y: Any) -> tuple[Any, list[Any]]:
        case, given, moved, keep = self.case, iter(weights), [], NORMALIZATION_MOMENTUM
        for layer in range(len(case.sizes) - 1):
            x = x @ next(given) + next(given)
            if layer + 2 == len(case.sizes):
                break
            if case.normalization:
                mean, variance = x.mean(axis=0), x.var(axis=0)
                x = (x - mean) * jax.lax.rsqrt(variance + NORMALIZATION_EPSILON) * next(given) + next(given)
                old_mean, old_variance = moving[2 * layer : 2 * layer + 2]
                moved += [old_mean + (mean - old_mean) * (1 - keep)]
                moved += [old_variance + (variance - old_variance) * (1 - keep)]
            x = ACTIVATIONS[case.activation](x)
            if case.dropout:
                kept = jax.random.bernoulli(jax.random.fold_in(key, layer), 1 - case.dropout, x.shape)
                x = jnp.where(kept, x / (1 - case.dropout), 0)
        if case.loss == "bce":
            return jnp.mean(jnp.logaddexp(0, x) - y * x), moved
        if case.loss == "mse":
            return jnp.mean((x - y) ** 2), moved
        picked = jnp.take_along_axis(x, y[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(x, axis=1) - picked), moved

    def _step(self, state: Any, batch: Any) -> tuple[Any, Any]:
        weights, m, v, t, moving, key = state
        step_key = key
        if key is not None:
            key, step_key = jax.random.split(key)
        slope = jax.value_and_grad(self._mean_loss, has_aux=True)
        (loss, moving), gradient = slope(weights, moving, step_key, *batch)
        t = t + 1
        if self.case.optimizer == "momentum":
            m = [a * MOMENTUM + g for a, g in zip(m, gradient, strict=True)]
            weights = [w - LEARNING_RATE * a for w, a in zip(weights, m, strict=True)]
        else:
            alpha = LEARNING_RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
            m = [a + (g - a) * (1 - BETA_1) for a, g in zip(m, gradient, strict=True)]
            v = [a + (g * g - a) * (1 - BETA_2) for a, g in zip(v, gradient, strict=True)]
            update = zip(weights, m, v, strict=True)
            weights = [w - alpha * a / (jnp.sqrt(b) + EPSILON) for w, a, b in update]
        return (weights, m, v, t, moving, key), loss

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
        learnt, moving = iter(self.state[0]), iter(self.state[4])
        count = len(self.state[0]) + len(self.moving)
        return [np.asarray(next(moving if i in self.moving else learnt)) for i in range(count)]


class Predictor:
    def __init__(self, case: Case) -> None:
        weights = [jnp.asarray(w) for w in case.weights()]
        activation = ACTIVATIONS[case.activation]

        def predict(x: Any) -> Any:
            for i in range(0, len(weights), 2):
                x = x @ weights[i] + weights[i + 1]
                if i + 2 < len(weights):
                    x = activation(x)
            return x

        self.jitted = jax.jit(predict)

    def prepare(self, x: np.ndarray) -> Any:
        return jnp.asarray(x)

    def calls(self) -> dict[str, Callable[[Any], Any]]:
        return {"jitted(x)": lambda x: self.jitted(x).block_until_ready()}
