"""What layers and models have in common: weights, some of which learn."""

from __future__ import annotations

import numpy as np

from fastnn.variables import Variable


class Weighted:
    """Has `weights`, and says the rest of them."""

    @property
    def weights(self) -> list[Variable]:
        """All weights."""
        raise NotImplementedError

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that learn."""
        return [variable for variable in self.weights if variable.trainable]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that do not learn: states, and all of a frozen layer's."""
        return [variable for variable in self.weights if not variable.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]
