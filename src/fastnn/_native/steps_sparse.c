/* The dense step on an input that comes as a sparse matrix: rows of it are read where they lie. */
#include <string.h>

#include "steps.h"

enum { KERNEL, BIAS };

typedef struct {
    int64_t count;
    const char *values, *columns;
} entries;

/* What stands in the row of sample `i` of the batch. s->length: the number of the feed. */
static entries entries_of(const fastnn_program *p, const fastnn_step *s, int64_t i) {
    const fastnn_csr *m = &p->feeds[s->length].csr;
    const int64_t row = p->order ? p->order[p->first + i] : p->first + i, at = m->starts[row];
    return (entries){.count = m->starts[row + 1] - at,
                     .values = (const char *)m->values + at * p->kernels->itemsize,
                     .columns = (const char *)m->columns + at * (m->wide ? 8 : 4)};
}

static int64_t column_of(const entries *e, int wide, int64_t k) {
    return wide ? ((const int64_t *)e->columns)[k] : ((const int32_t *)e->columns)[k];
}

/* How many entries of a row whose columns ascend are below a column. */
static int64_t count_below(const entries *e, int wide, int64_t column) {
    int64_t low = 0, high = e->count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (column_of(e, wide, middle) < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What of it is in the columns [row0, row1), where that is quickly told; else all of it. */
static entries entries_within(const fastnn_program *p, const fastnn_step *s, int64_t i, int64_t row0, int64_t row1) {
    const fastnn_csr *m = &p->feeds[s->length].csr;
    entries e = entries_of(p, s, i);
    if (!m->sorted || (row0 == 0 && row1 == value(p, s->inputs[0])->width)) return e;
    const int64_t from = count_below(&e, m->wide, row0), to = count_below(&e, m->wide, row1);
    return (entries){.count = to - from,
                     .values = e.values + from * p->kernels->itemsize,
                     .columns = e.columns + from * (m->wide ? 8 : 4)};
}

/* y = act(x · kernel + bias) */
static void sparse_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *y = value(p, s->output);
    const int wide = p->feeds[s->length].csr.wide;
    char *out = fastnn_row(p, y, y->data, row0), *to = out;
    (void)worker;
    for (int64_t i = row0; i < row1; ++i, to += y->row * p->kernels->itemsize) {
        const entries e = entries_of(p, s, i);
        p->kernels->sparse_row(e.count, e.values, e.columns, wide, y->width, weights(p, s, KERNEL), weights(p, s, BIAS),
                               to);
    }
    if (s->activation) fastnn_activate_rows(p, s, out, y->row, out, y->row, row1 - row0, y->width);
}

/* dz = dy · act'(y), in place: the input has no gradient */
static void sparse_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *y = value(p, s->output);
    char *dy = fastnn_row(p, y, y->gradient, row0);
    (void)worker;
    if (s->activation)
        fastnn_activate_rows_backward(p, s, fastnn_row(p, y, y->data, row0), y->row, dy, y->row, dy, y->row,
                                      row1 - row0, y->width);
}

/* dkernel = xᵀ · dz, the rows of the batch in order, and dbias = Σ dz */
static void sparse_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile, void *gradient,
                            int accumulate, int worker) {
    const fastnn_value *y = value(p, s->output);
    (void)worker;
    if (which == BIAS) {
        p->kernels->column_sums(p->rows, y->width, y->gradient, y->row, accumulate, gradient);
        return;
    }
    if (!accumulate) memset(gradient, 0, (size_t)((tile->row1 - tile->row0) * y->width * p->kernels->itemsize));
    for (int64_t i = 0; i < p->rows; ++i) {
        const entries e = entries_within(p, s, i, tile->row0, tile->row1);
        p->kernels->sparse_row_gradient(e.count, e.values, e.columns, p->feeds[s->length].csr.wide, tile->row0,
                                        tile->row1, y->width, y->gradient + i * y->row * p->kernels->itemsize,
                                        gradient);
    }
}

static void sparse_touched(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1,
                           unsigned char *touched) {
    const int wide = p->feeds[s->length].csr.wide;
    for (int64_t i = 0; i < p->rows; ++i) {
        const entries e = entries_within(p, s, i, row0, row1);
        for (int64_t k = 0; k < e.count; ++k) {
            const int64_t column = column_of(&e, wide, k);
            if (column >= row0 && column < row1) touched[column - row0] = 1;
        }
    }
}

static int sparse_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    const fastnn_parameter *kernel = parameter(p, s, KERNEL);
    return x && y && kernel && x->per_sample == 1 && y->per_sample == 1 && kernel->rows == x->width &&
           kernel->cols == y->width && is_vector(parameter(p, s, BIAS), y->width) && s->length >= 0 &&
           s->length < p->n_feeds && p->feeds[s->length].value == s->inputs[0] && !x->wants_gradient;
}

/* As if a row had so many entries: how many it has, only the data know. */
static int64_t sparse_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    return 2 * (x->width < 64 ? x->width : 64) * y->width;
}

const fastnn_op fastnn_sparse_dense_op = {.name = "sparse_dense",
                                          .fits = sparse_fits,
                                          .forward = sparse_forward,
                                          .backward = sparse_backward,
                                          .gradient = sparse_gradient,
                                          .touched = sparse_touched,
                                          .flops = sparse_flops};
