"""Models in files of the native format: what comes back is what went in."""

from __future__ import annotations

import json
import mmap
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential, callbacks, layers, models, saving
from fastnn.files import tensors
from fastnn.files.tensors import TensorFile
from saved_models import MADE, OWN, RNG, Doubled, X, at_most_one, cubic, equal, graph, row, trained


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
    for act in (model.save, saving.load_model, model.save_weights, model.load_weights):
        act(os.fsencode(tmp_path / "m.safetensors"))
        with pytest.raises(TypeError, match=r"`filepath` must be a path. Received: filepath=3"):
            act(3)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="Unknown arguments"):
        model.save(tmp_path / "m.safetensors", save_format="tf")


@pytest.mark.parametrize(
    "library, name, extra", [("safetensors", "m.safetensors", "files"), ("h5py", "m.keras", "keras-files")]
)
def test_a_missing_library_is_named_with_its_extra(
    library: str, name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row().save(tmp_path / f"old {name}")
    monkeypatch.setitem(sys.modules, library, None)
    for load in (saving.load_model, row().load_weights):
        with pytest.raises(ImportError, match=rf"fastnn-cpu\[{extra}\]"):
            load(tmp_path / f"old {name}")
    with pytest.raises(ImportError, match=rf"fastnn-cpu\[{extra}\]"):
        row().save(tmp_path / name)
    with pytest.raises(ImportError, match=rf"fastnn-cpu\[{extra}\]"):
        callbacks.ModelCheckpoint(tmp_path / name)  # and not after the first epoch
    assert os.listdir(tmp_path) == [f"old {name}"]


def test_the_file_says_its_version(tmp_path: Path) -> None:
    row().save(tmp_path / "m.safetensors")
    document = TensorFile(tmp_path / "m.safetensors").document
    assert document["format_version"] == 1
    assert document["written_by"] == f"fastnn {fastnn.__version__}"
