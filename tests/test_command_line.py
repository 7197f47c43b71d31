"""`python -m fastnn`: what it prints, where, and how it exits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
from fastnn import __main__ as command_line
from fastnn import _kernels, demo


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
    assert demo.main() == 1
    assert "fastnn-cpu[demo]" in capsys.readouterr().err


def test_demo_refuses_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    assert demo.main(tmp_path / "nowhere" / "curve.png") == 1
    assert "Received: --output" in capsys.readouterr().err


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
