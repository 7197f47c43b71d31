/* The phase of the weights: gradients, updates, and what follows them, tile by tile. See run.h. */
#include <math.h>
#include <string.h>

#include "run.h"
#include "threads.h"

enum {
    MAX_TOUCHED = 1 << 14, /* rows of a tile that may be told apart */
    MOST_TOUCHED = 4       /* no more than a quarter of them are gone through one by one */
};

static char *at_element(const fastnn_program *p, void *base, int64_t element) {
    return (char *)base + element * p->kernels->itemsize;
}

/* Elements of a parameter that lie in a line: all of a tile, or a row of it. */
typedef struct {
    int64_t at, n;
} line;

/* The next line of a tile, after `done` elements. */
static line next_line(const fastnn_parameter *q, const fastnn_tile *t, int64_t done) {
    const int64_t cols = t->col1 - t->col0;
    if (cols == q->cols) return (line){t->row0 * cols, fastnn_elements(t)};
    return (line){(t->row0 + done / cols) * q->cols + t->col0, cols};
}

/* g = d loss / d tile of a parameter, from every step that uses it, in the order of the steps. */
static void sum_gradients(fastnn_program *p, const fastnn_weights_task *t, void *g, int worker) {
    const fastnn_parameter *q = &p->parameters[t->parameter];
    for (int i = q->first_use; i < q->last_use; ++i) {
        const fastnn_step *s = &p->steps[p->uses[i].step];
        s->op->gradient(p, s, p->uses[i].which, &t->tile, g, i > q->first_use, worker);
    }
    if (q->first_use == q->last_use) memset(g, 0, (size_t)(fastnn_elements(&t->tile) * p->kernels->itemsize));
}

/* The running mean follows weights after their update. */
static void follow_update(fastnn_program *p, const fastnn_parameter *q, line l) {
    if (!q->average) return;
    const int64_t updates = (int64_t)p->iteration / p->accumulation;
    void *w = at_element(p, q->data, l.at), *average = at_element(p, q->average, l.at);
    p->kernels->follow(l.n, w, average, updates ? 1 - p->averaging : 1);
    if (p->overwrites) memcpy(w, average, (size_t)(l.n * p->kernels->itemsize));
}

/* And so does the packed copy. */
static void follow_transposed(fastnn_program *p, const fastnn_parameter *q, const fastnn_tile *t) {
    if (q->wants_transposed && (p->updating || p->overwrites))
        p->kernels->pack_transposed(q->cols, t->row0, t->row1, t->col0, t->col1, q->data, q->cols, q->transposed);
}

static void update_line(fastnn_program *p, const fastnn_parameter *q, line l, void *g, int worker) {
    const fastnn_rule *rule = &p->rules[q->rule];
    const double *h = rule->scalars + (p->step - p->first_scalars) * rule->update->scalars;
    if (p->clip_value > 0) p->kernels->clip(l.n, g, p->clip_value);
    if (rule->update->whole) {
        const fastnn_whole whole = {.rows = q->rows,
                                    .cols = q->cols,
                                    .w = q->data,
                                    .g = g,
                                    .slots = q->slots,
                                    .scratch = p->workers[worker].whole};
        rule->update->whole(&whole, h);
    } else {
        void *slots[FASTNN_MAX_SLOTS];
        for (int i = 0; i < rule->update->slots; ++i) slots[i] = at_element(p, q->slots[i], l.at);
        rule->update->apply(l.n, at_element(p, q->data, l.at), g, slots, h);
    }
    follow_update(p, q, l);
}

/* g = the mean of the gradients since the last update, this one included; or only one more for the sum. */
static void accumulate(fastnn_program *p, int64_t n, void *g, void *sum) {
    if (!p->updating) {
        p->kernels->add(n, g, sum, sum);
        return;
    }
    p->kernels->add(n, g, sum, g);
    p->kernels->scale(n, g, 1 / (double)p->accumulation);
    memset(sum, 0, (size_t)(n * p->kernels->itemsize));
}

/* Whether rows of a sparse parameter that no step touched keep their weights: then only the others are computed. */
static int leaves_the_rest(const fastnn_program *p, const fastnn_weights_task *t) {
    const fastnn_parameter *q = &p->parameters[t->parameter];
    if (!p->updating || q->late || q->accumulator || q->average || q->rule == FASTNN_NONE) return 0;
    if (q->l1 || q->l2 || q->slope) return 0;
    const fastnn_rule *rule = &p->rules[q->rule];
    const double *h = rule->scalars + (p->step - p->first_scalars) * rule->update->scalars;
    return strcmp(rule->update->name, "sgd") == 0 && h[0] == 1 && t->tile.row1 - t->tile.row0 <= MAX_TOUCHED;
}

