/* Learned factors and summands of columns: y[k · n] = x · scale + shift, where the row x[n] is taken k times. */
#include <string.h>

#include "steps.h"

/* Parameters, which may be absent: one element for each column of y. */
enum { SCALE, SHIFT };
/* Vectors in the step's buffer, as long as a row of y. */
enum { ZEROS, ONES, UNUSED_SUMS, PRODUCTS, BUFFERS };

static char *column(const fastnn_program *p, const void *base, int64_t at) {
    return base ? (char *)base + at * p->kernels->itemsize : NULL;
}

static void scale_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    for (int64_t at = 0; at < y->width; at += x->width)
        p->kernels->affine((row1 - row0) * x->per_sample, x->width, fastnn_row(p, x, x->data, row0), x->row,
                           column(p, weights(p, s, SCALE), at), column(p, weights(p, s, SHIFT), at),
                           column(p, fastnn_row(p, y, y->data, row0), at), y->row);
}

/* dx = Σ dy · scale over the k copies, in order */
static void scale_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample;
    (void)worker;
    if (!x->gradient) return;
    char *dx = fastnn_row(p, x, x->gradient, row0), *dy = fastnn_row(p, y, y->gradient, row0);
    p->kernels->affine(m, x->width, dy, y->row, weights(p, s, SCALE), NULL, dx, x->row);
    for (int64_t at = x->width; at < y->width; at += x->width)
        for (int64_t i = 0; i < m; ++i) {
            char *to = column(p, dx, i * x->row);
            p->kernels->affine(1, x->width, column(p, dy, i * y->row + at), y->row, column(p, weights(p, s, SCALE), at),
                               to, to, x->row);
        }
}

static char *vector(const fastnn_program *p, const fastnn_step *s, int which, int64_t at) {
    return column(p, s->buffer, which * value(p, s->output)->width + at);
}

/* dshift = Σ dy, dscale = Σ dy · x, by column over all rows in order */
static void scale_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile, void *gradient,
                           int accumulate, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = p->rows * x->per_sample, cols = parameter(p, s, which)->cols;
    const int64_t first = tile->row0 * cols, last = tile->row1 * cols;
    (void)worker;
    for (int64_t at = first; at < last;) {
        const int64_t in_x = at % x->width, rest = x->width - in_x, n = last - at < rest ? last - at : rest;
        char *to = column(p, gradient, at - first), *products = vector(p, s, PRODUCTS, at);
        if (which == SHIFT) {
            p->kernels->column_sums(m, n, column(p, y->gradient, at), y->row, accumulate, to);
        } else {
            for (int64_t j = at; j < at + n; ++j) set(p, s->buffer, ZEROS * y->width + j, 0);
            for (int64_t j = at; j < at + n; ++j) set(p, s->buffer, ONES * y->width + j, 1);
            p->kernels->normalization_sums(m, n, column(p, x->data, in_x), x->row, column(p, y->gradient, at), y->row,
                                           vector(p, s, ZEROS, at), vector(p, s, ONES, at),
                                           vector(p, s, UNUSED_SUMS, at), products);
            if (accumulate)
                p->kernels->add(n, to, products, to);
            else
                memcpy(to, products, (size_t)(n * p->kernels->itemsize));
        }
        at += n;
    }
}

static int64_t scale_buffer(const fastnn_program *p, const fastnn_step *s) {
    return BUFFERS * value(p, s->output)->width;
}

static int64_t scale_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *y = value(p, s->output);
    return 2 * y->per_sample * y->width;
}

static int has_elements(const fastnn_parameter *q, int64_t count) { return !q || q->rows * q->cols == count; }

static int scale_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    return x && y && same_rows(x, y) && y->width % x->width == 0 && has_elements(parameter(p, s, SCALE), y->width) &&
           has_elements(parameter(p, s, SHIFT), y->width);
}

const fastnn_op fastnn_scale_op = {.name = "scale",
                                   .fits = scale_fits,
                                   .forward = scale_forward,
                                   .backward = scale_backward,
                                   .gradient = scale_gradient,
                                   .buffer = scale_buffer,
                                   .flops = scale_flops};
