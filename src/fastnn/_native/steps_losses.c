/* Steps at the end: losses, metrics, and the regularization of what a layer puts out. */
#include "steps.h"

/* --- activity regularization: y is x; the loss gains (l1 · Σ|y| + l2 · Σ y²) / samples ------------------------------ */

static void activity_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]);
    const double samples = (double)p->rows;
    (void)worker;
    if (!x->gradient) return;
    for (int64_t i = row0 * x->per_sample; i < row1 * x->per_sample; ++i)
        p->kernels->regularize(x->width, x->data + i * x->row * p->kernels->itemsize,
                               x->gradient + i * x->row * p->kernels->itemsize, s->params[0] / samples,
                               s->params[1] / samples);
}

static void activity_fold(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]);
    s->batch_loss = 0;
    for (int64_t i = 0; i < p->rows * x->per_sample; ++i)
        s->batch_loss += p->kernels->regularize(x->width, x->data + i * x->row * p->kernels->itemsize, NULL,
                                                s->params[0], s->params[1]);
    s->batch_loss /= (double)p->rows;
}

/* --- losses and metrics: inputs are prediction, target, weight (may be absent), loss's own output (probabilities) --- */

enum { PREDICTION, TARGET, WEIGHT };

/* Four sums side by side, each in double precision. */
static double sum_of_rows(const fastnn_program *p, const void *data, int64_t n) {
    double sums[4] = {0};
    int64_t i = 0;
    if (p->kernels->itemsize == 4) /* the loop that tiny nets have time to notice */
        for (const float *x = data; i + 4 <= n; i += 4)
            for (int j = 0; j < 4; ++j) sums[j] += x[i + j];
    for (; i < n; ++i) sums[i & 3] += get(p, data, i);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* A counted loss is divided by the number of its rows, or the sum of their weights, without those of a class to be
 * ignored: params[1] tells whether there is one, params[2] which. */
static int count_rows(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *t = value_or_null(p, s->inputs[TARGET]), *w = value_or_null(p, s->inputs[WEIGHT]);
    const int ignores = s->loss && s->loss->targets == FASTNN_LABEL && !s->default_params && s->params[1] != 0;
    s->counted = 0;
    for (int64_t i = 0; i < p->rows * value(p, s->inputs[PREDICTION])->per_sample; ++i) {
        if (ignores && get(p, t->data, i * t->row) == s->params[2]) continue;
        s->counted += s->by_weight && w ? get(p, w->data, i) : 1;
    }
    return 0;
}

/* What makes of the sum of row losses the batch's: of a mean, 1 / rows; of a counted loss, what count_rows found. */
static double loss_scale(const fastnn_program *p, const fastnn_step *s) {
    if (s->op->forward_batch == count_rows) return s->counted > 0 ? 1 / s->counted : 0;
    return s->sum_reduction ? 1 : 1 / (double)(p->rows * value(p, s->inputs[PREDICTION])->per_sample);
}

static void loss_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[PREDICTION]), *t = value(p, s->inputs[TARGET]);
    const fastnn_value *w = value_or_null(p, s->inputs[WEIGHT]);
    const fastnn_value *y = value_or_null(p, s->output), *l = value(p, s->row_loss);
    (void)worker;
    const fastnn_loss_args args = {.m = (row1 - row0) * x->per_sample,
                                   .n = x->width,
                                   .prediction = fastnn_row(p, x, x->data, row0),
                                   .prediction_row = x->row,
                                   .target = fastnn_row(p, t, t->data, row0),
                                   .target_row = t->row,
                                   .weight = w ? fastnn_row(p, w, w->data, row0) : NULL,
                                   .scale = s->loss_weight * loss_scale(p, s),
                                   .params = params(s),
                                   .columns = s->columns,
                                   .row_loss = fastnn_row(p, l, l->data, row0),
                                   .gradient = x->gradient ? fastnn_row(p, x, x->gradient, row0) : NULL,
                                   .gradient_row = x->row,
                                   .output = y ? fastnn_row(p, y, y->data, row0) : NULL,
                                   .output_row = y ? y->row : 0};
    s->loss->rows(&args);
}

static void loss_fold(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *l = value(p, s->row_loss);
    s->batch_loss = sum_of_rows(p, l->data, p->rows * l->per_sample) * loss_scale(p, s);
}

