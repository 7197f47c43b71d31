# The functions that users call directly, through `ops`: they take whatever NumPy can hold. An array is read where it
# lies if a kernel can do so, else converted first; a result is written where it should go if a kernel can do so, and if
# it would not overwrite what is still to be read, else copied there at the end.

cdef enum:
    MAX_DIMS = 64
    SMALL = 4096  # multiplications, or elements: not worth the two lock operations that letting other threads run costs
    LARGE = 65536  # elements of a matrix: a product with a few rows rather rearranges those, and the result

ctypedef void (*rows_kernel)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row) noexcept nogil
ctypedef void (*rows_backward_kernel)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy,
                                      int64_t dy_row, void *dx, int64_t dx_row) noexcept nogil


# --- what users hand in ----------------------------------------------------------------------------------------------

cdef inline cnp.ndarray as_ndarray(x):
    return <cnp.ndarray>x if isinstance(x, cnp.ndarray) else np.asarray(x)


cdef inline bint is_symbolic(x):
    """Whether x is a value of a model to be: then what is asked for becomes a layer."""
    return not isinstance(x, cnp.ndarray) and hasattr(x, "__fastnn__")


cdef inline bint is_single(cnp.ndarray a) noexcept:
    return cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32 or cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT16


cdef inline int type_of(cnp.ndarray a) noexcept:
    """What is computed with `a`: float32 for float32 and float16, else float64."""
    return cnp.NPY_FLOAT32 if is_single(a) else cnp.NPY_FLOAT64


cdef int common_type(cnp.ndarray a, cnp.ndarray b) except -1:
    """What is computed with both: float32 where NumPy's promotion ends there (or at float16), else float64."""
    if is_single(a) and is_single(b):
        return cnp.NPY_FLOAT32
    if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT64 or cnp.PyArray_TYPE(b) == cnp.NPY_FLOAT64:
        return cnp.NPY_FLOAT64
    try:
        kind = np.result_type(a, b)
    except TypeError:
        return cnp.NPY_FLOAT64  # whoever converts them says what is wrong
    return cnp.NPY_FLOAT32 if kind == np.float32 or kind == np.float16 else cnp.NPY_FLOAT64


cdef inline const fastnn_kernels *table_of(int typenum) noexcept nogil:
    return F32 if typenum == cnp.NPY_FLOAT32 else F64


cdef object dtype_of(int typenum):
    return np.float32 if typenum == cnp.NPY_FLOAT32 else np.float64


cdef cnp.ndarray contiguous(cnp.ndarray a, str name, int typenum):
    """`a` as a C-contiguous, aligned array of `typenum`: itself, where it is one already."""
    if cnp.PyArray_TYPE(a) == typenum and cnp.PyArray_ISCARRAY_RO(a):
        return a
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers. Received: dtype={a.dtype}")
    # not ascontiguousarray, which lets misaligned arrays pass
    return np.require(a, dtype_of(typenum), "CA")


def prepared(x, str name="x", cnp.ndarray like=None):
    """`x` as the functions of prepared arrays take it, in the dtype of `like` or the one that suits `x`."""
    cdef cnp.ndarray a = as_ndarray(x)
    return contiguous(a, name, type_of(a if like is None else like))


cdef cnp.ndarray result_array(int ndim, cnp.npy_intp *shape, int typenum, out, str name, bint rows_apart=False):
    """An array of that shape to compute into: `out` itself where it serves, else a new one.

    It is C-contiguous; with `rows_apart`, the rows of a matrix may lie further apart.
    """
    cdef int d
    cdef bint fits
    if out is None:
        return cnp.PyArray_EMPTY(ndim, shape, typenum, 0)
    if not isinstance(out, cnp.ndarray):
        raise TypeError(f"{name} must be a NumPy array. Received: {type(out).__name__}")
    fits = cnp.PyArray_NDIM(out) == ndim
    for d in range(ndim):
        fits = fits and cnp.PyArray_DIM(out, d) == shape[d]
    if not fits:
        expected = tuple([shape[d] for d in range(ndim)])
        raise ValueError(f"{name} must have shape {expected}. Received: shape={np.shape(out)}")
    if not cnp.PyArray_ISWRITEABLE(out):
        raise ValueError(f"{name} must be writable. Received: a read-only array")
    if cnp.PyArray_TYPE(out) == typenum:
        if cnp.PyArray_ISCARRAY(out):
            return out
        if (rows_apart and ndim == 2 and cnp.PyArray_ISBEHAVED(out)
                and cnp.PyArray_STRIDE(out, 1) == cnp.PyArray_ITEMSIZE(out)
                and cnp.PyArray_STRIDE(out, 0) >= shape[1] * cnp.PyArray_ITEMSIZE(out)
                and cnp.PyArray_STRIDE(out, 0) % cnp.PyArray_ITEMSIZE(out) == 0):
            return out
    elif not np.can_cast(dtype_of(typenum), (<object>out).dtype, "same_kind"):
        raise TypeError(f"{name} must be able to hold {np.dtype(dtype_of(typenum))}. "
                        f"Received: dtype={(<object>out).dtype}")
    return cnp.PyArray_EMPTY(ndim, shape, typenum, 0)


