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
 * b is row-major with stride b_row, or, with `packed`, what `pack` wrote.
 * Products are added in the order p = 0 .. k-1 by fused multiply-add, for every tile shape alike.
 * `scratch` holds gemm_scratch() elements; it may be NULL, and then a and b are read where they lie. */
typedef struct {
    int64_t m, n, k;
    const void *a;
    int64_t a_row, a_col;
    const void *b;
    int64_t b_row;
    const void *bias;
    void *c;
    int64_t c_row;
    int accumulate, relu, packed;
    void *scratch;
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

/* A loss over m rows of n predictions, with its gradient.
 *
 * prediction[m,n]; target[m,t] where t = n, or 1 for the sparse losses (a class number, held as a real).
 * row_loss[i] = weight[i] · loss of row i; weight may be NULL (all one).
 * gradient[m,n] = scale · weight[i] · d loss_i / d prediction; NULL when not wanted. It may be `prediction` itself.
 * output[m,n]: the probabilities, for losses that take logits in place of a sigmoid or softmax layer; else ignored. NULL
 * when not wanted. */
typedef struct {
    int64_t m, n;
    const void *prediction;
    int64_t prediction_row;
    const void *target;
    int64_t target_row;
    const void *weight;
    double scale;
    const double *params;
    void *row_loss;
    void *gradient;
    int64_t gradient_row;
    void *output;
    int64_t output_row;
} fastnn_loss_args;

typedef struct {
    const char *name;
    int sparse; /* target has one column of class numbers */
    void (*rows)(const fastnn_loss_args *args);
} fastnn_loss;

/* A metric folds m rows into `state` (doubles; their meaning is the metric's own), in row order. Weights as above. */
typedef struct {
    int64_t m, n;
    const void *prediction;
    int64_t prediction_row;
    const void *target;
    int64_t target_row, target_n;
    const void *weight;
    const double *params;
    double *state;
} fastnn_metric_args;

typedef struct {
    const char *name;
    int sparse; /* target has one column of class numbers; else as many columns as prediction */
    int64_t (*states)(const double *params); /* how many doubles `state` has */
    void (*fold)(const fastnn_metric_args *args);
} fastnn_metric;

/* An optimizer's update of n contiguous weights from their gradient. Every slot has n elements.
 * h holds the step's scalars; their order is documented where the update is defined. h[0] is always the factor the
 * weights shrink by first (1 - learning_rate · weight_decay; 1 without decay). */
enum { FASTNN_MAX_SLOTS = 3, FASTNN_MAX_SCALARS = 8 };
typedef struct {
    const char *name;
    int slots, scalars;
    void (*apply)(int64_t n, void *w, const void *g, void *const *slots, const double *h);
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
    int64_t (*gemm_scratch)(void);
    void (*gemm)(const fastnn_gemm *g);
    /* packed[panel][k][tile_cols] <- b[k,n], zero beyond column n; holds gemm_packed(n, k) elements */
    int64_t (*gemm_packed)(int64_t n, int64_t k);
    void (*pack)(int64_t k, int64_t n, const void *b, int64_t b_row, void *packed);
    /* the same for the transpose: packed <- bᵀ where b[n,k]; writes rows [row0, row1) of b only */
    void (*pack_transposed)(int64_t k, int64_t row0, int64_t row1, const void *b, int64_t b_row, void *packed);
    void (*column_sums)(int64_t m, int64_t n, const void *a, int64_t a_row, int accumulate, void *sums);

    /* Element by element: activations.inc.h, elementwise.inc.h. In place allowed. */
    const fastnn_activation *activations; /* ends with a NULL name */
    void (*softmax)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row);
    void (*log_softmax)(int64_t m, int64_t n, const void *x, int64_t x_row, void *y, int64_t y_row);
    /* dx = y · (dy - Σ dy·y), and for log-softmax dx = dy - exp(y) · Σ dy */
    void (*softmax_backward)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy, int64_t dy_row,
                             void *dx, int64_t dx_row);
    void (*log_softmax_backward)(int64_t m, int64_t n, const void *y, int64_t y_row, const void *dy, int64_t dy_row,
                                 void *dx, int64_t dx_row);
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

    /* Losses and metrics: losses.inc.h, metrics.inc.h. Both lists end with a NULL name. */
    const fastnn_loss *losses;
    const fastnn_metric *metrics;

    /* Updates: updates.inc.h */
    const fastnn_update *updates; /* ends with a NULL name */
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

    /* Data: gather.inc.h. to[i,j] <- element j of row i, by source type */
    void (*const *gather)(const fastnn_gather *g);
} fastnn_kernels;

/* dispatch.c: the one list of ISAs */
int fastnn_isa_count(void);
const char *fastnn_isa_name(int index); /* best last */
int fastnn_isa_available(int index);    /* compiled in, and this machine and its kernel can run it */
const fastnn_kernels *fastnn_isa_kernels(int index, int itemsize); /* itemsize 4 or 8; NULL if not available */

#endif
