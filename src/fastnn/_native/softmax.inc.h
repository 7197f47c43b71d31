/* Softmax and log-softmax of the rows of a matrix, and their gradients.
 *
 * All take any row stride and work in place. A row that fits one vector stays in it: it is read once and written once,
 * its sums and maxima are taken across the lanes. The lanes beyond the row hold -infinity, so that they count as 0. */

/* x[i .. i + LANES) of a row of n, with `beyond` in the lanes past its end */
static inline __attribute__((always_inline)) V load_row(const real *x, int64_t i, int64_t n, real beyond) {
    if (i + LANES <= n) return v_load(x + i);
    return v_select(m_first(n - i), v_load_n(x + i, n - i), v_set1(beyond));
}

static inline __attribute__((always_inline)) void store_row(real *y, V value, int64_t i, int64_t n) {
    if (i + LANES <= n)
        v_store(y + i, value);
    else
        v_store_n(y + i, value, n - i);
}

/* max_j x[j], in every lane */
static inline V row_max(const real *x, int64_t n) {
    V largest = v_set1(-INFINITY);
    for (int64_t i = 0; i < n; i += LANES) largest = v_max(largest, load_row(x, i, n, -INFINITY));
    return v_set1(v_max_lane(largest));
}

/* y[j] = e^(x[j] - max) / Σ e^(x - max) */
static void softmax(int64_t m, int64_t n, const void *x_in, int64_t x_row, void *y_out, int64_t y_row) {
    const real *x = x_in;
    real *y = y_out;
    for (int64_t row = 0; row < m; row++, x += x_row, y += y_row) {
        V largest = row_max(x, n);
        if (n <= LANES) {
            V e = v_exp(v_sub(load_row(x, 0, n, -INFINITY), largest));
            store_row(y, v_mul(e, v_set1(1 / v_sum(e))), 0, n);
            continue;
        }
        V sum = v_set1(0);
        for (int64_t i = 0; i < n; i += LANES) {
            V e = v_exp(v_sub(load_row(x, i, n, -INFINITY), largest));
            sum = v_add(sum, e);
            store_row(y, e, i, n);
        }
        V inverse = v_set1(1 / v_sum(sum));
        for (int64_t i = 0; i < n; i += LANES) store_row(y, v_mul(load_row(y, i, n, 0), inverse), i, n);
    }
}

/* y[j] = x[j] - max - log(Σ e^(x - max)) */
static void log_softmax(int64_t m, int64_t n, const void *x_in, int64_t x_row, void *y_out, int64_t y_row) {
    const real *x = x_in;
    real *y = y_out;
    for (int64_t row = 0; row < m; row++, x += x_row, y += y_row) {
        V largest = row_max(x, n), sum = v_set1(0);
        for (int64_t i = 0; i < n; i += LANES) sum = v_add(sum, v_exp(v_sub(load_row(x, i, n, -INFINITY), largest)));
        V log_of_sum = v_log(v_set1(v_sum(sum)));
        for (int64_t i = 0; i < n; i += LANES)
            store_row(y, v_sub(v_sub(load_row(x, i, n, 0), largest), log_of_sum), i, n);
    }
}

/* dx[j] = y[j] · (dy[j] - Σ dy · y) */
static void softmax_backward(int64_t m, int64_t n, const void *y_in, int64_t y_row, const void *dy_in, int64_t dy_row,
                             void *dx_out, int64_t dx_row) {
    const real *y = y_in, *dy = dy_in;
    real *dx = dx_out;
    for (int64_t row = 0; row < m; row++, y += y_row, dy += dy_row, dx += dx_row) {
        V sum = v_set1(0);
        for (int64_t i = 0; i < n; i += LANES) sum = v_fma(load_row(dy, i, n, 0), load_row(y, i, n, 0), sum);
        sum = v_set1(v_sum(sum));
        for (int64_t i = 0; i < n; i += LANES)
            store_row(dx, v_mul(load_row(y, i, n, 0), v_sub(load_row(dy, i, n, 0), sum)), i, n);
    }
}

/* dx[j] = dy[j] - e^y[j] · Σ dy */
static void log_softmax_backward(int64_t m, int64_t n, const void *y_in, int64_t y_row, const void *dy_in,
                                 int64_t dy_row, void *dx_out, int64_t dx_row) {
    const real *y = y_in, *dy = dy_in;
    real *dx = dx_out;
    for (int64_t row = 0; row < m; row++, y += y_row, dy += dy_row, dx += dx_row) {
        V sum = v_set1(0);
        for (int64_t i = 0; i < n; i += LANES) sum = v_add(sum, load_row(dy, i, n, 0));
        sum = v_set1(v_sum(sum));
        for (int64_t i = 0; i < n; i += LANES)
            store_row(dx, v_fnma(v_exp(load_row(y, i, n, 0)), sum, load_row(dy, i, n, 0)), i, n);
    }
}
