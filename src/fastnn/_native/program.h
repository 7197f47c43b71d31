/* A network compiled to a program: a flat list of steps over values, run batch by batch.
 *
 * Whoever builds one calls, in this order: fastnn_program_new; _value, _view, _parameter and _step as often as needed
 * (steps in topological order); fastnn_program_finish, which lays out the arena and cuts the steps into stages. Then
 * fastnn_program_run, any number of times. Nothing here knows an ISA or a dtype: the kernels' table does.
 *
 * A training step is
 *   stages   rows: blocks of samples go through all steps forward, and back, each block by one worker; a step that
 *            needs the whole batch (batch normalization's statistics, a step written in Python) stands between two
 *            such stages;
 *   weights  tiles of parameters: gradient, regularizer, update, while the tile is hot; and one task for each loss and
 *            metric that folds the batch into its totals.
 * The two meet at barriers only. Every sum has an order of its own, so the bits are the same for any number of threads. */
#ifndef FASTNN_PROGRAM_H
#define FASTNN_PROGRAM_H
#include "data.h"
#include "denormals.h"
#include "kernels.h"
#include "pace.h"

enum { FASTNN_MAX_INPUTS = 4, FASTNN_MAX_PARAMETERS = 6, FASTNN_MAX_PARAMS = 8, FASTNN_NONE = -1 };

typedef struct fastnn_program fastnn_program;
typedef struct fastnn_step fastnn_step;

/* Rows of reals that steps hand on: per_sample rows of `width` for each sample, `row` elements apart. */
typedef struct {
    int64_t per_sample, width, row;
    int root;       /* the value whose memory this one looks at: itself, unless it is a view */
    int64_t column; /* of the root, where a view begins */
    int wants_gradient;
    int unread;                   /* a sparse input that steps read where it lies: it has no memory */
    int own_gradient;             /* a view's, apart from that of the value it looks at */
    char *data, *gradient;        /* sample 0 of the batch; gradient is NULL where none is wanted */
    int64_t data_at, gradient_at; /* bytes into the arena */
} fastnn_value;

/* What weights are brought back to after an update. */
typedef enum {
    FASTNN_FREE,
    FASTNN_POSITIVE,
    FASTNN_NORM_OF_COLUMNS,
    FASTNN_NORM_OF_ROWS,
    FASTNN_PYTHON_CONSTRAINT
} fastnn_constraint;

/* How parameters are updated: those of a rule share an update and its scalars. */
typedef struct {
    const fastnn_update *update;
    const double *scalars; /* of the steps from program->first_scalars on: update->scalars doubles each */
} fastnn_rule;

/* A matrix of weights (vectors have one row), in memory that its owner, a Variable, keeps alive. */
typedef struct {
    void *data;
    int64_t rows, cols;
    int trainable;
    int wants_transposed;
    double l1, l2;
    int per_sample; /* these are divided by the samples of the batch, or by their weights where its loss is */
    int rule; /* by which it is updated; FASTNN_NONE: its gradient is kept, and Python updates it or nobody does */
    void *slots[FASTNN_MAX_SLOTS];
    void *accumulator; /* sum of the gradients since the last update, where a program accumulates them */
    void *average;     /* running mean of the weights, where a program keeps one */
    void *gradient;    /* where the gradient is kept, if anything asks for it before or instead of the update */
    void *transposed;  /* packed transpose, for dx = dy · wᵀ; in the arena */
    int64_t gradient_at, transposed_at;
    int first_use, last_use; /* among the program's uses: [first, last), in the order of the steps */
    int keep;
    int late;   /* updated after all gradients are known and kept */
    int sparse; /* every step that has a gradient by it says which rows it touched */
    fastnn_constraint constraint;
    double low, high, rate; /* of a norm, and how far it moves towards them */
    int python;             /* which callable constrains it */
    int regularizer;        /* which callable leaves a penalty on it below, or FASTNN_NONE */
    double penalty;
    void *slope; /* the gradient of that penalty; in the arena */
    int64_t slope_at;
} fastnn_parameter;

