"""The model behind a perceptron: its layers, by what the estimator's parameters say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnn import activations, layers
from fastnn.models import Sequential
from fastnn.optimizers import Optimizer
from fastnn.regularizers import L2PerSample
from fastnn.sklearn.objectives import Objective
from fastnn.training import Training

_NAMES = {"identity": "linear", "logistic": "sigmoid", "exp": "exponential"}  # scikit-learn's, where Keras has others


class Plan(NamedTuple):
    """What a network is made from; equal plans make equal networks.

    Attributes:
        units: Features, units of the hidden layers, outputs.
        activations: Of the hidden layers, then of the output.
        dropout: Shares dropped after each hidden layer.
        batch_normalization: Whether there is one in each hidden layer.
        alpha: The penalty on squared weights, as scikit-learn counts it.
        dtype: Name of the dtype.
    """

    units: tuple[int, ...]
    activations: tuple[Any, ...]
    dropout: tuple[float, ...]
    batch_normalization: bool
    alpha: float
    dtype: str


def activation_of(name: Any) -> Any:
    """The activation function by scikit-learn's name, or Keras's."""
    return activations.get(_NAMES.get(name, name) if isinstance(name, str) else name)


def activations_for(given: Any, hidden: int) -> tuple[Any, ...]:
    """The activations of so many hidden layers (of one, where there is none), checked, as they were given."""
    names = given if isinstance(given, (list, tuple)) else [given] * max(hidden, 1)
    if isinstance(given, (list, tuple)) and len(given) != hidden:
        raise ValueError(
            f"Argument `activation` must hold one for each of the {hidden} hidden layers. "
            f"Received: activation={given!r}"
        )
    for name in names:
        try:
            activation_of(name)
        except ValueError as error:
            raise ValueError(
                "Argument `activation` must be 'identity', 'logistic', 'tanh', 'relu', another activation of fastnn, "
                f"or a list of them. {error}"
            ) from None
    return tuple(names)


def shares_for(dropout: Any, hidden: int) -> tuple[float, ...]:
    """The shares to drop after each of so many hidden layers."""
    shares = dropout if isinstance(dropout, (list, tuple)) else [dropout] * hidden
    if len(shares) != hidden or not all(0 <= share < 1 for share in shares):
        raise ValueError(
            f"Argument `dropout` must be in [0, 1), or hold such a number for each of the {hidden} hidden layers. "
            f"Received: dropout={dropout!r}"
        )
    return tuple(float(share) for share in shares)


class Network:
    """A model with its dense layers, and what it is trained by.

    Args:
        plan: What it is made from.
        seeds: Draws a seed for each layer that drops; called once for each.
    """

    def __init__(self, plan: Plan, seeds: Any) -> None:
        self.plan = plan
        self.model = Sequential(dtype=plan.dtype, name="perceptron")
        self.dense: list[layers.Dense] = []
        self._compiled_for: tuple[Any, ...] = ()
        self.model.add(layers.Input((plan.units[0],)))
        hidden = len(plan.units) - 2
        for at in range(hidden):
            activation = activation_of(plan.activations[at])
            if plan.batch_normalization:
                self._add_dense(f"hidden_{at + 1}", plan.units[at + 1], None)
                self.model.add(layers.BatchNormalization(name=f"normalization_{at + 1}"))
                self.model.add(layers.Activation(activation, name=f"activation_{at + 1}"))
            else:
                self._add_dense(f"hidden_{at + 1}", plan.units[at + 1], activation)
            if plan.dropout[at] > 0:
                self.model.add(layers.Dropout(plan.dropout[at], seed=seeds(), name=f"dropout_{at + 1}"))
        self._add_dense("output", plan.units[-1], activation_of(plan.activations[-1]))

    def _add_dense(self, name: str, units: int, activation: Any) -> None:
        penalty = L2PerSample(self.plan.alpha / 2) if self.plan.alpha > 0 else None
        dense = layers.Dense(units, activation, kernel_initializer="zeros", kernel_regularizer=penalty, name=name)
        self.model.add(dense)
        self.dense.append(dense)

    @property
    def coefs(self) -> list[np.ndarray]:
        """The live kernels of the dense layers."""
        return [dense.kernel.value for dense in self.dense if dense.kernel is not None]

    @property
    def intercepts(self) -> list[np.ndarray]:
        """Their live biases."""
        return [dense.bias.value for dense in self.dense if dense.bias is not None]

    def assign(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> None:
        """Takes over weights that are not its own arrays already."""
        for dense, coef, intercept in zip(self.dense, coefs, intercepts, strict=True):
            for variable, value in ((dense.kernel, coef), (dense.bias, intercept)):
                if variable is not None and value is not variable.value:
                    variable.assign(value)

    def succeed(self, other: Network, optimizer: Optimizer | None) -> Optimizer | None:
        """Takes over what another network has learned besides its dense layers: normalizations, and its optimizer.

        Args:
            other: A network with dense layers of the same shapes.
            optimizer: What it was trained by.

        Returns:
            An optimizer like that, in the same state, for the weights of this network; `None` where it does not fit.
        """
        if self.plan.batch_normalization and other.plan.batch_normalization:
            self.model.set_weights([variable.value for variable in other.model.weights])
        if optimizer is None or not optimizer.built or optimizer.full_batch:
            return None
        renewed = type(optimizer).from_config(optimizer.get_config())
        renewed.build(self.model.trainable_variables)
        state = optimizer.variables
        if [variable.shape for variable in state] != [variable.shape for variable in renewed.variables]:
            return None
        renewed.set_weights(state)
        return renewed

    def training(self, optimizer: Optimizer, objective: Objective, weighted: bool) -> Training:
        """What it is trained with; kept, with its programs, for as long as the optimizer and the objective stay."""
        key = (optimizer, weighted, *objective.made_from)
        kept = self._compiled_for
        if len(kept) != len(key) or not all(mine is its or mine == its for mine, its in zip(kept, key, strict=True)):
            loss = objective.weighted() if weighted else objective.loss
            self.model.compile(optimizer, loss, loss_weights=[objective.factor])
            self._compiled_for = key
        training: Training = self.model._settled("fit")
        return training

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compiled_for": ()}
