"""NumPy twins of the optimizers' updates: (weights, slots) after one step, in long doubles.

`h` holds the scalars of the kernel: the decay first, the rest as documented in updates_*.inc.h. Each update is written
as its paper has it, and not as its kernel computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference import wide

Wide = NDArray[np.longdouble]
Slots = list[Wide]
After = tuple[Wide, Slots]


def _sgd(w: Wide, g: Wide, s: Slots, rate: float) -> After:
    return w - rate * g, []


def _momentum(w: Wide, g: Wide, s: Slots, rate: float, momentum: float) -> After:
    v = momentum * s[0] - rate * g
    return w + v, [v]


def _nesterov(w: Wide, g: Wide, s: Slots, rate: float, momentum: float) -> After:
    v = momentum * s[0] - rate * g
    return w + momentum * v - rate * g, [v]


def _moments(g: Wide, s: Slots, one_less_b1: float, one_less_b2: float) -> Slots:
    return [(1 - one_less_b1) * s[0] + one_less_b1 * g, (1 - one_less_b2) * s[1] + one_less_b2 * g * g]


def _adam(w: Wide, g: Wide, s: Slots, alpha: float, c1: float, c2: float, epsilon: float) -> After:
    m, v = _moments(g, s, c1, c2)
    return w - alpha * m / (np.sqrt(v) + epsilon), [m, v]


def _amsgrad(w: Wide, g: Wide, s: Slots, alpha: float, c1: float, c2: float, epsilon: float) -> After:
    m, v = _moments(g, s, c1, c2)
    largest = np.maximum(s[2], v)
    return w - alpha * m / (np.sqrt(largest) + epsilon), [m, v, largest]


def _rmsprop(
    w: Wide, g: Wide, s: Slots, rate: float, rho: float, epsilon: float, momentum: float = 0, centered: bool = False
) -> After:
    after = [rho * s[0] + (1 - rho) * g * g]
    average = rho * s[-1] + (1 - rho) * g if centered else 0 * g
    step = rate * g / np.sqrt(after[0] - average * average + epsilon)
    if momentum:
        step = momentum * s[1] + step
        after.append(step)
    return w - step, [*after, average] if centered else after


def _adagrad(w: Wide, g: Wide, s: Slots, rate: float, epsilon: float) -> After:
    total = s[0] + g * g
    return w - rate * g / np.sqrt(total + epsilon), [total]


def _adadelta(w: Wide, g: Wide, s: Slots, rate: float, rho: float, epsilon: float) -> After:
    squares = rho * s[0] + (1 - rho) * g**2
    move = np.sqrt((s[1] + epsilon) / (squares + epsilon)) * g
    return w - rate * move, [squares, rho * s[1] + (1 - rho) * move**2]


def _adamax(w: Wide, g: Wide, s: Slots, alpha: float, c1: float, b2: float, epsilon: float) -> After:
    m = (1 - c1) * s[0] + c1 * g
    u = np.maximum(b2 * s[1], np.abs(g))
    return w - alpha * m / (u + epsilon), [m, u]


def _nadam(w: Wide, g: Wide, s: Slots, rate: float, c1: float, c2: float, *rest: float) -> After:
    of_m, of_g, of_v, epsilon = rest
    m, v = _moments(g, s, c1, c2)
    return w - rate * (of_m * m + of_g * g) / (np.sqrt(of_v * v) + epsilon), [m, v]


def _lion(w: Wide, g: Wide, s: Slots, rate: float, b1: float, b2: float) -> After:
    return w - rate * np.sign(b1 * s[0] + (1 - b1) * g), [b2 * s[0] + (1 - b2) * g]


def _ftrl(w: Wide, g: Wide, s: Slots, rate: float, power: float, l1: float, ridge: float, shrinkage: float) -> After:
    total = s[0] + g**2
    linear = s[1] + g + shrinkage * w - (total**-power - s[0] ** -power) / rate * w
    solved = np.where(np.abs(linear) <= l1, 0, l1 * np.sign(linear) - linear) / (total**-power / rate + ridge)
    return solved, [total, linear]


def _schedule_free(
    w: Wide, g: Wide, s: Slots, rate: float, b1: float, c2: float, correction: float, epsilon: float, share: float
) -> After:
    v = (1 - c2) * s[1] + c2 * g * g
    x = (w - (1 - b1) * s[0]) / b1
    z = s[0] - rate * g / (np.sqrt(v * correction) + epsilon)
    x = (1 - share) * x + share * z
    return (1 - b1) * z + b1 * x, [z, v]


def _lamb(w: Wide, g: Wide, s: Slots, rate: float, c1: float, c2: float, *rest: float) -> After:
    of_m, of_v, epsilon = rest
    m, v = _moments(g, s, c1, c2)
    move = of_m * m / (np.sqrt(of_v * v) + epsilon)
    norms = np.sqrt((w**2).sum()), np.sqrt((move**2).sum())
    return w - rate * (norms[0] / norms[1] if all(norms) else 1) * move, [m, v]


def _rms(x: Wide) -> Any:
    return np.sqrt(np.mean(x**2))


def _adafactor(
    w: Wide, g: Wide, s: Slots, rate: float, kept: float, epsilon_1: float, epsilon_2: float, threshold: float
) -> After:
    squares = g**2 + epsilon_1
    if len(s) == 1:
        after = [kept * s[0] + (1 - kept) * squares]
    else:
        r = kept * s[0] + (1 - kept) * squares.mean(axis=1)
        c = kept * s[1] + (1 - kept) * squares.mean(axis=0)
        after = [r, c, np.outer(r / r.mean(), c)]
    move = g / np.sqrt(after[-1])
    move = move / max(1, _rms(move) / threshold)
    return w - max(epsilon_2, _rms(w)) * rate * move, after


def _muon(
    w: Wide, g: Wide, s: Slots, rate: float, rms_rate: float, momentum: float, nesterov: float, *rest: Any
) -> After:
    steps, a, b, c = rest
    m = momentum * s[0] + g
    x = g + momentum * m if nesterov else m
    x = x / (np.sqrt((x**2).sum()) + 1e-7)
    for _ in range(int(steps)):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return w - rate * (np.sqrt(max(w.shape)) * rms_rate if rms_rate else 1) * x, [m]


UPDATES: dict[str, Callable[..., After]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adam": _adam,
    "amsgrad": _amsgrad,
    "rmsprop": _rmsprop,
    "rmsprop_momentum": _rmsprop,
    "rmsprop_centered": lambda *args: _rmsprop(*args, centered=True),
    "rmsprop_centered_momentum": lambda *args: _rmsprop(*args, centered=True),
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adamax": _adamax,
    "nadam": _nadam,
    "lion": _lion,
    "ftrl": _ftrl,
    "schedule_free_adamw": _schedule_free,
    "lamb": _lamb,
    "adafactor": _adafactor,
    "adafactor_vector": _adafactor,
    "muon": _muon,
}


def update(name: str, w: ArrayLike, g: ArrayLike, slots: Sequence[ArrayLike], h: Sequence[float]) -> After:
    """(weights, slots) after one step of the update."""
    return UPDATES[name](wide(w) * h[0], wide(g), [wide(slot) for slot in slots], *h[1:])
