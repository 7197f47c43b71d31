"""Nested state with arrays in it, as a document and arrays by name, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

ARRAY = "__array__"


def split(tree: Any, prefix: str, arrays: dict[str, np.ndarray]) -> Any:
    """A copy of nested lists and dictionaries in which names stand for arrays, which are put into `arrays`.

    >>> arrays = {}
    >>> split({"best": 0.5, "weights": [np.ones(2)]}, "state", arrays)
    {'best': 0.5, 'weights': [{'__array__': 'state/weights/0'}]}
    >>> join({'__array__': 'state/weights/0'}, arrays.get)
    array([1., 1.])
    """
    if isinstance(tree, np.ndarray) and tree.ndim:
        arrays[prefix] = tree
        return {ARRAY: prefix}
    if isinstance(tree, dict):
        return {str(key): split(part, f"{prefix}/{key}", arrays) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [split(part, f"{prefix}/{at}", arrays) for at, part in enumerate(tree)]
    return tree


def join(tree: Any, array: Callable[[str], Any]) -> Any:
    """What `split` made a document of.

    Args:
        tree: The document.
        array: Returns the array of a name.
    """
    if isinstance(tree, dict):
        if set(tree) == {ARRAY}:
            return array(tree[ARRAY])
        return {key: join(part, array) for key, part in tree.items()}
    if isinstance(tree, list):
        return [join(part, array) for part in tree]
    return tree
