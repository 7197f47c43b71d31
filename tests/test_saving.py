"""Models in files: what comes back is what went in, nothing is half-written, and copies of all kinds are equal."""

from __future__ import annotations

import copy
import errno
import io
import json
import mmap
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import (
    Model,
    Sequential,
    callbacks,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    saving,
)
from fastnn.files import replacing, tensors, writing
from fastnn.files.tensors import TensorFile


class Scaled(layers.Layer):
    """A layer that composes others."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.inner = layers.Dense(4)
        self.more = [layers.Dense(4), layers.BatchNormalization()]

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight((4,), "ones", name="shift")

    def call(self, x: Any) -> Any:
        x = self.inner(x) * self.factor + self.shift
        for layer in self.more:
            x = layer(x)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Doubled(layers.Layer):
    """A layer in NumPy."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return 2 * x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return 2 * dy


class Subclassed(Model):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first, self.second = layers.Dense(units, "tanh"), layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, "name": self.name}


def cubic(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)


def at_most_one(w: Any) -> Any:
    return np.minimum(w, 1)


OWN = {"Scaled": Scaled, "Doubled": Doubled, "Subclassed": Subclassed, "cubic": cubic}
RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(40, 5)).astype("float32"), RNG.normal(size=(40, 2)).astype("float32")


def row(**settings: Any) -> Any:
    model = Sequential(
        [
            layers.Input((5,)),
            layers.Dense(8, "relu", kernel_regularizer="l2", kernel_constraint="non_neg"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GaussianNoise(0.1, seed=4),
            layers.Dense(2),
        ],
        **settings,
    )
    model.compile(optimizers.AdamW(0.01, use_ema=True, gradient_accumulation_steps=2), "mse", metrics=["mae"])
    return model


def graph() -> Any:
    x = layers.Input((5,), name="x")
    inner = Sequential([layers.Input((4,)), layers.Dense(4, name="same"), layers.Dense(4)], name="inner")
    shared = layers.Dense(4, name="same")
    a = shared(x)
    b = layers.Concatenate()([inner(a), a[:, 1:3] * 2.0, layers.PReLU()(a)])
    model = Model(x, {"one": layers.Dense(2, name="one")(b), "two": layers.Dense(2, "softmax", name="two")(b)})
    model.compile(
        optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 20), momentum=0.9),
        {"one": losses.Huber(0.5), "two": "categorical_crossentropy"},
        loss_weights={"one": 2.0, "two": 1.0},
        metrics={"one": [metrics.RootMeanSquaredError(name="r")]},
        weighted_metrics={"two": ["accuracy"]},
    )
    return model


def of_ones_own() -> Any:
    model = Sequential([layers.Input((5,)), Scaled(2.0), Doubled(), layers.Dense(2)])
    model.compile("rmsprop", cubic)
    return model


def subclassed() -> Any:
    model = Subclassed(4)
    model.build((None, 5))
    model.compile(optimizers.Muon(0.02), "mse")
    return model


def frozen() -> Any:
    model = row()
    model.layers[0].trainable = False
    model.layers[-1].bias.trainable = False
    model.compile("nadam", "mse")
    return model


def with_groups() -> Any:
    model = row()
    optimizer = optimizers.AdamW(0.01, weight_decay=0.3)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.set_group("kernel", learning_rate_multiplier=0.3)
    model.compile(optimizer, "mse")
    return model


MADE: dict[str, Callable[[], Any]] = {
    "row": row,
    "float64": lambda: row(dtype="float64"),
    "graph": graph,
    "of one's own": of_ones_own,
    "subclassed": subclassed,
    "frozen": frozen,
    "groups": with_groups,
}


def targets(model: Any) -> Any:
    return {"one": Y, "two": np.eye(2)[np.arange(len(Y)) % 2]} if "two" in model.output_names else Y


def trained(make: Callable[[], Any]) -> Any:
    model = make()
    model.fit(X, targets(model), batch_size=16, epochs=2, verbose=0)
    return model


def equal(one: Any, other: Any) -> None:
    """Equal now, and after more training, to the bit."""
    weights, others = one.get_weights(), other.get_weights()
    for mine, theirs in zip(weights, others, strict=True):
        np.testing.assert_array_equal(mine, theirs, strict=True)
    histories = [
        model.fit(X, targets(model), batch_size=16, epochs=2, shuffle=False, verbose=0).history
        for model in (one, other)
    ]
    assert histories[0] == histories[1]
    for mine, theirs in zip(one.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy(), strict=True)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs, strict=True)


