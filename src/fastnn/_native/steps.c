/* What steps do: the list of ops. Each is a few lines that cut its values and parameters into kernels' arguments. */
#include <math.h>
#include <string.h>

#include "program.h"

static const fastnn_value *value(const fastnn_program *p, int index) { return &p->values[index]; }

/* Where a parameter's data lies; NULL where the step has none. */
static void *weights(const fastnn_program *p, const fastnn_step *s, int which) {
    return s->parameters[which] == FASTNN_NONE ? NULL : p->parameters[s->parameters[which]].data;
}

static const double *params(const fastnn_step *s) { return s->default_params ? NULL : s->params; }

/* Calls an elementwise kernel on rows of equal width: once where they lie end to end, else row by row. */
static void activate(const fastnn_program *p, const fastnn_step *s, const char *x, int64_t x_row, char *y,
                     int64_t y_row, int64_t m, int64_t n) {
    const int64_t itemsize = p->kernels->itemsize;
    if (x_row == n && y_row == n) {
        s->activation->forward(m * n, x, y, params(s));
        return;
    }
    for (int64_t i = 0; i < m; ++i)
        s->activation->forward(n, x + i * x_row * itemsize, y + i * y_row * itemsize, params(s));
}

static void activate_backward(const fastnn_program *p, const fastnn_step *s, const char *xy, int64_t xy_row,
                              const char *dy, int64_t dy_row, char *dx, int64_t dx_row, int64_t m, int64_t n) {
    const int64_t itemsize = p->kernels->itemsize;
    if (xy_row == n && dy_row == n && dx_row == n) {
        s->activation->backward(m * n, xy, dy, dx, params(s));
        return;
    }
    for (int64_t i = 0; i < m; ++i)
        s->activation->backward(n, xy + i * xy_row * itemsize, dy + i * dy_row * itemsize, dx + i * dx_row * itemsize,
                                params(s));
}

/* --- dense: y[m, units] = f(x[m, in] · kernel[in, units] + bias[units]) ------------------------------------------- */

static void dense_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample;
    char *out = fastnn_row(p, y, y->data, row0);
    const int relu = s->activation && strcmp(s->activation->name, "relu") == 0;
    const fastnn_gemm g = {.m = m,
                           .n = y->width,
                           .k = x->width,
                           .a = fastnn_row(p, x, x->data, row0),
                           .a_row = x->row,
                           .a_col = 1,
                           .b = weights(p, s, 0),
                           .b_row = y->width,
                           .bias = weights(p, s, 1),
                           .c = out,
                           .c_row = y->row,
                           .relu = relu,
                           .scratch = p->workers[worker].scratch};
    p->kernels->gemm(&g);
    if (s->activation && !relu) activate(p, s, out, y->row, out, y->row, m, y->width);
}

/* dz = dy · f'(y), in place; dx = dz · kernelᵀ */
static void dense_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample;
    char *dy = fastnn_row(p, y, y->gradient, row0);
    if (s->activation)
        activate_backward(p, s, fastnn_row(p, y, y->data, row0), y->row, dy, y->row, dy, y->row, m, y->width);
    if (!x->gradient) return;
    const fastnn_gemm g = {.m = m,
                           .n = x->width,
                           .k = y->width,
                           .a = dy,
                           .a_row = y->row,
                           .a_col = 1,
                           .b = p->parameters[s->parameters[0]].transposed,
                           .packed = 1,
                           .scratch = p->workers[worker].scratch,
                           .c = fastnn_row(p, x, x->gradient, row0),
                           .c_row = x->row};
    p->kernels->gemm(&g);
}

