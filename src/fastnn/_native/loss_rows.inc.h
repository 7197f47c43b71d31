/* Losses of whole rows: distances of distributions and of directions, and a margin between classes. */

/* kl_divergence: params = clip (1e-7). With both cut to [clip, 1]:  Σ y · log(y / p);  -y / p, 0 where cut */
static inline V kl_divergence_term(V prediction, V target, V column, const V *c, V *slope, V *probability) {
    (void)column;
    const V one = v_set1(1), zero = v_set1(0);
    const V p = v_min(one, v_max(c[0], prediction)), y = v_min(one, v_max(c[0], target)), ratio = v_div(y, p);
    *slope = v_select(v_lt(prediction, c[0]), zero, v_select(v_lt(one, prediction), zero, v_neg(ratio)));
    *probability = prediction;
    return v_mul(y, v_log(ratio));
}

static void kl_divergence(const fastnn_loss_args *a) {
    const V constants[] = {v_set1(clip_of(a->params, 0))};
    mean_loss(a, kl_divergence_term, constants, SUM_OF_TERMS);
}

/* cosine_similarity: params = smallest length (1e-7). With u = 1 / max(|p|, smallest) and v the same of y:
 *   L = -u · v · Σ p · y;   dL/dp = -u · v · y - u² · L · p, the last term where |p| is not below */
static void cosine_similarity(const fastnn_loss_args *a) {
    const int64_t n = a->n;
    const V smallest = v_set1(clip_of(a->params, 0)), one = v_set1(1), zero = v_set1(0);
    for (int64_t i = 0; i < a->m; i++) {
        const real *prediction = (const real *)a->prediction + i * a->prediction_row;
        const real *target = (const real *)a->target + i * a->target_row;
        real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
        const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
        V pp = zero, yy = zero, py = zero;
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            const V p = load_first(prediction + j, count), y = load_first(target + j, count);
            pp = v_fma(p, p, pp);
            yy = v_fma(y, y, yy);
            py = v_fma(p, y, py);
        }
        const V length = v_sqrt(v_set1(v_sum(pp)));
        const V u = v_div(one, v_max(smallest, length)), v = v_div(one, v_max(smallest, v_sqrt(v_set1(v_sum(yy)))));
        const V uv = v_mul(u, v), loss = v_neg(v_mul(uv, v_set1(v_sum(py))));
        store_first((real *)a->row_loss + i, v_mul(loss, v_set1(weight)), 1);
        if (!gradient) continue;
        const V factor = v_neg(v_set1((real)a->scale * weight));
        const V by_target = v_mul(factor, uv);
        const V by_itself = v_select(v_lt(length, smallest), zero, v_mul(factor, v_mul(loss, v_mul(u, u))));
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            const V p = load_first(prediction + j, count), y = load_first(target + j, count);
            store_first(gradient + j, v_fma(by_target, y, v_mul(by_itself, p)), count);
        }
    }
}

/* categorical_hinge: no params. With N the largest of (1 - y) · p:  max(N - Σ y · p + 1, 0);  where that is positive,
 * -y, and 1 - y more at the largest, which equals share */
static void categorical_hinge(const fastnn_loss_args *a) {
    const int64_t n = a->n;
    const V one = v_set1(1), zero = v_set1(0), lowest = v_set1(-(real)INFINITY);
    for (int64_t i = 0; i < a->m; i++) {
        const real *prediction = (const real *)a->prediction + i * a->prediction_row;
        const real *target = (const real *)a->target + i * a->target_row;
        real *gradient = a->gradient ? (real *)a->gradient + i * a->gradient_row : NULL;
        const real weight = a->weight ? ((const real *)a->weight)[i] : (real)1;
        V positive = zero, top = lowest;
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            const V p = load_first(prediction + j, count), y = load_first(target + j, count);
            const V negative = v_mul(v_sub(one, y), p);
            positive = v_fma(y, p, positive);
            top = v_max(count == LANES ? negative : v_select(m_first(count), negative, lowest), top);
        }
        const real largest = v_max_lane(top), margin = largest - v_sum(positive) + 1;
        const real loss = margin <= 0 ? 0 : margin; /* NaN stays */
        ((real *)a->row_loss)[i] = loss * weight;
        if (!gradient) continue;
        int equals = 0;
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            const V y = load_first(target + j, count),
                    negative = v_mul(v_sub(one, y), load_first(prediction + j, count));
            equals += m_count(m_and(v_eq(negative, v_set1(largest)), m_first(count)));
        }
        const real scale = margin > 0 ? (real)a->scale * weight : margin <= 0 ? 0 : margin;
        const V factor = v_set1(scale), share = v_set1(scale / (real)(equals ? equals : 1));
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = min64(LANES, n - j);
            const V y = load_first(target + j, count), rest = v_sub(one, y);
            const M hit = v_eq(v_mul(rest, load_first(prediction + j, count)), v_set1(largest));
            store_first(gradient + j, v_fnma(factor, y, v_select(hit, v_mul(share, rest), zero)), count);
        }
    }
}
