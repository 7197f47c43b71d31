"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from fastnn._log import INFO, log

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed, which says as much
    fcntl = None  # type: ignore[assignment]

FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))  # errors that do not say which file
STALE = 60.0  # seconds after which a temporary file that nobody holds is a dead process's


@contextmanager
def replacing(path: Any) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of `path` at the end, at once.

    It lies in the same folder until then. Where anything fails (the disk is full, the folder is read-only, the block
    raises, the process is killed), `path` stays what it was. File and folder are synced, so a machine that loses power
    keeps the one or the other too. A symbolic link stays one: what it points to is replaced. Permissions are kept.
    Devices and pipes, such as `/dev/stdout`, are written to as they are.

    Args:
        path: The file to be.

    Raises:
        OSError: It cannot be written.

    Example:

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.txt")
    >>> with replacing(path) as file:
    ...     _ = file.write(b"whole")
    >>> os.listdir(os.path.dirname(path))
    ['a.txt']
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"A file cannot take the place of a folder. Received: {os.fspath(path)!r}")
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    _remove_stale(target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with open(descriptor, "w+b") as file:
            _hold(descriptor)
            with contextlib.suppress(OSError):
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and _is_of(error, temporary):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    sync_folder(target.parent)
    log(INFO, "wrote %s", target)


def _is_of(error: OSError, temporary: Path) -> bool:
    """Whether an error is about the temporary file, of which nobody but this module knows."""
    return error.filename == os.fspath(temporary) or (error.filename is None and error.errno in FULL)


def sync_folder(folder: Any) -> None:
    """Has the names of a folder's files on disk, where the system knows how."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hold(descriptor: int) -> bool:
    """Marks the file as one that a living process writes; whether nobody else does."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _remove_stale(target: Path) -> None:
    """Removes what writers of the same file left behind who were killed, so that they do not fill the disk."""
    for left in target.parent.glob(f".{_escaped(target.name)}.{'[0-9a-f]' * 12}.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime < STALE:
                continue
            with open(left, "rb") as file:
                if _hold(file.fileno()):
                    left.unlink()


def _escaped(name: str) -> str:
    import glob

    return glob.escape(name)
