/* Losses of the errors of numbers: terms for mean_loss. */

/* mean_squared_error: no params.  d²;  2 · d, with d = prediction - target */
static inline V squared_error_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)c, (void)column;
    const V d = v_sub(p, y);
    *slope = v_add(d, d);
    *probability = p;
    return v_mul(d, d);
}

static void mean_squared_error(const fastnn_loss_args *a) { mean_loss(a, squared_error_term, NULL, MEAN_OF_TERMS); }

/* The slope of |d|: sign(d), 0 at 0 and NaN at NaN */
static inline V sign_of(V d) {
    const V zero = v_set1(0);
    return v_select(v_lt(zero, d), v_set1(1), v_select(v_lt(d, zero), v_set1(-1), d));
}

/* mean_absolute_error: no params.  |d|;  sign(d), 0 at 0 and NaN at NaN */
static inline V absolute_error_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)c, (void)column;
    const V d = v_sub(p, y);
    *slope = sign_of(d);
    *probability = p;
    return v_abs(d);
}

static void mean_absolute_error(const fastnn_loss_args *a) { mean_loss(a, absolute_error_term, NULL, MEAN_OF_TERMS); }

/* huber: params = delta (1).  d² / 2 where |d| <= delta, else delta · |d| - delta² / 2;  d cut to [-delta, delta] */
static inline V huber_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V d = v_sub(p, y), delta = c[0];
    *slope = v_min(delta, v_max(c[1], d));
    *probability = p;
    return v_mul(*slope, v_fnma(c[2], *slope, d));
}

static void huber(const fastnn_loss_args *a) {
    const real delta = (real)parameter_or(a->params, 0, 1);
    const V constants[] = {v_set1(delta), v_set1(-delta), v_set1((real)0.5)};
    mean_loss(a, huber_term, constants, MEAN_OF_TERMS);
}

/* mean_absolute_percentage_error: params = smallest (1e-7).  With s = 100 / max(|y|, smallest):  s · |d|;  s · sign(d) */
static inline V percentage_error_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V d = v_sub(p, y), s = v_div(v_set1(100), v_max(c[0], v_abs(y)));
    *slope = v_mul(s, sign_of(d));
    *probability = p;
    return v_mul(s, v_abs(d));
}

static void mean_absolute_percentage_error(const fastnn_loss_args *a) {
    const V constants[] = {v_set1(clip_of(a->params, 0))};
    mean_loss(a, percentage_error_term, constants, MEAN_OF_TERMS);
}

/* mean_squared_logarithmic_error: params = smallest (1e-7).  With P = max(p, smallest), Y = max(y, smallest) and
 * l = log(1 + P) - log(1 + Y):  l²;  2 · l / (1 + P), 0 where p is below */
static inline V squared_logarithmic_error_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V bounded = v_max(c[0], p), l = v_sub(v_log1p(bounded), v_log1p(v_max(c[0], y)));
    *slope = v_select(v_lt(p, c[0]), v_set1(0), v_div(v_add(l, l), v_add(v_set1(1), bounded)));
    *probability = p;
    return v_mul(l, l);
}

static void mean_squared_logarithmic_error(const fastnn_loss_args *a) {
    const V constants[] = {v_set1(clip_of(a->params, 0))};
    mean_loss(a, squared_logarithmic_error_term, constants, MEAN_OF_TERMS);
}

/* log_cosh: no params.  log(cosh d) = |d| + log(1 + e^(-2|d|)) - log 2;  tanh d */
static inline V log_cosh_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)c, (void)column;
    const V d = v_sub(p, y), size = v_abs(d), e = v_exp(v_mul(v_set1(-2), size));
    *slope = v_tanh(d);
    *probability = p;
    return v_add(v_sub(size, v_set1((real)0.6931471805599453094)), v_log1p(e));
}

static void log_cosh(const fastnn_loss_args *a) { mean_loss(a, log_cosh_term, NULL, MEAN_OF_TERMS); }

/* pinball: params = q (0.5), which `columns` replaces; one target may serve several columns.  With e = y - p:
 * max(q · e, (q - 1) · e);  -q where e > 0, 1 - q where e < 0, 0 at 0 */