/* dkernel = xᵀ · dz and dbias = Σ dz, over all rows of the batch in order */
static void dense_gradient(fastnn_program *p, const fastnn_step *s, int which, int64_t row0, int64_t row1,
                           void *gradient, int accumulate, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = p->rows * x->per_sample;
    fastnn_worker *w = &p->workers[worker];
    if (which == 1) {
        p->kernels->column_sums(m, y->width, y->gradient, y->row, accumulate, gradient);
        return;
    }
    fastnn_gemm g = {.m = row1 - row0,
                     .n = y->width,
                     .k = m,
                     .a = x->data + row0 * p->kernels->itemsize,
                     .a_row = 1,
                     .a_col = x->row,
                     .b = y->gradient,
                     .b_row = y->row,
                     .c = gradient,
                     .c_row = y->width,
                     .accumulate = accumulate,
                     .scratch = w->scratch};
    if (x->width > 2 * p->kernels->tile_cols && y->width > p->kernels->tile_cols) {
        /* several tiles will read dz: pack it once for all that this worker gets */
        if (w->packed_step != s || w->packed_batch != p->batch) {
            p->kernels->pack(m, y->width, y->gradient, y->row, w->packed);
            w->packed_step = s;
            w->packed_batch = p->batch;
        }
        g.b = w->packed;
        g.packed = 1;
    }
    p->kernels->gemm(&g);
}

static int64_t dense_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    return 2 * x->per_sample * x->width * y->width;
}

/* --- activation and softmax ------------------------------------------------------------------------------------ */

static void activation_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    activate(p, s, fastnn_row(p, x, x->data, row0), x->row, fastnn_row(p, y, y->data, row0), y->row,
             (row1 - row0) * x->per_sample, x->width);
}

static void activation_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const fastnn_value *at = s->activation->needs_input ? x : y;
    (void)worker;
    if (!x->gradient) return;
    activate_backward(p, s, fastnn_row(p, at, at->data, row0), at->row, fastnn_row(p, y, y->gradient, row0), y->row,
                      fastnn_row(p, x, x->gradient, row0), x->row, (row1 - row0) * x->per_sample, x->width);
}

static int64_t activation_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]);
    return 10 * x->per_sample * x->width;
}

static void softmax_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->softmax((row1 - row0) * x->per_sample, x->width, fastnn_row(p, x, x->data, row0), x->row,
                        fastnn_row(p, y, y->data, row0), y->row);
}

static void softmax_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->softmax_backward((row1 - row0) * x->per_sample, x->width, fastnn_row(p, y, y->data, row0), y->row,
                                 fastnn_row(p, y, y->gradient, row0), y->row, fastnn_row(p, x, x->gradient, row0),
                                 x->row);
}

/* --- dropout: y = x · mask / (1 - rate), the mask drawn again on the way back ------------------------------------- */

static void drop(const fastnn_program *p, const fastnn_step *s, const fastnn_value *v, const char *from, char *to,
                 int64_t row0, int64_t row1) {
    const uint64_t key = p->seed ^ (s->stream * 0x9e3779b97f4a7c15u);
    const int64_t first = row0 * v->per_sample * v->width, n = (row1 - row0) * v->per_sample * v->width;
    p->kernels->dropout(n, first, key, p->iteration, s->rate, fastnn_row(p, v, (char *)from, row0),
                        fastnn_row(p, v, to, row0));
}

static void dropout_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    (void)worker;
    drop(p, s, value(p, s->output), value(p, s->inputs[0])->data, value(p, s->output)->data, row0, row1);
}

static void dropout_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    (void)worker;
    if (!value(p, s->inputs[0])->gradient) return;
    drop(p, s, value(p, s->output), value(p, s->output)->gradient, value(p, s->inputs[0])->gradient, row0, row1);
}

/* --- affine: y = x · scale + shift by column, from constants or from moving statistics ---------------------------- */

/* Parameters of the three ops below; gamma and beta may be absent. */
enum { GAMMA, BETA, MEAN, VARIANCE };
/* Vectors in the step's buffer. */
enum { SCALE, SHIFT, BATCH_MEAN, BATCH_VARIANCE, INV_STD, SUM_DY, SUM_DY_XHAT, BUFFERS };

