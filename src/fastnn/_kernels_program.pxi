# Compiled programs: what program.py lowers layers into. Values, parameters, steps, feeds and results are known by the
# numbers that the methods which add them return.

cdef enum:
    FEW_FLOPS = 100000  # a few microseconds, for which other threads can wait

cdef int64_t MAX_ELEMENTS = 1 << 60  # of a value, and samples of a run: sums and products of a few of them are int64

cdef int call_python(void *context, int callable, int direction) noexcept with gil:
    cdef Program program = <Program>context
    try:
        if callable == FASTNN_NONE:
            PyErr_CheckSignals()
        else:
            program.callables[callable](direction == FASTNN_FORWARD)
    except BaseException as error:
        program.error = error
        return -1
    return 0


@cython.final
cdef class Program:
    """A list of steps over one arena.

    Args:
        dtype: `"float32"` or `"float64"`: of every value and parameter.
        seed: 64-bit seed of the random streams.
    """

    cdef fastnn_program *p
    cdef const fastnn_kernels *kernels
    cdef object dtype
    cdef list callables
    cdef object error
    cdef dict owners  # names of the layers whose steps check their input, by step
    cdef dict kept  # arrays that C points at for good, by what they belong to
    cdef dict bound  # those it points at until `release`, by what they are bound to
    cdef cnp.ndarray shuffled  # the order that `start` draws
    cdef bint finished, started, running
    cdef int64_t scalars_end, rates_end  # one past the last batch whose scalars, or rates, are there
    cdef object __weakref__

    def __cinit__(self, dtype, seed=0):
        self.dtype = np.dtype(dtype)
        self.kernels = kernels_of(self.dtype)
        self.p = fastnn_program_new(self.kernels)
        if self.p == NULL:
            raise MemoryError("no memory for a program")
        self.p.seed = seed
        self.p.python = call_python
        self.p.context = <void *>self
        self.callables = []
        self.owners = {}
        self.kept = {}
        self.bound = {}

    def __dealloc__(self):
        fastnn_program_free(self.p)

    # --- building ---

    cdef int open_for_building(self) except -1:
        if self.finished:
            raise RuntimeError("a finished program cannot be added to")
        return 0

    cdef int check_value(self, value) except -1:
        if not 0 <= value < self.p.n_values:
            raise IndexError(f"value must be in [0, {self.p.n_values}). Received: {value}")
        return 0

    cdef int check_parameter(self, parameter) except -1:
        if not 0 <= parameter < self.p.n_parameters:
            raise IndexError(f"parameter must be in [0, {self.p.n_parameters}). Received: {parameter}")
        return 0

    cdef int check_step(self, step) except -1:
        if not 0 <= step < self.p.n_steps:
            raise IndexError(f"step must be in [0, {self.p.n_steps}). Received: {step}")
        return 0

    cdef int added(self, int index) except -1:
        if index < 0:
            raise MemoryError("no memory for a larger program")
        return index

    def value(self, int64_t per_sample, int64_t width, bint gradient=False):
        """Adds a value of `per_sample` rows of `width` for each sample, with room for its gradient or without."""
        self.open_for_building()
        if per_sample < 1 or width < 1 or per_sample > MAX_ELEMENTS // width:
            raise ValueError(f"a value has at least one row and one column, and at most {MAX_ELEMENTS} elements. "
                             f"Received: {per_sample} rows of {width}")
        return self.added(fastnn_program_value(self.p, per_sample, width, gradient))

    def view(self, value, int64_t per_sample, int64_t width):
        """Adds a value that is another one's memory, cut into rows of another width."""
        self.open_for_building()
        self.check_value(value)
        cdef fastnn_value *v = &self.p.values[<int>value]
        cdef int64_t elements = v.per_sample * v.width
        if per_sample < 1 or width < 1 or per_sample != elements // width or elements % width:
            raise ValueError(f"a view of {v.per_sample} rows of {v.width} has as many elements. "
                             f"Received: {per_sample} rows of {width}")
        return self.added(fastnn_program_view(self.p, value, per_sample, width))

    def columns(self, value, int64_t column, int64_t width):
        """Adds a value that is some columns of another one."""
        self.open_for_building()
        self.check_value(value)
        cdef fastnn_value *v = &self.p.values[<int>value]
        if width < 1 or width > v.width or not 0 <= column <= v.width - width:
            raise ValueError(f"columns must be within the {v.width} there are. Received: {width} from {column} on")
        return self.added(fastnn_program_columns(self.p, value, column, width))

    def branch(self, value):
        """Adds a value that is another one, with a gradient of its own."""
        self.open_for_building()
        self.check_value(value)
        return self.added(fastnn_program_branch(self.p, value))

    def parameter(self, cnp.ndarray data not None, bint trainable, slots=(), double l1=0, double l2=0, rule=None,
                  accumulator=None, average=None, bint keep=False, bint per_sample=False):
        """Adds a parameter: a matrix, a vector (one row), a number, or rows along the last of more axes.

        Args:
            slots: Arrays of the update, as `rule` wants them.
            rule: Number of the rule that updates it; None: nothing does, and its gradient is kept.
            accumulator, average: Arrays like `data`, for the sum of gradients and the running mean of the weights.
            keep: Whether its gradient is wanted beyond the update.
            per_sample: Whether l1 and l2 are divided by the samples of a batch, or by their weights where its loss is.
        """
        cdef int i, index
        cdef fastnn_parameter *q
        self.open_for_building()
        check_output(data, -1, "data")
        if data.dtype != self.dtype:
            raise ValueError(f"a parameter is a {self.dtype} array. Received: dtype={data.dtype}")
        if cnp.PyArray_SIZE(data) < 1:
            raise ValueError(f"a parameter has at least one element. Received: shape={np.shape(data)}")
        cols = cnp.PyArray_DIM(data, cnp.PyArray_NDIM(data) - 1) if cnp.PyArray_NDIM(data) else 1
        rows = cnp.PyArray_SIZE(data) // cols
        if rule is not None:
            if not 0 <= rule < self.p.n_rules:
                raise IndexError(f"rule must be in [0, {self.p.n_rules}). Received: {rule}")
            check_slots(self.p.rules[<int>rule].update, data, slots, rows, cols)
        for like in (accumulator, average):
            if like is not None:
                check_output(like, -1, "accumulator or average", data)
                check_shape(like, np.shape(data), "accumulator or average")
        index = self.added(fastnn_program_parameter(self.p, cnp.PyArray_DATA(data), rows, cols, trainable))
        q = &self.p.parameters[index]
        q.l1, q.l2, q.per_sample, q.keep = l1, l2, per_sample, keep
        if rule is not None:
            q.rule = rule
            for i, slot in enumerate(slots):
                q.slots[i] = cnp.PyArray_DATA(slot)
        if accumulator is not None:
            q.accumulator = cnp.PyArray_DATA(accumulator)
        if average is not None:
            q.average = cnp.PyArray_DATA(average)
        self.kept["parameter", index] = (data, tuple(slots), accumulator, average)
        return index

    def constrain(self, parameter, str kind, double low=0, double high=0, double rate=1, python=None):
        """Brings a parameter back into bounds after each update.

        Args:
            kind: `"positive"`; `"columns"` or `"rows"`, whose norms move towards [low, high] by `rate`; or `"python"`:
                the callable `python(True)` does it.
        """
        self.open_for_building()
        self.check_parameter(parameter)
        cdef fastnn_parameter *q = &self.p.parameters[<int>parameter]
        q.constraint = {"positive": FASTNN_POSITIVE, "columns": FASTNN_NORM_OF_COLUMNS, "rows": FASTNN_NORM_OF_ROWS,
                        "python": FASTNN_PYTHON_CONSTRAINT}[kind]
        q.low, q.high, q.rate = low, high, rate
        if kind == "python":
            q.python = self.added_callable(python)

    def regularize(self, parameter, python):
        """Adds a penalty on a parameter: `python(True)` leaves it and its gradient where `penalize` puts them."""
        self.open_for_building()
        self.check_parameter(parameter)
        self.callables.append(python)
        self.p.parameters[<int>parameter].regularizer = len(self.callables) - 1

    def penalize(self, parameter, double penalty, gradient):
        """What the callable of `regularize` found for a parameter: the penalty, and its gradient as a matrix."""
        self.check_parameter(parameter)
        cdef fastnn_parameter *q = &self.p.parameters[<int>parameter]
        if q.slope == NULL:
            raise ValueError(f"no penalty in Python is on parameter {parameter}")
        q.penalty = penalty
        self.window(q.rows, q.cols, q.slope)[...] = gradient

    cdef int added_callable(self, python) except -1:
        self.callables.append(python)
        self.p.copies_inputs = True
        return len(self.callables) - 1

    cdef fastnn_value *input_of(self, fastnn_step *s, int which) except NULL:
        """An input that a step cannot do without."""
        if s.inputs[which] == FASTNN_NONE:
            raise ValueError(f"the arguments of step {s.op.name.decode()!r} do not fit together: no input {which}")
        return &self.p.values[s.inputs[which]]

    def step(self, str op, inputs, output=None, parameters=(), *, bint backward=False, activation=None, params=None,
             loss=None, metric=None, state=None, double rate=0, double epsilon=0, double momentum=0, uint64_t stream=0,
             double loss_weight=1, bint sum_reduction=False, bint by_weight=False, binary=None, index=None,
             int64_t length=0, columns=None, owner=None, python=None, bint scheduled=False):
        """Adds a step; the op's own comment in its file, steps_*.c, says which arguments it reads."""
        cdef const fastnn_op *kind = fastnn_find_op(op.encode())
        cdef int i, at
        cdef fastnn_step *s
        self.open_for_building()
        if kind == NULL:
            raise ValueError(f"unknown op. Received: op={op!r}")
        if len(inputs) > FASTNN_MAX_INPUTS or len(parameters) > FASTNN_MAX_PARAMETERS:
            raise ValueError(f"too many inputs or parameters. Received: {inputs}, {parameters}")
        for value in (*inputs, output):
            if value is not None:
                self.check_value(value)
        for parameter in parameters:
            if parameter is not None:
                self.check_parameter(parameter)
        at = self.added(fastnn_program_step(self.p, kind))
        s = &self.p.steps[at]
        rates = self.p.n_rates
        try:
            for i, value in enumerate(inputs):
                s.inputs[i] = FASTNN_NONE if value is None else value
            s.output = FASTNN_NONE if output is None else output
            for i, parameter in enumerate(parameters):
                s.parameters[i] = FASTNN_NONE if parameter is None else parameter
            s.backward = backward
            if activation is not None:
                s.activation = find_activation(self.kernels, activation)
            if params:
                s.default_params = 0
                read_params(params, s.params)
            if loss is not None:
                s.loss = find_loss(self.kernels, loss)
            if owner is not None:
                self.owners[at] = owner
            if columns is not None:
                columns = np.array(columns, self.dtype)
                check_shape(columns, (self.input_of(s, 0).width,), "columns")
                s.columns = cnp.PyArray_DATA(columns)
                self.kept["columns", at] = columns
            if metric is not None:
                s.metric = find_metric(self.kernels, metric)
                s.loss = loss_of_metric(self.kernels, metric)
                check_metric_target(s.metric, s.loss, self.input_of(s, 0).width, self.input_of(s, 1).width)
                s.state = metric_state(s.metric, state, NULL if s.default_params else s.params)
                self.kept["state", at] = state
            if binary is not None:
                s.binary = find_binary(self.kernels, binary)
            s.length = length
            if index is not None:
                index = np.ascontiguousarray(index, np.int64)
                s.index, s.length = <const int64_t *>cnp.PyArray_DATA(index), cnp.PyArray_SIZE(index)
                self.kept["step", at] = index
            s.rate, s.epsilon, s.momentum, s.stream = rate, epsilon, momentum, stream
            if scheduled:
                s.rate_column = self.p.n_rates
                self.p.n_rates += 1
            s.loss_weight, s.sum_reduction, s.by_weight = loss_weight, sum_reduction, by_weight
            if kind.row_losses:
                s.row_loss = self.value(self.input_of(s, 0).per_sample, 1)
            if python is not None:
                s.python = self.added_callable(python)
            if not kind.fits(self.p, s):
                raise ValueError(f"the arguments of step {op!r} do not fit together")
            if backward and s.output != FASTNN_NONE and not self.p.values[s.output].wants_gradient:
                raise ValueError(f"step {op!r} has no gradient to pass back")
            if kind.reads_transposed and backward and self.input_of(s, 0).wants_gradient:
                self.p.parameters[s.parameters[0]].wants_transposed = True
        except BaseException:
            self.p.n_steps -= 1  # half a step must not run
            self.p.n_rates = rates
            for key in ("columns", "state", "step"):
                self.kept.pop((key, at), None)
            self.owners.pop(at, None)
            raise
        return at

    def feed(self, value, bint unread=False):
        """Adds an input: a value that is read from an array; or, `unread`, from a sparse matrix by the steps alone."""
        self.open_for_building()
        self.check_value(value)
        self.p.values[<int>value].unread = unread
        return self.added(fastnn_program_feed(self.p, value))

    def result(self, value, bint gradient=False):
        """Adds an output: a value that is written to an array; or its gradients, `pulls` of them to a sample."""
        self.open_for_building()
        self.check_value(value)
        if gradient and not self.p.values[<int>value].wants_gradient:
            raise ValueError(f"value {value} has no gradient")
        return self.added(fastnn_program_result(self.p, value, gradient))

    def set_pulls(self, int64_t pulls):
        """Says how many numbers of a sample are differentiated, one after the other: see the op `"pull"`."""
        self.open_for_building()
        if pulls < 1:
            raise ValueError(f"pulls must be at least 1. Received: pulls={pulls}")
        self.p.pulls = pulls

    def set_update(self, double clip_value=0, double clip_norm=0, double global_clip_norm=0, int64_t accumulation=1,
                   double averaging=0, int64_t overwriting=0, python=None):
        """Says what goes with every update.

        Args:
            clip_value, clip_norm, global_clip_norm: Limits of the gradients; 0: none.
            accumulation: Batches to an update.
            averaging: What a running mean of the weights keeps of itself at each step.
            overwriting: Updates after which the weights become their means; 0: never.
            python: The callable `python(True)` updates in place of rules.
        """
        self.open_for_building()
        if accumulation < 1 or overwriting < 0:
            raise ValueError(f"accumulation must be at least 1, overwriting at least 0. "
                             f"Received: {accumulation}, {overwriting}")
        self.p.clip_value, self.p.clip_norm, self.p.global_clip_norm = clip_value, clip_norm, global_clip_norm
        self.p.accumulation, self.p.averaging, self.p.overwriting = accumulation, averaging, overwriting
        if python is not None:
            self.callables.append(python)
            self.p.updater = len(self.callables) - 1

    def rule(self, str name):
        """Adds a rule: an update by its name, whose scalars `set_scalars` brings."""
        self.open_for_building()
        return self.added(fastnn_program_rule(self.p, find_update(self.kernels, name)))

    def finish(self, int64_t capacity):
        """Allocates the arena for batches of up to `capacity` samples."""
        cdef int status
        self.open_for_building()
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1. Received: capacity={capacity}")
        with nogil:
            status = fastnn_program_finish(self.p, capacity)
        if status:
            raise MemoryError(f"no memory for batches of {capacity} samples: use a smaller batch_size")
        self.finished = True

    # --- looking in ---

    @property
    def capacity(self):
        """Samples in a batch, at most."""
        return self.p.capacity

    @property
    def arena_bytes(self):
        """Size of the arena: values, gradients, packed copies and the workers' scratch."""
        return self.p.arena_bytes

    cdef cnp.ndarray window(self, int64_t rows, int64_t columns, void *data):
        cdef cnp.npy_intp shape[2]
        shape[0], shape[1] = rows, columns
        cdef int typenum = cnp.NPY_FLOAT32 if self.kernels.itemsize == 4 else cnp.NPY_FLOAT64
        cdef cnp.ndarray view = cnp.PyArray_SimpleNewFromData(2, shape, typenum, data)
        cnp.set_array_base(view, self)
        return view

    def array(self, value, bint gradient=False):
        """The rows of a value (or of its gradient) in the present batch: a view, for steps written in Python."""
        self.check_value(value)
        cdef fastnn_value *v = &self.p.values[<int>value]
        if not self.finished or (gradient and v.gradient == NULL) or not self.callables:
            raise ValueError(f"value {value} has no such array")
        return self.window(self.p.rows * v.per_sample, v.width, v.gradient if gradient else v.data)

    def row_losses(self, step):
        """Where a loss written in Python leaves the loss of each row of the batch."""
        self.check_step(step)
        return self.array(self.p.steps[<int>step].row_loss)

    def gradient(self, parameter):
        """The kept gradient of a parameter, as a matrix: a view."""
        self.check_parameter(parameter)
        cdef fastnn_parameter *q = &self.p.parameters[<int>parameter]
        if q.gradient == NULL:
            raise ValueError(f"the gradient of parameter {parameter} is not kept")
        return self.window(q.rows, q.cols, q.gradient)

    # --- running ---

    def bind(self, feeds):
        """Points the inputs, in their order, at arrays, samples first, or at sparse matrices, `CSRRows`."""
        cdef int64_t feed = 0
        for samples in feeds:
            if isinstance(samples, cnp.ndarray):
                self.bind_array(feed, samples)
            else:
                self.bind_rows(feed, samples)
            feed += 1

    cdef int bind_array(self, int64_t feed, cnp.ndarray a) except -1:
        cdef fastnn_source source
        cdef fastnn_value *v
        if not 0 <= feed < self.p.n_feeds or self.running:
            raise IndexError(f"no such feed. Received: {feed}")
        describe_source(&source, a, "array")
        v = &self.p.values[self.p.feeds[<int>feed].value]
        if source.size != v.per_sample * v.width:
            raise ValueError(f"array must have {v.per_sample * v.width} elements to a sample. "
                             f"Received: shape={np.shape(a)}")
        self.p.feeds[<int>feed].source = source
        self.p.feeds[<int>feed].csr.values = NULL
        self.bound["feed", feed] = a
        return 0

    cdef int bind_rows(self, int64_t feed, rows) except -1:
        """Rows of a sparse matrix, whose columns are known to be below its width."""
        cdef cnp.ndarray starts, columns, values
        cdef fastnn_csr csr
        cdef fastnn_value *v
        cdef int64_t width = rows.shape[1]
        starts, columns, values = rows.parts(self.dtype)
        if not 0 <= feed < self.p.n_feeds or self.running:
            raise IndexError(f"no such feed. Received: {feed}")
        for array in (starts, columns, values):
            if array.ndim != 1 or not array.flags.c_contiguous or not array.flags.aligned:
                raise ValueError("the arrays of a sparse matrix must be aligned, C-contiguous vectors")
        v = &self.p.values[self.p.feeds[<int>feed].value]
        if (starts.dtype != np.int64 or columns.dtype not in (np.int32, np.int64) or values.dtype != self.dtype
                or v.per_sample * v.width != width or not len(starts) or len(columns) != len(values)
                or starts[0] < 0 or starts[len(starts) - 1] > len(values)):
            raise ValueError(f"a sparse matrix must have {v.per_sample * v.width} columns and values of {self.dtype}. "
                             f"Received: {width} columns, dtypes {starts.dtype}, {columns.dtype}, {values.dtype}")
        csr.starts = <const int64_t *>cnp.PyArray_DATA(starts)
        csr.columns, csr.values = cnp.PyArray_DATA(columns), cnp.PyArray_DATA(values)
        csr.wide, csr.sorted = columns.dtype == np.int64, rows.ascends
        csr.samples = len(starts) - 1
        self.p.feeds[<int>feed].csr = csr
        self.p.feeds[<int>feed].source.data = NULL
        self.bound["feed", feed] = (starts, columns, values)
        return 0

    def bind_result(self, result, cnp.ndarray a not None):
        """Points an output at a C-contiguous array of the program's dtype, samples first."""
        cdef fastnn_value *v
        cdef int64_t each
        if not 0 <= result < self.p.n_results or self.running:
            raise IndexError(f"no such result. Received: {result}")
        check_output(a, -1, "out")
        v = &self.p.values[self.p.results[<int>result].value]
        each = v.per_sample * v.width * (self.p.pulls if self.p.results[<int>result].gradient else 1)
        if a.dtype != self.dtype or cnp.PyArray_NDIM(a) < 1 or (
                cnp.PyArray_SIZE(a) != cnp.PyArray_DIM(a, 0) * each):
            raise ValueError(f"out must be a {self.dtype} array with {each} elements to a sample. "
                             f"Received: dtype={a.dtype}, shape={np.shape(a)}")
        self.p.results[<int>result].data = <char *>cnp.PyArray_DATA(a)
        self.bound["result", result] = a

    cdef int check_idle(self) except -1:
        if not self.finished or self.running:
            raise RuntimeError("the program is not finished, or is running")
        return 0

    def release(self):
        """Lets go of the arrays that were bound; a new `start` comes before the next `run`."""
        cdef int i
        self.check_idle()
        self.started = False
        for i in range(self.p.n_feeds):
            self.p.feeds[i].source.data = NULL
            self.p.feeds[i].csr.values = NULL
        for i in range(self.p.n_results):
            self.p.results[i].data = NULL
        self.p.order = NULL
        self.scalars_end = self.rates_end = 0
        self.bound.clear()

    def start(self, int64_t samples, int64_t batch_size, order=None, uint64_t iteration=0, shuffle=None):
        """Gets ready to run over `samples` samples; totals start at zero, derived copies follow the parameters.

        Args:
            order: int64 array with the order of the samples, or None: as they lie.
            shuffle: (key, counter), for the order that `permutation` draws from them.
            iteration: Steps the optimizer has taken before: a counter of the random streams.
        """
        cdef int i
        self.check_idle()
        if not 1 <= batch_size <= self.p.capacity or not 1 <= samples <= MAX_ELEMENTS:
            raise ValueError(f"batch_size must be in [1, {self.p.capacity}] and samples in [1, {MAX_ELEMENTS}]. "
                             f"Received: batch_size={batch_size}, samples={samples}")
        for i in range(self.p.n_feeds):
            if self.p.feeds[i].csr.values == NULL and self.p.values[self.p.feeds[i].value].unread:
                raise ValueError("an input that steps read where it lies must be a sparse matrix")
            if self.p.feeds[i].csr.values != NULL:
                available = self.p.feeds[i].csr.samples
            elif self.p.feeds[i].source.data != NULL:
                available = self.p.feeds[i].source.samples
            else:
                continue
            if available < samples:
                raise ValueError(f"every input must have {samples} samples. Received: {available}")
        for i in range(self.p.n_results):
            array = self.bound.get(("result", i))
            if array is not None and len(array) < samples:
                raise ValueError(f"every output must have room for {samples} samples. Received: {len(array)}")
        if order is not None:
            order = np.ascontiguousarray(order, np.int64)
            if order.shape != (samples,) or not 0 <= order.min() <= order.max() < samples:
                raise ValueError(f"order must be {samples} indices below {samples}")
        if shuffle is not None:
            order = self.shuffle(samples, shuffle[0], shuffle[1])
        self.bound["order"] = order
        self.scalars_end = self.rates_end = 0
        self.p.order = NULL
        if order is not None:
            self.p.order = <const int64_t *>cnp.PyArray_DATA(order)
        self.check_ids(samples)
        self.p.samples, self.p.batch_size, self.p.iteration = samples, batch_size, iteration
        fastnn_program_reset(self.p)
        self.refresh()
        self.started = True

    cdef cnp.ndarray shuffle(self, int64_t samples, uint64_t key, uint64_t counter):
        if self.shuffled is None or cnp.PyArray_DIM(self.shuffled, 0) != samples or samples > 1 << 32:
            self.shuffled = permutation(samples, key, counter)
        else:
            self.kernels.shuffle(samples, key, counter, <int64_t *>cnp.PyArray_DATA(self.shuffled))
        return self.shuffled

    def set_scalars(self, int64_t first, tables, rates=None, int64_t before=0):
        """Brings the scalars of the steps from `first` on: a float64 array `(before + steps, scalars)` for each rule,
        whose first rows are passed over; and rates `(steps, scheduled steps of the program)`."""
        cdef int i
        cdef int64_t skipped
        cdef list arrays = [cnp.PyArray_FROM_OTF(t, cnp.NPY_FLOAT64, cnp.NPY_ARRAY_IN_ARRAY) for t in tables]
        self.check_idle()
        if len(arrays) != self.p.n_rules or not 0 <= first <= MAX_ELEMENTS:
            raise ValueError(f"there must be {self.p.n_rules} tables of scalars, from a step >= 0 on. "
                             f"Received: {len(arrays)}, from {first} on")
        if arrays and not 0 <= before <= len(arrays[0]):
            raise ValueError(f"before must be in [0, {len(arrays[0])}]. Received: {before}")
        if self.p.n_rates:
            rates = np.ascontiguousarray(rates, np.float64)
            if rates.ndim != 2 or rates.shape[1] != self.p.n_rates:
                raise ValueError(f"rates must have {self.p.n_rates} columns. Received: shape={rates.shape}")
            self.p.rates = <const double *>cnp.PyArray_DATA(rates)
            self.bound["rates"] = rates
            self.rates_end = first + len(rates)
        for i in range(self.p.n_rules):
            wanted = (len(arrays[0]), self.p.rules[i].update.scalars)
            if arrays[i].shape != wanted:
                raise ValueError(f"scalars must have shape {wanted}. Received: {arrays[i].shape}")
        for i in range(self.p.n_rules):
            skipped = before * self.p.rules[i].update.scalars
            self.p.rules[i].scalars = <const double *>cnp.PyArray_DATA(arrays[i]) + skipped
        self.bound["scalars"] = arrays
        self.p.first_scalars = first
        self.scalars_end = first + len(arrays[0]) - before if arrays else 0

    cdef int check_ids(self, int64_t samples) except -1:
        """Every id among the first samples of the inputs has a row in its table."""
        cdef double found = 0
        cdef int64_t sample = 0
        cdef int fine, index
        for step, owner in self.owners.items():
            index = step
            with nogil:
                fine = fastnn_embedding_check(self.p, index, samples, &found, &sample)
            if fine < 0:
                raise MemoryError("no memory to look through the ids")
            if not fine:
                rows = self.p.parameters[self.p.steps[index].parameters[0]].rows
                raise ValueError(f"Layer '{owner}' takes ids in [0, {rows}), one for each row of its table. "
                                 f"Received: id {found:g} in sample {sample}")
        return 0

    def refresh(self):
        """Follows parameters that were changed from outside."""
        cdef fastnn_fp_mode mode
        self.check_idle()
        with nogil:
            mode = fastnn_flush_denormals()
            fastnn_program_prepare(self.p)
            fastnn_restore_denormals(mode)

    def run(self, int64_t first, int64_t steps, double seconds=1e30):
        """Runs batches `first` to `first + steps`, fewer when `seconds` have passed; returns how many were run."""
        cdef int64_t done, all_steps
        if self.running or not self.started:
            raise RuntimeError("the program is running, or was not started")
        all_steps = (self.p.samples + self.p.batch_size - 1) // self.p.batch_size
        if steps < 0 or steps > all_steps or not 0 <= first <= all_steps - steps:
            raise ValueError(f"batches must be within the {all_steps} there are. Received: {first}, {steps}")
        if self.p.n_rules and steps and not self.p.first_scalars <= first <= first + steps <= self.scalars_end:
            raise ValueError(f"there are scalars of batches {self.p.first_scalars} to {self.scalars_end}. "
                             f"Received: {first}, {steps}")
        if self.p.n_rates and steps and not self.p.first_scalars <= first <= first + steps <= self.rates_end:
            raise ValueError(f"there are rates of batches {self.p.first_scalars} to {self.rates_end}. "
                             f"Received: {first}, {steps}")
        self.running = True
        try:
            with nogil:
                done = fastnn_program_run(self.p, first, steps, seconds)
        finally:
            self.running = False
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return done

    cdef bint is_parameter(self, cnp.ndarray a) noexcept:
        """Whether an array lies, with some of its bytes, in a parameter."""
        cdef char *low
        cdef char *high
        cdef fastnn_parameter *q
        cdef int i
        extent(a, &low, &high)
        for i in range(self.p.n_parameters):
            q = &self.p.parameters[i]
            if low < <char *>q.data + q.rows * q.cols * self.kernels.itemsize and <char *>q.data < high:
                return True
        return False

    def predict_few(self, x, out=None):
        """The result for the rows of `x`, at once and on this thread; None where that is not the way to compute it.

        The fast lane of a compiled forward pass with one input and one output: it takes a matrix of real numbers with
        few rows, and keeps the GIL, which is cheaper than giving it up and is all the locking that is needed. `out`, if
        given, is where the result goes.
        """
        cdef cnp.ndarray a, y
        cdef cnp.npy_intp shape[2]
        cdef fastnn_value *v
        cdef fastnn_value *w
        cdef int typenum = cnp.NPY_FLOAT32 if self.kernels.itemsize == 4 else cnp.NPY_FLOAT64
        if not isinstance(x, cnp.ndarray) or self.p.n_feeds != 1 or self.p.n_results != 1:
            return None
        a = <cnp.ndarray>x
        if (cnp.PyArray_NDIM(a) != 2 or not is_source(a) or not self.finished or self.running or self.started
                or self.callables):
            return None
        v = &self.p.values[self.p.feeds[0].value]
        w = &self.p.values[self.p.results[0].value]
        shape[0], shape[1] = cnp.PyArray_DIM(a, 0), w.width
        if (cnp.PyArray_DIM(a, 1) != v.width or v.per_sample != 1 or w.per_sample != 1 or shape[0] < 1
                or shape[0] > self.p.capacity or self.p.flops * shape[0] > FEW_FLOPS):
            return None
        if out is None:
            y = cnp.PyArray_EMPTY(2, shape, typenum, 0)
        else:
            if not isinstance(out, cnp.ndarray):
                return None
            y = <cnp.ndarray>out
            if (cnp.PyArray_TYPE(y) != typenum or cnp.PyArray_NDIM(y) != 2 or not cnp.PyArray_ISCARRAY(y)
                    or cnp.PyArray_DIM(y, 0) != shape[0] or cnp.PyArray_DIM(y, 1) != shape[1] or overlap(y, a)
                    or self.is_parameter(y)):
                return None
        describe_source(&self.p.feeds[0].source, a, "x")
        if self.owners:
            try:
                self.check_ids(shape[0])
            except ValueError:
                self.p.feeds[0].source.data = NULL
                raise
        self.p.results[0].data = <char *>cnp.PyArray_DATA(y)
        self.p.order = NULL
        self.p.samples = self.p.batch_size = shape[0]
        fastnn_program_prepare(self.p)
        fastnn_program_run(self.p, 0, 1, 1e30)
        self.p.feeds[0].source.data = NULL
        self.p.results[0].data = NULL
        return y

    @property
    def iteration(self):
        """The number of the present batch, counted over all runs."""
        return self.p.iteration

    @property
    def totals(self):
        """(sum of batch losses times their samples, samples) since the start."""
        return self.p.loss_sum, self.p.samples_seen

    def go_on_from(self, double loss_sum, int64_t samples, steps=(), sums=()):
        """Sets what `totals`, and `loss_total` of some steps, returned when the same run was left in its midst."""
        cdef int step
        for step in steps:
            if not 0 <= step < self.p.n_steps:
                raise IndexError(f"no such step. Received: {step}")
        self.p.loss_sum, self.p.samples_seen = loss_sum, samples
        for step, total in zip(steps, sums):
            self.p.steps[step].loss_sum = total

    @property
    def last_loss(self):
        """Loss of the last batch, regularization included."""
        return self.p.last_loss

    def loss_total(self, step):
        """Like `totals[0]`, of one loss step alone, before its weight."""
        self.check_step(step)
        return self.p.steps[<int>step].loss_sum
