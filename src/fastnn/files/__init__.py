"""Files: written so that a crash leaves the old one or the new one, and read without trust in what they say."""

from __future__ import annotations

from fastnn.files.errors import FileError, trusting_nothing
from fastnn.files.writing import replacing, sync_folder

__all__ = ["FileError", "replacing", "sync_folder", "trusting_nothing"]
