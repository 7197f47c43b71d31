"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from typing import Any


def write_whole(path: Any, content: bytes) -> None:
    """Writes a file in one go: whoever looks sees the old one or the new one, whenever this is interrupted.

    Args:
        path: Where; a file that is there is replaced.
        content: All of it.

    Raises:
        OSError: It cannot be written. A file that was there stays as it is.
    """
    path = os.path.realpath(os.fspath(path))
    temporary = f"{path}.{secrets.token_hex(8)}.tmp"  # in the same folder: renaming is atomic within a file system
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