static double get(const fastnn_program *p, const void *data, int64_t i) {
    return p->kernels->itemsize == 4 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static void set(const fastnn_program *p, void *data, int64_t i, double x) {
    if (p->kernels->itemsize == 4)
        ((float *)data)[i] = (float)x;
    else
        ((double *)data)[i] = x;
}

static char *vector(const fastnn_program *p, const fastnn_step *s, int which) {
    return (char *)s->buffer + which * value(p, s->output)->width * p->kernels->itemsize;
}

static int64_t affine_buffer(const fastnn_program *p, const fastnn_step *s) {
    return BUFFERS * value(p, s->output)->width;
}

/* scale = gamma · inv_std, shift = beta - mean · scale */
static void fold_statistics(fastnn_program *p, fastnn_step *s, const void *mean) {
    const int64_t n = value(p, s->output)->width;
    const void *gamma = weights(p, s, GAMMA), *beta = weights(p, s, BETA);
    for (int64_t j = 0; j < n; ++j) {
        const double scale = get(p, vector(p, s, INV_STD), j) * (gamma ? get(p, gamma, j) : 1);
        set(p, vector(p, s, SCALE), j, scale);
        set(p, vector(p, s, SHIFT), j, (beta ? get(p, beta, j) : 0) - get(p, mean, j) * scale);
    }
}

/* inv_std = 1 / sqrt(variance + epsilon) */
static void moving_prepare(fastnn_program *p, fastnn_step *s) {
    const void *variance = weights(p, s, VARIANCE);
    for (int64_t j = 0; j < value(p, s->output)->width; ++j)
        set(p, vector(p, s, INV_STD), j, 1 / sqrt(get(p, variance, j) + s->epsilon));
    fold_statistics(p, s, weights(p, s, MEAN));
}

/* inv_std = 1 / max(sqrt(variance), epsilon), as Keras's Normalization has it */
static void normalization_prepare(fastnn_program *p, fastnn_step *s) {
    const void *variance = weights(p, s, VARIANCE);
    for (int64_t j = 0; j < value(p, s->output)->width; ++j)
        set(p, vector(p, s, INV_STD), j, 1 / fmax(sqrt(get(p, variance, j)), s->epsilon));
    fold_statistics(p, s, weights(p, s, MEAN));
}

static void affine_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->affine((row1 - row0) * x->per_sample, x->width, fastnn_row(p, x, x->data, row0), x->row,
                       vector(p, s, SCALE), vector(p, s, SHIFT), fastnn_row(p, y, y->data, row0), y->row);
}

static void affine_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->affine((row1 - row0) * x->per_sample, x->width, fastnn_row(p, y, y->gradient, row0), y->row,
                       vector(p, s, SCALE), NULL, fastnn_row(p, x, x->gradient, row0), x->row);
}

/* --- batch normalization in training (Ioffe and Szegedy 2015) ------------------------------------------------------ */

static int batch_normalization_statistics(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]);
    void *mean = weights(p, s, MEAN), *variance = weights(p, s, VARIANCE);
    char *batch_mean = vector(p, s, BATCH_MEAN), *batch_variance = vector(p, s, BATCH_VARIANCE);
    p->kernels->moments(p->rows * x->per_sample, x->width, x->data, x->row, batch_mean, batch_variance);
    for (int64_t j = 0; j < x->width; ++j) {
        set(p, vector(p, s, INV_STD), j, 1 / sqrt(get(p, batch_variance, j) + s->epsilon));
        set(p, mean, j, get(p, mean, j) * s->momentum + get(p, batch_mean, j) * (1 - s->momentum));
        set(p, variance, j, get(p, variance, j) * s->momentum + get(p, batch_variance, j) * (1 - s->momentum));
    }
    fold_statistics(p, s, batch_mean);
    return 0;
}

