"""Models as C: compiled with every warning an error, and their predictions beside fastnn's own."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import networks
from fastnn import layers
from fastnn.exporting import c
from fastnn.models import Model, Sequential

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]
COMPILER = os.environ.get("CC", "cc")


def compiled(sources: dict[str, str], folder: Path) -> ctypes.CDLL:
    """A library of several files of C."""
    paths = [folder / f"{name}.c" for name in sources]
    for path, source in zip(paths, sources.values(), strict=True):
        path.write_text(source, encoding="ascii")
    subprocess.run(
        [COMPILER, *FLAGS, "-shared", "-fPIC", "-o", "library.so", *(path.name for path in paths), "-lm"],
        check=True,
        cwd=folder,
    )
    return ctypes.CDLL(str(folder / "library.so"))


def call(function: Any, x: list[np.ndarray], shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Predictions of a C function for samples, one by one; what it must not write to is guarded."""
    function.restype = None
    results = [np.full((len(x[0]), *shape), 7.5, x[0].dtype) for shape in shapes]
    for at in range(len(x[0])):
        samples = [np.ascontiguousarray(array[at]) for array in x]
        outputs = [np.full(result[at].size + 8, 7.5, result.dtype) for result in results]
        function(*(array.ctypes.data_as(ctypes.c_void_p) for array in (*samples, *outputs)))
        for array, sample in zip(x, samples, strict=True):
            np.testing.assert_array_equal(array[at], sample)
        for result, output in zip(results, outputs, strict=True):
            assert (output[result[at].size :] == 7.5).all()
            result[at] = output[: result[at].size].reshape(result[at].shape)
    return results


@pytest.fixture(scope="module", params=["float32", "float64"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ctypes.CDLL]:
    """All the networks of one dtype, compiled together."""
    dtype = request.param
    np.random.seed(0)
    sources = {name: c.source(networks.make(name, dtype)[0], name) for name in networks.NAMES}
    return dtype, compiled(sources, tmp_path_factory.mktemp(dtype))


@pytest.mark.parametrize("name", networks.NAMES)
def test_predicts_the_same(library: tuple[str, ctypes.CDLL], name: str) -> None:
    dtype, functions = library
    model, x = networks.make(name, dtype)
    expected = networks.predicted(model, x)
    y = call(getattr(functions, f"{name}_predict"), x, model.result_shapes)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for output, reference in zip(y, expected, strict=True):
        np.testing.assert_allclose(output, reference, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", [name for name in networks.NAMES if name.startswith("activation_")])
def test_infinities_and_nan_go_where_they_go_in_fastnn(library: tuple[str, ctypes.CDLL], name: str) -> None:
    dtype, functions = library
    model, x = networks.make(name, dtype)
    extremes = [-np.inf, np.inf, np.nan, np.finfo(dtype).max, -np.finfo(dtype).max, np.finfo(dtype).tiny]
    sample = np.resize(np.array(extremes, dtype), x[0].shape[1:])
    if "softmax" in name:
        sample = np.full_like(sample, np.nan)
    expected = networks.predicted(model, [sample[None]])
    y = call(getattr(functions, f"{name}_predict"), [sample[None]], model.result_shapes)
    denormal = np.finfo(dtype).tiny  # fastnn flushes them to zero
    np.testing.assert_allclose(y[0], expected[0], rtol=1e-5, atol=denormal)


def test_an_executable_of_the_example_in_the_comment(tmp_path: Path) -> None:
    model = Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.set_weights([np.eye(4, 3) * 100, np.zeros(3)])
    c.to_c(model, tmp_path / "iris.c")
    text = (tmp_path / "iris.c").read_text()
    declaration, call = re.findall(r"^ \*     ((?:static|iris_predict).*;)$", text, re.MULTILINE)
    main = f"""#include <stdio.h>
    void iris_predict(const float *x, float *y);
    int main(void) {{ {declaration} x[1] = 1; {call} printf("%g %g %g", y[0], y[1], y[2]); return 0; }}"""
    (tmp_path / "main.c").write_text(main)
    subprocess.run([COMPILER, *FLAGS, "-o", "iris", "iris.c", "main.c", "-lm"], check=True, cwd=tmp_path)
    printed = subprocess.run([str(tmp_path / "iris")], check=True, capture_output=True, text=True).stdout
    assert printed == "3.78351e-44 1 3.78351e-44"


def test_weights_are_written_to_the_last_bit(tmp_path: Path) -> None:
    numbers = np.array([np.inf, -np.inf, np.nan, -0.0, 1e-45, np.finfo(np.float32).max, 1 / 3, np.pi], np.float32)
    model = Sequential([layers.Input((1,)), layers.Dense(8)])
    model.set_weights([np.zeros((1, 8)), numbers])
    (y,) = call(compiled({"bits": c.source(model, "bits")}, tmp_path).bits_predict, [np.ones((1, 1), "f")], [(8,)])
    read = re.search(r"bits_dense\w*_bias\[8\] = \{(.*?)\}", c.source(model, "bits"), re.DOTALL)
    assert read is not None
    assert "-0x0p+0f" in read[1]
    expected = numbers + np.float32(0)  # as a sum with zeros leaves them
    np.testing.assert_array_equal(y[0], expected)


def test_memory_between_layers_is_used_again() -> None:
    model = Sequential([layers.Input((8,)), *(layers.Dense(8, activation="relu") for _ in range(20))])
    assert "float work[16];" in c.source(model)


def test_a_shared_layer_is_written_once() -> None:
    x = layers.Input((3,))
    layer = layers.Dense(3, name="shared")
    text = c.source(Model(x, layer(layer(x))))
    assert text.count("shared_kernel[9]") == 1


@pytest.mark.parametrize(
    "name, identifier",
    [("iris", "iris"), ("my model", "my_model"), ("3d", "model_3d"), ("", "model__"), ("_Bool", "model__Bool")],
)
def test_names_become_identifiers(name: str, identifier: str, tmp_path: Path) -> None:
    model = Sequential([layers.Input((2,)), layers.Dense(2)])
    functions = compiled({"named": c.source(model, name)}, tmp_path)
    assert getattr(functions, f"{identifier}_predict")


def test_a_name_cannot_leave_its_comment(tmp_path: Path) -> None:
    model = Sequential([layers.Input((2,)), layers.Dense(2, name='*"')], name="*\\")
    model.name = "*/ int evil(void) { return 1; } /* \n ünder ?? \\"
    functions = compiled({"named": c.source(model, "named")}, tmp_path)
    assert not hasattr(functions, "evil")


class InPython(layers.Layer):
    def forward(self, x: np.ndarray) -> np.ndarray:
        return x


def test_what_cannot_be_exported_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m.c"
    path.write_text("as it was")
    x = layers.Input((2,))
    for wrong, message in (
        (Sequential([layers.Input((2,)), InPython(name="mine")]), "layer 'mine' of class InPython, which computes in"),
        (Model(x, layers.Dropout(0.5)(x, training=True)), "a step of training, dropout"),
    ):
        with pytest.raises(NotImplementedError, match=message):
            c.to_c(wrong, path)
    with pytest.raises(ValueError, match="before it is built"):
        c.to_c(Sequential([layers.Dense(3)]), path)
    with pytest.raises(TypeError, match=r"must be a fastnn model. Received: list"):
        c.to_c([], path)
    assert [each.name for each in tmp_path.iterdir()] == ["m.c"]
    assert path.read_text() == "as it was"


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        c.to_c(Sequential([layers.Input((2,)), layers.Dense(2)]), tmp_path / "none" / "m.c")
    assert list(tmp_path.iterdir()) == []
