/* Losses: the row losses of m rows of n predictions, their gradient, and the probabilities of the fused ones.
 *
 *   row_loss[i] = weight[i] · L(prediction[i,:], target[i,:])
 *   gradient[i,j] = scale · weight[i] · dL/d prediction[i,j]
 *
 * The gradient may overwrite the prediction: an element is stored after everything that needs it has been read. NULL
 * params stand for the defaults, and so does a clip of 0, which lets short lists be filled up with zeros. */

static inline double parameter_or(const double *params, int index, double otherwise) {
    return params ? params[index] : otherwise;
}

/* how far from 0 and 1 probabilities are kept before their logarithm is taken */
static inline real clip_of(const double *params, int index) {
    const double given = parameter_or(params, index, 0);
    return (real)(given > 0 ? given : 1e-7);
}

/* --- losses that are the mean (or the sum) over a row of a term per element ------------------------------------  */

/* The term of a prediction and a target. *slope <- its derivative; *probability <- what goes to `output`. `column` is
 * the column's own parameter. */
typedef V (*loss_term)(V prediction, V target, V column, const V *constants, V *slope, V *probability);

/* What a loss of terms is besides: its row is the sum of the terms, not their mean; each column has a parameter, from
 * `columns` or else constants[0]; all columns share the one target of the row. */
enum { MEAN_OF_TERMS = 0, SUM_OF_TERMS = 1, BY_COLUMN = 2, SHARED_TARGET = 4 };

static inline __attribute__((always_inline)) V column_parameter(const fastnn_loss_args *a, int64_t j, int64_t count,
                                                                const V *constants, int kind) {
    if (!(kind & BY_COLUMN)) return v_set1(0);
    return a->columns ? load_first((const real *)a->columns + j, count) : constants[0];
}

/* count (<= LANES) rows of one column each, side by side in the lanes */
static inline __attribute__((always_inline)) void mean_loss_column(const fastnn_loss_args *a, int64_t i, int64_t count,
                                                                   loss_term term, const V *constants, int kind) {
    V slope, probability;
    const V column = !(kind & BY_COLUMN) ? v_set1(0) : a->columns ? v_set1(*(const real *)a->columns) : constants[0];
    V loss = term(load_first((const real *)a->prediction + i, count), load_first((const real *)a->target + i, count),
                  column, constants, &slope, &probability);
    V factor = v_set1((real)a->scale);
    if (a->weight) {
        const V weight = load_first((const real *)a->weight + i, count);
        loss = v_mul(loss, weight);
        factor = v_mul(factor, weight);
    }
    store_first((real *)a->row_loss + i, loss, count);
    if (a->output) store_first((real *)a->output + i, probability, count);
    if (a->gradient) store_first((real *)a->gradient + i, v_mul(slope, factor), count);
}

static inline __attribute__((always_inline)) void mean_loss_row(const fastnn_loss_args *a, int64_t i, loss_term term,
                                                                const V *constants, int kind) {
    const int64_t n = a->n;
    const real *prediction = (const real *)a->prediction + i * a->prediction_row;
    const real *target = (const real *)a->target + i * a->target_row;
    real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
    real *output = a->output ? (real *)a->output + i * a->output_row : NULL;
    const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
    const int64_t terms = kind & SUM_OF_TERMS ? 1 : n;
    const V factor = v_set1((real)(a->scale / (double)terms) * weight);
    V sum = v_set1(0);
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        V slope, probability;
        const V y = kind & SHARED_TARGET ? v_set1(*target) : load_first(target + j, count);
        const V loss = term(load_first(prediction + j, count), y, column_parameter(a, j, count, constants, kind),
                            constants, &slope, &probability);
        sum = v_add(sum, first_lanes(loss, count));
        if (output) store_first(output + j, probability, count);
        if (gradient) store_first(gradient + j, v_mul(slope, factor), count);
    }
    ((real *)a->row_loss)[i] = v_sum(sum) / (real)terms * weight;
}

/* Narrow rows that lie end to end: the terms are computed in full vectors across the rows, and summed from a buffer as
 * mean_loss_row sums them. With AVX-512, cross-entropies take a fifth of the time of row by row for 3 columns, and less
 * than half for 10. */
enum { NARROW = 16 * LANES };

static inline __attribute__((always_inline)) void mean_loss_narrow(const fastnn_loss_args *a, loss_term term,
                                                                   const V *constants, int kind) {
    const int64_t n = a->n, divisor = kind & SUM_OF_TERMS ? 1 : n;
    const real *weight = a->weight, *columns = a->columns;
    const real scale = (real)(a->scale / (double)divisor);
    real terms[NARROW], factors[NARROW], tiled[NARROW];
    if (kind & BY_COLUMN && columns)
        for (int64_t k = 0; k < NARROW / n * n; k++) tiled[k] = columns[k % n];
    V factor = v_set1(scale);
    for (int64_t i = 0; i < a->m; i += NARROW / n) {
        const int64_t rows = min64(NARROW / n, a->m - i), elements = rows * n;
        const real *prediction = (const real *)a->prediction + i * n, *target = (const real *)a->target + i * n;
        for (int64_t k = 0; weight && k < elements; k++) factors[k] = scale * weight[i + k / n];
        for (int64_t k = 0; k < elements; k += LANES) {
            const int64_t count = min64(LANES, elements - k);
            V slope, probability;
            const V column = !(kind & BY_COLUMN) ? v_set1(0) : columns ? load_first(tiled + k, count) : constants[0];
            const V loss = term(load_first(prediction + k, count), load_first(target + k, count), column, constants,
                                &slope, &probability);
            store_first(terms + k, loss, count);
            if (weight) factor = load_first(factors + k, count);
            if (a->output) store_first((real *)a->output + i * n + k, probability, count);
            if (a->gradient) store_first((real *)a->gradient + i * n + k, v_mul(slope, factor), count);
        }
        for (int64_t r = 0; r < rows; r++) {
            V sum = v_set1(0);
            for (int64_t j = 0; j < n; j += LANES) sum = v_add(sum, load_first(terms + r * n + j, min64(LANES, n - j)));
            ((real *)a->row_loss)[i + r] = v_sum(sum) / (real)divisor * (weight ? weight[i + r] : (real)1);
        }
    }
}

static inline __attribute__((always_inline)) void mean_loss(const fastnn_loss_args *a, loss_term term,
                                                            const V *constants, int kind) {
    const int64_t n = a->n;
    const int packed = a->prediction_row == n && a->target_row == n && (!a->gradient || a->gradient_row == n) &&
                       (!a->output || a->output_row == n);
    if (packed && n == 1) {
        int64_t i = 0;
        for (; i + LANES <= a->m; i += LANES) mean_loss_column(a, i, LANES, term, constants, kind);
        if (i < a->m) mean_loss_column(a, i, a->m - i, term, constants, kind);
    } else if (packed && !(kind & SHARED_TARGET) && n % LANES != 0 && n <= NARROW / 4) {
        mean_loss_narrow(a, term, constants, kind);
    } else {
        for (int64_t i = 0; i < a->m; i++) mean_loss_row(a, i, term, constants, kind);
    }
}
