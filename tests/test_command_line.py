"""`python -m fastnn`: what it prints, where, and how it exits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import __main__ as command_line
from fastnn import _info, _kernels, saving


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastnn", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


def test_info_says_what_runs() -> None:
    done = run("info")
    assert done.returncode == 0, done.stderr
    for fact in (fastnn.__version__, _kernels.isa(), "threads", "compiler", "NumPy"):
        assert fact in done.stdout


def test_show_versions_is_public(capsys: pytest.CaptureFixture[str]) -> None:
    fastnn.show_versions()
    assert _kernels.isa() in capsys.readouterr().out


def test_show_versions_names_the_extras_that_are_there_and_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_info, "EXTRAS", ("pytest", "no-such-library"))
    before, lines = set(sys.modules), []
    fastnn.show_versions(lines.append)
    assert f"pytest    {pytest.__version__}\n" in lines
    assert not any("no-such-library" in line for line in lines)
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("torch", "keras", "onnx")}


def test_demo_learns_and_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    picture = tmp_path / "curve.png"
    done = run("demo", "--output", str(picture))
    assert done.returncode == 0, done.stdout + done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "times as fast as plain NumPy" in done.stdout
    # the same weights and the same batches: the last losses agree to rounding
    figures = {line.split()[0]: line.split() for line in done.stdout.splitlines() if "µs" in line}
    ours, plain = (float(figures[name][5]) for name in ("fastnn", "NumPy"))
    assert ours == pytest.approx(plain, rel=0.02)


def test_demo_below_the_accuracy_asked_fails(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    done = run("demo", "--epochs", "1", "--output", str(tmp_path / "curve.png"))
    assert done.returncode == 1
    assert "below the 0.97 asked for" in done.stderr


def test_demo_names_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert command_line.main(["demo"]) == 1
    assert "fastnn-cpu[demo]" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere/curve.png", "folder.png", "curve.xyz"])
def test_demo_refuses_a_picture_that_cannot_be_written_before_it_learns(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    (tmp_path / "folder.png").mkdir()
    assert command_line.main(["demo", "--output", str(tmp_path / name)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("fastnn: error: ")
    assert name in printed.err


@pytest.mark.parametrize("words", [[], ["nonsense"], ["demo", "--epochs", "0"], ["demo", "--epochs", "x"]])
def test_wrong_words_exit_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command_line.main(words)
    assert exit_.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_unknown_instruction_set_is_refused_with_the_list() -> None:
    done = run("info", FASTNN_ISA="nonsense")
    assert done.returncode != 0
    assert "nonsense" in done.stderr
    assert "baseline" in done.stderr or "neon" in done.stderr


# --- models in files ---


@pytest.fixture
def model() -> fastnn.Sequential:
    model = fastnn.Sequential([fastnn.layers.Input((4,)), fastnn.layers.Dense(3, "relu"), fastnn.layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4), np.float32), np.ones((8, 2), np.float32), verbose=0)
    return model


@pytest.mark.parametrize("between", ["m.keras", "m.onnx", "m.safetensors"])
def test_convert_keeps_what_a_model_predicts(
    model: fastnn.Sequential, tmp_path: Path, capsys: pytest.CaptureFixture[str], between: str
) -> None:
    first, middle, last = (str(tmp_path / name) for name in ("first.safetensors", between, "last.safetensors"))
    model.save(first)
    assert command_line.main(["convert", first, middle]) == 0
    assert capsys.readouterr().out.startswith(f"{middle}: 23 parameters, ")
    assert command_line.main(["convert", middle, last]) == 0
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(fastnn.saving.load_model(last)(x), model(x), rtol=1e-6, atol=1e-6)


def test_convert_writes_c_and_weights(model: fastnn.Sequential, tmp_path: Path) -> None:
    source = str(tmp_path / "m.safetensors")
    model.save(source)
    assert command_line.main(["convert", source, str(tmp_path / "net.c")]) == 0
    assert "net_predict(" in (tmp_path / "net.c").read_text()
    assert command_line.main(["convert", source, str(tmp_path / "m.weights.h5")]) == 0
    before = model.get_weights()
    model.set_weights([np.zeros_like(array) for array in before])
    model.load_weights(tmp_path / "m.weights.h5")
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_inspect_shows_architecture_weights_and_optimizer(
    model: fastnn.Sequential, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("m.safetensors", "m.keras"):
        model.save(tmp_path / name)
        assert command_line.main(["inspect", str(tmp_path / name)]) == 0
        out = capsys.readouterr().out
        assert "Weights: 4 arrays, 23 numbers" in out
        assert "(4, 3)" in out
        assert "Optimizer (Adam): 10 arrays, 48 numbers" in out
        assert "Dense" in out


def test_inspect_shows_the_weights_of_models_with_classes_that_are_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Own(fastnn.layers.Dense):
        pass

    for name in ("m.safetensors", "m.keras"):
        fastnn.Sequential([fastnn.layers.Input((4,)), Own(3)]).save(tmp_path / name)
        assert command_line.main(["inspect", str(tmp_path / name)]) == 0
        printed = capsys.readouterr()
        assert "Weights: 2 arrays, 15 numbers" in printed.out
        assert "the architecture is not shown" in printed.err
        assert command_line.main(["convert", str(tmp_path / name), str(tmp_path / "m.onnx")]) == 1
        assert "given in Python, as in `custom_objects={'Own': ...}`" in capsys.readouterr().err


def test_inspect_shows_the_weights_of_keras(
    model: fastnn.Sequential, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save_weights(tmp_path / "m.weights.h5")
    assert command_line.main(["inspect", str(tmp_path / "m.weights.h5")]) == 0
    out = capsys.readouterr().out
    assert "Weights: 4 arrays, 23 numbers" in out
    assert "layers/dense_1/vars/1  float32  (2,)" in out
    assert "Optimizer: 10 arrays, 48 numbers" in out


def test_a_lack_of_memory_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def lacking(path: str) -> None:
        raise MemoryError

    monkeypatch.setattr(saving, "load_model", lacking)
    assert command_line.main(["convert", "m.keras", "m.onnx"]) == 1
    assert capsys.readouterr().err == "fastnn: error: MemoryError\n"


def test_a_model_is_not_converted_onto_itself(
    model: fastnn.Sequential, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()
    (tmp_path / "link.keras").symlink_to("m.keras")
    for other in ("m.keras", "link.keras"):
        assert command_line.main(["convert", str(tmp_path / "m.keras"), str(tmp_path / other)]) == 1
        assert "onto itself. Received: " in capsys.readouterr().err
    assert (tmp_path / "m.keras").read_bytes() == before


def test_mistakes_are_one_line_without_a_traceback(tmp_path: Path) -> None:
    damaged = tmp_path / "m.safetensors"
    damaged.write_bytes(b"nothing of the kind")
    for words in (["inspect", str(damaged)], ["convert", str(tmp_path / "none.keras"), str(tmp_path / "b.onnx")]):
        done = run(*words)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("fastnn: error: ")
        assert words[1] in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "b.onnx").exists()
    assert "Traceback" in run("--traceback", "inspect", str(damaged)).stderr


@pytest.mark.parametrize("words", [["convert", "a.keras"], ["convert", "a.c", "b.onnx"], ["inspect", "m.pickle"]])
def test_names_that_no_format_has_exit_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command_line.main(words)
    assert exit_.value.code == 2
    assert "usage: fastnn" in capsys.readouterr().err
