/* Building a program: lists that grow, then one arena and the stages. See program.h. */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "cuts.h"
#include "threads.h"

enum { ALIGNMENT = 64, TILE_BYTES = 1 << 16, LARGE_BYTES = 1 << 22, MIN_TILES = 16, WIDE_COLS = 512 };

/* Room for one more item of a list; lists grow by doubling, at powers of two. */
static void *grown(void *list, int count, size_t item) {
    if (count & (count - 1)) return list;
    return realloc(list, (count ? 2 * (size_t)count : 1) * item);
}

#define ADD(program, list, count, ...)                                                  \
    do {                                                                                \
        void *more = grown((program)->list, (program)->count, sizeof *(program)->list); \
        if (!more) return -1;                                                           \
        (program)->list = more;                                                         \
        (program)->list[(program)->count] = __VA_ARGS__;                                \
        return (program)->count++;                                                      \
    } while (0)

fastnn_program *fastnn_program_new(const fastnn_kernels *kernels) {
    fastnn_program *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->kernels = kernels;
    p->accumulation = p->pulls = 1;
    p->updater = FASTNN_NONE;
    return p;
}

void fastnn_program_free(fastnn_program *p) {
    if (!p) return;
    free(p->values);
    free(p->parameters);
    free(p->steps);
    free(p->feeds);
    free(p->results);
    free(p->rules);
    free(p->moves);
    free(p->stages);
    free(p->tasks);
    free(p->bundles);
    free(p->uses);
    free(p->workers);
    fastnn_aligned_free(p->arena);
    free(p);
}

int fastnn_program_value(fastnn_program *p, int64_t per_sample, int64_t width, int wants_gradient) {
    ADD(p, values, n_values,
        (fastnn_value){.per_sample = per_sample,
                       .width = width,
                       .row = width,
                       .root = p->n_values,
                       .wants_gradient = wants_gradient});
}

int fastnn_program_view(fastnn_program *p, int value, int64_t per_sample, int64_t width) {
    const fastnn_value of = p->values[value];
    ADD(p, values, n_values,
        (fastnn_value){.per_sample = per_sample,
                       .width = width,
                       .row = width,
                       .root = of.root,
                       .column = of.column,
                       .wants_gradient = of.wants_gradient});
}

int fastnn_program_columns(fastnn_program *p, int value, int64_t column, int64_t width) {
    fastnn_value columns = p->values[value];
    columns.width = width;
    columns.column += column;
    ADD(p, values, n_values, columns);
}

int fastnn_program_branch(fastnn_program *p, int value) {
    fastnn_value branch = p->values[value];
    branch.own_gradient = branch.wants_gradient = 1;
    ADD(p, values, n_values, branch);
}

int fastnn_program_parameter(fastnn_program *p, void *data, int64_t rows, int64_t cols, int trainable) {
    ADD(p, parameters, n_parameters,
        (fastnn_parameter){.data = data,
                           .rows = rows,
                           .cols = cols,
                           .trainable = trainable,
                           .rule = FASTNN_NONE,
                           .regularizer = FASTNN_NONE});
}

int fastnn_program_step(fastnn_program *p, const fastnn_op *op) {
    ADD(p, steps, n_steps,
        (fastnn_step){.op = op,
                      .inputs = {FASTNN_NONE, FASTNN_NONE, FASTNN_NONE, FASTNN_NONE},
                      .output = FASTNN_NONE,
                      .parameters = {FASTNN_NONE, FASTNN_NONE, FASTNN_NONE, FASTNN_NONE, FASTNN_NONE, FASTNN_NONE},
                      .default_params = 1,
                      .loss_weight = 1,
                      .row_loss = FASTNN_NONE,
                      .rate_column = FASTNN_NONE,
                      .python = FASTNN_NONE});
}

int fastnn_program_feed(fastnn_program *p, int value) { ADD(p, feeds, n_feeds, (fastnn_feed){.value = value}); }

int fastnn_program_result(fastnn_program *p, int value, int gradient) {
    ADD(p, results, n_results, (fastnn_result){.value = value, .gradient = gradient});
}

int fastnn_program_rule(fastnn_program *p, const fastnn_update *update) {
    ADD(p, rules, n_rules, (fastnn_rule){.update = update});
}

