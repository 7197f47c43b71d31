"""Weights and other state: named arrays whose memory may be looked at and written to at any time."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from fastnn._arrays import floatx
from fastnn._registry import auto_name

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Returns an uninitialized C-contiguous array that starts at a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    count = 1
    for length in shape:
        count *= length
    memory = np.empty(count * dtype.itemsize + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + count * dtype.itemsize].view(dtype).reshape(shape)


class Allowance:
    """How many bytes of variables may still be made where a file says what to make.

    Args:
        size: The number of bytes.
    """

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Takes an array's bytes away; raises `ValueError` where there are not so many left."""
        size = math.prod(shape) * dtype.itemsize
        if size > self.left:
            raise ValueError(
                f"The file holds no weights for all the variables that it speaks of. Received: a variable of shape "
                f"{shape}"
            )
        self.left -= size


# Whether a `call` is being run on symbolic tensors.
tracing: ContextVar[bool] = ContextVar("fastnn_tracing", default=False)
_allowance: ContextVar[Allowance | None] = ContextVar("fastnn_allowance", default=None)


@contextmanager
def left_empty(size: int) -> Iterator[None]:
    """Within it, variables are made without first values where an initializer is to find them: a file has others.

    Args:
        size: How many bytes of variables may be made, at most.
    """
    token = _allowance.set(Allowance(size))
    try:
        yield
    finally:
        _allowance.reset(token)


