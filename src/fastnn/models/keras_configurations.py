"""Configurations as Keras writes them, and as it reads them."""

from __future__ import annotations

import math
from typing import Any

from fastnn.models import keras_operations
from fastnn.warnings import FileWarning, warn

# What Keras has not.
_OURS = {
    "fastnn.layers": "BatchEnsembleDense FeatureScale PeriodicEmbedding PiecewiseLinearEmbedding",
    "fastnn.losses": "GaussianNegativeLogLikelihood Pinball PythonLoss",
    "fastnn.optimizers": "LBFGS",
    "fastnn.optimizers.schedules": "CosLog OneCycle",
    "fastnn.regularizers": "L2PerSample",
}
_IN_GRAPHS = (
    "Divide Rearrange Reduce Slice StopGradient Wave Where WithWeights"  # Keras has operations for them, but no layers
)
_OWN_SETTINGS = {"fastnn.losses": "pos_weight", "fastnn.optimizers": "groups"}  # refused where they are set
_ALWAYS_TRAINABLE = ("Discretization", "SpatialDropout1D")  # Keras does not take their `trainable`
# Functions that have a layer `Activation` in Keras.
_ACTIVATIONS = (
    "exponential gelu hard_sigmoid hard_silu hard_tanh linear log_sigmoid log_softmax mish relu selu sigmoid silu "
    "softmax softplus softsign sparse_plus sparse_sigmoid tanh tanh_shrink"
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
        what = f"{module.removeprefix('fastnn.')}.{name}"
        raise NotImplementedError(f"Keras has no {what}: save the model as '.safetensors'. Received: {_named(part)}")
    if name == "Model" and str(module).startswith("fastnn.models.") and "layers" in part["config"]:
        described = part["config"]["layers"]
        described = [each for layer in described for each in keras_operations.exported(layer, dtype) or [layer]]
        part = {**part, "config": {**_renumbered(part["config"], 1), "layers": described}}
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
    if name in _IN_GRAPHS.split():
        raise _no_layer(f"'{config['name']}', a {name}")
    return made


def _exported_function(config: dict[str, Any]) -> dict[str, Any]:
    """The layer of Keras's that a function is."""
    function, params = config.pop("function"), config.pop("params")
    if function == "linear_map":
        return {"class_name": "Rescaling", "config": {**config, "scale": params[0], "offset": params[1]}}
    if function == "leaky_relu":
        return {"class_name": "LeakyReLU", "config": {**config, "negative_slope": params[0]}}
    if function == "elu":
        return {"class_name": "ELU", "config": {**config, "alpha": params[0]}}
    if function == "clipped_relu":
        slope, limit, threshold = params
        settings = {"negative_slope": slope, "max_value": None if limit == math.inf else limit, "threshold": threshold}
        return {"class_name": "ReLU", "config": {**config, **settings}}
    if params or function not in _ACTIVATIONS.split():
        raise _no_layer(f"'{config['name']}', the function {function}")
    return {"class_name": "Activation", "config": {**config, "activation": function}}


def _no_layer(received: str) -> NotImplementedError:
    return NotImplementedError(
        "Keras has no layer for it, and only a functional model holds operations: save the model as '.safetensors'. "
        f"Received: layer {received}"
    )


def _named(part: dict[str, Any]) -> str:
    """What it is, and what it is called where it has a name."""
    name = part["config"].get("name") if isinstance(part["config"], dict) else None
    return f"{part['class_name']} '{name}'" if name else str(part["class_name"])


def _policy(dtype: str) -> dict[str, Any]:
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}, "registered_name": None}


def _renumbered(config: dict[str, Any], by: int) -> dict[str, Any]:
    """The configuration of a functional model, in which its outputs count the calls of models in it from 1 on, or 0.

    Keras does the former there, for these models have been called once when they were made, and the latter elsewhere.
    """
    nested = {each["name"] for each in config["layers"] if "input_layers" in (each.get("config") or {})}

    def renumbered(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: renumbered(each) for key, each in part.items()}
        if len(part) == 3 and isinstance(part[0], str):
            return [part[0], part[1] + by if part[0] in nested else part[1], part[2]]
        return [renumbered(each) for each in part]

    return {**config, "output_layers": renumbered(config["output_layers"])}


# --- from Keras ---

_IN_HALVES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")  # policies that are float32 here


def imported(config: Any) -> Any:
    """A document of Keras's, as `make` takes it: objects that serialize NumPy's arrays are lists again.

    Layers that compute in 16 bits do so in float32, which a warning says.
    """
    halves: set[str] = set()
    made = _imported(config, halves)
    if halves:
        warn(
            f"The model was made for {' and '.join(sorted(halves))}, and is loaded as float32: it computes the same, "
            "more exactly.",
            FileWarning,
        )
    return made


def _imported(config: Any, halves: set[str]) -> Any:
    if isinstance(config, list):
        return [_imported(part, halves) for part in config]
    if not isinstance(config, dict):
        return config
    kind: Any = config.get("class_name")
    settings: Any = config.get("config")
    if kind in ("__numpy__", "__tensor__"):
        return settings["value"]
    if kind == "__lambda__":
        raise ValueError("It holds the code of a lambda, and no code of a file's is run.")
    if kind == "LossScaleOptimizer" and isinstance(settings, dict):  # what float16 needs around an optimizer
        return _imported(settings.get("inner_optimizer"), halves)
    if kind == "InputLayer" and isinstance(settings, dict):
        for setting in ("sparse", "ragged", "optional"):
            if settings.get(setting):
                raise ValueError(f"An input that is {setting} is not supported.")
        kept = {key: part for key, part in settings.items() if key not in ("sparse", "ragged", "optional")}
        config = {**config, "config": kept}
    if kind in ("Functional", "Sequential") and isinstance(settings, dict):
        if kind == "Functional":
            settings = _renumbered(settings, -1)
        config = {**config, "config": _with_inputs_alike(settings)}
    made = {key: _imported(part, halves) for key, part in config.items()}
    if "dtype" in made:
        policy = _policy_name(made["dtype"])
        if policy in _IN_HALVES:
            halves.add(policy)
            made["dtype"] = "float32"
    return made


def _policy_name(dtype: Any) -> Any:
    return dtype["config"].get("name") if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict) else dtype


def _with_inputs_alike(config: dict[str, Any]) -> dict[str, Any]:
    """A model's configuration with inputs of the dtype of its layers, to which Keras converts what comes in."""
    layers = config.get("layers")
    if not isinstance(layers, list):
        return config
    dtypes = {_policy_name(each["config"]["dtype"]) for each in layers if _computes(each)}
    if dtypes != {"float64"}:
        return config
    alike = []
    for each in layers:
        part = each.get("config") if isinstance(each, dict) else None
        if isinstance(part, dict) and each.get("class_name") == "InputLayer" and part.get("dtype") == "float32":
            each = {**each, "config": {**part, "dtype": "float64"}}
        alike.append(each)
    return {**config, "layers": alike}


def _computes(each: Any) -> bool:
    """Whether it is a layer with a dtype, and no input."""
    part = each.get("config") if isinstance(each, dict) else None
    return isinstance(part, dict) and "dtype" in part and each.get("class_name") != "InputLayer"