/* --- the arena ------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t bytes;
    int overflow;
} layout;

static int64_t place(layout *l, int64_t elements, int itemsize) {
    const int64_t at = l->bytes;
    int64_t bytes;
    if (__builtin_mul_overflow(elements, itemsize, &bytes) ||
        __builtin_add_overflow(l->bytes, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, &l->bytes))
        l->overflow = 1;
    return at;
}

static int64_t elements_of(layout *l, const fastnn_value *v, int64_t capacity) {
    int64_t rows, elements;
    if (__builtin_mul_overflow(capacity, v->per_sample, &rows) || __builtin_mul_overflow(rows, v->row, &elements)) {
        l->overflow = 1;
        return 0;
    }
    return elements;
}

/* What one task computes and updates of a parameter: whole panels of the packed transpose, about 64 KiB, or twice
 * that (at 2048x2048: 207 GFLOP/s instead of 189, where one core's peak is 245), or less, so that there are some for each
 * worker; of wide matrices some columns only, so that what a task reads of dy stays in cache for the next. */
static void tile_size(const fastnn_program *p, const fastnn_parameter *q, int64_t *rows, int64_t *cols) {
    const int64_t panel = p->kernels->tile_cols;
    int whole_rows = q->keep;
    for (int i = q->first_use; i < q->last_use; ++i) whole_rows |= !p->steps[p->uses[i].step].op->by_columns;
    const int64_t blocks = whole_rows || q->rows == 1 ? 1 : (q->cols + WIDE_COLS - 1) / WIDE_COLS;
    const int64_t share = (q->cols + blocks - 1) / blocks;
    *cols = blocks == 1 ? q->cols : (share + panel - 1) / panel * panel;
    const int large = q->rows * q->cols * p->kernels->itemsize >= LARGE_BYTES; /* then there are enough of them */
    const int64_t bytes = min64((1 + large) * TILE_BYTES, p->parameter_bytes / MIN_TILES);
    const int64_t fitting = bytes / (panel * *cols * p->kernels->itemsize);
    *rows = panel * (fitting > 1 ? fitting : 1);
    if (*rows > q->rows) *rows = q->rows;
}

typedef struct {
    int64_t scratch, tile, packed, whole;
} worker_needs;

static void needs_of_workers(const fastnn_program *p, int64_t capacity, worker_needs *needs) {
    const fastnn_kernels *kernels = p->kernels;
    for (int i = 0; i < p->n_parameters; ++i) {
        const fastnn_parameter *q = &p->parameters[i];
        int64_t rows, cols;
        tile_size(p, q, &rows, &cols);
        if (q->rows >= 4 * kernels->tile_cols || q->cols >= 4 * kernels->tile_cols)
            needs->scratch = kernels->gemm_scratch(0); /* narrower products make no use of it */
        if (q->trainable && rows * cols > needs->tile) needs->tile = rows * cols;
        const fastnn_update *update = q->rule == FASTNN_NONE ? NULL : p->rules[q->rule].update;
        const int64_t whole = update && update->scratch ? update->scratch(q->rows, q->cols) : 0;
        if (whole > needs->whole) needs->whole = whole;
    }
    for (int i = 0; i < p->n_steps; ++i) {
        const fastnn_step *s = &p->steps[i];
        const int64_t own = s->backward && s->op->packed ? s->op->packed(p, s) : 0;
        if (own > needs->packed) needs->packed = own;
        if (!s->backward || s->output == FASTNN_NONE || s->parameters[0] == FASTNN_NONE) continue;
        const fastnn_value *y = &p->values[s->output];
        const int64_t packed = kernels->gemm_packed(y->width, capacity * y->per_sample);
        if (p->parameters[s->parameters[0]].trainable && packed > needs->packed) needs->packed = packed;
    }
}

