"""The C floor, as Cython sees it."""

from libc.stdint cimport int64_t, uint64_t


cdef extern from "_native/kernels.h" nogil:
    ctypedef struct fastnn_gemm:
        int64_t m, n, k
        const void *a
        int64_t a_row, a_col
        const void *b
        int64_t b_row, b_col
        const void *bias
        void *c
        int64_t c_row
        int accumulate, relu, packed
        void *scratch

    ctypedef struct fastnn_binary:
        const char *name

    ctypedef struct fastnn_activation:
        const char *name
        int needs_input

    ctypedef struct fastnn_loss_args:
        int64_t m, n
        const void *prediction
        int64_t prediction_row
        const void *target
        int64_t target_row
        const void *weight
        double scale
        const double *params
        const void *columns
        void *row_loss
        void *gradient
        int64_t gradient_row
        void *output
        int64_t output_row

    ctypedef enum fastnn_targets:
        FASTNN_EACH
        FASTNN_LABEL
        FASTNN_SHARED
        FASTNN_HALF

    int64_t fastnn_target_columns(fastnn_targets targets, int64_t n) noexcept nogil

    ctypedef struct fastnn_loss:
        const char *name
        fastnn_targets targets
        void (*rows)(const fastnn_loss_args *args) noexcept nogil

    ctypedef struct fastnn_metric_args:
        int64_t m, n
        const void *prediction
        int64_t prediction_row
        const void *target
        int64_t target_row, target_n
        const void *weight
        const double *params
        const void *columns
        const fastnn_loss *loss
        double *state

    ctypedef struct fastnn_metric:
        const char *name
        fastnn_targets targets
        int64_t (*states)(const double *params) noexcept nogil
        void (*fold)(const fastnn_metric_args *args) noexcept nogil

    enum:
        FASTNN_MAX_SLOTS
        FASTNN_MAX_SCALARS

    ctypedef enum fastnn_slot_shape:
        FASTNN_PER_WEIGHT, FASTNN_PER_ROW, FASTNN_PER_COLUMN

    ctypedef struct fastnn_whole:
        int64_t rows, cols
        void *w
        const void *g
        void **slots
        void *scratch

    ctypedef struct fastnn_update:
        const char *name
        int slots, scalars
        void (*apply)(int64_t n, void *w, const void *g, void **slots, const double *h) noexcept nogil
        void (*whole)(const fastnn_whole *parameter, const double *h) noexcept nogil
        int64_t (*scratch)(int64_t rows, int64_t cols) noexcept nogil
        fastnn_slot_shape *shapes

    ctypedef enum fastnn_source_type:
        FASTNN_BOOL, FASTNN_I8, FASTNN_U8, FASTNN_I16, FASTNN_U16, FASTNN_I32, FASTNN_U32, FASTNN_I64, FASTNN_U64
        FASTNN_F16, FASTNN_F32, FASTNN_F64

    ctypedef struct fastnn_kernels:
        const char *isa
        int itemsize, lanes, tile_rows, tile_cols
        int64_t (*gemm_packed)(int64_t n, int64_t k) noexcept nogil
        void (*pack)(int64_t k, int64_t n, const void *b, int64_t b_row, void *packed) noexcept nogil
        void (*pack_transposed)(int64_t k, int64_t row0, int64_t row1, int64_t col0, int64_t col1, const void *b,
                                int64_t b_row, void *packed) noexcept nogil
        void (*column_sums)(int64_t m, int64_t n, const void *a, int64_t a_row, int accumulate,
                            void *sums) noexcept nogil
        const fastnn_activation *activations
        const fastnn_binary *binaries
        void (*softmax)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row) noexcept nogil
        void (*log_softmax)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row) noexcept nogil
        void (*softmax_backward)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy, int64_t dy_row,
                                 void *dx, int64_t dx_row) noexcept nogil
        void (*log_softmax_backward)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy,
                                     int64_t dy_row, void *dx, int64_t dx_row) noexcept nogil
        void (*add)(int64_t n, const void *a, const void *b, void *c) noexcept nogil
        void (*affine)(int64_t m, int64_t n, const void *x, int64_t x_row, const void *scale, const void *shift,
                       void *y, int64_t y_row) noexcept nogil
        void (*moments)(int64_t m, int64_t n, const void *x, int64_t x_row, void *mean, void *variance) noexcept nogil
        void (*normalization_sums)(int64_t m, int64_t n, const void *x, int64_t x_row, const void *dy, int64_t dy_row,
                                   const void *mean, const void *inv_std, void *sum_dy,
                                   void *sum_dy_xhat) noexcept nogil
        void (*normalization_backward)(int64_t m, int64_t n, int64_t m_all, const void *x, int64_t x_row,
                                       const void *dy, int64_t dy_row, const void *mean, const void *inv_std,
                                       const void *gamma, const void *sum_dy, const void *sum_dy_xhat, void *dx,
                                       int64_t dx_row) noexcept nogil
        void (*discretize)(int64_t m, int64_t n, const void *x, int64_t x_row, int64_t k, const void *boundaries,
                           void *y, int64_t y_row) noexcept nogil
        void (*encode)(int64_t m, int64_t n, const void *x, int64_t x_row, int64_t depth, int count, void *y,
                       int64_t y_row) noexcept nogil
        const fastnn_loss *losses
        const fastnn_metric *metrics
        const fastnn_update *updates
        void (*follow)(int64_t n, const void *w, void *average, double share) noexcept nogil
        double (*regularize)(int64_t n, const void *w, void *g, double l1, double l2) noexcept nogil
        void (*clip)(int64_t n, void *g, double limit) noexcept nogil
        void (*scale)(int64_t n, void *g, double factor) noexcept nogil
        double (*sum_of_squares)(int64_t n, const void *g) noexcept nogil
        double (*max_abs_difference)(int64_t n, const void *a, const void *b) noexcept nogil
        void (*dropout)(int64_t n, int64_t first, uint64_t key, uint64_t counter, double rate, const void *x,
                        void *y) noexcept nogil
        int64_t (*multiply_adds)(int64_t rounds, void *sum) noexcept nogil
        void (*shuffle)(int64_t n, uint64_t key, uint64_t counter, int64_t *order) noexcept nogil

    int fastnn_isa_count()
    const char *fastnn_isa_name(int index)
    int fastnn_isa_available(int index)
    const fastnn_kernels *fastnn_isa_kernels(int index, int itemsize)


