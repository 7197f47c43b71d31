"""Models in the forms of other programs: a file of C, an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn.exporting.c import to_c
from fastnn.exporting.onnx_graph import to_onnx

__all__ = ["export", "to_c", "to_onnx"]


def export(model: Any, filepath: Any, format: str = "onnx", verbose: bool | None = None, **kwargs: Any) -> None:
    """Writes a model for prediction elsewhere, as Keras's `Model.export` does.

    Args:
        model: A model, built.
        filepath: Where to write.
        format: `"onnx"`, or `"c"` for what `to_c` writes.
        verbose: Whether to print where it was written; by default not.
        **kwargs: None are known.

    Raises:
        ValueError: The format or an argument is not known.
    """
    if kwargs:
        raise ValueError(f"Unknown arguments of export: {format} files take none. Received: {kwargs}")
    writers: dict[str, Callable[[Any, Any], Any]] = {"onnx": to_onnx, "c": to_c}
    if format not in writers:
        raise ValueError(
            f"Argument `format` must be one of {sorted(writers)}: to go on training, save the model instead. "
            f"Received: format={format!r}"
        )
    writers[format](model, filepath)
    if verbose:
        print(f"Saved artifact at '{filepath}'.")
