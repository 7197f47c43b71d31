"""Arrays in HDF5 files: those that lie in the file itself, and none that a link leads to."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnn.files.errors import FileError

EXPANSION = 1024  # bytes of an array for each byte of it in the file, at most: what compression can do
MOST_GROUPS = 10_000
KNOWN_FILTERS = (1, 2, 3, 4, 5, 6, 32000)  # HDF5's own, and LZF; others are code from elsewhere

BFLOAT16 = np.dtype("V2")  # as Keras writes it: two bytes, the upper half of a float32


def library() -> Any:
    """The h5py library.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "Files of Keras's need h5py. Install the extra: python -m pip install 'fastnn-cpu[keras-files]'"
        ) from error
    return h5py


def write(groups: Mapping[str, tuple[str, Sequence[np.ndarray]]]) -> bytes:
    """Returns an HDF5 file.

    Args:
        groups: By path: the attribute `name` of the group, and the arrays in it, which are called `"0"`, `"1"`, ...
    """
    memory = io.BytesIO()
    with library().File(memory, "w") as file:
        for path, (name, arrays) in groups.items():
            group = file.create_group(path)
            group.attrs["name"] = name
            for at, array in enumerate(arrays):
                group.create_dataset(str(at), data=array)
    return memory.getvalue()


class Hdf5File:
    """An HDF5 file, read without trust.

    Args:
        path: The file, which errors name.
        content: What is in it; by default it is read from the disk.

    Raises:
        FileError: It is no HDF5 file, or damaged.
    """

    def __init__(self, path: Any, content: bytes | None = None) -> None:
        self.path = path
        self._h5py = library()
        try:
            self._file = self._h5py.File(path if content is None else io.BytesIO(content), "r")
        except Exception as error:
            raise FileError(path, f"it is damaged, or no HDF5 file: {str(error)[:200]}") from error

    def __enter__(self) -> Hdf5File:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def has(self, path: str) -> bool:
        """Whether there is a group of this path."""
        return self._group(path) is not None

    def shapes(self, path: str) -> list[tuple[int, ...]]:
        """The shapes of the arrays `"0"`, `"1"`, ... in a group; none where there is no such group."""
        group = self._group(path)
        if group is None:
            return []
        try:
            names = sorted((name for name in group if name.isdecimal()), key=int)
            if names != [str(at) for at in range(len(names))]:
                raise FileError(self.path, f"the arrays of {path!r} are not numbered from 0 on")
            return [self._dataset(group, path, name).shape for name in names]
        except FileError:
            raise
        except Exception as error:
            raise self._damaged(path, error) from error

    def array(self, path: str, number: int) -> np.ndarray:
        """An array of numbers in a group, in native byte order."""
        try:
            dataset = self._dataset(self._group(path), path, str(number))
            array = np.asarray(dataset[()])
            if array.dtype == BFLOAT16:
                return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
            return array.astype(array.dtype.newbyteorder("="), copy=False)
        except FileError:
            raise
        except Exception as error:
            raise self._damaged(path, error) from error

    def listed(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """The dtype and the shape of every array of numbers, by its path."""
        found: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
        try:
            waiting, seen = [("", self._file["/"])], set()
            while waiting:
                path, group = waiting.pop()
                if group.id in seen:
                    continue
                seen.add(group.id)
                deeper = []
                for name in sorted(group, key=lambda name: (not name.isdecimal(), name.zfill(20))):
                    self._refuse_link(group.get(name, getlink=True), f"{path}{name}")
                    part = group[name]
                    if isinstance(part, self._h5py.Group):
                        deeper.append((f"{path}{name}/", part))
                    else:
                        dataset = self._dataset(group, path.removesuffix("/"), name)
                        found[f"{path}{name}"] = dataset.dtype, dataset.shape
                if len(waiting) + len(seen) > MOST_GROUPS:
                    raise FileError(self.path, f"it has more than {MOST_GROUPS} groups")
                waiting.extend(reversed(deeper))
        except FileError:
            raise
        except Exception as error:
            raise self._damaged("/", error) from error
        return found

    def _damaged(self, path: str, error: Exception) -> FileError:
        return FileError(self.path, f"what it has at {path!r} is damaged: {str(error)[:200]}")

    def _group(self, path: str) -> Any:
        group = self._file
        try:
            for part in path.split("/"):
                link = group.get(part, getlink=True)
                if link is None:
                    return None
                self._refuse_link(link, path)
                group = group[part]
                if not isinstance(group, self._h5py.Group):
                    raise FileError(self.path, f"{path!r} in it is no group")
        except FileError:
            raise
        except Exception as error:
            raise self._damaged(path, error) from error
        return group

    def _refuse_link(self, link: Any, path: str) -> None:
        if not isinstance(link, self._h5py.HardLink):
            raise FileError(self.path, f"{path!r} in it is a link to elsewhere")

    def _dataset(self, group: Any, path: str, name: str) -> Any:
        self._refuse_link(group.get(name, getlink=True), f"{path}/{name}")
        dataset = group[name]
        numbers = isinstance(dataset, self._h5py.Dataset) and (
            dataset.dtype.kind in "buif" or dataset.dtype == BFLOAT16
        )
        if not numbers:
            raise FileError(self.path, f"'{path}/{name}' in it is no array of numbers")
        if dataset.external or dataset.is_virtual:
            raise FileError(self.path, f"'{path}/{name}' in it lies in another file")
        properties = dataset.id.get_create_plist()
        filters = [properties.get_filter(at)[0] for at in range(properties.get_nfilters())]
        if any(each not in KNOWN_FILTERS for each in filters):
            raise FileError(self.path, f"'{path}/{name}' in it needs the unknown filters {filters}")
        declared = math.prod(dataset.shape) * dataset.dtype.itemsize
        if declared > EXPANSION * max(dataset.id.get_storage_size(), 64):
            raise FileError(self.path, f"'{path}/{name}' in it says that it has {declared} bytes, which are not there")
        return dataset
