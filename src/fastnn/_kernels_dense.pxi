# The dense product and its gradients, of any arrays: `linear`, `matmul` and `linear_backward` are called by users.

cdef cnp.ndarray readable(cnp.ndarray a, str name, int typenum):
    """`a`, if the matrix product can read it: C-contiguous, or a matrix in which one axis is; else a copy."""
    cdef int size = cnp.PyArray_ITEMSIZE(a)
    cdef cnp.npy_intp row, col
    if cnp.PyArray_TYPE(a) == typenum and cnp.PyArray_NDIM(a) == 2 and cnp.PyArray_ISBEHAVED_RO(a):
        row, col = cnp.PyArray_STRIDE(a, 0), cnp.PyArray_STRIDE(a, 1)
        if (row == size and col % size == 0) or (col == size and row % size == 0):
            return a
    return contiguous(a, name, typenum)


cdef struct matrix:
    char *data
    int64_t row, col  # strides in elements; one of them is 1


cdef matrix matrix_of(cnp.ndarray a):
    """The matrix whose columns are the last axis of `a`, which `readable` returned."""
    cdef int ndim = cnp.PyArray_NDIM(a), size = cnp.PyArray_ITEMSIZE(a)
    cdef matrix view
    view.data = <char *>cnp.PyArray_DATA(a)
    view.row, view.col = cnp.PyArray_DIM(a, ndim - 1), 1
    if ndim == 2 and cnp.PyArray_DIM(a, 0) > 1 and cnp.PyArray_DIM(a, 1) > 0:
        view.row = cnp.PyArray_STRIDE(a, 0) // size
        if cnp.PyArray_DIM(a, 1) > 1:
            view.col = cnp.PyArray_STRIDE(a, 1) // size
    elif ndim == 2 and cnp.PyArray_DIM(a, 0) == 1 and cnp.PyArray_STRIDE(a, 1) != size:
        view.row, view.col = 1, cnp.PyArray_STRIDE(a, 1) // size
    return view


cdef inline matrix transpose(matrix a) noexcept nogil:
    cdef matrix view
    view.data, view.row, view.col = a.data, a.col, a.row
    return view


cdef int multiply(int typenum, int64_t m, int64_t n, int64_t k, matrix a, matrix b, const void *bias, void *c,
                  int64_t c_row, bint accumulate=False, bint relu=False, const fastnn_activation *f=NULL,
                  const double *params=NULL) except -1:
    """c[m, n] = f(start + a[m, k] · b[k, n]), any of the two transposed."""
    cdef const fastnn_kernels *kernels = table_of(typenum)
    cdef fastnn_gemm g
    cdef int status
    if b.col != 1 and bias == NULL and f == NULL and not relu and m <= 3 * kernels.tile_rows and n * k >= LARGE:
        return multiply_transposed(typenum, m, n, k, a, b, c, c_row, accumulate)
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = m, n, k
    g.a, g.a_row, g.a_col = a.data, a.row, a.col
    g.b, g.b_row, g.b_col = b.data, b.row, 0 if b.col == 1 else b.col
    g.bias, g.c, g.c_row = bias, c, c_row
    g.accumulate, g.relu = accumulate, relu
    if m * n * k < SMALL:
        status = fastnn_linear(kernels, &g, f, params)
    else:
        with nogil:
            status = fastnn_linear(kernels, &g, f, params)
    if status:
        raise MemoryError("there is no memory to rearrange a matrix in")
    return 0


cdef int multiply_transposed(int typenum, int64_t m, int64_t n, int64_t k, matrix a, matrix b, void *c, int64_t c_row,
                             bint accumulate) except -1:
    """The same as cᵀ = bᵀ · aᵀ, where a is the far smaller factor to rearrange; the same sums in the same order."""
    cdef cnp.npy_intp shape[2]
    cdef cnp.npy_intp strides[2]
    shape[0], shape[1] = m, n
    strides[0], strides[1] = c_row * table_of(typenum).itemsize, table_of(typenum).itemsize
    cdef cnp.ndarray whole = cnp.PyArray_New(cnp.ndarray, 2, shape, typenum, strides, c, 0, cnp.NPY_ARRAY_WRITEABLE,
                                             None)
    shape[0], shape[1] = n, m
    cdef cnp.ndarray flipped = cnp.PyArray_EMPTY(2, shape, typenum, 0)
    if accumulate:
        flipped[...] = whole.T
    multiply(typenum, n, m, k, transpose(b), transpose(a), NULL, cnp.PyArray_DATA(flipped), m, accumulate)
    whole[...] = flipped.T
    return 0