/* Moves to and from offsets: the arena is allocated when its size is known. */
static int lay_out(fastnn_program *p, int64_t capacity) {
    const int itemsize = p->kernels->itemsize, n_workers = fastnn_get_num_threads();
    layout l = {0};
    worker_needs needs = {0};

    for (int i = 0; i < p->n_values; ++i) {
        fastnn_value *v = &p->values[i];
        if (v->root == i) v->data_at = place(&l, v->unread ? 0 : elements_of(&l, v, capacity), itemsize);
        if (v->wants_gradient && (v->root == i || v->own_gradient))
            v->gradient_at = place(&l, elements_of(&l, v, capacity), itemsize);
    }
    for (int i = 0; i < p->n_parameters; ++i) {
        fastnn_parameter *q = &p->parameters[i];
        if (q->keep) q->gradient_at = place(&l, q->rows * q->cols, itemsize);
        if (q->regularizer != FASTNN_NONE) q->slope_at = place(&l, q->rows * q->cols, itemsize);
        if (q->wants_transposed) q->transposed_at = place(&l, p->kernels->gemm_packed(q->rows, q->cols), itemsize);
    }
    for (int i = 0; i < p->n_steps; ++i) {
        fastnn_step *s = &p->steps[i];
        if (s->op->buffer) s->buffer_at = place(&l, s->op->buffer(p, s), itemsize);
    }
    needs_of_workers(p, capacity, &needs);
    const int64_t workers_at = l.bytes;
    for (int i = 0; i < n_workers; ++i) {
        place(&l, needs.scratch, itemsize);
        place(&l, needs.tile, itemsize);
        place(&l, needs.packed, itemsize);
        place(&l, needs.whole, itemsize);
    }
    if (l.overflow || l.bytes < 0) return -1;

    fastnn_worker *workers = calloc((size_t)n_workers, sizeof *workers);
    char *arena = fastnn_aligned_alloc(ALIGNMENT, (size_t)l.bytes + ALIGNMENT);
    if (!workers || !arena) {
        free(workers);
        fastnn_aligned_free(arena);
        return -1;
    }
    free(p->workers);
    fastnn_aligned_free(p->arena);
    p->workers = workers;
    p->n_workers = n_workers;
    p->arena = arena;
    p->arena_bytes = l.bytes;
    p->capacity = capacity;

    for (int i = 0; i < p->n_values; ++i) {
        fastnn_value *v = &p->values[i], *root = &p->values[v->root];
        v->data = arena + root->data_at + v->column * itemsize;
        v->gradient = v->wants_gradient ? arena + root->gradient_at + v->column * itemsize : NULL;
        if (v->own_gradient) v->gradient = arena + v->gradient_at;
    }
    for (int i = 0; i < p->n_parameters; ++i) {
        fastnn_parameter *q = &p->parameters[i];
        q->gradient = q->keep ? arena + q->gradient_at : NULL;
        q->slope = q->regularizer != FASTNN_NONE ? arena + q->slope_at : NULL;
        q->transposed = q->wants_transposed ? arena + q->transposed_at : NULL;
        if (q->keep) memset(q->gradient, 0, (size_t)(q->rows * q->cols * itemsize));
        /* the columns that pad the last panel are read, and never written again */
        if (q->wants_transposed)
            memset(q->transposed, 0, (size_t)(p->kernels->gemm_packed(q->rows, q->cols) * itemsize));
    }
    for (int i = 0; i < p->n_steps; ++i) p->steps[i].buffer = arena + p->steps[i].buffer_at;
    layout w = {.bytes = workers_at};
    for (int i = 0; i < n_workers; ++i) {
        char *scratch = arena + place(&w, needs.scratch, itemsize);
        workers[i].scratch = needs.scratch ? scratch : NULL;
        workers[i].tile = arena + place(&w, needs.tile, itemsize);
        workers[i].packed = arena + place(&w, needs.packed, itemsize);
        workers[i].whole = arena + place(&w, needs.whole, itemsize);
    }
    return 0;
}

/* --- stages and tasks ------------------------------------------------------------------------------------------ */

typedef struct {
    fastnn_move *moves;
    fastnn_stage *stages;
    int n_moves, n_stages;
} plan;

static fastnn_stage *add_stage(plan *plan, int batch) {
    fastnn_stage *added = &plan->stages[plan->n_stages++];
    *added = (fastnn_stage){.begin = plan->n_moves, .end = plan->n_moves, .batch = batch};
    return added;
}

