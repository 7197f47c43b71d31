/* Steps of arithmetic: two operands, sums and maxima along an axis, elements in another order. */
#include "steps.h"

/* Their kernels take samples that lie end to end. */
static int is_dense(const fastnn_value *x) { return x && x->row == x->width; }

static int64_t elements(const fastnn_value *x) { return x->per_sample * x->width; }

static char *data_at(const fastnn_program *p, const fastnn_value *x, int64_t row) {
    return fastnn_row(p, x, x->data, row);
}

static char *gradient_at(const fastnn_program *p, const fastnn_value *x, int64_t row) {
    return x->gradient ? fastnn_row(p, x, x->gradient, row) : NULL;
}

/* --- binary: y = a ∘ b ------------------------------------------------------------------------------------------- */

static void binary_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *a = value(p, s->inputs[0]), *b = value(p, s->inputs[1]), *y = value(p, s->output);
    (void)worker;
    s->binary->forward((row1 - row0) * elements(y), data_at(p, a, row0), data_at(p, b, row0), data_at(p, y, row0));
}

static void binary_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *a = value(p, s->inputs[0]), *b = value(p, s->inputs[1]), *y = value(p, s->output);
    (void)worker;
    s->binary->backward((row1 - row0) * elements(y), data_at(p, a, row0), data_at(p, b, row0), data_at(p, y, row0),
                        gradient_at(p, y, row0), gradient_at(p, a, row0), gradient_at(p, b, row0));
}

static int binary_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *a = value_or_null(p, s->inputs[0]), *b = value_or_null(p, s->inputs[1]);
    const fastnn_value *y = value_or_null(p, s->output);
    return s->binary && is_dense(a) && is_dense(b) && is_dense(y) && same_shape(a, y) && same_shape(b, y);
}

static int64_t binary_flops(const fastnn_program *p, const fastnn_step *s) { return elements(value(p, s->output)); }

const fastnn_op fastnn_binary_op = {.name = "binary",
                                    .fits = binary_fits,
                                    .forward = binary_forward,
                                    .backward = binary_backward,
                                    .flops = binary_flops};

/* --- along the axis of length s->length: a sample of x is [outer, length, inner], one of y [outer, inner] ------------ */

static int64_t outer(const fastnn_program *p, const fastnn_step *s) {
    return elements(value(p, s->output)) / value(p, s->output)->width;
}

/* y = rate · Σ x */
static void sum_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->reduce_sum((row1 - row0) * outer(p, s), s->length, y->width, data_at(p, x, row0), s->rate,
                           data_at(p, y, row0));
}

static void sum_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->reduce_sum_backward((row1 - row0) * outer(p, s), s->length, y->width, gradient_at(p, y, row0), s->rate,
                                    gradient_at(p, x, row0));
}

static void max_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->reduce_max((row1 - row0) * outer(p, s), s->length, y->width, data_at(p, x, row0), data_at(p, y, row0));
}

static void max_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->reduce_max_backward((row1 - row0) * outer(p, s), s->length, y->width, data_at(p, x, row0),
                                    data_at(p, y, row0), gradient_at(p, y, row0), gradient_at(p, x, row0));
}

static int reduction_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    return is_dense(x) && is_dense(y) && s->length > 0 && elements(x) == elements(y) * s->length;
}

static int64_t reduction_flops(const fastnn_program *p, const fastnn_step *s) {
    return elements(value(p, s->inputs[0]));
}

const fastnn_op fastnn_sum_op = {
    .name = "sum", .fits = reduction_fits, .forward = sum_forward, .backward = sum_backward, .flops = reduction_flops};
const fastnn_op fastnn_max_op = {
    .name = "max", .fits = reduction_fits, .forward = max_forward, .backward = max_backward, .flops = reduction_flops};

/* --- rearrange: element j of a sample of y is element index[j] of the sample of x ---------------------------------- */

static void rearrange_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->rearrange(row1 - row0, elements(x), elements(y), s->index, data_at(p, x, row0), data_at(p, y, row0));
}

static void rearrange_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->rearrange_backward(row1 - row0, elements(x), elements(y), s->index, gradient_at(p, y, row0),
                                   gradient_at(p, x, row0));
}

static int rearrange_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    if (!is_dense(x) || !is_dense(y) || !s->index || s->length != elements(y)) return 0;
    for (int64_t j = 0; j < s->length; ++j)
        if (s->index[j] < 0 || s->index[j] >= elements(x)) return 0;
    return 1;
}

const fastnn_op fastnn_rearrange_op = {
    .name = "rearrange", .fits = rearrange_fits, .forward = rearrange_forward, .backward = rearrange_backward};
