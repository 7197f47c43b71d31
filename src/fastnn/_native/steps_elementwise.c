/* Steps that keep the shape of their input: activation, softmax and its logarithm, dropout. */
#include "steps.h"

/* Calls an elementwise kernel on rows of equal width: once where they lie end to end, else row by row. */
void fastnn_activate_rows(const fastnn_program *p, const fastnn_step *s, const char *x, int64_t x_row, char *y,
                          int64_t y_row, int64_t m, int64_t n) {
    const int64_t itemsize = p->kernels->itemsize;
    if (x_row == n && y_row == n) {
        s->activation->forward(m * n, x, y, params(s));
        return;
    }
    for (int64_t i = 0; i < m; ++i)
        s->activation->forward(n, x + i * x_row * itemsize, y + i * y_row * itemsize, params(s));
}

void fastnn_activate_rows_backward(const fastnn_program *p, const fastnn_step *s, const char *xy, int64_t xy_row,
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

int fastnn_fits_elementwise(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    return x && y && same_shape(x, y);
}

/* --- activation and softmax ------------------------------------------------------------------------------------ */

static void activation_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    fastnn_activate_rows(p, s, fastnn_row(p, x, x->data, row0), x->row, fastnn_row(p, y, y->data, row0), y->row,
                         (row1 - row0) * x->per_sample, x->width);
}

static void activation_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const fastnn_value *at = s->activation->needs_input ? x : y;
    (void)worker;
    if (!x->gradient) return;
    fastnn_activate_rows_backward(p, s, fastnn_row(p, at, at->data, row0), at->row, fastnn_row(p, y, y->gradient, row0),
                                  y->row, fastnn_row(p, x, x->gradient, row0), x->row, (row1 - row0) * x->per_sample,
                                  x->width);
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

static void log_softmax_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->log_softmax((row1 - row0) * x->per_sample, x->width, fastnn_row(p, x, x->data, row0), x->row,
                            fastnn_row(p, y, y->data, row0), y->row);
}

static void log_softmax_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->log_softmax_backward((row1 - row0) * x->per_sample, x->width, fastnn_row(p, y, y->data, row0), y->row,
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

static int activation_fits(const fastnn_program *p, const fastnn_step *s) {
    return fastnn_fits_elementwise(p, s) && s->activation;
}

static int dropout_fits(const fastnn_program *p, const fastnn_step *s) {
    return fastnn_fits_elementwise(p, s) && s->rate >= 0 && s->rate <= 1;
}

const fastnn_op fastnn_activation_op = {.name = "activation",
                                        .fits = activation_fits,
                                        .forward = activation_forward,
                                        .backward = activation_backward,
                                        .flops = activation_flops};
const fastnn_op fastnn_softmax_op = {.name = "softmax",
                                     .fits = fastnn_fits_elementwise,
                                     .forward = softmax_forward,
                                     .backward = softmax_backward,
                                     .flops = activation_flops};
const fastnn_op fastnn_log_softmax_op = {.name = "log_softmax",
                                         .fits = fastnn_fits_elementwise,
                                         .forward = log_softmax_forward,
                                         .backward = log_softmax_backward,
                                         .flops = activation_flops};
const fastnn_op fastnn_dropout_op = {.name = "dropout",
                                     .fits = dropout_fits,
                                     .forward = dropout_forward,
                                     .backward = dropout_backward,
                                     .flops = activation_flops};
