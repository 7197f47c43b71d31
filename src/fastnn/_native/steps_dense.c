/* The dense step, and the one with a normalization by constants behind it. */
#include <string.h>

#include "steps.h"

enum { KERNEL, BIAS };

/* --- dense: y[m, units] = f(x[m, in] · kernel[in, units] + bias[units]) ------------------------------------------- */

/* y = x · kernel + bias, with `relu` no less than 0 */
static void multiply(fastnn_program *p, const fastnn_step *s, int relu, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample;
    const fastnn_gemm g = {.m = m,
                           .n = y->width,
                           .k = x->width,
                           .a = fastnn_row(p, x, x->data, row0),
                           .a_row = x->row,
                           .a_col = 1,
                           .b = weights(p, s, KERNEL),
                           .b_row = y->width,
                           .bias = weights(p, s, BIAS),
                           .c = fastnn_row(p, y, y->data, row0),
                           .c_row = y->row,
                           .relu = relu,
                           .scratch = p->workers[worker].scratch};
    p->kernels->gemm(&g);
}

static void dense_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int relu = s->activation && strcmp(s->activation->name, "relu") == 0;
    char *out = fastnn_row(p, y, y->data, row0);
    multiply(p, s, relu, row0, row1, worker);
    if (s->activation && !relu)
        fastnn_activate_rows(p, s, out, y->row, out, y->row, (row1 - row0) * x->per_sample, y->width);
}

/* dz = dy · f'(y), in place; dx = dz · kernelᵀ */
static void dense_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample;
    char *dy = fastnn_row(p, y, y->gradient, row0);
    if (s->activation)
        fastnn_activate_rows_backward(p, s, fastnn_row(p, y, y->data, row0), y->row, dy, y->row, dy, y->row, m,
                                      y->width);
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
    if (x->width > 2 * p->kernels->tile_cols && y->width > p->kernels->tile_cols) {
        /* several tiles will read these columns of dz: pack them once for all that this worker gets in a row */
        if (w->packed_step != s || w->packed_batch != p->batch || w->packed_column != tile->col0) {
            p->kernels->pack(m, cols, dz, y->row, w->packed);
            w->packed_step = s;
            w->packed_batch = p->batch;
            w->packed_column = tile->col0;
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
    char *out = fastnn_row(p, y, y->data, row0);
    multiply(p, s, 0, row0, row1, worker);
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
