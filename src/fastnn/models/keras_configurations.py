"""Configurations as Keras writes them, and as it reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn import ops
from fastnn._registry import to_snake_case
from fastnn.layers import operations

# What Keras has not.
_OURS = {
    "fastnn.layers": "BatchEnsembleDense Divide FeatureScale Reduce Slice Where",
    "fastnn.losses": "GaussianNegativeLogLikelihood Pinball PythonLoss",
    "fastnn.optimizers": "LBFGS",
    "fastnn.optimizers.schedules": "CosLog OneCycle",
}
_OWN_SETTINGS = {"fastnn.losses": "pos_weight", "fastnn.optimizers": "groups"}  # refused where they are set
_ALWAYS_TRAINABLE = ("Discretization", "SpatialDropout1D")  # Keras does not take their `trainable`
# Functions that have a layer `Activation` in Keras, and operations of Keras's on symbolic tensors that are known here.
_ACTIVATIONS = "relu sigmoid tanh softplus exponential elu selu silu softmax"
_ARITHMETIC = "add subtract multiply divide negative power maximum minimum"
_FUNCTIONS = (
    "absolute abs exp log sqrt square sum mean max reshape expand_dims squeeze transpose concatenate relu sigmoid tanh "
    "softplus softmax elu selu silu gelu log_softmax softsign hard_sigmoid leaky_relu sign log1p min where clip "
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not zeros_like ones_like"
)


def class_name(layer: Any) -> str:
    """The name of the class that a layer has in Keras."""
    name = type(layer).__name__
    return "Functional" if name == "Model" else name


# --- to Keras ---


def exported(described: dict[str, Any], dtype: str) -> dict[str, Any]:
    """The document of a model as Keras reads it.

    Args:
        described: What `describe` returned.
        dtype: The model's.

    Raises:
        NotImplementedError: Keras has not something that is in it.
    """
    document: dict[str, Any] = _exported(described, dtype)
    return document


def _exported(part: Any, dtype: str) -> Any:
    if isinstance(part, list):
        return [_exported(each, dtype) for each in part]
    if not isinstance(part, dict):
        return part
    module, name = part.get("module"), part.get("class_name")
    if not isinstance(name, str) or "config" not in part:
        return {key: _exported(each, dtype) for key, each in part.items()}
    if module in _OURS and name in _OURS[module].split():
        raise NotImplementedError(
            f"Keras has no {module.removeprefix('fastnn.')}.{name}: save the model as '.safetensors'. Received: {name}"
        )
    made = {key: _exported(each, dtype) for key, each in part.items()}
    setting = _OWN_SETTINGS.get(str(module))
    if setting and isinstance(made["config"], dict) and made["config"].pop(setting, None) is not None:
        raise NotImplementedError(f"Keras has no `{setting}` of {name}. Received: {setting}=...")
    if module == "fastnn.layers":
        return _exported_layer(made, dtype)
    if isinstance(module, str) and module.startswith("fastnn.models."):
        return _exported_model(made, dtype)
    if isinstance(module, str) and module.startswith("fastnn."):
        made["module"] = f"keras.{module.removeprefix('fastnn.')}"
    return made


def _exported_model(made: dict[str, Any], dtype: str) -> dict[str, Any]:
    if made["class_name"] == "Model":
        return {**made, "module": "keras.src.models.functional", "class_name": "Functional"}
    made["config"]["dtype"] = _policy(dtype)
    return {**made, "module": "keras", "registered_name": None}


def _exported_layer(made: dict[str, Any], dtype: str) -> dict[str, Any]:
    name, config = made["class_name"], made["config"]
    made["module"] = "keras.layers"
    shape = config.pop("input_shape", None)
    config["dtype"] = _policy(config.get("dtype") or dtype)
    if config.get("activity_regularizer", 0) is None:
        del config["activity_regularizer"]
    if name in _ALWAYS_TRAINABLE:
        del config["trainable"]
    if name == "InputLayer":
        kept = {"name": config["name"], "batch_shape": [None, *shape], "dtype": config["dtype"]["config"]["name"]}
        return {**made, "config": {**kept, "sparse": False, "ragged": False, "optional": False}}
    if name == "Function":
        return {**made, **_exported_function(config)}
    return made


def _exported_function(config: dict[str, Any]) -> dict[str, Any]:
    function, params = config.pop("function"), config.pop("params")
    if function == "linear_map":
        return {"class_name": "Rescaling", "config": {**config, "scale": params[0], "offset": params[1]}}
    if params or function not in _ACTIVATIONS.split():
        raise NotImplementedError(f"Keras has no layer for the function. Received: {function}")
    return {"class_name": "Activation", "config": {**config, "activation": function}}


def _policy(dtype: str) -> dict[str, Any]:
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}, "registered_name": None}


# --- from Keras ---


def imported(config: Any) -> Any:
    """A document of Keras's, as `make` takes it: objects that serialize NumPy's arrays are lists again."""
    if isinstance(config, list):
        return [imported(part) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") in ("__numpy__", "__tensor__"):
        return config["config"]["value"]
    if config.get("class_name") == "__lambda__":
        raise ValueError("It holds the code of a lambda, and no code of a file's is run.")
    if config.get("class_name") == "InputLayer" and isinstance(config.get("config"), dict):
        for setting in ("sparse", "ragged", "optional"):
            if config["config"].get(setting):
                raise ValueError(f"An input that is {setting} is not supported.")
        kept = {key: part for key, part in config["config"].items() if key not in ("sparse", "ragged", "optional")}
        config = {**config, "config": kept}
    return {key: imported(part) for key, part in config.items()}


def operation(described: dict[str, Any]) -> Callable[..., Any] | None:
    """What an operation of Keras's on symbolic tensors, such as `x * 2`, is here; `None` for a layer.

    Raises:
        ValueError: There is no such operation here.
    """
    module = described.get("module")
    if not isinstance(module, str) or not module.startswith("keras.src.ops"):
        return None
    name = to_snake_case(described["class_name"])
    name = {"true_divide": "divide", "get_item": "getitem"}.get(name, name)
    if name == "getitem":
        return lambda x, key: operations.getitem(x, _key(key))
    function = getattr(operations, name, None) if name in _ARITHMETIC.split() else None
    function = function or (getattr(ops, name, None) if name in _FUNCTIONS.split() else None)
    if function is None:
        raise ValueError(f"fastnn has no operation {described['class_name']!r} on symbolic tensors.")
    settings = {
        key: value
        for key, value in (described.get("config") or {}).items()
        if key in ("axis", "keepdims", "newshape", "axes", "x_min", "x_max") and value is not None
    }

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{**settings, **kwargs})

    return call


def _key(key: Any) -> Any:
    """An index that Keras has serialized."""
    if isinstance(key, (list, tuple)):
        return tuple(_key(part) for part in key)
    if isinstance(key, dict):
        kind, config = key.get("class_name"), key.get("config", {})
        if kind == "__slice__":
            return slice(config.get("start"), config.get("stop"), config.get("step"))
        if kind == "__ellipsis__":
            return Ellipsis
    return key
