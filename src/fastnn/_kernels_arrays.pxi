# Functions of arrays. Most take C-contiguous arrays of one dtype, which their callers in Python see to; `linear`,
# `linear_backward` and `matmul` are called by users directly, and take whatever NumPy can hold.

ctypedef void (*rows_kernel)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row) noexcept nogil
ctypedef void (*rows_backward_kernel)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy,
                                      int64_t dy_row, void *dx, int64_t dx_row) noexcept nogil


cdef cnp.ndarray empty_like(cnp.ndarray a):
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a), 0)


cdef cnp.ndarray output_for(cnp.ndarray like, out, str name):
    """`out` after checks, or a new array, of the shape and dtype of `like`."""
    if out is None:
        return empty_like(like)
    check_output(out, cnp.PyArray_NDIM(like), name, like)
    check_shape(out, np.shape(like), name)
    return out


# --- element by element ----------------------------------------------------------------------------------------------

def activation(str name, cnp.ndarray x not None, params=(), out=None):
    """y = f(x), any shape; `out` may be `x`."""
    check_array(x, -1, "x")
    cdef cnp.ndarray y = output_for(x, out, "out")
    cdef const fastnn_activation *f = find_activation(table(x), name)
    cdef double values[FASTNN_MAX_PARAMS]
    cdef const double *given = values if read_params(params, values) else NULL
    cdef int64_t n = cnp.PyArray_SIZE(x)
    with nogil:
        fastnn_activate(table(x), f, n, cnp.PyArray_DATA(x), cnp.PyArray_DATA(y), given)
    return y


def activation_backward(str name, cnp.ndarray x_or_y not None, cnp.ndarray dy not None, params=(), out=None):
    """dx = dy · f', taken at x where `activation_needs_input(name)`, else at y; `out` may be `dy`."""
    check_array(x_or_y, -1, "x_or_y")
    check_array(dy, -1, "dy", x_or_y)
    check_shape(dy, np.shape(x_or_y), "dy")
    cdef cnp.ndarray dx = output_for(x_or_y, out, "out")
    cdef const fastnn_activation *f = find_activation(table(dy), name)
    cdef double values[FASTNN_MAX_PARAMS]
    cdef const double *given = values if read_params(params, values) else NULL
    cdef int64_t n = cnp.PyArray_SIZE(dy)
    with nogil:
        fastnn_activate_backward(table(dy), f, n, cnp.PyArray_DATA(x_or_y), cnp.PyArray_DATA(dy),
                                 cnp.PyArray_DATA(dx), given)
    return dx


cdef cnp.ndarray by_rows(rows_kernel f, cnp.ndarray x, out):
    check_array(x, 2, "x")
    cdef cnp.ndarray y = output_for(x, out, "out")
    cdef int64_t m = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
    cdef fastnn_fp_mode mode
    with nogil:
        mode = fastnn_flush_denormals()
        f(m, n, cnp.PyArray_DATA(x), n, cnp.PyArray_DATA(y), n)
        fastnn_restore_denormals(mode)
    return y


cdef cnp.ndarray by_rows_backward(rows_backward_kernel f, cnp.ndarray y, cnp.ndarray dy, out):
    check_array(y, 2, "y")
    check_array(dy, 2, "dy", y)
    check_shape(dy, np.shape(y), "dy")
    cdef cnp.ndarray dx = output_for(y, out, "out")
    cdef int64_t m = cnp.PyArray_DIM(y, 0), n = cnp.PyArray_DIM(y, 1)
    cdef fastnn_fp_mode mode
    with nogil:
        mode = fastnn_flush_denormals()
        f(m, n, cnp.PyArray_DATA(y), n, cnp.PyArray_DATA(dy), n, cnp.PyArray_DATA(dx), n)
        fastnn_restore_denormals(mode)
    return dx


def softmax(cnp.ndarray x not None, out=None):
    """Softmax of each row of x[m, n]."""
    return by_rows(table(x).softmax, x, out)


