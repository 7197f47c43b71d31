"""What an optimizer is: the name of its update in C, and the scalars of each coming step."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastnn import initializers
from fastnn._registry import auto_name
from fastnn.optimizers import eager, schedules
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.variables import Variable


class Optimizer:
    """Base class of optimizers.

    A compiled training step runs `kernel` with the scalars that `scalars` has computed for it beforehand. A subclass
    in Python leaves `kernel` as it is, makes its variables in `build`, and defines
    `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: If given, every weight shrinks by this times the learning rate, before each update.
        clipnorm: If given, the gradient of each weight is scaled down to this norm.
        clipvalue: If given, every element of a gradient is cut to this absolute value.
        global_clipnorm: If given, all gradients are scaled down together to this norm.
        use_ema: Only `False` is supported.
        ema_momentum: Of no effect while `use_ema` is not supported.
        ema_overwrite_frequency: Of no effect while `use_ema` is not supported.
        loss_scale_factor: Only `None` is supported.
        gradient_accumulation_steps: Only `None` is supported.
        name: Its name; by default the class's.

    Attributes:
        kernel: Name of the update in C, or `None` for an optimizer in Python.
        slot_names: Names of the arrays it keeps for each weight, in the order that the kernel takes them.
        iterations: How many updates have been made.

    Raises:
        ValueError: More than one way of clipping is asked for, or an argument has no sense.
        NotImplementedError: An argument asks for what is not supported.
    """

    kernel: str | None = None
    slot_names: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise ValueError(f"Unknown arguments for {type(self).__name__}. Received: {kwargs}")
        for argument, value in (
            ("use_ema", use_ema),
            ("loss_scale_factor", loss_scale_factor),
            ("gradient_accumulation_steps", gradient_accumulation_steps),
        ):
            if value:
                raise NotImplementedError(f"Argument `{argument}` is not supported. Received: {argument}={value!r}")
        clipping = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(value is not None for value in clipping.values()) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                + ", ".join(f"{argument}={value!r}" for argument, value in clipping.items())
            )
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = False
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = None
        self.gradient_accumulation_steps = None
        self.built = False
        self._slots: dict[int, list[Variable]] = {}
        self._trainable_variables: list[Variable] = []
        self._undecayed: frozenset[int] = frozenset()
        self._undecayed_names: re.Pattern | None = None
        self._iterations = Variable(np.zeros((), np.int64), dtype=np.int64, trainable=False, name="iteration")
        self._iterations.path = f"{self.name}/iteration"
        self._variables = [self._iterations]
        self._learning_rate: Any = None
        self._set_learning_rate(learning_rate)

    # --- learning rate and iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step.

        A `Variable` if it is a number, which can be set; the value of the schedule at `iterations`, or of the callable,
        if it is not.
        """
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self.iterations)
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if isinstance(self._learning_rate, LearningRateSchedule) and not callable(learning_rate):
            raise TypeError(
                "The learning rate of this optimizer follows a LearningRateSchedule, so it cannot be set to a number. "
                "Give the optimizer a float for its `learning_rate` argument if you want to set it later. Received: "
                f"learning_rate={learning_rate!r}"
            )
        self._set_learning_rate(learning_rate)

    def _set_learning_rate(self, learning_rate: Any) -> None:
        current = self._learning_rate
        if isinstance(learning_rate, dict):
            learning_rate = schedules.deserialize(learning_rate)
        if callable(learning_rate):  # schedules included
            if isinstance(current, Variable):
                self._variables = [variable for variable in self._variables if variable is not current]
            self._learning_rate = learning_rate
            return
        try:
            rate = float(learning_rate)
        except (TypeError, ValueError):
            rate = float("nan")
        if isinstance(learning_rate, (bool, str)) or not np.isfinite(rate):
            raise ValueError(
                "Argument `learning_rate` must be a float, a LearningRateSchedule or a callable without arguments. "
                f"Received: learning_rate={learning_rate!r}"
            )
        if isinstance(current, Variable):
            current.assign(rate)
            return
        self._learning_rate = Variable(
            np.float64(rate), trainable=False, name="learning_rate", path=f"{self.name}/learning_rate"
        )
        self._variables.insert(1, self._learning_rate)

    @property
    def iterations(self) -> int:
        """How many updates have been made."""
        return int(self._iterations)

    @iterations.setter
    def iterations(self, iterations: int) -> None:
        self._iterations.assign(iterations)

    def learning_rates(self, iterations: np.ndarray) -> np.ndarray:
        """Returns the learning rates of the steps numbered `iterations`, in float64."""
        iterations = np.asarray(iterations, np.int64).reshape(-1)
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate.at(iterations)
        return np.full(len(iterations), float(self.learning_rate))

    def scalars(self, iterations: np.ndarray) -> np.ndarray:
        """Returns what the kernel needs for each of the steps numbered `iterations`: a row a step, in float64.

        The first column is the factor that weights shrink by before the update; for a variable of which `decays` is
        false, 1 takes its place.

        Args:
            iterations: Numbers of the steps, counted from 0.
        """
        iterations = np.asarray(iterations, np.int64).reshape(-1)
        rates = self.learning_rates(iterations)
        decay = 1.0 - rates * self.weight_decay if self.weight_decay is not None else np.ones_like(rates)
        columns = (decay, *self.kernel_scalars(rates, iterations))
        scalars = np.empty((len(rates), len(columns)))
        for place, column in enumerate(columns):
            scalars[:, place] = column
        return scalars

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray) -> tuple[Any, ...]:
        """Returns what the kernel takes after the factor of decay: a number, or an array with one for each step.

        Args:
            rates: Learning rates of the steps.
            iterations: Numbers of the steps, counted from 0.
        """
        raise NotImplementedError(f"{type(self).__name__} has no kernel.")

    # --- variables

    @property
    def variables(self) -> list[Variable]:
        """The state: the number of updates, the learning rate if it is a number, and the slots of each weight."""
        return list(self._variables)

    @property
    def slots(self) -> dict[str, list[Variable]]:
        """The slots of each weight, by the weight's path."""
        return {variable.path: self.slots_of(variable) for variable in self._trainable_variables}

    def slots_of(self, variable: Variable) -> list[Variable]:
        """Returns the slots of a weight, in the order of `slot_names`.

        Raises:
            ValueError: The optimizer has not been built with that weight.
        """
        self._check_known(variable)
        return list(self._slots[id(variable)])

    def build(self, variables: Iterable[Variable]) -> None:
        """Makes the slots of the weights, filled with zeros; of no effect when called again.

        Args:
            variables: The weights to be trained.
        """
        if self.built:
            return
        self._trainable_variables = list(variables)
        for variable in self._trainable_variables:
            self._slots[id(variable)] = []
        for group in self._slot_groups():
            for variable in self._trainable_variables:
                self._slots[id(variable)] += [self.add_variable_from_reference(variable, name=name) for name in group]
        self.built = True

    def _slot_groups(self) -> list[tuple[str, ...]]:
        """The names of `slot_names`, in groups: Keras lists the state of all weights group by group."""
        return [(name,) for name in self.slot_names]

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Adds a variable to the state and returns it.

        Args:
            shape: Its shape.
            initializer: Its first value.
            dtype: Its dtype, float32 by default.
            name: Its name.
        """
        name = name or auto_name("variable")
        variable = Variable(
            initializers.get(initializer),
            shape=tuple(shape),
            dtype=dtype,
            trainable=False,
            name=name,
            path=f"{self.name}/{name}",
        )
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Adds a variable of the shape and dtype of a weight to the state and returns it.

        Args:
            reference_variable: The weight.
            name: What it is to the weight, such as `"momentum"`; its name is the weight's path and this.
            initializer: Its first value.
        """
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            f"{reference_variable.path.replace('/', '_')}_{name or 'var'}",
        )

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets the state to `weights`, one array for each of `variables`.

        Raises:
            ValueError: Their number or a shape does not fit. The state stays as it was.
        """
        arrays = [np.asarray(weight) for weight in weights]
        shapes = [variable.shape for variable in self._variables]
        if [array.shape for array in arrays] != shapes:
            raise ValueError(
                f"The weights must fit the optimizer's variables, of shapes {shapes}. Received: shapes "
                f"{[array.shape for array in arrays]}"
            )
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)

    def _check_known(self, variable: Variable) -> None:
        if id(variable) not in self._slots:
            raise ValueError(
                "The optimizer can only be called for the variables that it was built with. Make a new one for others. "
                f"Received: {variable!r}"
            )

    def __getstate__(self) -> dict[str, Any]:
        # Weights are known by their identity, and copies have others.
        variables = self._trainable_variables
        state = self.__dict__.copy()
        state["_slots"] = [self._slots[id(variable)] for variable in variables]
        state["_undecayed"] = [id(variable) in self._undecayed for variable in variables]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        variables = self._trainable_variables
        self._slots = {id(v): slots for v, slots in zip(variables, state["_slots"], strict=True)}
        self._undecayed = frozenset(id(v) for v, out in zip(variables, state["_undecayed"], strict=True) if out)

    # --- weight decay

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Keeps weights from being shrunk by `weight_decay`. To be called before the optimizer is built.

        Args:
            var_list: The weights.
            var_names: Regular expressions: weights in whose names one of them is found, such as `"bias"`.

        Raises:
            ValueError: The optimizer is built already.
        """
        if self.built:
            raise ValueError(
                f"`exclude_from_weight_decay()` must be called before the optimizer is built. Received: {self.name}, "
                "which is built"
            )
        self._undecayed = frozenset(id(variable) for variable in var_list or ())
        names = sorted(set(var_names or ()))
        self._undecayed_names = re.compile("|".join(names)) if names else None

    def decays(self, variable: Variable) -> bool:
        """Whether `weight_decay` shrinks a weight."""
        if self.weight_decay is None or id(variable) in self._undecayed:
            return False
        return self._undecayed_names is None or self._undecayed_names.search(variable.name) is None

    # --- eager updates

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> int:
        """Updates variables in place, each with its gradient.

        Args:
            grads_and_vars: Pairs of a gradient and a variable. Pairs whose gradient is `None` are left out, with a
                warning.

        Returns:
            How many updates have been made.
        """
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Updates variables in place.

        Args:
            grads: Their gradients.
            trainable_variables: The variables; by default those that the optimizer was built with. The first call
                builds it.

        Raises:
            ValueError: The gradients do not fit the variables. Everything stays as it was.
        """
        if not len(grads):
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    "Without `trainable_variables`, the optimizer must have been built: call "
                    f"`optimizer.build(variables)` first. Received: {len(grads)} gradients alone"
                )
            trainable_variables = self._trainable_variables
        variables = list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                "There must be one gradient for each variable. Received: "
                f"{len(grads)} gradients for {len(variables)} variables"
            )
        pairs = [
            (eager.as_gradient(gradient, variable), variable)
            for gradient, variable in zip(grads, variables, strict=True)
            if gradient is not None
        ]
        if not pairs:
            raise ValueError(f"No gradients are given for any variable. Received: grads={list(grads)}")
        if len(pairs) < len(variables):
            without = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
            warnings.warn(f"There are no gradients for the variables {without}.", stacklevel=2)
        self.build(variables)
        for _, variable in pairs:
            self._check_known(variable)
        eager.update(self, pairs)
        for _, variable in pairs:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self.iterations += 1

    def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
        """Updates one variable in place: for optimizers in Python.

        Args:
            gradient: Its gradient.
            variable: The variable.
            learning_rate: The learning rate of this step.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `update_step()`.")

    # --- configuration

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal optimizer, without its state."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            learning_rate = schedules.serialize(self._learning_rate)
        elif isinstance(self._learning_rate, Variable):
            learning_rate = float(self._learning_rate)
        else:
            raise ValueError(
                "An optimizer whose learning rate is a callable cannot be serialized. Received: "
                f"learning_rate={self._learning_rate!r}"
            )
        return {
            "name": self.name,
            "learning_rate": learning_rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        """Makes an optimizer from what `get_config` returned.

        Args:
            config: The arguments.
            custom_objects: Further names of schedules, with what they stand for.
        """
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"], custom_objects)
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