/* The part of a parameter that one task computes and updates. */
typedef struct {
    int64_t row0, row1, col0, col1;
} fastnn_tile;

static inline int64_t fastnn_elements(const fastnn_tile *t) { return (t->row1 - t->row0) * (t->col1 - t->col0); }

/* What a step does. Samples [row0, row1) of the batch; every function may be NULL. */
typedef struct {
    const char *name;
    int (*fits)(const fastnn_program *, const fastnn_step *); /* whether what the step was given fits together: the one
                                                                 guard between a mistake in lowering and a buffer's end */
    int adds_loss;                                            /* batch_loss is part of what is minimized */
    int row_losses;                                           /* it needs a value for the losses of rows */
    int reads_transposed;                                     /* backward reads the packed transpose of parameter 0 */
    void (*prepare)(fastnn_program *, fastnn_step *); /* once at the start of a run: parameters may have changed */
    void (*forward)(fastnn_program *, const fastnn_step *, int64_t row0, int64_t row1, int worker);
    void (*backward)(fastnn_program *, const fastnn_step *, int64_t row0, int64_t row1, int worker);
    /* The whole batch at once, on the calling thread, before `forward` (or `backward`) of any row; 0, or -1: stop. */
    int (*forward_batch)(fastnn_program *, fastnn_step *);
    void (*new_rate)(fastnn_step *); /* the rate is another one now: what depends on it follows */
    int (*backward_batch)(fastnn_program *, fastnn_step *);
    /* gradient (+)= a tile of d loss / d parameters[which], in a row of rows */
    void (*gradient)(fastnn_program *, const fastnn_step *, int which, const fastnn_tile *, void *gradient,
                     int accumulate, int worker);
    int by_columns; /* its tiles may have some columns only, not all */
    /* For ops whose forward (and backward) can be done some columns of the output (of the input's gradient) at a time, for
     * the whole batch: then workers read each its part of the weights, not all of them. Before
     * `backward_columns` of any column, `backward_before` of every row. */
    void (*forward_columns)(fastnn_program *, const fastnn_step *, int64_t col0, int64_t col1, int worker);
    void (*backward_before)(fastnn_program *, const fastnn_step *, int64_t row0, int64_t row1);
    void (*backward_columns)(fastnn_program *, const fastnn_step *, int64_t col0, int64_t col1, int worker);
    /* For ops whose gradient by parameter 0 is zero in most rows: sets touched[row - row0] for the others of [row0, row1).
     * An update that leaves weights without a gradient alone then skips those rows. */
    void (*touched)(fastnn_program *, const fastnn_step *, int64_t row0, int64_t row1, unsigned char *touched);
    void (*fold)(fastnn_program *, fastnn_step *); /* after the stages: the batch into the step's totals */
    int64_t (*buffer)(const fastnn_program *, const fastnn_step *); /* elements of step->buffer */
    int64_t (*packed)(const fastnn_program *, const fastnn_step *); /* elements of worker->packed that backward needs */
    int64_t (*flops)(const fastnn_program *, const fastnn_step *);  /* a sample, forward */
} fastnn_op;

