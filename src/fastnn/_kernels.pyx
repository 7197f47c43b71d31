# cython: freethreading_compatible=False
"""The only door between Python and C: it checks, converts, releases the GIL and calls.

Its parts: the instruction set, threads and lookups by name (here); functions of prepared arrays (_kernels_arrays.pxi)
and of any arrays (_kernels_ops.pxi, _kernels_dense.pxi); of categories (_kernels_categories.pxi); compiled programs
(_kernels_program.pxi); and the machine's peak (_kernels_peak.pxi). Nothing below this door checks its arguments again.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset, strcmp

from fastnn._native cimport *

import os

import numpy as np

cnp.import_array()


# --- the instruction set, chosen once --------------------------------------------------------------------------------

cdef const fastnn_kernels *F32 = NULL
cdef const fastnn_kernels *F64 = NULL


def available_isas():
    """Names of the instruction sets that are compiled in and that this machine runs, the best last."""
    return [fastnn_isa_name(i).decode() for i in range(fastnn_isa_count()) if fastnn_isa_available(i)]


def isa():
    """The instruction set in use."""
    return F32.isa.decode()


cdef int choose_isa(str name) except -1:
    global F32, F64
    cdef int i
    for i in range(fastnn_isa_count()):
        if fastnn_isa_available(i) and (not name or fastnn_isa_name(i).decode() == name):
            F32 = fastnn_isa_kernels(i, 4)
            F64 = fastnn_isa_kernels(i, 8)
    if F32 == NULL:
        raise ImportError(
            f"FASTNN_ISA must name an instruction set that this machine runs: {', '.join(available_isas())}. "
            f"Received: FASTNN_ISA={name}"
        )
    return 0


choose_isa(os.environ.get("FASTNN_ISA", ""))

cdef extern from *:
    """
    #if defined(__clang__)
    #define FASTNN_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define FASTNN_COMPILER "gcc " __VERSION__
    #else
    #define FASTNN_COMPILER "unknown"
    #endif
    #ifdef NDEBUG
    #define FASTNN_ASSERTIONS 0
    #else
    #define FASTNN_ASSERTIONS 1
    #endif
    """
    const char *FASTNN_COMPILER
    int FASTNN_ASSERTIONS


def compiler():
    """The compiler that built this extension, and its version."""
    return FASTNN_COMPILER.decode() + (" (debug)" if FASTNN_ASSERTIONS else "")


def lanes(dtype):
    """Elements of `dtype` ("float32" or "float64") in one vector of the instruction set in use."""
    return kernels_of(np.dtype(dtype)).lanes


def tile(dtype):
    """(rows, columns) of the register tile of the matrix product, for `dtype`."""
    cdef const fastnn_kernels *k = kernels_of(np.dtype(dtype))
    return k.tile_rows, k.tile_cols


def get_num_threads():
    """Threads that fastnn may use, the calling one included.

    Starts as `FASTNN_NUM_THREADS`, else `OMP_NUM_THREADS`, else the CPUs that this process may run on.

    Example:

    >>> import fastnn
    >>> fastnn.get_num_threads() >= 1
    True
    """
    return fastnn_get_num_threads()


def set_num_threads(threads):
    """Sets the number of threads that fastnn may use, the calling one included; results do not depend on it.

    Args:
        threads: Integer >= 1.

    Raises:
        ValueError: If `threads` is not an integer, or is below 1.

    Example:

    >>> import fastnn
    >>> before = fastnn.get_num_threads()
    >>> fastnn.set_num_threads(1)
    >>> fastnn.get_num_threads()
    1
    >>> fastnn.set_num_threads(before)
    """
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or threads < 1:
        raise ValueError(f"threads must be an integer of at least 1. Received: threads={threads!r}")
    fastnn_set_num_threads(min(threads, 1 << 16))


# --- lookups ---------------------------------------------------------------------------------------------------------

cdef const fastnn_kernels *kernels_of(dtype) except NULL:
    if dtype == np.float32:
        return F32
    if dtype == np.float64:
        return F64
    raise TypeError(f"dtype must be float32 or float64. Received: dtype={dtype}")


cdef const fastnn_activation *find_activation(const fastnn_kernels *k, str name) except NULL:
    cdef const fastnn_activation *a = k.activations
    cdef bytes wanted = name.encode()
    while a.name != NULL:
        if strcmp(a.name, wanted) == 0:
            return a
        a += 1
    raise ValueError(f"activation must be one of {activation_names()}. Received: activation={name!r}")


cdef const fastnn_binary *find_binary(const fastnn_kernels *k, str name) except NULL:
    cdef const fastnn_binary *a = k.binaries
    cdef bytes wanted = name.encode()
    while a.name != NULL:
        if strcmp(a.name, wanted) == 0:
            return a
        a += 1
    raise ValueError(f"unknown operation on two operands. Received: {name!r}")


cdef const fastnn_loss *find_loss(const fastnn_kernels *k, str name) except NULL:
    cdef const fastnn_loss *a = k.losses
    cdef bytes wanted = name.encode()
    while a.name != NULL:
        if strcmp(a.name, wanted) == 0:
            return a
        a += 1
    raise ValueError(f"loss must be one of {loss_names()}. Received: loss={name!r}")


cdef const fastnn_loss *loss_of_metric(const fastnn_kernels *k, str name):
    """The loss that a metric is the mean of, if its name is a loss's; else NULL."""
    cdef const fastnn_loss *a = k.losses
    cdef bytes wanted = name.encode()
    while a.name != NULL:
        if strcmp(a.name, wanted) == 0:
            return a
        a += 1
    return NULL


