/* --- losses over the classes of a row --------------------------------------------------------------------------- */

/* y: the targets of a row's classes; of a class number its one-hot row (all zero for a number outside the classes),
 * otherwise target · (1 - s) + s / n */
typedef struct {
    int sparse;
    V keep, spread; /* 1 - s, s / n */
    real ignored;   /* a class number whose rows count for nothing; NaN, which equals nothing, for none */
} class_targets;

static inline __attribute__((always_inline)) class_targets class_targets_of(const fastnn_loss_args *a, int sparse) {
    const double smoothing = sparse ? 0 : parameter_or(a->params, 0, 0);
    const int ignores = sparse && parameter_or(a->params, 1, 0) != 0;
    const class_targets t = {sparse, v_set1((real)(1 - smoothing)), v_set1((real)(smoothing / (double)a->n)),
                             ignores ? (real)a->params[2] : (real)NAN};
    return t;
}

static const real NO_CLASS = -1;

/* the row's targets; of a class to be ignored, a number that is no class */
static inline const real *targets_of(const fastnn_loss_args *a, const class_targets *t, int64_t i) {
    const real *target = (const real *)a->target + i * a->target_row;
    return t->sparse && *target == t->ignored ? &NO_CLASS : target;
}

/* y of the classes j .. j + count - 1; zero in the lanes beyond */
static inline __attribute__((always_inline)) V classes_at(const class_targets *t, const real *target, int64_t j,
                                                          int64_t count) {
    if (t->sparse) {
        const M hit = v_eq(v_add(v_iota(), v_set1((real)j)), v_set1(*target));
        return first_lanes(v_select(hit, v_set1(1), v_set1(0)), count);
    }
    return first_lanes(v_fma(load_first(target + j, count), t->keep, t->spread), count);
}

/* the class that *target names, or -1 */
static inline int64_t class_number(const real *target, int64_t n) {
    return *target >= 0 && *target < (real)n && (real)(int64_t)*target == *target ? (int64_t)*target : -1;
}

/* What a row contributes to its loss, kept for LANES rows at a time so that one vector takes all their logarithms. */
typedef struct {
    real sum[LANES], targets[LANES], product[LANES];
} class_rows;

/* Σ y and Σ y · (z - largest) of a row with the class c, without a sum */
static inline void set_class_row(class_rows *rows, int64_t r, const real *logits, real largest, int64_t c) {
    rows->targets[r] = c < 0 ? (real)0 : (real)1;
    rows->product[r] = c < 0 ? (real)0 : logits[c] - largest;
}

/* A row of softmax cross-entropy, of logits z: with m = max z, e = exp(z - m), S = Σ e and Y = Σ y,
 *   L = Y · log S - Σ y · (z - m);   dL/dz = p · Y - y, with p = e / S
 * Y is 1 for honest targets. Terms with y = 0 count as zero, so a logit of -inf may be used to rule a class out. */
static inline __attribute__((always_inline)) void softmax_row(const fastnn_loss_args *a, const class_targets *t,
                                                              int64_t i, class_rows *rows, int64_t r) {
    const int64_t n = a->n;
    const real *logits = (const real *)a->prediction + i * a->prediction_row;
    const real *target = targets_of(a, t, i);
    real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
    real *output = a->output ? (real *)a->output + i * a->output_row : NULL;
    const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
    const V factor = v_set1((real)a->scale * weight), zero = v_set1(0), lowest = v_set1(-(real)INFINITY);

    if (n <= LANES) { /* the whole row stays in registers */
        const V z = v_select(m_first(n), load_first(logits, n), lowest), y = classes_at(t, target, 0, n);
        const real largest = v_max_lane(z);
        const V shifted = v_sub(z, v_set1(largest)), e = v_exp(shifted);
        rows->sum[r] = v_sum(e);
        if (t->sparse) {
            set_class_row(rows, r, logits, largest, class_number(target, n));
        } else {
            rows->targets[r] = v_sum(y);
            rows->product[r] = v_sum(v_select(v_eq(y, zero), zero, v_mul(y, shifted)));
        }
        const V p = v_div(e, v_set1(rows->sum[r])), total = v_set1(rows->targets[r]);
        if (output) store_first(output, p, n);
        if (gradient) store_first(gradient, v_mul(factor, v_sub(v_mul(p, total), y)), n);
        return;
    }

    V top = lowest;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V z = load_first(logits + j, count);
        top = v_max(count == LANES ? z : v_select(m_first(count), z, lowest), top);
    }
    const real top_logit = v_max_lane(top);
    const V largest = v_set1(top_logit);
    if (t->sparse) set_class_row(rows, r, logits, top_logit, class_number(target, n));
    /* e waits here for S: on the stack where it fits, because what a partial store wrote is slow to read back */
    real local[NARROW];
    real *kept = n <= NARROW ? local : output ? output : gradient;
    V sums = zero, targets = zero, products = zero;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V shifted = v_sub(load_first(logits + j, count), largest), e = first_lanes(v_exp(shifted), count);
        sums = v_add(sums, e);
        if (!t->sparse) {
            const V y = classes_at(t, target, j, count);
            targets = v_add(targets, y);
            products = v_add(products, v_select(v_eq(y, zero), zero, v_mul(y, shifted)));
        }
        if (kept == local)
            v_store(local + j, e);
        else if (kept)
            store_first(kept + j, e, count);
    }
    rows->sum[r] = v_sum(sums);
    if (!t->sparse) {
        rows->targets[r] = v_sum(targets);
        rows->product[r] = v_sum(products);
    }
    const V sum = v_set1(rows->sum[r]), total = v_set1(rows->targets[r]);
    for (int64_t j = 0; (output || gradient) && j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V e = kept == local ? v_load(local + j) : load_first(kept + j, count);
        const V p = v_div(e, sum), y = classes_at(t, target, j, count);
        if (output) store_first(output + j, p, count);
        if (gradient) store_first(gradient + j, v_mul(factor, v_sub(v_mul(p, total), y)), count);
    }
}

