/* Statistics of whole columns, and the backward pass of batch normalization.
 *
 * Columns lie in the lanes and rows are added in row order, so a column's result is the same whatever columns are
 * computed beside it. COLUMN_VECTORS neighbouring vectors go down the rows together: whole stretches of a row are read
 * at a time, and that many additions are in flight. */
enum { COLUMN_VECTORS = 4 };

/* mean[j] and variance[j] of columns j of x[m, ..] in `vectors` vectors, the last of `last` lanes.
 *
 * The second pass also sums the deviations d = x - mean: what they leave over corrects the rounding of the first pass
 * in both results. */
static inline __attribute__((always_inline)) void column_moments(int64_t m, int vectors, int64_t last, const real *x,
                                                                 int64_t x_row, real *mean, real *variance) {
    const V rows = v_set1((real)m);
    V sums[COLUMN_VECTORS], centres[COLUMN_VECTORS], squares[COLUMN_VECTORS];
    for (int c = 0; c < vectors; c++) sums[c] = squares[c] = v_set1(0);
    for (int64_t i = 0; i < m; i++)
        for (int c = 0; c < vectors; c++)
            sums[c] = v_add(sums[c], load_first(x + i * x_row + c * LANES, c < vectors - 1 ? LANES : last));
    for (int c = 0; c < vectors; c++) {
        centres[c] = v_div(sums[c], rows);
        sums[c] = v_set1(0);
    }
    for (int64_t i = 0; i < m; i++)
        for (int c = 0; c < vectors; c++) {
            const V d = v_sub(load_first(x + i * x_row + c * LANES, c < vectors - 1 ? LANES : last), centres[c]);
            sums[c] = v_add(sums[c], d);
            squares[c] = v_fma(d, d, squares[c]);
        }
    for (int c = 0; c < vectors; c++) {
        const int64_t count = c < vectors - 1 ? LANES : last;
        const V rest = v_div(sums[c], rows);
        store_first(mean + c * LANES, v_add(centres[c], rest), count);
        /* max(0, ·): the correction may take a variance of rounding errors below zero */
        store_first(variance + c * LANES, v_max(v_set1(0), v_fnma(rest, rest, v_div(squares[c], rows))), count);
    }
}

/* mean[n], variance[n] of x[m,n] */
static void moments(int64_t m, int64_t n, const void *x, int64_t x_row, void *mean, void *variance) {
    const real *from = x;
    real *mu = mean, *var = variance;
    int64_t j = 0;
    for (; j + COLUMN_VECTORS * LANES <= n; j += COLUMN_VECTORS * LANES)
        column_moments(m, COLUMN_VECTORS, LANES, from + j, x_row, mu + j, var + j);
    for (; j + LANES <= n; j += LANES) column_moments(m, 1, LANES, from + j, x_row, mu + j, var + j);
    if (j < n) column_moments(m, 1, n - j, from + j, x_row, mu + j, var + j);
}

/* sum_dy[j] = Σ dy, sum_dy_xhat[j] = inv_std[j] · Σ dy · (x - mean[j]) over the rows; columns as in column_moments */
static inline __attribute__((always_inline)) void column_normalization_sums(int64_t m, int vectors, int64_t last,
                                                                            const real *x, int64_t x_row,
                                                                            const real *dy, int64_t dy_row,
                                                                            const real *mean, const real *inv_std,
                                                                            real *sum_dy, real *sum_dy_xhat) {
    V centres[COLUMN_VECTORS], sums[COLUMN_VECTORS], products[COLUMN_VECTORS];
    for (int c = 0; c < vectors; c++) {
        centres[c] = load_first(mean + c * LANES, c < vectors - 1 ? LANES : last);
        sums[c] = products[c] = v_set1(0);
    }
    for (int64_t i = 0; i < m; i++)
        for (int c = 0; c < vectors; c++) {
            const int64_t count = c < vectors - 1 ? LANES : last;
            const V d = load_first(dy + i * dy_row + c * LANES, count);
            sums[c] = v_add(sums[c], d);
            products[c] = v_fma(d, v_sub(load_first(x + i * x_row + c * LANES, count), centres[c]), products[c]);
        }
    for (int c = 0; c < vectors; c++) {
        const int64_t count = c < vectors - 1 ? LANES : last;
        store_first(sum_dy + c * LANES, sums[c], count);
        store_first(sum_dy_xhat + c * LANES, v_mul(products[c], load_first(inv_std + c * LANES, count)), count);
    }
}

/* x[m,n], dy[m,n] -> sum_dy[n], sum_dy_xhat[n] */
static void normalization_sums(int64_t m, int64_t n, const void *x, int64_t x_row, const void *dy, int64_t dy_row,
                               const void *mean, const void *inv_std, void *sum_dy, void *sum_dy_xhat) {
    const real *from = x, *slope = dy, *mu = mean, *inverse = inv_std;
    real *sums = sum_dy, *products = sum_dy_xhat;
    int64_t j = 0;
    for (; j + COLUMN_VECTORS * LANES <= n; j += COLUMN_VECTORS * LANES)
        column_normalization_sums(m, COLUMN_VECTORS, LANES, from + j, x_row, slope + j, dy_row, mu + j, inverse + j,
                                  sums + j, products + j);
    for (; j < n; j += LANES)
        column_normalization_sums(m, 1, min64(LANES, n - j), from + j, x_row, slope + j, dy_row, mu + j, inverse + j,
                                  sums + j, products + j);
}

/* dx[m,n] = gamma · inv_std · (dy - sum_dy / m_all - xhat · sum_dy_xhat / m_all), xhat = (x - mean) · inv_std */
static void normalization_backward(int64_t m, int64_t n, int64_t m_all, const void *x, int64_t x_row, const void *dy,
                                   int64_t dy_row, const void *mean, const void *inv_std, const void *gamma,
                                   const void *sum_dy, const void *sum_dy_xhat, void *dx, int64_t dx_row) {
    const V rows = v_set1((real)m_all);
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t count = min64(LANES, n - j);
        const V inverse = load_first((const real *)inv_std + j, count);
        const V factor = gamma ? v_mul(load_first((const real *)gamma + j, count), inverse) : inverse;
        const V centre = load_first((const real *)mean + j, count);
        const V shift = v_div(load_first((const real *)sum_dy + j, count), rows);
        const V slope = v_mul(v_div(load_first((const real *)sum_dy_xhat + j, count), rows), inverse);
        const real *from = (const real *)x + j, *from_dy = (const real *)dy + j;
        real *to = (real *)dx + j;
        for (int64_t i = 0; i < m; i++) {
            const V d = v_sub(load_first(from + i * x_row, count), centre);
            const V inner = v_fnma(d, slope, v_sub(load_first(from_dy + i * dy_row, count), shift));
            store_first(to + i * dx_row, v_mul(factor, inner), count);
        }
    }
}