struct fastnn_step {
    const fastnn_op *op;
    int inputs[FASTNN_MAX_INPUTS], output; /* values; FASTNN_NONE where there is none */
    int parameters[FASTNN_MAX_PARAMETERS];
    int backward;                        /* the output has a gradient to pass back, or a parameter to learn */
    const fastnn_activation *activation; /* NULL: linear */
    const fastnn_loss *loss;
    const fastnn_metric *metric;
    double params[FASTNN_MAX_PARAMS]; /* of the activation, loss or metric */
    int default_params;               /* none were given */
    double rate, epsilon, momentum;
    int rate_column;     /* of the program's rates, which say the rate of each batch; or FASTNN_NONE */
    uint64_t stream;     /* which of the seed's random streams */
    double *state;       /* of a metric, owned by its object */
    const void *columns; /* of a loss: a parameter for each column, or NULL */
    double loss_weight;
    int sum_reduction;           /* the loss is a sum over the batch, not a mean */
    int by_weight;               /* a counted loss: divided by the sum of weights, not the number of rows */
    double counted;              /* what it is divided by, in this batch */
    int row_loss;                /* the value that holds a loss's rows */
    double batch_loss, loss_sum; /* of this batch; over the run, times samples */
    int python;                  /* which callable, for steps written in Python */
    const fastnn_binary *binary;
    const int64_t *index; /* of `length` elements, for steps that look up where to read */
    int64_t length;
    void *buffer; /* private to the step, in the arena */
    int64_t buffer_at;
};

typedef struct {
    int value;
    fastnn_source source;
    fastnn_csr csr; /* in place of the source, where it has values */
} fastnn_feed;

typedef struct {
    int value;
    int gradient; /* it is the value's gradient that is handed out: for each sample, one for each pull */
    int own;      /* no other result is this value, nor an input: it can be computed where the result is wanted */
    char *data;   /* sample 0 of the whole data set */
} fastnn_result;

/* A step that computes a gradient of a parameter, and which of the step's own the parameter is. */
typedef struct {
    int step, which;
} fastnn_use;

enum { FASTNN_FORWARD, FASTNN_BACKWARD };
typedef struct {
    int step, direction;
} fastnn_move;

typedef struct {
    int begin, end; /* moves */
    int batch;      /* one step over the whole batch, instead of moves by blocks of rows */
} fastnn_stage;

typedef struct {
    int fold; /* the step to fold, or FASTNN_NONE: a tile of a parameter */
    int parameter;
    fastnn_tile tile;
    double penalty;
} fastnn_weights_task;

typedef struct {
    void *scratch; /* of gemm */
    void *tile;    /* gradient of one tile of weights */
    void *whole;   /* scratch of an update of whole parameters */
    void *packed;  /* columns of dy of a dense step, packed for dw; of which step and batch, from which column on */
    const fastnn_step *packed_step;
    uint64_t packed_batch;
    int64_t packed_column;
} fastnn_worker;

struct fastnn_program {
    const fastnn_kernels *kernels;
    fastnn_value *values;
    fastnn_parameter *parameters;
    fastnn_step *steps;
    fastnn_feed *feeds;
    fastnn_result *results;
    fastnn_rule *rules;
    int n_values, n_parameters, n_steps, n_feeds, n_results, n_rules;

    /* laid out by fastnn_program_finish */
    int64_t capacity; /* samples in a batch, at most */
    char *arena;
    int64_t arena_bytes;
    fastnn_move *moves;
    fastnn_stage *stages;
    fastnn_weights_task *tasks;
    fastnn_use *uses;
    int *bundles; /* of tasks, [bundles[i], bundles[i + 1]): each about as much work as the largest task */
    int n_stages, n_tasks, n_bundles;
    int way_back; /* the first stage of the way back, where it is gone more than once */
    fastnn_worker *workers;
    int n_workers;
    int64_t flops; /* a sample, all phases */
    int64_t bytes_per_sample, parameter_bytes;
    int constrained; /* some parameters are */
    int late;        /* some parameters are */
    int regularized; /* some parameters are, in Python */
    int gradients;   /* some results are */
    int training;    /* there are parameters to update, or gradients to keep */
    int64_t pulls; /* how often a batch goes the way back: once for each number that is differentiated, at least once */

