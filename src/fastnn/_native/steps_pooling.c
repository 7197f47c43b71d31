/* Pooling over all positions of a sample: the mean, or the maximum, of the columns of its rows. */
#include <string.h>

#include "steps.h"

static void mean_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    for (int64_t i = row0; i < row1; ++i) {
        void *to = fastnn_row(p, y, y->data, i);
        p->kernels->column_sums(x->per_sample, x->width, fastnn_row(p, x, x->data, i), x->row, 0, to);
        p->kernels->scale(x->width, to, 1.0 / (double)x->per_sample);
    }
}

/* dx = dy / positions, at each position */
static void mean_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t itemsize = p->kernels->itemsize;
    (void)worker;
    if (!x->gradient) return;
    for (int64_t i = row0; i < row1; ++i) {
        char *first = fastnn_row(p, x, x->gradient, i);
        memcpy(first, fastnn_row(p, y, y->gradient, i), (size_t)(x->width * itemsize));
        p->kernels->scale(x->width, first, 1.0 / (double)x->per_sample);
        for (int64_t k = 1; k < x->per_sample; ++k)
            memcpy(first + k * x->row * itemsize, first, (size_t)(x->width * itemsize));
    }
}

static void max_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    for (int64_t i = row0; i < row1; ++i)
        p->kernels->column_maxima(x->per_sample, x->width, fastnn_row(p, x, x->data, i), x->row,
                                  fastnn_row(p, y, y->data, i));
}

static void max_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    for (int64_t i = row0; i < row1; ++i)
        p->kernels->column_maxima_backward(x->per_sample, x->width, fastnn_row(p, x, x->data, i), x->row,
                                           fastnn_row(p, y, y->data, i), fastnn_row(p, y, y->gradient, i),
                                           fastnn_row(p, x, x->gradient, i), x->row);
}

static int pooling_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    return x && y && y->per_sample == 1 && y->width == x->width;
}

static int64_t pooling_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]);
    return 2 * x->per_sample * x->width;
}

const fastnn_op fastnn_mean_pooling_op = {.name = "mean_pooling",
                                          .fits = pooling_fits,
                                          .forward = mean_forward,
                                          .backward = mean_backward,
                                          .flops = pooling_flops};
const fastnn_op fastnn_max_pooling_op = {.name = "max_pooling",
                                         .fits = pooling_fits,
                                         .forward = max_forward,
                                         .backward = max_backward,
                                         .flops = pooling_flops};
