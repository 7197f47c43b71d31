"""Names: those that objects give themselves, and those by which users ask for objects.

One way to turn identifiers (names, config dictionaries, classes, callables) into objects, and back.

Each public module that Keras gives a `get`, `serialize` and `deserialize` holds one `Registry` of what it knows.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from fastnn._refused import REFUSED

_counts: dict[str, int] = {}
_aside: ContextVar[dict[str, int] | None] = ContextVar("fastnn_aside", default=None)  # the counts within `uncounted`


def to_snake_case(name: str) -> str:
    """Turns the name of a class into the style of a variable's.

    >>> to_snake_case("BatchNormalization")
    'batch_normalization'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Returns `prefix` in snake case, with a running number from its second use on."""
    name = to_snake_case(prefix)
    aside = _aside.get()
    counts = _counts if aside is None else aside
    count = counts.get(name, 0)
    counts[name] = count + 1
    return f"{name}_{count}" if count else name


def reset_names(free_memory: bool = True) -> None:
    """Starts the running numbers in the names of layers and models again: the next `Dense` is `dense`.

    Args:
        free_memory: Without effect.

    >>> reset_names()
    >>> auto_name("Dense"), auto_name("Dense")
    ('dense', 'dense_1')
    """
    _counts.clear()


@contextmanager
def uncounted() -> Iterator[None]:
    """Within it, objects that are made to be looked at and dropped take no running numbers from others.

    >>> with uncounted():
    ...     _ = auto_name("Looked at")
    >>> auto_name("Looked at")
    'lookedat'
    """
    token = _aside.set(dict(_counts))
    try:
        yield
    finally:
        _aside.reset(token)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known names that look most like `name`, best first; at most three, none where nothing is near.

    >>> nearest("mes", ["MSE", "mse", "huber"])
    ['mse']
    """
    import difflib  # only ever needed on the way to an error

    by_folded: dict[str, str] = {}
    # Of names that differ in case alone, the one in the style of the name that was asked for.
    for candidate in sorted(known, key=lambda candidate: (candidate.islower() != name.islower(), candidate)):
        by_folded.setdefault(candidate.lower(), candidate)
    return [by_folded[folded] for folded in difflib.get_close_matches(name.lower(), by_folded, n=3, cutoff=0.6)]


def unknown_name(kind: str, name: str, known: Iterable[str], own: bool = False) -> ValueError:
    """The error for a name that nobody knows: it offers the nearest known names, or else all of them.

    Args:
        kind: What was asked for.
        name: Its name.
        known: The names that are known.
        own: Whether it is somebody's own, and no misspelt one of ours.
    """
    known = sorted(set(known), key=lambda known: (known.lower(), known))
    near = nearest(name, known)
    if own:
        hint = f"Classes and functions of one's own are given in Python, as in `custom_objects={{{name!r}: ...}}`."
    elif near:
        hint = "Did you mean " + " or ".join(repr(candidate) for candidate in near) + "?"
    else:
        hint = "Known names: " + ", ".join(repr(candidate) for candidate in known) + "."
    return ValueError(f"Unknown {kind} name. {hint} Received: {name!r}")


_scope: ContextVar[Mapping[str, Any] | None] = ContextVar("fastnn_custom_objects", default=None)


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Within it, names of objects of one's own are known to everything that turns names into objects.

    Args:
        custom_objects: Classes and functions by name.

    >>> from fastnn import activations
    >>> def steep(x):
    ...     return activations.sigmoid(4 * x)
    >>> with custom_object_scope({"steep": steep}):
    ...     activations.get("steep") is steep
    True
    """
    token = _scope.set({**(_scope.get() or {}), **(custom_objects or {})})
    try:
        yield
    finally:
        _scope.reset(token)


_registered: dict[str, Any] = {}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Makes a class or function of one's own known to everything that turns names into objects: a decorator.

    So models with it load without `custom_objects`. In files it is called `"package>name"`, as in Keras's, and nothing
    but this name is read from them.

    Args:
        package: What it belongs to.
        name: Its name; by default that of the class or function.

    Raises:
        ValueError: A class has no `get_config`.

    >>> from fastnn import layers
    >>> @register_keras_serializable("mine")
    ... class Wide(layers.Dense):
    ...     pass
    >>> layers.serialize(Wide(3))["registered_name"]
    'mine>Wide'
    >>> type(layers.deserialize(layers.serialize(Wide(3)))) is Wide
    True
    """

    def register(known: Any) -> Any:
        if isinstance(known, type) and not hasattr(known, "get_config"):
            raise ValueError(f"A class must have a `get_config`, to be registered. Received: {known!r}")
        _registered[f"{package}>{name or known.__name__}"] = known
        return known

    return register


def get_custom_objects() -> dict[str, Any]:
    """The classes and functions of one's own that are known everywhere, by name; to be changed in place.

    >>> "Unheard" in get_custom_objects()
    False
    """
    return _registered


