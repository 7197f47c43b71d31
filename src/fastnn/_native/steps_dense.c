/* The dense step, and the one with a normalization by constants behind it. */
#include <string.h>

#include "steps.h"

enum { KERNEL, BIAS };

/* --- dense: y[m, units] = f(x[m, in] · kernel[in, units] + bias[units]) ------------------------------------------- */

/* y = x · kernel + bias, with `relu` no less than 0: a tile of it, and where that lies */
static char *multiply(fastnn_program *p, const fastnn_step *s, int relu, const fastnn_tile *t, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t from = t->col0 * p->kernels->itemsize;
    const char *kernel = weights(p, s, KERNEL), *bias = weights(p, s, BIAS);
    const fastnn_gemm g = {.m = (t->row1 - t->row0) * x->per_sample,
                           .n = t->col1 - t->col0,
                           .k = x->width,
                           .a = fastnn_row(p, x, x->data, t->row0),
                           .a_row = x->row,
                           .a_col = 1,
                           .b = kernel + from,
                           .b_row = y->width,
                           .bias = bias ? bias + from : NULL,
                           .c = fastnn_row(p, y, y->data, t->row0) + from,
                           .c_row = y->row,
                           .relu = relu,
                           .scratch = p->workers[worker].scratch};
    p->kernels->gemm(&g);
    return g.c;
}

static void forward_tile(fastnn_program *p, const fastnn_step *s, const fastnn_tile *t, int worker) {
    const fastnn_value *y = value(p, s->output);
    const int relu = s->activation && strcmp(s->activation->name, "relu") == 0;
    char *out = multiply(p, s, relu, t, worker);
    if (s->activation && !relu)
        fastnn_activate_rows(p, s, out, y->row, out, y->row, (t->row1 - t->row0) * y->per_sample, t->col1 - t->col0);
}

static void dense_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_tile tile = {row0, row1, 0, value(p, s->output)->width};
    forward_tile(p, s, &tile, worker);
}

static void dense_forward_columns(fastnn_program *p, const fastnn_step *s, int64_t col0, int64_t col1, int worker) {
    const fastnn_tile tile = {0, p->rows, col0, col1};
    forward_tile(p, s, &tile, worker);
}

/* dz = dy · f'(y), in place */
static void dense_backward_before(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1) {
    const fastnn_value *y = value(p, s->output);
    char *dy = fastnn_row(p, y, y->gradient, row0);
    if (s->activation)
        fastnn_activate_rows_backward(p, s, fastnn_row(p, y, y->data, row0), y->row, dy, y->row, dy, y->row,
                                      (row1 - row0) * y->per_sample, y->width);
}

/* dx = dz · kernelᵀ: a tile of it; col0 is the first column of a panel */
static void multiply_back(fastnn_program *p, const fastnn_step *s, const fastnn_tile *t, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t itemsize = p->kernels->itemsize;
    const fastnn_gemm g = {.m = (t->row1 - t->row0) * x->per_sample,
                           .n = t->col1 - t->col0,
                           .k = y->width,
                           .a = fastnn_row(p, y, y->gradient, t->row0),
                           .a_row = y->row,
                           .a_col = 1,
                           .b = (char *)p->parameters[s->parameters[0]].transposed + t->col0 * y->width * itemsize,
                           .packed = 1,
                           .scratch = p->workers[worker].scratch,
                           .c = fastnn_row(p, x, x->gradient, t->row0) + t->col0 * itemsize,
                           .c_row = x->row};
    p->kernels->gemm(&g);
}

static void dense_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]);
    const fastnn_tile tile = {row0, row1, 0, x->width};
    dense_backward_before(p, s, row0, row1);
    if (x->gradient) multiply_back(p, s, &tile, worker);
}

static void dense_backward_columns(fastnn_program *p, const fastnn_step *s, int64_t col0, int64_t col1, int worker) {
    const fastnn_tile tile = {0, p->rows, col0, col1};
    multiply_back(p, s, &tile, worker);
}

/* The update of a tile follows its gradient: until then, what it reads comes closer, and what all workers have read, weights
 * and their packed copy, becomes this one's own. */
static void bring_closer(const fastnn_program *p, const fastnn_parameter *q, const fastnn_tile *t, fastnn_gemm *g) {
    const int64_t itemsize = p->kernels->itemsize, at = (t->row0 * q->cols + t->col0) * itemsize;
    if (!p->updating || q->late || q->rule == FASTNN_NONE) return;
    int arrays = 0;
    g->soon_row = q->cols * itemsize;
    g->soon_rows = t->row1 - t->row0;
    g->soon_bytes = (t->col1 - t->col0) * itemsize;
    g->soon[arrays++] = (const char *)q->data + at;
    if (g->soon_bytes == g->soon_row) {
        g->soon_bytes *= g->soon_rows;
        g->soon_rows = 1;
        if (q->wants_transposed) g->soon[arrays++] = (const char *)q->transposed + at; /* whole panels of it */
    }
    g->soon_shared = arrays;
    for (int i = 0; i < p->rules[q->rule].update->slots && arrays < FASTNN_SOON; ++i)
        g->soon[arrays++] = (const char *)q->slots[i] + at;
}

