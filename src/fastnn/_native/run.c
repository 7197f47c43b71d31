/* Running a program: batches, stages, and the phase of the weights. See program.h. */
#define _GNU_SOURCE
#include <math.h>
#include <string.h>
#include <time.h>

#include "program.h"
#include "threads.h"

enum {
    MAX_TOUCHED = 1 << 14,  /* rows of a tile that may be told apart */
    MOST_TOUCHED = 4,       /* no more than a quarter of them are gone through one by one */
    SHARED_FLOPS = 3000000, /* a batch below this (some 20 us of work) is not worth waking anybody for */
    CACHED_BYTES = 1 << 18, /* parameters and a block's rows that stay in L2 together */
    BLOCK_BYTES = 1 << 17,  /* a block's rows, where the parameters leave them room */
    MIN_BLOCK = 28,
    MAX_BLOCK = 256,
    TIMED_FLOPS = 1000000 /* the clock is read about once in so much work: reading it costs 25 ns */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* --- rows ------------------------------------------------------------------------------------------------------ */

typedef struct {
    fastnn_program *program;
    const fastnn_stage *stage;
    int first, last; /* of the stages: it reads the inputs, it hands out the results */
    int64_t block;
} rows_phase;

static void read_feeds(fastnn_program *p, int64_t row0, int64_t row1) {
    for (int i = 0; i < p->n_feeds; ++i) {
        const fastnn_feed *f = &p->feeds[i];
        const fastnn_value *v = &p->values[f->value];
        if (f->csr.values && !v->unread)
            fastnn_csr_read(&f->csr, p->kernels, p->order ? p->order + p->first + row0 : NULL, p->first + row0,
                            row1 - row0, v->per_sample * v->row, fastnn_row(p, v, v->data, row0),
                            v->per_sample * v->row);
        if (f->source.data && v->data >= p->arena && v->data < p->arena + p->arena_bytes)
            fastnn_source_read(&f->source, p->kernels, p->order ? p->order + p->first + row0 : NULL, p->first + row0,
                               row1 - row0, fastnn_row(p, v, v->data, row0), v->per_sample * v->row);
    }
}

static void write_results(fastnn_program *p, int64_t row0, int64_t row1) {
    for (int i = 0; i < p->n_results; ++i) {
        const fastnn_value *v = &p->values[p->results[i].value];
        const int64_t bytes = v->width * p->kernels->itemsize, row_bytes = v->row * p->kernels->itemsize;
        char *to = p->results[i].data;
        if (!to || p->results[i].gradient) continue;
        to += (p->first + row0) * v->per_sample * bytes;
        const char *from = fastnn_row(p, v, v->data, row0);
        for (int64_t r = row0 * v->per_sample; r < row1 * v->per_sample; ++r, from += row_bytes, to += bytes)
            memcpy(to, from, (size_t)bytes);
    }
}

/* gradients[sample, pull, ...] of the samples [row0, row1) and this pull */
static void write_gradients(fastnn_program *p, int64_t row0, int64_t row1) {
    for (int i = 0; i < p->n_results; ++i) {
        const fastnn_value *v = &p->values[p->results[i].value];
        const int64_t bytes = v->width * p->kernels->itemsize, row_bytes = v->row * p->kernels->itemsize;
        if (!p->results[i].data || !p->results[i].gradient) continue;
        const char *from = fastnn_row(p, v, v->gradient, row0);
        for (int64_t sample = row0; sample < row1; ++sample) {
            char *to = p->results[i].data + ((p->first + sample) * p->pulls + p->pull) * v->per_sample * bytes;
            for (int64_t r = 0; r < v->per_sample; ++r, from += row_bytes, to += bytes) memcpy(to, from, (size_t)bytes);
        }
    }
}

static void hand_out(fastnn_program *p, int64_t row0, int64_t row1) {
    write_results(p, row0, row1);
    if (p->gradients) write_gradients(p, row0, row1);
}

static void run_block(void *context, int64_t block, int worker) {
    const rows_phase *phase = context;
    fastnn_program *p = phase->program;
    const int64_t row0 = block * phase->block, row1 = min64(p->rows, row0 + phase->block);
    if (phase->first) read_feeds(p, row0, row1);
    for (int i = phase->stage->begin; i < phase->stage->end; ++i) {
        const fastnn_step *s = &p->steps[p->moves[i].step];
        if (p->moves[i].direction == FASTNN_FORWARD)
            s->op->forward(p, s, row0, row1, worker);
        else
            s->op->backward(p, s, row0, row1, worker);
    }
    if (phase->last) hand_out(p, row0, row1);
}

static int run_batch_step(fastnn_program *p, fastnn_move move) {
    fastnn_step *s = &p->steps[move.step];
    p->current_step = move.step;
    return move.direction == FASTNN_FORWARD ? s->op->forward_batch(p, s) : s->op->backward_batch(p, s);
}

/* A worker's block of rows: small enough for its values to stay in cache, where the weights stay there too; else as
 * large as can be, since each block reads all the weights again. */
static int64_t block_of_rows(const fastnn_program *p, int threads) {
    const int64_t share = (p->rows + threads - 1) / threads;
    if (p->parameter_bytes > CACHED_BYTES || p->bytes_per_sample == 0) return min64(share, MAX_BLOCK);
    int64_t block = BLOCK_BYTES / p->bytes_per_sample;
    if (block < MIN_BLOCK) block = MIN_BLOCK;
    return min64(block, share);
}

static int run_stages_from(fastnn_program *p, int first, int threads) {
    rows_phase phase = {.program = p, .block = block_of_rows(p, threads)};
    const int64_t blocks = (p->rows + phase.block - 1) / phase.block;
    for (int i = first; i < p->n_stages; ++i) {
        phase.stage = &p->stages[i];
        phase.first = i == 0;
        phase.last = i == p->n_stages - 1 && !phase.stage->batch;
        if (phase.stage->batch) {
            if (run_batch_step(p, p->moves[phase.stage->begin])) return -1;
            if (i == p->n_stages - 1) hand_out(p, 0, p->rows);
        } else {
            fastnn_parallel(run_block, &phase, blocks, threads);
        }
    }
    return 0;
}

/* Forward, and back; where several numbers are differentiated, back again for each of the others. */
static int run_stages(fastnn_program *p, int threads) {
    p->pull = 0;
    if (run_stages_from(p, 0, threads)) return -1;
    while (++p->pull < p->pulls)
        if (run_stages_from(p, p->way_back, threads)) return -1;
    return 0;
}

/* --- weights --------------------------------------------------------------------------------------------------- */

static char *at_element(const fastnn_program *p, void *base, int64_t element) {
    return (char *)base + element * p->kernels->itemsize;
}

static int64_t elements(const fastnn_tile *t) { return (t->row1 - t->row0) * (t->col1 - t->col0); }

/* Elements of a parameter that lie in a line: all of a tile, or a row of it. */
typedef struct {
    int64_t at, n;
} line;

/* The next line of a tile, after `done` elements. */
static line next_line(const fastnn_parameter *q, const fastnn_tile *t, int64_t done) {
    const int64_t cols = t->col1 - t->col0;
    if (cols == q->cols) return (line){t->row0 * cols, elements(t)};
    return (line){(t->row0 + done / cols) * q->cols + t->col0, cols};
}

/* g = d loss / d tile of a parameter, from every step that uses it, in the order of the steps. */
static void sum_gradients(fastnn_program *p, const fastnn_weights_task *t, void *g, int worker) {
    const fastnn_parameter *q = &p->parameters[t->parameter];
    for (int i = q->first_use; i < q->last_use; ++i) {
        const fastnn_step *s = &p->steps[p->uses[i].step];
        s->op->gradient(p, s, p->uses[i].which, &t->tile, g, i > q->first_use, worker);
    }
    if (q->first_use == q->last_use) memset(g, 0, (size_t)(elements(&t->tile) * p->kernels->itemsize));
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
    const int64_t n = elements(&t->tile);
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

static void run_task(void *context, int64_t task, int worker) {
    fastnn_program *p = context;
    fastnn_weights_task *t = &p->tasks[task];
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
static void run_late_update(void *context, int64_t task, int worker) {
    fastnn_program *p = context;
    const fastnn_weights_task *t = &p->tasks[task];
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

static int run_weights(fastnn_program *p, int threads) {
    const int updates = p->training && (p->n_rules || p->updater != FASTNN_NONE);
    p->updating = updates && ((int64_t)p->iteration + 1) % p->accumulation == 0;
    p->overwrites = p->overwriting && ((int64_t)p->iteration / p->accumulation + 1) % p->overwriting == 0;
    if (p->regularized && regularize_in_python(p)) return -1;
    fastnn_parallel(run_task, p, p->n_tasks, threads);
    if (p->updating && p->late) {
        if (p->clip_norm > 0 || p->global_clip_norm > 0) clip_norms(p);
        if (p->updater != FASTNN_NONE && update_in_python(p)) return -1;
        fastnn_parallel(run_late_update, p, p->n_tasks, threads);
    }
    if (p->constrained && updates)
        for (int i = 0; i < p->n_parameters; ++i)
            if (p->parameters[i].trainable && constrain(p, &p->parameters[i])) return -1;
    return 0;
}

/* --- batches --------------------------------------------------------------------------------------------------- */

static void total_losses(fastnn_program *p) {
    double loss = 0;
    for (int i = 0; i < p->n_steps; ++i) {
        fastnn_step *s = &p->steps[i];
        if (!s->op->adds_loss) continue;
        loss += s->loss_weight * s->batch_loss;
        s->loss_sum += s->batch_loss * (double)p->rows;
    }
    for (int i = 0; i < p->n_tasks; ++i) loss += p->tasks[i].penalty;
    p->last_loss = loss;
    p->loss_sum += loss * (double)p->rows;
    p->samples_seen += (double)p->rows;
}

/* Inputs that can serve where they lie are looked at, not copied. */
static void point_at_inputs(fastnn_program *p) {
    for (int i = 0; i < p->n_feeds; ++i) {
        fastnn_value *v = &p->values[p->feeds[i].value];
        const char *data = p->order || p->copies_inputs || !p->feeds[i].source.data
                               ? NULL
                               : fastnn_source_in_place(&p->feeds[i].source, p->kernels);
        if (data)
            v->data = (char *)data + p->first * p->feeds[i].source.sample_stride;
        else
            v->data = p->arena + p->values[v->root].data_at;
    }
    for (int i = 0; i < p->n_values; ++i) {
        fastnn_value *v = &p->values[i];
        if (v->root != i) v->data = p->values[v->root].data + v->column * p->kernels->itemsize;
    }
}

void fastnn_program_reset(fastnn_program *p) {
    p->loss_sum = p->samples_seen = p->last_loss = 0;
    for (int i = 0; i < p->n_steps; ++i) p->steps[i].loss_sum = p->steps[i].batch_loss = 0;
}

void fastnn_program_prepare(fastnn_program *p) {
    for (int i = 0; i < p->n_parameters; ++i) {
        const fastnn_parameter *q = &p->parameters[i];
        if (q->wants_transposed)
            p->kernels->pack_transposed(q->cols, 0, q->rows, 0, q->cols, q->data, q->cols, q->transposed);
    }
    for (int i = 0; i < p->n_steps; ++i)
        if (p->steps[i].op->prepare) p->steps[i].op->prepare(p, &p->steps[i]);
}

static int threads_for(const fastnn_program *p) {
    if (p->flops * p->rows < SHARED_FLOPS) return 1;
    const int threads = fastnn_free_threads();
    return threads < p->n_workers ? threads : p->n_workers;
}

/* The rates of this batch, of steps that have another one for each. */
static void follow_rates(fastnn_program *p) {
    for (int i = 0; i < p->n_steps; ++i) {
        fastnn_step *s = &p->steps[i];
        if (s->rate_column == FASTNN_NONE) continue;
        s->rate = p->rates[(p->step - p->first_scalars) * p->n_rates + s->rate_column];
        if (s->op->new_rate) s->op->new_rate(s);
    }
}

static int run_one(fastnn_program *p, int64_t step) {
    p->first = step * p->batch_size;
    p->rows = min64(p->batch_size, p->samples - p->first);
    p->batch++;
    p->step = step;
    if (p->n_rates) follow_rates(p);
    point_at_inputs(p);
    const int threads = threads_for(p);
    if (run_stages(p, threads)) return -1;
    if (run_weights(p, threads)) return -1;
    total_losses(p);
    p->iteration++;
    return 0;
}

int64_t fastnn_program_run(fastnn_program *p, int64_t first, int64_t steps, double seconds) {
    const double until = now() + seconds;
    const int64_t untimed = 1 + TIMED_FLOPS / (1 + p->flops * p->batch_size);
    int64_t done = 0;
    int stopped = 0;
    p->caller_mode = fastnn_flush_denormals();
    fastnn_begin_work();
    while (done < steps && !stopped) {
        if (run_one(p, first + done)) {
            done = -1;
            break;
        }
        ++done;
        stopped = done % untimed == 0 && now() >= until;
    }
    fastnn_end_work();
    fastnn_restore_denormals(p->caller_mode);
    return done;
}
