/* The rectifier with slopes that learn (He, Zhang, Ren and Sun 2015). Parameter 0: the slopes, in any shape; each row of
 * the input holds them all, every slope for one element or for several that lie side by side. */
#include "steps.h"

enum { SLOPES };

static int64_t count(const fastnn_program *p, const fastnn_step *s) {
    return parameter(p, s, SLOPES)->rows * parameter(p, s, SLOPES)->cols;
}

static void prelu_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t n = count(p, s);
    (void)worker;
    p->kernels->prelu((row1 - row0) * x->per_sample, n, x->width / n, fastnn_row(p, x, x->data, row0), x->row,
                      weights(p, s, SLOPES), fastnn_row(p, y, y->data, row0), y->row);
}

static void prelu_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t n = count(p, s);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->prelu_backward((row1 - row0) * x->per_sample, n, x->width / n, fastnn_row(p, x, x->data, row0), x->row,
                               fastnn_row(p, y, y->gradient, row0), y->row, weights(p, s, SLOPES),
                               fastnn_row(p, x, x->gradient, row0), x->row);
}

static void prelu_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile, void *gradient,
                           int accumulate, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t cols = parameter(p, s, SLOPES)->cols, inner = x->width / count(p, s);
    const int64_t at = tile->row0 * cols * inner * p->kernels->itemsize;
    (void)which, (void)worker;
    p->kernels->prelu_slopes(p->rows * x->per_sample, (tile->row1 - tile->row0) * cols, inner, x->data + at, x->row,
                             y->gradient + at, y->row, accumulate, gradient);
}

static int prelu_fits(const fastnn_program *p, const fastnn_step *s) {
    return fastnn_fits_elementwise(p, s) && parameter(p, s, SLOPES) && value(p, s->output)->width % count(p, s) == 0;
}

const fastnn_op fastnn_prelu_op = {.name = "prelu",
                                   .fits = prelu_fits,
                                   .forward = prelu_forward,
                                   .backward = prelu_backward,
                                   .gradient = prelu_gradient};
