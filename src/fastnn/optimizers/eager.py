"""One update outside of a compiled training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _kernels
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.optimizers.optimizer import Optimizer

Pairs = Sequence[tuple[np.ndarray, Variable]]


def apply(optimizer: Optimizer, pairs: Pairs) -> None:
    """What a batch does to variables, given its gradients: a step of a program, in the same order."""
    scale, steps = optimizer.loss_scale_factor, optimizer.batches_per_update
    if scale is not None:
        pairs = [(gradient / gradient.dtype.type(scale), variable) for gradient, variable in pairs]
    sums = [optimizer.accumulator_of(variable) for _, variable in pairs]
    updating = (optimizer.batches + 1) % steps == 0
    if steps > 1:
        means = [
            ((gradient + total.value) / gradient.dtype.type(steps), variable)
            for (gradient, variable), total in zip(pairs, sums, strict=True)
            if total is not None
        ]
        for (gradient, _), total in zip(pairs, sums, strict=True):
            if total is not None:
                total.value[...] = 0 if updating else total.value + gradient
        pairs = means
    if updating:
        clipped_gradients = clipped(optimizer, [gradient for gradient, _ in pairs])
        update(optimizer, [(g, variable) for g, (_, variable) in zip(clipped_gradients, pairs, strict=True)])
    _average(optimizer)
    for _, variable in pairs:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable.value))


def update(optimizer: Optimizer, pairs: Pairs) -> None:
    """Updates variables in place, each with its gradient, by the optimizer's kernels or by its `update_step`."""
    now = np.array([optimizer.batches])
    if optimizer.in_python:
        rate = float(optimizer.learning_rate)
        for gradient, variable in pairs:
            rule = optimizer.rule_of(variable)
            own = rate * rule.learning_rate_multiplier
            variable.value[...] *= optimizer._shrinking(np.array([own]), now, rule)
            optimizer.update_step(gradient, variable, own)
        return
    scalars: dict[Any, list[float]] = {}
    for gradient, variable in pairs:
        rule = optimizer.rule_of(variable)
        if rule not in scalars:
            scalars[rule] = optimizer.scalars(now, rule)[0].tolist()
        run_kernel(str(rule.kernel), variable, gradient, optimizer.slots_of(variable), scalars[rule])


def run_kernel(
    kernel: str, variable: Variable, gradient: np.ndarray, slots: Sequence[Variable], scalars: Sequence[float]
) -> None:
    """Updates a variable in place by a kernel."""
    _kernels.update(kernel, variable.value, gradient, [slot.value for slot in slots], scalars)


def _average(optimizer: Optimizer) -> None:
    if not optimizer.use_ema:
        return
    updates = optimizer.iterations
    share = 1.0 - optimizer.ema_momentum if updates else 1.0
    overwriting = optimizer.ema_overwrite_frequency and (updates + 1) % optimizer.ema_overwrite_frequency == 0
    for variable in optimizer._trainable_variables:
        average = optimizer.average_of(variable)
        if average is not None:
            _kernels.follow(variable.value, average.value, share)
            if overwriting:
                variable.assign(average.value)


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


def variable_of(array: Any) -> Variable:
    """Returns a variable whose memory is `array`; raises `ValueError` if that cannot be."""
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        raise ValueError(
            "A variable must be a `Variable`, or a NumPy array of float32 or float64, to be updated in place. "
            f"Received: {array!r}"
        )
    if not array.flags.carray:
        raise ValueError(
            "An array to be updated in place must be C-contiguous, aligned and writable. Received: an array of shape "
            f"{array.shape} and strides {array.strides}"
        )
    variable = Variable(array)
    variable.move_to(array)
    return variable


def _norm(gradients: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(gradient, dtype=np.float64)) for gradient in gradients)))


def _scaled_down(gradient: np.ndarray, norm: float, limit: float) -> np.ndarray:
    return gradient * gradient.dtype.type(limit / max(norm, limit))
