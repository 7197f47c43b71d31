"""The inputs of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._arrays import floatx
from fastnn._structure import standardize_shape
from fastnn.layers.graph import Node, Tensor
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value


class InputLayer(Layer):
    """Says what samples look like, so that a model can be built before it sees data.

    Args:
        shape: Shape of one sample, without the batch axis.
        batch_size: Without effect.
        dtype: `"float32"` or `"float64"`: of the model. Integers and booleans say only what the data is: it is
            converted batch by batch.
        sparse: Not supported: `None` or `False`. `fit` takes sparse matrices all the same.
        ragged: Not supported: `None` or `False`.
        batch_shape: Shape with the batch axis, in place of `shape`.
        input_tensor: Not supported: `None`.
        optional: Not supported: `False`.
        name: Its name.

    Example:

    >>> InputLayer((8,)).declared_input_shape
    (8,)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        *,
        trainable: bool = True,
        input_shape: Any = None,
    ) -> None:
        given = {"sparse": sparse, "ragged": ragged, "optional": optional, "input_tensor": input_tensor}
        for argument, value in given.items():
            if value is not None and value is not False:
                raise ValueError(f"Argument `{argument}` of an Input is not supported. Received: {argument}={value!r}")
        if batch_shape is not None:
            shape = tuple(batch_shape)[1:]
        shape = input_shape if shape is None else shape
        if shape is None:
            raise ValueError("Argument `shape` must be given. Received: shape=None")
        whole = dtype is not None and str(np.dtype(dtype)) not in ("float32", "float64") and _holds_whole_numbers(dtype)
        if dtype is None and floatx() != np.float32:
            dtype = floatx()  # layers that are made later take it on
        super().__init__(
            dtype=None if whole else dtype, name=name, input_shape=standardize_shape(shape), trainable=trainable
        )
        self.batch_size = batch_size
        self.built = True
        self.input_shape = self.output_shape = (None, *standardize_shape(shape))
        self._data_dtype = np.dtype(dtype) if whole else None
        self._append_node()

    def _append_node(self) -> None:
        node = Node(self, (), None, [self.output_shape], None)
        node.outputs[0].data_dtype = self._data_dtype
        self._nodes.append(node)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._append_node()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def lower(self, builder: Builder, x: Value) -> Value:
        return x


def _holds_whole_numbers(dtype: Any) -> bool:
    if np.dtype(dtype).kind in "biu":
        return True
    raise ValueError(
        "Argument `dtype` of an Input must be a dtype of real numbers: strings go through a lookup layer before the "
        f"model. Received: dtype={dtype!r}"
    )


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> Tensor:
    """An input of a model: a symbolic tensor to call layers on, or the first entry of a `Sequential`.

    Args:
        shape: Shape of one sample, without the batch axis.
        batch_size: Without effect.
        dtype: `"float32"` or `"float64"`: of the model. Integers and booleans say only what the data is.
        sparse: Not supported: `None` or `False`. `fit` takes sparse matrices all the same.
        ragged: Not supported: `None` or `False`.
        batch_shape: Shape with the batch axis, in place of `shape`.
        name: Its name, by which `fit` finds it in a dictionary of arrays.
        tensor: Not supported: `None`.
        optional: Not supported: `False`.

    Example:

    >>> from fastnn.layers import Dense
    >>> from fastnn.models import Model, Sequential
    >>> Sequential([Input((8,)), Dense(1)]).count_params()
    9
    >>> x = Input((8,))
    >>> Model(x, Dense(1)(x)).count_params()
    9
    """
    output: Tensor = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output
    return output
