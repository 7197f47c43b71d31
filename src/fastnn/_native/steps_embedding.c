/* Embedding: rows of a table by their numbers. Parameter 0: the table [ids, width]. The input holds ids as reals, of which
 * the fraction is cut off. Whoever starts a run checks them (fastnn_embedding_check); ids that a step computed cannot be
 * checked before, and those without a row become NaN. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "steps.h"

enum { TABLE, IDS_AT_ONCE = 64 };

/* The row for an id, or -1. */
static int64_t row_of(double id, int64_t rows) { return id > -1 && id < (double)rows ? (int64_t)id : -1; }

/* Where ids lie: number k of the batch at (k / width) · row + k % width. */
static double id_at(const fastnn_program *p, const fastnn_value *x, const void *ids, int64_t k) {
    if (x->row == x->width) return get(p, ids, k); /* a division costs more than all the rest */
    return get(p, ids, k / x->width * x->row + k % x->width);
}

static void embedding_forward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]), *y = value(p, s->output);
    const fastnn_parameter *q = parameter(p, s, TABLE);
    const int64_t each = x->per_sample * x->width, bytes = q->cols * p->kernels->itemsize;
    char *to = fastnn_row(p, y, y->data, row0);
    (void)worker;
    for (int64_t k = row0 * each; k < row1 * each; ++k, to += y->row * p->kernels->itemsize) {
        const int64_t row = row_of(id_at(p, x, x->data, k), q->rows);
        if (row >= 0)
            memcpy(to, (const char *)q->data + row * bytes, (size_t)bytes);
        else
            for (int64_t j = 0; j < q->cols; ++j) set(p, to, j, NAN);
    }
}

/* Ids have no slope. */
static void embedding_backward(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, int worker) {
    const fastnn_value *x = value(p, s->inputs[0]);
    (void)worker;
    if (!x->gradient) return;
    char *from = fastnn_row(p, x, x->gradient, row0);
    memset(from, 0, (size_t)(fastnn_row(p, x, x->gradient, row1) - from));
}

/* Whether any of `count` ids from number k on is in [low, high). */
static int any_within(const fastnn_program *p, const fastnn_value *x, int64_t k, int64_t count, double low,
                      double high) {
    int any = 0;
    if (x->row == x->width && p->kernels->itemsize == 4) { /* in plain arrays the compiler makes vectors of it */
        const float *ids = (const float *)x->data + k, from = (float)low, to = (float)high;
        for (int64_t i = 0; i < count; ++i) any |= (ids[i] >= from) & (ids[i] < to);
        return any;
    }
    for (int64_t i = 0; i < count; ++i) {
        const double id = id_at(p, x, x->data, k + i);
        any |= id >= low && id < high;
    }
    return any;
}

/* Calls `found` for every id of the batch with a row in [row0, row1), in order. Most tiles meet few ids. */
typedef void (*found)(fastnn_program *p, const fastnn_step *s, int64_t k, int64_t row, void *context);
static void each_within(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1, found f, void *context) {
    const fastnn_value *x = value(p, s->inputs[0]);
    const int64_t rows = parameter(p, s, TABLE)->rows, all = p->rows * x->per_sample * x->width;
    const double low = row0 > 0 ? (double)row0 : -1; /* -0.5 is row 0 */
    for (int64_t k = 0; k < all; k += IDS_AT_ONCE) {
        const int64_t count = all - k < IDS_AT_ONCE ? all - k : IDS_AT_ONCE;
        if (!any_within(p, x, k, count, low, (double)row1)) continue;
        for (int64_t i = k; i < k + count; ++i) {
            const int64_t row = row_of(id_at(p, x, x->data, i), rows);
            if (row >= row0 && row < row1) f(p, s, i, row - row0, context);
        }
    }
}

static void add_row(fastnn_program *p, const fastnn_step *s, int64_t k, int64_t row, void *gradient) {
    const fastnn_value *y = value(p, s->output);
    char *to = (char *)gradient + row * y->width * p->kernels->itemsize;
    p->kernels->add(y->width, to, y->gradient + k * y->row * p->kernels->itemsize, to);
}

/* dtable[id] = Σ dy over the places where id stands, in their order */
static void embedding_gradient(fastnn_program *p, const fastnn_step *s, int which, const fastnn_tile *tile,
                               void *gradient, int accumulate, int worker) {
    (void)which, (void)worker;
    if (!accumulate)
        memset(gradient, 0, (size_t)((tile->row1 - tile->row0) * parameter(p, s, TABLE)->cols * p->kernels->itemsize));
    each_within(p, s, tile->row0, tile->row1, add_row, gradient);
}

static void mark_row(fastnn_program *p, const fastnn_step *s, int64_t k, int64_t row, void *touched) {
    (void)p, (void)s, (void)k;
    ((unsigned char *)touched)[row] = 1;
}

static void embedding_touched(fastnn_program *p, const fastnn_step *s, int64_t row0, int64_t row1,
                              unsigned char *touched) {
    each_within(p, s, row0, row1, mark_row, touched);
}

static int embedding_fits(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *x = value_or_null(p, s->inputs[0]), *y = value_or_null(p, s->output);
    const fastnn_parameter *q = parameter(p, s, TABLE);
    return x && y && q && y->width == q->cols && y->per_sample == x->per_sample * x->width;
}

static int64_t embedding_flops(const fastnn_program *p, const fastnn_step *s) {
    const fastnn_value *y = value(p, s->output);
    return y->per_sample * y->width;
}

/* Looks through the first `samples` samples of the array that the ids come from; 1 if all have rows, or come from no
 * array; 0, with the first that has none and the sample it is in; -1: no memory. */
int fastnn_embedding_check(const fastnn_program *p, int step, int64_t samples, double *id, int64_t *sample) {
    const fastnn_step *s = &p->steps[step];
    if (s->op != &fastnn_embedding_op) return 1;
    const fastnn_value *x = value(p, s->inputs[0]), *root = value(p, x->root);
    const fastnn_source *source = NULL;
    for (int i = 0; i < p->n_feeds; ++i)
        if (p->values[p->feeds[i].value].root == x->root) source = &p->feeds[i].source;
    if (!source || !source->data) return 1;
    const int64_t size = root->per_sample * root->row, each = x->per_sample * x->width;
    const int64_t rows = parameter(p, s, TABLE)->rows, at_once = 1 + 4096 / size;
    char *buffer = malloc((size_t)(at_once * size * p->kernels->itemsize));
    if (!buffer) return -1;
    int fine = 1;
    for (int64_t i = 0; i < samples && fine; i += at_once) {
        const int64_t count = samples - i < at_once ? samples - i : at_once;
        fastnn_source_read(source, p->kernels, NULL, i, count, buffer, size);
        for (int64_t k = 0; k < count * each && fine; ++k) {
            *id = id_at(p, x, buffer + x->column * p->kernels->itemsize, k);
            *sample = i + k / each;
            fine = row_of(*id, rows) >= 0;
        }
    }
    free(buffer);
    return fine;
}

const fastnn_op fastnn_embedding_op = {.name = "embedding",
                                       .fits = embedding_fits,
                                       .forward = embedding_forward,
                                       .backward = embedding_backward,
                                       .gradient = embedding_gradient,
                                       .touched = embedding_touched,
                                       .flops = embedding_flops};