def log_softmax(cnp.ndarray x not None, out=None):
    """Logarithm of the softmax of each row of x[m, n]."""
    return by_rows(table(x).log_softmax, x, out)


def softmax_backward(cnp.ndarray y not None, cnp.ndarray dy not None, out=None):
    """dx[m, n] from y = softmax(x) and dy."""
    return by_rows_backward(table(y).softmax_backward, y, dy, out)


def log_softmax_backward(cnp.ndarray y not None, cnp.ndarray dy not None, out=None):
    """dx[m, n] from y = log_softmax(x) and dy."""
    return by_rows_backward(table(y).log_softmax_backward, y, dy, out)


def dropout(cnp.ndarray x not None, rate, key, counter, first=0, out=None):
    """x with elements zeroed at `rate` and the others scaled by 1 / (1 - rate); element i is number first + i."""
    check_array(x, -1, "x")
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be in [0, 1). Received: rate={rate}")
    cdef cnp.ndarray y = output_for(x, out, "out")
    table(x).dropout(cnp.PyArray_SIZE(x), first, key, counter, rate, cnp.PyArray_DATA(x), cnp.PyArray_DATA(y))
    return y


def affine(cnp.ndarray x not None, scale=None, shift=None, out=None):
    """y[i, j] = x[i, j] · scale[j] + shift[j]; None: one, zero."""
    check_array(x, 2, "x")
    cdef int64_t m = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
    cdef void *a = vector_or_null(scale, n, x, "scale")
    cdef void *b = vector_or_null(shift, n, x, "shift")
    cdef cnp.ndarray y = output_for(x, out, "out")
    table(x).affine(m, n, cnp.PyArray_DATA(x), n, a, b, cnp.PyArray_DATA(y), n)
    return y


cdef void *vector_or_null(v, int64_t n, cnp.ndarray like, str name) except? NULL:
    if v is None:
        return NULL
    check_array(v, 1, name, like)
    check_shape(v, (n,), name)
    return cnp.PyArray_DATA(v)


# --- whole columns ---------------------------------------------------------------------------------------------------

def moments(cnp.ndarray x not None):
    """(mean, biased variance) of the columns of x[m, n]."""
    check_array(x, 2, "x")
    cdef int64_t m = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
    cdef cnp.ndarray mean = np.empty(n, x.dtype), variance = np.empty(n, x.dtype)
    table(x).moments(m, n, cnp.PyArray_DATA(x), n, cnp.PyArray_DATA(mean), cnp.PyArray_DATA(variance))
    return mean, variance


def normalization_backward(cnp.ndarray x not None, cnp.ndarray dy not None, cnp.ndarray mean not None,
                           cnp.ndarray inv_std not None, gamma=None):
    """(dx, Σ dy, Σ dy·xhat) of batch normalization over the rows of x[m, n]."""
    check_array(x, 2, "x")
    check_array(dy, 2, "dy", x)
    check_shape(dy, np.shape(x), "dy")
    cdef int64_t m = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
    cdef void *mu = vector_or_null(mean, n, x, "mean")
    cdef void *inv = vector_or_null(inv_std, n, x, "inv_std")
    cdef void *g = vector_or_null(gamma, n, x, "gamma")
    cdef cnp.ndarray s0 = np.empty(n, x.dtype), s1 = np.empty(n, x.dtype), dx = empty_like(x)
    table(x).normalization_sums(m, n, cnp.PyArray_DATA(x), n, cnp.PyArray_DATA(dy), n, mu, inv, cnp.PyArray_DATA(s0),
                                cnp.PyArray_DATA(s1))
    table(x).normalization_backward(m, n, m, cnp.PyArray_DATA(x), n, cnp.PyArray_DATA(dy), n, mu, inv, g,
                                    cnp.PyArray_DATA(s0), cnp.PyArray_DATA(s1), cnp.PyArray_DATA(dx), n)
    return dx, s0, s1


# --- losses, metrics, updates ----------------------------------------------------------------------------------------

