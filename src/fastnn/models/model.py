"""What a model is: inputs, outputs, and the layers between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fastnn import data
from fastnn._arrays import as_float
from fastnn._structure import flatten, flatten_shapes, map_shapes, pack, transform
from fastnn.adapters import is_sparse
from fastnn.layers import InputLayer
from fastnn.layers.graph import Graph, Tensor
from fastnn.layers.layer import Layer, check_nesting, check_outputs
from fastnn.models import configuration, description, saving
from fastnn.models.differentiable import Differentiable
from fastnn.models.trainer import Trainer
from fastnn.program import Builder
from fastnn.summary import html_summary, print_summary
from fastnn.variables import Variable, assign_all

Shape = tuple[Any, ...]


class Model(Trainer, Differentiable, Layer):
    """Layers put together to be trained.

    Made in one of three ways: from symbolic inputs and outputs, `Model(inputs, outputs)`; as a subclass whose `call`
    composes layers; or as a `Sequential`. A model is a layer, too, and can be part of another model.

    Args:
        inputs: Symbolic inputs: one, or a list, tuple or dictionary of them.
        outputs: Symbolic outputs, in a structure that `predict` returns arrays in.
        trainable: Whether the weights learn.
        name: Its name; by default the class's.
        dtype: `"float32"` or `"float64"`, for all layers that name none.

    Example:

    >>> import numpy as np
    >>> from fastnn import layers
    >>> class Twice(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = layers.Dense(1, kernel_initializer="ones")
    ...     def call(self, inputs):
    ...         return self.dense(inputs)
    >>> Twice()(np.array([[1.0, 2.0]], dtype="float32"))
    array([[3.]], dtype=float32)
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if name is None and type(self) is Model:
            from fastnn._registry import auto_name

            name = auto_name("functional")
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self._start()
        self._graph: Graph | None = None
        self._inputs: Any = None  # structures of symbolic tensors
        self._outputs: Any = None
        if (inputs is None) != (outputs is None):
            raise ValueError(
                f"Arguments `inputs` and `outputs` must be given together. Received: inputs={inputs}, outputs={outputs}"
            )
        if inputs is not None:
            self._connect(inputs, outputs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        """Makes this the model between some symbolic tensors."""
        for name, structure in (("inputs", inputs), ("outputs", outputs)):
            for tensor in flatten(structure):
                if not isinstance(tensor, Tensor):
                    raise ValueError(
                        f"Argument `{name}` must be symbolic tensors, from Input or from layers called on others. "
                        f"Received: {tensor!r}"
                    )
        check_outputs(outputs, "a model")
        if not flatten(inputs) or not flatten(outputs):
            raise ValueError(f"A model has inputs and outputs. Received: inputs={inputs}, outputs={outputs}")
        graph = Graph(flatten(inputs), flatten(outputs))
        names = [layer.name for layer in graph.layers]
        for at, given in enumerate(names):
            if given in names[:at]:
                raise ValueError(
                    f"Every layer of a model has a name of its own. Received: two layers with the name '{given}'"
                )
        self._graph, self._inputs, self._outputs = graph, inputs, outputs
        dtypes = {variable.dtype for layer in graph.layers for variable in layer.weights if not variable.state}
        if len(dtypes) > 1:
            raise ValueError(
                f"All layers of a model share its dtype. Received: {sorted(dtype.name for dtype in dtypes)}"
            )
        if self._dtype is not None and dtypes - {self._dtype}:
            raise ValueError(
                f"All layers of a model share its dtype: give it to Input. Received: dtype={self._dtype.name} for "
                f"layers of dtype {next(iter(dtypes)).name}"
            )
        if self._dtype is None:
            self._dtype = next(
                iter(dtypes), next((t.known_dtype for t in graph.outputs if t.known_dtype is not None), None)
            )
        self.built = True
        self.input_shape = transform(lambda tensor: tensor.shape, inputs)
        self.output_shape = transform(lambda tensor: tensor.shape, outputs)
        if not self._trainable:
            self.trainable = False
        self._forget_programs()

    # --- inputs and outputs ---

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic inputs, in a list."""
        return flatten(self._required_structure("inputs"))

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic outputs, in a list."""
        self._required_structure("outputs")
        return flatten(self._outputs)

    @property
    def input(self) -> Any:
        """The symbolic input, or the structure of them."""
        return self._required_structure("an input")

    @property
    def output(self) -> Any:
        """The symbolic output, or the structure of them."""
        self._required_structure("an output")
        return self._outputs

    def _required_structure(self, what: str) -> Any:
        self._check_built(what)
        return self._inputs

    @property
    def input_structure(self) -> Any:
        """The structure in which `lower` takes the values of the inputs."""
        return self._required_structure("inputs")

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: of their `Input`, or keys of the dictionary of inputs."""
        return _names(self._inputs, "input")

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: of the layers they come from, or keys of the dictionary of outputs."""
        return _names(self._outputs, "output")

    @property
    def sample_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of a sample of each input, without the batch axis."""
        return [shape[1:] for shape in flatten_shapes(self.input_shape)]

    @property
    def result_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of a sample of each output, without the batch axis."""
        return [shape[1:] for shape in flatten_shapes(self.output_shape)]

    # --- layers and weights ---

    @property
    def layers(self) -> list[Layer]:
        """The layers."""
        return list(self.sublayers())

    def sublayers(self) -> Iterator[Layer]:
        if self._graph is not None:
            yield from self._graph.layers
        else:
            seen: set[int] = set()
            for layer in super().sublayers():
                if id(layer) not in seen:
                    seen.add(id(layer))
                    yield layer

    def deep_layers(self) -> Iterator[Layer]:
        """The layers, those of nested models and layers included, each once."""
        waiting, seen = [self.layers], {id(self)}
        while waiting:
            for layer in waiting.pop():
                if id(layer) not in seen:
                    seen.add(id(layer))
                    yield layer
                    waiting.append(list(layer.sublayers()))

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer."""
        self._check_built("weights")
        return super().weights

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights, in the order of `weights`; all or none.

        Args:
            weights: Arrays of the weights' shapes.

        Raises:
            ValueError: The number of arrays or a shape is wrong.
        """
        assign_all(self.weights, weights, f"model '{self.name}'")

    def count_params(self) -> int:
        """Number of elements of all weights."""
        return sum(variable.size for variable in self.weights)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Returns a layer by its name or its place.

        Args:
            name: Its name.
            index: Its place in `layers`.

        Raises:
            ValueError: There is no such layer.
        """
        if (name is None) == (index is None):
            raise ValueError(f"Give either `name` or `index`. Received: name={name!r}, index={index}")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"The model has {len(self.layers)} layers. Received: index={index}")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"The model has the layers {[layer.name for layer in self.layers]}. Received: name={name!r}")

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints the layers, their output shapes and their numbers of parameters.

        Args:
            line_length: Width of the table, in characters.
            positions: Where columns end, as shares of the width.
            print_fn: What to print with; by default `print`.
            expand_nested: Whether to show the layers of nested models.
            show_trainable: Whether to show which layers learn.
            layer_range: Names of the first and the last layer to show.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # --- building and lowering ---

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of `summary`."""
        return html_summary(self)

    def build(self, input_shape: Any = None) -> None:
        """Creates the weights.

        Args:
            input_shape: Shape of the inputs, batch axis first, as in `(None, 8)`; or a structure of shapes.
        """
        if input_shape is None or self._graph is not None:
            self._check_built("weights")
            return
        if not self._composes:
            raise NotImplementedError(
                f"The model '{self.name}' must implement `call`, or be given inputs and outputs. Received: build"
            )
        self._trace(input_shape)

    def _trace(self, input_shape: Any) -> None:
        """Finds the outputs of `call` for inputs of this shape; layers are built on the way."""
        check_nesting(self)
        inputs = map_shapes(lambda shape: Tensor(shape, self.dtype, recorded=False), input_shape)
        for layer in super().sublayers():
            if layer._dtype is None:
                layer._dtype = self.dtype
        outputs, _ = self._call(inputs, False)
        for tensor in flatten(outputs):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    f"`call` of the model '{self.name}' must return what layers and fastnn.ops return for its inputs. "
                    f"Received: {tensor!r}"
                )
        self._inputs, self._outputs = inputs, outputs
        self._dtype = self.dtype
        self.input_shape = input_shape
        self.output_shape = transform(lambda tensor: tensor.shape, outputs)
        self.built = True
        if not self._trainable:
            self.trainable = False
        self._forget_programs()

    def ensure_built(self, input_shape: Any) -> None:
        if not self.built:
            self.build(input_shape)
        else:
            self.check_input_shape(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._outputs is None:
            return super().compute_output_shape(input_shape)
        return self.output_shape

    def check_input_shape(self, input_shape: Any) -> None:
        given, known = flatten_shapes(input_shape), flatten_shapes(self.input_shape)
        if [shape[1:] for shape in given] != [shape[1:] for shape in known]:
            raise ValueError(
                f"The model '{self.name}' takes inputs of shape {self.input_shape}. Received: {input_shape}"
            )

    def lower(self, builder: Builder, x: Any) -> Any:
        if self._graph is None:
            return super().lower(builder, x)
        return pack(self._outputs, self._graph.lower(builder, flatten(x)))

    def _call_symbolically(self, inputs: Any, training: bool | None) -> Any:
        return super()._call_symbolically(self._in_order(inputs, "inputs"), training)

    # --- arrays ---

    def __call__(self, inputs: Any, training: bool | None = None, *, out: np.ndarray | None = None) -> Any:
        """Computes the model's output, building the model first where it is not built.

        Args:
            inputs: Array of shape `(batch, ...)`, or as many as the model has inputs; or symbolic tensors.
            training: Whether layers behave as in training.
            out: Where the output goes, for a model with one: a C-contiguous array of its shape and dtype.
        """
        if self._few is not None and (training is None or training is False):
            y = self._few.predict_few(inputs, out)
            if y is not None:
                return y
        if training is not None and np.ndim(training):
            raise TypeError(
                "Argument `training` must be True, False or None. Received: an array; several inputs are a list"
            )
        if any(isinstance(thing, Tensor) for thing in flatten(inputs)):
            return self._call_symbolically(inputs, training)
        plain = isinstance(inputs, (np.ndarray, dict)) or is_sparse(inputs)
        if not plain and not self._takes_several(inputs):
            inputs = as_float(inputs, self._dtype)
        return self._predict(self._input_arrays(inputs), bool(training), out)

    def _in_order(self, given: Any, what: str) -> Any:
        """Inputs in the structure that the model has them in; dictionaries go by names."""
        if self._inputs is None or not isinstance(given, dict) or isinstance(self._inputs, dict):
            return given
        return pack(self._inputs, data.by_name(given, self.input_names, what))

    def _input_arrays(self, x: Any, name: str = "x", y: Any = None) -> list[Any]:
        """Arrays of all inputs, checked; builds the model for samples like these, where it is not built."""
        if self._inputs is None:
            self._build_for(x, name, y)
        names = self.input_names
        if len(names) == 1 and not isinstance(x, (dict, list, tuple)):
            return [data.as_inputs(x, self.sample_shapes[0], name)]
        given = data.by_name(x, names, name) if isinstance(x, dict) else data.in_a_row(x, names, name)
        labels = [name] if len(names) == 1 else [f"{name}[{key!r}]" for key in names]
        shapes = self.sample_shapes
        arrays = [data.as_inputs(a, shape, label) for a, shape, label in zip(given, shapes, labels, strict=True)]
        for array, label in zip(arrays[1:], labels[1:], strict=True):
            data.check_same_length(arrays[0], array, labels[0], label)
        return arrays

    def _build_for(self, x: Any, name: str, y: Any) -> None:
        several = isinstance(x, dict) or (isinstance(x, (list, tuple)) and self._takes_several(x))
        structure = x if several else [x]
        arrays = [data.as_samples(array, name) for array in flatten(structure)]
        if y is not None:  # a model is not built for arrays that turn out to be mistaken
            for target in flatten(y) if isinstance(y, dict) else [y]:
                if not isinstance(target, (list, tuple)):
                    data.check_same_length(arrays[0], data.as_data(target, "y"), name, "y")
        shapes = [(None, *array.shape[1:]) if array.ndim > 1 else (None, 1) for array in arrays]
        self.build(pack(x, list(shapes)) if several else shapes[0])

    # --- other programs ---

    def export(self, filepath: Any, format: str = "onnx", verbose: bool | None = None, **kwargs: Any) -> None:
        """Writes the model for prediction elsewhere.

        Args:
            filepath: Where to write.
            format: `"onnx"`, or `"c"` for what `to_c` writes.
            verbose: Whether to print where it was written; by default not.
            **kwargs: None are known.

        Raises:
            ValueError: The model is not built, or the format or an argument is not known.
            NotImplementedError: A layer computes in Python, or was called as in training.
        """
        from fastnn import exporting

        exporting.export(self, filepath, format, verbose, **kwargs)

    def to_c(self, path: Any, name: str | None = None) -> None:
        """Writes the model as one self-contained file of C99: `void <name>_predict(const float *x, float *y)`.

        Args:
            path: Where to write.
            name: By default as the file.

        Raises:
            ValueError: The model is not built.
            NotImplementedError: A layer computes in Python, or was called as in training.
        """
        from fastnn.exporting import to_c

        to_c(self, path, name)

    # --- checks ---

    def _check_built(self, what: str) -> None:
        if not self.built:
            raise ValueError(
                f"The model '{self.name}' has no {what} before it is built: give its first layer an input shape, call "
                "build(), or fit it."
            )

    # --- copies ---

    def get_config(self) -> dict[str, Any]:
        """Arguments from which `from_config` makes an equal model, without its weights."""
        if self._graph is None and type(self).get_config is Model.get_config:
            return self._with_given(
                {"name": self.name, "trainable": self.trainable, "dtype": self._dtype and self._dtype.name}
            )
        return configuration.get_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Model:
        """Makes a model from what `get_config` returned.

        Args:
            config: What `get_config` returned.
            custom_objects: Classes by name, beyond fastnn's own.
        """
        return configuration.from_config(cls, config, custom_objects)

    # --- files ---

    def save(self, filepath: Any, overwrite: bool = True, zipped: Any = None, **kwargs: Any) -> None:
        """Writes the model to a file, whole or not at all: see `fastnn.saving.save_model`.

        Args:
            filepath: The file, which ends in `.safetensors`, or in `.keras` for Keras.
            overwrite: Whether to replace a file that is there already.
            zipped: Without effect.
            **kwargs: None are known.
        """
        saving.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Writes the weights and the state of the optimizer to a file, whole or not at all.

        Args:
            filepath: The file, which ends in `.safetensors`, or in `.weights.h5` for Keras.
            overwrite: Whether to replace a file that is there already.
        """
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, *, check_finite: bool = True
    ) -> None:
        """Takes the weights of a file, all or none; and the state of the optimizer, where that fits.

        Weights find theirs by name where both have the same names, else by their order.

        Args:
            filepath: What `save_weights` or `save` wrote; or `.weights.h5` or `.keras` of Keras's.
            skip_mismatch: Whether to leave out, with a warning, what does not fit the model.
            by_name: Whether names alone count, and those that only one side has are left as they are.
            check_finite: Whether to look for NaN and infinity.

        Raises:
            ValueError: The model does not fit the file, or the file is damaged.
        """
        saving.load_weights(self, filepath, skip_mismatch, by_name, check_finite=check_finite)

    def to_json(self, **kwargs: Any) -> str:
        """Returns architecture and what `compile` was given as JSON, from which `models.model_from_json` makes an
        equal model, without its weights.

        Args:
            **kwargs: Arguments of `json.dumps`.
        """
        return saving.to_json(self, **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """Returns what `compile` was given, for `compile_from_config`; nothing where it was not called."""
        return description.compile_config(self) or {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model.

        Args:
            config: What `get_compile_config` returned.
        """
        description.compile_from(self, config)

    def __getstate__(self) -> dict[str, Any]:
        return {**Layer.__getstate__(self), **self._state_of_training()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._start_again(state)
        if self._graph is not None:  # layers know the calls of the models that they are in
            for node in self._graph.nodes:
                node.layer._nodes.append(node)
            for tensor in self._graph.inputs:
                if tensor.node is not None and isinstance(tensor.node.layer, InputLayer):
                    tensor.node.layer._nodes = [tensor.node]


def _names(structure: Any, kind: str) -> list[str]:
    if isinstance(structure, dict):
        return sorted(structure)
    tensors = flatten(structure)
    if all(tensor.recorded for tensor in tensors):
        return [tensor.name for tensor in tensors]
    return [f"{kind}_{at}" for at in range(1, len(tensors) + 1)]
