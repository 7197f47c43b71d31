/* Steps in front of the first product: features scaled by constants, cut into bins, encoded. */
#include <math.h>
#include <string.h>

#include "steps.h"

/* --- y = x · scale + shift by column ------------------------------------------------------------------------------- */

/* Parameters of rescaling, and the vectors in normalization's buffer. */
enum { SCALE, SHIFT, VECTORS };

static const void *factors(const fastnn_program *p, const fastnn_step *s, int which) {
    if (!s->op->buffer) return weights(p, s, which);
    return (char *)s->buffer + which * value(p, s->output)->width * p->kernels->itemsize;
}

static void scaling_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    p->kernels->affine((row1 - row0) * x->per_sample, x->width, fastnn_row(p, x, x->data, row0), x->row,
                       factors(p, s, SCALE), factors(p, s, SHIFT), fastnn_row(p, y, y->data, row0), y->row);
}

/* dx = dy · scale */
static void scaling_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    p->kernels->affine((row1 - row0) * x->per_sample, x->width, fastnn_row(p, y, y->gradient, row0), y->row,
                       factors(p, s, SCALE), NULL, fastnn_row(p, x, x->gradient, row0), x->row);
}

static int rescaling_fits(const fastnn_program *p, const fastnn_step *s) {
    if (!fastnn_fits_elementwise(p, s) || !parameter(p, s, SCALE) || !parameter(p, s, SHIFT)) return 0;
    return is_vector(parameter(p, s, SCALE), value(p, s->output)->width) &&
           is_vector(parameter(p, s, SHIFT), value(p, s->output)->width);
}

/* Normalization's parameters, of k elements each; params: how many neighbouring columns share one of them (after k of
 * these runs it begins again), and whether to undo the scaling. */
enum { MEAN, VARIANCE };
enum { RUN, INVERT };

static int64_t elements(const fastnn_parameter *q) { return q->rows * q->cols; }

/* std = max(sqrt(variance), epsilon), as Keras's Normalization has it; y = (x - mean) / std, or x · std + mean */
static void normalization_prepare(fastnn_program *p, fastnn_step *s) {
    const int64_t n = value(p, s->output)->width, k = elements(parameter(p, s, MEAN));
    for (int64_t j = 0; j < n; ++j) {
        const int64_t i = j / (int64_t)s->params[RUN] % k;
        const double mean = get(p, weights(p, s, MEAN), i);
        const double std = fmax(sqrt(get(p, weights(p, s, VARIANCE), i)), s->epsilon);
        set(p, (void *)factors(p, s, SCALE), j, s->params[INVERT] ? std : 1 / std);
        set(p, (void *)factors(p, s, SHIFT), j, s->params[INVERT] ? mean : -mean / std);
    }
}

static int64_t normalization_buffer(const fastnn_program *p, const fastnn_step *s) {
    return VECTORS * value(p, s->output)->width;
}

static int normalization_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_parameter *mean = parameter(p, s, MEAN), *variance = parameter(p, s, VARIANCE);
    return fastnn_fits_elementwise(p, s) && mean && variance && elements(mean) == elements(variance) &&
           s->params[RUN] >= 1;
}

/* --- bins and encodings: constant between two jumps, so nothing learns through them -------------------------------- */

static void no_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]);
    const int64_t itemsize = p->kernels->itemsize;
    (void)worker;
    if (!x->gradient) return;
    for (int64_t i = row0 * x->per_sample; i < row1 * x->per_sample; ++i)
        memset(x->gradient + i * x->row * itemsize, 0, (size_t)(x->width * itemsize));
}

/* y = bin of x; parameter 0: the boundaries between bins, ascending */
static void discretization_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample;
    const int whole = x->row == x->width && y->row == y->width; /* rows end to end: one long row fills the vectors */
    (void)worker;
    p->kernels->discretize(whole ? 1 : m, whole ? m * x->width : x->width, fastnn_row(p, x, x->data, row0), x->row,
                           parameter(p, s, 0)->cols, weights(p, s, 0), fastnn_row(p, y, y->data, row0), y->row);
}

static int discretization_fits(const fastnn_program *p, const fastnn_step *s) {
    return fastnn_fits_elementwise(p, s) && parameter(p, s, 0) && parameter(p, s, 0)->rows == 1;
}

/* y[a row for each number] = 1 in its column */
static void one_hot_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const int64_t m = (row1 - row0) * x->per_sample, itemsize = p->kernels->itemsize;
    const char *from = fastnn_row(p, x, x->data, row0);
    char *to = fastnn_row(p, y, y->data, row0);
    (void)worker;
    if (x->width == 1)
        p->kernels->encode(m, 1, from, x->row, y->width, 0, to, y->row);
    else
        for (int64_t i = 0; i < m; ++i)
            p->kernels->encode(x->width, 1, from + i * x->row * itemsize, 1, y->width, 0,
                               to + i * x->width * y->row * itemsize, y->row);
}

static int one_hot_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    return x && y && y->per_sample == x->per_sample * x->width;
}

/* y[a row for each row of numbers] = 1 in their columns, or how many there are */
static void rows_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int count) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    p->kernels->encode((row1 - row0) * x->per_sample, x->width, fastnn_row(p, x, x->data, row0), x->row, y->width,
                       count, fastnn_row(p, y, y->data, row0), y->row);
}

static void multi_hot_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    (void)worker;
    rows_forward(p, s, row0, row1, 0);
}

static void count_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    (void)worker;
    rows_forward(p, s, row0, row1, 1);
}

static int rows_fit(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    return x && y && same_rows(x, y);
}

const fastnn_op fastnn_normalization_op = {.name = "normalization",
                                           .fits = normalization_fits,
                                           .prepare = normalization_prepare,
                                           .forward = scaling_forward,
                                           .backward = scaling_backward,
                                           .buffer = normalization_buffer};
const fastnn_op fastnn_rescaling_op = {
    .name = "rescaling", .fits = rescaling_fits, .forward = scaling_forward, .backward = scaling_backward};
const fastnn_op fastnn_discretization_op = {
    .name = "discretization", .fits = discretization_fits, .forward = discretization_forward, .backward = no_backward};
const fastnn_op fastnn_one_hot_op = {
    .name = "one_hot", .fits = one_hot_fits, .forward = one_hot_forward, .backward = no_backward};
const fastnn_op fastnn_multi_hot_op = {
    .name = "multi_hot", .fits = rows_fit, .forward = multi_hot_forward, .backward = no_backward};
const fastnn_op fastnn_count_op = {
    .name = "count", .fits = rows_fit, .forward = count_forward, .backward = no_backward};
