"""What a model's outputs are sensitive to: gradients by its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._structure import map_shapes, pack
from fastnn.gradients import Derivatives
from fastnn.training import Training


class Differentiable:
    """Gradients and Jacobians by the inputs, of a model as it predicts: without dropout, with moving statistics."""

    name: str
    input_structure: Any
    built: bool
    _training: Training | None
    _derivatives: Derivatives | None

    def _input_arrays(self, x: Any, name: str = "x", y: Any = None) -> list[Any]:
        raise NotImplementedError

    def input_gradient(self, x: Any, of: Any = None, *, y: Any = None) -> Any:
        """Returns the gradient, by the inputs, of one number of each sample: of an output, of what is composed of
        outputs, or of the sample's own loss.

        It is computed by a compiled program, forward and back. Samples do not see each other.

        Args:
            x: Inputs, as `predict` takes them.
            of: What is differentiated. `None`: the output, of a model that has one number. An integer, or a tuple of
                them: that number of a sample of the output. An array of class numbers, one for each sample: the output
                for that class. A function that composes one number a sample of the output (of several outputs, in
                their structure), of layers, `fastnn.ops` and arithmetic.
            y: Targets, in place of `of`: the gradient is that of each sample's own loss, as compiled. It is not
                divided by the number of samples, and knows no penalties.

        Returns:
            For each input an array of its shape, in the structure of the inputs. Inputs that are ids, or are cut into
            bins, have gradients of zero.

        Raises:
            ValueError: `of` does not choose one number of each sample, or an argument does not fit.

        Example:

        >>> import numpy as np
        >>> from fastnn import Sequential, layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(1, kernel_initializer="ones"),
        ...                     layers.Activation("tanh")])
        >>> model.input_gradient(np.array([[0.0, 0.0]]))
        array([[1., 1.]], dtype=float32)
        """
        if y is not None:
            return self._loss_gradient(x, of, y)
        arrays = self._input_arrays(x)
        _, gradients = self._made_derivatives().of_outputs(arrays, of, every=False)
        return pack(self.input_structure, [gradient[:, 0] for gradient in gradients])

    def _loss_gradient(self, x: Any, of: Any, y: Any) -> Any:
        if of is not None:
            raise ValueError(f"Arguments `of` and `y` exclude each other. Received: of={of!r} and targets")
        if self._training is None:
            raise ValueError(
                f"The model '{self.name}' must be compiled first: the gradient of a loss needs one. Received: y"
            )
        training = self._training
        with training.lock:
            arrays = training.arrays(self._input_arrays(x, y=y), y, None, finite=True)
            heads = training.results.trained
        gradients = self._made_derivatives().of_losses(arrays, heads, [head.loss_weight for head in heads])
        return pack(self.input_structure, [gradient[:, 0] for gradient in gradients])

    def jacobian(self, x: Any, of: Any = None) -> Any:
        """Returns the derivatives of every number of the outputs by every number of the inputs, sample by sample.

        Args:
            x: Inputs, as `predict` takes them.
            of: What is differentiated: `None` for all outputs, or as for `input_gradient`, a function being free to
                return as many numbers as it will.

        Returns:
            An array of shape `(samples, *shape of an output, *shape of an input)`; for several inputs a structure of
            them; for several outputs a structure of what there is for one.

        Example:

        >>> import numpy as np
        >>> from fastnn import Sequential, layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(3)])
        >>> model.jacobian(np.zeros((5, 2))).shape
        (5, 3, 2)
        """
        arrays = self._input_arrays(x)
        shapes, gradients = self._made_derivatives().of_outputs(arrays, of, every=True)
        at = 0

        def of_one(shape: tuple[int, ...]) -> Any:
            nonlocal at
            numbers = int(np.prod(shape, dtype=int))
            parts = [gradient[:, at : at + numbers] for gradient in gradients]
            at += numbers
            split = [part.reshape(len(part), *shape, *part.shape[2:]) for part in parts]
            return pack(self.input_structure, split)

        return map_shapes(of_one, shapes)

    def _made_derivatives(self) -> Derivatives:
        if self._derivatives is None:
            self._derivatives = Derivatives(self)
        return self._derivatives
