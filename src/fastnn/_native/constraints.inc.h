/* Constraints: weights brought back into bounds after an update.
 *
 * A norm is moved towards [low, high]: w · (rate · clip(norm, low, high) + (1 - rate) · norm) / (1e-7 + norm), as Keras
 * has it; the small number keeps a zero vector where it is. */

static inline V constrained_scale(V squares, double low, double high, double rate) {
    const V norm = v_sqrt(squares);
    const V wanted = v_min(v_max(norm, v_set1((real)low)), v_set1((real)high));
    const V moved = v_fma(v_set1((real)rate), wanted, v_mul(v_set1((real)(1 - rate)), norm));
    return v_div(moved, v_add(v_set1((real)1e-7), norm));
}

/* the norm of each column of w[m,n] */
static void constrain_columns(int64_t m, int64_t n, void *w_, double low, double high, double rate) {
    real *w = w_;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t cols = min64(LANES, n - j);
        V squares = v_set1(0);
        for (int64_t i = 0; i < m; ++i) {
            const V x = v_load_n(w + i * n + j, cols);
            squares = v_fma(x, x, squares);
        }
        const V scale = constrained_scale(squares, low, high, rate);
        for (int64_t i = 0; i < m; ++i) v_store_n(w + i * n + j, v_mul(v_load_n(w + i * n + j, cols), scale), cols);
    }
}

/* the norm of each row of w[m,n] */
static void constrain_rows(int64_t m, int64_t n, void *w_, double low, double high, double rate) {
    real *w = w_;
    for (int64_t i = 0; i < m; ++i, w += n) {
        V squares = v_set1(0);
        for (int64_t j = 0; j < n; j += LANES) {
            const V x = v_load_n(w + j, min64(LANES, n - j));
            squares = v_fma(x, x, squares);
        }
        const V scale = constrained_scale(v_set1(v_sum(squares)), low, high, rate);
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t cols = min64(LANES, n - j);
            v_store_n(w + j, v_mul(v_load_n(w + j, cols), scale), cols);
        }
    }
}

/* w = max(w, 0) */
static void constrain_positive(int64_t n, void *w_) {
    real *w = w_;
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        v_store_n(w + j, v_max(v_set1(0), v_load_n(w + j, count)), count);
    }
}