cdef inline object delivered(cnp.ndarray result, out):
    """`out` holding the result; or the result itself, a scalar if it has no axes."""
    if out is None:
        return result if cnp.PyArray_NDIM(result) else result[()]
    if out is not result:
        out[...] = result
    return out


cdef void extent(cnp.ndarray a, char **low, char **high) noexcept:
    """The bytes that `a` lies in."""
    cdef int d
    low[0] = high[0] = <char *>cnp.PyArray_DATA(a)
    high[0] += cnp.PyArray_ITEMSIZE(a)
    for d in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, d) == 0:
            high[0] = low[0]
            return
        if cnp.PyArray_STRIDE(a, d) < 0:
            low[0] += (cnp.PyArray_DIM(a, d) - 1) * cnp.PyArray_STRIDE(a, d)
        else:
            high[0] += (cnp.PyArray_DIM(a, d) - 1) * cnp.PyArray_STRIDE(a, d)


cdef bint overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef char *a0
    cdef char *a1
    cdef char *b0
    cdef char *b1
    if b is None:
        return False
    extent(a, &a0, &a1)
    extent(b, &b0, &b1)
    return a0 < b1 and b0 < a1


cdef bint same_shape(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef int d
    if cnp.PyArray_NDIM(a) != cnp.PyArray_NDIM(b):
        return False
    for d in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, d) != cnp.PyArray_DIM(b, d):
            return False
    return True


cdef tuple front_axes(cnp.ndarray a, int axes):
    """The shape of `a` without its last `axes`."""
    cdef int d
    return tuple([cnp.PyArray_DIM(a, d) for d in range(cnp.PyArray_NDIM(a) - axes)])


cdef inline int64_t rows_of(cnp.ndarray a) noexcept:
    """The product of all dimensions but the last."""
    cdef int64_t rows = 1
    cdef int d
    for d in range(cnp.PyArray_NDIM(a) - 1):
        rows *= cnp.PyArray_DIM(a, d)
    return rows


cdef cnp.ndarray result_like(cnp.ndarray a, out, cnp.ndarray other=None):
    """Where an element-by-element result goes: `out` may be `a` or `other` itself, but not lie across them."""
    cdef cnp.ndarray y = result_array(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a), out, "out")
    if out is not None and ((cnp.PyArray_DATA(y) != cnp.PyArray_DATA(a) and overlap(y, a))
                            or (other is not None and cnp.PyArray_DATA(y) != cnp.PyArray_DATA(other)
                                and overlap(y, other))):
        return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a), 0)
    return y


# --- element by element ----------------------------------------------------------------------------------------------

def activation(str name, x, params=(), out=None):
    """y = f(x), of an array of any shape; `out` may be `x`."""
    if is_symbolic(x):
        return x.__fastnn__("function", name, x, params)
    cdef cnp.ndarray a = as_ndarray(x)
    a = contiguous(a, "x", type_of(a))
    cdef const fastnn_kernels *kernels = table(a)
    cdef const fastnn_activation *f = find_activation(kernels, name)
    cdef double values[FASTNN_MAX_PARAMS]
    cdef const double *given = values if read_params(params, values) else NULL
    cdef cnp.ndarray y = result_like(a, out)
    cdef int64_t n = cnp.PyArray_SIZE(a)
    if n < SMALL:
        fastnn_activate(kernels, f, n, cnp.PyArray_DATA(a), cnp.PyArray_DATA(y), given)
    else:
        with nogil:
            fastnn_activate(kernels, f, n, cnp.PyArray_DATA(a), cnp.PyArray_DATA(y), given)
    return delivered(y, out)


def activation_backward(str name, x_or_y, dy, params=(), out=None):
    """dx = dy · f', taken at x where `activation_needs_input(name)`, else at y; `out` may be one of the two."""
    cdef cnp.ndarray a = as_ndarray(x_or_y), d = as_ndarray(dy)
    cdef int typenum = common_type(a, d)
    a, d = contiguous(a, "x_or_y", typenum), contiguous(d, "dy", typenum)
    if not same_shape(a, d):
        raise ValueError(f"dy must have the shape of the activation, {np.shape(a)}. Received: dy.shape={np.shape(d)}")
    cdef const fastnn_kernels *kernels = table_of(typenum)
    cdef const fastnn_activation *f = find_activation(kernels, name)
    cdef double values[FASTNN_MAX_PARAMS]
    cdef const double *given = values if read_params(params, values) else NULL
    cdef cnp.ndarray dx = result_like(a, out, d)
    cdef int64_t n = cnp.PyArray_SIZE(a)
    if n < SMALL:
        fastnn_activate_backward(kernels, f, n, cnp.PyArray_DATA(a), cnp.PyArray_DATA(d), cnp.PyArray_DATA(dx), given)
    else:
        with nogil:
            fastnn_activate_backward(kernels, f, n, cnp.PyArray_DATA(a), cnp.PyArray_DATA(d), cnp.PyArray_DATA(dx),
                                     given)
    return delivered(dx, out)


