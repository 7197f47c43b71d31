"""Tries an installed wheel for a few seconds, as a new user would: `python .ci/smoke.py`, in a folder without sources.

Needs the extra `files`, and no other; `--without-files` leaves out what needs it. Each instruction set of the machine
takes a turn, in a process of its own.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np

import fastnn
from fastnn import Sequential, _kernels, layers, saving, utils

CHECKOUT = Path(__file__).resolve().parents[1]
FILES = "--without-files" not in sys.argv[1:]


def command(*words: str, code: int = 0) -> str:
    """Runs the installed script `fastnn`, which must end with this exit code; returns what it printed."""
    script = Path(sysconfig.get_path("scripts"), "fastnn")
    done = subprocess.run([str(script), *words], capture_output=True, text=True)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def train(threads: int) -> Sequential:
    """A classifier of points of a spiral."""
    fastnn.set_num_threads(threads)
    utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    arm = np.arange(600) % 3
    radius = rng.uniform(0.1, 1, 600)
    angle = 4 * radius + arm * 2 * np.pi / 3
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    model = Sequential(
        [layers.Input((2,)), layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, arm, epochs=40, verbose=0)
    assert history.history["accuracy"][-1] > 0.9, history
    return model


def check_training(folder: Path) -> None:
    model = train(threads=1)
    for weight, same in zip(model.get_weights(), train(threads=4).get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same, "results depend on the number of threads")
    if not FILES:
        return
    path = folder / "m.safetensors"
    model.save(path)
    points = np.linspace(-1, 1, 20).reshape(10, 2)
    np.testing.assert_array_equal(saving.load_model(path).predict(points, verbose=0), model.predict(points, verbose=0))


def check_commands(folder: Path) -> None:
    version = importlib.metadata.version("fastnn-cpu")
    assert command("--version").strip() == f"fastnn {version}"
    assert _kernels.isa() in command("info")
    assert "fastnn: error: " in command("inspect", str(folder / "missing.safetensors"), code=1)
    if FILES:
        assert "dense_1/kernel" in command("inspect", str(folder / "m.safetensors"))
        assert "4,547 parameters" in command("convert", str(folder / "m.safetensors"), str(folder / "m.c"))
    table = folder / "t.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    assert "fastnn-cpu[tables]" in command(
        "train", str(table), "--target", "b", "--save", f"{folder}/t.safetensors", code=1
    )
    assert "fastnn-cpu[demo]" in command("demo", code=1)


def main() -> None:
    place = Path(fastnn.__file__).resolve()
    assert CHECKOUT not in place.parents, f"{place} is of the checkout, not of a wheel"
    with tempfile.TemporaryDirectory() as folder:
        if "FASTNN_ISA" in os.environ:
            check_training(Path(folder))
            return
        check_training(Path(folder))
        check_commands(Path(folder))
    for isa in _kernels.available_isas():
        subprocess.run([sys.executable, *sys.argv], env={**os.environ, "FASTNN_ISA": isa}, check=True)
    print(f"{place.parent}: {', '.join(_kernels.available_isas())}, and the commands")


if __name__ == "__main__":
    main()
