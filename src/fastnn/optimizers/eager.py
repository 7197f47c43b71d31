"""One update outside of a compiled training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _kernels
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.optimizers.optimizer import Optimizer


def update(optimizer: Optimizer, pairs: Sequence[tuple[np.ndarray, Variable]]) -> None:
    """Updates variables in place, each with its gradient, by the optimizer's kernel or by its `update_step`."""
    gradients = clipped(optimizer, [gradient for gradient, _ in pairs])
    if optimizer.kernel is None:
        rate = float(optimizer.learning_rate)
        decay = 1.0 - rate * (optimizer.weight_decay or 0.0)
        for gradient, (_, variable) in zip(gradients, pairs, strict=True):
            if optimizer.decays(variable):
                variable.value[...] *= decay
            optimizer.update_step(gradient, variable, rate)
        return
    scalars = optimizer.scalars(np.array([optimizer.iterations]))[0].tolist()
    for gradient, (_, variable) in zip(gradients, pairs, strict=True):
        slots = [slot.value for slot in optimizer.slots_of(variable)]
        own = scalars if optimizer.decays(variable) else [1.0, *scalars[1:]]
        _kernels.update(optimizer.kernel, variable.value, gradient, slots, own)


def clipped(optimizer: Optimizer, gradients: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the gradients as the optimizer's `clipvalue`, `clipnorm` or `global_clipnorm` leaves them."""
    if optimizer.clipvalue:
        return [np.clip(gradient, -optimizer.clipvalue, optimizer.clipvalue) for gradient in gradients]
    if optimizer.clipnorm:
        return [_scaled_down(gradient, _norm([gradient]), optimizer.clipnorm) for gradient in gradients]
    if optimizer.global_clipnorm:
        norm = _norm(gradients)
        return [_scaled_down(gradient, norm, optimizer.global_clipnorm) for gradient in gradients]
    return gradients


def as_gradient(gradient: Any, variable: Variable) -> np.ndarray:
    """Returns a gradient in the dtype of its variable; raises `ValueError` if it has another shape."""
    array = np.asarray(gradient)
    if array.shape != variable.shape:
        raise ValueError(
            f"The gradient of the variable '{variable.path}' must have its shape, {variable.shape}. Received: "
            f"{array.shape}"
        )
    return np.require(array, dtype=variable.dtype, requirements=["C", "A"])


def _norm(gradients: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(gradient, dtype=np.float64)) for gradient in gradients)))


def _scaled_down(gradient: np.ndarray, norm: float, limit: float) -> np.ndarray:
    return gradient * gradient.dtype.type(limit / max(norm, limit))