# --- along an axis ---------------------------------------------------------------------------------------------------

cdef int check_axis(cnp.ndarray a, axis, str name) except -1:
    """Whether `axis` is the last one."""
    cdef int ndim = cnp.PyArray_NDIM(a)
    if not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise ValueError(f"axis must be an axis of {name}. Received: axis={axis!r}, {name}.shape={np.shape(a)}")
    return axis == -1 or axis == ndim - 1


cdef object along_axis(bint logarithm, x, axis, out):
    if is_symbolic(x):
        if axis != -1 and axis != len(x.shape) - 1:
            raise ValueError(f"axis must be the last of a symbolic tensor. Received: axis={axis}")
        return x.__fastnn__("function", "log_softmax" if logarithm else "softmax", x)
    cdef cnp.ndarray a = as_ndarray(x), y
    cdef int typenum = type_of(a)
    if not check_axis(a, axis, "x"):
        y = along_axis(logarithm, np.moveaxis(a, axis, -1), -1, None)
        result = np.ascontiguousarray(np.moveaxis(y, -1, axis))
        return delivered(result, None if out is None else checked_like(result, out))
    a = contiguous(a, "x", typenum)
    y = result_like(a, out)
    cdef const fastnn_kernels *kernels = table_of(typenum)
    cdef rows_kernel f = kernels.log_softmax if logarithm else kernels.softmax
    cdef int64_t m = rows_of(a), n = cnp.PyArray_DIM(a, cnp.PyArray_NDIM(a) - 1)
    cdef fastnn_fp_mode mode
    if m * n < SMALL:
        mode = fastnn_flush_denormals()
        f(m, n, cnp.PyArray_DATA(a), n, cnp.PyArray_DATA(y), n)
        fastnn_restore_denormals(mode)
    else:
        with nogil:
            mode = fastnn_flush_denormals()
            f(m, n, cnp.PyArray_DATA(a), n, cnp.PyArray_DATA(y), n)
            fastnn_restore_denormals(mode)
    return delivered(y, out)


cdef object along_axis_backward(bint logarithm, y, dy, axis, out):
    cdef cnp.ndarray a = as_ndarray(y), d = as_ndarray(dy), dx
    cdef int typenum = common_type(a, d)
    if not same_shape(a, d):
        raise ValueError(f"dy must have the shape of y, {np.shape(a)}. Received: dy.shape={np.shape(d)}")
    if not check_axis(a, axis, "y"):
        dx = along_axis_backward(logarithm, np.moveaxis(a, axis, -1), np.moveaxis(d, axis, -1), -1, None)
        result = np.ascontiguousarray(np.moveaxis(dx, -1, axis))
        return delivered(result, None if out is None else checked_like(result, out))
    a, d = contiguous(a, "y", typenum), contiguous(d, "dy", typenum)
    dx = result_like(a, out, d)
    cdef const fastnn_kernels *kernels = table_of(typenum)
    cdef rows_backward_kernel f = kernels.log_softmax_backward if logarithm else kernels.softmax_backward
    cdef int64_t m = rows_of(a), n = cnp.PyArray_DIM(a, cnp.PyArray_NDIM(a) - 1)
    cdef fastnn_fp_mode mode
    with nogil:
        mode = fastnn_flush_denormals()
        f(m, n, cnp.PyArray_DATA(a), n, cnp.PyArray_DATA(d), n, cnp.PyArray_DATA(dx), n)
        fastnn_restore_denormals(mode)
    return delivered(dx, out)


cdef object checked_like(cnp.ndarray result, out):
    """`out`, which can take `result`."""
    result_array(cnp.PyArray_NDIM(result), cnp.PyArray_DIMS(result), cnp.PyArray_TYPE(result), out, "out")
    return out


def softmax(x, out=None, axis=-1):
    """Softmax along an axis of x; `out` may be `x`."""
    return along_axis(False, x, axis, out)


def log_softmax(x, out=None, axis=-1):
    """Logarithm of the softmax along an axis of x; `out` may be `x`."""
    return along_axis(True, x, axis, out)


def softmax_backward(y, dy, out=None, axis=-1):
    """dx from y = softmax(x) and dy; `out` may be one of the two."""
    return along_axis_backward(False, y, dy, axis, out)


def log_softmax_backward(y, dy, out=None, axis=-1):
    """dx from y = log_softmax(x) and dy; `out` may be one of the two."""
    return along_axis_backward(True, y, dy, axis, out)