    /* set before a run */
    const int64_t *order; /* of samples; NULL: as they lie */
    int64_t samples;
    int64_t batch_size;
    int64_t first_scalars; /* the batch that the rules' scalars and the rates begin with */
    const double *rates;   /* of the batches from there on: n_rates to each */
    int n_rates;
    double clip_value, clip_norm, global_clip_norm; /* 0: none */
    int64_t accumulation;                           /* batches to an update; 1: each one is */
    int64_t overwriting;                            /* updates after which weights become their averages; 0: never */
    double averaging;                               /* what an average keeps of itself at a step */
    int updater;                                    /* the callable that updates in place of rules, or FASTNN_NONE */
    uint64_t seed, iteration;
    int (*python)(void *context, int callable, int direction); /* 0, or -1: raised. FASTNN_NONE: signals that came */
    void *context;
    int copies_inputs; /* Python steps may hold on to what they see, so they never see the caller's own arrays */

    /* during a run */
    fastnn_fp_mode caller_mode;         /* of floating point: Python steps run in it */
    int64_t first, rows;                /* the batch: first sample, number of samples */
    fastnn_pace pace;                   /* of batches of `paced` samples */
    int64_t paced;                      /* 0: none yet */
    int64_t step;                       /* the number of the batch */
    int updating;                       /* this batch ends in an update */
    int overwrites;                     /* and in the weights becoming their averages */
    uint64_t batch;                     /* counts batches of all runs */
    int64_t pull;                       /* which of the ways back this is */
    int current_step;                   /* for Python steps */
    struct fastnn_listening *listening; /* for signals, amid a large batch; or NULL */

    double loss_sum, samples_seen, last_loss; /* totals since fastnn_program_reset */
};

const fastnn_op *fastnn_find_op(const char *name);

/* Looks through the first `samples` samples of the array from which an embedding step's ids come: 1 if the table has rows
 * for all, or the step is none; 0, with the first id without a row and its sample; -1: no memory. */
int fastnn_embedding_check(const fastnn_program *, int step, int64_t samples, double *id, int64_t *sample);

fastnn_program *fastnn_program_new(const fastnn_kernels *kernels);
void fastnn_program_free(fastnn_program *program);

/* Each returns the index of what it added, or -1 when memory cannot be had. */
int fastnn_program_value(fastnn_program *, int64_t per_sample, int64_t width, int wants_gradient);
int fastnn_program_view(fastnn_program *, int value, int64_t per_sample, int64_t width);
/* The columns [column, column + width) of a value, as a value. */
int fastnn_program_columns(fastnn_program *, int value, int64_t column, int64_t width);
/* A value under another name, with a gradient of its own. */
int fastnn_program_branch(fastnn_program *, int value);
int fastnn_program_parameter(fastnn_program *, void *data, int64_t rows, int64_t cols, int trainable);
int fastnn_program_step(fastnn_program *, const fastnn_op *op); /* fields to be filled in by the caller */
int fastnn_program_feed(fastnn_program *, int value);
int fastnn_program_result(fastnn_program *, int value, int gradient);
int fastnn_program_rule(fastnn_program *, const fastnn_update *update);

/* Lays out the arena for batches of up to `capacity` samples; again for another capacity. 0, or -1: no memory, and the
 * program stays as it was. */
int fastnn_program_finish(fastnn_program *, int64_t capacity);

void fastnn_program_reset(fastnn_program *);   /* totals to zero */
void fastnn_program_prepare(fastnn_program *); /* once before running: derived copies follow the parameters */

/* Runs up to `steps` batches from batch number `first` on, and returns how many were run: fewer when `seconds` have
 * passed. -1: a Python step, or a signal's handler, raised. */
int64_t fastnn_program_run(fastnn_program *, int64_t first, int64_t steps, double seconds);

/* A callable, in the caller's floating-point mode: NumPy must not notice ours. */
static inline int fastnn_call_python(fastnn_program *p, int callable, int direction) {
    fastnn_restore_denormals(p->caller_mode);
    const int status = p->python(p->context, callable, direction);
    fastnn_flush_denormals();
    return status;
}

/* Convenience for the ops. */
static inline char *fastnn_row(const fastnn_program *p, const fastnn_value *v, char *base, int64_t sample) {
    return base + sample * v->per_sample * v->row * p->kernels->itemsize;
}

#endif
