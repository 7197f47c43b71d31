# Functions of arrays that callers in Python have prepared: C-contiguous, and all of one dtype.

cdef cnp.ndarray empty_like(cnp.ndarray a):
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a), 0)


cdef cnp.ndarray output_for(cnp.ndarray like, out, str name):
    """`out` after checks, or a new array, of the shape and dtype of `like`."""
    if out is None:
        return empty_like(like)
    check_output(out, cnp.PyArray_NDIM(like), name, like)
    if not same_shape(out, like):
        check_shape(out, np.shape(like), name)
    return out


# --- elements --------------------------------------------------------------------------------------------------------

def dropout(cnp.ndarray x not None, rate, key, counter, first=0, out=None):
    """x with elements zeroed at `rate` and the others scaled by 1 / (1 - rate); element i is number first + i."""
    check_array(x, -1, "x")
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be in [0, 1). Received: rate={rate}")
    if not 0 <= first <= 1 << 62:
        raise ValueError(f"first must be in [0, 2^62]. Received: first={first}")
    cdef cnp.ndarray y = output_for(x, out, "out")
    table(x).dropout(cnp.PyArray_SIZE(x), first, key, counter, rate, cnp.PyArray_DATA(x), cnp.PyArray_DATA(y))
    return y


def permutation(int64_t n, uint64_t key, uint64_t counter):
    """The numbers below n in the order that (key, counter) stands for, n <= 2^32."""
    cdef cnp.npy_intp length = n
    if not 0 <= n <= 1 << 32:
        raise ValueError(f"n must be in [0, 2^32]. Received: n={n}")
    cdef cnp.ndarray order = cnp.PyArray_EMPTY(1, &length, cnp.NPY_INT64, 0)
    kernels_of(np.dtype("float32")).shuffle(n, key, counter, <int64_t *>cnp.PyArray_DATA(order))
    return order


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
         gradient=True, output=None, out=None, columns=None):
    """(row losses[m], gradient[m, n] or None) of m rows.

    `output` receives the probabilities of a fused loss, `out` the gradient; it may be `prediction`. `columns` holds a
    parameter for each column, for losses that take one.
    """
    check_pair(prediction, target, weight)
    cdef const fastnn_loss *f = find_loss(table(prediction), name)
    cdef int64_t m = cnp.PyArray_DIM(prediction, 0), n = cnp.PyArray_DIM(prediction, 1)
    cdef int64_t wanted = fastnn_target_columns(f.targets, n)
    if wanted < 0:
        raise ValueError(f"prediction must have an even number of columns for {name}. Received: {n}")
    if cnp.PyArray_DIM(target, 1) != wanted:
        raise ValueError(f"target must have {wanted} columns for {name}. Received: target.shape={np.shape(target)}")
    cdef cnp.npy_intp length = m
    cdef cnp.ndarray row_loss = cnp.PyArray_EMPTY(1, &length, cnp.PyArray_TYPE(prediction), 0)
    cdef cnp.ndarray dx = output_for(prediction, out, "out") if gradient else None
    if out is not None and (not gradient or overlap(out, target) or overlap(out, weight)
                            or (overlap(out, prediction) and cnp.PyArray_DATA(out) != cnp.PyArray_DATA(prediction))):
        raise ValueError("out must not lie across target, weight or a part of prediction. Received: such an array")
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
    args.columns = vector_or_null(columns, n, prediction, "columns")
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


cdef cnp.ndarray class_numbers(cnp.ndarray labels, int64_t classes, int typenum):
    """int64 labels[m] as a column of reals; None where one is no class number."""
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = cnp.PyArray_DIM(labels, 0), 1
    cdef cnp.ndarray column = cnp.PyArray_EMPTY(2, shape, typenum, 0)
    cdef const int64_t *label = <const int64_t *>cnp.PyArray_DATA(labels)
    cdef float *single = <float *>cnp.PyArray_DATA(column)
    cdef double *wide = <double *>cnp.PyArray_DATA(column)
    cdef int64_t i
    for i in range(shape[0]):
        if not 0 <= label[i] < classes:
            return None
        if typenum == cnp.NPY_FLOAT32:
            single[i] = <float>label[i]
        else:
            wide[i] = <double>label[i]
    return column