def own_objects(custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What users have named: what is registered, over it what scopes hold, and over that what is given here.

    >>> own_objects({"mine": abs})["mine"]
    <built-in function abs>
    """
    return {**_registered, **(_scope.get() or {}), **(custom_objects or {})}


def get_registered_name(obj: Any) -> str:
    """The name that a class or function was registered by, or else its own.

    >>> get_registered_name(Registry)
    'Registry'
    """
    return next((name for name, known in _registered.items() if known is obj), obj.__name__)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function of one's own that has this name; `None` where there is none.

    Args:
        name: Its name.
        custom_objects: More of them, which come first.
        module_objects: The same, looked at last.

    >>> get_registered_object("Unheard", {"Unheard": abs})
    <built-in function abs>
    """
    return {**(module_objects or {}), **own_objects(custom_objects)}.get(name)


def _needed(kind: type) -> list[str]:
    """The arguments of a class that have no default."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):  # of C
        return []
    given = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in given]


class Registry:
    """What one module knows by name.

    Args:
        kind: What the objects are, for messages: `"loss"`.
        module: The public module that holds them: `"fastnn.losses"`.
        objects: Classes and functions. Each is known by its name, and a class by its name in snake case too.
        aliases: Further names.
        ignore_case: Whether names are compared without regard to case.
        accepts: Tells whether an object may be used as it is. Callables by default.
    """

    def __init__(
        self,
        kind: str,
        module: str,
        objects: Iterable[Any],
        aliases: Mapping[str, Any] | None = None,
        ignore_case: bool = False,
        accepts: Callable[[Any], bool] = callable,
    ) -> None:
        self.kind = kind
        self.module = module
        self.ignore_case = ignore_case
        self.accepts = accepts
        self._own = frozenset(objects)
        self._known: dict[str, Any] = {}
        for known in self._own:
            self._known[known.__name__] = known
        # A function wins over a class of the same name in snake case: "huber" is the function, "Huber" the class.
        for known in self._own:
            if isinstance(known, type):
                self._known.setdefault(to_snake_case(known.__name__), known)
        self._known.update(aliases or {})
        self._folded = {name.lower(): known for name, known in self._known.items()} if ignore_case else {}

    @property
    def names(self) -> list[str]:
        """Every name that `get` knows."""
        return sorted(self._known, key=str.lower)

    def lookup(
        self, name: str, custom_objects: Mapping[str, Any] | None = None, registered: Any = None, own: bool = False
    ) -> Any:
        """Returns the class or function of that name; raises `ValueError` with the nearest names if there is none.

        Args:
            name: The name.
            custom_objects: Objects of one's own, which come first.
            registered: The name that it may have been registered by, which is looked for first.
            own: Whether it is somebody's own.
        """
        custom_objects = own_objects(custom_objects)
        for called in (registered, name) if isinstance(registered, str) else (name,):
            if called in custom_objects:
                return custom_objects[called]
        known = self._known.get(name)
        if known is None and self.ignore_case:
            known = self._folded.get(name.lower())
        if known is None and name in REFUSED.get(self.module, {}):
            raise ValueError(f"{self.module} has no {name}. {REFUSED[self.module][name]} Received: {name!r}")
        if known is None:
            raise unknown_name(self.kind, name, [*self._known, *custom_objects], own)
        return known

    def get(self, identifier: Any) -> Any:
        """Returns the object an identifier stands for; a class stands for its instance with default arguments."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.lookup(identifier)
        elif isinstance(identifier, dict):
            found = self.deserialize(identifier)
        else:
            found = identifier
        if isinstance(found, type):
            needed = _needed(found)
            if needed:
                raise ValueError(
                    f"{found.__name__} takes arguments: give an object, `{self.module}.{found.__name__}"
                    f"({', '.join(f'{name}=...' for name in needed)})`. Received: {identifier!r}"
                )
            found = found()
        if not self.accepts(found):
            raise ValueError(
                f"Could not interpret the {self.kind} identifier. Expected a name, a configuration dictionary or an "
                f"object of module {self.module}. Received: {identifier!r}"
            )
        return found

    def serialize(self, known: Any) -> Any:
        """Returns what `deserialize` makes an equal object from: the name of a function, else a dictionary."""
        if known is None or isinstance(known, str):
            return known
        if isinstance(known, type) or not hasattr(known, "get_config"):
            name = getattr(known, "__name__", None)
            if name is None or name == "<lambda>":
                raise ValueError(
                    f"Cannot serialize the {self.kind}: it has neither a name nor a `get_config()`. Received: {known!r}"
                )
            if self._known.get(name) is known:
                return name
            registered = get_registered_name(known)
            return {"module": "builtins", "class_name": "function", "config": name, "registered_name": registered}
        kind = type(known)
        own = kind in self._own
        return {
            "module": self.module if own else kind.__module__,
            "class_name": kind.__name__,
            "config": known.get_config(),
            "registered_name": None if own else get_registered_name(kind),
        }

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Makes an object from what `serialize` returned, or from Keras's equivalent of it."""
        if config is None:
            return None
        if isinstance(config, str):
            return self.lookup(config, custom_objects)
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(
                f"Could not interpret the {self.kind} configuration. Expected a dictionary with the keys 'class_name' "
                f"and 'config'. Received: {config!r}"
            )
        settings = config.get("config")
        function = config["class_name"] == "function"
        known_form = isinstance(settings, str if function else (dict, type(None)))
        if not isinstance(config["class_name"], str) or not known_form:
            raise ValueError(
                f"Could not interpret the {self.kind} configuration. Expected names of strings, and settings in a "
                f"dictionary. Received: {config!r}"
            )
        registered = config.get("registered_name")
        own = isinstance(registered, str) and not str(config.get("module")).startswith(("fastnn.", "keras"))
        if function:
            return self.lookup(str(settings), custom_objects, registered, own)
        known = self.lookup(config["class_name"], custom_objects, registered, own)
        if not isinstance(known, type):
            return known
        settings = dict(settings or {})
        from_config = getattr(known, "from_config", None)
        return from_config(settings) if from_config is not None else known(**settings)
