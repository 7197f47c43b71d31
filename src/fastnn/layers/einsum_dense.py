"""A dense layer whose axes an equation names."""

from __future__ import annotations

import math
import re
from typing import Any

from fastnn import activations, constraints, initializers, regularizers
from fastnn.layers.activation import emit_activation
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable

_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+),([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)")


class EinsumDense(Layer):
    """A dense layer over the axes that an equation names: `activation(einsum(equation, x, kernel) + bias)`.

    Supported are the equations that are one product of matrices as the numbers lie: the last axes of the input are
    summed over, and one new axis takes their place, as in `"ab,bc->ac"`, `"abc,cd->abd"`, `"abcd,cde->abe"` and
    `"...x,xy->...y"`.

    Args:
        equation: The axes of input, kernel and output, one letter each; `...` in front stands for any number of them.
        output_shape: Shape of the output without the batch axis, and without those that `...` stands for; `None` for
            an axis takes the input's length.
        activation: Activation function, or its name; `None` for none.
        bias_axes: The output's axes that have a bias: the last one. `None` for no bias.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the kernel.
        bias_regularizer: Regularizer of the bias.
        kernel_constraint: Constraint of the kernel.
        bias_constraint: Constraint of the bias.
        **kwargs: Arguments of `Layer`.

    Input shape: as the equation says. Output shape: as the equation says.

    Example:

    >>> import numpy as np
    >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")
    >>> layer(np.ones((2, 3, 4))).shape
    (2, 3, 5)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        for refused in ("lora_rank", "lora_alpha", "gptq_unpacked_column_size", "quantization_config"):
            if kwargs.pop(refused, None) is not None:
                raise ValueError(f"Argument `{refused}` of EinsumDense is not supported. Received: {refused}=...")
        super().__init__(**kwargs)
        self.equation = equation
        given = output_shape if isinstance(output_shape, (list, tuple)) else (output_shape,)
        self.partial_output_shape = tuple(given)
        self.bias_axes = bias_axes
        self._summed = self._read_equation()
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel: Variable | None = None
        self.bias: Variable | None = None

    def _read_equation(self) -> int:
        """How many of the input's last axes are summed over."""
        found = _EQUATION.fullmatch(self.equation.replace(" ", "")) if isinstance(self.equation, str) else None
        if found is None:
            raise ValueError(
                "Argument `equation` must be of the form '[X],[Y]->[Z]' or '...[X],[Y]->...[Z]'. "
                f"Received: equation={self.equation!r}"
            )
        before, inputs, kernel, behind, outputs = found.groups()
        kept = [letter for letter in inputs if letter not in kernel]
        summed = inputs[len(kept) :]
        one_product = (
            before == behind
            and (before or kept)
            and summed
            and kernel == summed + outputs[-1]
            and outputs[:-1] == inputs[: len(kept)]
            and len(set(inputs + outputs[-1])) == len(inputs) + 1
        )
        if not one_product or self.bias_axes not in (None, outputs[-1]):
            raise NotImplementedError(
                "Argument `equation` must sum over the last axes of the input and put one new axis in their place, and "
                "`bias_axes` must be that axis: use Dense between Reshape and Permute layers for others. "
                f"Received: equation={self.equation!r}, bias_axes={self.bias_axes!r}"
            )
        return len(summed)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        letters = len(self.equation.replace(" ", "").partition(",")[0].replace("...", ""))
        elided = self.equation.startswith("...")
        if len(input_shape) < letters + elided or (not elided and len(input_shape) != letters):
            raise ValueError(
                f"Layer '{self.name}' takes inputs with the axes of '{self.equation}'. "
                f"Received: inputs of shape {input_shape}"
            )
        output = (*input_shape[: len(input_shape) - self._summed], self.partial_output_shape[-1])
        given = self.partial_output_shape
        kept = output[len(output) - len(given) : -1] if len(given) < len(output) else None
        if kept is None or any(n not in (None, to) for n, to in zip(given[:-1], kept, strict=True)):
            raise ValueError(
                f"Argument `output_shape` of layer '{self.name}' does not fit inputs of shape {input_shape}. "
                f"Received: output_shape={given}"
            )
        if not isinstance(given[-1], int) or given[-1] < 1:
            raise ValueError(f"Argument `output_shape` must end in a positive integer. Received: output_shape={given}")
        return output

    def build(self, input_shape: Shape) -> None:
        units = self.partial_output_shape[-1]
        self.kernel = self.add_weight(
            (*input_shape[len(input_shape) - self._summed :], units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.bias_axes is not None:
            self.bias = self.add_weight(
                (units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def lower(self, builder: Builder, x: Value) -> Value:
        kept = len(x.shape) - self._summed
        rows = builder.reshape(x, (*x.shape[:kept], math.prod(x.shape[kept:])))
        y = builder.dense(rows, required(self.kernel, "a kernel"), self.bias)
        return emit_activation(builder, y, self.activation, self.name)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