# --- the native format


@pytest.mark.parametrize("make", MADE)
def test_models_come_back(make: str, tmp_path: Path) -> None:
    model = trained(MADE[make])
    path = tmp_path / "m.safetensors"
    model.save(path)
    assert os.listdir(tmp_path) == ["m.safetensors"]
    again = saving.load_model(path, OWN)
    assert type(again) is type(model)
    assert again.name == model.name
    if make not in ("of one's own", "subclassed"):  # whose layers name themselves
        assert [w.path for w in again.weights] == [w.path for w in model.weights]
    assert [w.trainable for w in again.weights] == [w.trainable for w in model.weights]
    equal(again, model)


def test_models_that_were_not_trained_or_built(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for model in (Sequential([layers.Dense(3)]), Sequential([layers.Input((2,)), layers.Dense(3)]), row()):
        models.save_model(model, path)
        again = models.load_model(path)
        assert again.built == model.built
        assert again.compiled == model.compiled
        if model.built:
            x = np.ones((3, *model.input_shape[1:]), "float32")
            np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert not saving.load_model(path, compile=False).compiled


def test_other_programs_read_the_file(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    model = trained(graph)
    model.save(tmp_path / "m.safetensors")
    arrays = load_file(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(arrays["same/kernel"], model.get_layer("same").kernel)
    np.testing.assert_array_equal(arrays["inner/same/kernel"], model.get_layer("inner").layers[0].kernel)
    slot = model.optimizer.slots_of(model.get_layer("same").kernel)[0]
    np.testing.assert_array_equal(arrays["optimizer/same/kernel/momentum"], slot)
    assert arrays["optimizer/iteration"] == model.optimizer.iterations


def test_large_files_are_used_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "MAPPED_FROM", 0)
    model = Sequential([layers.Input((256,)), layers.Dense(130, "relu"), layers.Dense(300)])
    model.compile("adam", "mse")
    x = RNG.normal(size=(32, 256)).astype("float32")
    model.fit(x, np.zeros((32, 300)), verbose=0)
    path = tmp_path / "m.safetensors"
    model.save(path)
    before = path.read_bytes()
    again = saving.load_model(path)
    kernels = [layer.kernel for layer in again.layers]
    assert all(isinstance(_root(kernel), mmap.mmap) for kernel in kernels)
    assert all(variable.value.ctypes.data % 64 == 0 for variable in again.weights)
    histories = [m.fit(x, np.zeros((32, 300)), epochs=3, shuffle=False, verbose=0).history for m in (again, model)]
    assert histories[0] == histories[1]
    assert path.read_bytes() == before
    model.save(path)  # in place of the mapped file, which lives on
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).get_weights()[0], model.get_weights()[0])


def _root(variable: Any) -> Any:
    array = variable.value
    while isinstance(array, np.ndarray):
        array = array.base
    return getattr(array, "obj", array)


