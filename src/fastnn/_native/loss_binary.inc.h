/* Losses of yes or no, column by column: terms for mean_loss. */

/* binary_crossentropy: params = label_smoothing (0), clip (1e-7).  With y = target · (1 - s) + s / 2 and p the
 * prediction cut to [clip, 1 - clip]:  -(y · log p + (1 - y) · log(1 - p));  (p - y) / (p · (1 - p)), 0 where cut */
static inline V binary_crossentropy_term(V prediction, V target, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V one = v_set1(1), zero = v_set1(0);
    const V y = v_fma(target, c[2], c[3]);
    const V p = v_min(c[1], v_max(c[0], prediction)), q = v_sub(one, p);
    const V inner = v_div(v_sub(p, y), v_mul(p, q));
    *slope = v_select(v_lt(prediction, c[0]), zero, v_select(v_lt(c[1], prediction), zero, inner));
    *probability = prediction;
    return v_sub(zero, v_fma(y, v_log(p), v_mul(v_sub(one, y), v_log(q))));
}

static void binary_crossentropy(const fastnn_loss_args *a) {
    const double smoothing = parameter_or(a->params, 0, 0);
    const real low = clip_of(a->params, 1);
    const V constants[] = {v_set1(low), v_set1(1 - low), v_set1((real)(1 - smoothing)), v_set1((real)(smoothing / 2))};
    mean_loss(a, binary_crossentropy_term, constants, MEAN_OF_TERMS);
}

/* sigmoid_binary_crossentropy, of logits z: params = label_smoothing (0); output = p = sigmoid(z).
 * max(z, 0) - z · y + log(1 + e), with e = exp(-|z|);  p - y */
static inline V sigmoid_binary_crossentropy_term(V z, V target, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V one = v_set1(1), zero = v_set1(0);
    const V y = v_fma(target, c[0], c[1]);
    const V e = v_exp(v_sub(zero, v_abs(z)));
    *probability = v_div(v_select(v_lt(z, zero), e, one), v_add(one, e));
    *slope = v_sub(*probability, y);
    return v_add(v_fnma(z, y, v_max(zero, z)), v_log1p(e));
}

static void sigmoid_binary_crossentropy(const fastnn_loss_args *a) {
    const double smoothing = parameter_or(a->params, 0, 0);
    const V constants[] = {v_set1((real)(1 - smoothing)), v_set1((real)(smoothing / 2))};
    mean_loss(a, sigmoid_binary_crossentropy_term, constants, MEAN_OF_TERMS);
}

/* weighted_binary_crossentropy: params = label_smoothing (0), clip (1e-7), w (1), the weight of a yes, which `columns`
 * replaces:  -(w · y · log p + (1 - y) · log(1 - p));  (1 - y) / (1 - p) - w · y / p, 0 where cut */
static inline V weighted_binary_crossentropy_term(V prediction, V target, V w, const V *c, V *slope, V *probability) {
    const V one = v_set1(1), zero = v_set1(0);
    const V y = v_fma(target, c[3], c[4]), no = v_sub(one, y), yes = v_mul(w, y);
    const V p = v_min(c[2], v_max(c[1], prediction)), q = v_sub(one, p);
    const V inner = v_sub(v_div(no, q), v_div(yes, p));
    *slope = v_select(v_lt(prediction, c[1]), zero, v_select(v_lt(c[2], prediction), zero, inner));
    *probability = prediction;
    return v_sub(zero, v_fma(yes, v_log(p), v_mul(no, v_log(q))));
}

static void weighted_binary_crossentropy(const fastnn_loss_args *a) {
    const double smoothing = parameter_or(a->params, 0, 0);
    const real low = clip_of(a->params, 1);
    const V constants[] = {v_set1((real)parameter_or(a->params, 2, 1)), v_set1(low), v_set1(1 - low),
                           v_set1((real)(1 - smoothing)), v_set1((real)(smoothing / 2))};
    mean_loss(a, weighted_binary_crossentropy_term, constants, BY_COLUMN);
}

/* The sigmoid p of z and q = 1 - p, without a difference; returns log(1 + e^-|z|). */
static inline V sigmoid_pair(V z, V *p, V *q) {
    const V one = v_set1(1), zero = v_set1(0), e = v_exp(v_sub(zero, v_abs(z))), sum = v_add(one, e);
    const M negative = v_lt(z, zero);
    *p = v_div(v_select(negative, e, one), sum);
    *q = v_div(v_select(negative, one, e), sum);
    return v_log1p(e);
}

/* sigmoid_weighted_binary_crossentropy, of logits z: params = label_smoothing (0), unused, w (1); output = p = sigmoid(z).
 * (1 - y) · z + (1 - y + w · y) · log(1 + e^-z);  (1 - y) · p - w · y · (1 - p) */
