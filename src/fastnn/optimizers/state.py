"""The state of an optimizer: its variables, which can be read, saved and set."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

import numpy as np

from fastnn import initializers
from fastnn._registry import auto_name
from fastnn.variables import Variable
from fastnn.warnings import FileWarning, warn


class State:
    """What `Optimizer` keeps between steps: a number of batches, and arrays for each weight.

    Args:
        name: Its name; by default the class's.
        averages: Whether it keeps a running mean of each weight.
        accumulates: Whether it keeps a sum of the gradients of each weight.
    """

    slot_names: tuple[str, ...] = ()

    def __init__(self, name: str | None, averages: bool, accumulates: bool) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.built = False
        self.averages_in_place = False  # of the weights, which are then where the averages are
        self._keeps = {"average": averages, "gradient_accumulator": accumulates}
        self._kept: dict[str, list[Variable]] = {}
        self._slots: dict[int, list[Variable]] = {}
        self._trainable_variables: list[Variable] = []
        self._places: dict[int, int] = {}
        self._iterations = Variable(np.zeros((), np.int64), dtype=np.int64, trainable=False, name="iteration")
        self._iterations.path = f"{self.name}/iteration"
        self._variables = [self._iterations]

    @property
    def variables(self) -> list[Variable]:
        """The state, in Keras's order.

        The number of batches, the learning rate if it is a number, running means of the weights, sums of gradients, and
        the slots of each weight.
        """
        return list(self._variables)

    @property
    def slots(self) -> dict[str, list[Variable]]:
        """The slots of each weight, by the weight's path."""
        return {variable.path: self.slots_of(variable) for variable in self._trainable_variables}

    def slots_of(self, variable: Variable) -> list[Variable]:
        """Returns the slots of a weight, in the order that its kernel takes them.

        Raises:
            ValueError: The optimizer has not been built with that weight.
        """
        self._check_known(variable)
        return list(self._slots[id(variable)])

    def average_of(self, variable: Variable) -> Variable | None:
        """Returns the running mean of a weight; `None` without `use_ema`."""
        return self._kept_of("average", variable)

    def accumulator_of(self, variable: Variable) -> Variable | None:
        """Returns the sum of a weight's gradients since the last update.

        `None` without `gradient_accumulation_steps`.
        """
        return self._kept_of("gradient_accumulator", variable)

    def _kept_of(self, name: str, variable: Variable) -> Variable | None:
        self._check_known(variable)
        return self._kept[name][self._get_variable_index(variable)] if name in self._kept else None

    def swap_averages(self) -> None:
        """Puts the running means of the weights in the weights' place, and the weights in theirs; and back again.

        Raises:
            ValueError: It keeps none: it was made without `use_ema`.
        """
        if not self._keeps["average"]:
            raise ValueError(
                f"The optimizer '{self.name}' keeps no running means of the weights: give it use_ema=True. "
                "Received: use_ema=False"
            )
        for variable, average in zip(self._trainable_variables, self._kept.get("average", ()), strict=False):
            weights = variable.numpy()
            variable.assign(average.value)
            average.assign(weights)
        self.averages_in_place = not self.averages_in_place

    @property
    def _model_variables_moving_average(self) -> list[Variable]:  # by this name Keras's callbacks look for it
        return self._kept["average"]

    def build(self, variables: Iterable[Variable]) -> None:
        """Makes the state of the weights; of no effect when called again.

        Args:
            variables: The weights to be trained.
        """
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._places = {id(variable): place for place, variable in enumerate(self._trainable_variables)}
        for name, wanted in self._keeps.items():
            if wanted:
                self._kept[name] = [self.add_variable_from_reference(v, name=name) for v in self._trainable_variables]
        for variable in self._trainable_variables:
            self._slots[id(variable)] = []
        self._add_slots()
        self.built = True

    def _add_slots(self) -> None:
        """Adds the slots: for each group of names, those of each weight in turn, as Keras lists them."""
        for group in self._slot_groups():
            for variable in self._trainable_variables:
                for name in group:
                    first = self._first_value(name)
                    slot = self.add_variable_from_reference(variable, name, "zeros" if first is None else first)
                    if first is None:
                        slot.assign(variable.value)
                    self._slots[id(variable)].append(slot)

    def _first_value(self, slot: str) -> Any:
        """The initializer of a slot; `None`: it starts as the weight does."""
        return "zeros"

    def _slot_groups(self) -> list[tuple[str, ...]]:
        """The names of `slot_names`, in groups: Keras lists the state of all weights group by group."""
        return [self.slot_names]

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

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Variable], name: str | Sequence[str], initializer: Any = "zeros"
    ) -> Any:
        """Adds a variable for each weight, or several, and returns their list, or a tuple of lists.

        Args:
            trainable_variables: The weights.
            name: What the variables are to their weights; several names make several variables for each weight.
            initializer: Their first value, or a list with that of each name.
        """
        names = [name] if isinstance(name, str) else list(name)
        firsts = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(firsts) != len(names):
            raise ValueError(
                f"There must be as many initializers as names. Received: name={name!r}, initializer={initializer!r}"
            )
        added: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for variables, one, first in zip(added, names, firsts, strict=True):
                variables.append(self.add_variable_from_reference(variable, one, first))
        return added[0] if isinstance(name, str) else added

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets the state to `weights`, one array for each of `variables`.

        Raises:
            ValueError: Their number or a shape does not fit. The state stays as it was.
        """
        arrays = [np.asarray(weight) for weight in weights]
        shapes = [variable.shape for variable in self.variables]
        if [array.shape for array in arrays] != shapes:
            raise ValueError(
                f"The weights must fit the optimizer's variables, of shapes {shapes}. Received: shapes "
                f"{[array.shape for array in arrays]}"
            )
        for variable, array in zip(self.variables, arrays, strict=True):
            variable.assign(array)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Puts the state into `store`, under `"0"`, `"1"` and so on."""
        for place, variable in enumerate(self.variables):
            store[str(place)] = variable.numpy()

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Sets the state to what `save_own_variables` put into `store`; warns, and does nothing, if it does not fit."""
        variables = self.variables
        if len(store) != len(variables):
            warn(
                f"The state of the optimizer '{self.name}' is not loaded: it has {len(variables)} variables, and "
                f"{len(store)} were saved.",
                FileWarning,
            )
            return
        self.set_weights([store[str(place)] for place in range(len(variables))])

    def assign(self, variable: Variable, value: Any) -> None:
        """Sets a variable: for optimizers written for Keras."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Adds to a variable: for optimizers written for Keras."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtracts from a variable: for optimizers written for Keras."""
        variable.assign_sub(value)

    def _get_variable_index(self, variable: Variable) -> int:
        return self._places[id(variable)]

    def _check_known(self, variable: Variable) -> None:
        if id(variable) not in self._places:
            raise ValueError(
                "The optimizer can only be called for the variables that it was built with. Make a new one for others. "
                f"Received: {variable!r}"
            )

    def __getstate__(self) -> dict[str, Any]:
        # Weights are known by their identity, and copies have others.
        state = self.__dict__.copy()
        state["_arrays"] = {}
        state["_slots"] = [self._slots[id(variable)] for variable in self._trainable_variables]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        variables = self._trainable_variables
        self._places = {id(variable): place for place, variable in enumerate(variables)}
        self._slots = {id(v): slots for v, slots in zip(variables, state["_slots"], strict=True)}