static void add_move(plan *plan, int step, int direction, int batch) {
    fastnn_stage *last = &plan->stages[plan->n_stages - 1];
    if (batch || last->batch) last = add_stage(plan, batch);
    plan->moves[plan->n_moves++] = (fastnn_move){step, direction};
    last->end = plan->n_moves;
}

static int cut_into_stages(fastnn_program *p) {
    const size_t most = 4 * (size_t)p->n_steps + 2;
    plan plan = {.moves = calloc(most, sizeof *plan.moves), .stages = calloc(most, sizeof *plan.stages)};
    if (!plan.moves || !plan.stages) {
        free(plan.moves);
        free(plan.stages);
        return -1;
    }
    plan.n_stages = 1; /* the first stage goes by rows, if only to read the inputs */
    for (int i = 0; i < p->n_steps; ++i) {
        const fastnn_op *op = p->steps[i].op;
        if (op->forward_batch) add_move(&plan, i, FASTNN_FORWARD, 1);
        if (op->forward) add_move(&plan, i, FASTNN_FORWARD, 0);
    }
    if (p->pulls > 1) add_stage(&plan, 0);
    p->way_back = plan.n_stages - 1;
    for (int i = p->n_steps - 1; i >= 0; --i) {
        const fastnn_op *op = p->steps[i].op;
        if (!p->steps[i].backward) continue;
        if (op->backward_batch) add_move(&plan, i, FASTNN_BACKWARD, 1);
        if (op->backward) add_move(&plan, i, FASTNN_BACKWARD, 0);
    }
    free(p->moves);
    free(p->stages);
    p->moves = plan.moves;
    p->stages = plan.stages;
    p->n_stages = plan.n_stages;
    return 0;
}

static int is_sparse(const fastnn_program *p, int parameter) {
    int uses = 0;
    for (int i = 0; i < p->n_steps; ++i)
        for (int which = 0; which < FASTNN_MAX_PARAMETERS; ++which) {
            const fastnn_step *s = &p->steps[i];
            if (s->parameters[which] != parameter || !s->op->gradient || !s->backward) continue;
            if (which != 0 || !s->op->touched) return 0;
            ++uses;
        }
    return uses > 0;
}

/* Small tasks go together, or with a large one before them: workers get shares of as many bundles, which then are shares of
 * as much work, and the same ones each time, so that what a worker wrote stays in its cache. */
static int bundle_tasks(fastnn_program *p) {
    int *bundles = calloc((size_t)p->n_tasks + 1, sizeof *bundles);
    if (!bundles) return -1;
    int count = 0;
    int64_t most = 0, held = 0;
    for (int i = 0; i < p->n_tasks; ++i)
        if (fastnn_elements(&p->tasks[i].tile) > most) most = fastnn_elements(&p->tasks[i].tile);
    for (int i = 0; i < p->n_tasks; ++i) {
        const int64_t more = fastnn_elements(&p->tasks[i].tile);
        if (i == 0 || held + more > most + most / 16) {
            bundles[count++] = i;
            held = 0;
        }
        held += more;
    }
    bundles[count] = p->n_tasks;
    free(p->bundles);
    p->bundles = bundles;
    p->n_bundles = count;
    return 0;
}

static int list_tasks(fastnn_program *p) {
    for (int i = 0; i < p->n_parameters; ++i) p->parameters[i].sparse = is_sparse(p, i);
    int count = 0;
    for (int i = 0; i < p->n_steps; ++i) count += p->steps[i].op->fold != NULL;
    for (int i = 0; i < p->n_parameters; ++i) {
        const fastnn_parameter *q = &p->parameters[i];
        int64_t rows, cols;
        tile_size(p, q, &rows, &cols);
        if (q->trainable) count += (int)(((q->rows + rows - 1) / rows) * ((q->cols + cols - 1) / cols));
    }
    fastnn_weights_task *tasks = calloc((size_t)count + 1, sizeof *tasks);
    if (!tasks) return -1;
    count = 0;
    for (int i = 0; i < p->n_parameters; ++i) {
        const fastnn_parameter *q = &p->parameters[i];
        int64_t rows, cols;
        tile_size(p, q, &rows, &cols);
        if (!q->trainable) continue;
        for (int64_t col = 0; col < q->cols; col += cols)
            for (int64_t row = 0; row < q->rows; row += rows)
                tasks[count++] =
                    (fastnn_weights_task){.fold = FASTNN_NONE,
                                          .parameter = i,
                                          .tile = {row, min64(row + rows, q->rows), col, min64(col + cols, q->cols)}};
    }
    p->constrained = p->regularized = 0;
    for (int i = 0; i < p->n_parameters; ++i)
        p->constrained |= p->parameters[i].trainable && p->parameters[i].constraint != FASTNN_FREE;
    for (int i = 0; i < p->n_parameters; ++i)
        p->regularized |= p->parameters[i].trainable && p->parameters[i].regularizer != FASTNN_NONE;
    p->training = count > 0;
    for (int i = 0; i < p->n_steps; ++i)
        if (p->steps[i].op->fold) tasks[count++] = (fastnn_weights_task){.fold = i, .parameter = FASTNN_NONE};
    free(p->tasks);
    p->tasks = tasks;
    p->n_tasks = count;
    return bundle_tasks(p);
}

