"""A table of vectors, looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.layers.layer import Layer, Shape
from fastnn.program import Builder
from fastnn.records import Value
from fastnn.variables import Variable

LARGEST = {"float32": 2**24, "float64": 2**53}  # ids below are exact in it: numbers in a program are of one dtype


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"Argument `{name}` must be a positive integer. Received: {name}={value!r}")
    return int(value)


class Embedding(Layer):
    """Turns ids, whole numbers from 0 on, into vectors that learn: row `id` of a table.

    (Bengio et al. 2003, "A Neural Probabilistic Language Model".)

    The gradient of the table is summed over the rows that a batch names. SGD without momentum, weight decay, clipping
    by norm or a regularizer of the table then leaves all other rows alone, with the same result to the bit. Other
    optimizers update the whole table at every step, as in Keras: their moments go on without gradients too, and for
    that a large table costs what its size costs.

    Args:
        input_dim: Number of rows of the table: ids are below it.
        output_dim: Length of the vectors.
        embeddings_initializer: Initializer of the table.
        embeddings_regularizer: Regularizer of the table.
        embeddings_constraint: Constraint of the table.
        mask_zero: Whether id 0 stands for a missing position: not supported.
        weights: The table's first values, an array; in place of the initializer.
        **kwargs: Arguments of `Layer`.

    Input shape: `(batch, ...)`, ids of any integer or float dtype; a fraction is cut off. Ids that the table has no row
    for are refused before anything is computed.

    Output shape: `(batch, ..., output_dim)`.

    Example:

    >>> import numpy as np
    >>> layer = Embedding(3, 2, weights=np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]))
    >>> layer(np.array([[2, 1]]))
    array([[[3., 4.],
            [1., 2.]]], dtype=float32)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        for refused in ("lora_rank", "lora_alpha", "quantization_config"):
            if kwargs.pop(refused, None) is not None:
                raise ValueError(f"Argument `{refused}` of Embedding is not supported. Received: {refused}=...")
        super().__init__(**kwargs)
        if mask_zero:
            raise NotImplementedError(
                "Argument `mask_zero` must be False: give the padding an id of its own, and it learns to be ignored. "
                "Received: mask_zero=True"
            )
        self.input_dim = _count("input_dim", input_dim)
        self.output_dim = _count("output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self._embeddings: Variable | None = None
        self._given = None
        if weights is not None:
            given = weights[0] if isinstance(weights, (list, tuple)) and len(weights) == 1 else weights
            self._given = np.array(given, np.float64)
            if self._given.shape != (self.input_dim, self.output_dim):
                raise ValueError(
                    f"Argument `weights` must be an array of shape {(self.input_dim, self.output_dim)}. "
                    f"Received: shape={self._given.shape}"
                )

    @property
    def embeddings(self) -> Variable:
        """The table.

        Raises:
            AttributeError: The layer is not built.
        """
        if self._embeddings is None:
            raise AttributeError(f"Layer '{self.name}' must be built before its `embeddings` are used. Received: None")
        return self._embeddings

    def build(self, input_shape: Shape = ()) -> None:
        if self.input_dim > LARGEST[self.dtype.name]:
            raise ValueError(
                f"Argument `input_dim` of layer '{self.name}' must be at most {LARGEST[self.dtype.name]} in "
                f"{self.dtype.name}: use dtype='float64'. Received: input_dim={self.input_dim}"
            )
        self._embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        if self._given is not None:
            self._embeddings.assign(self._given)

    def check_input_shape(self, input_shape: Shape) -> None:
        """Ids come in any shape."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def lower(self, builder: Builder, x: Value) -> Value:
        return builder.embedding(x, self.embeddings, self.name)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "mask_zero": False,
        }
