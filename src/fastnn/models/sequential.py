"""Layers in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fastnn._structure import is_shape
from fastnn.layers import InputLayer, serialize
from fastnn.layers.graph import Tensor
from fastnn.layers.layer import Layer, check_nesting
from fastnn.models.configuration import deserialize_layer
from fastnn.models.model import Model, Shape


class Sequential(Model):
    """Layers in a row.

    Args:
        layers: The layers, the first of which may be an `Input`.
        trainable: Whether the weights learn.
        name: Its name; by default the class's.
        dtype: `"float32"` or `"float64"`, for all layers that name none.

    Example:

    >>> import numpy as np
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(2, kernel_initializer="ones"), Dense(1, kernel_initializer="ones")])
    >>> model(np.array([[1.0, 2.0]], dtype="float32"))
    array([[6.]], dtype=float32)
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self._layers: list[Layer] = []
        self._tensors: list[Tensor] = []  # the input, then what comes out of each layer, once the input is known
        for layer in layers or ():
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def sublayers(self) -> Iterator[Layer]:
        yield from self.layers

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Adds a layer at the end.

        Args:
            layer: The layer; or, first, an `Input`.
            rebuild: Without effect.

        Raises:
            ValueError: It is not a layer, or its name is taken.
        """
        if isinstance(layer, Tensor) and layer.node is not None and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise ValueError(f"Only layers can be added to a Sequential model. Received: {layer!r}")
        check_nesting(layer, (self,))
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(f"Every layer of a model has a name of its own. Received: a second '{layer.name}'")
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(f"An Input comes first, and once. Received: {layer!r} after {self._layers[-1]!r}")
        self._forget_programs()
        self._layers.append(layer)
        before = self._dtype, list(self._tensors)
        try:
            if len(self._layers) == 1 and self._dtype is None:
                self._dtype = layer._dtype
            if self._tensors:
                self._extend(layer)
                self._settle_outputs()
            else:
                declared = self._declared_shape()
                if declared is not None:
                    self._build(declared)
        except Exception:
            self._layers.pop()
            self._dtype, self._tensors = before
            raise

    def _declared_shape(self) -> Shape | None:
        first = self._layers[0]
        if isinstance(first, Model) and first.built:
            return first.input_shape if is_shape(first.input_shape) else None
        return None if first.declared_input_shape is None else (None, *first.declared_input_shape)

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes the last layer and returns it.

        Args:
            rebuild: Without effect.

        Raises:
            TypeError: There is none.
        """
        if not self._layers:
            raise TypeError("There are no layers in the model. Received: pop()")
        self._forget_programs()
        layer = self._layers.pop()
        if self._tensors:
            tensor = self._tensors.pop()
            if tensor.node in layer._nodes:
                layer._nodes.remove(tensor.node)
            self._settle_outputs()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Creates the weights.

        Args:
            input_shape: Shape of the inputs, batch axis first, as in `(None, 8)`.
        """
        if input_shape is None:
            self._check_built("weights")
            return
        shape = (None, *(int(length) for length in tuple(input_shape)[1:]))
        if not self._layers:
            raise ValueError(f"The model '{self.name}' has no layers yet. Received: input_shape={shape}")
        if not self._tensors:
            self._build(shape)
        else:
            self.check_input_shape(shape)

    def _build(self, shape: Shape) -> None:
        first = self._layers[0]
        if not isinstance(first, InputLayer):
            first = InputLayer(shape[1:], dtype=self._dtype)
        elif first._dtype is None:
            first._dtype = self._dtype
        self._tensors = [Tensor(shape, self.dtype, first._nodes[0])]
        first._nodes[0].outputs[:] = self._tensors
        try:
            for layer in self.layers:
                self._extend(layer)
        except Exception:
            self._tensors = []
            raise
        self._settle_outputs()

    def _extend(self, layer: Layer) -> None:
        """Calls a layer on what comes out of the last."""
        tensor = layer(self._tensors[-1])
        if not isinstance(tensor, Tensor):
            raise ValueError(
                f"All layers of a Sequential model have one input and one output. "
                f"Received: layer '{layer.name}', which returns {tensor!r}"
            )
        self._tensors.append(tensor)

    def _settle_outputs(self) -> None:
        if len(self._tensors) > 1:
            self._connect(self._tensors[0], self._tensors[-1])
        else:
            self._graph = self._inputs = self._outputs = self.input_shape = self.output_shape = None
            self._tensors = []
            self.built = False
            self._forget_programs()
            if self._layers and isinstance(self._layers[0], InputLayer):
                self._tensors = [self._layers[0]._nodes[0].outputs[0]]

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Arguments from which `from_config` makes an equal model, without its weights."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype.name,
            "layers": [serialize(layer) for layer in self._layers],
            "build_input_shape": self.input_shape,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Sequential:
        """Makes a model from what `get_config` returned.

        Args:
            config: What `get_config` returned.
            custom_objects: Classes by name, beyond fastnn's own.
        """
        model = cls(name=config["name"], trainable=config.get("trainable", True), dtype=config.get("dtype"))
        for layer in config["layers"]:
            model.add(deserialize_layer(layer, custom_objects))
        if not model.built and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        return model