static inline V pinball_term(V p, V y, V q, const V *c, V *slope, V *probability) {
    (void)c;
    const V e = v_sub(y, p), zero = v_set1(0), rest = v_sub(q, v_set1(1));
    *slope = v_select(v_lt(zero, e), v_neg(q), v_select(v_lt(e, zero), v_neg(rest), e));
    *probability = p;
    return v_mul(v_select(v_lt(zero, e), q, rest), e);
}

static void pinball(const fastnn_loss_args *a) {
    const V constants[] = {v_set1((real)parameter_or(a->params, 0, 0.5))};
    mean_loss(a, pinball_term, constants, BY_COLUMN);
}

static void shared_pinball(const fastnn_loss_args *a) {
    const V constants[] = {v_set1((real)parameter_or(a->params, 0, 0.5))};
    mean_loss(a, pinball_term, constants, BY_COLUMN | SHARED_TARGET);
}

/* poisson: params = smallest (1e-7).  p - y · log(p + smallest);  1 - y / (p + smallest) */
static inline V poisson_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V shifted = v_add(p, c[0]);
    *slope = v_sub(v_set1(1), v_div(y, shifted));
    *probability = p;
    return v_fnma(y, v_log(shifted), p);
}

static void poisson(const fastnn_loss_args *a) {
    const V constants[] = {v_set1(clip_of(a->params, 0))};
    mean_loss(a, poisson_term, constants, MEAN_OF_TERMS);
}

/* hinge: no params.  max(1 - y · p, 0);  -y where that is positive, else 0. A target of 0 counts as -1. */
static inline V hinge_margin(V p, V *y) {
    *y = v_select(v_eq(*y, v_set1(0)), v_set1(-1), *y);
    return v_fnma(*y, p, v_set1(1));
}

static inline V hinge_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)c, (void)column;
    const V margin = hinge_margin(p, &y), zero = v_set1(0);
    *slope = v_select(v_lt(zero, margin), v_neg(y), v_select(v_le(margin, zero), zero, margin));
    *probability = p;
    return v_max(zero, margin);
}

static void hinge(const fastnn_loss_args *a) { mean_loss(a, hinge_term, NULL, MEAN_OF_TERMS); }

/* squared_hinge: no params.  max(1 - y · p, 0)²;  -2 · y · max(1 - y · p, 0) */
static inline V squared_hinge_term(V p, V y, V column, const V *c, V *slope, V *probability) {
    (void)c, (void)column;
    const V cut = v_max(v_set1(0), hinge_margin(p, &y));
    *slope = v_mul(v_mul(v_set1(-2), y), cut);
    *probability = p;
    return v_mul(cut, cut);
}

static void squared_hinge(const fastnn_loss_args *a) { mean_loss(a, squared_hinge_term, NULL, MEAN_OF_TERMS); }

/* gaussian_negative_log_likelihood: no params. Of n predictions, n / 2 are means µ and as many, after them, logarithms s
 * of variances; each mean has one target.  With d = µ - y, mean over the targets of (s + d² · e^-s + log 2π) / 2;
 * d · e^-s by µ, (1 - d² · e^-s) / 2 by s */
static void gaussian_negative_log_likelihood(const fastnn_loss_args *a) {
    const int64_t n = a->n / 2;
    const V half = v_set1((real)0.5), one = v_set1(1), log_2pi = v_set1((real)1.8378770664093454836);
    for (int64_t i = 0; i < a->m; i++) {
        const real *mean = (const real *)a->prediction + i * a->prediction_row, *log_variance = mean + n;
        const real *target = (const real *)a->target + i * a->target_row;
        real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
        const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
        const V factor = v_set1((real)(a->scale / (double)n) * weight);
        V sum = v_set1(0);
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            const V d = v_sub(load_first(mean + j, count), load_first(target + j, count));
            const V s = load_first(log_variance + j, count), precision = v_exp(v_neg(s));
            const V slope = v_mul(d, precision), square = v_mul(d, slope);
            sum = v_add(sum, first_lanes(v_mul(half, v_add(v_add(s, log_2pi), square)), count));
            if (!gradient) continue;
            store_first(gradient + j, v_mul(factor, slope), count);
            store_first(gradient + n + j, v_mul(factor, v_mul(half, v_sub(one, square))), count);
        }
        ((real *)a->row_loss)[i] = v_sum(sum) / (real)n * weight;
    }
}