static inline V sigmoid_weighted_binary_crossentropy_term(V z, V target, V w, const V *c, V *slope, V *probability) {
    const V y = v_fma(target, c[1], c[2]), no = v_sub(v_set1(1), y), yes = v_mul(w, y);
    V q;
    const V log_sum = sigmoid_pair(z, probability, &q);
    *slope = v_fnma(yes, q, v_mul(no, *probability));
    return v_fma(no, z, v_mul(v_add(no, yes), v_add(v_max(v_set1(0), v_neg(z)), log_sum)));
}

static void sigmoid_weighted_binary_crossentropy(const fastnn_loss_args *a) {
    const double smoothing = parameter_or(a->params, 0, 0);
    const V constants[] = {v_set1((real)parameter_or(a->params, 2, 1)), v_set1((real)(1 - smoothing)),
                           v_set1((real)(smoothing / 2))};
    mean_loss(a, sigmoid_weighted_binary_crossentropy_term, constants, BY_COLUMN);
}

/* --- focal: terms times a power of how far from right the prediction is ------------------------------------------ */

/* x^(gamma - 1) and x^gamma for 0 <= x. A zero counts as the smallest normal number, which keeps both finite. */
static inline V focal_powers(V x, V gamma, V *below) {
    const V base = v_max(v_set1(REAL_MIN), x);
    *below = v_exp(v_mul(v_sub(gamma, v_set1(1)), v_log(base)));
    return v_mul(*below, base);
}

/* What a focal cross-entropy makes of the cross-entropy's own term and slope, at the sigmoid p: with t = y + p - 2yp,
 * which is 1 - p for a yes and p for a no, and b = balance · y + (1 - balance) · (1 - y):
 *   b · t^gamma · term;   b · (t^gamma · slope + gamma · t^(gamma - 1) · (1 - 2y) · term · dp) */
static inline V focal_term(V y, V p, V q, V dp, V term, const V *c, V *slope) {
    const V one = v_set1(1), no = v_sub(one, y);
    V below;
    const V power = focal_powers(v_fma(y, q, v_mul(no, p)), c[0], &below);
    const V b = v_fma(y, c[1], v_mul(no, c[2]));
    const V outer = v_mul(v_mul(c[0], below), v_mul(v_sub(no, y), v_mul(term, dp)));
    *slope = v_mul(b, v_fma(power, *slope, outer));
    return v_mul(b, v_mul(power, term));
}

/* gamma, and the weights of a yes and of a no: alpha and 1 - alpha, or both one */
static inline void focal_constants(const double *params, V *constants) {
    const double alpha = parameter_or(params, 3, 0);
    constants[0] = v_set1((real)parameter_or(params, 2, 2));
    constants[1] = v_set1((real)(alpha > 0 ? alpha : 1));
    constants[2] = v_set1((real)(alpha > 0 ? 1 - alpha : 1));
}

/* binary_focal_crossentropy: params = label_smoothing (0), clip (1e-7), gamma (2), alpha (0: no class balancing) */
static inline V binary_focal_term(V prediction, V target, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V y = v_fma(target, c[5], c[6]);
    const V term = binary_crossentropy_term(prediction, target, column, c + 3, slope, probability);
    return focal_term(y, prediction, v_sub(v_set1(1), prediction), v_set1(1), term, c, slope);
}

static void binary_focal_crossentropy(const fastnn_loss_args *a) {
    const double smoothing = parameter_or(a->params, 0, 0);
    const real low = clip_of(a->params, 1);
    V constants[7] = {v_set1(0),
                      v_set1(0),
                      v_set1(0),
                      v_set1(low),
                      v_set1(1 - low),
                      v_set1((real)(1 - smoothing)),
                      v_set1((real)(smoothing / 2))};
    focal_constants(a->params, constants);
    mean_loss(a, binary_focal_term, constants, MEAN_OF_TERMS);
}

/* sigmoid_binary_focal_crossentropy, of logits: params = label_smoothing (0), unused, gamma (2), alpha (0);
 * output = sigmoid */
static inline V sigmoid_binary_focal_term(V z, V target, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V y = v_fma(target, c[3], c[4]);
    V p, q;
    const V log_sum = sigmoid_pair(z, &p, &q);
    const V term = v_add(v_fnma(z, y, v_max(v_set1(0), z)), log_sum);
    *probability = p;
    *slope = v_sub(p, y);
    return focal_term(y, p, q, v_mul(p, q), term, c, slope);
}

static void sigmoid_binary_focal_crossentropy(const fastnn_loss_args *a) {
    const double smoothing = parameter_or(a->params, 0, 0);
    V constants[5] = {v_set1(0), v_set1(0), v_set1(0), v_set1((real)(1 - smoothing)), v_set1((real)(smoothing / 2))};
    focal_constants(a->params, constants);
    mean_loss(a, sigmoid_binary_focal_term, constants, MEAN_OF_TERMS);
}