def linear(x, w, b=None, activation=None, out=None, *, params=()):
    """y = f(x · w + b): a dense layer in one call.

    Args:
        x: Array of shape `(..., inputs)`; any strides, read-only allowed.
        w: Array of shape `(inputs, units)`.
        b: Array of shape `(units,)`, or None for no bias.
        activation: Name of the activation f, e.g. `"relu"`, `"tanh"` or `"softmax"`; None for the identity.
        out: Array of shape `(..., units)` that receives the result, or None for a new one.
        params: Numbers the activation takes besides x, e.g. `(0.2,)` for `"leaky_relu"`.

    Returns:
        y, of shape `(..., units)`: `out` where given. float32 where x and w are float32 (or float16), else float64.

    Raises:
        ValueError: If shapes do not fit, or `activation` is unknown.
        TypeError: If an array does not hold real numbers, or `out` cannot hold the result.

    Example:

    >>> import numpy as np
    >>> from fastnn import ops
    >>> x = np.array([[1.0, -2.0]])
    >>> w = np.array([[1.0, 0.5], [2.0, -1.0]])
    >>> ops.linear(x, w, np.array([0.5, 0.0]), "relu")
    array([[0. , 2.5]])
    """
    if is_symbolic(x):
        return x.__fastnn__("linear", x, w, b, activation, params)
    cdef cnp.ndarray a = as_ndarray(x), k = as_ndarray(w), bias = None, y
    cdef int typenum = common_type(a, k), ndim = cnp.PyArray_NDIM(a), d
    cdef const fastnn_kernels *kernels = table_of(typenum)
    cdef const fastnn_activation *f = NULL
    cdef rows_kernel along_rows = NULL
    cdef double values[FASTNN_MAX_PARAMS]
    cdef const double *given = NULL
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef int64_t m, n, c_row
    cdef bint relu = False
    cdef matrix left, right
    cdef fastnn_fp_mode mode

    if cnp.PyArray_NDIM(k) != 2:
        raise ValueError(f"w must have shape (inputs, units). Received: w.shape={np.shape(k)}")
    if ndim < 1 or ndim > MAX_DIMS or cnp.PyArray_DIM(a, ndim - 1) != cnp.PyArray_DIM(k, 0):
        raise ValueError(f"x must have shape (..., {cnp.PyArray_DIM(k, 0)}) to fit w of shape {np.shape(k)}. "
                         f"Received: x.shape={np.shape(a)}")
    n = cnp.PyArray_DIM(k, 1)
    if b is not None:
        bias = contiguous(as_ndarray(b), "b", typenum)
        if cnp.PyArray_NDIM(bias) != 1 or cnp.PyArray_DIM(bias, 0) != n:
            raise ValueError(f"b must have shape ({n},) to fit w of shape {np.shape(k)}. "
                             f"Received: b.shape={np.shape(bias)}")
    if activation is not None:
        if activation == "relu":
            relu = True
        elif activation == "softmax":
            along_rows = kernels.softmax
        elif activation == "log_softmax":
            along_rows = kernels.log_softmax
        elif activation != "linear":
            f = find_activation(kernels, activation)
            given = values if read_params(params, values) else NULL
    a, k = readable(a, "x", typenum), dense_weights(k, "w", typenum)

    for d in range(ndim - 1):
        shape[d] = cnp.PyArray_DIM(a, d)
    shape[ndim - 1] = n
    y = result_array(ndim, shape, typenum, out, "out", True)
    if out is not None and (overlap(y, a) or overlap(y, k) or overlap(y, bias)):
        y = cnp.PyArray_EMPTY(ndim, shape, typenum, 0)

    m = rows_of(a)
    left, right = matrix_of(a), matrix_of(k)
    c_row = matrix_of(y).row
    multiply(typenum, m, n, cnp.PyArray_DIM(k, 0), left, right, NULL if bias is None else cnp.PyArray_DATA(bias),
             cnp.PyArray_DATA(y), c_row, False, relu, f, given)
    if along_rows != NULL:
        with nogil:
            mode = fastnn_flush_denormals()
            along_rows(m, n, cnp.PyArray_DATA(y), c_row, cnp.PyArray_DATA(y), c_row)
            fastnn_restore_denormals(mode)
    return y if out is None else delivered(y, out)