/* A row of cross-entropy from probabilities: with S = Σ x, q = x / S, and c = q cut to [clip, 1 - clip],
 *   L = -Σ y · log c;   dL/dx = (Σ y' - y' / c) / S, with y' = y where q was not cut and 0 where it was */
static inline __attribute__((always_inline)) void probability_row(const fastnn_loss_args *a, const class_targets *t,
                                                                  V low, V high, int64_t i, class_rows *rows,
                                                                  int64_t r) {
    const int64_t n = a->n;
    const real *prediction = (const real *)a->prediction + i * a->prediction_row;
    const real *target = (const real *)a->target + i * a->target_row;
    real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
    const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
    const V zero = v_set1(0);

    V sums = zero;
    for (int64_t j = 0; j < n; j += LANES) sums = v_add(sums, load_first(prediction + j, min64(LANES, n - j)));
    const V sum = v_set1(v_sum(sums));
    V products = zero, inner_targets = zero;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V q = v_div(load_first(prediction + j, count), sum), y = classes_at(t, target, j, count);
        const V c = v_min(high, v_max(low, q));
        products = v_add(products, first_lanes(v_mul(y, v_log(c)), count));
        inner_targets = v_add(inner_targets, v_select(v_lt(q, low), zero, v_select(v_lt(high, q), zero, y)));
    }
    rows->sum[r] = v_sum(products);
    if (!gradient) return;
    const V total = v_set1(v_sum(inner_targets)), factor = v_div(v_set1((real)a->scale * weight), sum);
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V q = v_div(load_first(prediction + j, count), sum), y = classes_at(t, target, j, count);
        const V slope = v_select(v_lt(q, low), zero, v_select(v_lt(high, q), zero, v_div(y, q)));
        store_first(gradient + j, v_mul(factor, v_sub(total, slope)), count);
    }
}

/* The same of a class number: one column has a target, and the others share one slope. */
static inline __attribute__((always_inline)) void sparse_probability_row(const fastnn_loss_args *a,
                                                                         const class_targets *t, real low, real high,
                                                                         int64_t i, class_rows *rows, int64_t r) {
    const int64_t n = a->n;
    const real *prediction = (const real *)a->prediction + i * a->prediction_row;
    const real target = ((const real *)a->target)[i * a->target_row];
    real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
    const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
    const int ignored = target == t->ignored;
    const int64_t label = !ignored && target >= 0 && target < (real)n ? (int64_t)target : -1;

    V sums = v_set1(0);
    for (int64_t j = 0; j < n; j += LANES) sums = v_add(sums, load_first(prediction + j, min64(LANES, n - j)));
    const real sum = v_sum(sums), q = label < 0 ? 0 : prediction[label] / sum;
    rows->sum[r] = label < 0 ? (real)ignored : q < low ? low : q > high ? high : q; /* its logarithm is the loss */
    if (!gradient) return;
    const real inner = label < 0 || q < low || q > high ? 0 : 1, factor = (real)a->scale * weight / sum;
    for (int64_t j = 0; j < n; j += LANES) store_first(gradient + j, v_set1(factor * inner), min64(LANES, n - j));
    if (label >= 0) gradient[label] = factor * (inner - (inner != 0 ? inner / q : 0));
}

/* Rows of either kind, LANES at a time. */
static inline __attribute__((always_inline)) void class_loss(const fastnn_loss_args *a, int sparse, int from_logits) {
    const class_targets t = class_targets_of(a, sparse);
    const real clip_at = clip_of(a->params, sparse ? 0 : 1);
    const V low = v_set1(clip_at), high = v_set1(1 - clip_at), zero = v_set1(0);
    class_rows rows = {0};
    for (int64_t i = 0; i < a->m; i += LANES) {
        const int64_t count = min64(LANES, a->m - i);
        for (int64_t r = 0; r < count; r++) {
            if (from_logits)
                softmax_row(a, &t, i + r, &rows, r);
            else if (sparse)
                sparse_probability_row(a, &t, clip_at, 1 - clip_at, i + r, &rows, r);
            else
                probability_row(a, &t, low, high, i + r, &rows, r);
        }
        V loss;
        if (from_logits)
            loss = v_sub(v_mul(v_load(rows.targets), v_log(v_load(rows.sum))), v_load(rows.product));
        else
            loss = v_sub(zero, sparse ? v_log(v_load(rows.sum)) : v_load(rows.sum));
        if (a->weight) loss = v_mul(loss, load_first((const real *)a->weight + i, count));
        store_first((real *)a->row_loss + i, loss, count);
    }
}

/* categorical_crossentropy: params = label_smoothing (0), clip (1e-7) */
static void categorical_crossentropy(const fastnn_loss_args *a) { class_loss(a, 0, 0); }

/* sparse_categorical_crossentropy: params = clip (1e-7), whether a class is ignored (0), which one */
static void sparse_categorical_crossentropy(const fastnn_loss_args *a) { class_loss(a, 1, 0); }

/* softmax_categorical_crossentropy, of logits: params = label_smoothing (0); output = softmax */
static void softmax_categorical_crossentropy(const fastnn_loss_args *a) { class_loss(a, 0, 1); }

/* softmax_sparse_categorical_crossentropy, of logits: params = unused, whether a class is ignored (0), which one;
 * output = softmax */
static void softmax_sparse_categorical_crossentropy(const fastnn_loss_args *a) { class_loss(a, 1, 1); }