/* dkernel = xᵀ · dz and dbias = Σ dz, over all rows of the batch in order */
static void dense_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile, void *gradient,
                           int accumulate, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = p->rows * x->per_sample, cols = tile->col1 - tile->col0;
    const char *dz = y->gradient + tile->col0 * p->kernels->itemsize;
    fastnn_worker *w = &p->workers[worker];
    if (which == 1) {
        p->kernels->column_sums(m, y->width, y->gradient, y->row, accumulate, gradient);
        return;
    }
    fastnn_gemm g = {.m = tile->row1 - tile->row0,
                     .n = cols,
                     .k = m,
                     .a = x->data + tile->row0 * p->kernels->itemsize,
                     .a_row = 1,
                     .a_col = x->row,
                     .b = dz,
                     .b_row = y->row,
                     .c = gradient,
                     .c_row = cols,
                     .accumulate = accumulate,
                     .scratch = w->scratch};
    if (x->width >= 2 * p->kernels->tile_cols && y->width > p->kernels->tile_cols) {
        /* several tiles will read these columns of dz: pack them once for all that this worker gets in a row */
        if (w->packed_step != s || w->packed_batch != p->batch || w->packed_column != tile->col0) {
            p->kernels->pack(m, cols, dz, y->row, w->packed);
            w->packed_step = s;
            w->packed_batch = p->batch;
            w->packed_column = tile->col0;
        }
        g.b = w->packed;
        g.packed = 1;
        bring_closer(p, parameter(p, s, which), tile, &g);
    }
    p->kernels->gemm(&g);
}

static int64_t dense_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    return 2 * x->per_sample * x->width * y->width;
}

static int dense_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    const fastnn_parameter *kernel = parameter(p, s, 0);
    return x && y && kernel && kernel->rows == x->width && kernel->cols == y->width && same_rows(x, y) &&
           is_vector(parameter(p, s, 1), y->width);
}

const fastnn_op fastnn_dense_op = {.name = "dense",
                                   .fits = dense_fits,
                                   .reads_transposed = 1,
                                   .forward = dense_forward,
                                   .backward = dense_backward,
                                   .gradient = dense_gradient,
                                   .by_columns = 1,
                                   .forward_columns = dense_forward_columns,
                                   .backward_before = dense_backward_before,
                                   .backward_columns = dense_backward_columns,
                                   .flops = dense_flops};

/* --- normalized_dense: a dense step and the normalization by moving statistics behind it: y = f((x · kernel + bias) ·
 * scale + shift), row by row while it is in cache. The same bits as of two steps. ------------------------------------- */

enum { GAMMA = BIAS + 1, BETA, MEAN, VARIANCE };

/* The factors, and behind them the summands. */
static int64_t normalized_buffer(const fastnn_program *p, const fastnn_step *s) {
    return 2 * value(p, s->output)->width;
}

static char *summands(const fastnn_program *p, const fastnn_step *s) {
    return (char *)s->buffer + value(p, s->output)->width * p->kernels->itemsize;
}

static void normalized_prepare(fastnn_program *p, fastnn_step *s) {
    fastnn_moving_affine(p, value(p, s->output)->width, s->epsilon, weights(p, s, GAMMA), weights(p, s, BETA),
                         weights(p, s, MEAN), weights(p, s, VARIANCE), s->buffer, summands(p, s));
}

static void normalized_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample;
    const fastnn_tile tile = {row0, row1, 0, y->width};
    char *out = multiply(p, s, 0, &tile, worker);
    p->kernels->affine(m, y->width, out, y->row, s->buffer, summands(p, s), out, y->row);
    if (s->activation) fastnn_activate_rows(p, s, out, y->row, out, y->row, m, y->width);
}

static int normalized_fits(const fastnn_program *p, const fastnn_step *s) {
    if (!dense_fits(p, s) || !parameter(p, s, MEAN) || !parameter(p, s, VARIANCE)) return 0;
    for (int i = GAMMA; i <= VARIANCE; ++i)
        if (!is_vector(parameter(p, s, i), value(p, s->output)->width)) return 0;
    return 1;
}

const fastnn_op fastnn_normalized_dense_op = {.name = "normalized_dense",
                                              .fits = normalized_fits,
                                              .prepare = normalized_prepare,
                                              .forward = normalized_forward,
                                              .buffer = normalized_buffer,
                                              .flops = dense_flops};
