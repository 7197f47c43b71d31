"""A model as one file of C99: for firmware, and for other languages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastnn._version import __version__
from fastnn.exporting import c_functions
from fastnn.exporting.description import Description, Names, chosen, factors_of, params_of
from fastnn.files import replacing
from fastnn.records import Record, Value, required
from fastnn.variables import Variable

IN_PLACE = (
    "activation",
    "binary",
    "log_softmax",
    "normalization",
    "moving_normalization",
    "prelu",
    "rescaling",
    "softmax",
)
BINARIES = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


def to_c(model: Any, path: Any, name: str | None = None) -> None:
    """Writes a model as one self-contained file of C99 that predicts one sample at a time.

    The file needs nothing but `<math.h>`, allocates no memory and keeps no state: its function may run in several
    threads at once. Weights are written to the last bit.

    Args:
        model: A model, built: any whose layers are made of compiled steps.
        path: Where to write.
        name: The function is called `<name>_predict`; by default as the file.

    Raises:
        ValueError: The model is not built.
        NotImplementedError: A layer computes in Python, or was called as in training.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastnn import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_c(model, Path(folder, "iris.c"))
    ...     "void iris_predict(const float *x, float *y)" in Path(folder, "iris.c").read_text()
    True
    """
    content = source(model, Path(path).stem if name is None else name).encode("ascii")
    with replacing(path) as file:
        file.write(content)


def source(model: Any, name: str = "model") -> str:
    """The text that `to_c` writes."""
    return _Writer(Description(model), name).text()


def _identifier(name: str) -> str:
    """A name as C has it."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    return f"model_{name}" if name[0].isdigit() or name[0] == "_" else name  # these are C's own


def _size(value: Value) -> int:
    return math.prod(value.shape)


