"""Models like another one, with weights of their own."""

from __future__ import annotations

from typing import Any

from fastnn._registry import custom_object_scope
from fastnn.models.model import Model


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Any = None,
    call_function: Any = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """Makes a model of the same layers as another one, with new weights.

    Args:
        model: A `Sequential`, or a model between symbolic tensors.
        input_tensors: Not supported: `None`.
        clone_function: Not supported: `None`. Layers are made from their configurations.
        call_function: Not supported: `None`.
        recursive: Without effect: nested models are cloned, too.
        **kwargs: None are known.

    Raises:
        ValueError: It is not a model, or an argument is not supported.

    Example:

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((8,)), layers.Dense(3)])
    >>> clone_model(model).count_params()
    27
    """
    if not isinstance(model, Model):
        raise ValueError(f"Argument `model` must be a model. Received: {model!r}")
    given = {"input_tensors": input_tensors, "clone_function": clone_function, "call_function": call_function, **kwargs}
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"Argument `{name}` of clone_model is not supported. Received: {name}={value!r}")
    with custom_object_scope(
        {type(layer).__name__: type(layer) for layer in (model, *model.deep_layers()) if _own(layer)}
    ):
        return type(model).from_config(model.get_config())


def _own(layer: Any) -> bool:
    """Whether its class is one of the user's."""
    return not type(layer).__module__.startswith("fastnn.")
