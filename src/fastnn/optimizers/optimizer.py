"""What an optimizer is: the name of its update in C, and the scalars of each coming step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from fastnn.optimizers import eager, patterns, schedules
from fastnn.optimizers.arguments import limit
from fastnn.optimizers.groups import Chosen, Group, Rule
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.state import State
from fastnn.records import Updates
from fastnn.variables import Variable
from fastnn.warnings import TrainingWarning, warn


class Optimizer(State):
    """Base class of optimizers.

    A compiled training step runs `kernel` with the scalars that `scalars` has computed for it beforehand. A subclass
    written in Python makes its variables in `build`, and defines `update_step(gradient, variable, learning_rate)`; a
    training step calls that for each weight, once all gradients are known.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: If given, every weight shrinks by this times the learning rate, before each update. A float, or a
            `LearningRateSchedule`, which Keras does not take.
        clipnorm: If given, the gradient of each weight is scaled down to this norm.
        clipvalue: If given, every element of a gradient is cut to this absolute value.
        global_clipnorm: If given, all gradients are scaled down together to this norm.
        use_ema: Whether to keep a running mean of the weights, which takes their place at the end of `fit`.
        ema_momentum: How much of itself that mean keeps at each step.
        ema_overwrite_frequency: If given, the mean takes the place of the weights after every so many updates too.
        loss_scale_factor: Divides the gradients given to `apply`, and multiplies the losses given to `scale_loss`.
            `fit` has no need of it: there is no float16 here whose range it would save.
        gradient_accumulation_steps: If given, one update is made from the mean of the gradients of so many batches.
        name: Its name; by default the class's.

    Attributes:
        kernel: Name of the update in C, or `None` for an optimizer in Python.
        slot_names: Names of the arrays it keeps for each weight, in the order that the kernel takes them.
        iterations: How many updates have been made.
        batches: How many batches have been seen: `iterations` of them, without `gradient_accumulation_steps`.
        revision: Grows when weights change their groups.

    Raises:
        ValueError: More than one way of clipping is asked for, or an argument has no sense.

    >>> from fastnn.variables import Variable
    >>> class Signs(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         variable.value[...] -= learning_rate * np.sign(gradient)
    >>> w = Variable([1.0, 2.0])
    >>> Signs(learning_rate=0.5).apply([[3.0, -0.1]], [w])
    >>> print(w.numpy())
    [0.5 2.5]
    """

    _changed: object = None  # another one after each change of an attribute
    kernel: str | None = None
    full_batch = False  # an epoch is one call of `minimize(evaluate, variables)`, over the whole data set

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
        if gradient_accumulation_steps is not None and not gradient_accumulation_steps >= 2:
            raise ValueError(
                "Argument `gradient_accumulation_steps` must be an integer >= 2, or None. Received: "
                f"gradient_accumulation_steps={gradient_accumulation_steps!r}"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"Argument `ema_momentum` must be from 0 to 1. Received: ema_momentum={ema_momentum!r}")
        frequency = ema_overwrite_frequency
        if use_ema and frequency is not None and (not isinstance(frequency, int) or frequency < 1):
            raise ValueError(
                "Argument `ema_overwrite_frequency` must be an integer >= 1, or None. Received: "
                f"ema_overwrite_frequency={frequency!r}"
            )
        if loss_scale_factor is not None and not loss_scale_factor > 0:
            raise ValueError(
                "Argument `loss_scale_factor` must be a positive float, or None. Received: "
                f"loss_scale_factor={loss_scale_factor!r}"
            )
        clipping = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(value is not None for value in clipping.values()) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                + ", ".join(f"{argument}={value!r}" for argument, value in clipping.items())
            )
        super().__init__(name, averages=use_ema, accumulates=gradient_accumulation_steps is not None)
        self.weight_decay = _decay(weight_decay)
        self.clipnorm = limit("clipnorm", clipnorm)
        self.clipvalue = limit("clipvalue", clipvalue)
        self.global_clipnorm = limit("global_clipnorm", global_clipnorm)
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.revision = 0
        self._undecayed = Chosen()
        self._groups: list[Group] = []
        self._arrays: dict[int, tuple[np.ndarray, Variable]] = {}
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
            return self._learning_rate(self.batches)
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
        return self.batches // self.batches_per_update

    @iterations.setter
    def iterations(self, iterations: int) -> None:
        self.batches = iterations * self.batches_per_update

    @property
    def asks_for_rates(self) -> bool:
        """Whether the learning rate is a callable, which may return another one at any time."""
        return not isinstance(self._learning_rate, (Variable, LearningRateSchedule))

    @property
    def counter(self) -> np.ndarray:
        """Where `batches` is kept."""
        return self._iterations.value

    @property
    def batches(self) -> int:
        """How many batches have been seen."""
        return int(self.counter)

    @batches.setter
    def batches(self, batches: int) -> None:
        self.counter.fill(batches)

    @property
    def batches_per_update(self) -> int:
        """`gradient_accumulation_steps`, or 1 without it."""
        return self.gradient_accumulation_steps or 1

    def learning_rates(self, batches: np.ndarray) -> np.ndarray:
        """Returns the learning rates of the batches numbered `batches`, in float64."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate.at(batches)
        return np.full(len(batches), float(self.learning_rate))

    def scalars(self, batches: np.ndarray, rule: Rule | None = None) -> np.ndarray:
        """Returns what the kernel needs for each of the batches numbered `batches`: a row a batch, in float64.

        The first column is the factor that weights shrink by before the update.

        Args:
            batches: Numbers of the batches, counted from 0.
            rule: How the weights are updated; by default as those without a group.
        """
        batches = np.asarray(batches, np.int64).reshape(-1)
        rule = rule or Rule(self.kernel, 1.0, self.weight_decay)
        rates = self.learning_rates(batches) * rule.learning_rate_multiplier
        columns = (
            self._shrinking(rates, batches, rule),
            *self.kernel_scalars(rates, batches // self.batches_per_update, rule.kernel),
        )
        scalars = np.empty((len(rates), len(columns)))
        for place, column in enumerate(columns):
            scalars[:, place] = column
        return scalars

    def _shrinking(self, rates: np.ndarray, batches: np.ndarray, rule: Rule) -> np.ndarray | float:
        decay = rule.weight_decay
        if decay is None:
            return 1.0
        return 1.0 - rates * (decay.at(batches) if isinstance(decay, LearningRateSchedule) else decay)

    def kernel_scalars(self, rates: np.ndarray, iterations: np.ndarray, kernel: str | None) -> tuple[Any, ...]:
        """Returns what the kernel takes after the factor of decay: a number, or an array with one for each step.

        It is computed ahead, and anew once the learning rate or an attribute is set. An attribute that is changed in
        place, such as a list, is not noticed.

        Args:
            rates: Learning rates of the steps.
            iterations: Numbers of the updates, counted from 0.
            kernel: Name of the update in C, for optimizers that have several.
        """
        raise NotImplementedError(f"{type(self).__name__} has no kernel.")

    # --- what a program is told

    @property
    def in_python(self) -> bool:
        """Whether `update_step` is the optimizer's own, and steps call it."""
        return self.kernel is None or type(self).update_step is not Optimizer.update_step

    def updates(self) -> Updates:
        """Returns what the optimizer, built, asks of a program that trains the weights it was built with."""
        settings = {
            "clip_value": self.clipvalue or 0,
            "clip_norm": self.clipnorm or 0,
            "global_clip_norm": self.global_clipnorm or 0,
            "accumulation": self.batches_per_update,
            "averaging": self.ema_momentum,
            "overwriting": (self.use_ema and self.ema_overwrite_frequency) or 0,
        }
        if self.in_python:
            return Updates(arrays_of=self._arrays_of, settings=settings, python=self._update_in_python)
        rules = self._rules()
        return Updates(
            [str(rule.kernel) for rule in rules],
            lambda variable: rules.index(self.rule_of(variable)),
            self._arrays_of,
            settings,
        )

    def tables(self, batches: np.ndarray) -> list[np.ndarray]:
        """Returns the scalars of the batches numbered `batches`, for each of the rules of `updates`."""
        return [] if self.in_python else [self.scalars(batches, rule) for rule in self._rules()]

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in self.__dict__:  # no property, behind which are attributes or variables
            self.__dict__["_changed"] = object()

    @property
    def scalars_stamp(self) -> Any:
        """What `tables` follows from: equal to what it was before as long as the scalars of each step are the same."""
        steady = isinstance(self._learning_rate, Variable) and not isinstance(self.weight_decay, LearningRateSchedule)
        decays = [group.weight_decay for group in self._groups]
        if steady and not (decays and any(isinstance(decay, LearningRateSchedule) for decay in decays)):
            return self._changed, float(self._learning_rate.value)
        return object()  # schedules and callables may return anything

    def _rules(self) -> list[Rule]:
        alike = not self._groups and not self._undecayed and type(self).kernel_of is Optimizer.kernel_of
        if alike and self._trainable_variables:  # as nearly always
            return [Rule(self.kernel, 1.0, self.weight_decay)]
        rules: list[Rule] = []
        for variable in self._trainable_variables:
            rule = self.rule_of(variable)
            if rule not in rules:
                rules.append(rule)
        return rules

    def _arrays_of(self, variable: Variable) -> dict[str, Any]:
        average, accumulator = self.average_of(variable), self.accumulator_of(variable)
        return {
            "slots": () if self.in_python else [slot.value for slot in self.slots_of(variable)],
            "average": None if average is None else average.value,
            "accumulator": None if accumulator is None else accumulator.value,
        }

    def _update_in_python(self, batch: int, pairs: list[tuple[np.ndarray, Variable]]) -> None:
        self.batches = batch
        eager.update(self, pairs)

    # --- groups

    def kernel_of(self, variable: Variable) -> str | None:
        """Returns the name of the update in C of a weight."""
        return self.kernel

    def rule_of(self, variable: Variable) -> Rule:
        """Returns how a weight is updated."""
        multiplier, decay = 1.0, self.weight_decay
        for group in self._groups:
            if group.chosen.has(variable, variable.path):
                multiplier = group.learning_rate_multiplier
                decay = self.weight_decay if group.weight_decay is None else group.weight_decay
        return Rule(self.kernel_of(variable), multiplier, None if self._is_undecayed(variable) else decay)

    def set_group(
        self, variables: Any, *, learning_rate_multiplier: float = 1.0, weight_decay: float | None = None
    ) -> None:
        """Gives some weights a learning rate and a decay of their own. May be called at any time; Keras has it not.

        Args:
            variables: The weights: variables, or regular expressions to find in their paths (`"dense_1/"`, `"bias"`).
                Where groups overlap, the last one counts.
            learning_rate_multiplier: Factor of the learning rate.
            weight_decay: If given, takes the place of the optimizer's; 0 for none.

        Raises:
            ValueError: An argument has no sense.

        >>> from fastnn.optimizers import SGD
        >>> from fastnn.variables import Variable
        >>> kernel, bias = Variable([1.0], name="kernel"), Variable([1.0], name="bias")
        >>> optimizer = SGD(learning_rate=0.1)
        >>> optimizer.set_group("bias", learning_rate_multiplier=2.0)
        >>> optimizer.apply([[1.0], [1.0]], [kernel, bias])
        >>> print(kernel.numpy(), bias.numpy())
        [0.9] [0.8]
        """
        self._groups.append(Group.of(variables, learning_rate_multiplier, weight_decay))
        self.revision += 1

    # --- weight decay

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Keeps weights from being shrunk by `weight_decay`. To be called before the optimizer is built.

        Args:
            var_list: The weights.
            var_names: Regular expressions: weights in whose names one of them is found, such as `"bias"`.

        Raises:
            ValueError: The optimizer is built already, or a regular expression might take forever.
        """
        if self.built:
            raise ValueError(
                f"`exclude_from_weight_decay()` must be called before the optimizer is built. Received: {self.name}, "
                "which is built"
            )
        self._undecayed = Chosen(var_list or (), patterns.checked(var_names or (), "var_names"))

    def _is_undecayed(self, variable: Variable) -> bool:
        return self._undecayed.has(variable, variable.name)

    # --- eager updates

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
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

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Updates variables in place.

        Args:
            grads: Their gradients.
            trainable_variables: The variables, or NumPy arrays, which must be C-contiguous and of float32 or float64;
                by default those that the optimizer was built with. The first call builds it.

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
        variables = [self._as_variable(variable) for variable in trainable_variables]
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
            warn(f"There are no gradients for the variables {without}.", TrainingWarning)
        self.build(variables)
        for _, variable in pairs:
            self._check_known(variable)
        eager.apply(self, pairs)
        self.batches += 1

    def _as_variable(self, variable: Any) -> Variable:
        """A NumPy array is made the memory of a variable of its own, and known by its identity from then on."""
        if isinstance(variable, Variable):
            return variable
        if id(variable) not in self._arrays:
            self._arrays[id(variable)] = (variable, eager.variable_of(variable))
        return self._arrays[id(variable)][1]

    def update_step(self, gradient: np.ndarray, variable: Variable, learning_rate: float) -> None:
        """Updates one variable in place. An optimizer in Python defines it.

        Args:
            gradient: Its gradient.
            variable: The variable.
            learning_rate: The learning rate of this step.
        """
        if self.kernel is None:
            raise NotImplementedError(f"{type(self).__name__} must implement `update_step()`.")
        kernel = self.kernel_of(variable)
        iterations = np.array([self.iterations])
        scalars = [1.0, *(np.ravel(s)[0] for s in self.kernel_scalars(np.array([learning_rate]), iterations, kernel))]
        eager.run_kernel(str(kernel), variable, gradient, self.slots_of(variable), scalars)

    def scale_loss(self, loss: Any) -> Any:
        """Returns the loss times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Makes weights their running means, where the optimizer keeps some: at the end of `fit`.

        Args:
            var_list: The weights.
        """
        for variable in var_list:
            average = self.average_of(variable) if self.use_ema else None
            if average is not None and self.averages_in_place:
                average.assign(variable.value)
            elif average is not None:
                variable.assign(average.value)
        self.averages_in_place = False

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
        decay = self.weight_decay
        groups = {"groups": [group.get_config() for group in self._groups]} if self._groups else {}
        return {
            "name": self.name,
            "learning_rate": learning_rate,
            "weight_decay": schedules.serialize(decay) if isinstance(decay, LearningRateSchedule) else decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
            **groups,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        """Makes an optimizer from what `get_config` returned.

        Args:
            config: The arguments.
            custom_objects: Further names of schedules, with what they stand for.
        """
        config = dict(config)
        groups = config.pop("groups", ())
        for argument in ("learning_rate", "weight_decay"):
            if isinstance(config.get(argument), dict):
                config[argument] = schedules.deserialize(config[argument], custom_objects)
        optimizer = cls(**config)
        for group in groups:
            optimizer.set_group(**group)
        return optimizer

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _decay(weight_decay: Any) -> Any:
    if isinstance(weight_decay, dict):
        weight_decay = schedules.deserialize(weight_decay)
    number = isinstance(weight_decay, Real) and not isinstance(weight_decay, bool) and math.isfinite(weight_decay)
    if not number and not isinstance(weight_decay, (LearningRateSchedule, type(None))):
        raise ValueError(
            "Argument `weight_decay` must be a number, a LearningRateSchedule or None. "
            f"Received: weight_decay={weight_decay!r}"
        )
    return weight_decay