cdef extern from "_native/denormals.h" nogil:
    ctypedef uint64_t fastnn_fp_mode
    fastnn_fp_mode fastnn_flush_denormals()
    void fastnn_restore_denormals(fastnn_fp_mode before)


cdef extern from "_native/system.h" nogil:
    double fastnn_now()


cdef extern from "_native/threads.h" nogil:
    int fastnn_get_num_threads()
    void fastnn_set_num_threads(int threads)


cdef extern from "_native/linear.h" nogil:
    int fastnn_linear(const fastnn_kernels *kernels, const fastnn_gemm *g, const fastnn_activation *activation,
                      const double *params)
    void fastnn_activate(const fastnn_kernels *kernels, const fastnn_activation *activation, int64_t n, const void *x,
                         void *y, const double *params)
    void fastnn_activate_backward(const fastnn_kernels *kernels, const fastnn_activation *activation, int64_t n,
                                  const void *x_or_y, const void *dy, void *dx, const double *params)


cdef extern from "_native/data.h" nogil:
    enum:
        FASTNN_MAX_DIMS

    ctypedef struct fastnn_source:
        const char *data
        int64_t samples, size

    ctypedef struct fastnn_csr:
        const int64_t *starts
        const void *columns
        const void *values
        int wide, sorted
        int64_t samples

    void fastnn_source_init(fastnn_source *source, const void *data, fastnn_source_type type, int itemsize, int dims,
                            const int64_t *shape, const int64_t *strides)
    void fastnn_source_read(const fastnn_source *source, const fastnn_kernels *kernels, const int64_t *order,
                            int64_t first, int64_t count, void *dst, int64_t dst_row)
    int64_t fastnn_source_first_not_finite(const fastnn_source *source, int itemsize)
    void fastnn_source_range(const fastnn_source *source, double *low, double *high, int *whole)


