/* The contract between the arithmetic and everything above it.
 *
 * One `fastnn_kernels` table exists per (ISA, dtype). Whoever holds a table can compute without knowing either:
 * arrays travel as `void *`, and every length and stride counts elements of the table's dtype, not bytes.
 *
 * What every kernel may assume (checked at the door, in Cython, and asserted here in debug builds):
 *   - pointers are aligned to their element, lengths are >= 0, and outputs do not overlap inputs unless the
 *     comment of the kernel says "in place allowed";
 *   - matrices are row-major: columns are contiguous, consecutive rows are `*_row` elements apart.
 * What every kernel promises: it reads and writes nothing outside what its comment names, it allocates nothing, and
 * its result depends on its arguments and the ISA alone (not on alignment, nor on how rows are cut into blocks).
 */
#ifndef FASTNN_KERNELS_H
#define FASTNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* c[m,n] = f(start + a[m,k] · b[k,n])
 *
 * start is `bias` (a row of n, repeated), or c itself with `accumulate`, or zero.
 * f is the identity, or max(·, 0) with `relu`.
 * a[i,p] lies at a[i * a_row + p * a_col]: (row stride, 1) for a matrix as it lies, (1, row stride) for its transpose.
 * b[p,j] lies at b[p * b_row + j]; or, with b_col, which needs `scratch`, at b[p + j * b_col]; or, with `packed`, it is
 * what `pack` wrote.
 * Products are added in the order p = 0 .. k-1 by fused multiply-add, for every tile shape alike.
 * `scratch` holds gemm_scratch(rows_across) elements; it may be NULL, and then a and b are read where they lie.
 * `soon`: what the caller will write next: of up to FASTNN_SOON arrays the same `soon_rows` rows of `soon_bytes` bytes,
 * `soon_row` bytes apart. On the way, if b is packed and a transposed, they are brought closer. Other cores may have read the
 * first `soon_shared` of them: those are written, with what they hold, and nobody else may write to them meanwhile. */
enum { FASTNN_SOON = 4 };
typedef struct {
    int64_t m, n, k;
    const void *a;
    int64_t a_row, a_col;
    const void *b;
    int64_t b_row, b_col;
    const void *bias;
    void *c;
    int64_t c_row;
    int accumulate, relu, packed;
    void *scratch;
    int64_t rows_across; /* of a that lies across (a_row is 1), for which there is scratch: many of them or 0 */
    const void *soon[FASTNN_SOON]; /* the first that is NULL ends the list */
    int64_t soon_rows, soon_row, soon_bytes;
    int soon_shared;
} fastnn_gemm;

/* An activation y = f(x), element by element. params holds what f takes besides x, as documented where f is defined.
 * backward: dx = dy · f'(·), with f' computed from y = f(x), or from x where `needs_input` says so.
 * In place allowed: y may be x, dx may be dy. */
typedef struct {
    const char *name;
    int needs_input;
    void (*forward)(int64_t n, const void *x, void *y, const double *params);
    void (*backward)(int64_t n, const void *x_or_y, const void *dy, void *dx, const double *params);
} fastnn_activation;

/* Two operands: y = a ∘ b, element by element. backward: da = dy · ∂y/∂a and db = dy · ∂y/∂b; NULL where not wanted. */
typedef struct {
    const char *name;
    void (*forward)(int64_t n, const void *a, const void *b, void *y);
    void (*backward)(int64_t n, const void *a, const void *b, const void *y, const void *dy, void *da, void *db);
} fastnn_binary;

/* A loss over m rows of n predictions, with its gradient.
 *
 * prediction[m,n]; target[m,t] where t depends on the loss: see fastnn_targets.
 * row_loss[i] = weight[i] · loss of row i; weight may be NULL (all one).
 * gradient[m,n] = scale · weight[i] · d loss_i / d prediction; NULL when not wanted. It may be `prediction` itself.
 * output[m,n]: the probabilities, for losses that take logits in place of a sigmoid or softmax layer; else ignored. NULL
 * when not wanted.
 * columns[n]: a parameter for each column, for losses that take one; NULL: the same for all, from params. */