def plain_loss(str name, prediction, target, params, scale, gradient, out):
    """`loss` for matrices that need no preparation, without weights; None where that is not what they are.

    The usual case, at a fraction of the cost: small losses are called millions of times.
    """
    if not (isinstance(prediction, cnp.ndarray) and isinstance(target, cnp.ndarray)):
        return None
    cdef cnp.ndarray p = <cnp.ndarray>prediction, t = <cnp.ndarray>target, o
    cdef int typenum = cnp.PyArray_TYPE(p)
    if ((typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64) or cnp.PyArray_NDIM(p) != 2
            or not cnp.PyArray_ISCARRAY_RO(p) or not cnp.PyArray_ISCARRAY_RO(t) or cnp.PyArray_DIM(p, 1) < 1
            or cnp.PyArray_DIM(t, 0) != cnp.PyArray_DIM(p, 0)):
        return None
    cdef fastnn_targets targets = find_loss(table(p), name).targets
    if targets == FASTNN_LABEL:
        if cnp.PyArray_TYPE(t) != cnp.NPY_INT64 or cnp.PyArray_NDIM(t) != 1:
            return None
        t = class_numbers(t, cnp.PyArray_DIM(p, 1), typenum)
        if t is None:
            return None
    elif (targets != FASTNN_EACH or cnp.PyArray_TYPE(t) != typenum or cnp.PyArray_NDIM(t) != 2
            or cnp.PyArray_DIM(t, 1) != cnp.PyArray_DIM(p, 1)):
        return None
    if out is not None:
        if not isinstance(out, cnp.ndarray) or not gradient:
            return None
        o = <cnp.ndarray>out
        if (cnp.PyArray_TYPE(o) != typenum or cnp.PyArray_NDIM(o) != 2 or not cnp.PyArray_ISCARRAY(o)
                or cnp.PyArray_DIM(o, 0) != cnp.PyArray_DIM(p, 0) or cnp.PyArray_DIM(o, 1) != cnp.PyArray_DIM(p, 1)
                or overlap(o, t) or (overlap(o, p) and cnp.PyArray_DATA(o) != cnp.PyArray_DATA(p))):
            return None
    return loss(name, p, t, None, params, scale, gradient, None, out)


def metric(str name, cnp.ndarray state not None, cnp.ndarray prediction not None, cnp.ndarray target not None,
           weight=None, params=(), columns=None):
    """Folds m rows into `state` (float64), in place. The name of a loss stands for the mean of its row losses."""
    check_pair(prediction, target, weight)
    if cnp.PyArray_DIM(prediction, 1) < 1:
        raise ValueError(f"prediction must have at least one column. Received: shape={np.shape(prediction)}")
    cdef const fastnn_metric *f = find_metric(table(prediction), name)
    cdef double values[FASTNN_MAX_PARAMS]
    cdef fastnn_metric_args args
    args.m, args.n = cnp.PyArray_DIM(prediction, 0), cnp.PyArray_DIM(prediction, 1)
    args.prediction, args.prediction_row = cnp.PyArray_DATA(prediction), args.n
    args.target, args.target_row = cnp.PyArray_DATA(target), cnp.PyArray_DIM(target, 1)
    args.target_n = args.target_row
    args.weight = NULL if weight is None else cnp.PyArray_DATA(weight)
    args.params = values if read_params(params, values) else NULL
    args.columns = vector_or_null(columns, args.n, prediction, "columns")
    args.loss = loss_of_metric(table(prediction), name)
    check_metric_target(f, args.loss, args.n, args.target_n)
    args.state = metric_state(f, state, args.params)
    f.fold(&args)


cdef int check_metric_target(const fastnn_metric *f, const fastnn_loss *l, int64_t columns,
                             int64_t target_columns) except -1:
    cdef fastnn_targets targets = f.targets if l == NULL else l.targets
    wanted = fastnn_target_columns(targets, columns)
    if target_columns != wanted:
        kind = "one class number" if targets == FASTNN_LABEL else f"{wanted} columns"
        name = (f.name if l == NULL else l.name).decode()
        raise ValueError(f"targets of the metric {name!r} must have {kind} for each row of {columns} "
                         f"predictions. Received: {target_columns} columns")
    return 0


cdef double *metric_state(const fastnn_metric *f, cnp.ndarray state, const double *params) except NULL:
    """The memory of a metric's state, which must be float64 and as large as the metric asks."""
    cdef int64_t wanted = f.states(params)
    check_output(state, 1, "state")
    if cnp.PyArray_TYPE(state) != cnp.NPY_FLOAT64 or cnp.PyArray_SIZE(state) != wanted or wanted == 0:
        raise ValueError(f"state must be a float64 array of {wanted} elements for the metric {f.name.decode()!r}. "
                         f"Received: dtype={state.dtype}, shape={np.shape(state)}")
    return <double *>cnp.PyArray_DATA(state)