cdef cnp.ndarray dense_weights(cnp.ndarray w, str name, int typenum):
    """The right factor, as the product reads it; of a single column, its elements side by side."""
    if cnp.PyArray_DIM(w, 1) == 1:
        return contiguous(w, name, typenum)
    return readable(w, name, typenum)


def matmul(a, b, out=None):
    """The matrix product of two arrays, as `numpy.matmul`: matrices in the last two axes, batches in front.

    Args:
        a: Array of shape `(..., m, k)`, or `(k,)`.
        b: Array of shape `(..., k, n)`, or `(k,)`. Its axes in front broadcast with those of `a`.
        out: Array that receives the result, or None for a new one.

    Returns:
        The product, of shape `(..., m, n)`, without the axis that a one-dimensional factor has not; `out` where given.
        float32 where both are float32 (or float16), else float64.

    Raises:
        ValueError: If shapes do not fit.
        TypeError: If an array does not hold real numbers, or `out` cannot hold the result.

    Example:

    >>> import numpy as np
    >>> from fastnn import ops
    >>> ops.matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape
    (5, 2, 4)
    >>> float(ops.matmul([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    if is_symbolic(a) or is_symbolic(b):
        return (a if is_symbolic(a) else b).__fastnn__("matmul", a, b)
    cdef cnp.ndarray left = as_ndarray(a), right = as_ndarray(b), y, left_at, right_at
    cdef int typenum = common_type(left, right), left_ndim = cnp.PyArray_NDIM(left)
    cdef int right_ndim = cnp.PyArray_NDIM(right), ndim = 0, d
    cdef cnp.npy_intp shape[MAX_DIMS + 1]
    cdef int64_t m, n, k, i, batches
    cdef matrix x, w
    cdef int64_t size
    cdef char *c

    if left_ndim < 1 or right_ndim < 1:
        raise ValueError(f"a and b must have at least one axis. "
                         f"Received: a.shape={np.shape(left)}, b.shape={np.shape(right)}")
    k = cnp.PyArray_DIM(left, left_ndim - 1)
    if cnp.PyArray_DIM(right, max(right_ndim - 2, 0)) != k:
        raise ValueError("the last axis of a must be as long as the last but one of b. "
                         f"Received: a.shape={np.shape(left)}, b.shape={np.shape(right)}")
    n = cnp.PyArray_DIM(right, right_ndim - 1) if right_ndim > 1 else 1

    if right_ndim <= 2:
        # every matrix of a meets the same b: one tall product
        if right_ndim == 1:
            right = right[:, None]
        left, right = readable(left, "a", typenum), dense_weights(right, "b", typenum)
        for d in range(left_ndim - 1):
            shape[d] = cnp.PyArray_DIM(left, d)
        shape[left_ndim - 1] = n
        ndim = left_ndim if right_ndim > 1 else left_ndim - 1
        y = result_array(ndim, shape, typenum, out, "out", right_ndim > 1)
        if out is not None and (overlap(y, left) or overlap(y, right)):
            y = cnp.PyArray_EMPTY(ndim, shape, typenum, 0)
        multiply(typenum, rows_of(left), n, k, matrix_of(left), matrix_of(right), NULL, cnp.PyArray_DATA(y),
                 matrix_of(y).row if right_ndim > 1 else 1)
        return delivered(y, out)

    m = cnp.PyArray_DIM(left, left_ndim - 2) if left_ndim > 1 else 1
    try:
        front = np.broadcast_shapes(front_axes(left, 2), front_axes(right, 2))
    except ValueError:
        raise ValueError("the axes in front must broadcast. "
                         f"Received: a.shape={np.shape(left)}, b.shape={np.shape(right)}") from None
    for length in front:
        shape[ndim] = length
        ndim += 1
    if left_ndim > 1:
        shape[ndim] = m
        ndim += 1
    shape[ndim] = n
    ndim += 1
    left, right = contiguous(left, "a", typenum), contiguous(right, "b", typenum)
    y = result_array(ndim, shape, typenum, out, "out")
    if out is not None and (overlap(y, left) or overlap(y, right)):
        y = cnp.PyArray_EMPTY(ndim, shape, typenum, 0)
    left_at, right_at = matrices(front_axes(left, 2), front), matrices(front_axes(right, 2), front)
    size = table_of(typenum).itemsize
    c = <char *>cnp.PyArray_DATA(y)
    x.row, x.col, w.row, w.col = k, 1, n, 1
    batches = cnp.PyArray_SIZE(left_at)
    for i in range(batches):
        x.data = <char *>cnp.PyArray_DATA(left) + (<int64_t *>cnp.PyArray_DATA(left_at))[i] * m * k * size
        w.data = <char *>cnp.PyArray_DATA(right) + (<int64_t *>cnp.PyArray_DATA(right_at))[i] * k * n * size
        multiply(typenum, m, n, k, x, w, NULL, c + i * m * n * size, n)
    return delivered(y, out)


cdef cnp.ndarray matrices(tuple own, tuple front):
    """For each matrix of the axes `front`, the number of the one that stands there among those of the axes `own`."""
    return np.ascontiguousarray(np.broadcast_to(np.arange(np.prod(own, dtype=np.int64)).reshape(own), front)).ravel()


def linear_backward(dy, x, w, y=None, activation=None, *, params=(), dx=None, dw=None, db=None, accumulate=False,
                    needs=("dx", "dw", "db")):
    """The gradients of `linear`: with dz = dy · f', dx = dz · wᵀ, dw = xᵀ · dz and db = Σ dz.

    Args:
        dy: Array of shape `(..., units)`: the gradient by the output of `linear`.
        x: Array of shape `(..., inputs)`, as given to `linear`. May be None if dw is not needed.
        w: Array of shape `(inputs, units)`, as given to `linear`. May be None if dx is not needed.
        y: Array of shape `(..., units)`, for an activation: what `linear` returned; but for `"gelu"`, `"gelu_tanh"`,
            `"silu"`, `"mish"` and `"clipped_relu"` the activation's input, `linear(x, w, b)`.
        activation: Name of the activation f; None for the identity.
        params: Numbers the activation takes besides its input.
        dx: Array of the shape of x that receives dx, or None for a new one.
        dw: Array of the shape of w that receives dw, or None for a new one.
        db: Array of shape `(units,)` that receives db, or None for a new one.
        accumulate: Whether gradients are added to the given arrays instead of replacing what they hold.
        needs: Which gradients to compute.

    Returns:
        `(dx, dw, db)`, None in the place of what is not needed.

    Raises:
        ValueError: If shapes do not fit, an argument that is needed is None, or `activation` or `needs` is unknown.
        TypeError: If an array does not hold real numbers, or a given one cannot hold the result.

    Example:

    >>> import numpy as np
    >>> from fastnn import ops
    >>> x, w = np.array([[1.0, -2.0]]), np.array([[1.0, 0.5], [2.0, -1.0]])
    >>> y = ops.linear(x, w, activation="relu")
    >>> dx, dw, db = ops.linear_backward(np.array([[1.0, 1.0]]), x, w, y, "relu")
    >>> dx
    array([[ 0.5, -1. ]])
    >>> db
    array([0., 1.])
    """
    cdef bint want_dx = "dx" in needs, want_dw = "dw" in needs, want_db = "db" in needs
    cdef cnp.ndarray d = as_ndarray(dy), a = None, k = None, at = None, dz
    cdef int typenum = type_of(d), ndim = cnp.PyArray_NDIM(d), i
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef int64_t m, n, inputs
    cdef cnp.ndarray into_dx = None, into_dw = None, into_db = None
    cdef matrix gradient
    cdef fastnn_fp_mode mode

    if not set(needs) <= {"dx", "dw", "db"}:
        raise ValueError(f"needs must be some of 'dx', 'dw' and 'db'. Received: needs={needs!r}")
    if (dx is not None and not want_dx) or (dw is not None and not want_dw) or (db is not None and not want_db):
        raise ValueError(f"needs must name every array that is given for a gradient. Received: needs={needs!r}")
    if ndim < 1:
        raise ValueError(f"dy must have shape (..., units). Received: dy.shape={np.shape(d)}")
    n = cnp.PyArray_DIM(d, ndim - 1)
    if want_dw:
        if x is None:
            raise ValueError("x is needed for dw. Received: x=None")
        a = as_ndarray(x)
        typenum = common_type(d, a)
        if cnp.PyArray_NDIM(a) != ndim or front_axes(a, 1) != front_axes(d, 1):
            raise ValueError(f"x must have shape {(*front_axes(d, 1), 'inputs')} to fit dy of shape {np.shape(d)}. "
                             f"Received: x.shape={np.shape(a)}")
    if want_dx:
        if w is None:
            raise ValueError("w is needed for dx. Received: w=None")
        k = as_ndarray(w)
        if typenum == cnp.NPY_FLOAT32 or not want_dw:
            typenum = common_type(d, k)
        if cnp.PyArray_NDIM(k) != 2 or cnp.PyArray_DIM(k, 1) != n:
            raise ValueError(f"w must have shape (inputs, {n}) to fit dy of shape {np.shape(d)}. "
                             f"Received: w.shape={np.shape(k)}")
    if want_dx and want_dw and cnp.PyArray_DIM(k, 0) != cnp.PyArray_DIM(a, ndim - 1):
        raise ValueError(f"w must have shape ({cnp.PyArray_DIM(a, ndim - 1)}, {n}) to fit x of shape {np.shape(a)}. "
                         f"Received: w.shape={np.shape(k)}")
    d = contiguous(d, "dy", typenum)
    a = None if a is None else readable(a, "x", typenum)
    k = None if k is None else readable(k, "w", typenum)
    m = rows_of(d)

    dz = d
    if activation is not None and activation != "linear":
        if y is None:
            raise ValueError(f"y is needed for the derivative of {activation}. Received: y=None")
        at = contiguous(as_ndarray(y), "y", typenum)
        if not same_shape(at, d):
            raise ValueError(f"y must have the shape of dy, {np.shape(d)}. Received: y.shape={np.shape(at)}")
        if activation == "softmax" or activation == "log_softmax":
            dz = along_axis_backward(activation == "log_softmax", at, d, -1, None)
        else:
            dz = activation_backward(activation, at, d, params)
    gradient.data, gradient.row, gradient.col = <char *>cnp.PyArray_DATA(dz), n, 1

    # Where each goes is settled, and anything wrong with it said, before the first of them is written.
    if want_dx:
        for i in range(ndim - 1):
            shape[i] = cnp.PyArray_DIM(d, i)
        shape[ndim - 1] = cnp.PyArray_DIM(k, 0)
        into_dx = gradient_array(ndim, shape, typenum, dx, "dx", accumulate, dz, a, k)
    if want_dw:
        inputs = cnp.PyArray_DIM(a, ndim - 1)
        shape[0], shape[1] = inputs, n
        into_dw = gradient_array(2, shape, typenum, dw, "dw", accumulate, dz, a, k)
    if want_db:
        shape[0] = n
        into_db = gradient_array(1, shape, typenum, db, "db", accumulate, dz, a, k)
    check_apart(dx, dw, "dx", "dw")
    check_apart(dx, db, "dx", "db")
    check_apart(dw, db, "dw", "db")

    if want_dx:
        inputs = cnp.PyArray_DIM(k, 0)
        multiply(typenum, m, inputs, n, gradient, transpose(matrix_of(k)), NULL, cnp.PyArray_DATA(into_dx), inputs,
                 accumulate and dx is not None)
    if want_dw:
        inputs = cnp.PyArray_DIM(a, ndim - 1)
        multiply(typenum, inputs, n, m, transpose(matrix_of(a)), gradient, NULL, cnp.PyArray_DATA(into_dw), n,
                 accumulate and dw is not None)
    if want_db:
        mode = fastnn_flush_denormals()
        table_of(typenum).column_sums(m, n, cnp.PyArray_DATA(dz), n, accumulate and db is not None,
                                      cnp.PyArray_DATA(into_db))
        fastnn_restore_denormals(mode)
    return (delivered(into_dx, dx) if want_dx else None, delivered(into_dw, dw) if want_dw else None,
            delivered(into_db, db) if want_db else None)


cdef int check_apart(a, b, str a_name, str b_name) except -1:
    if a is not None and b is not None and overlap(a, b) and np.shares_memory(a, b):
        raise ValueError(f"{a_name} and {b_name} must not share memory. Received: arrays that do")
    return 0


cdef cnp.ndarray gradient_array(int ndim, cnp.npy_intp *shape, int typenum, out, str name, bint accumulate,
                                cnp.ndarray dz, cnp.ndarray x, cnp.ndarray w):
    """Where a gradient is computed: `out` or, where it cannot be, a new array; to accumulate, it starts as `out`."""
    cdef cnp.ndarray into = result_array(ndim, shape, typenum, out, name)
    if out is None:
        return into
    if overlap(into, dz) or overlap(into, x) or overlap(into, w):
        into = cnp.PyArray_EMPTY(ndim, shape, typenum, 0)
    if accumulate and into is not out:
        into[...] = out
    return into
