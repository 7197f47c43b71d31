"""What a layer of one's own was made with, which is its configuration where it has no other."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np


class Given:
    """What a layer of one's own was made with.

    Args:
        args: By place.
        kwargs: By name.
    """

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs

    def configuration(self, kind: type, base: dict[str, Any]) -> dict[str, Any]:
        """Arguments of a class: these, and those of `base` that it takes.

        Raises:
            NotImplementedError: One of them is not plain: no number, string, or list or dictionary of such.
        """
        signature = inspect.signature(kind)
        parameters = signature.parameters.values()
        arguments = dict(signature.bind(*self.args, **self.kwargs).arguments)
        further = next((each.name for each in parameters if each.kind is each.VAR_KEYWORD), None)
        arguments |= arguments.pop(further, {}) if further else {}
        for name, value in arguments.items():
            if name not in base and not _is_plain(value):
                raise NotImplementedError(
                    f"The class must implement `get_config`: it was given something else than numbers and strings. "
                    f"Received: {kind.__name__} with {name}={value!r}"
                )
        taken = {name: value for name, value in base.items() if further or name in signature.parameters}
        return {**{name: value for name, value in arguments.items() if name not in base}, **taken}


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, (bool, int, float, str, np.integer, np.floating, np.bool_))