cdef int check_pair(cnp.ndarray prediction, cnp.ndarray target, weight) except -1:
    check_array(prediction, 2, "prediction")
    check_array(target, 2, "target", prediction)
    if cnp.PyArray_DIM(prediction, 0) != cnp.PyArray_DIM(target, 0):
        raise ValueError("target must have as many rows as prediction. "
                         f"Received: {np.shape(target)} and {np.shape(prediction)}")
    if weight is not None:
        check_array(weight, 1, "weight", prediction)
        check_shape(weight, (cnp.PyArray_DIM(prediction, 0),), "weight")
    return 0


def loss(str name, cnp.ndarray prediction not None, cnp.ndarray target not None, weight=None, params=(), scale=1.0,
         gradient=True, output=None):
    """(row losses[m], gradient[m, n] or None) of m rows; `output` receives the probabilities of a fused loss."""
    check_pair(prediction, target, weight)
    cdef const fastnn_loss *f = find_loss(table(prediction), name)
    cdef int64_t m = cnp.PyArray_DIM(prediction, 0), n = cnp.PyArray_DIM(prediction, 1)
    cdef int64_t wanted = 1 if f.sparse else n
    if cnp.PyArray_DIM(target, 1) != wanted:
        raise ValueError(f"target must have {wanted} columns for {name}. Received: target.shape={np.shape(target)}")
    cdef cnp.ndarray row_loss = np.empty(m, prediction.dtype)
    cdef cnp.ndarray dx = empty_like(prediction) if gradient else None
    cdef cnp.ndarray y = None if output is None else output_for(prediction, output, "output")
    cdef double values[FASTNN_MAX_PARAMS]
    cdef fastnn_loss_args args
    cdef fastnn_fp_mode mode
    args.m, args.n = m, n
    args.prediction, args.prediction_row = cnp.PyArray_DATA(prediction), n
    args.target, args.target_row = cnp.PyArray_DATA(target), wanted
    args.weight = NULL if weight is None else cnp.PyArray_DATA(weight)
    args.scale = scale
    args.params = values if read_params(params, values) else NULL
    args.row_loss = cnp.PyArray_DATA(row_loss)
    args.gradient = cnp.PyArray_DATA(dx) if gradient else NULL
    args.gradient_row = n
    args.output = NULL if y is None else cnp.PyArray_DATA(y)
    args.output_row = n
    with nogil:
        mode = fastnn_flush_denormals()
        f.rows(&args)
        fastnn_restore_denormals(mode)
    return row_loss, dx


def metric(str name, cnp.ndarray state not None, cnp.ndarray prediction not None, cnp.ndarray target not None,
           weight=None, params=()):
    """Folds m rows into `state` (float64), in place."""
    check_pair(prediction, target, weight)
    check_output(state, 1, "state")
    cdef const fastnn_metric *f = find_metric(table(prediction), name)
    cdef double values[FASTNN_MAX_PARAMS]
    cdef fastnn_metric_args args
    args.m, args.n = cnp.PyArray_DIM(prediction, 0), cnp.PyArray_DIM(prediction, 1)
    args.prediction, args.prediction_row = cnp.PyArray_DATA(prediction), args.n
    args.target, args.target_row = cnp.PyArray_DATA(target), cnp.PyArray_DIM(target, 1)
    args.target_n = args.target_row
    args.weight = NULL if weight is None else cnp.PyArray_DATA(weight)
    args.params = values if read_params(params, values) else NULL
    args.state = metric_state(f, state, args.params, args.n, args.target_n)
    f.fold(&args)


cdef double *metric_state(const fastnn_metric *f, cnp.ndarray state, const double *params, int64_t n,
                          int64_t target_n) except NULL:
    """The memory of a metric's state, which must be float64 and as large as the metric asks."""
    check_output(state, 1, "state")
    if cnp.PyArray_TYPE(state) != cnp.NPY_FLOAT64:
        raise TypeError(f"state must be of dtype float64. Received: {state.dtype}")
    return <double *>cnp.PyArray_DATA(state)


