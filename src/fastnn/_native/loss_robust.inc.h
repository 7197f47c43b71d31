/* Losses over classes that hold easy rows, or wrong targets, for less: focal and generalized cross-entropy. */

/* --- focal, over classes ----------------------------------------------------------------------------------------- */

/* params = label_smoothing (0), clip (1e-7), gamma (2), alpha (0.25), which `columns` replaces */
static inline V focal_alpha(const fastnn_loss_args *a, int64_t j, int64_t count) {
    return a->columns ? load_first((const real *)a->columns + j, count)
                      : v_set1((real)parameter_or(a->params, 3, 0.25));
}

/* The term -w · log p · (1 - p)^gamma of a class with w = alpha · y, and its derivative by p, times p:
 *   *slope <- w · (gamma · (1 - p)^(gamma - 1) · p · log p - (1 - p)^gamma); both 0 where w is 0 */
static inline V class_focal_term(V w, V p, V log_p, V gamma, V *slope) {
    const V zero = v_set1(0);
    const M none = v_eq(w, zero);
    V below;
    const V power = focal_powers(v_sub(v_set1(1), p), gamma, &below);
    const V inner = v_sub(v_mul(v_mul(gamma, below), v_mul(p, log_p)), power);
    *slope = v_select(none, v_mul(w, p), v_mul(w, inner)); /* w · p: zero, but NaN for NaN */
    return v_select(none, v_mul(w, p), v_neg(v_mul(w, v_mul(log_p, power))));
}

/* categorical_focal_crossentropy: with S = Σ x, q = x / S and c = q cut to [clip, 1 - clip],
 *   L = Σ term(c);   dL/dx = (D - Σ D · q) / S, with D = term' where q was not cut and 0 where it was */
static void categorical_focal_crossentropy(const fastnn_loss_args *a) {
    const class_targets t = class_targets_of(a, 0);
    const real clip_at = clip_of(a->params, 1);
    const V low = v_set1(clip_at), high = v_set1(1 - clip_at), zero = v_set1(0);
    const V gamma = v_set1((real)parameter_or(a->params, 2, 2));
    const int64_t n = a->n;
    for (int64_t i = 0; i < a->m; i++) {
        const real *prediction = (const real *)a->prediction + i * a->prediction_row;
        const real *target = (const real *)a->target + i * a->target_row;
        real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
        const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
        V sums = zero;
        for (int64_t j = 0; j < n; j += LANES) sums = v_add(sums, load_first(prediction + j, min64(LANES, n - j)));
        const V sum = v_set1(v_sum(sums));
        V loss = zero, products = zero;
        for (int pass = 0; pass < 1 + (gradient != NULL); pass++) { /* the second needs the first one's products */
            const V product = v_set1(v_sum(products)), factor = v_div(v_set1((real)a->scale * weight), sum);
            for (int64_t j = 0; j < n; j += LANES) {
                const int64_t count = min64(LANES, n - j);
                const V w = v_mul(focal_alpha(a, j, count), classes_at(&t, target, j, count));
                const V q = v_div(load_first(prediction + j, count), sum), c = v_min(high, v_max(low, q));
                V slope;
                const V term = class_focal_term(w, c, v_log(c), gamma, &slope);
                slope = v_select(v_lt(q, low), zero, v_select(v_lt(high, q), zero, slope));
                if (pass) {
                    store_first(gradient + j, v_mul(factor, v_sub(v_div(slope, c), product)), count);
                } else {
                    loss = v_add(loss, first_lanes(term, count));
                    products = v_add(products, first_lanes(slope, count));
                }
            }
        }
        ((real *)a->row_loss)[i] = v_sum(loss) * weight;
    }
}

/* The largest logit of a row, and the logarithm of Σ exp(z - largest) */
static inline real softmax_scale(const real *logits, int64_t n, real *log_sum) {
    const V lowest = v_set1(-(real)INFINITY);
    V top = lowest, sums = v_set1(0);
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V z = load_first(logits + j, count);
        top = v_max(count == LANES ? z : v_select(m_first(count), z, lowest), top);
    }
    const real largest = v_max_lane(top);
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        sums = v_add(sums, first_lanes(v_exp(v_sub(load_first(logits + j, count), v_set1(largest))), count));
    }
    real logarithms[LANES];
    v_store(logarithms, v_log(v_set1(v_sum(sums))));
    *log_sum = logarithms[0];
    return largest;
}

/* softmax_categorical_focal_crossentropy, of logits z; output = p = softmax z:
 *   L = Σ term(p);   dL/dz = D - p · Σ D, with D = p · term' */
