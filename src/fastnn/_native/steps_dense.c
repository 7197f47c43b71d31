/* The dense step, and the one that has a normalization by constants in it. */
#include <math.h>
#include <string.h>

#include "steps.h"

enum { KERNEL, BIAS };

/* --- dense: y[m, units] = f(x[m, in] · kernel[in, units] + bias[units]) ------------------------------------------- */

static void rows_forward(fastnn_program *p, const fastnn_step *s, const void *kernel, const void *bias, int64_t row0,
                         int64_t row1, int worker) {
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
                           .b = kernel,
                           .b_row = y->width,
                           .bias = bias,
                           .c = out,
                           .c_row = y->row,
                           .relu = relu,
                           .scratch = p->workers[worker].scratch};
    p->kernels->gemm(&g);
    if (s->activation && !relu) fastnn_activate_rows(p, s, out, y->row, out, y->row, m, y->width);
}

static void dense_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    rows_forward(p, s, weights(p, s, KERNEL), weights(p, s, BIAS), row0, row1, worker);
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
                                   .flops = dense_flops};

/* --- folded_dense: a dense step and the normalization by moving statistics behind it, or with `length` before it, in
 * one product. The weights are folded anew at the start of every run, so a change of any of them counts. ------------- */

enum { GAMMA = BIAS + 1, BETA, MEAN, VARIANCE };

/* The folded kernel, and behind it the folded bias. */
static int64_t folded_buffer(const fastnn_program *p, const fastnn_step *s) {
    return (value(p, s->inputs[0])->width + 1) * value(p, s->output)->width;
}

static char *folded_bias(const fastnn_program *p, const fastnn_step *s) {
    return (char *)s->buffer + value(p, s->inputs[0])->width * value(p, s->output)->width * p->kernels->itemsize;
}

/* Number j is normalized to scale · number + shift. */
static double folded_scale(const fastnn_program *p, const fastnn_step *s, int64_t j, double *shift) {
    const void *gamma = weights(p, s, GAMMA), *beta = weights(p, s, BETA);
    const double scale = (gamma ? get(p, gamma, j) : 1) / sqrt(get(p, weights(p, s, VARIANCE), j) + s->epsilon);
    *shift = (beta ? get(p, beta, j) : 0) - get(p, weights(p, s, MEAN), j) * scale;
    return scale;
}

/* behind: kernel[i,j] · scale[j], bias[j] · scale[j] + shift[j]; before: kernel[i,j] · scale[i], bias[j] + Σ shift[i] ·
 * kernel[i,j] */
static void folded_prepare(fastnn_program *p, fastnn_step *s) {
    const int64_t k = value(p, s->inputs[0])->width, n = value(p, s->output)->width, row = n * p->kernels->itemsize;
    const char *kernel = weights(p, s, KERNEL);
    const void *bias = weights(p, s, BIAS);
    char *to = s->buffer, *bias_to = folded_bias(p, s);
    double shift;
    if (!s->length) {
        /* the place of the bias holds the factors first */
        for (int64_t j = 0; j < n; ++j) set(p, bias_to, j, folded_scale(p, s, j, &shift));
        p->kernels->affine(k, n, kernel, n, bias_to, NULL, to, n);
        for (int64_t j = 0; j < n; ++j) {
            const double scale = folded_scale(p, s, j, &shift);
            set(p, bias_to, j, (bias ? get(p, bias, j) : 0) * scale + shift);
        }
        return;
    }
    for (int64_t j = 0; j < n; ++j) set(p, bias_to, j, bias ? get(p, bias, j) : 0);
    for (int64_t i = 0; i < k; ++i) {
        const double scale = folded_scale(p, s, i, &shift);
        for (int64_t j = 0; j < n; ++j) set(p, bias_to, j, get(p, bias_to, j) + shift * get(p, kernel + i * row, j));
        memcpy(to + i * row, kernel + i * row, (size_t)row);
        p->kernels->scale(n, to + i * row, scale);
    }
}

static void folded_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    rows_forward(p, s, s->buffer, folded_bias(p, s), row0, row1, worker);
}

static int folded_fits(const fastnn_program *p, const fastnn_step *s) {
    if (!dense_fits(p, s) || !parameter(p, s, MEAN) || !parameter(p, s, VARIANCE)) return 0;
    const int64_t length = value(p, s->length ? s->inputs[0] : s->output)->width;
    for (int i = GAMMA; i <= VARIANCE; ++i)
        if (!is_vector(parameter(p, s, i), length)) return 0;
    return 1;
}

const fastnn_op fastnn_folded_dense_op = {.name = "folded_dense",
                                          .fits = folded_fits,
                                          .prepare = folded_prepare,
                                          .forward = folded_forward,
                                          .buffer = folded_buffer,
                                          .flops = dense_flops};