def update(str name, cnp.ndarray w not None, cnp.ndarray g not None, slots, scalars):
    """One step of an optimizer on the weights `w` with the gradient `g`; `w` and `slots` change in place."""
    check_output(w, -1, "w")
    check_array(g, -1, "g", w)
    check_shape(g, np.shape(w), "g")
    cdef const fastnn_update *f = find_update(table(w), name)
    cdef void *data[FASTNN_MAX_SLOTS]
    cdef double h[FASTNN_MAX_SCALARS]
    cdef int i
    if len(slots) != f.slots or len(scalars) != f.scalars:
        raise ValueError(f"{name} takes {f.slots} slots and {f.scalars} scalars. "
                         f"Received: {len(slots)} and {len(scalars)}")
    for i in range(f.slots):
        check_output(slots[i], -1, "slot", w)
        check_shape(slots[i], np.shape(w), "slot")
        data[i] = cnp.PyArray_DATA(slots[i])
    for i in range(f.scalars):
        h[i] = scalars[i]
    cdef fastnn_fp_mode mode = fastnn_flush_denormals()
    f.apply(cnp.PyArray_SIZE(w), cnp.PyArray_DATA(w), cnp.PyArray_DATA(g), data, h)
    fastnn_restore_denormals(mode)


def regularize(cnp.ndarray w not None, g, l1, l2):
    """The penalty l1·Σ|w| + l2·Σw²; its gradient is added to `g`, unless that is None."""
    check_array(w, -1, "w")
    cdef void *gradient = NULL
    if g is not None:
        check_output(g, -1, "g", w)
        check_shape(g, np.shape(w), "g")
        gradient = cnp.PyArray_DATA(g)
    return table(w).regularize(cnp.PyArray_SIZE(w), cnp.PyArray_DATA(w), gradient, l1, l2)


def max_abs_difference(cnp.ndarray a not None, cnp.ndarray b not None):
    """max |a - b|; NaN when any difference is NaN."""
    check_array(a, -1, "a")
    check_array(b, -1, "b", a)
    check_shape(b, np.shape(a), "b")
    return table(a).max_abs_difference(cnp.PyArray_SIZE(a), cnp.PyArray_DATA(a), cnp.PyArray_DATA(b))


# --- the dense product -----------------------------------------------------------------------------------------------

cdef cnp.ndarray real_array(a, str name, int typenum):
    """`a` as a C-contiguous array of `typenum`: itself, where it is one already."""
    if isinstance(a, np.ndarray) and cnp.PyArray_TYPE(a) == typenum and cnp.PyArray_ISCARRAY_RO(a):
        return a
    a = np.asarray(a)
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers. Received: dtype={a.dtype}")
    return np.ascontiguousarray(a, dtype=np.float32 if typenum == cnp.NPY_FLOAT32 else np.float64).reshape(a.shape)


cdef int common_type(x, w) except -1:
    """float32 when all are float32 or smaller floats, else float64."""
    if (isinstance(x, np.ndarray) and isinstance(w, np.ndarray) and cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32
            and cnp.PyArray_TYPE(w) == cnp.NPY_FLOAT32):
        return cnp.NPY_FLOAT32
    kind = np.result_type(np.asarray(x).dtype, np.asarray(w).dtype)
    return cnp.NPY_FLOAT32 if kind == np.float32 or kind == np.float16 else cnp.NPY_FLOAT64


cdef cnp.ndarray result_array(int ndim, cnp.npy_intp *shape, int typenum, out, str name):
    """A C-contiguous array of that shape to compute into: `out` itself where it serves, else a new one."""
    cdef int d
    if out is None:
        return cnp.PyArray_EMPTY(ndim, shape, typenum, 0)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array. Received: {type(out).__name__}")
    if cnp.PyArray_NDIM(out) != ndim or any(cnp.PyArray_DIM(out, d) != shape[d] for d in range(ndim)):
        raise ValueError(f"{name} must have shape {tuple(shape[d] for d in range(ndim))}. Received: {out.shape}")
    if not cnp.PyArray_ISWRITEABLE(out):
        raise ValueError(f"{name} must be writable. Received: a read-only array")
    if not np.can_cast(np.float32 if typenum == cnp.NPY_FLOAT32 else np.float64, (<object>out).dtype, "same_kind"):
        raise TypeError(f"{name} must be able to hold the result. Received: dtype={out.dtype}")
    if cnp.PyArray_TYPE(out) == typenum and cnp.PyArray_ISCARRAY(out):
        return out
    return cnp.PyArray_EMPTY(ndim, shape, typenum, 0)