class _Writer:
    """Collects what a file is made of: functions, constants, and the body of the prediction.

    Args:
        description: The model.
        name: The prefix of all names.
    """

    def __init__(self, description: Description, name: str) -> None:
        self.description = description
        self.prefix = _identifier(name)
        self.suffix = "f" if description.dtype == np.float32 else ""
        self.real = "float" if self.suffix else "double"
        self._constant_name = Names("[A-Za-z0-9_]")
        self._functions: dict[str, str] = {}  # templates by their names
        self._constants: list[str] = []
        self._known: dict[int, tuple[Variable, str]] = {}  # constants that variables have become
        self._pointers: dict[int, str] = {}  # of root values
        self._body: list[str] = []

    def text(self) -> str:
        """The whole file."""
        self.inputs = self._parameters(self.description.input_names, "x")
        self.outputs = self._parameters(self.description.output_names, "y")
        work = self._place()
        for record in self.description.records:
            self._write(record)
        for value, name in zip(self.description.outputs, self.outputs, strict=True):
            if self._pointer(value) != name:
                self._loop(_size(value), f"{name}[i] = {self._pointer(value)}[i];")
        used = " ".join(self._body)
        unused = [f"(void){name};" for name in self.inputs if not re.search(rf"\b{name}\b", used)]
        memory = [f"{self.real} work[{work}];"] if work else []
        arguments = [f"const {self.real} *{name}" for name in self.inputs]
        arguments += [f"{self.real} *{name}" for name in self.outputs]
        signature = f"void {self.prefix}_predict({', '.join(arguments)})"
        lines = "".join(f"    {line}\n" for line in (*memory, *unused, *self._body))
        functions = "".join(self._in_c(template) for template in self._functions.values())
        return (
            f"{self._comment(signature, work)}#include <math.h>\n{functions}\n{''.join(self._constants)}"
            f"{signature};\n{signature}\n{{\n{lines}}}\n"
        )

    # --- the parts ---

    def _parameters(self, names: list[str], letter: str) -> list[str]:
        if len(names) == 1:
            return [letter]
        give = Names("[A-Za-z0-9_]")
        return [give(f"{letter}_{name}") for name in names]

    def _comment(self, signature: str, work: int) -> str:
        description = self.description
        named = (
            *zip(self.inputs, description.inputs, strict=True),
            *zip(self.outputs, description.outputs, strict=True),
        )
        arrays = [f"    {name}: {_size(value)} numbers, a sample of shape {value.shape}" for name, value in named]
        declared = ", ".join(f"{name}[{_size(value)}]" for name, value in named)
        model = re.sub(r"[^ -~]|\*/|/\*", "_", description.name)
        text = [
            f"A prediction of the model '{model}', written by fastnn {__version__}.",
            "",
            f"    {signature};",
            "",
            "One sample at a time, in arrays that do not overlap:",
            *arrays,
            "",
            "For example, after filling the inputs:",
            f"    static {self.real} {declared};",
            f"    {self.prefix}_predict({', '.join((*self.inputs, *self.outputs))});",
            "",
            "C99 with <math.h> alone (link with -lm). Nothing is allocated and nothing kept between calls:",
            "several threads may call it at once. Values between the layers take",
            f"{work * description.dtype.itemsize} bytes of stack.",
        ]
        return "/* " + "\n".join(f" * {line}".rstrip() for line in text)[3:] + "\n */\n"

    def _in_c(self, template: str) -> str:
        text = re.sub(r"\breal\b", self.real, template)
        return text.replace("$", self.suffix).replace("@", f"{self.prefix}_")

    def _function(self, name: str, template: str) -> str:
        self._functions.setdefault(name, template)
        return f"{self.prefix}_{name}"

    def _call(self, name: str, *arguments: Any) -> None:
        function = self._function(name, c_functions.step(name))
        self._body.append(f"{function}({', '.join(str(argument) for argument in arguments)});")

    def _loop(self, count: int, statement: str) -> None:
        self._body.append(f"for (long i = 0; i < {count}; ++i) {statement}")

    # --- numbers ---

    def _literal(self, number: float) -> str:
        """A number to the last bit."""
        if number != number:
            return "NAN"
        if math.isinf(number):
            return "INFINITY" if number > 0 else "-INFINITY"
        mantissa, exponent = float(number).hex().split("p")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}p{exponent}{self.suffix}"

    def _numbers(self, values: np.ndarray, wanted: str) -> str:
        """A constant array; returns its name."""
        values = values.astype(self.description.dtype).ravel()
        return self._constant(self.real, [self._literal(number) for number in values.tolist()], wanted)

    def _constant(self, kind: str, numbers: list[str], wanted: str) -> str:
        name = self._constant_name(f"{self.prefix}_{wanted}")
        lines = [", ".join(numbers[at : at + 6]) for at in range(0, len(numbers), 6)]
        rows = ",\n    ".join(lines)
        self._constants.append(f"static const {kind} {name}[{len(numbers)}] = {{\n    {rows}\n}};\n\n")
        return name

    def _weights(self, variable: Variable | None) -> str:
        """The constant that a variable is; the same one wherever it is read."""
        if variable is None:
            return "0"
        if id(variable) not in self._known:
            self._known[id(variable)] = variable, self._numbers(variable.value, variable.path)
        return self._known[id(variable)][1]

    # --- memory ---

    def _pointer(self, value: Value | None) -> str:
        value = required(value, "a value")
        pointer = self._pointers[id(value.root)]
        return pointer if not value.column else f"({pointer} + {value.column})"

    def _place(self) -> int:
        """Finds a place for every value; returns how many numbers the memory between the layers holds."""
        for value, name in zip(self.description.inputs, self.inputs, strict=True):
            self._pointers[id(value)] = name
        for value, name in zip(self.description.outputs, self.outputs, strict=True):
            self._pointers.setdefault(id(value.root), name)
        records = self.description.records
        last = {id(x.root): at for at, record in enumerate(records) for x in _read(record)}
        last.update((id(value.root), len(records)) for value in self.description.outputs)
        taken: dict[int, tuple[int, int, int]] = {}  # root -> where it begins, where it ends, which step reads it last
        most = 0
        for at, record in enumerate(records):
            root = record.y.root
            if id(root) in self._pointers:
                continue
            first = None
            if record.op in IN_PLACE:
                x = record.x.root
                if id(x) in taken and taken[id(x)][2] == at and _size(x) == _size(root):
                    first = taken.pop(id(x))[0]
            taken = {key: place for key, place in taken.items() if place[2] >= at}
            if first is None:
                first = _first_gap(sorted(taken.values()), _size(root))
            taken[id(root)] = first, first + _size(root), last.get(id(root), at)
            most = max(most, first + _size(root))
            self._pointers[id(root)] = f"(work + {first})" if first else "work"
        return most

    # --- steps ---

    def _write(self, record: Record) -> None:
        chosen(STEPS, record.op, "A step")(self, record)

    def _activation(self, record: Record) -> None:
        name = record.settings["activation"]
        template, count = c_functions.activation(name)
        params = "".join(f", {self._literal(number)}" for number in params_of(record)[:count])
        function = self._function(name, template)
        self._loop(_size(record.y), f"{self._pointer(record.y)}[i] = {function}({self._pointer(record.x)}[i]{params});")

    def _affine(self, record: Record) -> None:
        x, y = record.x, record.y
        scale, shift = (
            "0" if v is None else self._numbers(v, name)
            for v, name in zip(factors_of(record), ("scale", "shift"), strict=True)
        )
        self._call("affine", x.rows_per_sample, x.width, y.width, self._pointer(x), scale, shift, self._pointer(y))

    def _binary(self, record: Record) -> None:
        a, b, y = (self._pointer(value) for value in (*record.inputs, record.y))
        operation = record.settings["binary"]
        if operation in BINARIES:
            self._loop(_size(record.y), f"{y}[i] = {a}[i] {BINARIES[operation]} {b}[i];")
        else:
            function = self._function(operation, c_functions.step(operation))
            self._loop(_size(record.y), f"{y}[i] = {function}({a}[i], {b}[i]);")

    def _copy(self, record: Record) -> None:
        x, y = record.x, record.y
        n, row = y.width, y.root.width
        to = f"{self._pointer(y)}[i]" if n == row else f"{self._pointer(y)}[i / {n} * {row} + i % {n}]"
        self._loop(_size(y), f"{to} = {self._pointer(x)}[i];")

    def _dense(self, record: Record) -> None:
        x, y = record.x, record.y
        kernel, bias = (self._weights(variable) for variable in record.variables)
        self._call("dense", x.rows_per_sample, x.width, y.width, self._pointer(x), kernel, bias, self._pointer(y))

    def _discretization(self, record: Record) -> None:
        boundaries = required(record.variables[0], "boundaries")
        of = self._weights(boundaries)
        self._call("discretize", _size(record.x), boundaries.size, self._pointer(record.x), of, self._pointer(record.y))

    def _embedding(self, record: Record) -> None:
        table = required(record.variables[0], "a table")
        of = self._weights(table)
        self._call("embedding", _size(record.x), *table.shape, self._pointer(record.x), of, self._pointer(record.y))

    def _encode(self, record: Record) -> None:
        x, depth = record.x, record.y.width
        n = 1 if record.op == "one_hot" else x.width
        counts = int(record.op == "count")
        self._call("encode", _size(x) // n, n, depth, counts, self._pointer(x), self._pointer(record.y))

    def _feature_dense(self, record: Record) -> None:
        (features, inputs), y = record.x.shape, record.y
        kernel, bias = (self._weights(variable) for variable in record.variables)
        self._call("feature_dense", features, inputs, y.width, self._pointer(record.x), kernel, bias, self._pointer(y))

    def _numeric_features(self, record: Record) -> None:
        """Waves, or pieces of a line."""
        x, y = record.x, record.y
        k = required(record.variables[0], "a matrix").shape[-1]
        each = (y.width,) if record.op == "waves" else ()
        of = [self._weights(variable) for variable in record.variables]
        self._call(record.op, _size(x), k, *each, self._pointer(x), *of, self._pointer(y))

    def _normalize(self, record: Record) -> None:
        x, (kind, lines, groups) = record.x, (int(number) for number in record.settings["params"])
        gamma, beta = (self._weights(variable) for variable in record.variables)
        n = x.width // (lines * groups)
        epsilon = self._literal(float(self.description.dtype.type(record.settings["epsilon"])))
        self._call(
            "normalize",
            kind,
            x.rows_per_sample,
            lines,
            groups,
            n,
            epsilon,
            self._pointer(x),
            gamma,
            beta,
            self._pointer(record.y),
        )

    def _pooling(self, record: Record) -> None:
        x = record.x
        if record.op == "max_pooling":
            self._reduction(record, "max", 1, x.rows_per_sample, x.width)
        else:
            self._reduction(record, "sum", 1, x.rows_per_sample, x.width, 1 / x.rows_per_sample)

    def _reduce(self, record: Record) -> None:
        y = record.y
        outer, length, inner = y.rows_per_sample, record.settings["length"], y.width
        rate = () if record.op == "max" else (record.settings["rate"],)
        self._reduction(record, record.op, outer, length, inner, *rate)

    def _reduction(self, record: Record, kind: str, outer: int, length: int, inner: int, *rate: float) -> None:
        rates = [self._literal(float(self.description.dtype.type(number))) for number in rate]
        self._call(kind, outer, length, inner, self._pointer(record.x), *rates, self._pointer(record.y))

    def _prelu(self, record: Record) -> None:
        x, slopes = record.x, required(record.variables[0], "slopes")
        inner, of = x.width // slopes.size, self._weights(slopes)
        self._call("prelu", x.rows_per_sample, slopes.size, inner, self._pointer(x), of, self._pointer(record.y))

    def _rearrange(self, record: Record) -> None:
        index = record.settings["index"]
        kind = "unsigned short" if index.max(initial=0) < 1 << 16 else "unsigned long"
        of = self._constant(kind, [str(at) for at in index.tolist()], "places")
        self._loop(len(index), f"{self._pointer(record.y)}[i] = {self._pointer(record.x)}[{of}[i]];")

    def _softmax(self, record: Record) -> None:
        x = record.x
        self._call(record.op, x.rows_per_sample, x.width, self._pointer(x), self._pointer(record.y))


def _read(record: Record) -> Iterator[Value]:
    """The values that a step reads."""
    inputs = record.inputs[:1] if record.op == "group_normalization" else record.inputs  # its statistics are its own
    return (value for value in inputs if value is not None)


def _first_gap(taken: list[tuple[int, int, int]], size: int) -> int:
    """Where so many numbers have room between places that are taken, or behind them."""
    first = 0
    for begin, end, _ in taken:
        if begin - first >= size:
            break
        first = max(first, end)
    return first


STEPS: dict[str, Callable[[_Writer, Record], None]] = {
    "activation": _Writer._activation,
    "binary": _Writer._binary,
    "copy": _Writer._copy,
    "count": _Writer._encode,
    "dense": _Writer._dense,
    "discretization": _Writer._discretization,
    "embedding": _Writer._embedding,
    "feature_dense": _Writer._feature_dense,
    "group_normalization": _Writer._normalize,
    "log_softmax": _Writer._softmax,
    "max": _Writer._reduce,
    "max_pooling": _Writer._pooling,
    "mean_pooling": _Writer._pooling,
    "moving_normalization": _Writer._affine,
    "multi_hot": _Writer._encode,
    "normalization": _Writer._affine,
    "one_hot": _Writer._encode,
    "pieces": _Writer._numeric_features,
    "prelu": _Writer._prelu,
    "rearrange": _Writer._rearrange,
    "rescaling": _Writer._affine,
    "scale": _Writer._affine,
    "softmax": _Writer._softmax,
    "sum": _Writer._reduce,
    "waves": _Writer._numeric_features,
}