/* 0: so many rows are touched that all of them are done as quickly. */
static int run_sparse_task(fastnn_program *p, const fastnn_weights_task *t, int worker) {
    const fastnn_parameter *q = &p->parameters[t->parameter];
    const int64_t row0 = t->tile.row0, rows = t->tile.row1 - row0, cols = q->cols;
    unsigned char touched[MAX_TOUCHED];
    int64_t count = 0;
    void *g = p->workers[worker].tile;
    memset(touched, 0, (size_t)rows);
    for (int i = 0; i < p->n_steps; ++i)
        if (p->steps[i].parameters[0] == t->parameter && p->steps[i].op->gradient)
            p->steps[i].op->touched(p, &p->steps[i], row0, t->tile.row1, touched);
    for (int64_t row = 0; row < rows; ++row) count += touched[row];
    if (count > rows / MOST_TOUCHED) return 0;
    for (int64_t row = 0; row < rows; ++row)
        if (touched[row]) memset(at_element(p, g, row * cols), 0, (size_t)(cols * p->kernels->itemsize));
    for (int i = 0; i < p->n_steps; ++i)
        if (p->steps[i].parameters[0] == t->parameter && p->steps[i].op->gradient)
            p->steps[i].op->gradient(p, &p->steps[i], 0, &t->tile, g, 1, worker);
    for (int64_t row = 0; row < rows; ++row) {
        if (!touched[row]) continue;
        const fastnn_tile one = {row0 + row, row0 + row + 1, 0, cols};
        update_line(p, q, next_line(q, &one, 0), at_element(p, g, row * cols), worker);
        follow_transposed(p, q, &one);
    }
    return 1;
}

/* What a penalty per sample is multiplied by: one over the samples of the batch, or over their weights. */
static double sample_share(const fastnn_program *p) {
    double samples = (double)p->rows;
    for (int i = 0; i < p->n_steps; ++i)
        if (p->steps[i].op->adds_loss && p->steps[i].by_weight) samples = p->steps[i].counted;
    return samples > 0 ? 1 / samples : 0;
}

/* Line by line: regularizer, accumulation, update. */
static void finish_gradient(fastnn_program *p, fastnn_weights_task *t, char *g, int worker) {
    const fastnn_parameter *q = &p->parameters[t->parameter];
    const int64_t n = fastnn_elements(&t->tile);
    const double share = q->per_sample ? sample_share(p) : 1;
    t->penalty = q->slope && t->tile.row0 == 0 && t->tile.col0 == 0 ? q->penalty : 0;
    for (int64_t done = 0; done < n;) {
        const line l = next_line(q, &t->tile, done);
        void *part = at_element(p, g, done);
        if (q->l1 || q->l2)
            t->penalty += p->kernels->regularize(l.n, at_element(p, q->data, l.at), part, share * q->l1, share * q->l2);
        if (q->slope) p->kernels->add(l.n, part, at_element(p, q->slope, l.at), part);
        if (q->accumulator) accumulate(p, l.n, part, at_element(p, q->accumulator, l.at));
        if (!p->updating)
            follow_update(p, q, l);
        else if (!q->late)
            update_line(p, q, l, part, worker);
        done += l.n;
    }
    if (!p->updating || !q->late) follow_transposed(p, q, &t->tile);
}

static void run_task(fastnn_program *p, fastnn_weights_task *t, int worker) {
    if (t->fold != FASTNN_NONE) {
        p->steps[t->fold].op->fold(p, &p->steps[t->fold]);
        return;
    }
    const fastnn_parameter *q = &p->parameters[t->parameter];
    if (q->sparse && leaves_the_rest(p, t) && run_sparse_task(p, t, worker)) {
        t->penalty = 0;
        return;
    }
    void *g = q->late ? at_element(p, q->gradient, t->tile.row0 * q->cols) : p->workers[worker].tile;
    sum_gradients(p, t, g, worker);
    finish_gradient(p, t, g, worker);
}

/* The same tasks again, for the updates that waited; a parameter that is updated as a whole is so in its first one. */
static void run_late_update(fastnn_program *p, const fastnn_weights_task *t, int worker) {
    if (t->fold != FASTNN_NONE) return;
    const fastnn_parameter *q = &p->parameters[t->parameter];
    const fastnn_tile whole = {0, q->rows, 0, q->cols};
    const int by_wholes = q->rule != FASTNN_NONE && p->rules[q->rule].update->whole;
    const fastnn_tile *tile = by_wholes ? &whole : &t->tile;
    if (!q->late || (by_wholes && t->tile.row0 > 0)) return;
    const line l = next_line(q, tile, 0); /* late parameters are cut by rows alone */
    if (q->rule == FASTNN_NONE)
        follow_update(p, q, l);
    else
        update_line(p, q, l, at_element(p, q->gradient, l.at), worker);
    follow_transposed(p, q, tile);
}

