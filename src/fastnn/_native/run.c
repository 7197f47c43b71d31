/* Running a program: batch after batch, each first by rows, then by weights. See program.h. */
#include "run.h"

#include "cuts.h"
#include "system.h"
#include "threads.h"

enum {
    ALONE_FLOPS = 500000,     /* a batch below this (some 5 us of work) is not worth waking anybody for */
    SHARED_FLOPS = 3000000,   /* from here on it probably is */
    SURELY_FLOPS = 200000000, /* and from here on it is not tried whether one does better alone */
    TIMED_FLOPS = 1000000     /* the clock is read about once in so much work: reading it costs 25 ns */
};

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
}

/* And results are computed where they are wanted. */
static void point_at_results(fastnn_program *p) {
    for (int i = 0; i < p->n_results; ++i) {
        const fastnn_result *r = &p->results[i];
        fastnn_value *v = &p->values[r->value];
        if (!r->own) continue;
        const int64_t sample = v->per_sample * v->width * p->kernels->itemsize;
        v->data = r->data && !p->copies_inputs ? r->data + p->first * sample : p->arena + v->data_at;
    }
}

static void point_at_arrays(fastnn_program *p) {
    point_at_inputs(p);
    point_at_results(p);
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

static int run_phases(fastnn_program *p, int threads) {
    return fastnn_run_rows(p, threads) || fastnn_run_weights(p, threads) ? -1 : 0;
}

/* By as many threads as turn out to do it soonest. */
static int run_paced(fastnn_program *p, int many, int most) {
    if (p->rows != p->paced && p->rows == p->batch_size) {
        fastnn_pace_start(&p->pace, many, most);
        p->paced = p->rows;
    }
    const double start = fastnn_now();
    if (run_phases(p, fastnn_pace_threads(&p->pace, most))) return -1;
    if (p->rows == p->paced) fastnn_pace_note(&p->pace, most, fastnn_now() - start);
    return 0;
}

static int run_batch(fastnn_program *p) {
    const int free = fastnn_free_threads(), most = free < p->n_workers ? free : p->n_workers;
    const int64_t flops = p->flops * p->rows;
    if (most == 1 || flops < ALONE_FLOPS) return run_phases(p, 1);
    if (flops >= SURELY_FLOPS) return run_phases(p, most);
    return run_paced(p, flops >= SHARED_FLOPS, most);
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
    point_at_arrays(p);
    if (run_batch(p)) return -1;
    total_losses(p);
    p->iteration++;
    return 0;
}

int64_t fastnn_program_run(fastnn_program *p, int64_t first, int64_t steps, double seconds) {
    const double until = fastnn_now() + seconds;
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
        stopped = done % untimed == 0 && fastnn_now() >= until;
    }
    fastnn_end_work();
    fastnn_restore_denormals(p->caller_mode);
    return done;
}