def test_loading_draws_nothing(tmp_path: Path) -> None:
    row().save(tmp_path / "m.safetensors")
    calls = []

    class Counted(fastnn.initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
            calls.append(shape)
            return np.zeros(shape, dtype)

    model = Sequential([layers.Input((3,)), layers.Dense(2, kernel_initializer=Counted())])
    assert calls == [(3, 2)]
    model.save(tmp_path / "m.safetensors")
    saving.load_model(tmp_path / "m.safetensors", {"Counted": Counted})
    assert calls == [(3, 2)]


def test_objects_of_ones_own_come_from_custom_objects_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = Sequential([layers.Input((5,)), layers.Dense(2, kernel_constraint=at_most_one), Doubled()])
    model.compile("sgd", cubic, metrics=[cubic])
    model.save(path)
    with pytest.raises(saving.FileError, match="Unknown constraint name"):
        saving.load_model(path)
    with pytest.raises(saving.FileError, match="Unknown layer name"):
        saving.load_model(path, {"at_most_one": at_most_one})
    own = {"at_most_one": at_most_one, "Doubled": Doubled, "cubic": cubic}
    for again in (saving.load_model(path, own), models.model_from_json(model.to_json(), own)):
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
        assert again.loss is cubic
    with saving.custom_object_scope(own):
        assert saving.load_model(path).loss is cubic


def test_what_has_no_configuration(tmp_path: Path) -> None:
    class Bare(Model):
        def __init__(self, dense: Any = None) -> None:
            super().__init__()
            self.dense = dense or layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Bare(layers.Dense(2))
    model.build((None, 5))
    with pytest.raises(NotImplementedError, match=r"must implement `get_config`"):
        model.save(tmp_path / "m.safetensors")
    model.save_weights(tmp_path / "w.safetensors")
    other = Bare()
    other.build((None, 5))
    other.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(other.dense.kernel, model.dense.kernel)
    odd = Sequential([layers.Input((5,)), layers.Dense(2)])
    odd.layers[0].get_config = lambda: {"name": "odd", "thing": object()}
    with pytest.raises(TypeError, match=r"to be saved\. Received: object"):
        odd.save(tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == ["w.safetensors"]


class Plain(layers.Layer):
    def __init__(self, units: int, scale: float = 2.0, sizes: tuple[int, ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense, self.scale = layers.Dense(units), scale

    def call(self, inputs: Any) -> Any:
        return self.scale * self.dense(inputs)


class Whole(Model):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.plain = Plain(units, name="inner")

    def call(self, inputs: Any) -> Any:
        return self.plain(inputs)


@pytest.mark.parametrize("ending", ["safetensors", "keras"])
def test_classes_of_ones_own_are_made_again_from_what_they_were_given(ending: str, tmp_path: Path) -> None:
    own = {"Plain": Plain, "Whole": Whole}
    assert Plain(3, sizes=(1, 2), name="a").get_config() == {
        "units": 3, "sizes": (1, 2), "name": "a", "trainable": True, "dtype": None
    }  # fmt: skip
    assert Whole(3).get_config() == {"units": 3}
    made = [Sequential([layers.Input((5,)), Plain(3, scale=0.5)]), Whole(2)]
    made[1].build((None, 5))
    for model in made:
        model.save(tmp_path / f"m.{ending}")
        again = saving.load_model(tmp_path / f"m.{ending}", own)
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert models.clone_model(made[0]).layers[0].scale == 0.5  # whose class nothing is told of
    with pytest.raises(NotImplementedError, match=r"must implement `get_config`.*Received: Plain with scale="):
        Plain(3, scale=np.ones(2)).get_config()


def test_json() -> None:
    model = trained(graph)
    text = model.to_json(indent=2)
    again = models.model_from_json(text)
    assert models.model_from_json(again.to_json()).to_json() == again.to_json()
    assert again.get_compile_config() == json.loads(text)["compile_config"]
    again.set_weights(model.get_weights())
    for name, expected in model.predict(X, verbose=0).items():
        np.testing.assert_array_equal(again.predict(X, verbose=0)[name], expected)
    for wrong in ("{", "[]", '{"class_name": "Dense"}', "null"):
        with pytest.raises(ValueError, match="Received"):
            models.model_from_json(wrong)


def test_names_of_files(tmp_path: Path) -> None:
    model = row()
    for name in ("m", "m.h5", "m.pkl"):
        with pytest.raises(ValueError, match=r"`filepath` must end in '\.safetensors'"):
            model.save(tmp_path / name)
        with pytest.raises(ValueError, match=r"`filepath` must end in '\.safetensors'"):
            model.save_weights(tmp_path / name)
    model.save(tmp_path / "m.safetensors", overwrite=False)
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save(tmp_path / "m.safetensors", overwrite=False)
    with pytest.raises(FileNotFoundError):
        saving.load_model(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="Unknown arguments"):
        model.save(tmp_path / "m.safetensors", save_format="tf")


@pytest.mark.parametrize(
    "library, name, extra", [("safetensors", "m.safetensors", "files"), ("h5py", "m.keras", "keras-files")]
)
def test_a_missing_library_is_named_with_its_extra(
    library: str, name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"fastnn-cpu\[{extra}\]"):
        row().save(tmp_path / name)
    with pytest.raises(ImportError, match=rf"fastnn-cpu\[{extra}\]"):
        callbacks.ModelCheckpoint(tmp_path / name)  # and not after the first epoch
    assert not os.listdir(tmp_path)


# --- weights alone


@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5"])
def test_weights(name: str, tmp_path: Path) -> None:
    model = trained(graph)
    model.save_weights(tmp_path / name)
    other = graph()
    other.load_weights(tmp_path / name)
    for mine, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5"])
def test_weights_go_by_order_where_names_differ(name: str, tmp_path: Path) -> None:
    def network(width: int = 4, last: int = 2) -> Any:
        return Sequential([layers.Input((5,)), layers.Dense(width), layers.Dense(3), layers.Dense(last)])

    model, same, wider, deeper = network(), network(), network(width=6), network()
    deeper.add(layers.Dense(2))
    model.save_weights(tmp_path / name)
    same.load_weights(tmp_path / name)
    np.testing.assert_array_equal(same.predict(X, verbose=0), model.predict(X, verbose=0))
    before = wider.get_weights()
    with pytest.raises(ValueError, match=r"must have the shapes? that .* Received: a (weight|layer)"):
        wider.load_weights(tmp_path / name)
    for mine, theirs in zip(wider.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)  # all or none
    with pytest.raises(ValueError, match="Received"):
        deeper.load_weights(tmp_path / name)
    with pytest.warns(UserWarning, match="left out"):
        wider.load_weights(tmp_path / name, skip_mismatch=True)
    np.testing.assert_array_equal(wider.layers[-1].kernel, model.layers[-1].kernel)
    np.testing.assert_array_equal(wider.layers[0].kernel, before[0])
    with pytest.raises(ValueError, match="before it is built"):
        Sequential([layers.Dense(2)]).load_weights(tmp_path / name)


def test_weights_by_name(tmp_path: Path) -> None:
    model = Sequential([layers.Input((5,)), layers.Dense(4, name="body"), layers.Dense(3, name="head")])
    model.save_weights(tmp_path / "w.safetensors")
    other = Sequential([layers.Input((5,)), layers.Dense(4, name="body"), layers.Dense(7, name="new head")])
    other.load_weights(tmp_path / "w.safetensors", by_name=True)
    np.testing.assert_array_equal(other.layers[0].kernel, model.layers[0].kernel)
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match="have no names"):
        other.load_weights(tmp_path / "w.weights.h5", by_name=True)


def test_a_model_file_serves_as_weights(tmp_path: Path) -> None:
    model = trained(row)
    for name in ("m.safetensors", "m.keras"):
        model.save(tmp_path / name)
        other = row()
        other.load_weights(tmp_path / name)
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
        assert other.optimizer.iterations == model.optimizer.iterations
    model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(saving.FileError, match="holds 'weights', and no model"):
        saving.load_model(tmp_path / "w.safetensors")


def test_weights_reach_a_model_that_has_predicted_and_trained(tmp_path: Path) -> None:
    model, other = trained(row), trained(row)
    other.predict(X[:3], verbose=0)
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(other.predict(X[:3], verbose=0), model.predict(X[:3], verbose=0))


# --- Keras's archives, by themselves; tests/parity has Keras at the other end


@pytest.mark.parametrize("make", ["row", "graph", "float64"])
def test_archives_come_back(make: str, tmp_path: Path) -> None:
    def made() -> Any:
        if make != "graph":
            return MADE[make]()
        model = graph()
        x = model.inputs[0]
        return Model(x, model.get_layer("inner")(model.get_layer("same")(x)) * 2.0)

    model = made()
    model.compile("adam", "mse")
    y = np.zeros((len(X), model.output_shape[-1]))
    model.fit(X, y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert again.optimizer.iterations == model.optimizer.iterations


# --- crashes


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half" * (1 // 0))
    assert path.read_bytes() == b"old"
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    link = tmp_path / "link"
    link.symlink_to("a")
    with replacing(link) as file:
        file.write(b"through")
    assert link.is_symlink()
    assert path.read_bytes() == b"through"
    assert sorted(os.listdir(tmp_path)) == ["a", "link"]
    with pytest.raises(IsADirectoryError), replacing(tmp_path):
        pass


@pytest.mark.parametrize("name", ["m.safetensors", "m.keras", "m.weights.h5", "w.safetensors"])
@pytest.mark.parametrize("failing", ["open", "fsync", "replace", "write"])
def test_full_disks_and_read_only_folders_leave_the_old_file(
    name: str, failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(model: Any) -> None:
        (model.save if name[0] == "m" and ".weights" not in name else model.save_weights)(tmp_path / name)

    save(row())
    old = (tmp_path / name).read_bytes()

    def fails(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC if failing == "write" else errno.EROFS, "no")

    if failing == "write":
        real = open

        class Full(io.FileIO):
            def write(self, data: Any) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

        def opened(file: Any, mode: str) -> Any:
            return Full(file, "w") if mode == "w+b" else real(file, mode)

        monkeypatch.setattr(writing, "open", opened, raising=False)
    else:
        monkeypatch.setattr(writing.os, failing, fails)
    model = row()
    before = model.get_weights()
    with pytest.raises(OSError, match=rf"No space left on device: '.*{name}'" if failing == "write" else "no"):
        save(model)
    monkeypatch.undo()
    assert (tmp_path / name).read_bytes() == old
    assert os.listdir(tmp_path) == [name]
    for mine, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, kept)


def test_a_limit_of_the_system(tmp_path: Path) -> None:
    code = f"""
import resource, sys
from fastnn import Sequential, layers
model = Sequential([layers.Input((50,)), layers.Dense(50)])
model.save(r"{tmp_path}/m.safetensors")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for name in ("m.safetensors", "m.keras", "m.weights.h5"):
    try:
        (model.save_weights if "weights" in name else model.save)(r"{tmp_path}/" + name)
    except OSError as error:
        print(error.errno)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(errno.EFBIG)] * 3
    assert os.listdir(tmp_path) == ["m.safetensors"]
    assert saving.load_model(tmp_path / "m.safetensors").count_params() == 2550


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    code = f"""
import os, signal
from fastnn.files import replacing
with replacing(r"{tmp_path}/a") as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    (tmp_path / "a").write_bytes(b"old")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode < 0
    assert (tmp_path / "a").read_bytes() == b"old"
    (left,) = [path for path in tmp_path.iterdir() if path.name != "a"]
    with replacing(tmp_path / "a") as file:  # another's may be at work
        file.write(b"new")
    assert left.exists()
    os.utime(left, (0, 0))
    with replacing(tmp_path / "a") as file:
        file.write(b"newer")
    assert os.listdir(tmp_path) == ["a"]


def test_what_a_living_writer_holds_is_left_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as file:
        (held,) = tmp_path.iterdir()
        os.utime(held, (0, 0))
        with replacing(tmp_path / "a") as other:
            other.write(b"first")
        assert held.exists()
        file.write(b"second")
    assert (tmp_path / "a").read_bytes() == b"second"


# --- copies


def copies() -> list[Any]:
    import cloudpickle
    import joblib

    def through_joblib(model: Any) -> Any:
        memory = io.BytesIO()
        joblib.dump(model, memory)
        memory.seek(0)
        return joblib.load(memory)

    return [
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda model: pickle.loads(pickle.dumps(model)), id="pickle"),
        pytest.param(lambda model: pickle.loads(cloudpickle.dumps(model)), id="cloudpickle"),
        pytest.param(through_joblib, id="joblib"),
    ]


@pytest.mark.parametrize("copied", copies())
@pytest.mark.parametrize("make", MADE)
def test_copies_are_equal(make: str, copied: Callable[[Any], Any]) -> None:
    model = trained(MADE[make])
    model.predict(X[:2], verbose=0)
    again = copied(model)
    assert again.weights[0].value.base is not model.weights[0].value.base
    equal(again, model)


def test_cloudpickle_takes_classes_along() -> None:
    import cloudpickle

    code = """
import cloudpickle, sys
import numpy as np
from fastnn import Sequential, layers
class Tripled(layers.Layer):
    def forward(self, x):
        return 3 * x
    def backward(self, dy):
        return 3 * dy
model = Sequential([layers.Input((2,)), layers.Dense(2, kernel_initializer="ones"), Tripled()])
model.compile("sgd", lambda t, p: (((t - p) ** 2).mean(-1), 2 * (p - t) / 2))
model.fit(np.zeros((4, 2)), np.zeros((4, 2)), verbose=0)
sys.stdout.buffer.write(cloudpickle.dumps(model))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    model = cloudpickle.loads(done.stdout)
    np.testing.assert_array_equal(model.predict(np.ones((1, 2)), verbose=0), [[6.0, 6.0]])
    model.fit(np.ones((4, 2)), np.zeros((4, 2)), verbose=0)


def test_the_file_says_its_version(tmp_path: Path) -> None:
    row().save(tmp_path / "m.safetensors")
    document = TensorFile(tmp_path / "m.safetensors").document
    assert document["format_version"] == 1
    assert document["written_by"] == f"fastnn {fastnn.__version__}"
