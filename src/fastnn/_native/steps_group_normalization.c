/* Normalization of each row, or of groups of its columns, by its own statistics: layer, root-mean-square, group and unit
 * normalization are one step with different settings. */
#include "steps.h"

/* Parameters, which may be absent: one element for each of a row's columns. Input 1 holds the statistics: a mean and an
 * inverse deviation for each group of each row. params: */
enum { GAMMA, BETA };
enum { KIND, LINES, GROUPS };

static fastnn_groups groups_of(const fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output), *statistics = value(p, s->inputs[1]);
    const int64_t lines = (int64_t)s->params[LINES], groups = (int64_t)s->params[GROUPS];
    return (fastnn_groups){.kind = (fastnn_normalization)s->params[KIND],
                           .m = (row1 - row0) * x->per_sample,
                           .lines = lines,
                           .groups = groups,
                           .n = x->width / (lines * groups),
                           .epsilon = s->epsilon,
                           .x = fastnn_row(p, x, x->data, row0),
                           .x_row = x->row,
                           .gamma = weights(p, s, GAMMA),
                           .beta = weights(p, s, BETA),
                           .statistics = fastnn_row(p, statistics, statistics->data, row0),
                           .y = fastnn_row(p, y, y->data, row0),
                           .y_row = y->row,
                           .dy = y->gradient ? fastnn_row(p, y, y->gradient, row0) : NULL,
                           .dy_row = y->row,
                           .dx = x->gradient ? fastnn_row(p, x, x->gradient, row0) : NULL,
                           .dx_row = x->row};
}

static void groups_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_groups a = groups_of(p, s, row0, row1);
    (void)worker;
    p->kernels->normalize_groups(&a);
}

static void groups_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_groups a = groups_of(p, s, row0, row1);
    (void)worker;
    if (a.dx) p->kernels->normalize_groups_backward(&a);
}

static void groups_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile, void *gradient,
                            int accumulate, int worker) {
    const fastnn_groups a = groups_of(p, s, 0, p->rows);
    const int64_t cols = parameter(p, s, which)->cols;
    (void)worker;
    p->kernels->normalize_groups_gradient(&a, which == BETA, tile->row0 * cols, tile->row1 * cols, accumulate,
                                          gradient);
}

static int64_t groups_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]);
    return 10 * x->per_sample * x->width;
}

static int has_elements(const fastnn_parameter *q, int64_t count) { return !q || q->rows * q->cols == count; }

static int groups_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *statistics = value_or_null(p, s->inputs[1]);
    const double kind = s->params[KIND], lines = s->params[LINES], groups = s->params[GROUPS];
    if (!fastnn_fits_elementwise(p, s) || s->default_params || !statistics || !same_rows(x, statistics)) return 0;
    if (!(kind >= FASTNN_CENTRED && kind <= FASTNN_UNIT && lines >= 1 && groups >= 1)) return 0;
    if (!(lines <= (double)x->width && groups <= (double)x->width)) return 0;
    const int64_t columns = x->width / (int64_t)lines;
    return x->width % ((int64_t)lines * (int64_t)groups) == 0 && statistics->width == 2 * (int64_t)groups &&
           has_elements(parameter(p, s, GAMMA), columns) && has_elements(parameter(p, s, BETA), columns);
}

const fastnn_op fastnn_group_normalization_op = {.name = "group_normalization",
                                                 .fits = groups_fits,
                                                 .forward = groups_forward,
                                                 .backward = groups_backward,
                                                 .gradient = groups_gradient,
                                                 .flops = groups_flops};
