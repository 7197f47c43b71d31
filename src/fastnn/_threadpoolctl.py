"""Limits of threadpoolctl reach fastnn's threads."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from fastnn import _kernels


def find_spec() -> ModuleSpec | None:
    """Finds threadpoolctl as any import does, and sees to it that fastnn is registered once it is loaded."""
    spec = importlib.util.find_spec("threadpoolctl")
    loader: Any = None if spec is None else spec.loader
    if loader is not None:
        execute = loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            register(module)

        loader.exec_module = execute_and_register
    return spec


def register(threadpoolctl: Any) -> None:
    """Adds a controller of fastnn's threads; threadpoolctl before 3.2 knows its own libraries only.

    Args:
        threadpoolctl: The module.
    """
    if not hasattr(threadpoolctl, "register"):
        return

    class FastnnController(threadpoolctl.LibController):
        user_api = "fastnn"
        internal_api = "fastnn"
        filename_prefixes = ("_kernels.",)  # others may have such a module too: the symbols tell
        check_symbols = ("fastnn_get_num_threads", "fastnn_set_num_threads")

        def get_num_threads(self) -> int:
            return _kernels.get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            _kernels.set_num_threads(num_threads)

        def get_version(self) -> str:
            from fastnn._version import __version__

            return __version__

    threadpoolctl.register(FastnnController)