static int batch_normalization_sums(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    p->kernels->normalization_sums(p->rows * x->per_sample, x->width, x->data, x->row, y->gradient, y->row,
                                   vector(p, s, BATCH_MEAN), vector(p, s, INV_STD), vector(p, s, SUM_DY),
                                   vector(p, s, SUM_DY_XHAT));
    return 0;
}

static void batch_normalization_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1,
                                         int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->normalization_backward((row1 - row0) * x->per_sample, x->width, p->rows * x->per_sample,
                                       fastnn_row(p, x, x->data, row0), x->row, fastnn_row(p, y, y->gradient, row0),
                                       y->row, vector(p, s, BATCH_MEAN), vector(p, s, INV_STD), weights(p, s, GAMMA),
                                       vector(p, s, SUM_DY), vector(p, s, SUM_DY_XHAT),
                                       fastnn_row(p, x, x->gradient, row0), x->row);
}

static void batch_normalization_gradient(fastnn_program *p, const fastnn_step *s, int which, int64_t row0, int64_t row1,
                                         void *gradient, int accumulate, int worker) {
    const int64_t n = value(p, s->output)->width;
    const char *sums = vector(p, s, which == GAMMA ? SUM_DY_XHAT : SUM_DY);
    (void)row0, (void)row1, (void)worker;
    if (accumulate)
        p->kernels->add(n, gradient, sums, gradient);
    else
        memcpy(gradient, sums, (size_t)(n * p->kernels->itemsize));
}

/* --- activity regularization: y is x; the loss gains (l1 · Σ|y| + l2 · Σ y²) / samples ------------------------------ */

static void activity_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]);
    const double samples = (double)p->rows;
    (void)worker;
    if (!x->gradient) return;
    for (int64_t i = row0 * x->per_sample; i < row1 * x->per_sample; ++i)
        p->kernels->regularize(x->width, x->data + i * x->row * p->kernels->itemsize,
                               x->gradient + i * x->row * p->kernels->itemsize, s->params[0] / samples,
                               s->params[1] / samples);
}

static void activity_fold(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]);
    s->batch_loss = 0;
    for (int64_t i = 0; i < p->rows * x->per_sample; ++i)
        s->batch_loss += p->kernels->regularize(x->width, x->data + i * x->row * p->kernels->itemsize, NULL,
                                                s->params[0], s->params[1]);
    s->batch_loss /= (double)p->rows;
}

/* --- losses and metrics: inputs are prediction, target, weight (may be absent), loss's own output (probabilities) --- */

enum { PREDICTION, TARGET, WEIGHT };

static double sum_of_rows(const fastnn_program *p, const void *data, int64_t n) {
    double sums[4] = {0};
    for (int64_t i = 0; i < n; ++i) sums[i & 3] += get(p, data, i);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static double loss_scale(const fastnn_program *p, const fastnn_step *s) {
    return s->sum_reduction ? 1 : 1 / (double)(p->rows * value(p, s->inputs[PREDICTION])->per_sample);
}

static void loss_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[PREDICTION]), *t = value(p, s->inputs[TARGET]);
    const fastnn_value *w = s->inputs[WEIGHT] == FASTNN_NONE ? NULL : value(p, s->inputs[WEIGHT]);
    const fastnn_value *y = s->output == FASTNN_NONE ? NULL : value(p, s->output), *l = value(p, s->row_loss);
    (void)worker;
    const fastnn_loss_args args = {.m = (row1 - row0) * x->per_sample,
                                   .n = x->width,
                                   .prediction = fastnn_row(p, x, x->data, row0),
                                   .prediction_row = x->row,
                                   .target = fastnn_row(p, t, t->data, row0),
                                   .target_row = t->row,
                                   .weight = w ? fastnn_row(p, w, w->data, row0) : NULL,
                                   .scale = s->loss_weight * loss_scale(p, s),
                                   .params = params(s),
                                   .row_loss = fastnn_row(p, l, l->data, row0),
                                   .gradient = x->gradient ? fastnn_row(p, x, x->gradient, row0) : NULL,
                                   .gradient_row = x->row,
                                   .output = y ? fastnn_row(p, y, y->data, row0) : NULL,
                                   .output_row = y ? y->row : 0};
    s->loss->rows(&args);
}

