/* Metrics: m rows of predictions folded into doubles, in row order.
 *
 * Unless said otherwise state = total, count: total += weight · value of the row and count += weight (1 without
 * weights), so the result is total / count. The value of a row is the mean over its elements, where it has several. */

/* values[rows] (rows <= METRIC_ROWS) of the rows from `row` on */
typedef void (*row_values)(const fastnn_metric_args *a, int64_t row, int64_t rows, real *values);
enum { METRIC_ROWS = 64 };

static inline __attribute__((always_inline)) void fold_mean(const fastnn_metric_args *a, row_values evaluate) {
    double total = a->state[0], count = a->state[1];
    for (int64_t i = 0; i < a->m; i += METRIC_ROWS) {
        const int64_t rows = min64(METRIC_ROWS, a->m - i);
        real values[METRIC_ROWS];
        evaluate(a, i, rows, values);
        if (a->weight) {
            const real *weight = (const real *)a->weight + i;
            for (int64_t r = 0; r < rows; r++) {
                total += (double)values[r] * (double)weight[r];
                count += (double)weight[r];
            }
        } else {
            for (int64_t r = 0; r < rows; r++) total += (double)values[r];
            count += (double)rows;
        }
    }
    a->state[0] = total;
    a->state[1] = count;
}

/* --- means of a term per element -------------------------------------------------------------------------------- */

typedef V (*metric_term)(V prediction, V target, V parameter);

static inline __attribute__((always_inline)) void term_values(const fastnn_metric_args *a, int64_t row, int64_t rows,
                                                              real *values, metric_term term, V parameter) {
    const real *prediction = (const real *)a->prediction + row * a->prediction_row;
    const real *target = (const real *)a->target + row * a->target_row;
    if (a->n == 1 && a->prediction_row == 1 && a->target_row == 1) {
        for (int64_t r = 0; r < rows; r += LANES) {
            const int64_t count = min64(LANES, rows - r);
            store_first(values + r, term(load_first(prediction + r, count), load_first(target + r, count), parameter),
                        count);
        }
        return;
    }
    for (int64_t r = 0; r < rows; r++, prediction += a->prediction_row, target += a->target_row) {
        V sum = v_set1(0);
        for (int64_t j = 0; j < a->n; j += LANES) {
            const int64_t count = min64(LANES, a->n - j);
            const V value = term(load_first(prediction + j, count), load_first(target + j, count), parameter);
            sum = v_add(sum, first_lanes(value, count));
        }
        values[r] = v_sum(sum) / (real)a->n;
    }
}

/* binary_accuracy: params = threshold (0.5).  1 where [prediction > threshold] = target */
static inline V binary_match(V p, V y, V threshold) {
    const V one = v_set1(1), zero = v_set1(0);
    return v_select(v_eq(v_select(v_lt(threshold, p), one, zero), y), one, zero);
}

static inline void binary_accuracy_values(const fastnn_metric_args *a, int64_t row, int64_t rows, real *values) {
    term_values(a, row, rows, values, binary_match, v_set1((real)parameter_or(a->params, 0, 0.5)));
}

static void binary_accuracy(const fastnn_metric_args *a) { fold_mean(a, binary_accuracy_values); }

/* accuracy: 1 where prediction = target */
static inline V exact_match(V p, V y, V parameter) {
    (void)parameter;
    return v_select(v_eq(p, y), v_set1(1), v_set1(0));
}

static inline void accuracy_values(const fastnn_metric_args *a, int64_t row, int64_t rows, real *values) {
    term_values(a, row, rows, values, exact_match, v_set1(0));
}

static void accuracy(const fastnn_metric_args *a) { fold_mean(a, accuracy_values); }

/* --- accuracies over classes ------------------------------------------------------------------------------------ */

/* The index of the largest element, the first of equals; NaN is never the largest, and nothing but NaN gives 0. */
static inline int64_t argmax(int64_t n, const real *x) {
    const V lowest = v_set1(-(real)INFINITY);
    V top = lowest, best = v_set1(0), place = v_iota();
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V here = count == LANES ? v_load(x + j) : v_select(m_first(count), v_load_n(x + j, count), lowest);
        const M better = v_lt(top, here);
        top = v_select(better, here, top);
        best = v_select(better, place, best);
        place = v_add(place, v_set1(LANES));
    }
    /* the smallest index among the lanes that hold the largest value: -max(-index) */
    const V largest = v_set1(v_max_lane(top));
    const M holds = m_and(v_eq(top, largest), v_lt(lowest, top));
    const real first = -v_max_lane(v_select(holds, v_neg(best), lowest));
    return first < (real)n ? (int64_t)first : 0;
}

/* the class a row's target names: its number where target has one column, else the largest of its columns; -1 for a
 * number that names no class */
static inline int64_t target_class(const fastnn_metric_args *a, const real *target, int sparse) {
    if (!sparse) return argmax(a->n, target);
    return *target >= 0 && *target < (real)a->n ? (int64_t)*target : -1;
}

static inline __attribute__((always_inline)) void match_values(const fastnn_metric_args *a, int64_t row, int64_t rows,
                                                               real *values, int sparse) {
    for (int64_t r = 0; r < rows; r++) {
        const real *prediction = (const real *)a->prediction + (row + r) * a->prediction_row;
        const real *target = (const real *)a->target + (row + r) * a->target_row;
        values[r] = argmax(a->n, prediction) == target_class(a, target, sparse) ? (real)1 : (real)0;
    }
}

static inline void categorical_values(const fastnn_metric_args *a, int64_t row, int64_t rows, real *values) {
    match_values(a, row, rows, values, 0);
}