static void metric_fold(fastnn_program *p, fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[PREDICTION]), *t = value(p, s->inputs[TARGET]);
    const fastnn_value *w = value_or_null(p, s->inputs[WEIGHT]);
    const fastnn_metric_args args = {.m = p->rows * x->per_sample,
                                     .n = x->width,
                                     .prediction = x->data,
                                     .prediction_row = x->row,
                                     .target = t->data,
                                     .target_row = t->row,
                                     .target_n = t->width,
                                     .weight = w ? w->data : NULL,
                                     .params = params(s),
                                     .columns = s->columns,
                                     .loss = s->loss,
                                     .state = s->state};
    s->metric->fold(&args);
}

/* --- value_loss: the loss of a row is the mean of what steps before have computed for it ---------------------------- */

static void value_loss_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[PREDICTION]), *l = value(p, s->row_loss);
    const fastnn_value *w = value_or_null(p, s->inputs[WEIGHT]);
    const double scale = s->loss_weight * loss_scale(p, s) / (double)x->width;
    (void)worker;
    for (int64_t i = row0 * x->per_sample; i < row1 * x->per_sample; ++i) {
        const double weight = w ? get(p, w->data, i) : 1;
        double sum = 0;
        for (int64_t j = 0; j < x->width; ++j) {
            sum += get(p, x->data, i * x->row + j);
            if (x->gradient) set(p, x->gradient, i * x->row + j, scale * weight);
        }
        set(p, l->data, i, weight * sum / (double)x->width);
    }
}

static int value_loss_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[PREDICTION]), *w = value_or_null(p, s->inputs[WEIGHT]);
    return x && (!w || (same_rows(x, w) && w->width == 1 && w->row == 1));
}

static int activity_fits(const fastnn_program *p, const fastnn_step *s) {
    return value_or_null(p, s->inputs[0]) != NULL;
}

/* Targets and weights have a row for each row of the prediction. */
static int rows_fit(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[PREDICTION]), *t = value_or_null(p, s->inputs[TARGET]);
    const fastnn_value *w = value_or_null(p, s->inputs[WEIGHT]), *y = value_or_null(p, s->output);
    return x && t && same_rows(x, t) && (!w || (same_rows(x, w) && w->width == 1 && w->row == 1)) &&
           (!y || same_shape(x, y));
}

static int loss_fits(const fastnn_program *p, const fastnn_step *s) {
    return rows_fit(p, s) && s->loss &&
           value(p, s->inputs[TARGET])->width ==
               fastnn_target_columns(s->loss->targets, value(p, s->inputs[PREDICTION])->width);
}

static int metric_fits(const fastnn_program *p, const fastnn_step *s) { return rows_fit(p, s) && s->metric; }

static int python_loss_fits(const fastnn_program *p, const fastnn_step *s) {
    return rows_fit(p, s) && s->python != FASTNN_NONE;
}

const fastnn_op fastnn_activity_regularization_op = {.name = "activity_regularization",
                                                     .fits = activity_fits,
                                                     .adds_loss = 1,
                                                     .backward = activity_backward,
                                                     .fold = activity_fold};
const fastnn_op fastnn_loss_op = {
    .name = "loss", .fits = loss_fits, .adds_loss = 1, .row_losses = 1, .forward = loss_forward, .fold = loss_fold};
const fastnn_op fastnn_counted_loss_op = {.name = "counted_loss",
                                          .fits = loss_fits,
                                          .adds_loss = 1,
                                          .row_losses = 1,
                                          .forward_batch = count_rows,
                                          .forward = loss_forward,
                                          .fold = loss_fold};
const fastnn_op fastnn_value_loss_op = {.name = "value_loss",
                                        .fits = value_loss_fits,
                                        .adds_loss = 1,
                                        .row_losses = 1,
                                        .forward = value_loss_forward,
                                        .fold = loss_fold};
const fastnn_op fastnn_counted_value_loss_op = {.name = "counted_value_loss",
                                                .fits = value_loss_fits,
                                                .adds_loss = 1,
                                                .row_losses = 1,
                                                .forward_batch = count_rows,
                                                .forward = value_loss_forward,
                                                .fold = loss_fold};
const fastnn_op fastnn_metric_op = {.name = "metric", .fits = metric_fits, .fold = metric_fold};
const fastnn_op fastnn_python_loss_op = {.name = "python_loss",
                                         .fits = python_loss_fits,
                                         .adds_loss = 1,
                                         .row_losses = 1,
                                         .forward_batch = fastnn_python_forward,
                                         .fold = loss_fold};