cdef object delivered(cnp.ndarray result, out):
    """`out` holding the result, or the result itself."""
    if out is None or out is result:
        return result
    out[...] = result
    return out


cdef bint overlap(cnp.ndarray out, cnp.ndarray a):
    cdef char *o = <char *>cnp.PyArray_DATA(out)
    cdef char *b = <char *>cnp.PyArray_DATA(a)
    return o < b + cnp.PyArray_NBYTES(a) and b < o + cnp.PyArray_NBYTES(out)


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
    cdef int typenum = common_type(x, w), ndim, d
    cdef cnp.ndarray a = real_array(x, "x", typenum), k = real_array(w, "w", typenum), bias = None, y
    cdef const fastnn_kernels *kernels = F32 if typenum == cnp.NPY_FLOAT32 else F64
    cdef const fastnn_activation *f = NULL
    cdef double values[FASTNN_MAX_PARAMS]
    cdef const double *given = NULL
    cdef cnp.npy_intp shape[32]
    cdef fastnn_gemm g
    cdef bint soft = False

    ndim = cnp.PyArray_NDIM(a)
    if cnp.PyArray_NDIM(k) != 2:
        raise ValueError(f"w must have shape (inputs, units). Received: w.shape={np.shape(w)}")
    if ndim < 1 or cnp.PyArray_DIM(a, ndim - 1) != cnp.PyArray_DIM(k, 0):
        raise ValueError(f"x must have shape (..., {cnp.PyArray_DIM(k, 0)}) to fit w of shape {np.shape(w)}. "
                         f"Received: x.shape={np.shape(x)}")
    if b is not None:
        bias = real_array(b, "b", typenum)
        if cnp.PyArray_NDIM(bias) != 1 or cnp.PyArray_DIM(bias, 0) != cnp.PyArray_DIM(k, 1):
            raise ValueError(f"b must have shape ({cnp.PyArray_DIM(k, 1)},) to fit w of shape {np.shape(w)}. "
                             f"Received: b.shape={np.shape(b)}")
    if activation is not None and activation != "relu" and activation != "linear":
        soft = activation == "softmax"
        if not soft:
            f = find_activation(kernels, activation)
            given = values if read_params(params, values) else NULL
    if ndim > 32:
        raise ValueError(f"x must have at most 32 dimensions. Received: x.shape={np.shape(x)}")
    for d in range(ndim):
        shape[d] = cnp.PyArray_DIM(a, d)
    shape[ndim - 1] = cnp.PyArray_DIM(k, 1)
    y = result_array(ndim, shape, typenum, out, "out")
    if out is not None and (overlap(y, a) or overlap(y, k) or (bias is not None and overlap(y, bias))):
        y = cnp.PyArray_EMPTY(ndim, shape, typenum, 0)

    g.k, g.n = cnp.PyArray_DIM(k, 0), cnp.PyArray_DIM(k, 1)
    g.m = 1
    for d in range(ndim - 1):
        g.m *= shape[d]
    g.a, g.a_row, g.a_col = cnp.PyArray_DATA(a), g.k, 1
    g.b, g.b_row = cnp.PyArray_DATA(k), g.n
    g.bias = NULL if bias is None else cnp.PyArray_DATA(bias)
    g.c, g.c_row = cnp.PyArray_DATA(y), g.n
    g.accumulate = g.packed = 0
    g.relu = activation is not None and activation == "relu"
    g.scratch = NULL
    if g.m * g.n * g.k < 4096:
        # not worth the two lock operations that letting other threads run would cost
        fastnn_linear(kernels, &g, f, given)
    else:
        with nogil:
            fastnn_linear(kernels, &g, f, given)
    if soft:
        kernels.softmax(g.m, g.n, g.c, g.n, g.c, g.n)
    return y if out is None else delivered(y, out)