typedef struct {
    int64_t m, n;
    const void *prediction;
    int64_t prediction_row;
    const void *target;
    int64_t target_row;
    const void *weight;
    double scale;
    const double *params;
    const void *columns;
    void *row_loss;
    void *gradient;
    int64_t gradient_row;
    void *output;
    int64_t output_row;
} fastnn_loss_args;

/* What the targets of a row are. */
typedef enum {
    FASTNN_EACH,   /* one for each prediction */
    FASTNN_LABEL,  /* a class number, held as a real */
    FASTNN_SHARED, /* one for all predictions */
    FASTNN_HALF    /* one for every two predictions */
} fastnn_targets;

/* How many there are to n predictions; -1 where n cannot be. */
static inline int64_t fastnn_target_columns(fastnn_targets targets, int64_t n) {
    return targets == FASTNN_EACH ? n : targets != FASTNN_HALF ? 1 : n % 2 == 0 && n > 0 ? n / 2 : -1;
}

typedef struct {
    const char *name;
    fastnn_targets targets;
    void (*rows)(const fastnn_loss_args *args);
} fastnn_loss;

/* A metric folds m rows into `state` (doubles; their meaning is the metric's own), in row order. Weights as above. The
 * metric "loss" is the mean of the row losses of `loss`, whose parameters `params` and `columns` are. */
typedef struct {
    int64_t m, n;
    const void *prediction;
    int64_t prediction_row;
    const void *target;
    int64_t target_row, target_n;
    const void *weight;
    const double *params;
    const void *columns;
    const fastnn_loss *loss;
    double *state;
} fastnn_metric_args;

typedef struct {
    const char *name;
    fastnn_targets targets;                  /* of the metric "loss", its loss's count instead */
    int64_t (*states)(const double *params); /* how many doubles `state` has */
    void (*fold)(const fastnn_metric_args *args);
} fastnn_metric;

/* Normalization of parts of rows by their own statistics. A row is lines x groups x n elements, and (·, g, ·) is
 * normalized together: y = (x - mean) · inverse · gamma + beta, where
 *   centred        inverse = 1 / √(variance + epsilon)
 *   root           mean = 0, inverse = 1 / √(mean of squares + epsilon)
 *   unit           mean = 0, inverse = 1 / max(√(sum of squares), epsilon)
 * gamma, beta [groups, n] may be NULL (one, zero). statistics [m, groups, 2] receives mean and inverse, and is what the
 * gradients read. dx may be dy; y may be x where no gradient is wanted. */
typedef enum { FASTNN_CENTRED, FASTNN_ROOT, FASTNN_UNIT } fastnn_normalization;
typedef struct {
    fastnn_normalization kind;
    int64_t m, lines, groups, n;
    double epsilon;
    const void *x;
    int64_t x_row;
    const void *gamma, *beta;
    void *statistics;
    void *y;
    int64_t y_row;
    const void *dy;
    int64_t dy_row;
    void *dx;
    int64_t dx_row;
} fastnn_groups;

/* An optimizer's update of weights from their gradient: of n contiguous ones, element by element, or of a parameter as
 * a whole. Every slot has an element for each weight, or, in an update of wholes, for each row or column.
 * h holds the step's scalars; their order is documented where the update is defined. h[0] is always the factor the
 * weights shrink by first (1 - learning_rate · weight_decay; 1 without decay). */
enum { FASTNN_MAX_SLOTS = 3, FASTNN_MAX_SCALARS = 12 };
typedef enum { FASTNN_PER_WEIGHT, FASTNN_PER_ROW, FASTNN_PER_COLUMN } fastnn_slot_shape;

/* w[rows,cols] and g[rows,cols], contiguous; vectors have one row. scratch holds update->scratch(rows, cols) elements. */
typedef struct {
    int64_t rows, cols;
    void *w;
    const void *g;
    void *const *slots;
    void *scratch;
} fastnn_whole;

typedef struct {
    const char *name;
    int slots, scalars;
    void (*apply)(int64_t n, void *w, const void *g, void *const *slots, const double *h);
    void (*whole)(const fastnn_whole *parameter, const double *h); /* in place of `apply` */
    int64_t (*scratch)(int64_t rows, int64_t cols);
    fastnn_slot_shape shapes[FASTNN_MAX_SLOTS];
} fastnn_update;

