/* The phase of the rows: every step forward and back over the samples of a batch. See run.h. */
#include <stdatomic.h>
#include <string.h>

#include "cuts.h"
#include "run.h"
#include "system.h"
#include "threads.h"

enum {
    SHARED_BYTES = 1 << 19, /* of weights, from which on it pays that each worker reads some columns of them only */
    CACHED_BYTES = 1 << 18, /* parameters and a block's rows that stay in L2 together */
    BLOCK_BYTES = 1 << 17,  /* a block's rows, where the parameters leave them room */
    MIN_BLOCK = 28,
    MAX_BLOCK = 256
};

/* A batch that takes long can be left amid its rows, when no weight has moved yet: between blocks the calling thread
 * asks whether a signal has come. */
struct fastnn_listening {
    double next;     /* time to ask */
    atomic_int left; /* a signal's handler raised */
};
#define LISTEN_SECONDS 0.03
static const int64_t LISTENED_FLOPS = 1000000000; /* of a batch from which on it can take so long */

static int is_left(fastnn_program *p, int worker) {
    struct fastnn_listening *listening = p->listening;
    if (!listening) return 0;
    if (worker == 0 && fastnn_now() >= listening->next) {
        if (fastnn_call_python(p, FASTNN_NONE, FASTNN_FORWARD)) listening->left = 1;
        listening->next = fastnn_now() + LISTEN_SECONDS;
    }
    return listening->left;
}

/* Some moves in a row, over blocks of rows. */
typedef struct {
    fastnn_program *program;
    int begin, end;                  /* moves */
    const fastnn_step *before;       /* of whose backward_columns only what comes before is done, or NULL */
    int reads_inputs, gives_results; /* they are the batch's first; its last */
    int64_t block;
} rows_phase;

/* One move over the whole batch, over blocks of columns. */
typedef struct {
    fastnn_program *program;
    fastnn_move move;
    fastnn_columns cut;
} columns_phase;

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
        if (from == to) continue; /* they were computed there */
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
    if (is_left(p, worker)) return;
    const int64_t row0 = block * phase->block, row1 = min64(p->rows, row0 + phase->block);
    if (phase->reads_inputs) read_feeds(p, row0, row1);
    for (int i = phase->begin; i < phase->end; ++i) {
        const fastnn_step *s = &p->steps[p->moves[i].step];
        if (p->moves[i].direction == FASTNN_FORWARD)
            s->op->forward(p, s, row0, row1, worker);
        else
            s->op->backward(p, s, row0, row1, worker);
    }
    if (phase->before) phase->before->op->backward_before(p, phase->before, row0, row1);
    if (phase->gives_results) hand_out(p, row0, row1);
}

static void run_columns(void *context, int64_t task, int worker) {
    const columns_phase *phase = context;
    fastnn_program *p = phase->program;
    if (is_left(p, worker)) return;
    const fastnn_step *s = &p->steps[phase->move.step];
    const int64_t col0 = task * phase->cut.block, col1 = fastnn_columns_end(&phase->cut, task);
    if (phase->move.direction == FASTNN_FORWARD)
        s->op->forward_columns(p, s, col0, col1, worker);
    else
        s->op->backward_columns(p, s, col0, col1, worker);
}

/* The columns that a move is shared out by; 0: it goes by rows. A worker reads rows · inputs + inputs · columns / threads
 * numbers by columns, rows / threads · inputs + inputs · columns by rows. */
static int64_t columns_of(const fastnn_program *p, fastnn_move move, int threads) {
    const fastnn_step *s = &p->steps[move.step];
    const int forward = move.direction == FASTNN_FORWARD;
    if (!s->op->forward_columns) return 0;
    const fastnn_value *x = &p->values[s->inputs[0]], *y = &p->values[s->output];
    if (!forward && !x->gradient) return 0;
    const int64_t columns = forward ? y->width : x->width;
    if (x->width * y->width * p->kernels->itemsize < SHARED_BYTES) return 0;
    return columns > p->rows * x->per_sample && columns >= threads * p->kernels->tile_cols ? columns : 0;
}

static void share_columns(fastnn_program *p, fastnn_move move, int64_t columns, int threads) {
    columns_phase phase = {.program = p, .move = move, .cut = fastnn_cut_columns(p->kernels, columns, threads)};
    fastnn_parallel(run_columns, &phase, phase.cut.count, threads);
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

/* Moves from begin to end: as many in a row as can be go by rows, and those between them by columns. */
static void share_moves(fastnn_program *p, rows_phase phase, int threads) {
    const int end = phase.end, gives_results = phase.gives_results;
    const int64_t blocks = (p->rows + phase.block - 1) / phase.block;
    if (threads == 1) {
        fastnn_parallel(run_block, &phase, blocks, 1);
        return;
    }
    for (int i = phase.begin; i <= end; ++i) {
        const int64_t columns = i < end ? columns_of(p, p->moves[i], threads) : 0;
        if (i < end && !columns) continue;
        const int back = i < end && p->moves[i].direction == FASTNN_BACKWARD;
        phase.end = i;
        phase.before = back ? &p->steps[p->moves[i].step] : NULL;
        phase.gives_results = gives_results && i == end;
        if (phase.begin < i || phase.before || phase.reads_inputs || phase.gives_results)
            fastnn_parallel(run_block, &phase, blocks, threads);
        if (columns) share_columns(p, p->moves[i], columns, threads);
        phase.begin = i + 1;
        phase.reads_inputs = 0;
    }
}

static int run_stages_from(fastnn_program *p, int first, int threads) {
    const int64_t block = block_of_rows(p, threads);
    for (int i = first; i < p->n_stages; ++i) {
        const fastnn_stage *stage = &p->stages[i];
        if (stage->batch) {
            if (run_batch_step(p, p->moves[stage->begin])) return -1;
            if (i == p->n_stages - 1) hand_out(p, 0, p->rows);
        } else {
            const rows_phase phase = {.program = p,
                                      .begin = stage->begin,
                                      .end = stage->end,
                                      .reads_inputs = i == 0,
                                      .gives_results = i == p->n_stages - 1,
                                      .block = block};
            share_moves(p, phase, threads);
            if (p->listening && p->listening->left) return -1;
        }
    }
    return 0;
}

/* Forward, and back; where several numbers are differentiated, back again for each of the others. */
static int run_pulls(fastnn_program *p, int threads) {
    p->pull = 0;
    if (run_stages_from(p, 0, threads)) return -1;
    while (++p->pull < p->pulls)
        if (run_stages_from(p, p->way_back, threads)) return -1;
    return 0;
}

int fastnn_run_rows(fastnn_program *p, int threads) {
    if (p->flops * p->rows < LISTENED_FLOPS) return run_pulls(p, threads);
    struct fastnn_listening listening = {.next = fastnn_now() + LISTEN_SECONDS};
    p->listening = &listening;
    const int failed = run_pulls(p, threads);
    p->listening = NULL;
    return failed;
}