cdef object product(cnp.ndarray a, bint transposed, cnp.ndarray b, cnp.ndarray c, bint accumulate):
    """c (+)= a · b, or aᵀ · b; all C-contiguous matrices of one dtype."""
    cdef fastnn_gemm g
    cdef const fastnn_kernels *kernels = table(a)
    g.m = cnp.PyArray_DIM(a, 1 if transposed else 0)
    g.k = cnp.PyArray_DIM(b, 0)
    g.n = cnp.PyArray_DIM(b, 1)
    g.a = cnp.PyArray_DATA(a)
    g.a_row = 1 if transposed else g.k
    g.a_col = g.m if transposed else 1
    g.b, g.b_row = cnp.PyArray_DATA(b), g.n
    g.bias = NULL
    g.c, g.c_row = cnp.PyArray_DATA(c), g.n
    g.accumulate, g.relu, g.packed, g.scratch = accumulate, 0, 0, NULL
    with nogil:
        fastnn_linear(kernels, &g, NULL, NULL)


cdef object product_with_transpose(cnp.ndarray a, cnp.ndarray b, cnp.ndarray c, bint accumulate):
    """c (+)= a · bᵀ; all C-contiguous matrices of one dtype."""
    cdef fastnn_gemm g
    cdef const fastnn_kernels *kernels = table(a)
    g.m, g.k, g.n = cnp.PyArray_DIM(a, 0), cnp.PyArray_DIM(a, 1), cnp.PyArray_DIM(b, 0)
    g.a, g.a_row, g.a_col = cnp.PyArray_DATA(a), g.k, 1
    cdef cnp.ndarray packed = np.zeros(kernels.gemm_packed(g.n, g.k), a.dtype)
    g.b, g.b_row = cnp.PyArray_DATA(packed), 0
    g.bias = NULL
    g.c, g.c_row = cnp.PyArray_DATA(c), g.n
    g.accumulate, g.relu, g.packed, g.scratch = accumulate, 0, 1, NULL
    with nogil:
        kernels.pack_transposed(g.k, 0, g.n, cnp.PyArray_DATA(b), g.k, cnp.PyArray_DATA(packed))
        fastnn_linear(kernels, &g, NULL, NULL)


def matmul_2d(a, b, out=None):
    """a[m, k] · b[k, n]."""
    return linear(a, b, None, None, out)


def linear_gradients(cnp.ndarray dz not None, cnp.ndarray x, cnp.ndarray w, cnp.ndarray dx, cnp.ndarray dw,
                     cnp.ndarray db, bint accumulate):
    """dx[m, k] (+)= dz · wᵀ, dw[k, n] (+)= xᵀ · dz, db[n] (+)= Σ dz; each left out where None. C-contiguous, one dtype."""
    check_array(dz, 2, "dy")
    cdef int64_t m = cnp.PyArray_DIM(dz, 0), n = cnp.PyArray_DIM(dz, 1)
    if dx is not None:
        check_array(w, 2, "w", dz)
        check_output(dx, 2, "dx", dz)
        check_shape(w, (cnp.PyArray_DIM(w, 0), n), "w")
        check_shape(dx, (m, cnp.PyArray_DIM(w, 0)), "dx")
        product_with_transpose(dz, w, dx, accumulate)
    if dw is not None:
        check_array(x, 2, "x", dz)
        check_output(dw, 2, "dw", dz)
        check_shape(x, (m, cnp.PyArray_DIM(x, 1)), "x")
        check_shape(dw, (cnp.PyArray_DIM(x, 1), n), "dw")
        product(x, True, dz, dw, accumulate)
    if db is not None:
        check_output(db, 1, "db", dz)
        check_shape(db, (n,), "db")
        table(dz).column_sums(m, n, cnp.PyArray_DATA(dz), n, accumulate, cnp.PyArray_DATA(db))


