"""Layers in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.layers import InputLayer, deserialize, serialize
from fastnn.layers.layer import Layer
from fastnn.models.model import Model, Shape
from fastnn.program import Builder, Value


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
        layers: Sequence[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self._layers: list[Layer] = []
        self._declared_shape: Shape | None = None
        for layer in layers or ():
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @property
    def built(self) -> bool:
        return self.input_shape is not None

    def add(self, layer: Layer, rebuild: bool = True) -> None:
        """Adds a layer at the end.

        Args:
            layer: The layer.
            rebuild: Without effect.

        Raises:
            ValueError: It is not a layer, or its name is taken.
        """
        if not isinstance(layer, Layer):
            raise ValueError(f"Only layers can be added to a Sequential model. Received: {layer!r}")
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(f"Every layer of a model has a name of its own. Received: a second '{layer.name}'")
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(f"An Input comes first, and once. Received: {layer!r} after {self._layers[-1]!r}")
        self._forget_programs()
        self._layers.append(layer)
        try:
            if len(self._layers) == 1:
                self._declared_shape = layer.declared_input_shape
                if self._dtype is None:
                    self._dtype = layer._dtype
            shape = self._declared_shape if self.input_shape is None else self.input_shape
            if shape is not None:
                self._build(shape)
        except Exception:
            self._layers.pop()
            raise

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
        shape, self.input_shape = self.input_shape, None
        if self._layers and shape is not None:
            self._build(shape)
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Creates the weights.

        Args:
            input_shape: Shape of the inputs, batch axis first, as in `(None, 8)`.
        """
        if input_shape is None:
            self._check_built("weights")
            return
        self._build(tuple(int(length) for length in tuple(input_shape)[1:]))

    def _build(self, shape: Shape) -> None:
        if not self._layers:
            raise ValueError(f"The model '{self.name}' has no layers yet. Received: input_shape={(None, *shape)}")
        first = shape
        for layer in self._layers:
            if layer._dtype is None:
                layer._dtype = self.dtype
            elif layer._dtype != self.dtype:
                raise ValueError(
                    f"All layers of a model share its dtype, {self.dtype.name}. "
                    f"Received: layer '{layer.name}' of dtype {layer._dtype.name}"
                )
            layer.ensure_built(shape)
            if not self._trainable:
                layer.trainable = False
            shape = layer.compute_output_shape(shape)
        self.input_shape, self.output_shape = first, shape
        self._forget_programs()

    def lower(self, builder: Builder, x: Value) -> Value:
        for layer in self._layers:
            x = layer.emit(builder, x)
        return x

    def get_config(self) -> dict[str, Any]:
        """Arguments from which `from_config` makes an equal model, without its weights."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype.name,
            "layers": [serialize(layer) for layer in self._layers],
            "build_input_shape": None if self.input_shape is None else (None, *self.input_shape),
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
            model.add(deserialize(layer, custom_objects))
        if not model.built and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        return model
