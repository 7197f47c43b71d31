/* Steps that scale and shift columns: by moving statistics, by those of the batch. */
#include <math.h>
#include <string.h>

#include "steps.h"

/* --- affine: y = x · scale + shift by column, from moving statistics ----------------------------------------------- */

/* Parameters of the two ops below; gamma and beta may be absent. */
enum { GAMMA, BETA, MEAN, VARIANCE };
/* Vectors in the step's buffer. */
enum { SCALE, SHIFT, BATCH_MEAN, BATCH_VARIANCE, INV_STD, SUM_DY, SUM_DY_XHAT, BUFFERS };

static char *vector(const fastnn_program *p, const fastnn_step *s, int which) {
    return (char *)s->buffer + which * value(p, s->output)->width * p->kernels->itemsize;
}

static int64_t affine_buffer(const fastnn_program *p, const fastnn_step *s) {
    return BUFFERS * value(p, s->output)->width;
}

/* scale = gamma · inv_std, shift = beta - mean · scale */
static void fold_statistics(const fastnn_program *p, int64_t n, const void *inv_std, const void *gamma,
                            const void *beta, const void *mean, void *scales, void *shifts) {
    for (int64_t j = 0; j < n; ++j) {
        const double scale = get(p, inv_std, j) * (gamma ? get(p, gamma, j) : 1);
        set(p, scales, j, scale);
        set(p, shifts, j, (beta ? get(p, beta, j) : 0) - get(p, mean, j) * scale);
    }
}

/* inv_std = 1 / sqrt(variance + epsilon) */
static void invert(const fastnn_program *p, int64_t n, double epsilon, const void *variance, void *inv_std) {
    for (int64_t j = 0; j < n; ++j) set(p, inv_std, j, 1 / sqrt(get(p, variance, j) + epsilon));
}

void fastnn_moving_affine(const fastnn_program *p, int64_t n, double epsilon, const void *gamma, const void *beta,
                          const void *mean, const void *variance, void *scales, void *shifts) {
    invert(p, n, epsilon, variance, scales);
    fold_statistics(p, n, scales, gamma, beta, mean, scales, shifts);
}

static void moving_prepare(fastnn_program *p, fastnn_step *s) {
    fastnn_moving_affine(p, value(p, s->output)->width, s->epsilon, weights(p, s, GAMMA), weights(p, s, BETA),
                         weights(p, s, MEAN), weights(p, s, VARIANCE), vector(p, s, SCALE), vector(p, s, SHIFT));
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
    invert(p, x->width, s->epsilon, batch_variance, vector(p, s, INV_STD));
    for (int64_t j = 0; j < x->width; ++j) {
        set(p, mean, j, get(p, mean, j) * s->momentum + get(p, batch_mean, j) * (1 - s->momentum));
        set(p, variance, j, get(p, variance, j) * s->momentum + get(p, batch_variance, j) * (1 - s->momentum));
    }
    fold_statistics(p, x->width, vector(p, s, INV_STD), weights(p, s, GAMMA), weights(p, s, BETA), batch_mean,
                    vector(p, s, SCALE), vector(p, s, SHIFT));
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

static void batch_normalization_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile,
                                         void *gradient, int accumulate, int worker) {
    const int64_t n = value(p, s->output)->width;
    const char *sums = vector(p, s, which == GAMMA ? SUM_DY_XHAT : SUM_DY);
    (void)tile, (void)worker;
    if (accumulate)
        p->kernels->add(n, gradient, sums, gradient);
    else
        memcpy(gradient, sums, (size_t)(n * p->kernels->itemsize));
}

static int affine_fits(const fastnn_program *p, const fastnn_step *s) {
    if (!fastnn_fits_elementwise(p, s) || !parameter(p, s, MEAN) || !parameter(p, s, VARIANCE)) return 0;
    for (int i = 0; i < FASTNN_MAX_PARAMETERS; ++i)
        if (!is_vector(parameter(p, s, i), value(p, s->output)->width)) return 0;
    return 1;
}

const fastnn_op fastnn_moving_normalization_op = {.name = "moving_normalization",
                                                  .fits = affine_fits,
                                                  .prepare = moving_prepare,
                                                  .forward = affine_forward,
                                                  .backward = affine_backward,
                                                  .buffer = affine_buffer};
const fastnn_op fastnn_batch_normalization_op = {.name = "batch_normalization",
                                                 .fits = affine_fits,
                                                 .forward_batch = batch_normalization_statistics,
                                                 .forward = affine_forward,
                                                 .backward_batch = batch_normalization_sums,
                                                 .backward = batch_normalization_backward,
                                                 .gradient = batch_normalization_gradient,
                                                 .buffer = affine_buffer};
