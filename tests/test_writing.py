"""Files are written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import saving
from fastnn.files import replacing, writing
from saved_models import row


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


@pytest.mark.parametrize("name", ["nowhere/m.safetensors", "m.safetensors"])
def test_errors_name_the_file_that_was_given(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def refused(source: Any, target: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), os.fspath(source), None, os.fspath(target))

    monkeypatch.setattr(writing.os, "replace", refused)
    with pytest.raises(OSError, match=rf"\] [\w -]+: '{name}'$"):
        row().save(name)
    assert os.listdir() == []


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replacing(pipe) as file:
        file.write(b"passed on")
    assert os.read(reader, 100) == b"passed on"
    os.close(reader)
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


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