static inline void sparse_categorical_values(const fastnn_metric_args *a, int64_t row, int64_t rows, real *values) {
    match_values(a, row, rows, values, 1);
}

/* categorical_accuracy: 1 where the largest prediction and the largest target share their place */
static void categorical_accuracy(const fastnn_metric_args *a) { fold_mean(a, categorical_values); }

/* sparse_categorical_accuracy: 1 where the largest prediction's place is the target */
static void sparse_categorical_accuracy(const fastnn_metric_args *a) { fold_mean(a, sparse_categorical_values); }

/* 1 where fewer than k predictions exceed that of the target's class; a NaN there is a miss */
static inline __attribute__((always_inline)) void top_k_values(const fastnn_metric_args *a, int64_t row, int64_t rows,
                                                               real *values, int sparse) {
    const double k = parameter_or(a->params, 0, 5);
    for (int64_t r = 0; r < rows; r++) {
        const real *prediction = (const real *)a->prediction + (row + r) * a->prediction_row;
        const int64_t wanted = target_class(a, (const real *)a->target + (row + r) * a->target_row, sparse);
        values[r] = 0;
        if (wanted < 0 || isnan(prediction[wanted])) continue;
        int64_t larger = 0;
        for (int64_t j = 0; j < a->n; j++) larger += prediction[j] > prediction[wanted];
        values[r] = (double)larger < k ? (real)1 : (real)0;
    }
}

static inline void top_k_categorical_values(const fastnn_metric_args *a, int64_t row, int64_t rows, real *values) {
    top_k_values(a, row, rows, values, 0);
}

static inline void sparse_top_k_categorical_values(const fastnn_metric_args *a, int64_t row, int64_t rows,
                                                   real *values) {
    top_k_values(a, row, rows, values, 1);
}

/* top_k_categorical_accuracy, sparse_top_k_categorical_accuracy: params = k (5) */
static void top_k_categorical_accuracy(const fastnn_metric_args *a) { fold_mean(a, top_k_categorical_values); }

static void sparse_top_k_categorical_accuracy(const fastnn_metric_args *a) {
    fold_mean(a, sparse_top_k_categorical_values);
}

/* --- losses as metrics: the mean of the row losses; params are the loss's --------------------------------------- */

static inline void loss_values(const fastnn_metric_args *a, int64_t row, int64_t rows, real *values) {
    const fastnn_loss_args args = {
        .m = rows,
        .n = a->n,
        .prediction = (const real *)a->prediction + row * a->prediction_row,
        .prediction_row = a->prediction_row,
        .target = (const real *)a->target + row * a->target_row,
        .target_row = a->target_row,
        .params = a->params,
        .columns = a->columns,
        .scale = 1,
        .row_loss = values,
    };
    a->loss->rows(&args);
}

static void loss_metric(const fastnn_metric_args *a) { fold_mean(a, loss_values); }

/* --- areas under curves ----------------------------------------------------------------------------------------- */

/* auc: params = T (200), the number of thresholds: threshold[0] = -1e-7, threshold[T-1] = 1 + 1e-7, and between them
 * threshold[b] = b / (T - 1).
 * state = positives[T], negatives[T]: histograms of the predictions x with a target other than 0, and with 0. Bucket b
 * holds the weight of those with threshold[b] < x <= threshold[b+1]. So the true positives at threshold t are
 * positives[t] + ... + positives[T-1], the false positives are the same of negatives, and the false and true negatives
 * are the rest of either histogram. All columns count alike. A NaN lies in bucket 0. */
static void auc(const fastnn_metric_args *a) {
    const int64_t thresholds = (int64_t)parameter_or(a->params, 0, 200);
    const real steps = (real)(thresholds - 1);
    for (int64_t i = 0; i < a->m; i++) {
        const real *prediction = (const real *)a->prediction + i * a->prediction_row;
        const real *target = (const real *)a->target + i * a->target_row;
        const double weight = a->weight ? (double)((const real *)a->weight)[i] : 1;
        for (int64_t j = 0; j < a->n; j++) {
            const real x = prediction[j] > 0 ? (prediction[j] < 1 ? prediction[j] : (real)1) : (real)0;
            const real place = x * steps;
            const int64_t whole = (int64_t)place;
            /* ceil(place) - 1, not below 0 */
            const int64_t bucket = (real)whole == place ? max64(whole - 1, 0) : whole;
            a->state[target[j] != 0 ? bucket : thresholds + bucket] += weight;
        }
    }
}

static int64_t mean_states(const double *params) {
    (void)params;
    return 2;
}

/* none for a number of thresholds that cannot be, or that float32 cannot count */
static int64_t auc_states(const double *params) {
    const double thresholds = parameter_or(params, 0, 200);
    return thresholds >= 2 && thresholds <= 1 << 24 ? 2 * (int64_t)thresholds : 0;
}

static const fastnn_metric metrics[] = {
    {"accuracy", FASTNN_EACH, mean_states, accuracy},
    {"binary_accuracy", FASTNN_EACH, mean_states, binary_accuracy},
    {"categorical_accuracy", FASTNN_EACH, mean_states, categorical_accuracy},
    {"sparse_categorical_accuracy", FASTNN_LABEL, mean_states, sparse_categorical_accuracy},
    {"top_k_categorical_accuracy", FASTNN_EACH, mean_states, top_k_categorical_accuracy},
    {"sparse_top_k_categorical_accuracy", FASTNN_LABEL, mean_states, sparse_top_k_categorical_accuracy},
    {"auc", FASTNN_EACH, auc_states, auc},
    {"loss", FASTNN_EACH, mean_states, loss_metric},
    {NULL, FASTNN_EACH, NULL, NULL},
};
