/* Running a program: batches, stages, and the phase of the weights. See program.h. */
#define _GNU_SOURCE
#include <math.h>
#include <string.h>
#include <time.h>

#include "program.h"
#include "threads.h"

enum {
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
        if (!to) continue;
        to += (p->first + row0) * v->per_sample * bytes;
        const char *from = fastnn_row(p, v, v->data, row0);
        for (int64_t r = row0 * v->per_sample; r < row1 * v->per_sample; ++r, from += row_bytes, to += bytes)
            memcpy(to, from, (size_t)bytes);
    }
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
    if (phase->last) write_results(p, row0, row1);
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

static int run_stages(fastnn_program *p, int threads) {
    rows_phase phase = {.program = p, .block = block_of_rows(p, threads)};
    const int64_t blocks = (p->rows + phase.block - 1) / phase.block;
    for (int i = 0; i < p->n_stages; ++i) {
        phase.stage = &p->stages[i];
        phase.first = i == 0;
        phase.last = i == p->n_stages - 1 && !phase.stage->batch;
        if (phase.stage->batch) {
            if (run_batch_step(p, p->moves[phase.stage->begin])) return -1;
            if (i == p->n_stages - 1) write_results(p, 0, p->rows);
        } else {
            fastnn_parallel(run_block, &phase, blocks, threads);
        }
    }
    return 0;
}

/* --- weights --------------------------------------------------------------------------------------------------- */

static char *at_row(const fastnn_program *p, const fastnn_parameter *q, void *base, int64_t row) {
    return (char *)base + row * q->cols * p->kernels->itemsize;
}

/* g = d loss / d rows [row0, row1) of a parameter, from every step that uses it, in the order of the steps. */
static void sum_gradients(fastnn_program *p, const fastnn_weights_task *t, void *g, int worker) {
    int accumulate = 0;
    for (int i = 0; i < p->n_steps; ++i) {
        const fastnn_step *s = &p->steps[i];
        if (!s->op->gradient) continue;
        for (int which = 0; which < FASTNN_MAX_PARAMETERS; ++which) {
            if (s->parameters[which] != t->parameter) continue;
            s->op->gradient(p, s, which, t->row0, t->row1, g, accumulate, worker);
            accumulate = 1;
        }
    }
    if (!accumulate) {
        const fastnn_parameter *q = &p->parameters[t->parameter];
        memset(g, 0, (size_t)((t->row1 - t->row0) * q->cols * p->kernels->itemsize));
    }
}

static void update_rows(fastnn_program *p, const fastnn_parameter *q, int64_t row0, int64_t row1, void *g) {
    const int64_t n = (row1 - row0) * q->cols;
    double h[FASTNN_MAX_SCALARS];
    void *slots[FASTNN_MAX_SLOTS];
    memcpy(h, p->h, (size_t)p->update->scalars * sizeof *h);
    if (!q->decays) h[0] = 1;
    for (int i = 0; i < p->update->slots; ++i) slots[i] = at_row(p, q, q->slots[i], row0);
    if (p->clip_value > 0) p->kernels->clip(n, g, p->clip_value);
    p->update->apply(n, at_row(p, q, q->data, row0), g, slots, h);
    if (q->wants_transposed) p->kernels->pack_transposed(q->cols, row0, row1, q->data, q->cols, q->transposed);
}

static int keeps_gradients(const fastnn_program *p) {
    return !p->update || p->clip_norm > 0 || p->global_clip_norm > 0;
}

static void run_task(void *context, int64_t task, int worker) {
    fastnn_program *p = context;
    fastnn_weights_task *t = &p->tasks[task];
    if (t->fold != FASTNN_NONE) {
        p->steps[t->fold].op->fold(p, &p->steps[t->fold]);
        return;
    }
    const fastnn_parameter *q = &p->parameters[t->parameter];
    void *g = keeps_gradients(p) ? at_row(p, q, q->gradient, t->row0) : p->workers[worker].tile;
    sum_gradients(p, t, g, worker);
    t->penalty = q->l1 || q->l2 ? p->kernels->regularize((t->row1 - t->row0) * q->cols, at_row(p, q, q->data, t->row0),
                                                         g, q->l1, q->l2)
                                : 0;
    if (!keeps_gradients(p)) update_rows(p, q, t->row0, t->row1, g);
}

static void run_update(void *context, int64_t task, int worker) {
    fastnn_program *p = context;
    const fastnn_weights_task *t = &p->tasks[task];
    (void)worker;
    if (t->fold != FASTNN_NONE) return;
    const fastnn_parameter *q = &p->parameters[t->parameter];
    update_rows(p, q, t->row0, t->row1, at_row(p, q, q->gradient, t->row0));
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
    if (q->wants_transposed) p->kernels->pack_transposed(q->cols, 0, q->rows, q->data, q->cols, q->transposed);
    return 0;
}

static int run_weights(fastnn_program *p, int threads) {
    fastnn_parallel(run_task, p, p->n_tasks, threads);
    if (p->training && p->update && keeps_gradients(p)) {
        clip_norms(p);
        fastnn_parallel(run_update, p, p->n_tasks, threads);
    }
    if (p->constrained && p->update)
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
        if (q->wants_transposed) p->kernels->pack_transposed(q->cols, 0, q->rows, q->data, q->cols, q->transposed);
    }
    for (int i = 0; i < p->n_steps; ++i)
        if (p->steps[i].op->prepare) p->steps[i].op->prepare(p, &p->steps[i]);
}

static int threads_for(const fastnn_program *p) {
    const int threads = fastnn_get_num_threads() < p->n_workers ? fastnn_get_num_threads() : p->n_workers;
    return p->flops * p->rows < SHARED_FLOPS ? 1 : threads;
}

static int run_one(fastnn_program *p, int64_t step) {
    p->first = step * p->batch_size;
    p->rows = min64(p->batch_size, p->samples - p->first);
    p->batch++;
    p->h = p->scalars ? p->scalars + step * (p->update ? p->update->scalars : 0) : NULL;
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
    while (done < steps && !stopped) {
        if (run_one(p, first + done)) {
            fastnn_restore_denormals(p->caller_mode);
            return -1;
        }
        ++done;
        stopped = done % untimed == 0 && now() >= until;
    }
    fastnn_restore_denormals(p->caller_mode);
    return done;
}
