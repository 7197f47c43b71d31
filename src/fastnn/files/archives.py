"""Zip archives of a few members, read without trust: nothing is unpacked to the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

from fastnn.files.errors import FileError
from fastnn.files.writing import replacing

EXPANSION = 64  # bytes of a member for each byte of it in the file, at most


def write(path: Any, members: Mapping[str, bytes]) -> None:
    """Writes an archive of stored members, whole or not at all."""
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def read(path: Any, names: Mapping[str, int | None]) -> dict[str, bytes]:
    """Reads members of an archive.

    Args:
        path: The archive.
        names: The members, with the greatest number of bytes each may have; `None` for any.

    Raises:
        FileError: It is no archive, is damaged, has no such member, or one that is larger than it may be.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name, most in names.items():
                found[name] = _read(path, archive, name, most)
    except (FileError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:
        raise FileError(path, f"it is damaged, or no archive: {str(error)[:200]}") from error
    return found


def _read(path: Any, archive: zipfile.ZipFile, name: str, most: int | None) -> bytes:
    members = [info for info in archive.infolist() if info.filename == name]
    if not members:
        raise FileError(path, f"it is no archive of Keras's: it has no member {name!r}")
    if len(members) != 1:
        raise FileError(path, f"it has {len(members)} members of the name {name!r}")
    (info,) = members
    size = info.file_size
    if (most is not None and size > most) or size > EXPANSION * info.compress_size + 4096:
        raise FileError(path, f"its member {name!r} would have {size} bytes, of {info.compress_size} in the file")
    with archive.open(info) as member:
        content = member.read(size + 1)
    if len(content) != size:
        raise FileError(path, f"its member {name!r} has another size than it says")
    return content