cdef int check_slots(const fastnn_update *f, cnp.ndarray w, slots, int64_t rows, int64_t cols) except -1:
    """As many slots as the update has, each of the size that it wants for `w`, a matrix of `rows` and `cols`."""
    cdef int i
    cdef int64_t wanted
    if len(slots) != f.slots:
        raise ValueError(f"{f.name.decode()} takes {f.slots} slots. Received: {len(slots)}")
    for i in range(f.slots):
        wanted = rows if f.shapes[i] == FASTNN_PER_ROW else cols if f.shapes[i] == FASTNN_PER_COLUMN else rows * cols
        check_output(slots[i], -1, "slot", w)
        if cnp.PyArray_SIZE(slots[i]) != wanted:
            raise ValueError(f"slot {i} of {f.name.decode()} must have {wanted} elements. "
                             f"Received: shape={np.shape(slots[i])}")
    return 0


def update(str name, cnp.ndarray w not None, cnp.ndarray g not None, slots, scalars):
    """One step of an optimizer on the weights `w` with the gradient `g`; `w` and `slots` change in place."""
    check_output(w, -1, "w")
    check_array(g, -1, "g", w)
    check_shape(g, np.shape(w), "g")
    cdef const fastnn_update *f = find_update(table(w), name)
    cdef void *data[FASTNN_MAX_SLOTS]
    cdef double h[FASTNN_MAX_SCALARS]
    cdef int i
    cdef fastnn_whole whole
    cdef cnp.ndarray scratch
    cdef int64_t cols = cnp.PyArray_DIM(w, cnp.PyArray_NDIM(w) - 1) if cnp.PyArray_NDIM(w) else 1
    cdef int64_t rows = cnp.PyArray_SIZE(w) // cols if cols else 0
    if len(scalars) != f.scalars:
        raise ValueError(f"{name} takes {f.scalars} scalars. Received: {len(scalars)}")
    check_slots(f, w, slots, rows, cols)
    for i in range(f.slots):
        data[i] = cnp.PyArray_DATA(slots[i])
    for i in range(f.scalars):
        h[i] = scalars[i]
    if f.whole != NULL and rows:
        scratch = np.empty(f.scratch(rows, cols), w.dtype)
        whole.rows, whole.cols = rows, cols
        whole.w, whole.g, whole.slots, whole.scratch = (cnp.PyArray_DATA(w), cnp.PyArray_DATA(g), data,
                                                        cnp.PyArray_DATA(scratch))
    cdef fastnn_fp_mode mode = fastnn_flush_denormals()
    if f.whole == NULL:
        f.apply(rows * cols, cnp.PyArray_DATA(w), cnp.PyArray_DATA(g), data, h)
    elif rows:
        f.whole(&whole, h)
    fastnn_restore_denormals(mode)


def follow(cnp.ndarray w not None, cnp.ndarray average not None, double share):
    """average += (w - average) · share."""
    check_array(w, -1, "w")
    check_output(average, -1, "average", w)
    check_shape(average, np.shape(w), "average")
    table(w).follow(cnp.PyArray_SIZE(w), cnp.PyArray_DATA(w), cnp.PyArray_DATA(average), share)


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
    raise TypeError(f"{name} must hold real numbers (floats up to 64 bits, integers or booleans). "
                    f"Received: dtype={dtype}")


cdef bint is_source(cnp.ndarray a) noexcept:
    """Whether `describe_source` takes an array of so many dimensions."""
    cdef int kind = cnp.PyArray_TYPE(a)
    return not cnp.PyArray_ISBYTESWAPPED(a) and (
        kind == cnp.NPY_FLOAT32 or kind == cnp.NPY_FLOAT64 or kind == cnp.NPY_FLOAT16 or kind == cnp.NPY_BOOL
        or cnp.PyArray_ISINTEGER(a))


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


def first_not_finite(cnp.ndarray a not None, dtype="float64"):
    """Index (a tuple) of the first element that is NaN or infinite in `dtype`, in C order; None when all are finite."""
    cdef fastnn_source source
    cdef int64_t at
    cdef int itemsize = kernels_of(np.dtype(dtype)).itemsize
    describe_source(&source, a, "array")
    with nogil:
        at = fastnn_source_first_not_finite(&source, itemsize)
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