static int list_uses(fastnn_program *p) {
    fastnn_use *uses = calloc(FASTNN_MAX_PARAMETERS * (size_t)p->n_steps + 1, sizeof *uses);
    if (!uses) return -1;
    int count = 0;
    for (int i = 0; i < p->n_parameters; ++i) {
        p->parameters[i].first_use = count;
        for (int step = 0; step < p->n_steps; ++step)
            for (int which = 0; which < FASTNN_MAX_PARAMETERS; ++which)
                if (p->steps[step].parameters[which] == i && p->steps[step].op->gradient && p->steps[step].backward)
                    uses[count++] = (fastnn_use){step, which};
        p->parameters[i].last_use = count;
    }
    free(p->uses);
    p->uses = uses;
    return 0;
}

static void count_work(fastnn_program *p) {
    p->flops = p->bytes_per_sample = p->parameter_bytes = 0;
    for (int i = 0; i < p->n_steps; ++i) {
        const fastnn_step *s = &p->steps[i];
        if (s->op->flops) p->flops += s->op->flops(p, s) * (s->backward ? 1 + 2 * p->pulls : 1);
    }
    for (int i = 0; i < p->n_values; ++i) {
        const fastnn_value *v = &p->values[i];
        if (v->root == i && !v->unread)
            p->bytes_per_sample += v->per_sample * v->row * p->kernels->itemsize * (1 + v->wants_gradient);
        if (v->own_gradient) p->bytes_per_sample += v->per_sample * v->row * p->kernels->itemsize;
    }
    for (int i = 0; i < p->n_parameters; ++i)
        p->parameter_bytes += p->parameters[i].rows * p->parameters[i].cols * p->kernels->itemsize;
}

/* Which updates wait until every gradient is known: those of norms, of wholes, and those that are left to others. */
static void find_late_updates(fastnn_program *p) {
    p->late = 0;
    for (int i = 0; i < p->n_parameters; ++i) {
        fastnn_parameter *q = &p->parameters[i];
        q->late = q->trainable && (p->clip_norm > 0 || p->global_clip_norm > 0 || q->rule == FASTNN_NONE ||
                                   p->rules[q->rule].update->whole);
        q->keep |= q->late;
        p->late |= q->late;
    }
}

static int is_fed(const fastnn_program *p, int value) {
    for (int i = 0; i < p->n_feeds; ++i)
        if (p->feeds[i].value == value) return 1;
    return 0;
}

/* Which results can be computed where they are wanted. */
static void find_own_results(fastnn_program *p) {
    for (int i = 0; i < p->n_results; ++i) {
        fastnn_result *r = &p->results[i];
        r->own = !r->gradient && p->values[r->value].root == r->value && !is_fed(p, r->value);
        for (int before = 0; before < i; ++before) r->own &= p->results[before].value != r->value;
        p->gradients |= r->gradient;
    }
}

int fastnn_program_finish(fastnn_program *p, int64_t capacity) {
    find_late_updates(p);
    find_own_results(p);
    p->paced = 0;
    count_work(p);
    return cut_into_stages(p) || list_uses(p) || list_tasks(p) || lay_out(p, capacity) ? -1 : 0;
}
