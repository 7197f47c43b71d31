"""A model as an ONNX graph of standard operators (opset 17), its batch axis free."""

from __future__ import annotations

from typing import Any

from fastnn._version import __version__
from fastnn.exporting.description import Description, chosen
from fastnn.exporting.onnx_steps import STEPS
from fastnn.exporting.onnx_writer import Writer
from fastnn.files import replacing

OPSET = 17
IR_VERSION = 8  # the one that came with it
LARGEST = 1 << 31  # bytes of a protocol buffer


def onnx_module() -> Any:
    """The package `onnx`.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "ONNX files need the package onnx. Install the extra: python -m pip install 'fastnn-cpu[onnx]'"
        ) from error
    return onnx


def to_onnx(model: Any, path: Any = None) -> Any:
    """Makes a model an ONNX graph of standard operators (opset 17), checked by onnx's own checker.

    Inputs and outputs keep the names that the model knows them by; the first axis, the batch, may have any length. An
    input that is nothing but ids of an `Embedding` takes int64. Needs the extra `onnx`.

    Args:
        model: A model, built: any whose layers are made of compiled steps.
        path: Where to write it, too; by default nowhere.

    Returns:
        The `onnx.ModelProto`.

    Raises:
        ImportError: onnx is not installed.
        ValueError: The model is not built, or it has more than 2 GB of weights.
        NotImplementedError: A layer computes in Python, or was called as in training.

    Example:

    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3, activation="relu")])
    >>> [node.op_type for node in to_onnx(model).graph.node]
    ['Gemm', 'Relu']
    """
    onnx = onnx_module()
    description = Description(model)
    variables = {id(v): v for record in description.records for v in record.variables if v is not None}
    size = sum(variable.value.nbytes for variable in variables.values())
    if size >= LARGEST:
        raise ValueError(f"An ONNX file holds less than 2 GB of weights. Received: a model with {size} bytes of them")
    graph = Writer(onnx, description).graph(lambda to, record: chosen(STEPS, record.op, "A step")(to, record))
    proto = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fastnn",
        producer_version=__version__,
    )
    onnx.checker.check_model(proto, full_check=True)
    if path is not None:
        content = proto.SerializeToString()
        with replacing(path) as file:
            file.write(content)
    return proto