/* Element types a data set may come in; the order of `fastnn_kernels.gather`. */
typedef enum {
    FASTNN_BOOL,
    FASTNN_I8,
    FASTNN_U8,
    FASTNN_I16,
    FASTNN_U16,
    FASTNN_I32,
    FASTNN_U32,
    FASTNN_I64,
    FASTNN_U64,
    FASTNN_F16,
    FASTNN_F32,
    FASTNN_F64,
    FASTNN_SOURCE_TYPES
} fastnn_source_type;

/* rows x n elements to convert: row i is that of sample order[i], or of sample first + i where order is NULL. Strides are
 * in BYTES; the source may lie at any address. */
typedef struct {
    int64_t rows, n;
    const char *source;
    const int64_t *order;
    int64_t first;
    int64_t sample_stride, stride;
    void *to;
    int64_t to_row; /* elements */
} fastnn_gather;

typedef struct fastnn_kernels {
    const char *isa, *dtype;
    int itemsize;
    int lanes;                /* elements in a vector */
    int tile_rows, tile_cols; /* the register tile of gemm; packed panels are tile_cols wide */

    /* Dense: dense.inc.h */
    int64_t (*gemm_scratch)(int64_t rows_across);
    void (*gemm)(const fastnn_gemm *g);
    /* packed[panel][k][tile_cols] <- b[k,n], zero beyond column n; holds gemm_packed(n, k) elements */
    int64_t (*gemm_packed)(int64_t n, int64_t k);
    void (*pack)(int64_t k, int64_t n, const void *b, int64_t b_row, void *packed);
    /* the same for the transpose: packed <- bᵀ where b[n,k]; writes rows [row0, row1) of b only */
    void (*pack_transposed)(int64_t k, int64_t row0, int64_t row1, int64_t col0, int64_t col1, const void *b,
                            int64_t b_row, void *packed);
    void (*column_sums)(int64_t m, int64_t n, const void *a, int64_t a_row, int accumulate, void *sums);

    /* Rows that are mostly zero: sparse.inc.h */
    /* y[n] = bias + Σ values[k] · w[columns[k], n], k < count */
    void (*sparse_row)(int64_t count, const void *values, const void *columns, int wide, int64_t n, const void *w,
                       const void *bias, void *y);
    /* g[columns[k] - row0, n] += values[k] · dy[n] for columns in [row0, row1) */
    void (*sparse_row_gradient)(int64_t count, const void *values, const void *columns, int wide, int64_t row0,
                                int64_t row1, int64_t n, const void *dy, void *g);

    /* Element by element: activations.inc.h, elementwise.inc.h. In place allowed. */
    const fastnn_activation *activations; /* ends with a NULL name */
    void (*softmax)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row);
    void (*log_softmax)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row);
    /* dx = y · (dy - Σ dy·y), and for log-softmax dx = dy - exp(y) · Σ dy */
    void (*softmax_backward)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy, int64_t dy_row,
                             void *dx, int64_t dx_row);
    void (*log_softmax_backward)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy, int64_t dy_row,
                                 void *dx, int64_t dx_row);
    /* y = x where x > 0, else slope · x; rows hold n slopes' elements, `inner` side by side for each: prelu.inc.h */
    void (*prelu)(int64_t m, int64_t n, int64_t inner, const void *x, int64_t x_row, const void *slopes, void *y,
                  int64_t y_row);
    void (*prelu_backward)(int64_t m, int64_t n, int64_t inner, const void *x, int64_t x_row, const void *dy,
                           int64_t dy_row, const void *slopes, void *dx, int64_t dx_row);
    /* dslopes[n] (+)= Σ dy · x where x <= 0 */
    void (*prelu_slopes)(int64_t m, int64_t n, int64_t inner, const void *x, int64_t x_row, const void *dy,
                         int64_t dy_row, int accumulate, void *dslopes);
    /* arithmetic.inc.h */
    const fastnn_binary *binaries; /* ends with a NULL name */
    /* y[m,inner] = factor · Σ_j x[m,j,inner], j < n; dx[m,j,inner] = factor · dy[m,inner] */
    void (*reduce_sum)(int64_t m, int64_t n, int64_t inner, const void *x, double factor, void *y);
    void (*reduce_sum_backward)(int64_t m, int64_t n, int64_t inner, const void *dy, double factor, void *dx);
    /* y[m,inner] = max_j x[m,j,inner]; dx = dy where x is y, in equal parts where several are */
    void (*reduce_max)(int64_t m, int64_t n, int64_t inner, const void *x, void *y);
    void (*reduce_max_backward)(int64_t m, int64_t n, int64_t inner, const void *x, const void *y, const void *dy,
                                void *dx);
    /* y[m,n_y] = x[m,n_x] at index[n_y]; dx[m,index[j]] += dy[m,j], from zero */
    void (*rearrange)(int64_t m, int64_t n_x, int64_t n_y, const int64_t *index, const void *x, void *y);
    void (*rearrange_backward)(int64_t m, int64_t n_x, int64_t n_y, const int64_t *index, const void *dy, void *dx);

    void (*add)(int64_t n, const void *a, const void *b, void *c);
    /* y[i,j] = x[i,j] · scale[j] + shift[j]; scale and shift may be NULL (one, zero) */
    void (*affine)(int64_t m, int64_t n, const void *x, int64_t x_row, const void *scale, const void *shift, void *y,
                   int64_t y_row);

    /* Whole columns: normalization.inc.h. Sums over rows run in row order. */
    /* mean[j], variance[j] (biased) of m rows, two passes */
    void (*moments)(int64_t m, int64_t n, const void *x, int64_t x_row, void *mean, void *variance);
    /* sum_dy[j] = Σ dy, sum_dy_xhat[j] = Σ dy · (x - mean) · inv_std */
    void (*normalization_sums)(int64_t m, int64_t n, const void *x, int64_t x_row, const void *dy, int64_t dy_row,
                               const void *mean, const void *inv_std, void *sum_dy, void *sum_dy_xhat);
    /* dx = gamma · inv_std · (dy - sum_dy/m_all - xhat · sum_dy_xhat/m_all); gamma may be NULL. dx may be dy. */
    void (*normalization_backward)(int64_t m, int64_t n, int64_t m_all, const void *x, int64_t x_row, const void *dy,
                                   int64_t dy_row, const void *mean, const void *inv_std, const void *gamma,
                                   const void *sum_dy, const void *sum_dy_xhat, void *dx, int64_t dx_row);

    /* Features: encoding.inc.h */
    /* y[i,j] = how many of boundaries[k], ascending, are not above x[i,j]; k for NaN */
    void (*discretize)(int64_t m, int64_t n, const void *x, int64_t x_row, int64_t k, const void *boundaries, void *y,
                       int64_t y_row);
    /* y[i,c] = 1 if c is among x[i,n] (fractions cut off), else 0; with `count`, how often; c in [0, depth) */
    void (*encode)(int64_t m, int64_t n, const void *x, int64_t x_row, int64_t depth, int count, void *y,
                   int64_t y_row);

    /* Numbers as vectors: numeric_features.inc.h */
    /* y[m,F,K] = cos(2π c[F,K] · x[m,F] + b[F,K]); with `sines` y[m,F,2K], the sines behind the cosines. b may be NULL. */
    void (*waves)(int64_t m, int64_t features, int64_t k, const void *x, int64_t x_row, const void *c, const void *b,
                  int sines, void *y);
    /* dy[m,F,·] <- the gradient by the radians, in its first K; dx[m,F], which may be NULL, from that */
    void (*waves_backward)(int64_t m, int64_t features, int64_t k, const void *x, int64_t x_row, const void *c,
                           const void *b, int sines, const void *y, void *dy, void *dx, int64_t dx_row);
    /* gradient by c, or by b with x NULL, of features [feature0, feature1); dt is what became of dy */
    void (*waves_gradient)(int64_t m, int64_t feature0, int64_t feature1, int64_t k, const void *x, int64_t x_row,
                           const void *dt, int64_t dt_row, int64_t each, int accumulate, void *gradient);
    /* y[m,F,K] = (x[m,F] - left[F,K]) · factor[F,K], cut to [low, high] */
    void (*pieces)(int64_t m, int64_t features, int64_t k, const void *x, int64_t x_row, const void *left,
                   const void *factor, const void *low, const void *high, void *y);
    void (*pieces_backward)(int64_t m, int64_t features, int64_t k, const void *factor, const void *low,
                            const void *high, const void *y, const void *dy, void *dx, int64_t dx_row);

    /* y[n] = max over the rows of x[m,n], and dx = dy where x is it, in equal parts: pooling.inc.h */
    void (*column_maxima)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y);
    void (*column_maxima_backward)(int64_t m, int64_t n, const void *x, int64_t x_row, const void *y, const void *dy,
                                   void *dx, int64_t dx_row);

    /* Parts of rows: group_normalization.inc.h */
    void (*normalize_groups)(const fastnn_groups *a);
    void (*normalize_groups_backward)(const fastnn_groups *a);
    /* (+)= Σ dy · xhat, or Σ dy with `plain`, for columns [column0, column1) of [groups, n] */
    void (*normalize_groups_gradient)(const fastnn_groups *a, int plain, int64_t column0, int64_t column1,
                                      int accumulate, void *gradient);

    /* Losses and metrics: loss_*.inc.h, metrics.inc.h. Both lists end with a NULL name. */
    const fastnn_loss *losses;
    const fastnn_metric *metrics;

    /* Updates: updates.inc.h and updates_*.inc.h */
    const fastnn_update *updates;                                          /* ends with a NULL name */
    void (*follow)(int64_t n, const void *w, void *average, double share); /* average += (w - average) · share */
    /* g += l1 · sign(w) + 2 · l2 · w; returns l1 · Σ|w| + l2 · Σ w² */
    double (*regularize)(int64_t n, const void *w, void *g, double l1, double l2);
    void (*clip)(int64_t n, void *g, double limit); /* g = min(max(g, -limit), limit) */
    void (*scale)(int64_t n, void *g, double factor);
    double (*sum_of_squares)(int64_t n, const void *g); /* accumulated in double */
    double (*max_abs_difference)(int64_t n, const void *a, const void *b);

    /* Constraints, after an update: constraints.inc.h. Norms are moved towards [low, high] by `rate`. */
    void (*constrain_columns)(int64_t m, int64_t n, void *w, double low, double high, double rate);
    void (*constrain_rows)(int64_t m, int64_t n, void *w, double low, double high, double rate);
    void (*constrain_positive)(int64_t n, void *w);

    /* Random numbers: random.inc.h. Philox 4x32-10; element i of the stream is a function of (key, counter, i) alone. */
    /* y[i] = x[i] · scale where element (first + i) is kept (probability 1 - rate), else 0. In place allowed. */
    void (*dropout)(int64_t n, int64_t first, uint64_t key, uint64_t counter, double rate, const void *x, void *y);
    /* order[n] <- a permutation of the numbers below n, n <= 2^32 */
    void (*shuffle)(int64_t n, uint64_t key, uint64_t counter, int64_t *order);
    /* The same for masks that axes share, rate < 1: noise.inc.h. Elements (i, ·, j, ·) of x[m, outer, n, inner] have word
     * (first + i) · n + j: y = x · factor + shift where it is kept, else `dropped`. In place allowed. */
    void (*mask)(int64_t m, int64_t outer, int64_t n, int64_t inner, int64_t first, uint64_t key, uint64_t counter,
                 double rate, const double *factor_shift_dropped, const void *x, void *y);
    /* y[n] = x + stddev · z, or x · (1 + stddev · z) with `relative`; z: normal number (first + i). In place allowed. */
    void (*gaussian_noise)(int64_t n, int64_t first, uint64_t key, uint64_t counter, double stddev, int relative,
                           const void *x, void *y);

    /* Data: gather.inc.h. to[i,j] <- element j of row i, by source type */
    void (*const *gather)(const fastnn_gather *g);

    /* The machine's peak: peak.inc.h. Multiply-adds on registers alone; returns how many operations they were, two each;
     * sum[1] <- what they come to, so that none can be left out. */
    int64_t (*multiply_adds)(int64_t rounds, void *sum);
} fastnn_kernels;

/* dispatch.c: the one list of ISAs */
int fastnn_isa_count(void);
const char *fastnn_isa_name(int index); /* best last */
int fastnn_isa_available(int index);    /* compiled in, and this machine and its kernel can run it */
const fastnn_kernels *fastnn_isa_kernels(int index, int itemsize); /* itemsize 4 or 8; NULL if not available */

#endif
