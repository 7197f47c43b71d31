"""Lists, tuples and dictionaries of things, shapes among them, nested in each other: as flat lists and back.

Dictionaries are read in the order of their sorted keys, as in Keras, so that equal ones are flattened alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def flatten(structure: Any) -> list[Any]:
    """The things in a structure, in order; a thing by itself is a list of one.

    >>> flatten({"b": 1, "a": [2, (3, 4)]})
    [2, 3, 4, 1]
    """
    if isinstance(structure, (list, tuple)):
        return [thing for part in structure for thing in flatten(part)]
    if isinstance(structure, dict):
        return [thing for key in sorted(structure) for thing in flatten(structure[key])]
    return [structure]


def pack(structure: Any, things: list[Any]) -> Any:
    """A structure of the same form that holds `things` instead.

    >>> pack({"b": 1, "a": [2, 3]}, ["x", "y", "z"])
    {'a': ['x', 'y'], 'b': 'z'}
    """
    return _pack(structure, iter(things))


def _pack(structure: Any, things: Iterator[Any]) -> Any:
    if isinstance(structure, (list, tuple)):
        parts = [_pack(part, things) for part in structure]
        return parts if isinstance(structure, list) else tuple(parts)
    if isinstance(structure, dict):
        return {key: _pack(structure[key], things) for key in sorted(structure)}
    return next(things)


def transform(function: Callable[[Any], Any], structure: Any) -> Any:
    """A structure of the same form, with `function` of each thing.

    >>> transform(abs, [-1, {"a": -2}])
    [1, {'a': 2}]
    """
    return pack(structure, [function(thing) for thing in flatten(structure)])


def is_shape(structure: Any) -> bool:
    """Whether this is one shape, `(None, 3)`, and not a structure of shapes.

    >>> is_shape((None, 3)), is_shape([(None, 3), (None, 4)])
    (True, False)
    """
    return isinstance(structure, (list, tuple)) and all(
        length is None or (hasattr(length, "__index__") and not isinstance(length, bool)) for length in structure
    )


def flatten_shapes(structure: Any) -> list[Any]:
    """The shapes in a structure, in order.

    >>> flatten_shapes({"b": (None, 1), "a": (None, 2)})
    [(None, 2), (None, 1)]
    """
    if is_shape(structure):
        return [tuple(structure)]
    if isinstance(structure, dict):
        return [shape for key in sorted(structure) for shape in flatten_shapes(structure[key])]
    return [shape for part in structure for shape in flatten_shapes(part)]


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """A structure of the form of one of shapes, with `function` of each shape."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(function, shapes[key]) for key in shapes}
    return type(shapes)(map_shapes(function, shape) for shape in shapes)


def standardize_shape(shape: Any, name: str = "shape") -> tuple[int, ...]:
    """Returns the shape of one sample as a tuple of positive integers."""
    if isinstance(shape, (int, np.integer)):
        shape = (shape,)
    try:
        lengths = tuple(operator.index(length) for length in shape)
    except TypeError:
        lengths = (0,)
    if any(length < 1 for length in lengths):
        raise ValueError(f"Argument `{name}` must hold positive integers, one for each axis. Received: {name}={shape}")
    return lengths