cdef const fastnn_metric *find_metric(const fastnn_kernels *k, str name) except NULL:
    cdef const fastnn_metric *a = k.metrics
    cdef bytes wanted = b"loss" if loss_of_metric(k, name) != NULL else name.encode()
    while a.name != NULL:
        if strcmp(a.name, wanted) == 0 and name != "loss":
            return a
        a += 1
    raise ValueError(f"metric must be one of {metric_names()}. Received: metric={name!r}")


cdef const fastnn_update *find_update(const fastnn_kernels *k, str name) except NULL:
    cdef const fastnn_update *a = k.updates
    cdef bytes wanted = name.encode()
    while a.name != NULL:
        if strcmp(a.name, wanted) == 0:
            return a
        a += 1
    raise ValueError(f"update must be one of {list(update_names())}. Received: update={name!r}")


def activation_names():
    """Names of the activations that have a kernel."""
    names = []
    cdef const fastnn_activation *a = F32.activations
    while a.name != NULL:
        names.append(a.name.decode())
        a += 1
    return names


def activation_needs_input(name):
    """Whether the derivative of an activation is taken at its input (else at its output)."""
    return bool(find_activation(F32, name).needs_input)


def loss_names():
    """Names of the losses that have a kernel."""
    names = []
    cdef const fastnn_loss *a = F32.losses
    while a.name != NULL:
        names.append(a.name.decode())
        a += 1
    return names


def metric_names():
    """Names of the metrics that have a kernel: every loss is one, as the mean over rows."""
    names = []
    cdef const fastnn_metric *a = F32.metrics
    while a.name != NULL:
        names.append(a.name.decode())
        a += 1
    names.remove("loss")
    return names + loss_names()


def update_names():
    """The optimizers' updates that have a kernel: name -> (number of slots, number of scalars)."""
    names = {}
    cdef const fastnn_update *a = F32.updates
    while a.name != NULL:
        names[a.name.decode()] = (a.slots, a.scalars)
        a += 1
    return names


# --- checks ----------------------------------------------------------------------------------------------------------

cdef int check_array(cnp.ndarray a, int ndim, str name, cnp.ndarray like=None) except -1:
    """`a` is C-contiguous, aligned, native, float32 or float64, of `ndim` dimensions (-1: any), typed as `like` is."""
    if a is None:
        raise TypeError(f"{name} must be a NumPy array. Received: None")
    cdef int kind = cnp.PyArray_TYPE(a)
    if kind != cnp.NPY_FLOAT32 and kind != cnp.NPY_FLOAT64:
        raise TypeError(f"{name} must be of dtype float32 or float64. Received: {a.dtype}")
    if like is not None and kind != cnp.PyArray_TYPE(like):
        raise TypeError(f"{name} must be of dtype {like.dtype}. Received: {a.dtype}")
    if not cnp.PyArray_ISCARRAY_RO(a):
        raise ValueError(f"{name} must be C-contiguous, aligned and of native byte order. Received: {a.flags}")
    if ndim >= 0 and cnp.PyArray_NDIM(a) != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions. Received: shape={np.shape(a)}")
    return 0


cdef int check_output(cnp.ndarray a, int ndim, str name, cnp.ndarray like=None) except -1:
    """The same, of an array that will be written to."""
    check_array(a, ndim, name, like)
    if not cnp.PyArray_ISWRITEABLE(a):
        raise ValueError(f"{name} must be writable. Received: a read-only array")
    return 0


cdef int check_shape(cnp.ndarray a, tuple shape, str name) except -1:
    if np.shape(a) != shape:
        raise ValueError(f"{name} must have shape {shape}. Received: shape={np.shape(a)}")
    return 0


cdef inline const fastnn_kernels *table(cnp.ndarray a) noexcept nogil:
    return F32 if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32 else F64


cdef int read_params(params, double *into) except -1:
    """Copies up to FASTNN_MAX_PARAMS numbers, the rest zero; returns how many."""
    cdef int i, n = len(params)
    if n > FASTNN_MAX_PARAMS:
        raise ValueError(f"params must have at most {FASTNN_MAX_PARAMS} numbers. Received: params={params}")
    for i in range(FASTNN_MAX_PARAMS):
        into[i] = params[i] if i < n else 0.0
    return n


include "_kernels_arrays.pxi"
include "_kernels_ops.pxi"
include "_kernels_dense.pxi"
include "_kernels_categories.pxi"
include "_kernels_program.pxi"
include "_kernels_peak.pxi"
