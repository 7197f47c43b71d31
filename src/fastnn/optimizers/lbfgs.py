"""L-BFGS: for small problems that are seen whole at each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import Optimizer
from fastnn.records import Updates
from fastnn.variables import Variable


class LBFGS(Optimizer):
    """Minimizes the loss over the whole data set by SciPy's L-BFGS-B, with loss and gradient from a compiled program.

    An epoch of `fit` is one run of the minimizer, of up to `max_iterations` iterations, so one epoch is what most
    problems want; the next starts from the weights that were found, with no memory of the curvature. `batch_size` is of
    no effect: every iteration sees all samples. Dropout and noise are the same in all iterations of an epoch. SciPy
    comes with the extra `scipy`, and Keras has no such optimizer (Liu and Nocedal, 1989; Zhu et al., 1997).

    Args:
        max_iterations: Iterations of an epoch, at most.
        tolerance: The minimizer stops where no element of the gradient is larger than this.
        loss_tolerance: It stops where the loss falls by less than this, relative to the loss.
        history: How many past steps its idea of the curvature is made from.
        name: Its name.

    Raises:
        ValueError: An argument is not positive, or is unknown.
        ImportError: When built, without SciPy.
        NotImplementedError: When built, for weights with constraints; when applied to gradients.

    >>> from fastnn import Sequential, layers
    >>> x = np.linspace(-1.0, 1.0, 20)[:, None]
    >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile(LBFGS(), "mse")
    >>> loss = model.fit(x, 3.0 * x + 1.0, verbose=0).history["loss"]
    >>> print(model.layers[0].kernel.numpy().round(3))
    [[3.]]
    """

    full_batch = True

    def __init__(
        self,
        max_iterations: int = 1000,
        tolerance: float = 1e-5,
        loss_tolerance: float = 1e-9,
        history: int = 10,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(1.0, name=name, **kwargs)
        for argument, value in (
            ("max_iterations", max_iterations),
            ("tolerance", tolerance),
            ("loss_tolerance", loss_tolerance),
            ("history", history),
        ):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(f"Argument `{argument}` must be positive. Received: {argument}={value!r}")
        self.max_iterations = int(max_iterations)
        self.tolerance = tolerance
        self.loss_tolerance = loss_tolerance
        self.history = int(history)

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        _minimizer()
        for variable in variables:
            if variable.constraint is not None:
                raise NotImplementedError(
                    f"LBFGS cannot keep to the constraint of the variable '{variable.path}'. Use another optimizer. "
                    f"Received: {variable.constraint!r}"
                )
        super().build(variables)

    def updates(self) -> Updates:
        return Updates()  # gradients are kept, and `minimize` does the rest

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        raise NotImplementedError(
            "LBFGS asks for losses where it likes, so it cannot be applied to gradients: use it in `fit`. "
            f"Received: {len(grads)} gradients"
        )

    def minimize(self, evaluate: Callable[[], tuple[float, list[np.ndarray]]], variables: list[Variable]) -> None:
        """Moves variables to where the loss is smallest.

        Args:
            evaluate: Returns the loss at the present values of the variables, and its gradients.
            variables: The variables.
        """

        def put(w: np.ndarray) -> None:
            at = 0
            for variable in variables:
                variable.assign(w[at : at + variable.size].reshape(variable.shape))
                at += variable.size

        def loss_and_gradient(w: np.ndarray) -> tuple[float, np.ndarray]:
            put(w)
            loss, gradients = evaluate()
            return loss, np.concatenate([gradient.ravel() for gradient in gradients]).astype(np.float64)

        start = np.concatenate([variable.value.ravel() for variable in variables]).astype(np.float64)
        settings = {
            "maxiter": self.max_iterations,
            "maxfun": 20 * self.max_iterations,
            "gtol": self.tolerance,
            "ftol": self.loss_tolerance,
            "maxcor": self.history,
        }
        found = _minimizer()(loss_and_gradient, start, jac=True, method="L-BFGS-B", options=settings)
        put(found.x)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "max_iterations": self.max_iterations,
            "tolerance": self.tolerance,
            "loss_tolerance": self.loss_tolerance,
            "history": self.history,
        }


def _minimizer() -> Callable[..., Any]:
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise ImportError("LBFGS needs SciPy. Install the extra: python -m pip install 'fastnn-cpu[scipy]'") from error
    return minimize
