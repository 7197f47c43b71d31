"""Models that are built by the data they meet stay unbuilt where the data turn out to be mistaken."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

Verb = TypeVar("Verb", bound=Callable[..., Any])


def stays_unbuilt(verb: Verb) -> Verb:
    """Makes a method of models, such as `fit`, leave an unbuilt model as it was where it raises before any step."""

    @functools.wraps(verb)
    def guarded(model: Any, *args: Any, **kwargs: Any) -> Any:
        if model.built:
            return verb(model, *args, **kwargs)
        parts = [model, *model.deep_layers(), *([model.optimizer] if model.compiled else ())]
        before = [(part, _attributes(part)) for part in parts]
        try:
            return verb(model, *args, **kwargs)
        except Exception:
            if model.built and not model._training.runs:
                for part, attributes in before:
                    vars(part).clear()
                    vars(part).update(attributes)
            raise

    return guarded  # type: ignore[return-value]


def _attributes(part: Any) -> dict[str, Any]:
    """The attributes of a layer or an optimizer; building replaces them, and adds to lists and dictionaries."""
    return {name: value.copy() if type(value) in (list, dict) else value for name, value in vars(part).items()}
