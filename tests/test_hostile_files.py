"""Files that are cut short, damaged, hostile or of tomorrow: one clear error, and the model stays as it was."""

from __future__ import annotations

import io
import json
import resource
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fastnn import Model, Sequential, callbacks, layers, saving, utils
from fastnn.files import hdf5, tensors
from fastnn.files.hdf5 import Hdf5File
from fastnn.files.tensors import TensorFile

LOADERS = ("m.safetensors", "w.safetensors", "backup/latest.safetensors", "m.keras", "w.weights.h5")
X = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")


def network() -> Any:
    model = Sequential(
        [layers.Input((5,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


class Crash(Exception):
    pass


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A file of each kind."""
    folder = tmp_path_factory.mktemp("files")
    model = network()

    def crash(epoch: int, logs: Any) -> None:
        if epoch:
            raise Crash

    watching = [callbacks.BackupAndRestore(folder / "backup"), callbacks.LambdaCallback(on_epoch_end=crash)]
    with pytest.raises(Crash):
        model.fit(X, X[:, :1], epochs=3, callbacks=watching, verbose=0)
    model.save(folder / "m.safetensors")
    model.save(folder / "m.keras")
    model.save_weights(folder / "w.safetensors")
    model.save_weights(folder / "w.weights.h5")
    return {name: (folder / name).read_bytes() for name in LOADERS}


@pytest.fixture(scope="module")
def present() -> Any:
    return network()


def load(name: str, path: Path, model: Any) -> Any:
    """Hands a file to the loader of its kind."""
    if name.startswith("m."):
        return saving.load_model(path)
    if name.startswith("w."):
        model.load_weights(path)
        return model
    return model.fit(X, X[:, :1], epochs=1, verbose=0, callbacks=[callbacks.BackupAndRestore(path.parent)])


def state_of(model: Any) -> list[np.ndarray]:
    return [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]


def refused(
    name: str, content: bytes, folder: Path, model: Any, match: str = "cannot be loaded", check: Any = saving.FileError
) -> None:
    """Asserts that a file is refused, and changes nothing."""
    path = folder / Path(name).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    before = state_of(model)
    with pytest.raises(check, match=match) as raised:
        load(name, path, model)
    assert len(str(raised.value)) < 2000
    after = state_of(model)
    if name.startswith("backup"):  # `fit` builds the optimizer, and no more
        before, after = before[:8], after[:8]
    for mine, kept in zip(after, before, strict=True):
        np.testing.assert_array_equal(mine, kept)


def altered(content: bytes, changes: list[tuple[int, int, int, int]]) -> bytes:
    """A file in which bytes were flipped, set, cut out, put in or copied about."""
    data = bytearray(content)
    for kind, where, other, value in changes:
        at = where % len(data)
        if kind == 0:
            data[at] ^= 1 << value % 8
        elif kind == 1:
            data[at : at + 8] = [b"\xff" * 8, bytes(8), struct.pack("<Q", 1 << value % 64), struct.pack("<q", -value)][
                other % 4
            ]
        elif kind == 2:
            del data[at : at + 1 + other % 64]
        elif kind == 3:
            data[at:at] = bytes([value % 256]) * (1 + other % 64)
        elif kind == 4:
            data[at : at + 16] = data[other % len(data) :][:16]
        else:
            del data[at:]
        if not data:
            return b""
    return bytes(data)


NUMBERS = st.integers(0, 1 << 30)
CHANGES = st.lists(st.tuples(st.integers(0, 5), NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=6)
# The examples of every run, none of them kept or made smaller.
THE_SAME_EACH_TIME = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],
)


@pytest.mark.parametrize("name", LOADERS)
@given(changes=CHANGES)
@THE_SAME_EACH_TIME
def test_damage_anywhere(name: str, changes: list[Any], good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    path = tmp_path / Path(name).name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(altered(good[name], changes))
    before = state_of(present)
    try:
        loaded = load(name, path, present)
    except ValueError as error:
        told = str(error)
        assert "cannot be loaded" in told or "Received" in told  # the latter: a sound file of another model
        for mine, kept in zip(state_of(present), before, strict=True):
            np.testing.assert_array_equal(mine, kept)
    else:
        if name.startswith("m."):
            assert all(np.isfinite(w).all() for w in loaded.get_weights())


@pytest.mark.parametrize("name", LOADERS)
def test_every_length(name: str, good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    content = good[name]
    lengths = {0, 1, 7, 8, 9, 63, 64, *np.linspace(0, len(content) - 1, 30).astype(int).tolist()}
    for length in sorted(lengths):
        if name.startswith("backup") and length == 0:
            continue
        refused(name, content[:length], tmp_path, present)


@pytest.mark.parametrize("name", LOADERS)
def test_other_files(name: str, present: Any, tmp_path: Path) -> None:
    for content in (b"x" * 1000, b"\x80\x04\x95" + bytes(100), b"PK\x05\x06" + bytes(18), b"{}", bytes(4096)):
        refused(name, content, tmp_path, present)


# --- safetensors


def rewritten(content: bytes, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> bytes:
    """A file whose header and document were changed by a function of both."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    document = json.loads(header["__metadata__"]["fastnn"])
    change(header, document)
    if "fastnn" in header.get("__metadata__", {}):
        header["__metadata__"]["fastnn"] = json.dumps(document)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


NATIVE = [name for name in LOADERS if name.endswith("safetensors")]


@pytest.mark.parametrize("name", NATIVE)
def test_versions_to_come(name: str, good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    for version, match in (
        (2, "of version 2 of the format, and this fastnn knows 1: update"),
        ("1", "no version"),
        (None, "no version"),
    ):
        content = rewritten(
            good[name], lambda header, document, version=version: document.update(format_version=version)
        )
        refused(name, content, tmp_path, present, match)
    refused(
        name,
        rewritten(good[name], lambda header, document: header.pop("__metadata__")),
        tmp_path,
        present,
        "not written by fastnn",
    )


@pytest.mark.parametrize("name", NATIVE)
def test_headers_that_lie(name: str, good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    def shape(header: dict[str, Any], document: Any) -> None:
        header["dense/kernel" if "dense/kernel" in header else next(k for k in header if k.endswith("kernel"))][
            "shape"
        ] = [1 << 40, 1 << 20]

    def offsets(header: dict[str, Any], document: Any) -> None:
        entry = next(entry for key, entry in header.items() if key != "__metadata__")
        entry["data_offsets"] = [0, 1 << 60]

    def overlap(header: dict[str, Any], document: Any) -> None:
        entries = [entry for key, entry in header.items() if key != "__metadata__"]
        entries[1]["data_offsets"] = entries[0]["data_offsets"]

    for change in (shape, offsets, overlap):
        refused(name, rewritten(good[name], change), tmp_path, present)
    for length in (0, 1 << 27, 1 << 40, (1 << 64) - 1):
        refused(name, length.to_bytes(8, "little") + good[name][8:], tmp_path, present)
    deep = ('{"a":' * 100_000).encode()
    refused(name, len(deep).to_bytes(8, "little") + deep, tmp_path, present)


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [[]], {"a": 1}])
def test_documents_of_another_form(name: str, value: Any, good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    keys = {"weights", "optimizer", "checksums", "kind"} | ({"model"} if name[0] == "m" else set())
    keys |= {"training", "streams"} if name.startswith("backup") else set()
    for key in sorted(keys):
        if (key, value) in ((("optimizer"), {}),):
            continue
        content = rewritten(good[name], lambda header, document, key=key: document.update({key: value}))
        path = tmp_path / Path(name).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        before = state_of(present)
        try:
            load(name, path, present)
        except ValueError:
            pass
        else:
            assert key in ("kind", "optimizer", "streams", "weights")
            continue
        for mine, kept in zip(state_of(present), before, strict=True):
            np.testing.assert_array_equal(mine, kept)


def with_config(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    return rewritten(content, lambda header, document: change(document["model"]))


def test_configurations_that_ask_for_too_much(good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    """Of memory, of time, of other files: nothing of the kind is begun."""

    def layer(kind: str, **config: Any) -> dict[str, Any]:
        return {"module": "fastnn.layers", "class_name": kind, "config": config, "registered_name": None}

    def put(*described: Any, shape: Any = (5,)) -> Callable[[dict[str, Any]], None]:
        def change(model: dict[str, Any]) -> None:
            model["config"]["layers"] = [layer("InputLayer", input_shape=list(shape)), *described]
            model["config"]["build_input_shape"] = model["build_config"]["input_shape"] = [None, *shape]

        return change

    nested: Any = layer("Dense", units=1)
    for _ in range(200):
        nested = {
            "module": "fastnn.models.sequential",
            "class_name": "Sequential",
            "config": {"name": "n", "layers": [nested]},
        }
    secret = tmp_path / "secret.txt"
    secret.write_text("a\nb\n")
    cases = {
        "units": put(layer("Dense", units=10**12)),
        "many units": put(layer("Dense", units=10**7), layer("Dense", units=10**7)),
        "table": put(layer("Embedding", input_dim=2**24, output_dim=2**20)),
        "input": put(layer("Dense", units=1), shape=(10**6, 10**6)),
        "slice": put(layer("Slice", index=[[0, 1, None]]), shape=(10**8, 10**4)),
        "repeat": put(layer("RepeatVector", n=10**12)),
        "tokens": put(layer("CategoryEncoding", num_tokens=10**12)),
        "reshape": put(layer("Reshape", target_shape=[-(10**10)])),
        "file": put(layer("StringLookup", vocabulary=str(secret))),
        "endless file": put(layer("StringLookup", vocabulary="/dev/zero")),
        "nested": put(nested),
        "class": put(
            {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": "system"}
        ),
        "function": put(
            layer("Dense", units=1, activation={"class_name": "function", "config": "eval", "module": "builtins"})
        ),
        "lambda": put({"class_name": "__lambda__", "config": {"value": "gANjb3M="}}),
        "dunder": put(layer("__class__")),
        "settings": put(layer("Dense", units=1, __class__="x")),
        "metric": lambda model: model["compile_config"].update(
            metrics=[{"module": "fastnn.metrics", "class_name": "AUC", "config": {"num_thresholds": 10**10}}]
        ),
        "optimizer": lambda model: model["compile_config"].update(
            optimizer={"class_name": "Adam", "config": {"learning_rate": "x"}}
        ),
        "endless expression": lambda model: model["compile_config"]["optimizer"]["config"].update(
            groups=[{"variables": ["(a+)+$"], "learning_rate_multiplier": 2.0}]
        ),
        "expressions that multiply": lambda model: (
            put(layer("Dense", units=1, name="a" * 300))(model),
            model["compile_config"]["optimizer"]["config"].update(groups=[{"variables": [".*a.*a.*b"]}]),
        ),
        "not a model": lambda model: (model.clear(), model.update(layer("Dense", units=1))),
        "cycle": put(layer("Dense", units=1, name="a"), layer("Dense", units=1, name="a")),
    }
    for title, change in cases.items():
        content = with_config(good["m.safetensors"], change)
        tracemalloc.start()
        refused("m.safetensors", content, tmp_path, present)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100 << 20, title


def test_the_end_of_a_long_error_is_kept(good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    unknown = {"module": "mine", "class_name": "Zwqk", "config": {}, "registered_name": "Zwqk"}
    content = with_config(good["m.safetensors"], lambda model: model["config"]["layers"].append(unknown))
    refused("m.safetensors", content, tmp_path, present, r"Unknown layer name. (.|\n)* Received: 'Zwqk'$")


def test_graphs_with_cycles(tmp_path: Path, present: Any) -> None:
    x = layers.Input((5,))

    model = Model(x, layers.Dense(5, name="b")(layers.Dense(5, name="a")(x)))
    model.save(tmp_path / "g.safetensors")

    def change(described: dict[str, Any]) -> None:
        a = next(each for each in described["config"]["layers"] if each["name"] == "a")
        a["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["b", 0, 0]

    content = with_config((tmp_path / "g.safetensors").read_bytes(), change)
    refused("m.safetensors", content, tmp_path, present, "do not form a graph without cycles")


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    for value in (np.nan, np.inf, -np.inf):
        model = network()
        model.layers[0].kernel[1, 2] = value
        for name in ("m.safetensors", "m.keras"):
            model.save(tmp_path / name)
            with pytest.raises(saving.FileError, match=r"holds (nan|-?inf) at index .*check_finite=False lets it in"):
                saving.load_model(tmp_path / name)
            again = saving.load_model(tmp_path / name, check_finite=False)
            np.testing.assert_array_equal(again.layers[0].kernel, model.layers[0].kernel)
        other = network()
        before = state_of(other)
        for name in ("w.safetensors", "w.weights.h5"):
            model.save_weights(tmp_path / name)
            with pytest.raises(saving.FileError, match="check_finite=False"):
                other.load_weights(tmp_path / name)
        for mine, kept in zip(state_of(other), before, strict=True):
            np.testing.assert_array_equal(mine, kept)
        other.load_weights(tmp_path / "w.safetensors", check_finite=False)
        np.testing.assert_array_equal(other.layers[0].kernel, model.layers[0].kernel)


def test_every_flipped_bit_of_an_array_is_seen(good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    content = good["m.safetensors"]
    start = 8 + int.from_bytes(content[:8], "little")
    for at in range(start, len(content), 37):
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        refused("m.safetensors", bytes(flipped), tmp_path, present, "checksum")


def test_mapped_files_are_looked_at_too(
    good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensors, "MAPPED_FROM", 0)
    monkeypatch.setattr(tensors, "MAPPED_ARRAY", 0)
    path = tmp_path / "m.safetensors"
    path.write_bytes(good["m.safetensors"])
    saving.load_model(path)
    start = TensorFile(path)._start
    content = bytearray(good["m.safetensors"])
    content[start : start + 4] = struct.pack("<f", np.nan)
    path.write_bytes(content)
    with pytest.raises(saving.FileError, match="nan at index"):
        saving.load_model(path)


# --- archives


def archive(members: Any, compression: int = zipfile.ZIP_STORED) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as file:
        for name, content in members.items() if isinstance(members, dict) else members:
            file.writestr(name, content)
    return memory.getvalue()


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_archives_that_lie(good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    members = members_of(good["m.keras"])
    for name in members:
        refused(
            "m.keras",
            archive({key: part for key, part in members.items() if key != name}),
            tmp_path,
            present,
            f"no member '{name}'",
        )
    for version, match in (
        ('"4.0.0"', "Keras 4.0.0"),
        ('"2.9"', "Keras 2.9"),
        ("3", "Keras 3, and only"),
        ("null", "None"),
    ):
        metadata = f'{{"keras_version": {version}}}'.encode()
        refused("m.keras", archive({**members, "metadata.json": metadata}), tmp_path, present, match)
    for config in (b"{", b"[]", b"null", b"\xff\xfe", b'{"a":' * 100_000, b'{"class_name": "Sequential", "config": 3}'):
        refused("m.keras", archive({**members, "config.json": config}), tmp_path, present)
    # What climbs out of the archive is not looked at.
    (tmp_path / "m.keras").write_bytes(archive({**members, "../evil.txt": b"x", "/evil.txt": b"x"}))
    saving.load_model(tmp_path / "m.keras")
    assert not (tmp_path.parent / "evil.txt").exists()
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = archive([*members.items(), ("config.json", b"{}")])
    refused("m.keras", twice, tmp_path, present, "2 members")


def test_archives_that_swell(good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    members = members_of(good["m.keras"])
    for name in members:
        bomb = archive({**members, name: bytes(100 << 20)}, zipfile.ZIP_DEFLATED)
        assert len(bomb) < 1 << 20
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        refused("m.keras", bomb, tmp_path, present, f"its member '{name}' would have")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10


# --- HDF5


def hdf5_with(content: bytes, change: Callable[[Any], Any]) -> bytes:
    memory = io.BytesIO(content)
    with h5py.File(memory, "r+") as file:
        change(file)
    return memory.getvalue()


def test_hdf5_that_leads_elsewhere(good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["k"] = np.zeros((5, 4), "float32")
        file.create_group("g/vars")["0"] = np.zeros((5, 4), "float32")
    raw = tmp_path / "raw.bin"
    raw.write_bytes(bytes(80))

    def replaced(path: str, make: Callable[[Any, str], Any]) -> Callable[[Any], Any]:
        def change(file: Any) -> None:
            del file[path]
            make(file, path)

        return change

    def assign(thing: Callable[[], Any]) -> Callable[[Any, str], Any]:
        return lambda file, path: file.__setitem__(path, thing())

    def huge(file: Any, path: str) -> None:
        file.create_dataset(path, shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1024, 1024), compression="gzip")

    def virtual(file: Any, path: str) -> None:
        layout = h5py.VirtualLayout((5, 4), "f4")
        layout[:] = h5py.VirtualSource(str(other), "k", (5, 4))
        file.create_virtual_dataset(path, layout)

    def outside(file: Any, path: str) -> None:
        file.create_dataset(path, shape=(5, 4), dtype="f4", external=[(str(raw), 0, 80)])

    def texts(file: Any, path: str) -> None:
        file.create_dataset(path, data=["x"] * 20, dtype=h5py.string_dtype())

    place = "layers/dense/vars/0"
    cases = {
        "link to elsewhere": [
            replaced(place, assign(lambda: h5py.ExternalLink(str(other), "k"))),
            replaced(place, assign(lambda: h5py.SoftLink("/layers/dense_1/vars/0"))),
            replaced("layers/dense", assign(lambda: h5py.ExternalLink(str(other), "g"))),
            replaced("layers", assign(lambda: h5py.SoftLink("/"))),
        ],
        "which are not there": [replaced(place, huge)],
        "lies in another file": [replaced(place, virtual), replaced(place, outside)],
        "no array of numbers": [
            replaced(place, texts),
            replaced(place, lambda file, path: file.create_group(path)),
            replaced(place, assign(lambda: np.zeros((5, 4), "complex64"))),
        ],
        "not numbered": [replaced(place, lambda file, path: None)],
        "is no group": [replaced("layers/dense/vars", assign(lambda: 3))],
    }
    for match, changes in cases.items():
        for change in changes:
            content = hdf5_with(good["w.weights.h5"], change)
            refused("w.weights.h5", content, tmp_path, present, match)
            members = members_of(good["m.keras"])
            weights = hdf5_with(members["model.weights.h5"], change)
            refused("m.keras", archive({**members, "model.weights.h5": weights}), tmp_path, present, match)


def test_hdf5_that_runs_in_circles(good: dict[str, bytes], present: Any, tmp_path: Path) -> None:
    def circle(file: Any) -> None:
        file["layers/dense/layers"] = file["layers"]

    path = tmp_path / "w.weights.h5"
    path.write_bytes(hdf5_with(good["w.weights.h5"], circle))
    network().load_weights(path)  # it is not walked, but asked for what the model has
    with Hdf5File(path) as file:  # and here it is walked
        assert [name for name in file.listed() if "dense" in name] == [
            f"layers/dense{at}/vars/{number}" for at in ("", "_1") for number in (0, 1)
        ]


def test_hdf5_of_many_groups(good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.weights.h5").write_bytes(good["w.weights.h5"])
    monkeypatch.setattr(hdf5, "MOST_GROUPS", 5)
    with Hdf5File(tmp_path / "w.weights.h5") as file, pytest.raises(saving.FileError, match="more than 5 groups"):
        file.listed()


def test_the_models_of_an_old_format(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(saving.FileError, match=r"it is an HDF5 file: give weights to `model.load_weights`"):
        saving.load_model(tmp_path / "m.h5")


def test_random_state_in_backups_is_looked_at(good: dict[str, bytes], tmp_path: Path) -> None:
    utils.set_random_seed(1)
    name = "backup/latest.safetensors"
    for change in ({"python": None}, {"python": [3, [1, 2], None]}, {"numpy": ["MT19937", [1], 0, 0, 0.0]}):
        content = rewritten(
            good[name], lambda header, document, change=change: document["training"]["random"].update(change)
        )
        refused(name, content, tmp_path, network())


def test_errors_name_the_file_that_was_given(good: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever it is mistaken for, and where only the model does not fit."""
    (tmp_path / "text.keras").write_bytes(b"text")
    (tmp_path / "text.weights.h5").write_bytes(b"text")
    (tmp_path / "text.onnx").write_bytes(b"text")
    for name in LOADERS:
        (tmp_path / Path(name).name).write_bytes(good[name])
    other = Sequential([layers.Input((5,)), layers.Dense(9), layers.Dense(9), layers.Dense(9)])
    for path in tmp_path.iterdir():
        for load in (other.load_weights, saving.load_model):
            if load == saving.load_model and path.name in ("m.safetensors", "m.keras"):
                continue
            with pytest.raises(ValueError, match=path.name):
                load(path)
    with pytest.raises(saving.FileError, match="no archive"):
        saving.load_model(tmp_path / "text.keras")
    with pytest.raises(saving.FileError, match="from_onnx"):
        saving.load_model(tmp_path / "text.onnx")