static void run_bundle(void *context, int64_t bundle, int worker) {
    fastnn_program *p = context;
    for (int i = p->bundles[bundle]; i < p->bundles[bundle + 1]; ++i) run_task(p, &p->tasks[i], worker);
}

static void run_late_bundle(void *context, int64_t bundle, int worker) {
    fastnn_program *p = context;
    for (int i = p->bundles[bundle]; i < p->bundles[bundle + 1]; ++i) run_late_update(p, &p->tasks[i], worker);
}

/* Scales every kept gradient to a norm of at most `limit`: each parameter's own, or that of all together. */
static void clip_norms(fastnn_program *p) {
    const double limit = p->global_clip_norm > 0 ? p->global_clip_norm : p->clip_norm;
    double all = 0;
    for (int pass = 0; pass < 2; ++pass) {
        for (int i = 0; i < p->n_parameters; ++i) {
            const fastnn_parameter *q = &p->parameters[i];
            const int64_t n = q->rows * q->cols;
            if (!q->trainable) continue;
            if (pass == 0) {
                const double squares = p->kernels->sum_of_squares(n, q->gradient);
                all += squares;
                if (!(p->global_clip_norm > 0) && sqrt(squares) > limit)
                    p->kernels->scale(n, q->gradient, limit / sqrt(squares));
            } else if (p->global_clip_norm > 0 && sqrt(all) > limit) {
                p->kernels->scale(n, q->gradient, limit / sqrt(all));
            }
        }
    }
}

static int constrain(fastnn_program *p, const fastnn_parameter *q) {
    switch (q->constraint) {
        case FASTNN_FREE: return 0;
        case FASTNN_POSITIVE: p->kernels->constrain_positive(q->rows * q->cols, q->data); break;
        case FASTNN_NORM_OF_COLUMNS:
            p->kernels->constrain_columns(q->rows, q->cols, q->data, q->low, q->high, q->rate);
            break;
        case FASTNN_NORM_OF_ROWS:
            p->kernels->constrain_rows(q->rows, q->cols, q->data, q->low, q->high, q->rate);
            break;
        case FASTNN_PYTHON_CONSTRAINT:
            if (fastnn_call_python(p, q->python, FASTNN_FORWARD)) return -1;
            break;
    }
    if (q->wants_transposed)
        p->kernels->pack_transposed(q->cols, 0, q->rows, 0, q->cols, q->data, q->cols, q->transposed);
    return 0;
}

static int regularize_in_python(fastnn_program *p) {
    for (int i = 0; i < p->n_parameters; ++i) {
        const fastnn_parameter *q = &p->parameters[i];
        if (q->trainable && q->slope && fastnn_call_python(p, q->regularizer, FASTNN_FORWARD)) return -1;
    }
    return 0;
}

/* An optimizer written in Python sees the kept gradients as C would: clipped. */
static int update_in_python(fastnn_program *p) {
    for (int i = 0; i < p->n_parameters && p->clip_value > 0; ++i) {
        const fastnn_parameter *q = &p->parameters[i];
        if (q->trainable) p->kernels->clip(q->rows * q->cols, q->gradient, p->clip_value);
    }
    return fastnn_call_python(p, p->updater, FASTNN_FORWARD);
}

int fastnn_run_weights(fastnn_program *p, int threads) {
    const int updates = p->training && (p->n_rules || p->updater != FASTNN_NONE);
    p->updating = updates && ((int64_t)p->iteration + 1) % p->accumulation == 0;
    p->overwrites = p->overwriting && ((int64_t)p->iteration / p->accumulation + 1) % p->overwriting == 0;
    if (p->regularized && regularize_in_python(p)) return -1;
    fastnn_parallel(run_bundle, p, p->n_bundles, threads);
    if (p->updating && p->late) {
        if (p->clip_norm > 0 || p->global_clip_norm > 0) clip_norms(p);
        if (p->updater != FASTNN_NONE && update_in_python(p)) return -1;
        fastnn_parallel(run_late_bundle, p, p->n_bundles, threads);
    }
    if (p->constrained && updates)
        for (int i = 0; i < p->n_parameters; ++i)
            if (p->parameters[i].trainable && constrain(p, &p->parameters[i])) return -1;
    return 0;
}
