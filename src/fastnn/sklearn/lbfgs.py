"""The perceptrons' `solver="lbfgs"`: SciPy's minimizer, with loss and gradient from a compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from fastnn.optimizers import LBFGS
from fastnn.variables import Variable


class Minimizer(LBFGS):
    """SciPy's L-BFGS-B with scikit-learn's settings, and its account of how it went.

    Args:
        max_iter: Iterations, at most.
        max_fun: Evaluations of the loss, at most.
        tol: It stops where no element of the gradient is larger than this.
        verbose: Whether to print the loss after each iteration.

    Attributes:
        losses: The loss after each iteration.
        result: What SciPy returned, or `None`.
    """

    def __init__(self, max_iter: int, max_fun: int, tol: float, verbose: bool) -> None:
        super().__init__()
        self.settings = {"maxiter": max_iter, "maxfun": max_fun, "gtol": tol}
        self.verbose = verbose
        self.losses: list[float] = []
        self.result: Any = None

    def minimize(self, evaluate: Callable[[], tuple[float, list[np.ndarray]]], variables: list[Variable]) -> None:
        order = sorted(range(len(variables)), key=lambda at: variables[at].name == "bias")  # kernels, then biases
        last = 0.0

        def packed(arrays: list[np.ndarray]) -> np.ndarray:
            return np.concatenate([arrays[at].ravel() for at in order]).astype(np.float64)

        def put(w: np.ndarray) -> None:
            first = 0
            for variable in (variables[at] for at in order):
                variable.assign(w[first : first + variable.size].reshape(variable.shape))
                first += variable.size

        def loss_and_gradient(w: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal last
            put(w)
            last, gradients = evaluate()
            return last, packed(gradients)

        self.result = scipy.optimize.minimize(
            loss_and_gradient,
            packed([variable.value for variable in variables]),
            method="L-BFGS-B",
            jac=True,
            options=self.settings,
            callback=lambda w: self._tell(last),
        )
        put(self.result.x)

    def _tell(self, loss: float) -> None:
        self.losses.append(loss)
        if self.verbose:
            print(f"Iteration {len(self.losses)}, loss = {loss:.8f}")