cdef extern from "_native/program.h" nogil:
    enum:
        FASTNN_MAX_INPUTS
        FASTNN_MAX_PARAMETERS
        FASTNN_MAX_PARAMS
        FASTNN_NONE
        FASTNN_FORWARD

    ctypedef struct fastnn_step
    ctypedef struct fastnn_program

    ctypedef struct fastnn_op:
        const char *name
        int (*fits)(const fastnn_program *, const fastnn_step *) noexcept
        int row_losses, reads_transposed

    ctypedef struct fastnn_value:
        int64_t per_sample, width, row
        int wants_gradient, unread
        char *data
        char *gradient

    ctypedef enum fastnn_constraint:
        FASTNN_FREE, FASTNN_POSITIVE, FASTNN_NORM_OF_COLUMNS, FASTNN_NORM_OF_ROWS, FASTNN_PYTHON_CONSTRAINT

    ctypedef struct fastnn_parameter:
        void *data
        int64_t rows, cols
        int trainable, wants_transposed, rule, keep
        double l1, l2
        int per_sample
        void **slots
        void *accumulator
        void *average
        void *gradient
        fastnn_constraint constraint
        double low, high, rate
        int python, regularizer
        double penalty
        void *slope

    ctypedef struct fastnn_rule:
        const fastnn_update *update
        const double *scalars

    ctypedef struct fastnn_step:
        const fastnn_binary *binary
        const int64_t *index
        int64_t length
        const fastnn_op *op
        int *inputs
        int output
        int *parameters
        int backward
        const fastnn_activation *activation
        const fastnn_loss *loss
        const fastnn_metric *metric
        double *params
        int default_params
        double rate, epsilon, momentum
        int rate_column
        uint64_t stream
        const void *columns
        double *state
        double loss_weight
        int sum_reduction, by_weight, row_loss
        double batch_loss, loss_sum
        int python

    ctypedef struct fastnn_feed:
        int value
        fastnn_source source
        fastnn_csr csr

    ctypedef struct fastnn_result:
        int value, gradient
        char *data

    ctypedef struct fastnn_program:
        const fastnn_kernels *kernels
        fastnn_value *values
        fastnn_parameter *parameters
        fastnn_step *steps
        fastnn_feed *feeds
        fastnn_result *results
        fastnn_rule *rules
        int n_values, n_parameters, n_steps, n_feeds, n_results, n_rules
        int64_t capacity, arena_bytes, flops, pulls
        const int64_t *order
        int64_t samples, batch_size
        int64_t first_scalars, accumulation, overwriting
        const double *rates
        int n_rates
        double averaging
        int updater
        double clip_value, clip_norm, global_clip_norm
        uint64_t seed, iteration
        int (*python)(void *context, int callable, int direction) noexcept
        void *context
        int copies_inputs
        int64_t first, rows
        double loss_sum, samples_seen, last_loss

    const fastnn_op *fastnn_find_op(const char *name)
    fastnn_program *fastnn_program_new(const fastnn_kernels *kernels)
    void fastnn_program_free(fastnn_program *program)
    int fastnn_program_value(fastnn_program *, int64_t per_sample, int64_t width, int wants_gradient)
    int fastnn_program_view(fastnn_program *, int value, int64_t per_sample, int64_t width)
    int fastnn_program_columns(fastnn_program *, int value, int64_t column, int64_t width)
    int fastnn_program_branch(fastnn_program *, int value)
    int fastnn_program_parameter(fastnn_program *, void *data, int64_t rows, int64_t cols, int trainable)
    int fastnn_program_step(fastnn_program *, const fastnn_op *op)
    int fastnn_program_feed(fastnn_program *, int value)
    int fastnn_program_result(fastnn_program *, int value, int gradient)
    int fastnn_program_rule(fastnn_program *, const fastnn_update *update)
    int fastnn_program_finish(fastnn_program *, int64_t capacity)
    void fastnn_program_reset(fastnn_program *)
    void fastnn_program_prepare(fastnn_program *)
    int fastnn_embedding_check(const fastnn_program *, int step, int64_t samples, double *id, int64_t *sample)
    int64_t fastnn_program_run(fastnn_program *, int64_t first, int64_t steps, double seconds)


cdef extern from "_native/hashing.h" nogil:
    uint64_t fastnn_fingerprint64(const char *bytes, uint64_t length)
    uint64_t fastnn_siphash64(const char *bytes, uint64_t length, uint64_t key0, uint64_t key1)