static void loss_fold(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *l = value(p, s->row_loss);
    s->batch_loss = sum_of_rows(p, l->data, p->rows * l->per_sample) * loss_scale(p, s);
}

static void metric_fold(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[PREDICTION]), *t = value(p, s->inputs[TARGET]);
    const fastnn_value *w = s->inputs[WEIGHT] == FASTNN_NONE ? NULL : value(p, s->inputs[WEIGHT]);
    const fastnn_metric_args args = {.m = p->rows * x->per_sample,
                                     .n = x->width,
                                     .prediction = x->data,
                                     .prediction_row = x->row,
                                     .target = t->data,
                                     .target_row = t->row,
                                     .target_n = t->width,
                                     .weight = w ? w->data : NULL,
                                     .params = params(s),
                                     .state = s->state};
    s->metric->fold(&args);
}

/* --- steps written in Python --------------------------------------------------------------------------------------- */

static int python_forward(fastnn_program *p, fastnn_step *s) {
    return fastnn_call_python(p, s->python, FASTNN_FORWARD);
}

static int python_backward(fastnn_program *p, fastnn_step *s) {
    return fastnn_call_python(p, s->python, FASTNN_BACKWARD);
}

/* A Python layer leaves its gradients in the kept ones. */
static void python_gradient(fastnn_program *p, const fastnn_step *s, int which, int64_t row0, int64_t row1,
                            void *gradient, int accumulate, int worker) {
    const fastnn_parameter *q = &p->parameters[s->parameters[which]];
    const char *kept = (const char *)q->gradient + row0 * q->cols * p->kernels->itemsize;
    const int64_t n = (row1 - row0) * q->cols;
    (void)worker;
    if (kept == gradient) return;
    if (accumulate)
        p->kernels->add(n, gradient, kept, gradient);
    else
        memcpy(gradient, kept, (size_t)(n * p->kernels->itemsize));
}

static const fastnn_op ops[] = {
    {.name = "dense",
     .forward = dense_forward,
     .backward = dense_backward,
     .gradient = dense_gradient,
     .flops = dense_flops},
    {.name = "activation", .forward = activation_forward, .backward = activation_backward, .flops = activation_flops},
    {.name = "softmax", .forward = softmax_forward, .backward = softmax_backward, .flops = activation_flops},
    {.name = "dropout", .forward = dropout_forward, .backward = dropout_backward, .flops = activation_flops},
    {.name = "normalization",
     .prepare = normalization_prepare,
     .forward = affine_forward,
     .backward = affine_backward,
     .buffer = affine_buffer},
    {.name = "moving_normalization",
     .prepare = moving_prepare,
     .forward = affine_forward,
     .backward = affine_backward,
     .buffer = affine_buffer},
    {.name = "batch_normalization",
     .forward_batch = batch_normalization_statistics,
     .forward = affine_forward,
     .backward_batch = batch_normalization_sums,
     .backward = batch_normalization_backward,
     .gradient = batch_normalization_gradient,
     .buffer = affine_buffer},
    {.name = "activity_regularization", .adds_loss = 1, .backward = activity_backward, .fold = activity_fold},
    {.name = "loss", .adds_loss = 1, .forward = loss_forward, .fold = loss_fold},
    {.name = "metric", .fold = metric_fold},
    {.name = "python", .forward_batch = python_forward, .backward_batch = python_backward, .gradient = python_gradient},
    {.name = "python_loss", .adds_loss = 1, .forward_batch = python_forward, .fold = loss_fold},
};

const fastnn_op *fastnn_find_op(const char *name) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; ++i)
        if (strcmp(ops[i].name, name) == 0) return &ops[i];
    return NULL;
}