def _in_memory(make: Callable[[], Any], name: str | None, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The array that `make` makes; says whose it is where there is no memory for it."""
    size = math.prod(shape) * dtype.itemsize
    try:
        if size > sys.maxsize - ALIGNMENT:
            raise MemoryError
        return np.asarray(make())
    except MemoryError:
        raise MemoryError(
            f"There is no memory for the variable '{name or 'variable'}'. Received: shape={tuple(shape)}, {dtype}: "
            f"{size:.3g} bytes"
        ) from None


class Variable(np.lib.mixins.NDArrayOperatorsMixin):
    """A named array that layers, optimizers and metrics keep their state in.

    It behaves as an array in arithmetic, in indexing and in NumPy's functions. `value` is the memory itself, which a
    training step reads and writes: what is assigned there, whole or in part, counts from the next step on.

    Args:
        initializer: The first value: an array, a number, or a callable `(shape, dtype) -> array`.
        shape: The shape. May be left out where `initializer` is not a callable.
        dtype: The dtype. By default that of `initializer` if it is an array of floats, else `config.floatx()`.
        trainable: Whether training changes it.
        name: Its name, such as `"kernel"`.
        path: Its name with its owners' before it, such as `"dense/kernel"`. By default `name`.
        regularizer: The penalty on it, if any.
        constraint: The constraint it is brought back to after each update, if any.

    Example:

    >>> v = Variable([1.0, 2.0], name="scale")
    >>> v[1] = 5.0
    >>> v += 1.0
    >>> print(v.numpy())
    [2. 6.]
    """

    __hash__ = object.__hash__  # by identity; == compares elements, as in NumPy

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
        path: str | None = None,
        regularizer: Callable[..., Any] | None = None,
        constraint: Callable[..., Any] | None = None,
    ) -> None:
        first: np.ndarray | None = None
        if callable(initializer):
            if shape is None:
                raise ValueError(
                    f"Argument `shape` must be given where `initializer` is a callable. Received: "
                    f"initializer={initializer!r}, shape=None"
                )
            dtype = np.dtype(floatx() if dtype is None else dtype)
            if _allowance.get() is None:
                first = _in_memory(
                    functools.partial(initializer, tuple(shape), dtype=dtype), path or name, shape, dtype
                )
        else:
            first = np.asarray(initializer)
            if dtype is None:
                dtype = first.dtype if hasattr(initializer, "dtype") and first.dtype.kind == "f" else floatx()
            dtype = np.dtype(dtype)
        if shape is None:
            assert first is not None
            shape = first.shape
        shape = tuple(int(length) for length in shape)
        if (allowance := _allowance.get()) is not None:
            allowance.spend(shape, dtype)
        self.name = name or auto_name("variable")
        self.path = path or self.name
        self.trainable = trainable
        self.state = not trainable  # not made to learn: a moving mean, a slot
        self.regularizer = regularizer
        self.constraint = constraint
        self._value = _in_memory(functools.partial(aligned_empty, shape, dtype), self.path, shape, dtype)
        if first is not None:
            self.assign(first)

    @property
    def value(self) -> np.ndarray:
        """The live memory: C-contiguous, 64-byte aligned."""
        return self._value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def dtype(self) -> np.dtype:
        return self._value.dtype

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def size(self) -> int:
        return self._value.size

    def numpy(self) -> np.ndarray:
        """Returns a copy of the value."""
        return self._value.copy()

    def assign(self, value: Any) -> Variable:
        """Writes `value` into the live memory and returns the variable.

        Args:
            value: An array of the variable's shape.

        Raises:
            ValueError: `value` has another shape. The variable keeps its value.
            TypeError: `value` does not hold real numbers. The variable keeps its value.
        """
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ValueError(
                f"The shape of the value must be that of the variable '{self.path}'. Expected: {self.shape}. "
                f"Received: {array.shape}"
            )
        if array.dtype.kind not in "buif":
            raise TypeError(
                f"The value of the variable '{self.path}' must hold real numbers. Received: an array of dtype "
                f"{array.dtype}"
            )
        np.copyto(self._value, array, casting="unsafe")
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds `value` to the variable and returns the variable."""
        return self.assign(self._value + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts `value` from the variable and returns the variable."""
        return self.assign(self._value - value)

    def move_to(self, memory: np.ndarray) -> None:
        """Copies the value into `memory`, an array of the same shape and dtype, and lives there from now on.

        Views of the former memory keep their values and are no longer live.
        """
        if memory is not self._value:
            self._check_memory(memory)
            memory[...] = self._value
            self._value = memory

    def adopt(self, memory: np.ndarray) -> None:
        """Takes the value that is in `memory`, and lives there from now on; else like `move_to`."""
        self._check_memory(memory)
        self._value = memory

    def _check_memory(self, memory: np.ndarray) -> None:
        if memory.shape != self.shape or memory.dtype != self.dtype or not memory.flags.c_contiguous:
            raise ValueError(
                f"The memory for the variable '{self.path}' must be C-contiguous, of shape {self.shape} and dtype "
                f"{self.dtype}. Received: shape {memory.shape}, dtype {memory.dtype}"
            )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        copied = self._value  # wherever NumPy put it
        self._value = aligned_empty(copied.shape, copied.dtype)
        self._value[...] = copied

    def _check_not_traced(self) -> None:
        """What is computed of a variable while a `call` is traced would be a constant: neither learned nor renewed."""
        if tracing.get():
            raise NotImplementedError(
                "Within a `call`, a variable goes with what comes from the inputs, as in `inputs * w` and `ops.matmul("
                "inputs, w)`: nothing can be made of variables alone. Compute it of the inputs, or write a layer with "
                f"`forward` and `backward`. Received: the variable '{self.path}' by itself"
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._check_not_traced()
        if dtype is not None and np.dtype(dtype) != self.dtype:
            if copy is False:
                raise ValueError(f"A copy is needed to turn {self.dtype} into {np.dtype(dtype)}. Received: copy=False")
            return self._value.astype(dtype)
        return self._value.copy() if copy else self._value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        self._check_not_traced()
        arrays = [x._value if isinstance(x, Variable) else x for x in inputs]
        outputs = kwargs.get("out")
        if outputs is None:
            return getattr(ufunc, method)(*arrays, **kwargs)
        kwargs["out"] = tuple(x._value if isinstance(x, Variable) else x for x in outputs)
        getattr(ufunc, method)(*arrays, **kwargs)
        return outputs[0] if len(outputs) == 1 else outputs

    def __getitem__(self, index: Any) -> Any:
        self._check_not_traced()
        return self._value[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._value[index] = value

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        self._check_not_traced()
        return bool(self._value)

    def __int__(self) -> int:
        self._check_not_traced()
        return int(self._value)

    def __float__(self) -> float:
        self._check_not_traced()
        return float(self._value)

    def __format__(self, spec: str) -> str:
        return format(self._value[()] if self.ndim == 0 else self._value, spec)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._value}>"


def unique(variables: Sequence[Variable]) -> list[Variable]:
    """Each variable once, at its first place."""
    return list({id(variable): variable for variable in variables}.values())


def assign_all(variables: Sequence[Variable], values: Sequence[Any], owner: str) -> None:
    """Assigns every value, after all of them were checked: all or none."""
    if not isinstance(values, (list, tuple)) or len(values) != len(variables):
        received = len(values) if hasattr(values, "__len__") else type(values).__name__
        raise ValueError(
            f"Argument `weights` of {owner} must be a list of {len(variables)} arrays. Received: {received}"
        )
    arrays = []
    for variable, value in zip(variables, values, strict=True):
        try:
            arrays.append(np.asarray(value))
        except ValueError as error:  # ragged lists
            raise ValueError(
                f"Argument `weights` of {owner}: '{variable.path}' cannot be made from it: {error}. "
                f"Received: {type(value).__name__}"
            ) from None
    for variable, array in zip(variables, arrays, strict=True):
        if array.shape != variable.shape:
            raise ValueError(
                f"Argument `weights` of {owner}: '{variable.path}' has shape {variable.shape}. "
                f"Received: an array of shape {array.shape}"
            )
        if array.dtype.kind not in "buif":
            raise TypeError(
                f"Argument `weights` of {owner}: '{variable.path}' holds real numbers. "
                f"Received: an array of dtype {array.dtype}"
            )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
