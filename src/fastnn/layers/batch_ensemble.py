"""Several dense layers that share one kernel, in one pass."""

from __future__ import annotations

from typing import Any

from fastnn import activations, initializers
from fastnn.layers.activation import emit_activation
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value, required
from fastnn.variables import Variable


class BatchEnsembleDense(Layer):
    """`members` dense layers in one pass: they share a kernel, and each has factors of its inputs and outputs.

    Member i computes `activation(((x_i · r_i) kernel) · s_i + b_i)`, all in one product of matrices. Beyond Keras.
    (Wen, Tran and Ba 2020, "BatchEnsemble: An Alternative Approach to Efficient Ensemble and Lifelong Learning";
    Gorishniy, Kotelnikov and Babenko 2024, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient
    Ensembling".)

    Args:
        units: Number of units of each member.
        members: Number of members.
        activation: Activation function, or its name; `None` for none.
        use_bias: Whether each member has a bias.
        kernel_initializer: Initializer of the shared kernel.
        input_initializer: Initializer of the factors of inputs, r: in TabM random signs or normal numbers in the first
            layer, ones in the others.
        output_initializer: Initializer of the factors of outputs, s.
        bias_initializer: Initializer of the biases.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, inputs)`, which all members see, or `(batch, members, inputs)`.

    Output shape: `(batch, members, units)`.

    Example:

    >>> import numpy as np
    >>> BatchEnsembleDense(2, members=3, kernel_initializer="ones")(np.array([[1.0, 2.0]]))
    array([[[3., 3.],
            [3., 3.],
            [3., 3.]]])
    """

    def __init__(
        self,
        units: int,
        members: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        input_initializer: Any = "ones",
        output_initializer: Any = "ones",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("units", units), ("members", members)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"Argument `{name}` must be a positive integer. Received: {name}={value!r}")
        self.units = units
        self.members = members
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.input_initializer = initializers.get(input_initializer)
        self.output_initializer = initializers.get(output_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel: Variable | None = None
        self.input_scale: Variable | None = None
        self.output_scale: Variable | None = None
        self.bias: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        inputs = input_shape[-1]
        self.kernel = self.add_weight((inputs, self.units), self.kernel_initializer, name="kernel")
        self.input_scale = self.add_weight((self.members, inputs), self.input_initializer, name="input_scale")
        self.output_scale = self.add_weight((self.members, self.units), self.output_initializer, name="output_scale")
        if self.use_bias:
            self.bias = self.add_weight((self.members, self.units), self.bias_initializer, name="bias")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) not in (2, 3) or (len(input_shape) == 3 and input_shape[1] != self.members):
            raise ValueError(
                f"Layer '{self.name}' takes inputs of shape (batch, inputs) or (batch, {self.members}, inputs). "
                f"Received: inputs of shape {input_shape}"
            )
        return (input_shape[0], self.members, self.units)

    def lower(self, builder: Builder, x: Value) -> Value:
        row = builder.reshape(x, (x.shape[-1] * (1 if len(x.shape) == 1 else self.members),))
        scaled = builder.scale(row, self.input_scale, None, self.members * x.shape[-1])
        y = builder.dense(builder.reshape(scaled, (self.members, x.shape[-1])), required(self.kernel, "a kernel"), None)
        y = builder.scale(builder.reshape(y, (self.members * self.units,)), self.output_scale, self.bias)
        return emit_activation(builder, builder.reshape(y, (self.members, self.units)), self.activation, self.name)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "members": self.members,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "input_initializer": initializers.serialize(self.input_initializer),
            "output_initializer": initializers.serialize(self.output_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }
