/* Steps that let values be shared: several consumers of one value, several values side by side in one. */
#include <string.h>

#include "steps.h"

/* Rows [row0, row1) of a gradient, one after the other; each is `width` elements. */
static void add_rows(const fastnn_program *p, const fastnn_value *from, char *to, int64_t to_row, int64_t row0,
                     int64_t row1) {
    const char *gradient = fastnn_row(p, from, from->gradient, row0);
    for (int64_t i = row0 * from->per_sample; i < row1 * from->per_sample; ++i) {
        p->kernels->add(from->width, to, gradient, to);
        gradient += from->row * p->kernels->itemsize;
        to += to_row * p->kernels->itemsize;
    }
}

/* --- branch: another consumer of x has a gradient of its own, which is added to that of x ------------------------ */

enum { TRUNK, BRANCH };

static void branch_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *trunk = value(p, s->inputs[TRUNK]), *branch = value(p, s->inputs[BRANCH]);
    (void)worker;
    add_rows(p, branch, fastnn_row(p, trunk, trunk->gradient, row0), trunk->row, row0, row1);
}

static int branch_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *trunk = value_or_null(p, s->inputs[TRUNK]), *branch = value_or_null(p, s->inputs[BRANCH]);
    return trunk && branch && same_shape(trunk, branch) && trunk->wants_gradient && branch->own_gradient;
}

const fastnn_op fastnn_branch_op = {.name = "branch", .fits = branch_fits, .backward = branch_backward};

/* --- zero: a value whose gradient only some steps add to, and none writes, starts with none -------------------------- */

static void zero_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]);
    (void)worker;
    if (!x->gradient) return;
    for (int64_t i = row0 * x->per_sample; i < row1 * x->per_sample; ++i)
        memset(x->gradient + i * x->row * p->kernels->itemsize, 0, (size_t)(x->width * p->kernels->itemsize));
}

static int zero_fits(const fastnn_program *p, const fastnn_step *s) { return value_or_null(p, s->inputs[0]) != NULL; }

const fastnn_op fastnn_zero_op = {.name = "zero", .fits = zero_fits, .backward = zero_backward};

/* --- copy: y = x, where y may be columns of a wider value --------------------------------------------------------- */

static void copy_rows(const fastnn_program *p, const char *from, int64_t from_row, char *to, int64_t to_row, int64_t m,
                      int64_t n) {
    const int64_t itemsize = p->kernels->itemsize;
    for (int64_t i = 0; i < m; ++i, from += from_row * itemsize, to += to_row * itemsize)
        memcpy(to, from, (size_t)(n * itemsize));
}

static void copy_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    copy_rows(p, fastnn_row(p, x, x->data, row0), x->row, fastnn_row(p, y, y->data, row0), y->row,
              (row1 - row0) * x->per_sample, x->width);
}

static void copy_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    (void)worker;
    if (!x->gradient) return;
    copy_rows(p, fastnn_row(p, y, y->gradient, row0), y->row, fastnn_row(p, x, x->gradient, row0), x->row,
              (row1 - row0) * x->per_sample, x->width);
}

const fastnn_op fastnn_copy_op = {
    .name = "copy", .fits = fastnn_fits_elementwise, .forward = copy_forward, .backward = copy_backward};

/* --- pull: where the way back begins, at number `pull - length` of a sample of x, if it has one --------------------- */

static void pull_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]);
    const int64_t at = p->pull - s->length, each = x->per_sample * x->width;
    zero_backward(p, s, row0, row1, worker);
    if (at < 0 || at >= each) return;
    for (int64_t i = row0; i < row1; ++i)
        set(p, fastnn_row(p, x, x->gradient, i), at / x->width * x->row + at % x->width, 1);
}

const fastnn_op fastnn_pull_op = {.name = "pull", .fits = zero_fits, .backward = pull_backward};