# --- data ------------------------------------------------------------------------------------------------------------

cdef fastnn_source_type source_type(cnp.ndarray a, str name) except *:
    cdef int kind = cnp.PyArray_TYPE(a)
    if kind == cnp.NPY_BOOL: return FASTNN_BOOL
    if kind == cnp.NPY_FLOAT16: return FASTNN_F16
    if kind == cnp.NPY_FLOAT32: return FASTNN_F32
    if kind == cnp.NPY_FLOAT64: return FASTNN_F64
    dtype = a.dtype
    if dtype.kind == "i":
        return {1: FASTNN_I8, 2: FASTNN_I16, 4: FASTNN_I32, 8: FASTNN_I64}[dtype.itemsize]
    if dtype.kind == "u":
        return {1: FASTNN_U8, 2: FASTNN_U16, 4: FASTNN_U32, 8: FASTNN_U64}[dtype.itemsize]
    raise TypeError(f"{name} must hold real numbers (floats up to 64 bits, integers or booleans). Received: dtype={dtype}")


cdef int describe_source(fastnn_source *source, cnp.ndarray a, str name) except -1:
    cdef int64_t shape[FASTNN_MAX_DIMS]
    cdef int64_t strides[FASTNN_MAX_DIMS]
    cdef int d, ndim = cnp.PyArray_NDIM(a)
    cdef fastnn_source_type kind = source_type(a, name)
    if ndim < 1 or ndim > FASTNN_MAX_DIMS:
        raise ValueError(f"{name} must have 1 to {FASTNN_MAX_DIMS} dimensions. Received: shape={np.shape(a)}")
    if cnp.PyArray_ISBYTESWAPPED(a):
        raise ValueError(f"{name} must be of native byte order. Received: dtype={a.dtype}")
    for d in range(ndim):
        shape[d] = cnp.PyArray_DIM(a, d)
        strides[d] = cnp.PyArray_STRIDE(a, d)
    fastnn_source_init(source, cnp.PyArray_DATA(a), kind, cnp.PyArray_ITEMSIZE(a), ndim, shape, strides)
    return 0


def first_not_finite(cnp.ndarray a not None):
    """Index (a tuple) of the first NaN or infinity, in C order; None when all are finite."""
    cdef fastnn_source source
    cdef int64_t at
    describe_source(&source, a, "array")
    with nogil:
        at = fastnn_source_first_not_finite(&source)
    return None if at < 0 else tuple(int(i) for i in np.unravel_index(at, np.shape(a)))


def value_range(cnp.ndarray a not None):
    """(smallest, largest, whether all are whole numbers); NaNs for an empty array."""
    cdef fastnn_source source
    cdef double low, high
    cdef int whole
    describe_source(&source, a, "array")
    with nogil:
        fastnn_source_range(&source, &low, &high, &whole)
    return low, high, bool(whole)


def read_rows(cnp.ndarray a not None, order, dtype):
    """Samples `order` (int64 indices, or None for all) of any array, as rows of a new float32 or float64 matrix."""
    cdef fastnn_source source
    cdef const fastnn_kernels *kernels = kernels_of(np.dtype(dtype))
    cdef cnp.ndarray rows, index
    cdef const int64_t *indices = NULL
    cdef int64_t count
    describe_source(&source, a, "array")
    count = source.samples
    if order is not None:
        index = np.ascontiguousarray(order, np.int64)
        count = cnp.PyArray_SIZE(index)
        if count and not 0 <= index.min() <= index.max() < source.samples:
            raise IndexError(f"order must hold indices in [0, {source.samples}). Received: {order}")
        indices = <const int64_t *>cnp.PyArray_DATA(index)
    rows = np.empty((count, source.size), dtype)
    with nogil:
        fastnn_source_read(&source, kernels, indices, 0, count, cnp.PyArray_DATA(rows), source.size)
    return rows