static void softmax_categorical_focal_crossentropy(const fastnn_loss_args *a) {
    const class_targets t = class_targets_of(a, 0);
    const V gamma = v_set1((real)parameter_or(a->params, 2, 2)), zero = v_set1(0);
    const int64_t n = a->n;
    for (int64_t i = 0; i < a->m; i++) {
        const real *logits = (const real *)a->prediction + i * a->prediction_row;
        const real *target = (const real *)a->target + i * a->target_row;
        real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
        real *output = a->output ? (real *)a->output + i * a->output_row : NULL;
        const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
        const V factor = v_set1((real)a->scale * weight);
        real log_sum;
        const real top = softmax_scale(logits, n, &log_sum);
        const V largest = v_set1(top), logarithm = v_set1(log_sum);
        V loss = zero, slopes = zero;
        for (int pass = 0; pass < 1 + (gradient != NULL); pass++) {
            const V total = v_set1(v_sum(slopes));
            for (int64_t j = 0; j < n; j += LANES) {
                const int64_t count = min64(LANES, n - j);
                const V w = v_mul(focal_alpha(a, j, count), classes_at(&t, target, j, count));
                const V log_p = v_sub(v_sub(load_first(logits + j, count), largest), logarithm), p = v_exp(log_p);
                V slope;
                const V term = class_focal_term(w, p, log_p, gamma, &slope);
                if (pass) {
                    store_first(gradient + j, v_mul(factor, v_fnma(p, total, slope)), count);
                } else {
                    loss = v_add(loss, first_lanes(term, count));
                    slopes = v_add(slopes, first_lanes(slope, count));
                    if (output) store_first(output + j, p, count);
                }
            }
        }
        ((real *)a->row_loss)[i] = v_sum(loss) * weight;
    }
}

/* --- generalized cross-entropy ----------------------------------------------------------------------------------- */

/* categorical_generalized_cross_entropy: params = q (0.5). Of the prediction p of the target's class:  (1 - p^q) / q;
 * -p^(q - 1), with p no less than 1e-7, by that prediction and 0 by the others. */
static void categorical_generalized_cross_entropy(const fastnn_loss_args *a) {
    const class_targets t = {1, v_set1(1), v_set1(0), (real)NAN};
    const V q = v_set1((real)parameter_or(a->params, 0, 0.5)), one = v_set1(1), zero = v_set1(0);
    const int64_t n = a->n;
    for (int64_t i = 0; i < a->m; i++) {
        const real *prediction = (const real *)a->prediction + i * a->prediction_row;
        const real *target = (const real *)a->target + i * a->target_row;
        real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
        const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
        V products = zero;
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            products = v_add(products, v_mul(load_first(prediction + j, count), classes_at(&t, target, j, count)));
        }
        const V p = v_set1(v_sum(products));
        const V loss = v_div(v_sub(one, v_exp(v_mul(q, v_log(p)))), q);
        store_first((real *)a->row_loss + i, v_mul(loss, v_set1(weight)), 1);
        if (!gradient) continue;
        const V power = v_exp(v_mul(v_sub(q, one), v_log(v_max(v_set1((real)1e-7), p))));
        const V slope = v_mul(v_set1((real)a->scale * weight), v_neg(power));
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            store_first(gradient + j, v_mul(slope, classes_at(&t, target, j, count)), count);
        }
    }
}

/* softmax_categorical_generalized_cross_entropy, of logits z; output = p = softmax z:  (1 - p^q) / q of the target's
 * class c;  p[c]^q · (p - y) */
static void softmax_categorical_generalized_cross_entropy(const fastnn_loss_args *a) {
    const class_targets t = {1, v_set1(1), v_set1(0), (real)NAN};
    const V q = v_set1((real)parameter_or(a->params, 0, 0.5)), one = v_set1(1);
    const int64_t n = a->n;
    for (int64_t i = 0; i < a->m; i++) {
        const real *logits = (const real *)a->prediction + i * a->prediction_row;
        const real *target = (const real *)a->target + i * a->target_row;
        real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
        real *output = a->output ? (real *)a->output + i * a->output_row : NULL;
        const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
        real log_sum;
        const real largest = softmax_scale(logits, n, &log_sum);
        const int64_t label = class_number(target, n);
        const real log_p = label < 0 ? -(real)INFINITY : logits[label] - largest - log_sum;
        const V power = v_exp(v_mul(q, v_set1(log_p)));
        store_first((real *)a->row_loss + i, v_mul(v_div(v_sub(one, power), q), v_set1(weight)), 1);
        const V factor = v_mul(v_set1((real)a->scale * weight), power), shift = v_set1(largest), sum = v_set1(log_sum);
        for (int64_t j = 0; (output || gradient) && j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            const V p = v_exp(v_sub(v_sub(load_first(logits + j, count), shift), sum));
            if (output) store_first(output + j, p, count);
            if (gradient) store_first(gradient + j, v_mul(factor, v_sub(p, classes_at(&t, target, j, count))), count);
        }
    }
}
